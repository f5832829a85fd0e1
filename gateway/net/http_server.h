#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/http.h"
#include "net/url.h"

namespace tributary::net {

struct TlsServerOptions {
  std::string certificate_file = {};  // PEM chain; empty: plain HTTP
  std::string key_file = {};          // PEM
  std::string client_ca_file = {};    // PEM; given: a client certificate from it is required (mutual TLS)
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one, see HttpServer::port()
  TlsServerOptions tls = {};
  std::uint32_t header_bytes = 16 << 10;
  std::uint64_t body_bytes = std::uint64_t{64} << 20;  // larger is answered with 413
  // A body above this size is collected in an unlinked temporary file and handed over as a mapping of it.
  std::uint64_t memory_body_bytes = 1 << 20;
  std::string temp_dir = {};  // empty: the system's
  Duration header_timeout = std::chrono::seconds(10);
  Duration body_idle_timeout = std::chrono::seconds(30);
  Duration body_timeout = std::chrono::minutes(10);
  Duration keep_alive_timeout = std::chrono::seconds(60);
  Duration write_timeout = std::chrono::minutes(2);
  std::size_t max_connections = 512;  // further ones wait in the listen queue
  std::size_t io_threads = 1;
  std::size_t workers = 4;         // threads that run handlers
  std::size_t max_waiting = 1024;  // requests waiting for a worker; further ones are answered with 503
};

// A complete request. Views live until the handler returns.
struct ServerRequest {
  Method method = Method::kGet;
  std::string target = {};  // as in the request line
  std::string path = {};    // without the query, still percent-encoded
  QueryParameters query = {};
  Headers headers = {};
  std::string_view body = {};
  std::string peer_address = {};
  std::string peer_subject = {};  // common name of the client certificate (mutual TLS)
  std::vector<std::pair<std::string, std::string>> path_parameters = {};  // filled by Router, percent-decoded

  std::string_view parameter(std::string_view name) const;       // of the path; "" where there is none
  std::string_view queryParameter(std::string_view name) const;  // the first; "" where there is none
};

struct ServerResponse {
  int status = 200;
  Headers headers = {};  // Content-Length, Connection, Date are the server's
  std::string body = {};
  bool drop = false;   // closes the connection without an answer (for simulated faults)
  bool close = false;  // closes the connection after the answer

  static ServerResponse json(int status, std::string body);
  static ServerResponse text(int status, std::string body);
};

using Handler = std::function<ServerResponse(const ServerRequest&)>;

// HTTP/1.1 with keep-alive on Boost.Beast. Handlers run on the worker threads, several at a time; a handler
// that throws is answered with 500 and a text that tells nothing. Its exception's text goes to `on_fault`, if
// given.
class HttpServer {
 public:
  HttpServer(ServerOptions options, Handler handler, std::function<void(std::string_view)> on_fault = {});
  ~HttpServer();  // stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens and returns; serves in threads of its own.
  Result<void> start();
  std::uint16_t port() const;  // after start()
  std::string url() const;     // "http://127.0.0.1:PORT", without a slash at the end
  // Accepts no more, lets requests in flight finish for up to `grace`, closes the rest. May be called twice.
  void stop(Duration grace = std::chrono::seconds(10));
  // Reads the certificate files again; new connections use them. An error leaves the former ones in place.
  Result<void> reloadTls();
  std::size_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Routes by method and path pattern: "/fhir/{type}/{id}" (one segment each), "/files/{rest*}" (all that
// follows, also nothing). Literal segments win over parameters. Unknown paths give 404, known paths with
// another method 405; HEAD is served by the GET route unless there is one of its own. Fill it before the
// server starts; then it is read-only.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  Router& add(Method method, std::string_view pattern, Handler handler);
  ServerResponse operator()(const ServerRequest& request) const;
  // The router as a Handler (shared by copies).
  static Handler handler(Router router);

 private:
  struct Route;
  std::vector<Route> routes_;
};

}  // namespace tributary::net
