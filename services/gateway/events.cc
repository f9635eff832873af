#include "services/gateway/events.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "common/json/codec.h"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"
#include "services/gateway/call_fields.h"
#include "services/gateway/grpc_web.h"
#include "services/gateway/http_error.h"
#include "services/gateway/rest_request.h"

namespace linjuli {
namespace {

using changes::v1::Change;
using changes::v1::FollowChangesRequest;
using changes::v1::FollowChangesResponse;
using changes::v1::ListChangesRequest;
using changes::v1::ListChangesResponse;
using changes::v1::ListFeedRequest;
using changes::v1::ListHistoryRequest;
using changes::v1::ListHistoryResponse;
using google::protobuf::Message;

constexpr int kPage = 50;
// Told to browsers, which come again by themselves.
constexpr char kOpening[] = "retry: 2000\n\n";
constexpr char kBeat[] = ":\n\n";

absl::Status Expired() {
  return Refuse(
      absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED",
      "the log was restored since this place was given; begin anew, without Last-Event-ID "
      "or epoch, and read everything again");
}

void AppendChange(absl::string_view id, const Change& change, std::string& out) {
  absl::StrAppend(&out, "id: ", id, "\nevent: change\ndata: ");
  PrintJson(change, out);
  out += "\n\n";
}

}  // namespace

// What a stream asks for next, where it stands, and how it is told: as events, where nothing else
// is said. Used by one thread at a time.
class LiveTail {
 public:
  virtual ~LiveTail() = default;
  virtual std::unique_ptr<Message> Ask() const = 0;
  // The answer's changes as they are told; empty where there are none.
  virtual absl::StatusOr<std::string> Take(const Message& answer) = 0;

  // The answer before told nothing, but moved the place: there may be more at once.
  virtual bool Moved() const { return false; }

  virtual const char* media_type() const { return "text/event-stream"; }
  virtual std::string Opening() const { return kOpening; }
  // That the stream lives.
  virtual std::string Beat() const { return kBeat; }
  // `expired`: what was told before is of no use any more.
  virtual std::string End(const absl::Status& status, bool expired) const {
    return absl::StrCat(expired ? "id:\n" : "",
                        "event: end\ndata: ", ErrorBody(status, HttpCodeOf(status.code())), "\n\n");
  }
  // The answer where there is no stream.
  virtual HttpResponse Refusal(const absl::Status& status) const { return ErrorResponse(status); }
};

namespace {

// Sets the place of the event that a client saw last, "EPOCH.SEQUENCE".
template <typename Q>
absl::Status GoOnAfter(absl::optional<absl::string_view> last_id, Q& request) {
  if (!last_id.has_value() || last_id->empty()) return absl::OkStatus();
  std::size_t dot = last_id->rfind('.');
  std::int64_t sequence = 0;
  if (dot == absl::string_view::npos || dot == 0 ||
      !absl::SimpleAtoi(last_id->substr(dot + 1), &sequence) || sequence < 1) {
    return Wrong("HEADER", "Last-Event-ID must be the id of an event of this stream",
                 "Last-Event-ID");
  }
  request.set_epoch(std::string(last_id->substr(0, dot)));
  request.set_after_sequence(sequence);
  return absl::OkStatus();
}

// A place is "EPOCH.SEQUENCE".
class ChangesTail : public LiveTail {
 public:
  static absl::StatusOr<std::unique_ptr<LiveTail>> From(const ListChangesRequest& request,
                                                        absl::optional<absl::string_view> last_id) {
    auto tail = std::make_unique<ChangesTail>();
    tail->request_ = request;
    LJ_RETURN_IF_ERROR(GoOnAfter(last_id, tail->request_));
    tail->request_.set_page_size(kPage);
    tail->Prove();
    return tail;
  }

  std::unique_ptr<Message> Ask() const override {
    auto request = std::make_unique<ListChangesRequest>(request_);
    // First with the change before: a log that does not reach to it was restored.
    if (!proven_) request->set_after_sequence(request_.after_sequence() - 1);
    return request;
  }

  absl::StatusOr<std::string> Take(const Message& answer) override {
    const auto& page = dynamic_cast<const ListChangesResponse&>(answer);
    if (!proven_ && page.changes().empty()) return Expired();
    std::string told = Tell(page);
    proven_ = true;
    request_.set_epoch(page.epoch());
    if (!page.changes().empty()) request_.set_after_sequence(page.changes().rbegin()->sequence());
    return told;
  }

 protected:
  // The beginning is in every log.
  void Prove() { proven_ = request_.after_sequence() == 0; }
  // Those of the page that are behind the place.
  virtual std::string Tell(const ListChangesResponse& page) const {
    std::string events;
    for (const Change& change : page.changes()) {
      if (change.sequence() <= request_.after_sequence()) continue;
      AppendChange(absl::StrCat(page.epoch(), ".", change.sequence()), change, events);
    }
    return events;
  }

  ListChangesRequest request_;

 private:
  bool proven_ = false;
};

// The same log, as FollowChanges tells it over gRPC-Web.
class FollowTail : public ChangesTail {
 public:
  FollowTail(const FollowChangesRequest& request, bool text) : text_(text) {
    request_.set_service(request.service());
    request_.set_epoch(request.epoch());
    request_.set_after_sequence(request.after_sequence());
    request_.set_page_size(kPage);
    Prove();
  }

  const char* media_type() const override { return GrpcWebMediaType(text_); }
  std::string Opening() const override { return ""; }
  std::string Beat() const override {
    FollowChangesResponse response;
    response.set_epoch(request_.epoch());
    return GrpcWebMessage(response.SerializeAsString(), text_);
  }
  std::string End(const absl::Status& status, bool) const override {
    return GrpcWebTrailers(status, text_);
  }
  HttpResponse Refusal(const absl::Status& status) const override {
    return GrpcWebError(status, text_);
  }

 protected:
  std::string Tell(const ListChangesResponse& page) const override {
    FollowChangesResponse response;
    response.set_epoch(page.epoch());
    for (const Change& change : page.changes()) {
      if (change.sequence() > request_.after_sequence()) *response.add_changes() = change;
    }
    if (response.changes().empty()) return "";
    return GrpcWebMessage(response.SerializeAsString(), text_);
  }

 private:
  const bool text_;
};

// A place is a page token. One change at a time, so that each has its own.
class HistoryTail : public LiveTail {
 public:
  HistoryTail(const ListHistoryRequest& request, absl::optional<absl::string_view> last_id)
      : request_(request) {
    if (last_id.has_value()) request_.set_page_token(std::string(*last_id));
    request_.set_page_size(1);
    request_.set_tail(true);
  }

  std::unique_ptr<Message> Ask() const override {
    return std::make_unique<ListHistoryRequest>(request_);
  }

  absl::StatusOr<std::string> Take(const Message& answer) override {
    const auto& page = dynamic_cast<const ListHistoryResponse&>(answer);
    std::string events;
    request_.set_page_token(page.next_page_token());
    for (const Change& change : page.changes()) {
      AppendChange(page.next_page_token(), change, events);
    }
    return events;
  }

 private:
  ListHistoryRequest request_;
};

// One collection's changes. What lies between may be nobody's to see, so the place moves by what
// was looked at, and a restored log is known by its epoch.
class FeedTail : public LiveTail {
 public:
  static absl::StatusOr<std::unique_ptr<LiveTail>> From(const ListFeedRequest& request,
                                                        absl::optional<absl::string_view> last_id) {
    auto tail = std::make_unique<FeedTail>();
    tail->request_ = request;
    LJ_RETURN_IF_ERROR(GoOnAfter(last_id, tail->request_));
    tail->request_.set_page_size(kPage);
    return tail;
  }

  std::unique_ptr<Message> Ask() const override {
    return std::make_unique<ListFeedRequest>(request_);
  }

  absl::StatusOr<std::string> Take(const Message& answer) override {
    const auto& page = dynamic_cast<const ListChangesResponse&>(answer);
    std::string events;
    for (const Change& change : page.changes()) {
      AppendChange(absl::StrCat(page.epoch(), ".", change.sequence()), change, events);
    }
    moved_ = page.next_sequence() > request_.after_sequence();
    request_.set_epoch(page.epoch());
    request_.set_after_sequence(page.next_sequence());
    return events;
  }

  bool Moved() const override { return moved_; }

 private:
  ListFeedRequest request_;
  bool moved_ = false;
};

absl::StatusOr<std::unique_ptr<LiveTail>> TailOf(const Message& request,
                                                 absl::optional<absl::string_view> last_id) {
  if (const auto* changes = dynamic_cast<const ListChangesRequest*>(&request)) {
    return ChangesTail::From(*changes, last_id);
  }
  if (const auto* feed = dynamic_cast<const ListFeedRequest*>(&request)) {
    return FeedTail::From(*feed, last_id);
  }
  if (const auto* history = dynamic_cast<const ListHistoryRequest*>(&request)) {
    return std::make_unique<HistoryTail>(*history, last_id);
  }
  return Wrong("HEADER", "this is no stream; ask without Accept: text/event-stream", "Accept");
}

constexpr char kFollowPath[] = "/linjuli.changes.v1.Changes/FollowChanges";

bool Follows(const HttpRequest& request) {
  return request.verb == Verb::kPost && request.path == kFollowPath &&
         GrpcWebIsText(request).has_value();
}

// One of some, as long as it lives.
class Slot {
 public:
  explicit Slot(std::shared_ptr<std::atomic<int>> taken) : taken_(std::move(taken)) {
    taken_->fetch_add(1);
  }
  ~Slot() { taken_->fetch_sub(1); }
  Slot(const Slot&) = delete;

 private:
  const std::shared_ptr<std::atomic<int>> taken_;
};

}  // namespace

// A stream as its calls, its waker and the connection share it. But for Wake and Leave, everything
// happens on the connection's thread, one step after the other.
class EventDoor::Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(EventDoor* door, std::unique_ptr<Slot> slot, std::unique_ptr<LiveTail> tail, Call call)
      : door_(door),
        slot_(std::move(slot)),
        tail_(std::move(tail)),
        method_(call.method),
        token_(std::move(call.token)),
        trace_(std::move(call.trace)) {}

  void Begin(HttpRespond respond) {
    waker_ = std::make_shared<Waker>([weak = weak_from_this()] {
      if (auto stream = weak.lock(); stream != nullptr) stream->Wake();
    });
    beats_ = door_->pulse_.count().beats;
    Ask(std::move(respond));
  }

  void Next(HttpRespond respond) {
    if (!idle_) return Ask(std::move(respond));
    idle_ = false;
    {
      absl::MutexLock lock(&mutex_);
      waiting_.emplace(std::move(respond));
    }
    door_->pulse_.Wait(waker_, seen_);
  }

  // Nothing is given any more.
  void Leave() {
    waker_->Disarm();
    TakeWaiting();
  }

 private:
  // The connection's hold on the stream.
  class Hold : public HttpStream {
   public:
    explicit Hold(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
    ~Hold() override { stream_->Leave(); }
    void Next(HttpRespond respond) override { stream_->Next(std::move(respond)); }

   private:
    const std::shared_ptr<Stream> stream_;
  };

  void Ask(HttpRespond respond) {
    seen_ = door_->pulse_.count();
    Call call;
    call.method = method_;
    call.request = tail_->Ask();
    call.token = token_;
    call.trace = trace_;
    call.deadline = door_->clock_->Now() + kUsualTimeout;
    door_->changes_->Start(std::move(call), [self = shared_from_this(),
                                             respond = std::move(respond)](Reply reply) mutable {
      std::move(respond).Later([self, reply = std::move(reply)] { return self->Part(reply); });
    });
  }

  HttpResponse Part(const Reply& reply) {
    auto events = reply.ok() ? tail_->Take(**reply) : absl::StatusOr<std::string>(reply.status());
    // A place that is no page of this list any more is one of a log that was restored.
    std::string reason = ReasonOf(events.status());
    bool expired = reason == "PAGE_TOKEN" || reason == "CURSOR_EXPIRED";
    if (expired) events = Expired();
    HttpResponse part;
    if (!events.ok()) {
      absl::Status status = events.status();
      if (door_->localize_ != nullptr) door_->localize_(status);
      if (!open_ && !expired) return tail_->Refusal(status);
      part.code = open_ ? 204 : 200;
      part.body = absl::StrCat(open_ ? "" : tail_->Opening(), tail_->End(status, expired));
    } else {
      part.body = absl::StrCat(open_ ? "" : tail_->Opening(), *events);
      idle_ = events->empty() && !tail_->Moved();
      if (part.body.empty() && beats_ != seen_.beats) part.body = tail_->Beat();
      beats_ = seen_.beats;
      if (!open_) part.stream = std::make_unique<Hold>(shared_from_this());
    }
    if (!open_) {
      open_ = true;
      part.content_type = tail_->media_type();
      // Proxies that gather answers would keep events back.
      part.fields.emplace_back("X-Accel-Buffering", "no");
    }
    return part;
  }

  void Wake() {
    if (auto respond = TakeWaiting(); respond.has_value()) {
      // An empty part: the connection's thread asks for the next one.
      std::move (*respond)(HttpResponse());
    }
  }

  absl::optional<HttpRespond> TakeWaiting() {
    absl::optional<HttpRespond> taken;
    absl::MutexLock lock(&mutex_);
    if (waiting_.has_value()) taken.emplace(*std::move(waiting_));
    waiting_.reset();
    return taken;
  }

  EventDoor* const door_;
  const std::unique_ptr<Slot> slot_;
  const std::unique_ptr<LiveTail> tail_;
  const google::protobuf::MethodDescriptor* const method_;
  const std::string token_;
  const std::string trace_;
  std::shared_ptr<Waker> waker_;
  Pulse::Count seen_;
  std::int64_t beats_ = 0;
  bool open_ = false;  // the answer has begun
  bool idle_ = false;  // the last look found nothing new
  absl::Mutex mutex_;
  absl::optional<HttpRespond> waiting_ ABSL_GUARDED_BY(mutex_);
};

EventDoor::EventDoor(RouteTable routes, Backend* changes, std::vector<ChangeSource*> logs,
                     EventOptions options, LocalizeError localize, Clock* clock)
    : routes_(std::move(routes)),
      changes_(changes),
      most_(options.most),
      localize_(std::move(localize)),
      clock_(clock),
      open_(std::make_shared<std::atomic<int>>(0)),
      pulse_(std::move(logs), options.pulse) {}

EventDoor::~EventDoor() = default;

bool EventDoor::Takes(const HttpRequest& request) const {
  if (Follows(request)) return true;
  return request.verb == Verb::kGet && absl::StartsWith(request.path, "/v1/") &&
         absl::StrContains(request.Find("Accept").value_or(""), "text/event-stream") &&
         routes_.Match(request.verb, request.path).ok();
}

void EventDoor::Handle(const HttpRequest& request, HttpRespond respond) {
  if (Follows(request)) return Follow(request, std::move(respond));
  auto refuse = [&](absl::Status status) {
    if (localize_ != nullptr) localize_(status);
    std::move(respond)(ErrorResponse(status));
  };
  auto match = routes_.Match(request.verb, request.path);
  LJ_CHECK(match.ok());
  auto call = DecodeCall(request, *match, clock_->Now());
  if (!call.ok()) return refuse(call.status());
  auto tail = TailOf(*call->request, request.Find("Last-Event-ID"));
  if (!tail.ok()) return refuse(tail.status());
  Begin(*std::move(tail), *std::move(call), std::move(respond));
}

void EventDoor::Follow(const HttpRequest& request, HttpRespond respond) {
  const auto* service = Change::descriptor()->file()->FindServiceByName("Changes");
  bool text = GrpcWebIsText(request).value_or(false);
  auto call = ReadGrpcWeb(request, {service->FindMethodByName("FollowChanges"), nullptr}, text,
                          clock_->Now());
  if (!call.ok()) {
    absl::Status status = call.status();
    if (localize_ != nullptr) localize_(status);
    return std::move(respond)(GrpcWebError(status, text));
  }
  auto tail =
      std::make_unique<FollowTail>(dynamic_cast<const FollowChangesRequest&>(*call->request), text);
  // Which it is made of, and which the same people may ask for.
  call->method = service->FindMethodByName("ListChanges");
  Begin(std::move(tail), *std::move(call), std::move(respond));
}

void EventDoor::Begin(std::unique_ptr<LiveTail> tail, Call call, HttpRespond respond) {
  auto slot = std::make_unique<Slot>(open_);
  if (open_->load() > most_) {
    absl::Status status = Refuse(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                                 "too many follow the changes here; try again later");
    if (localize_ != nullptr) localize_(status);
    return std::move(respond)(tail->Refusal(status));
  }
  // Shared by the connection and by what the stream waits for, whichever ends last.
  std::make_shared<Stream>(this, std::move(slot), std::move(tail), std::move(call))
      ->Begin(std::move(respond));
}

}  // namespace linjuli
