#pragma once
// A server on a raw socket that does what a test tells it: each connection runs the script on a thread of its
// own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tributary::testing {

class HostileServer {
 public:
  // One accepted connection.
  class Peer {
   public:
    Peer(int fd, const HostileServer& server) : fd_(fd), server_(server) {}
    // Reads up to the empty line and as much body as Content-Length says; "" when the client went away.
    std::string readRequest() {
      std::string& text = pending_;
      std::size_t end = std::string::npos;
      while ((end = text.find("\r\n\r\n")) == std::string::npos) {
        if (!more()) return {};
      }
      std::size_t length = 0;
      const std::size_t at = text.find("Content-Length: ");
      if (at != std::string::npos && at < end) length = std::stoul(text.substr(at + 16));
      while (text.size() < end + 4 + length) {
        if (!more()) return {};
      }
      std::string request = text.substr(0, end + 4 + length);
      text.erase(0, request.size());
      return request;
    }
    bool send(std::string_view bytes) {
      while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      return true;
    }
    // The next close sends RST instead of FIN.
    void reset() {
      const linger hard{1, 0};
      ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    // Says nothing until the client goes away or the server stops.
    void hang() {
      while (more()) {
      }
    }

   private:
    bool more() {
      char buffer[65536];
      while (!server_.stopping_) {
        pollfd wait{fd_, POLLIN, 0};
        const int ready = ::poll(&wait, 1, 20);
        if (ready < 0) return false;
        if (ready == 0) continue;
        const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
        if (got <= 0) return false;
        pending_.append(buffer, static_cast<std::size_t>(got));
        return true;
      }
      return false;
    }
    int fd_;
    const HostileServer& server_;
    std::string pending_;
  };

  explicit HostileServer(std::function<void(Peer&)> script) : script_(std::move(script)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd_, 64) != 0) {
      throw std::runtime_error("cannot listen");
    }
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;
  ~HostileServer() {
    stopping_ = true;
    acceptor_.join();
    ::close(fd_);
    for (std::thread& thread : threads_) thread.join();
  }

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view host = "127.0.0.1") const {
    return "http://" + std::string(host) + ":" + std::to_string(port_);
  }
  int connections() const { return connections_; }

 private:
  void accept() {
    while (!stopping_) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++connections_;
      threads_.emplace_back([this, fd] {
        Peer peer(fd, *this);
        script_(peer);
        ::close(fd);
      });
    }
  }

  std::function<void(Peer&)> script_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread acceptor_;
  std::vector<std::thread> threads_;
};

}  // namespace tributary::testing
