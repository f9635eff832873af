#include "services/gateway/history.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "common/status.h"
#include "linjuli/changes/v1/changes.pb.h"

namespace linjuli {
namespace {

using changes::v1::Change;
using changes::v1::ListHistoryRequest;
using changes::v1::ListHistoryResponse;

// Where the merged page stands in one service's list: its own page token, and how many entries of
// that page were given already.
struct Place {
  std::string name;
  std::string token;
  int skip = 0;
  bool ended = false;
};

// A merged page token is "name,skip,token;…" in web-safe base64; a service that is missing has
// ended. The services' own tokens are base64 too, so that they hold neither sign.
std::string Encode(const std::vector<Place>& places) {
  std::string text;
  for (const Place& place : places) {
    if (place.ended) continue;
    absl::StrAppend(&text, text.empty() ? "" : ";", place.name, ",", place.skip, ",",
                    absl::WebSafeBase64Escape(place.token));
  }
  return text.empty() ? "" : absl::WebSafeBase64Escape(text);
}

absl::Status Decode(const std::string& page_token, std::vector<Place>& places) {
  if (page_token.empty()) return absl::OkStatus();
  absl::Status wrong = Refuse(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN",
                              "the page token is none that was given here");
  std::string text;
  if (!absl::WebSafeBase64Unescape(page_token, &text)) return wrong;
  for (Place& place : places) place.ended = true;
  for (absl::string_view entry : absl::StrSplit(text, ';')) {
    std::vector<absl::string_view> parts = absl::StrSplit(entry, ',');
    if (parts.size() != 3) return wrong;
    auto place = std::find_if(places.begin(), places.end(),
                              [&](const Place& p) { return p.name == parts[0]; });
    if (place == places.end() || !place->ended || !absl::SimpleAtoi(parts[1], &place->skip) ||
        place->skip < 0 || !absl::WebSafeBase64Unescape(parts[2], &place->token)) {
      return wrong;
    }
    place->ended = false;
  }
  return absl::OkStatus();
}

bool Earlier(const Change& a, const Change& b) {
  return std::pair(a.commit_time().seconds(), a.commit_time().nanos()) <
         std::pair(b.commit_time().seconds(), b.commit_time().nanos());
}

// The answers to one question as they come in.
class Gathering {
 public:
  Gathering(std::vector<Place> places, int page_size, bool tail, Done done)
      : places_(std::move(places)),
        pages_(places_.size()),
        open_(static_cast<int>(places_.size())),
        page_size_(page_size),
        tail_(tail),
        done_(std::move(done)) {}

  // From any thread; the last one answers.
  void Add(std::size_t i, Reply reply) {
    {
      absl::MutexLock lock(&mutex_);
      if (reply.ok()) {
        const auto* page = dynamic_cast<const ListHistoryResponse*>(reply->get());
        LJ_CHECK(page != nullptr);
        pages_[i] = *page;
      } else if (absl::IsNotFound(reply.status())) {
        not_found_ = reply.status();
      } else if (error_.ok()) {
        error_ = reply.status();
      }
      if (--open_ > 0) return;
    }
    done_(Answer());
  }

 private:
  Reply Answer() {
    absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return error_;
    bool known = std::any_of(pages_.begin(), pages_.end(),
                             [](const auto& page) { return page.has_value(); });
    if (!known && !not_found_.ok()) return not_found_;
    auto merged = std::make_unique<ListHistoryResponse>();
    std::vector<int> at(places_.size());
    for (std::size_t i = 0; i < places_.size(); ++i) at[i] = places_[i].skip;
    while (merged->changes_size() < page_size_) {
      std::optional<std::size_t> first;
      bool unseen = false;
      for (std::size_t i = 0; i < places_.size(); ++i) {
        if (!pages_[i].has_value()) continue;
        if (at[i] >= pages_[i]->changes_size()) {
          // What follows on that page may be earlier than anything that is here.
          bool full = pages_[i]->changes_size() >= page_size_;
          unseen = unseen || (tail_ ? full : !pages_[i]->next_page_token().empty());
        } else if (!first ||
                   Earlier(pages_[i]->changes(at[i]), pages_[*first]->changes(at[*first]))) {
          first = i;
        }
      }
      if (unseen || !first) break;
      merged->mutable_changes()->Add()->Swap(pages_[*first]->mutable_changes(at[*first]++));
    }
    for (std::size_t i = 0; i < places_.size(); ++i) Move(i, at[i]);
    merged->set_next_page_token(Encode(places_));
    return Reply(std::move(merged));
  }

  void Move(std::size_t i, int at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Place& place = places_[i];
    if (!pages_[i].has_value()) {
      // Who does not know of the resource now may later.
      place.ended = !tail_;
    } else if (at < pages_[i]->changes_size()) {
      place.skip = at;
    } else {
      place.skip = 0;
      place.token = pages_[i]->next_page_token();
      place.ended = place.token.empty();
    }
  }

  absl::Mutex mutex_;
  std::vector<Place> places_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::optional<ListHistoryResponse>> pages_ ABSL_GUARDED_BY(mutex_);
  int open_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  absl::Status not_found_ ABSL_GUARDED_BY(mutex_);
  const int page_size_;
  const bool tail_;
  Done done_;
};

}  // namespace

ChangesBackend::ChangesBackend(std::vector<NamedBackend> services)
    : services_(std::move(services)) {
  for (const NamedBackend& service : services_) {
    bool known = std::any_of(distinct_.begin(), distinct_.end(), [&](const NamedBackend& other) {
      return other.backend == service.backend;
    });
    if (!known) distinct_.push_back(service);
  }
}

void ChangesBackend::Start(Call call, Done done) {
  if (call.method->name() == "ListHistory") return ListHistory(std::move(call), std::move(done));
  const auto* field = call.request->GetDescriptor()->FindFieldByName("service");
  if (field == nullptr || call.method->server_streaming()) {
    return done(Refuse(absl::StatusCode::kUnimplemented, "NO_ROUTE",
                       absl::StrCat(call.method->full_name(), " is not served by this door")));
  }
  std::string name = call.request->GetReflection()->GetString(*call.request, field);
  for (const NamedBackend& service : services_) {
    if (service.name == name) return service.backend->Start(std::move(call), std::move(done));
  }
  done(NotFound(absl::StrCat("the service \"", name, "\"")));
}

void ChangesBackend::ListHistory(Call call, Done done) {
  if (distinct_.size() == 1) return distinct_[0].backend->Start(std::move(call), std::move(done));
  const auto* request = dynamic_cast<const ListHistoryRequest*>(call.request.get());
  LJ_CHECK(request != nullptr);
  std::vector<Place> places;
  for (const NamedBackend& service : distinct_) places.push_back({service.name, "", 0, false});
  if (absl::Status decoded = Decode(request->page_token(), places); !decoded.ok()) {
    return done(decoded);
  }
  std::vector<Backend*> asked;
  for (std::size_t i = places.size(); i-- > 0;) {
    if (places[i].ended) places.erase(places.begin() + i);
  }
  for (const Place& place : places) {
    asked.push_back(std::find_if(distinct_.begin(), distinct_.end(), [&](const NamedBackend& s) {
                      return s.name == place.name;
                    })->backend);
  }
  std::vector<Call> calls(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto part = std::make_unique<ListHistoryRequest>(*request);
    part->set_page_token(places[i].token);
    calls[i] = {call.method, std::move(part), call.token, call.trace, call.deadline};
  }
  int page_size = request->page_size() > 0 ? request->page_size() : 100;
  // Shared by the answers, of which nobody knows which comes last.
  auto gathering = std::make_shared<Gathering>(std::move(places), page_size, request->tail(),
                                               std::move(done));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    asked[i]->Start(std::move(calls[i]),
                    [gathering, i](Reply reply) { gathering->Add(i, std::move(reply)); });
  }
}

}  // namespace linjuli
