#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.h"
#include "net/internal/worker_pool.h"

namespace tributary::net {

// One connection as the server sees it.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  // Ends it when it waits for a request (or whatever it does, when `now`). Safe from any thread.
  virtual void close(bool now) = 0;
};

// What the connections share with the server.
struct ServerCore {
  ServerCore(const ServerOptions& o, Handler h, std::function<void(std::string_view)> fault)
      : options(o), handler(std::move(h)), on_fault(std::move(fault)) {}

  void add(const std::shared_ptr<Connection>& connection);
  void remove(Connection* connection);
  std::size_t count() const {
    const std::lock_guard lock(mutex);
    return connections.size();
  }

  const ServerOptions options;
  const Handler handler;
  const std::function<void(std::string_view)> on_fault;
  std::atomic<bool> stopping{false};
  std::unique_ptr<WorkerPool> workers;
  std::function<void()> on_removed;  // set once before the first connection

  mutable std::mutex mutex;
  std::condition_variable empty;
  // The connection keeps itself alive through its pending operations; this only finds it.
  std::vector<std::pair<Connection*, std::weak_ptr<Connection>>> connections;
};

std::shared_ptr<Connection> makePlainConnection(ServerCore& core, boost::asio::ip::tcp::socket socket);
// `context` is a shared_ptr<boost::asio::ssl::context>, kept by the connection.
std::shared_ptr<Connection> makeTlsConnection(ServerCore& core, boost::asio::ip::tcp::socket socket,
                                              std::shared_ptr<void> context);

}  // namespace tributary::net
