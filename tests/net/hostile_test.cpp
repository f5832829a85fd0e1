// The client against servers that misbehave, and the server against clients that do.
#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "tests/net/hostile_server.h"

namespace tributary::net {
namespace {

using namespace std::chrono_literals;
using testing::HostileServer;
using Peer = HostileServer::Peer;

Result<Response> ask(const std::string& url, Method method = Method::kGet, ClientOptions options = {}) {
  HttpClient client(std::move(options));
  Request request;
  request.method = method;
  request.url = url;
  if (method == Method::kPost) request.body = "x";
  return client.send(request);
}

void expectError(const Result<Response>& result, ErrorCode code, RetryClass retry) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().text;
  EXPECT_EQ(result.error().retry, retry) << result.error().text;
}

TEST(Hostile, NobodyListens) {
  std::string url;
  {
    HostileServer server([](Peer&) {});
    url = server.url();
  }
  expectError(ask(url, Method::kPost), ErrorCode::kUnavailable, RetryClass::kRetryable);
  expectError(ask("http://no-such-host.invalid/"), ErrorCode::kUnavailable, RetryClass::kRetryable);
}

TEST(Hostile, Hangs) {
  HostileServer server([](Peer& peer) {
    peer.readRequest();
    peer.hang();
  });
  const ClientOptions options{.limits = {.total = 100ms}};
  expectError(ask(server.url(), Method::kGet, options), ErrorCode::kTimeout, RetryClass::kRetryable);
  expectError(ask(server.url(), Method::kPost, options), ErrorCode::kTimeout, RetryClass::kUnknownOutcome);
}

TEST(Hostile, HangsAfterTheHeader) {
  HostileServer server([](Peer& peer) {
    peer.readRequest();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    peer.hang();
  });
  const ClientOptions options{.limits = {.total = 100ms}};
  expectError(ask(server.url(), Method::kGet, options), ErrorCode::kTimeout, RetryClass::kRetryable);
  expectError(ask(server.url(), Method::kPost, options), ErrorCode::kTimeout, RetryClass::kUnknownOutcome);
}

TEST(Hostile, TricklesBelowTheLowSpeed) {
  HostileServer server([](Peer& peer) {
    peer.readRequest();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.hang();
  });
  const ClientOptions options{.limits = {.total = 30s, .low_speed_bytes = 1000, .low_speed_for = 1s}};
  const auto begin = std::chrono::steady_clock::now();
  expectError(ask(server.url(), Method::kGet, options), ErrorCode::kTimeout, RetryClass::kRetryable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(Hostile, SlicesItsAnswerIntoSingleBytes) {
  HostileServer server([](Peer& peer) {
    peer.readRequest();
    for (const char c : std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello")) {
      if (!peer.send({&c, 1})) return;
    }
  });
  const auto response = ask(server.url());
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->headers.get("x-a"), "b");
}

TEST(Hostile, ResetsBeforeAndInTheAnswer) {
  HostileServer before([](Peer& peer) {
    peer.readRequest();
    peer.reset();
  });
  expectError(ask(before.url()), ErrorCode::kUnavailable, RetryClass::kRetryable);
  expectError(ask(before.url(), Method::kPost), ErrorCode::kUnavailable, RetryClass::kUnknownOutcome);
  HostileServer within([](Peer& peer) {
    peer.readRequest();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
  });
  expectError(ask(within.url()), ErrorCode::kUnavailable, RetryClass::kRetryable);
  expectError(ask(within.url(), Method::kPost), ErrorCode::kUnavailable, RetryClass::kUnknownOutcome);
}

// The trap: curl sends a request a second time when a kept-alive connection is found dead.
TEST(Hostile, APostIsNeverSentTwiceBehindOurBack) {
  std::atomic<int> posts{0};
  HostileServer server([&](Peer& peer) {
    for (;;) {
      const std::string request = peer.readRequest();
      if (request.empty()) return;
      if (request.starts_with("POST")) {
        ++posts;
        return;  // taken, and the connection closed without a word
      }
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  HttpClient client;
  Request warm;
  warm.url = server.url();
  ASSERT_TRUE(client.send(warm));
  Request post = warm;
  post.method = Method::kPost;
  post.body = "once";
  expectError(client.send(post), ErrorCode::kUnavailable, RetryClass::kUnknownOutcome);
  EXPECT_EQ(posts, 1);
}

TEST(Hostile, AnswersWithHtmlOrRubbish) {
  HostileServer html([](Peer& peer) {
    peer.readRequest();
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>");
  });
  const auto page = ask(html.url());
  ASSERT_TRUE(page);
  EXPECT_EQ(mediaType(page->headers.get("Content-Type")), "text/html");
  HostileServer rubbish([](Peer& peer) {
    peer.readRequest();
    peer.send("SSH-2.0-OpenSSH_9.2\r\n");
  });
  expectError(ask(rubbish.url()), ErrorCode::kMalformed, RetryClass::kRetryable);
  expectError(ask(rubbish.url(), Method::kPost), ErrorCode::kMalformed, RetryClass::kUnknownOutcome);
}

void sendForEver(Peer& peer, std::string_view head, std::string_view piece) {
  peer.readRequest();
  peer.send(head);
  while (peer.send(piece)) {
  }
}

TEST(Hostile, BodiesAndHeadersWithoutEnd) {
  HostileServer body(
      [](Peer& peer) { sendForEver(peer, "HTTP/1.1 200 OK\r\n\r\n", std::string(65536, 'x')); });
  expectError(ask(body.url(), Method::kGet, {.limits = {.body_bytes = 1 << 20}}), ErrorCode::kLimit,
              RetryClass::kPermanent);
  HostileServer header(
      [](Peer& peer) { sendForEver(peer, "HTTP/1.1 200 OK\r\n", "X-Field: more and more\r\n"); });
  expectError(ask(header.url()), ErrorCode::kLimit, RetryClass::kPermanent);
  // An error page without end: the status is what counts, the page is cut.
  HostileServer error(
      [](Peer& peer) { sendForEver(peer, "HTTP/1.1 503 Busy\r\n\r\n", std::string(65536, 'x')); });
  const auto response = ask(error.url());
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->status, 503);
  EXPECT_LE(response->body.size(), std::size_t{1} << 20);
}

std::string redirect(int status, const std::string& to) {
  return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + to + "\r\nContent-Length: 0\r\n\r\n";
}

TEST(Hostile, Redirects) {
  HostileServer loop([](Peer& peer) {
    while (!peer.readRequest().empty()) peer.send(redirect(302, "/again"));
  });
  const auto unfollowed = ask(loop.url());
  ASSERT_TRUE(unfollowed);
  EXPECT_EQ(unfollowed->status, 302);
  expectError(ask(loop.url(), Method::kGet, {.max_redirects = 5}), ErrorCode::kLimit, RetryClass::kPermanent);
  HostileServer file([](Peer& peer) {
    peer.readRequest();
    peer.send(redirect(302, "file:///etc/passwd"));
  });
  expectError(ask(file.url(), Method::kGet, {.max_redirects = 5}), ErrorCode::kMalformed,
              RetryClass::kPermanent);
}

TEST(Hostile, SecretsDoNotFollowToAnotherOrigin) {
  std::string seen;
  std::string back;
  HostileServer other([&](Peer& peer) {
    seen = peer.readRequest();
    peer.send(redirect(302, back));
  });
  std::string at_home;
  HostileServer home([&](Peer& peer) {
    for (;;) {
      const std::string request = peer.readRequest();
      if (request.empty()) return;
      if (request.starts_with("GET /back")) {
        at_home = request;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      } else {
        peer.send(redirect(307, other.url() + "/elsewhere"));
      }
    }
  });
  back = home.url() + "/back";
  HttpClient client({.max_redirects = 5});
  Request request;
  request.url = home.url();
  request.headers = {{"authorization", "Bearer secret"}, {"Cookie", "secret"}, {"X-Other", "kept"}};
  const auto response = client.send(request);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->url, back);
  EXPECT_NE(seen.find("X-Other: kept"), std::string::npos);
  EXPECT_EQ(seen.find("secret"), std::string::npos) << seen;
  EXPECT_EQ(at_home.find("secret"), std::string::npos) << "what was dropped stays dropped";

  HttpClient listed({.allowed_hosts = {"127.0.0.1:" + std::to_string(home.port())}, .max_redirects = 5});
  expectError(listed.send(request), ErrorCode::kRejected, RetryClass::kPermanent);

  request.method = Method::kPost;
  request.body = "patient data";
  seen.clear();
  expectError(client.send(request), ErrorCode::kRejected, RetryClass::kPermanent);
  EXPECT_EQ(seen, "");
}

TEST(Hostile, ErrorTextsNameOnlyTheOrigin) {
  HostileServer server([](Peer& peer) { peer.readRequest(); });
  const auto result = ask(server.url() + "/Patient?identifier=9990000018");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text.find("999000"), std::string::npos) << result.error().text;
}

// ── the server against hostile clients ──

// Connects, sends the bytes, and gives back all that comes until the server closes.
std::string talk(std::uint16_t port, std::string_view bytes, bool half_close = false) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "no connection";
  ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (half_close) ::shutdown(fd, SHUT_WR);
  std::string out;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::recv(fd, buffer, sizeof buffer, 0)) > 0) out.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return out;
}

TEST(HostileClients, SlowHeadersAndBodiesAreClosed) {
  ServerOptions options;
  options.header_timeout = 50ms;
  options.body_idle_timeout = 50ms;
  options.keep_alive_timeout = 50ms;
  HttpServer server(options, [](const ServerRequest&) { return ServerResponse::text(200, "ok"); });
  ASSERT_TRUE(server.start());
  EXPECT_EQ(talk(server.port(), ""), "");
  EXPECT_EQ(talk(server.port(), "GET / HT"), "");
  EXPECT_EQ(talk(server.port(), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"), "");
  EXPECT_NE(talk(server.port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n").find("200 OK"), std::string::npos);
}

TEST(HostileClients, MalformedRequestsAreRefused) {
  std::atomic<int> handled{0};
  HttpServer server({}, [&](const ServerRequest&) {
    ++handled;
    return ServerResponse::text(200, "ok");
  });
  ASSERT_TRUE(server.start());
  for (const char* text :
       {"\x16\x03\x01 rubbish\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET  HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const std::string answer = talk(server.port(), text, true);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400") || answer.empty()) << text << " -> " << answer;
  }
  const std::string unknown = talk(server.port(), "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", true);
  EXPECT_TRUE(unknown.starts_with("HTTP/1.1 501")) << unknown;
  EXPECT_EQ(handled, 0);
}

TEST(HostileClients, ContinueIsSaidToThoseWhoAsk) {
  HttpServer server({}, [](const ServerRequest& request) {
    ServerResponse response = ServerResponse::text(200, std::string(request.body));
    response.close = true;
    return response;
  });
  ASSERT_TRUE(server.start());
  const std::string answer =
      talk(server.port(),
           "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", true);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nabc")) << answer;
}

TEST(HostileClients, PipelinedRequestsAreServedInOrder) {
  HttpServer server({},
                    [](const ServerRequest& request) { return ServerResponse::text(200, request.target); });
  ASSERT_TRUE(server.start());
  const std::string answer =
      talk(server.port(),
           "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::size_t first = answer.find("/1"), second = answer.find("/2");
  EXPECT_NE(first, std::string::npos);
  EXPECT_NE(second, std::string::npos);
  EXPECT_LT(first, second);
}

}  // namespace
}  // namespace tributary::net
