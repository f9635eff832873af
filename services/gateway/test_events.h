// A listener to Server-Sent Events, for tests.
#ifndef LINJULI_SERVICES_GATEWAY_TEST_EVENTS_H_
#define LINJULI_SERVICES_GATEWAY_TEST_EVENTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/gateway/test_client.h"

namespace linjuli {

struct HeardEvent {
  std::string id = "none", type, data;
};

class EventClient {
 public:
  // An empty token or id is not sent.
  EventClient(int port, absl::string_view token, absl::string_view path,
              absl::string_view last_id = "")
      : client_(port) {
    std::string fields;
    if (!token.empty()) absl::StrAppend(&fields, "Authorization: Bearer ", token, "\r\n");
    if (!last_id.empty()) absl::StrAppend(&fields, "Last-Event-ID: ", last_id, "\r\n");
    client_.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n",
                              fields, "\r\n"));
    head = client_.Receive();
    text_ = head.body;
  }

  // The next event; without a type where the stream has ended. Comments are passed over.
  HeardEvent Next() {
    while (true) {
      std::size_t end;
      while ((end = text_.find("\n\n")) == std::string::npos) {
        std::string chunk = client_.Chunk();
        if (chunk.empty()) return {};
        text_ += chunk;
      }
      HeardEvent event;
      for (absl::string_view line : absl::StrSplit(text_.substr(0, end), '\n')) {
        std::pair<absl::string_view, absl::string_view> field =
            absl::StrSplit(line, absl::MaxSplits(':', 1));
        absl::string_view value = absl::StripLeadingAsciiWhitespace(field.second);
        if (field.first == "id") event.id = std::string(value);
        if (field.first == "event") event.type = std::string(value);
        if (field.first == "data") event.data = std::string(value);
      }
      text_.erase(0, end + 2);
      if (event.type != "") return event;
    }
  }

  // The states after the next changes: "OPEN TAKEN"; of another event its type.
  std::string States(int changes) {
    std::vector<std::string> states;
    for (int i = 0; i < changes; ++i) {
      HeardEvent event = Next();
      last_id = event.id;
      std::size_t at = event.data.find(kState);
      if (event.type != "change" || at == std::string::npos) {
        states.push_back(event.type);
        continue;
      }
      at += sizeof(kState) - 1;
      states.push_back(event.data.substr(at, event.data.find('"', at) - at));
    }
    return absl::StrJoin(states, " ");
  }

  bool EndedInOrder() const { return client_.EndedInOrder(); }
  TestClient& client() { return client_; }

  ClientResponse head;
  std::string last_id;

 private:
  static constexpr char kState[] = "\"stateAfter\":\"";
  TestClient client_;
  std::string text_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_TEST_EVENTS_H_
