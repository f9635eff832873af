// HTTP requests and responses as the gateway's doors see them: framed, within limits, not yet
// understood.
#ifndef LINJULI_SERVICES_GATEWAY_HTTP_MESSAGE_H_
#define LINJULI_SERVICES_GATEWAY_HTTP_MESSAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace linjuli {

enum class Verb : std::uint8_t { kGet, kHead, kPost, kPatch, kDelete, kOptions };

// "GET".
absl::string_view VerbName(Verb verb);

struct HttpField {
  absl::string_view name;
  absl::string_view value;  // Without the white space around it.
};

// All views are valid until the handler returns, and no longer.
struct HttpRequest {
  Verb verb = Verb::kGet;
  // As sent: "/v1/needs/a%2Fb", and what follows '?', without it.
  absl::string_view path;
  absl::string_view query;
  absl::Span<const HttpField> fields;
  absl::string_view body;
  // Names the request in logs and in the answer: X-Request-Id where that is well-formed, else made.
  absl::string_view trace;
  // The other end of the connection: an IP address.
  absl::string_view peer;

  // The value of a field, whatever the case of its name.
  absl::optional<absl::string_view> Find(absl::string_view name) const {
    for (const HttpField& field : fields) {
      if (absl::EqualsIgnoreCase(field.name, name)) return field.value;
    }
    return absl::nullopt;
  }
};

using HttpFields = std::vector<std::pair<std::string, std::string>>;

class HttpRespond;

// The rest of an answer that comes part by part, for as long as there is something to say. Owned by
// the connection and destroyed when the client has gone, the server drains, or it has ended.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // Asks for the next part, on the connection's thread, once the one before has been written: so a
  // client that reads slowly holds one part and no more. The part may be given at any time, from
  // any thread; of it the body is sent, and the code says: 200, ask for the next one (a part
  // without a body sends nothing); 204, this was the end; another one, the answer is cut off.
  virtual void Next(HttpRespond respond) = 0;
};

// The server adds Date, Content-Length, X-Request-Id, Cache-Control and X-Content-Type-Options,
// and leaves the body away for HEAD.
struct HttpResponse {
  int code = 200;
  // A literal: kept as a pointer.
  const char* content_type = "application/json";
  // Further fields; names and values are sent as they are and must hold no line break.
  HttpFields fields;
  std::string body;
  // Sent behind `body`, and not copied for it: it outlives the server. Not with a stream.
  absl::string_view lasting;
  // Where there is one, `body` is the first part. Sent in chunks, and the connection closes after.
  std::unique_ptr<HttpStream> stream;

  // The same once more, of one that is no stream.
  HttpResponse Again() const { return {code, content_type, fields, body, lasting, nullptr}; }
};

// Makes a response on the thread that writes it.
using Encode = absl::AnyInvocable<HttpResponse()>;

class Mailbox;

// Answers one request, once, from any thread, also after the server is gone (then nothing happens).
// Destroyed without an answer, it answers 503 itself, so that no client waits for nothing.
class HttpRespond {
 public:
  HttpRespond(std::shared_ptr<Mailbox> mailbox, std::uint64_t exchange);
  HttpRespond(HttpRespond&&) = default;
  HttpRespond& operator=(HttpRespond&&) = delete;
  ~HttpRespond();

  // A field that the answer will have, whatever it is.
  void Add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }

  void operator()(HttpResponse response) &&;
  // The same; `encode` runs on the connection's own thread, so that a thread that ends many calls
  // at once, as a store's writer does, is not the one to encode their answers.
  void Later(Encode encode) &&;

 private:
  // Shared by a loop and all answers that are still to come, which may outlive it.
  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t exchange_;
  HttpFields fields_;
};

// A way in: REST, documentation, probes. Another protocol is another door.
class Door {
 public:
  virtual ~Door() = default;
  // True when the request is this door's to answer. Must not look at the body.
  virtual bool Takes(const HttpRequest& request) const = 0;
  virtual void Handle(const HttpRequest& request, HttpRespond respond) = 0;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HTTP_MESSAGE_H_
