#include "services/gateway/http_server.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "catch2/catch.hpp"
#include "services/gateway/test_client.h"
#include "tests/source_dir.h"

namespace linjuli {
namespace {

constexpr absl::string_view kGet = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr absl::string_view kNext = "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

HttpServerOptions Quick() {
  HttpServerOptions options;
  options.sweep = absl::Milliseconds(5);
  options.random = [] { return std::uint64_t{7}; };
  return options;
}

// Answers "GET /a?b body".
void Echo(const HttpRequest& request, HttpRespond respond) {
  HttpResponse response;
  response.body = absl::StrCat(VerbName(request.verb), " ", request.path,
                               request.query.empty() ? "" : "?", request.query, " ", request.body);
  std::move(respond)(std::move(response));
}

std::unique_ptr<HttpServer> StartServer(HttpServerOptions options = Quick(),
                                        HttpHandler handler = Echo) {
  auto server = HttpServer::Start(std::move(options), std::move(handler));
  REQUIRE(server.ok());
  return *std::move(server);
}

struct FramingCase {
  std::string name;
  std::vector<int> codes;
  bool open = false;
  std::string bytes;
};

std::vector<FramingCase> FramingCases() {
  std::ifstream file(SourceDir() + "/tests/gateway/framing.txt");
  REQUIRE(file);
  std::vector<FramingCase> cases;
  for (std::string line; std::getline(file, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "case: ")) {
      cases.emplace_back().name = std::string(rest);
    } else if (absl::ConsumePrefix(&rest, "want: ")) {
      for (absl::string_view word : absl::StrSplit(rest, ' ')) {
        int code = 0;
        if (absl::SimpleAtoi(word, &code)) cases.back().codes.push_back(code);
        cases.back().open = word == "open";
      }
    } else if (absl::ConsumePrefix(&rest, "send: ")) {
      REQUIRE(absl::CUnescape(rest, &cases.back().bytes));
    }
  }
  return cases;
}

// Whether the case is answered as its line says; the connection stands before what follows it.
bool Passes(const FramingCase& framing, TestClient& client) {
  for (int code : framing.codes) {
    ClientResponse response = client.Receive(absl::StartsWith(framing.bytes, "HEAD "));
    // Whether the body is there in time to leave out the interim answer is the network's affair.
    if (response.code == 100 && code != 100) response = client.Receive();
    if (response.code != code || response.Field("X-Request-Id").empty()) return false;
    bool refused_well = response.Field("Connection") == "close" &&
                        absl::StrContains(response.body, "google.rpc.ErrorInfo");
    if (code >= 400 && !refused_well) return false;
  }
  return true;
}

// The same to the end, where kNext was sent behind it.
bool PassesWhole(const FramingCase& framing, TestClient& client) {
  return Passes(framing, client) && (!framing.open || client.Receive().body == "GET /next ") &&
         client.Closed();
}

// Checks one by one and tells how many hold.
class Tally {
 public:
  void Add(bool passed, const std::string& name) {
    ++total_;
    passed_ += passed;
    if (!passed) FAIL_CHECK(name);
  }
  void Print(absl::string_view what) const {
    std::cout << "framing, " << what << ": " << passed_ << " of " << total_ << " as wanted\n";
  }

 private:
  int passed_ = 0, total_ = 0;
};

TEST_CASE("every framing case is answered as its line says, sent at once", "[gateway][R33]") {
  auto server = StartServer();
  std::vector<FramingCase> cases = FramingCases();
  REQUIRE(cases.size() >= 160);
  Tally tally;
  for (const FramingCase& framing : cases) {
    TestClient client(server->port());
    client.Send(absl::StrCat(framing.bytes, kNext));
    tally.Add(PassesWhole(framing, client), framing.name);
  }
  tally.Print("at once");
}

TEST_CASE("all nine gaps of Beast are among the framing cases", "[gateway]") {
  std::vector<FramingCase> cases = FramingCases();
  for (int gap = 1; gap <= 9; ++gap) {
    std::string begin = absl::StrCat("gap ", gap, " of Beast 1.74: ");
    CHECK(std::count_if(cases.begin(), cases.end(), [&](const FramingCase& framing) {
            return absl::StartsWith(framing.name, begin) && !framing.open &&
                   framing.codes[0] == 400;
          }) == 1);
  }
}

TEST_CASE("every framing case is answered the same, sent byte by byte", "[gateway]") {
  auto server = StartServer();
  Tally tally;
  for (const FramingCase& framing : FramingCases()) {
    TestClient client(server->port());
    for (char c : absl::StrCat(framing.bytes, kNext)) {
      if (!client.Send(absl::string_view(&c, 1))) break;
    }
    tally.Add(PassesWhole(framing, client), framing.name);
  }
  tally.Print("byte by byte");
}

TEST_CASE(
    "every framing case is answered the same behind every other one that leaves the "
    "connection open",
    "[gateway]") {
  auto server = StartServer();
  std::vector<FramingCase> cases = FramingCases();
  Tally tally;
  for (const FramingCase& first : cases) {
    if (!first.open) continue;
    for (const FramingCase& second : cases) {
      TestClient client(server->port());
      client.Send(absl::StrCat(first.bytes, second.bytes, kNext));
      tally.Add(Passes(first, client) && PassesWhole(second, client),
                absl::StrCat(first.name, " | ", second.name));
    }
  }
  tally.Print("pairs");
}

TEST_CASE("requests that are sent together are answered in their order", "[gateway]") {
  auto server = StartServer();
  TestClient client(server->port());
  std::string together;
  for (int i = 0; i < 500; ++i) {
    absl::StrAppend(&together, "POST /", i, " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
  }
  std::thread sender([&] { client.Send(together); });
  for (int i = 0; i < 500; ++i) CHECK(client.Receive().body == absl::StrCat("POST /", i, " ok"));
  sender.join();
}

TEST_CASE("answers from other threads reach their own connections", "[gateway]") {
  // Holds all answers back, then gives them at once from one thread, last request first.
  absl::Mutex mutex;
  std::vector<std::pair<std::string, HttpRespond>> held;
  auto server = StartServer(Quick(), [&](const HttpRequest& request, HttpRespond respond) {
    absl::MutexLock lock(&mutex);
    held.emplace_back(std::string(request.path), std::move(respond));
  });
  constexpr int kClients = 200;
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<TestClient>(server->port()));
    clients.back()->Send(absl::StrCat("GET /", i, " HTTP/1.1\r\nHost: a\r\n\r\n"));
  }
  mutex.LockWhen(absl::Condition(
      +[](std::vector<std::pair<std::string, HttpRespond>>* all) {
        return all->size() == kClients;
      },
      &held));
  auto answers = std::move(held);
  mutex.Unlock();
  while (!answers.empty()) {
    HttpResponse response;
    response.body = answers.back().first;
    std::move(answers.back().second)(std::move(response));
    answers.pop_back();
  }
  for (int i = 0; i < kClients; ++i) CHECK(clients[i]->Receive().body == absl::StrCat("/", i));
}

TEST_CASE("a request that the handler drops is answered 503", "[gateway]") {
  auto server = StartServer(Quick(), [](const HttpRequest&, HttpRespond) {});
  ClientResponse response = TestClient(server->port()).Ask(kGet);
  CHECK(response.code == 503);
  CHECK(absl::StrContains(response.body, "UNANSWERED"));
}

TEST_CASE("an answer that comes after the server's end goes nowhere", "[gateway]") {
  absl::optional<HttpRespond> late;
  absl::Notification held;
  auto server = StartServer(Quick(), [&](const HttpRequest&, HttpRespond respond) {
    late.emplace(std::move(respond));
    held.Notify();
  });
  TestClient client(server->port());
  client.Send(kGet);
  held.WaitForNotification();
  server.reset();
  std::move (*late)(HttpResponse());
  CHECK(client.Receive().code == 0);
}

TEST_CASE("a header of the most bytes is read, and one byte more is 431", "[gateway]") {
  auto server = StartServer();
  std::string start = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: ";
  std::string fits = absl::StrCat(start, std::string(8 * 1024 - start.size() - 4, 'x'), "\r\n\r\n");
  REQUIRE(fits.size() == 8 * 1024);
  CHECK(TestClient(server->port()).Ask(fits).code == 200);
  std::string more = absl::StrCat(start, std::string(8 * 1024 - start.size() - 3, 'x'), "\r\n\r\n");
  CHECK(TestClient(server->port()).Ask(more).code == 431);
  CHECK(TestClient(server->port()).Ask(absl::StrCat(start, std::string(20000, 'x'))).code == 431);
}

TEST_CASE("a header of 64 fields is read, and of 65 is 431", "[gateway]") {
  auto server = StartServer();
  std::string head = "GET /a HTTP/1.1\r\nHost: a\r\n";
  for (int i = 1; i < 64; ++i) absl::StrAppend(&head, "X-", i, ": ", i, "\r\n");
  CHECK(TestClient(server->port()).Ask(absl::StrCat(head, "\r\n")).code == 200);
  CHECK(TestClient(server->port()).Ask(absl::StrCat(head, "X-64: 64\r\n\r\n")).code == 431);
}

TEST_CASE("a body of 1 MiB arrives whole, and one byte more is 413", "[gateway]") {
  auto server = StartServer();
  std::string body(1024 * 1024, 'x');
  std::string head = "POST /a HTTP/1.1\r\nHost: a\r\n";
  ClientResponse whole =
      TestClient(server->port())
          .Ask(absl::StrCat(head, "Content-Length: ", body.size(), "\r\n\r\n", body));
  CHECK(whole.code == 200);
  CHECK((whole.body == absl::StrCat("POST /a ", body)));
  ClientResponse chunked =
      TestClient(server->port())
          .Ask(absl::StrCat(head, "Transfer-Encoding: chunked\r\n\r\n100000\r\n", body,
                            "\r\n0\r\n\r\n"));
  CHECK(chunked.code == 200);
  CHECK((chunked.body == whole.body));
  // The client is still sending when it is refused, and reads the refusal all the same.
  CHECK(TestClient(server->port())
            .Ask(absl::StrCat(head, "Content-Length: ", body.size() + 1, "\r\n\r\n", body, "x"))
            .code == 413);
  CHECK(TestClient(server->port())
            .Ask(absl::StrCat(head, "Transfer-Encoding: chunked\r\n\r\n100000\r\n", body,
                              "\r\n1\r\nx\r\n0\r\n\r\n"))
            .code == 413);
}

TEST_CASE("a body in small chunks is read, and one in thousands of tiny ones is not", "[gateway]") {
  auto server = StartServer();
  auto code = [&](int chunks, absl::string_view chunk) {
    std::string body = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < chunks; ++i) absl::StrAppend(&body, chunk);
    return TestClient(server->port()).Ask(body + "0\r\n\r\n").code;
  };
  CHECK(code(4000, "1\r\nx\r\n") == 200);
  CHECK(code(5000, "1\r\nx\r\n") == 400);
  CHECK(code(100'000, "8\r\n01234567\r\n") == 200);
}

TEST_CASE("HEAD is answered with the length of the body and without it", "[gateway]") {
  auto server = StartServer();
  TestClient client(server->port());
  ClientResponse response = client.Ask("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(response.code == 200);
  CHECK(response.Field("Content-Length") == "8");
  CHECK(client.Ask(kGet).body == "GET /a ");
}

TEST_CASE("a client that waits for 100 Continue gets it, then the answer", "[gateway]") {
  auto server = StartServer();
  TestClient client(server->port());
  std::string head = "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ";
  CHECK(client.Ask(absl::StrCat(head, "2\r\n\r\n")).code == 100);
  CHECK(client.Ask("ok").body == "POST /a ok");
  CHECK(client.Ask(absl::StrCat(head, "1048577\r\n\r\n")).code == 413);
}

TEST_CASE("a request id is kept where it is well-formed, else made", "[gateway]") {
  auto server = StartServer();
  auto id = [&](absl::string_view given) {
    return TestClient(server->port())
        .Ask(absl::StrCat("GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: ", given, "\r\n\r\n"))
        .Field("X-Request-Id");
  };
  const std::string made = "00000000000000070000000000000007";
  CHECK(id("Trace_1.a-b") == "Trace_1.a-b");
  CHECK(id(std::string(64, 'a')) == std::string(64, 'a'));
  CHECK(id(std::string(65, 'a')) == made);
  CHECK(id("a b") == made);
  CHECK(id("") == made);
}

TEST_CASE("every answer forbids caches and guessing, and tells the date", "[gateway]") {
  FakeClock clock(absl::FromUnixSeconds(784111777));
  HttpServerOptions options = Quick();
  options.clock = &clock;
  auto server = StartServer(options);
  ClientResponse response = TestClient(server->port()).Ask(kGet);
  CHECK(response.Field("Cache-Control") == "no-store");
  CHECK(response.Field("X-Content-Type-Options") == "nosniff");
  CHECK(response.Field("Date") == "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST_CASE("a slow head and a slow body are answered 408", "[gateway]") {
  HttpServerOptions options = Quick();
  options.header_timeout = options.body_timeout = absl::Milliseconds(30);
  auto server = StartServer(options);
  TestClient head(server->port());
  CHECK(head.Ask("GET /a HTTP/1.1\r\nHost").code == 408);
  CHECK(head.Closed());
  TestClient body(server->port());
  CHECK(body.Ask("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe").code == 408);
  CHECK(body.Closed());
}

TEST_CASE("a body that keeps coming, but too slowly, is answered 408", "[gateway][R31]") {
  HttpServerOptions options = Quick();
  options.body_timeout = absl::Milliseconds(30);
  options.least_bytes_a_second = 1 << 30;
  auto server = StartServer(options);
  TestClient client(server->port());
  client.Send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
  for (int i = 0; i < 200'000 && client.Send("x"); ++i) {
  }
  CHECK(client.Receive().code == 408);
}

TEST_CASE("a client that does not read its answer, or too slowly, is cut off", "[gateway][R31]") {
  HttpServerOptions options = Quick();
  options.idle_timeout = absl::Milliseconds(30);
  options.least_bytes_a_second = 1 << 30;
  constexpr std::size_t kLarge = 32 << 20;
  auto server = StartServer(options, [](const HttpRequest&, HttpRespond respond) {
    HttpResponse response;
    response.body.assign(kLarge, 'x');
    std::move(respond)(std::move(response));
  });
  TestClient deaf(server->port()), slow(server->port());
  deaf.Send(kGet);
  slow.Send(kGet);
  std::size_t got = 0;
  while (got < kLarge && slow.Skip(16)) got += 16;
  CHECK(got < kLarge);
  // Ends only when all connections have.
  CHECK(server->Drain(absl::InfiniteDuration()));
}

TEST_CASE("an idle connection is closed without a word", "[gateway]") {
  HttpServerOptions options = Quick();
  options.idle_timeout = absl::Milliseconds(30);
  auto server = StartServer(options);
  TestClient client(server->port());
  CHECK(client.Ask(kGet).code == 200);
  CHECK(client.Closed());
  CHECK(TestClient(server->port()).Closed());
}

TEST_CASE("a handler that never answers is given up with 504", "[gateway]") {
  HttpServerOptions options = Quick();
  options.answer_timeout = absl::Milliseconds(30);
  std::vector<HttpRespond> held;
  auto server = StartServer(options, [&](const HttpRequest&, HttpRespond respond) {
    held.push_back(std::move(respond));
  });
  TestClient client(server->port());
  CHECK(client.Ask(kGet).code == 504);
  CHECK(client.Closed());
}

TEST_CASE("connections beyond the most are refused, and taken again when others leave",
          "[gateway]") {
  HttpServerOptions options = Quick();
  options.max_connections = 2;
  auto server = StartServer(options);
  auto first = std::make_unique<TestClient>(server->port());
  TestClient second(server->port());
  REQUIRE(first->Ask(kGet).code == 200);
  REQUIRE(second.Ask(kGet).code == 200);
  TestClient third(server->port());
  CHECK(third.Receive().code == 503);
  CHECK(third.Closed());
  first.reset();
  // The server learns of the close in its own time.
  int code = 0;
  for (int i = 0; i < 10000 && code != 200; ++i) code = TestClient(server->port()).Ask(kGet).code;
  CHECK(code == 200);
}

TEST_CASE("a client that leaves before the answer disturbs nobody", "[gateway]") {
  absl::Notification asked;
  absl::optional<HttpRespond> held;
  auto server = StartServer(Quick(), [&](const HttpRequest& request, HttpRespond respond) {
    if (request.path == "/next") return Echo(request, std::move(respond));
    held.emplace(std::move(respond));
    asked.Notify();
  });
  {
    TestClient client(server->port());
    client.Send(kGet);
    asked.WaitForNotification();
  }
  std::move (*held)(HttpResponse());
  CHECK(TestClient(server->port()).Ask(kNext).code == 200);
}

TEST_CASE("draining ends idle connections, lets requests finish, and takes no new ones",
          "[gateway]") {
  absl::Notification asked;
  absl::optional<HttpRespond> held;
  auto server = StartServer(Quick(), [&](const HttpRequest& request, HttpRespond respond) {
    if (request.path == "/next") return Echo(request, std::move(respond));
    held.emplace(std::move(respond));
    asked.Notify();
  });
  TestClient idle(server->port()), busy(server->port());
  REQUIRE(idle.Ask("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").code == 200);
  busy.Send(kGet);
  asked.WaitForNotification();
  bool finished = false;
  std::thread drain([&] { finished = server->Drain(absl::Seconds(30)); });
  CHECK(idle.Closed());
  CHECK(TestClient(server->port()).Ask(kGet).code == 0);
  std::move (*held)(HttpResponse());
  ClientResponse last = busy.Receive();
  CHECK(last.code == 200);
  CHECK(last.Field("Connection") == "close");
  CHECK(busy.Closed());
  drain.join();
  CHECK(finished);
}

TEST_CASE("draining gives up what does not finish in its time", "[gateway]") {
  std::vector<HttpRespond> held;
  absl::Notification asked;
  auto server = StartServer(Quick(), [&](const HttpRequest&, HttpRespond respond) {
    held.push_back(std::move(respond));
    asked.Notify();
  });
  TestClient client(server->port());
  client.Send(kGet);
  asked.WaitForNotification();
  CHECK_FALSE(server->Drain(absl::Milliseconds(10)));
  held.clear();
}

TEST_CASE("several threads serve as one does", "[gateway]") {
  HttpServerOptions options = Quick();
  options.threads = 3;
  auto server = StartServer(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(std::make_unique<TestClient>(server->port()));
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients) CHECK(client->Ask(kGet).body == "GET /a ");
  }
  CHECK(server->Drain(absl::Seconds(30)));
}

TEST_CASE("an address that is taken is an error with a reason", "[gateway]") {
  auto server = StartServer();
  HttpServerOptions options = Quick();
  options.port = server->port();
  auto second = HttpServer::Start(options, Echo);
  CHECK(absl::IsUnavailable(second.status()));
  CHECK(absl::StrContains(second.status().message(), absl::StrCat("port ", server->port())));
}

// --- streams -----------------------------------------------------------------------------------

// Says what it is given to say, and tells when it is destroyed.
struct Script {
  std::vector<std::string> parts;  // then, by `end`: the end, nothing more, or no answer
  enum End { kEnd, kWait, kGiveUp } end = kEnd;
  bool other_thread = false;
  absl::Notification destroyed;
};

class ScriptedStream : public HttpStream {
 public:
  explicit ScriptedStream(Script* script) : script_(script) {}
  ~ScriptedStream() override {
    if (speaker_.joinable()) speaker_.join();
    script_->destroyed.Notify();
  }
  void Next(HttpRespond respond) override {
    bool over = said_ == script_->parts.size();
    if (over && script_->end == Script::kWait) {
      waiting_.emplace(std::move(respond));
      return;
    }
    if (over && script_->end == Script::kGiveUp) return;
    HttpResponse part;
    part.code = over ? 204 : 200;
    if (!over) part.body = script_->parts[said_++];
    if (!script_->other_thread) return std::move(respond)(std::move(part));
    if (speaker_.joinable()) speaker_.join();
    speaker_ = std::thread([respond = std::move(respond), part = std::move(part)]() mutable {
      std::move(respond)(std::move(part));
    });
  }

 private:
  Script* const script_;
  std::size_t said_ = 0;
  absl::optional<HttpRespond> waiting_;
  std::thread speaker_;
};

std::unique_ptr<HttpServer> StartStreaming(Script* script, HttpServerOptions options = Quick()) {
  return StartServer(std::move(options), [script](const HttpRequest& request, HttpRespond respond) {
    if (request.path == "/next") return Echo(request, std::move(respond));
    HttpResponse response;
    response.content_type = "text/plain";
    response.body = "first";
    response.stream = std::make_unique<ScriptedStream>(script);
    std::move(respond)(std::move(response));
  });
}

// Asks, and hears the first part.
void Begin(TestClient& client) {
  client.Send(kGet);
  CHECK(client.Receive().code == 200);
  CHECK(client.Chunk() == "first");
}

TEST_CASE("a stream's parts come in order, and its end is told", "[gateway][stream]") {
  for (bool other_thread : {false, true}) {
    Script script;
    script.other_thread = other_thread;
    // As many as would not fit the stack, were each asked for within the one before.
    for (int i = 0; i < 20'000; ++i) script.parts.push_back(i % 3 == 0 ? "" : absl::StrCat(i));
    auto server = StartStreaming(&script);
    TestClient client(server->port());
    client.Send(kGet);
    ClientResponse head = client.Receive();
    CHECK(head.code == 200);
    CHECK(head.Field("Transfer-Encoding") == "chunked");
    CHECK(head.Field("Content-Length") == "");
    CHECK(head.Field("Connection") == "close");
    CHECK(client.Chunk() == "first");
    bool in_order = true;
    for (const std::string& part : script.parts) {
      in_order = in_order && (part.empty() || client.Chunk() == part);
    }
    CHECK(in_order);
    CHECK(client.Chunk() == "");
    CHECK(client.EndedInOrder());
    CHECK(client.Closed());
    script.destroyed.WaitForNotification();
  }
}

TEST_CASE("a stream in HTTP/1.0 has no chunks and ends with the connection", "[gateway][stream]") {
  Script script;
  script.parts = {", second"};
  auto server = StartStreaming(&script);
  TestClient client(server->port());
  client.Send("GET /a HTTP/1.0\r\n\r\n");
  CHECK(client.Receive().Field("Transfer-Encoding") == "");
  CHECK(client.Rest() == "first, second");
}

TEST_CASE("HEAD of what would be a stream has no body", "[gateway][stream]") {
  Script script;
  auto server = StartStreaming(&script);
  TestClient client(server->port());
  CHECK(client.Ask("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n").code == 200);
  script.destroyed.WaitForNotification();
}

TEST_CASE("a stream that gives up is cut off, not ended", "[gateway][stream]") {
  Script script;
  script.end = Script::kGiveUp;
  auto server = StartStreaming(&script);
  TestClient client(server->port());
  Begin(client);
  CHECK(client.Chunk() == "");
  CHECK_FALSE(client.EndedInOrder());
  CHECK(client.Closed());
}

TEST_CASE("a client that goes away ends its stream at once", "[gateway][stream]") {
  Script script;
  script.end = Script::kWait;
  auto server = StartStreaming(&script);
  {
    TestClient client(server->port());
    Begin(client);
  }
  script.destroyed.WaitForNotification();
}

TEST_CASE("a stream that says nothing for too long is cut off", "[gateway][stream]") {
  Script script;
  script.end = Script::kWait;
  HttpServerOptions options = Quick();
  options.answer_timeout = absl::Milliseconds(20);
  auto server = StartStreaming(&script, std::move(options));
  TestClient client(server->port());
  Begin(client);
  CHECK(client.Chunk() == "");
  CHECK_FALSE(client.EndedInOrder());
  script.destroyed.WaitForNotification();
}

TEST_CASE("a client that reads too slowly is dropped, and costs one part meanwhile",
          "[gateway][stream]") {
  Script script;
  for (int i = 0; i < 1000; ++i) script.parts.push_back(std::string(1 << 20, 'x'));
  HttpServerOptions options = Quick();
  options.idle_timeout = absl::Milliseconds(50);
  auto server = StartStreaming(&script, std::move(options));
  TestClient client(server->port());
  client.Send(kGet);
  script.destroyed.WaitForNotification();
  CHECK_FALSE(client.EndedInOrder());
}

TEST_CASE("a server that drains ends its streams in order", "[gateway][stream]") {
  Script script;
  script.end = Script::kWait;
  auto server = StartStreaming(&script);
  TestClient client(server->port());
  Begin(client);
  bool drained = false;
  std::thread drain([&] { drained = server->Drain(absl::Seconds(10)); });
  CHECK(client.Chunk() == "");
  CHECK(client.EndedInOrder());
  CHECK(client.Closed());
  client.Close();
  drain.join();
  CHECK(drained);
}

TEST_CASE("what a client sends into a stream is nobody's", "[gateway][stream]") {
  Script script;
  script.parts = {"second"};
  auto server = StartStreaming(&script);
  TestClient client(server->port());
  client.Send(absl::StrCat(kGet, kNext, kNext));
  client.Receive();
  CHECK(client.Chunk() == "first");
  CHECK(client.Chunk() == "second");
  CHECK(client.Chunk() == "");
  CHECK(client.EndedInOrder());
  CHECK(client.Closed());
}

}  // namespace
}  // namespace linjuli
