#include "simulator/tcp_gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace tributary::simulator {
namespace {

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool sendAll(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

struct TcpGate::Impl {
  std::string host;
  std::uint16_t target = 0, port = 0;
  Socket listener;
  std::thread acceptor;
  std::mutex mutex;
  std::condition_variable changed;
  GateMode mode;
  std::uint64_t connections = 0;
  bool stopping = false;
  std::list<std::thread> threads;

  GateMode now() {
    const std::lock_guard lock(mutex);
    return mode;
  }
  bool ended() {
    const std::lock_guard lock(mutex);
    return stopping;
  }
  void accept();
  void serve(Socket client);
  bool answer(int client, char* data, std::size_t size, std::int64_t& passed);
};

TcpGate::TcpGate(std::string host, std::uint16_t port) : impl_(std::make_unique<Impl>()) {
  impl_->host = std::move(host);
  impl_->target = port;
}

TcpGate::~TcpGate() {
  stop();
}

Result<void> TcpGate::start() {
  impl_->listener = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const int fd = impl_->listener.fd();
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(fd, 64) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return fail(ErrorCode::kUnavailable, std::string("cannot listen: ") + std::strerror(errno));
  }
  impl_->port = ntohs(address.sin_port);
  impl_->acceptor = std::thread([impl = impl_.get()] { impl->accept(); });
  return {};
}

void TcpGate::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return;
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  if (impl_->acceptor.joinable()) impl_->acceptor.join();
  for (std::thread& thread : impl_->threads) thread.join();
}

std::uint16_t TcpGate::port() const {
  return impl_->port;
}

void TcpGate::setMode(const GateMode& mode) {
  const std::lock_guard lock(impl_->mutex);
  impl_->mode = mode;
  impl_->changed.notify_all();
}

std::uint64_t TcpGate::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->connections;
}

void TcpGate::Impl::accept() {
  while (!ended()) {
    pollfd waiting{listener.fd(), POLLIN, 0};
    if (::poll(&waiting, 1, 50) <= 0) continue;
    Socket client(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.fd() < 0) continue;
    const std::lock_guard lock(mutex);
    ++connections;
    if (mode.refuse) continue;
    threads.emplace_back([this, c = std::move(client)]() mutable { serve(std::move(c)); });
  }
}

// Passes a piece of the answer on as the mode says; false ends the connection.
bool TcpGate::Impl::answer(int client, char* data, std::size_t size, std::int64_t& passed) {
  while (size > 0) {
    const GateMode m = now();
    std::size_t piece = m.slice > 0 ? std::min(m.slice, size) : size;
    for (const std::int64_t limit : {m.reset_after, m.cut_after}) {
      if (limit >= 0)
        piece = std::min(piece, static_cast<std::size_t>(std::max<std::int64_t>(0, limit - passed)));
    }
    if (m.corrupt_after >= passed && m.corrupt_after < passed + static_cast<std::int64_t>(piece)) {
      data[m.corrupt_after - passed] = static_cast<char>(data[m.corrupt_after - passed] ^ 0x10);
    }
    if (piece > 0 && !sendAll(client, data, piece)) return false;
    data += piece;
    size -= piece;
    passed += static_cast<std::int64_t>(piece);
    if (m.reset_after >= 0 && passed >= m.reset_after) {
      const linger now_linger{1, 0};  // close() sends RST
      ::setsockopt(client, SOL_SOCKET, SO_LINGER, &now_linger, sizeof now_linger);
      return false;
    }
    if (m.cut_after >= 0 && passed >= m.cut_after) return false;
    if (m.slice > 0) {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, m.slice_pause, [&] { return stopping; });
      if (stopping) return false;
    }
  }
  return true;
}

void TcpGate::Impl::serve(Socket client) {
  Socket server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1 ||
      ::connect(server.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return;
  }
  const int on = 1;
  for (const int fd : {client.fd(), server.fd()}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::vector<char> buffer(1 << 16);
  std::int64_t passed = 0;
  while (!ended()) {
    pollfd ends[2] = {{client.fd(), POLLIN, 0}, {server.fd(), POLLIN, 0}};
    if (::poll(ends, 2, 50) <= 0) continue;
    if (now().hang) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return stopping || !mode.hang; });
      continue;
    }
    if (ends[0].revents != 0) {
      const ssize_t n = ::recv(client.fd(), buffer.data(), buffer.size(), 0);
      if (n <= 0 || !sendAll(server.fd(), buffer.data(), static_cast<std::size_t>(n))) return;
      passed = 0;  // limits count from the last request
    }
    if (ends[1].revents != 0) {
      const ssize_t n = ::recv(server.fd(), buffer.data(), buffer.size(), 0);
      if (n <= 0 || !answer(client.fd(), buffer.data(), static_cast<std::size_t>(n), passed)) return;
    }
  }
}

}  // namespace tributary::simulator
