#include "services/gateway/http_server.h"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "boost/asio/basic_socket_acceptor.hpp"
#include "boost/asio/basic_waitable_timer.hpp"
#include "boost/asio/buffer.hpp"
#include "boost/asio/posix/basic_stream_descriptor.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/steady_timer.hpp"
#include "common/status.h"
#include "services/gateway/http_connection.h"
#include "services/gateway/http_error.h"

namespace linjuli {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Files the process needs for other things than connections.
constexpr rlim_t kOtherFiles = 128;

constexpr char kRefusal[] =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
    "Content-Length: 0\r\n\r\n";

std::string FixedFields(absl::Time now) {
  return absl::StrCat(
      "Date: ", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone()),
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
}

}  // namespace

// --- answers from other threads ---------------------------------------------------------------

void Mailbox::Give(std::uint64_t exchange, Encode encode) {
  if (std::this_thread::get_id() == owner_ && exchange == handling_) {
    direct_ = std::move(encode);
    return;
  }
  absl::MutexLock lock(&mutex_);
  if (!open_) return;
  letters_.push_back({exchange, std::move(encode)});
  if (letters_.size() == 1) wake_();
}

void Mailbox::Close() {
  std::vector<Letter> dropped;
  absl::MutexLock lock(&mutex_);
  open_ = false;
  dropped.swap(letters_);
}

absl::optional<Encode> Mailbox::EndHandling() {
  handling_ = 0;
  absl::optional<Encode> direct = std::move(direct_);
  direct_.reset();
  return direct;
}

std::vector<Mailbox::Letter> Mailbox::Fetch() {
  std::vector<Letter> letters;
  absl::MutexLock lock(&mutex_);
  letters.swap(letters_);
  return letters;
}

HttpRespond::HttpRespond(std::shared_ptr<Mailbox> mailbox, std::uint64_t exchange)
    : mailbox_(std::move(mailbox)), exchange_(exchange) {}

HttpRespond::~HttpRespond() {
  if (mailbox_ == nullptr) return;
  std::move(*this).Later([] {
    return ErrorResponse(FramingFault{503, "UNANSWERED", "the request was given up; try again"});
  });
}

void HttpRespond::operator()(HttpResponse response) && {
  std::move(*this).Later(
      [response = std::move(response)]() mutable { return std::move(response); });
}

void HttpRespond::Later(Encode encode) && {
  std::shared_ptr<Mailbox> mailbox = std::move(mailbox_);
  if (fields_.empty()) return mailbox->Give(exchange_, std::move(encode));
  mailbox->Give(exchange_, [encode = std::move(encode), fields = std::move(fields_)]() mutable {
    HttpResponse response = encode();
    std::move(fields.begin(), fields.end(), std::back_inserter(response.fields));
    return response;
  });
}

// --- one thread -------------------------------------------------------------------------------

namespace {

// Measures how long a request waits until its loop comes to it. A request lies in its socket and
// nobody knows since when; so a file of our own is made readable, which the kernel puts behind all
// sockets that are readable by then, and the loop comes to it when it has come to all of those.
class Probe {
 public:
  Probe(asio::io_context& io, QueueWait* wait, Clock* clock)
      : wait_(wait), clock_(clock), file_(io) {
    if (wait_ == nullptr) return;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    LJ_CHECK(fd >= 0, "no file for the probe of a loop");
    file_.assign(fd);
    Receive();
  }

  // One at a time, and not more often than every kPause: it costs a tenth of a small request.
  void Send() {
    if (wait_ == nullptr || under_way_) return;
    absl::Duration now = clock_->Elapsed();
    if (now - sent_ < kPause) return;
    sent_ = now;
    under_way_ = eventfd_write(file_.native_handle(), 1) == 0;
  }

 private:
  static constexpr absl::Duration kPause = absl::Milliseconds(2);

  void Receive() {
    file_.async_read_some(asio::buffer(&count_, sizeof(count_)),
                          [this](error_code error, std::size_t) {
                            if (error) return;
                            under_way_ = false;
                            wait_->Observe(clock_->Elapsed() - sent_);
                            Receive();
                          });
  }

  QueueWait* const wait_;
  Clock* const clock_;
  asio::posix::basic_stream_descriptor<Executor> file_;
  std::uint64_t count_ = 0;
  bool under_way_ = false;
  absl::Duration sent_ = -kPause;
};

class LoopThread {
 public:
  LoopThread(const HttpServerOptions& options, const HttpHandler& handler, HttpMetrics& metrics,
             std::function<void()> closed)
      : options_(options),
        io_(1),
        sweep_(io_),
        probe_(io_, options.wait, options.clock),
        loop_{options,           handler,
              metrics,           std::make_shared<Mailbox>([this] { PostFetch(); }),
              std::move(closed), [this] { probe_.Send(); }} {
    loop_.fixed_fields = FixedFields(options.clock->Now());
    ScheduleSweep();
  }
  ~LoopThread() { Stop(); }

  void Run() {
    thread_ = std::thread([this] {
      loop_.mailbox->SetOwner(std::this_thread::get_id());
      io_.run();
    });
  }
  void Stop() {
    loop_.mailbox->Close();
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  asio::io_context& io() { return io_; }
  void Adopt(TcpSocket socket) {
    std::uint32_t id = ++last_id_;
    auto connection = std::make_unique<Connection>(loop_, id, std::move(socket));
    Connection* started = connection.get();
    loop_.connections[id] = std::move(connection);
    started->Start();
  }
  void PostDrain() {
    asio::post(io_, [this] {
      loop_.draining = true;
      for (auto& [id, connection] : loop_.connections) connection->Drain();
    });
  }

 private:
  void PostFetch() {
    asio::post(io_, [this] {
      for (Mailbox::Letter& letter : loop_.mailbox->Fetch()) {
        auto found = loop_.connections.find(static_cast<std::uint32_t>(letter.exchange >> 32));
        if (found == loop_.connections.end()) continue;
        found->second->Deliver(letter.exchange, std::move(letter.encode));
      }
    });
  }
  void ScheduleSweep() {
    sweep_.expires_after(absl::ToChronoNanoseconds(options_.sweep));
    sweep_.async_wait([this](error_code error) {
      if (error) return;
      loop_.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::steady_clock::now() - begun_)
                          .count();
      loop_.fixed_fields = FixedFields(options_.clock->Now());
      for (auto& [id, connection] : loop_.connections) connection->Sweep();
      ScheduleSweep();
    });
  }

  const HttpServerOptions& options_;
  asio::io_context io_;
  Timer sweep_;
  Probe probe_;
  Loop loop_;
  std::uint32_t last_id_ = 0;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::thread thread_;
};

}  // namespace

// --- the server -------------------------------------------------------------------------------

class HttpServer::Core {
 public:
  Core(HttpServerOptions options, HttpHandler handler)
      : options_(std::move(options)), handler_(std::move(handler)), metrics_(options_.metrics) {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > 2 * kOtherFiles) {
      options_.max_connections = static_cast<int>(
          std::min<rlim_t>(options_.max_connections, files.rlim_cur - kOtherFiles));
    }
    for (int i = 0; i < std::max(1, options_.threads); ++i) {
      loops_.push_back(std::make_unique<LoopThread>(options_, handler_, metrics_,
                                                    [this] { CountConnections(-1); }));
    }
    acceptor_ = std::make_unique<Acceptor>(loops_[0]->io());
    retry_ = std::make_unique<Timer>(loops_[0]->io());
  }

  absl::Status Listen() {
    error_code error;
    asio::ip::address address = asio::ip::make_address(options_.address, error);
    tcp::endpoint endpoint(address, static_cast<std::uint16_t>(options_.port));
    if (!error) acceptor_->open(endpoint.protocol(), error);
    if (!error) acceptor_->set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(1024, error);
    if (!error) port_ = acceptor_->local_endpoint(error).port();
    if (error) {
      return Refuse(absl::StatusCode::kUnavailable, "LISTEN",
                    absl::StrCat("cannot listen on ", options_.address, " port ", options_.port,
                                 ": ", error.message()));
    }
    Accept();
    for (auto& loop : loops_) loop->Run();
    return absl::OkStatus();
  }

  int port() const { return port_; }

  bool Drain(absl::Duration grace) {
    asio::post(loops_[0]->io(), [this] {
      error_code ignored;
      acceptor_->close(ignored);
      retry_->cancel();
    });
    for (auto& loop : loops_) loop->PostDrain();
    bool finished = false;
    {
      absl::MutexLock lock(&mutex_);
      finished = mutex_.AwaitWithTimeout(absl::Condition(
                                             +[](int* open) { return *open == 0; }, &open_),
                                         grace);
    }
    for (auto& loop : loops_) loop->Stop();
    return finished;
  }

 private:
  int CountConnections(int by) {
    absl::MutexLock lock(&mutex_);
    open_ += by;
    metrics_.Opened(open_);
    return open_;
  }

  void Accept() {
    if (!acceptor_->is_open()) return;
    next_ = (next_ + 1) % loops_.size();
    auto socket = std::make_unique<TcpSocket>(loops_[next_]->io());
    TcpSocket& peer = *socket;
    acceptor_->async_accept(peer, [this, loop = loops_[next_].get(),
                                   socket = std::move(socket)](error_code error) mutable {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        // Out of files, most often: trying at once again would spin.
        retry_->expires_after(std::chrono::milliseconds(50));
        retry_->async_wait([this](error_code cancelled) {
          if (!cancelled) Accept();
        });
        return;
      }
      if (CountConnections(1) > options_.max_connections) {
        CountConnections(-1);
        error_code ignored;
        socket->non_blocking(true, ignored);
        socket->write_some(asio::buffer(kRefusal, sizeof(kRefusal) - 1), ignored);
      } else if (loops_.size() == 1) {
        loop->Adopt(std::move(*socket));
      } else {
        asio::post(loop->io(), [loop, socket = std::move(*socket)]() mutable {
          loop->Adopt(std::move(socket));
        });
      }
      Accept();
    });
  }

  HttpServerOptions options_;
  const HttpHandler handler_;
  HttpMetrics metrics_;
  std::vector<std::unique_ptr<LoopThread>> loops_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<Timer> retry_;
  std::size_t next_ = 0;
  int port_ = 0;
  absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              HttpHandler handler) {
  LJ_CHECK(options.random != nullptr, "a source of random bits is needed");
  auto core = std::make_unique<Core>(std::move(options), std::move(handler));
  LJ_RETURN_IF_ERROR(core->Listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

HttpServer::HttpServer(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpServer::~HttpServer() { Drain(absl::ZeroDuration()); }
int HttpServer::port() const { return core_->port(); }
bool HttpServer::Drain(absl::Duration grace) { return core_->Drain(grace); }

}  // namespace linjuli
