#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/http.h"
#include "net/url.h"

namespace tributary::net {

struct TlsClientOptions {
  std::string ca_file = {};           // PEM; empty: the system's authorities
  std::string certificate_file = {};  // PEM chain, for mutual TLS
  std::string key_file = {};          // PEM
  std::string key_password = {};
  bool check_host_name = true;  // the chain is checked in any case
};

struct ClientLimits {
  Duration connect = std::chrono::seconds(10);  // name look-up, TCP and TLS together
  Duration total = std::chrono::minutes(5);     // the whole exchange, redirects included
  // Given up when fewer than this many bytes a second come or go over `low_speed_for`; 0 switches it off.
  std::uint32_t low_speed_bytes = 64;
  Duration low_speed_for = std::chrono::seconds(30);
  std::uint64_t body_bytes = std::uint64_t{64} << 20;  // of the answer, after decompression
  std::uint32_t header_bytes = 64 << 10;               // of the answer, all fields together
};

struct ClientOptions {
  ClientLimits limits = {};
  TlsClientOptions tls = {};
  bool allow_http = true;                       // false: https only
  std::vector<std::string> allowed_hosts = {};  // "host" or "host:port"; empty: any. Holds for redirects too
  int max_redirects = 0;                        // 0: a redirect is an answer like any other
  std::string proxy = {};  // empty: none; the proxy variables of the environment are never read
  std::string user_agent = "tributary";
  bool accept_gzip = true;
  std::size_t idle_sessions = 16;  // kept for reuse with their open connections
};

// Takes a piece of the answer's body as it comes; an Error ends the exchange and is what send() returns.
using BodySink = std::function<Result<void>(std::string_view piece)>;
// Fills the buffer from the request's body and returns how much; 0 is the end.
using BodySource = std::function<Result<std::size_t>(std::span<char> buffer)>;

struct Request {
  Method method = Method::kGet;
  std::string url = {};
  Headers headers = {};
  std::string body = {};
  // Instead of `body`: called on the sending thread, in all for `body_size` bytes. A request with a source is
  // sent once (no redirect is followed, no connection is tried a second time).
  BodySource body_source = {};
  std::uint64_t body_size = 0;
  // Where the body of a 2xx answer goes; other answers are kept in Response::body as far as the limit allows.
  BodySink sink = {};
  // Whether it may be sent twice. Unset: by the method. It decides between kRetryable and kUnknownOutcome,
  // and whether a kept-alive connection may be used (one that must not be repeated gets a fresh one: say true
  // where the receiver drops doubles, such as a search by POST).
  std::optional<bool> idempotent = {};
  std::optional<Duration> timeout = {};        // instead of ClientLimits::total
  std::optional<std::uint64_t> max_body = {};  // instead of ClientLimits::body_bytes
  std::stop_token cancel = {};
};

struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};  // empty when a sink took it
  std::string url = {};   // where the answer came from, after redirects
  bool ok() const { return status >= 200 && status < 300; }
};

// HTTP/1.1 on libcurl. Safe from any number of threads; each call uses a session of its own (a curl multi
// handle with its connections) that goes back to a pool. Any status is a Response; an Error means that there
// is no complete answer:
//   kInvalidArgument/kPermanent    bad URL, scheme or host not allowed
//   kUnavailable/kRetryable        no connection, or it broke and the request may be sent again
//   kUnavailable/kUnknownOutcome   it broke after a request went out that must not be repeated blindly
//   kTimeout                       likewise, retryable or unknown outcome by the same rule
//   kUnauthorised/kPermanent       the TLS handshake failed on certificates
//   kLimit/kPermanent              the answer is larger than allowed, or redirects go on
//   kMalformed/…                   not HTTP
// Authorization, Cookie and Proxy-Authorization never follow a redirect to another origin.
class HttpClient {
 public:
  explicit HttpClient(ClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<Response> send(const Request& request);
  // Many at once on the calling thread, at most `parallel` in flight; results in the order of the requests.
  std::vector<Result<Response>> sendAll(std::span<const Request> requests, std::size_t parallel = 8);

  const ClientOptions& options() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::net
