#include "services/gateway/http_connection.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "boost/asio/buffer.hpp"
#include "boost/asio/post.hpp"
#include "services/gateway/head_parser.h"
#include "services/gateway/http_error.h"

namespace linjuli {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kBuffer = 16 * 1024;
// An idle connection keeps no more memory than this for its next answer, or body.
constexpr std::size_t kKept = 8 * 1024;
// What a client may still send after it was refused, and how long it may take to leave.
constexpr std::size_t kDiscarded = 2 * 1024 * 1024;
constexpr absl::Duration kLinger = absl::Seconds(2);

constexpr FramingFault kTooSlow = {408, "REQUEST_TIMEOUT", "the request did not come in time"};
constexpr FramingFault kNoAnswer = {504, "DEADLINE_EXCEEDED", "there was no answer in time"};

bool IsTrace(absl::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

Connection::Connection(Loop& loop, std::uint32_t id, TcpSocket socket)
    : loop_(loop), id_(id), socket_(std::move(socket)), buffer_(new char[kBuffer]) {}

void Connection::Start() {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  peer_ = socket_.remote_endpoint(ignored).address().to_string();
  Due(loop_.options.idle_timeout);
  Read();
}

void Connection::Due(absl::Duration after) {
  due_ = loop_.elapsed + absl::ToInt64Milliseconds(after);
}

std::int64_t Connection::TimeFor(std::size_t bytes) const {
  return static_cast<std::int64_t>(bytes) * 1000 / loop_.options.least_bytes_a_second;
}

void Connection::Read() {
  reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_.get() + end_, kBuffer - end_),
                          [this](error_code error, std::size_t bytes) {
                            reading_ = false;
                            if (state_ == State::kClosed) return Leave();
                            if (error) return Close();
                            // A client may end a stream, and has nothing to say in it.
                            if (state_ == State::kLingering || stream_ != nullptr) {
                              discarded_ += bytes;
                              return discarded_ > kDiscarded ? Close() : Read();
                            }
                            end_ += bytes;
                            Advance();
                          });
}

void Connection::Advance() {
  bool more = true;
  while (more) {
    switch (state_) {
      case State::kHead:
        more = TakeHead();
        break;
      case State::kBody:
        more = TakeBody();
        break;
      default:
        return;
    }
  }
}

bool Connection::TakeHead() {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == 0) {
    if (loop_.draining) {
      Close();
    } else {
      Read();
    }
    return false;
  }
  bool first_bytes = head_length_ == 0;
  head_length_ = end_;
  HeadScan::Result scanned = scan_.Scan(input(), loop_.options.limits);
  if (scanned.fault.has_value()) return Fail(*scanned.fault);
  if (scanned.length == 0) {
    if (first_bytes) Due(loop_.options.header_timeout);
    Read();
    return false;
  }
  head_length_ = begin_ = scanned.length;
  absl::string_view bytes(buffer_.get(), head_length_);
  if (auto fault = ParseHead(bytes, head_)) return Fail(*fault);
  if (auto fault = Frame(head_, loop_.options.limits, framing_)) return Fail(*fault);
  if (!framing_.chunked && framing_.content_length <= input().size()) {
    body_view_ = input().substr(0, framing_.content_length);
    begin_ += framing_.content_length;
    return Handle();
  }
  state_ = State::kBody;
  begun_ = loop_.elapsed;
  body_.clear();
  // Once, and not by doubling; what is not sent is not touched, and costs nothing.
  body_.reserve(framing_.content_length);
  chunks_ = ChunkDecoder();
  if (framing_.expects_continue && input().empty()) {
    static constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code error;
    std::size_t sent = socket_.write_some(asio::buffer(kContinue.data(), kContinue.size()), error);
    if (sent != kContinue.size()) {
      Close();
      return false;
    }
  }
  return true;
}

bool Connection::TakeBody() {
  bool complete = false;
  if (framing_.chunked) {
    begin_ += chunks_.Take(input(), loop_.options.limits.body_bytes, body_);
    if (chunks_.fault().has_value()) return Fail(*chunks_.fault());
    complete = chunks_.done();
  } else {
    std::size_t part = std::min<std::size_t>(framing_.content_length - body_.size(), end_ - begin_);
    body_.append(buffer_.get() + begin_, part);
    begin_ += part;
    complete = body_.size() == framing_.content_length;
  }
  if (complete) {
    body_view_ = body_;
    return Handle();
  }
  begin_ = end_ = head_length_;
  due_ = begun_ + absl::ToInt64Milliseconds(loop_.options.body_timeout) + TimeFor(body_.size());
  Read();
  return false;
}

bool Connection::Handle() {
  state_ = State::kHandling;
  ++count_;
  HttpRequest request;
  request.verb = framing_.verb;
  request.path = framing_.path;
  request.query = framing_.query;
  request.fields = head_.fields;
  request.body = body_view_;
  absl::optional<absl::string_view> given = request.Find("X-Request-Id");
  if (given.has_value() && IsTrace(*given)) {
    trace_.assign(given->data(), given->size());
  } else {
    trace_ = absl::StrCat(absl::Hex(loop_.options.random(), absl::kZeroPad16),
                          absl::Hex(loop_.options.random(), absl::kZeroPad16));
  }
  request.trace = trace_;
  request.peer = peer_;
  loop_.begun();
  Due(loop_.options.answer_timeout);

  loop_.mailbox->BeginHandling(exchange());
  loop_.handler(request, HttpRespond(loop_.mailbox, exchange()));
  absl::optional<Encode> direct = loop_.mailbox->EndHandling();
  return direct.has_value() && Answer((*direct)());
}

void Connection::Deliver(std::uint64_t exchange, Encode encode) {
  if (exchange != this->exchange()) return;
  if (state_ == State::kStreaming) return TakePart(encode());
  if (state_ != State::kHandling) return;
  if (Answer(encode())) Advance();
}

bool Connection::Fail(const FramingFault& fault) {
  closing_ = true;
  ++count_;  // An answer still to come is none to this.
  if (state_ != State::kHandling) {
    framing_ = Framing();
    trace_ = absl::StrCat(absl::Hex(loop_.options.random(), absl::kZeroPad16));
  }
  return Answer(ErrorResponse(fault));
}

bool Connection::Answer(HttpResponse response) {
  loop_.metrics.Answered(response.code);
  if (framing_.verb != Verb::kHead) stream_ = std::move(response.stream);
  closing_ = closing_ || !framing_.keep_alive || loop_.draining || stream_ != nullptr;
  output_.clear();
  lasting_ = {};
  sent_ = 0;
  absl::StrAppend(&output_, "HTTP/1.1 ", response.code, " ", ReasonPhrase(response.code), "\r\n",
                  loop_.fixed_fields, "X-Request-Id: ", trace_, "\r\n");
  if (response.code != 204) {
    absl::StrAppend(&output_, "Content-Type: ", response.content_type, "\r\n");
    if (stream_ == nullptr) {
      absl::StrAppend(&output_, "Content-Length: ", response.body.size() + response.lasting.size(),
                      "\r\n");
    } else if (in_chunks()) {
      output_ += "Transfer-Encoding: chunked\r\n";
    }
  }
  for (const auto& [name, value] : response.fields) {
    absl::StrAppend(&output_, name, ": ", value, "\r\n");
  }
  if (closing_) output_ += "Connection: close\r\n";
  output_ += "\r\n";
  if (stream_ != nullptr) {
    AppendPart(response.body);
    begin_ = end_ = 0;
    if (!reading_) Read();
  } else if (framing_.verb != Verb::kHead && response.code != 204) {
    output_ += response.body;
    lasting_ = response.lasting;
  }
  state_ = State::kWriting;
  begun_ = loop_.elapsed;
  Due(loop_.options.idle_timeout);
  return Write();
}

void Connection::AppendPart(absl::string_view body) {
  if (body.empty()) return;
  if (in_chunks()) absl::StrAppend(&output_, absl::Hex(body.size()), "\r\n");
  absl::StrAppend(&output_, body);
  if (in_chunks()) output_ += "\r\n";
}

void Connection::AskForPart() {
  state_ = State::kStreaming;
  ++count_;
  Due(loop_.options.answer_timeout);
  // Not as an answer within the handler: parts that are there at once would call each other ever
  // deeper.
  stream_->Next(HttpRespond(loop_.mailbox, exchange()));
}

void Connection::TakePart(HttpResponse part) {
  if (part.code != 200 && part.code != 204) return Close();
  output_.clear();
  sent_ = 0;
  AppendPart(part.body);
  if (part.code == 204) return EndStream();
  state_ = State::kWriting;
  Due(loop_.options.idle_timeout);
  Write();
}

void Connection::EndStream() {
  stream_.reset();
  if (in_chunks()) output_ += "0\r\n\r\n";
  state_ = State::kWriting;
  Due(loop_.options.idle_timeout);
  Write();
}

std::array<asio::const_buffer, 2> Connection::Unsent() const {
  const std::size_t own = std::min(sent_, output_.size());
  const absl::string_view rest = lasting_.substr(sent_ - own);
  return {asio::buffer(output_.data() + own, output_.size() - own),
          asio::buffer(rest.data(), rest.size())};
}

bool Connection::Write() {
  error_code error;
  sent_ += socket_.write_some(Unsent(), error);
  if (error && error != asio::error::would_block) {
    Close();
    return false;
  }
  if (sent_ == output_.size() + lasting_.size()) return Written();
  writing_ = true;
  socket_.async_write_some(Unsent(), [this](error_code error, std::size_t bytes) {
    writing_ = false;
    if (state_ == State::kClosed) return Leave();
    if (error) return Close();
    sent_ += bytes;
    // Who takes a part of a stream too slowly can come again and resume.
    if (stream_ == nullptr) {
      due_ = begun_ + absl::ToInt64Milliseconds(loop_.options.idle_timeout) + TimeFor(sent_);
    }
    if (Write()) Advance();
  });
  return false;
}

bool Connection::Written() {
  if (output_.capacity() > kKept) std::string().swap(output_);
  if (body_.capacity() > kKept) std::string().swap(body_);
  if (stream_ != nullptr) {
    if (loop_.draining) {
      output_.clear();
      sent_ = 0;
      EndStream();
    } else {
      AskForPart();
    }
    return false;
  }
  if (closing_) {
    Linger();
    return false;
  }
  state_ = State::kHead;
  head_length_ = 0;
  scan_ = HeadScan();
  Due(loop_.options.idle_timeout);
  return true;
}

// Closing with unread bytes would reset the connection and could take the answer with it.
void Connection::Linger() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  state_ = State::kLingering;
  begin_ = end_ = 0;
  Due(kLinger);
  if (!reading_) Read();
}

void Connection::Sweep() {
  if (loop_.elapsed < due_) return;
  switch (state_) {
    case State::kHead:
      if (end_ == begin_) {
        Close();
      } else {
        Fail(kTooSlow);
      }
      return;
    case State::kBody:
      Fail(kTooSlow);
      return;
    case State::kHandling:
      Fail(kNoAnswer);
      return;
    case State::kStreaming:
    case State::kWriting:
    case State::kLingering:
      Close();
      return;
    case State::kClosed:
      return;
  }
}

void Connection::Drain() {
  if (state_ == State::kHead && end_ == begin_) Close();
  if (state_ == State::kStreaming) Written();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  stream_.reset();
  error_code ignored;
  socket_.close(ignored);
  // Not at once: the caller may still use *this, and a sweep walks over the connections.
  leaving_ = true;
  asio::post(socket_.get_executor(), [this] {
    leaving_ = false;
    Leave();
  });
}

void Connection::Leave() {
  if (reading_ || writing_ || leaving_) return;
  loop_.closed();
  loop_.connections.erase(id_);
}

}  // namespace linjuli
