// A client for the gateway's tests that sends bytes as they are given.
#ifndef LINJULI_SERVICES_GATEWAY_TEST_CLIENT_H_
#define LINJULI_SERVICES_GATEWAY_TEST_CLIENT_H_

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace linjuli {

struct ClientResponse {
  int code = 0;  // 0: there was none
  std::string head;
  std::string body;

  // The value of a field, empty where there is none.
  std::string Field(absl::string_view name) const {
    std::string wanted = absl::StrCat("\r\n", name, ": ");
    std::size_t at = head.find(wanted);
    if (at == std::string::npos) return "";
    at += wanted.size();
    return head.substr(at, head.find("\r\n", at) - at);
  }
};

class TestClient {
 public:
  explicit TestClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    // A server that says nothing fails the test, and does not hang it.
    timeval patience{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~TestClient() { ::close(socket_); }
  TestClient(const TestClient&) = delete;

  bool connected() const { return connected_; }

  // False where the server has closed already.
  bool Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // The next response; `headless` where it has no body whatever it says, as to HEAD.
  ClientResponse Receive(bool headless = false) {
    ClientResponse response;
    std::size_t end;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!More()) return response;
    }
    response.head = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    std::size_t length = 0;
    if (!absl::SimpleAtoi(response.Field("Content-Length"), &length)) length = 0;
    if (headless) length = 0;
    while (input_.size() < length) {
      if (!More()) return response;
    }
    response.body = input_.substr(0, length);
    input_.erase(0, length);
    response.code = std::atoi(response.head.substr(9, 3).c_str());
    return response;
  }

  ClientResponse Ask(absl::string_view request) {
    Send(request);
    return Receive(absl::StartsWith(request, "HEAD "));
  }

  // The next chunk of an answer in chunks whose head was received; empty where there is none.
  std::string Chunk() {
    std::size_t line, size = 0;
    while ((line = input_.find("\r\n")) == std::string::npos) {
      if (!More()) return "";
    }
    if (!absl::SimpleHexAtoi(input_.substr(0, line), &size)) return "";
    while (input_.size() < line + 4 + size) {
      if (!More()) return "";
    }
    std::string chunk = input_.substr(line + 2, size);
    input_.erase(0, line + 4 + size);
    last_chunk_ = size == 0;
    return chunk;
  }
  // Whether the last chunk was the one that ends the answer.
  bool EndedInOrder() const { return last_chunk_; }

  // Everything until the server ends the connection.
  std::string Rest() {
    while (More()) {
    }
    return std::move(input_);
  }
  void Close() { ::shutdown(socket_, SHUT_RDWR); }

  // Takes so many bytes unread; false where the server has ended.
  bool Skip(std::size_t bytes) {
    char taken[64];
    return ::recv(socket_, taken, std::min(bytes, sizeof(taken)), 0) > 0;
  }

  // Whether the server ends the connection, and sends nothing before.
  bool Closed() { return input_.empty() && !More() && input_.empty() && ended_; }

 private:
  bool More() {
    char bytes[64 * 1024];
    ssize_t got = ::recv(socket_, bytes, sizeof(bytes), 0);
    // A reset is an end too: of a server that was sent more than it wanted.
    ended_ = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got <= 0) return false;
    input_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  bool connected_ = false;
  bool ended_ = false;
  bool last_chunk_ = false;
  std::string input_;
};

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_TEST_CLIENT_H_
