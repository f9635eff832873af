// Asks a gateway for a mix of calls, and tells how many were answered, how fast, and how many were
// refused.
//
//   overload ADDRESS:PORT FOLDER CONNECTIONS SECONDS RATE SEED
//
// With a rate the loop is open: calls come when they come, at random times of that rate, whatever
// became of those before; one for which no connection is free waits, for a second at most, and its
// time counts from when it came (no coordinated omission). With rate 0 it is closed: each
// connection asks as soon as it has its answer. FOLDER holds tokens.txt (people), auditor.txt (a
// token that may follow the log), names.txt and pages.txt (paths), texts.txt and divisions.txt (of
// needs). The first fifth of the time is not counted. Prints one JSON object.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace {

// The mix, in hundredths.
struct Kind {
  const char* name;
  int share;
};
enum { kGet, kPage, kRegister, kUrgent, kFeed, kBatch, kKinds };
constexpr Kind kMix[kKinds] = {{"get", 48},   {"page", 18}, {"register", 24},
                               {"urgent", 4}, {"feed", 4},  {"batch", 2}};

// A server on the same machine needs the time in which nothing is to be asked; what comes in a
// pause is asked after it.
constexpr timespec kPause{0, 200'000}, kLong{0, 10'000'000};
// Who finds no free connection for so long has gone: in seconds.
constexpr double kPatience = 1;

double Now() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) {
    std::fprintf(stderr, "%s has no lines\n", path.c_str());
    std::exit(2);
  }
  return lines;
}

struct Arrival {
  double at = 0;
  int kind = 0;
};

struct Connection {
  int fd = -1;
  bool busy = false;
  Arrival asked;
  std::string out, in;
  std::size_t sent = 0;
};

struct Tally {
  long sent = 0, answered = 0, refused = 0, failed = 0;
  std::vector<double> times, refusals;
};

class Load {
 public:
  Load(const std::string& address, const std::string& folder, int connections, unsigned seed)
      : dice_(seed),
        names_(Lines(folder + "/names.txt")),
        pages_(Lines(folder + "/pages.txt")),
        texts_(Lines(folder + "/texts.txt")),
        divisions_(Lines(folder + "/divisions.txt")),
        connections_(connections) {
    std::vector<std::string> parts = absl::StrSplit(address, ':');
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<uint16_t>(std::atoi(parts[1].c_str())));
    inet_pton(AF_INET, parts[0].c_str(), &address_.sin_addr);
    for (const auto& token : Lines(folder + "/tokens.txt")) people_.push_back(Fields(token));
    auditor_ = Fields(Lines(folder + "/auditor.txt")[0]);
    prefix_ = absl::StrCat("load-", seed, "-");
    epoll_ = epoll_create1(0);
    for (Connection& connection : connections_) {
      Open(connection);
      idle_.push_back(&connection);
    }
  }

  void Run(double seconds, double rate) {
    begun_ = Now();
    counted_from_ = begun_ + seconds / 5;
    ends_ = begun_ + seconds;
    std::exponential_distribution<double> gap(rate > 0 ? rate : 1);
    double next = rate > 0 ? begun_ + gap(dice_) : 0;
    if (rate == 0) {
      for (Connection& connection : connections_) Ask(connection, {Now(), Draw()});
      idle_.clear();
    }
    // What was asked in time is waited for a while longer.
    while (Now() < ends_ || (busy_ > 0 && Now() < ends_ + 2)) {
      double now = Now();
      while (rate > 0 && next <= now && next < ends_) {
        waiting_.push_back({next, Draw()});
        if (next >= counted_from_) ++tallies_[waiting_.back().kind].sent;
        next += gap(dice_);
      }
      while (!waiting_.empty() && !idle_.empty()) {
        Arrival arrival = waiting_.front();
        waiting_.pop_front();
        if (now - arrival.at > kPatience) {
          if (arrival.at >= counted_from_) ++gone_;
          continue;
        }
        Connection& connection = *idle_.front();
        idle_.pop_front();
        Ask(connection, arrival);
      }
      epoll_event events[256];
      int count = epoll_pwait2(epoll_, events, 256, rate > 0 ? &kPause : &kLong, nullptr);
      for (int i = 0; i < count; ++i) {
        Connection& connection = *static_cast<Connection*>(events[i].data.ptr);
        if (events[i].events & EPOLLOUT) Send(connection);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
          if (Receive(connection) && rate == 0 && Now() < ends_) {
            idle_.pop_back();
            Ask(connection, {Now(), Draw()});
          }
        }
      }
    }
    Print(seconds - (counted_from_ - begun_));
  }

 private:
  static std::string Fields(const std::string& token) {
    return absl::StrCat(" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", token, "\r\n");
  }

  int Draw() {
    int place = static_cast<int>(dice_() % 100);
    for (int kind = 0; kind < kKinds; ++kind) {
      if (place < kMix[kind].share) return kind;
      place -= kMix[kind].share;
    }
    return kGet;
  }

  const std::string& OneOf(const std::vector<std::string>& all) {
    return all[dice_() % all.size()];
  }

  std::string Need(bool urgent) {
    return absl::StrCat("{\"text\":\"", OneOf(texts_), "\",\"division\":\"", OneOf(divisions_),
                        "\",\"channel\":\"ONLINE\"", urgent ? ",\"urgent\":true" : "", "}");
  }

  void Open(Connection& connection) {
    if (connection.fd >= 0) close(connection.fd);
    connection.fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)) != 0) {
      std::perror("connect");
      std::exit(2);
    }
    connection.in.clear();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  void Ask(Connection& connection, const Arrival& arrival) {
    connection.asked = arrival;
    connection.busy = true;
    ++busy_;
    const std::string& person = OneOf(people_);
    std::string body, path;
    switch (arrival.kind) {
      case kGet:
        connection.out = absl::StrCat("GET ", OneOf(names_), person, "\r\n");
        break;
      case kPage:
        connection.out = absl::StrCat("GET ", OneOf(pages_), person, "\r\n");
        break;
      case kFeed:
        connection.out =
            absl::StrCat("GET /v1/changes/needs_intake?pageSize=20&afterSequence=", dice_() % 5000,
                         auditor_, "\r\n");
        break;
      case kBatch:
        for (int i = 0; i < 20; ++i) {
          absl::StrAppend(&body, i == 0 ? "{\"requests\":[" : ",", "{\"need\":", Need(false),
                          ",\"requestId\":\"", prefix_, ++count_, "\"}");
        }
        body += "]}";
        path = "/v1/needs:batchCreate";
        break;
      default:
        body = Need(arrival.kind == kUrgent);
        path = "/v1/needs";
    }
    if (!path.empty()) {
      connection.out = absl::StrCat(
          "POST ", path, person, "Idempotency-Key: ", prefix_, ++count_,
          "\r\nContent-Type: application/json\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    }
    connection.sent = 0;
    Send(connection);
  }

  void Send(Connection& connection) {
    while (connection.sent < connection.out.size()) {
      ssize_t sent = send(connection.fd, connection.out.data() + connection.sent,
                          connection.out.size() - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) break;
      connection.sent += static_cast<std::size_t>(sent);
    }
    bool more = connection.sent < connection.out.size();
    if (!more && connection.out.size() < 60'000) return;
    epoll_event event{};
    event.events = more ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  // True when an answer was complete; the connection is the last idle one then.
  bool Receive(Connection& connection) {
    char bytes[1 << 16];
    ssize_t got = recv(connection.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (got <= 0) {
      Open(connection);
      if (!connection.busy) return false;
      Done(connection, 0);
      idle_.push_back(&connection);
      return true;
    }
    connection.in.append(bytes, static_cast<std::size_t>(got));
    std::size_t head = connection.in.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    std::size_t at = connection.in.find("Content-Length: ");
    std::size_t length = at < head ? std::strtoul(connection.in.c_str() + at + 16, nullptr, 10) : 0;
    if (connection.in.size() < head + 4 + length) return false;
    int code = std::atoi(connection.in.c_str() + 9);
    bool closes = connection.in.substr(0, head).find("Connection: close") != std::string::npos;
    connection.in.clear();
    Done(connection, code);
    if (closes) Open(connection);
    idle_.push_back(&connection);
    return true;
  }

  void Done(Connection& connection, int code) {
    connection.busy = false;
    --busy_;
    double now = Now();
    if (connection.asked.at < counted_from_ || connection.asked.at >= ends_) return;
    Tally& tally = tallies_[connection.asked.kind];
    double took = now - connection.asked.at;
    if (code == 200) {
      // What comes after the end is an answer, but none that counts for the rate.
      if (now < ends_) ++tally.answered;
      tally.times.push_back(took);
    } else if (code == 429 || code == 503) {
      ++tally.refused;
      tally.refusals.push_back(took);
    } else {
      ++tally.failed;
    }
  }

  static double At(std::vector<double>& times, double share) {
    if (times.empty()) return 0;
    auto place = times.begin() + static_cast<long>(share * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), place, times.end());
    return *place * 1000;
  }

  static std::string Shown(Tally& tally, double seconds) {
    return absl::StrCat("{\"sent\":", tally.sent, ",\"rate\":", tally.answered / seconds,
                        ",\"answered\":", tally.times.size(), ",\"refused\":", tally.refused,
                        ",\"failed\":", tally.failed, ",\"p50\":", At(tally.times, 0.5),
                        ",\"p99\":", At(tally.times, 0.99),
                        ",\"refusal_p99\":", At(tally.refusals, 0.99), "}");
  }

  void Print(double seconds) {
    Tally all;
    std::string kinds;
    for (int kind = 0; kind < kKinds; ++kind) {
      Tally& tally = tallies_[kind];
      all.sent += tally.sent;
      all.answered += tally.answered;
      all.refused += tally.refused;
      all.failed += tally.failed;
      all.times.insert(all.times.end(), tally.times.begin(), tally.times.end());
      all.refusals.insert(all.refusals.end(), tally.refusals.begin(), tally.refusals.end());
      absl::StrAppend(&kinds, ",\"", kMix[kind].name, "\":", Shown(tally, seconds));
    }
    std::printf("{\"all\":%s%s,\"left\":%d,\"gone\":%ld}\n", Shown(all, seconds).c_str(),
                kinds.c_str(), busy_ + static_cast<int>(waiting_.size()), gone_);
  }

  std::mt19937 dice_;
  const std::vector<std::string> names_, pages_, texts_, divisions_;
  std::vector<std::string> people_;
  std::string auditor_, prefix_;
  sockaddr_in address_{};
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::deque<Connection*> idle_;
  std::deque<Arrival> waiting_;
  std::array<Tally, kKinds> tallies_;
  int busy_ = 0;
  long count_ = 0;
  long gone_ = 0;
  double begun_ = 0, counted_from_ = 0, ends_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "overload ADDRESS:PORT FOLDER CONNECTIONS SECONDS RATE SEED\n");
    return 2;
  }
  Load load(argv[1], argv[2], std::atoi(argv[3]), static_cast<unsigned>(std::atoi(argv[6])));
  load.Run(std::atof(argv[4]), std::atof(argv[5]));
  return 0;
}
