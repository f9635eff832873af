// One connection of the HTTP server, and what the connections of one thread share.
#ifndef LINJULI_SERVICES_GATEWAY_HTTP_CONNECTION_H_
#define LINJULI_SERVICES_GATEWAY_HTTP_CONNECTION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "boost/asio/basic_stream_socket.hpp"
#include "boost/asio/buffer.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "services/gateway/framing.h"
#include "services/gateway/http_message.h"
#include "services/gateway/http_metrics.h"
#include "services/gateway/http_server.h"

namespace linjuli {

using TcpSocket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

// Carries answers to a loop's thread: at once where they are given inside the handler, else in
// batches, with one wake-up for as many as are given before the loop comes to fetch them.
class Mailbox {
 public:
  struct Letter {
    std::uint64_t exchange;
    Encode encode;
  };

  // `wake` makes the loop call Fetch soon; it is not called after Close.
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  // From any thread.
  void Give(std::uint64_t exchange, Encode encode);
  void Close();

  // From the loop's thread.
  void SetOwner(std::thread::id owner) { owner_ = owner; }
  void BeginHandling(std::uint64_t exchange) { handling_ = exchange; }
  absl::optional<Encode> EndHandling();
  std::vector<Letter> Fetch();

 private:
  const std::function<void()> wake_;
  // Set before the loop's first request, and so before any answer.
  std::thread::id owner_;
  // Of the owner's thread only.
  std::uint64_t handling_ = 0;
  absl::optional<Encode> direct_;

  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = true;
  std::vector<Letter> letters_ ABSL_GUARDED_BY(mutex_);
};

class Connection;

// What the connections of one thread share; used by that thread alone.
struct Loop {
  const HttpServerOptions& options;
  const HttpHandler& handler;
  HttpMetrics& metrics;
  std::shared_ptr<Mailbox> mailbox;
  // Told of each connection that is gone, and of each request that is begun.
  std::function<void()> closed;
  std::function<void()> begun;
  // Milliseconds at the last sweep: a clock that nobody sets.
  std::int64_t elapsed = 0;
  // The fields that every answer has, Date among them.
  std::string fixed_fields;
  bool draining = false;
  absl::flat_hash_map<std::uint32_t, std::unique_ptr<Connection>> connections;
};

class Connection {
 public:
  Connection(Loop& loop, std::uint32_t id, TcpSocket socket);

  void Start();
  // The answer to `exchange`; ignored where that has been given up.
  void Deliver(std::uint64_t exchange, Encode encode);
  // Gives up what has waited too long. Call at every sweep.
  void Sweep();
  // Closes where nothing is going on; what is going on ends with a close, and streams end.
  void Drain();

 private:
  enum class State { kHead, kBody, kHandling, kStreaming, kWriting, kLingering, kClosed };

  void Read();
  void Advance();
  bool TakeHead();
  bool TakeBody();
  bool Handle();
  bool Fail(const FramingFault& fault);
  // Writes; true when it is all out and the next request may be read.
  bool Answer(HttpResponse response);
  // A stream: puts a part into the output, asks for the next one, takes one, ends.
  void AppendPart(absl::string_view body);
  // What of the answer is still to be sent.
  std::array<boost::asio::const_buffer, 2> Unsent() const;
  void AskForPart();
  void TakePart(HttpResponse part);
  void EndStream();
  bool Write();
  bool Written();
  void Linger();
  void Close();
  // Forgets the connection when no operation of it is under way. Destroys *this.
  void Leave();

  absl::string_view input() const { return {buffer_.get() + begin_, end_ - begin_}; }
  std::uint64_t exchange() const { return std::uint64_t{id_} << 32 | count_; }
  // How streams are framed; in HTTP/1.0 they end with the connection.
  bool in_chunks() const { return head_.version == 11; }
  void Due(absl::Duration after);
  // Milliseconds that a client may take over so many bytes.
  std::int64_t TimeFor(std::size_t bytes) const;

  Loop& loop_;
  const std::uint32_t id_;
  TcpSocket socket_;
  std::string peer_;
  State state_ = State::kHead;
  bool reading_ = false;
  bool writing_ = false;
  bool closing_ = false;  // after this answer
  bool leaving_ = false;
  std::int64_t due_ = 0;    // in Loop::elapsed
  std::int64_t begun_ = 0;  // the body, or the answer

  // The head stands at the front of the buffer until its request is answered.
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0, end_ = 0, head_length_ = 0;
  HeadScan scan_;
  RequestHead head_;
  Framing framing_;
  ChunkDecoder chunks_;
  std::string body_;
  absl::string_view body_view_;
  std::string trace_;
  std::uint32_t count_ = 0;

  std::string output_;
  absl::string_view lasting_;  // behind it, somebody else's
  std::size_t sent_ = 0;
  std::size_t discarded_ = 0;
  std::unique_ptr<HttpStream> stream_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HTTP_CONNECTION_H_
