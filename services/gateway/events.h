// Live changes as Server-Sent Events (html.spec.whatwg.org), for whoever asks with
// `Accept: text/event-stream`:
//
//   GET /v1/changes/{service}    the log of a service, for those who may ListChanges
//   GET /v1/history/{name}       the story of one resource, past and then live, for whoever may Get
//   it
//
// Every change is an event `change`; its data is the Change as JSON, and its id the place after it:
// sent as Last-Event-ID, the stream goes on there. A change is delivered at least once and in
// order. Every look into a log is a call of its own with the caller's token, so that rights, masks
// and the token's end are those of that moment. A stream ends with an event `end`, whose data is an
// error as REST gives it:
//
//   UNAUTHENTICATED      the token has ended; come again with a new one
//   NOT_FOUND            the resource may no longer be seen
//   CURSOR_EXPIRED       the log was restored, so that the place is none of it; the event resets
//   the
//                        id: begin anew and read everything
//   UNAVAILABLE, …       come again
//
// The log of a service comes over gRPC-Web, too: FollowChanges of linjuli.changes.v1.Changes, as
// on the gRPC port. Where an event stream says that it lives, a message without changes comes. A
// deadline is the client's to keep.
//
// It ends without one where the process drains, or a client takes no part for a minute. What is
// wrong from the start is answered as on REST.
#ifndef LINJULI_SERVICES_GATEWAY_EVENTS_H_
#define LINJULI_SERVICES_GATEWAY_EVENTS_H_

#include <atomic>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "common/rpc/call.h"
#include "services/gateway/http_message.h"
#include "services/gateway/pulse.h"
#include "services/gateway/rest.h"
#include "services/gateway/route.h"

namespace linjuli {

struct EventOptions {
  // Streams at a time; further ones get RESOURCE_EXHAUSTED, reason OVERLOADED.
  int most = 256;
  PulseOptions pulse;
};

class LiveTail;

// Thread-safe.
class EventDoor : public Door {
 public:
  // `routes` are those of linjuli.changes.v1.Changes, which `changes` carries out; `logs` tell when
  // there is something new. All that is pointed to outlives this.
  EventDoor(RouteTable routes, Backend* changes, std::vector<ChangeSource*> logs,
            EventOptions options, LocalizeError localize, Clock* clock);
  ~EventDoor() override;

  bool Takes(const HttpRequest& request) const override;
  void Handle(const HttpRequest& request, HttpRespond respond) override;

 private:
  class Stream;

  void Follow(const HttpRequest& request, HttpRespond respond);
  void Begin(std::unique_ptr<LiveTail> tail, Call call, HttpRespond respond);

  const RouteTable routes_;
  Backend* const changes_;
  const int most_;
  const LocalizeError localize_;
  Clock* const clock_;
  // Shared with the streams, of which the last may end after this.
  const std::shared_ptr<std::atomic<int>> open_;
  Pulse pulse_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_EVENTS_H_
