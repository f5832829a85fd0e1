#include "net/http_server.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <thread>

#include "net/internal/server_core.h"

namespace tributary::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

void ServerCore::add(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex);
  connections.emplace_back(connection.get(), connection);
}

void ServerCore::remove(Connection* connection) {
  {
    const std::lock_guard lock(mutex);
    std::erase_if(connections, [connection](const auto& entry) { return entry.first == connection; });
    if (connections.empty()) empty.notify_all();
  }
  if (on_removed) on_removed();
}

struct HttpServer::Impl {
  Impl(ServerOptions o, Handler handler, std::function<void(std::string_view)> on_fault)
      : core(o, std::move(handler), std::move(on_fault)),
        acceptor(asio::make_strand(io)),
        pause(acceptor.get_executor()) {}

  Result<void> listen();
  Result<std::shared_ptr<asio::ssl::context>> makeTls() const;
  void accept();
  void stop(Duration grace);

  ServerCore core;
  asio::io_context io;
  tcp::acceptor acceptor;
  asio::steady_timer pause;  // after an accept that failed, e.g. for want of file descriptors
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::vector<std::thread> threads;
  std::uint16_t port = 0;
  bool accepting = false;  // on the acceptor's strand
  bool running = false;

  std::mutex tls_mutex;
  std::shared_ptr<asio::ssl::context> tls;
};

Result<std::shared_ptr<asio::ssl::context>> HttpServer::Impl::makeTls() const {
  const TlsServerOptions& options = core.options.tls;
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  static constexpr unsigned char kSessionContext[] =
      "tributary";  // resumption with client certificates needs one
  SSL_CTX_set_session_id_context(context->native_handle(), kSessionContext, sizeof kSessionContext - 1);
  error_code error;
  const auto check = [&error](const std::string& file) -> Result<void> {
    if (!error) return {};
    return fail(ErrorCode::kInvalidArgument, "TLS file " + file + ": " + error.message());
  };
  context->use_certificate_chain_file(options.certificate_file, error);
  TRY_VOID(check(options.certificate_file));
  context->use_private_key_file(options.key_file, asio::ssl::context::pem, error);
  TRY_VOID(check(options.key_file));
  if (!options.client_ca_file.empty()) {
    context->load_verify_file(options.client_ca_file, error);
    TRY_VOID(check(options.client_ca_file));
    context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, error);
    TRY_VOID(check(options.client_ca_file));
  }
  return context;
}

Result<void> HttpServer::Impl::listen() {
  if (!core.options.tls.certificate_file.empty()) {
    TRY_ASSIGN(tls, makeTls());
  }
  error_code error;
  const auto address = asio::ip::make_address(core.options.address, error);
  if (error)
    return fail(ErrorCode::kInvalidArgument,
                "listen address " + core.options.address + ": " + error.message());
  const tcp::endpoint endpoint(address, core.options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(ErrorCode::kUnavailable, "cannot listen on " + core.options.address + " port " +
                                             std::to_string(core.options.port) + ": " + error.message());
  }
  port = acceptor.local_endpoint(error).port();
  return {};
}

void HttpServer::Impl::accept() {
  if (accepting || core.stopping || !acceptor.is_open()) return;
  if (core.count() >= core.options.max_connections) return;  // goes on when one ends
  accepting = true;
  acceptor.async_accept(asio::make_strand(io), [this](error_code error, tcp::socket socket) {
    accepting = false;
    if (error == asio::error::operation_aborted || core.stopping) return;
    if (error) {
      pause.expires_after(std::chrono::milliseconds(50));
      pause.async_wait([this](error_code cancelled) {
        if (!cancelled) accept();
      });
      return;
    }
    socket.set_option(tcp::no_delay(true), error);
    std::shared_ptr<asio::ssl::context> context;
    {
      const std::lock_guard lock(tls_mutex);
      context = tls;
    }
    auto connection = context ? makeTlsConnection(core, std::move(socket), context)
                              : makePlainConnection(core, std::move(socket));
    core.add(connection);
    connection->start();
    accept();
  });
}

void HttpServer::Impl::stop(Duration grace) {
  if (!running) return;
  running = false;
  core.stopping = true;
  asio::post(acceptor.get_executor(), [this] {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
  });
  const auto closeAll = [this](bool now) {
    std::vector<std::shared_ptr<Connection>>
        open;  // let go of outside the lock: the last owner removes itself
    {
      const std::lock_guard lock(core.mutex);
      for (const auto& [pointer, weak] : core.connections) {
        if (auto connection = weak.lock()) open.push_back(std::move(connection));
      }
    }
    for (const auto& connection : open) connection->close(now);
  };
  closeAll(false);
  {
    std::unique_lock lock(core.mutex);
    core.empty.wait_for(lock, grace, [this] { return core.connections.empty(); });
  }
  closeAll(true);
  core.workers->stop();
  {
    // Aborted operations end on the I/O threads; what could hang is bounded all the same.
    std::unique_lock lock(core.mutex);
    core.empty.wait_for(lock, std::chrono::seconds(5), [this] { return core.connections.empty(); });
  }
  work.reset();
  io.stop();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

HttpServer::HttpServer(ServerOptions options, Handler handler, std::function<void(std::string_view)> on_fault)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(on_fault))) {}

HttpServer::~HttpServer() {
  impl_->stop(std::chrono::seconds(10));
}

Result<void> HttpServer::start() {
  TRY_VOID(impl_->listen());
  Impl& impl = *impl_;
  impl.core.workers = std::make_unique<WorkerPool>(std::max<std::size_t>(1, impl.core.options.workers),
                                                   std::max<std::size_t>(1, impl.core.options.max_waiting));
  impl.core.on_removed = [&impl] {
    if (!impl.core.stopping) asio::post(impl.acceptor.get_executor(), [&impl] { impl.accept(); });
  };
  impl.work.emplace(impl.io.get_executor());
  impl.running = true;
  asio::post(impl.acceptor.get_executor(), [&impl] { impl.accept(); });
  for (std::size_t i = 0; i < std::max<std::size_t>(1, impl.core.options.io_threads); ++i) {
    impl.threads.emplace_back([&impl] { impl.io.run(); });
  }
  return {};
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}

std::string HttpServer::url() const {
  const ServerOptions& options = impl_->core.options;
  const bool wildcard = options.address == "0.0.0.0" || options.address == "::";
  std::string host = wildcard ? "127.0.0.1" : options.address;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return std::string(options.tls.certificate_file.empty() ? "http" : "https") + "://" + host + ":" +
         std::to_string(port());
}

void HttpServer::stop(Duration grace) {
  impl_->stop(grace);
}

Result<void> HttpServer::reloadTls() {
  TRY_ASSIGN(auto fresh, impl_->makeTls());
  const std::lock_guard lock(impl_->tls_mutex);
  impl_->tls = std::move(fresh);
  return {};
}

std::size_t HttpServer::connections() const {
  return impl_->core.count();
}

}  // namespace tributary::net
