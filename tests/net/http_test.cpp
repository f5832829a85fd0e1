#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

#include "net/gzip.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "tests/net/hostile_server.h"
#include "tests/net/test_certs.h"

namespace tributary::net {
namespace {

using namespace std::chrono_literals;
using testing::HostileServer;

Request get(std::string url) {
  Request request;
  request.url = std::move(url);
  return request;
}

ServerResponse echo(const ServerRequest& request) {
  ServerResponse response = ServerResponse::text(200, std::string(request.body));
  response.headers.add("X-Method", std::string(methodName(request.method)));
  response.headers.add("X-Target", request.target);
  response.headers.add("X-Type", std::string(request.headers.get("content-type")));
  response.headers.add("X-Has-Expect", request.headers.has("Expect") ? "yes" : "no");
  return response;
}

TEST(Http, EveryMethodComesThrough) {
  HttpServer server({}, echo);
  ASSERT_TRUE(server.start());
  HttpClient client;
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kPut, Method::kPatch,
                              Method::kDelete, Method::kOptions}) {
    Request request = get(server.url() + "/a%20b?q=%2F");
    request.method = method;
    const bool with_body = method == Method::kPost || method == Method::kPut || method == Method::kPatch;
    if (with_body) request.body = "hello";
    const auto response = client.send(request);
    ASSERT_TRUE(response) << methodName(method) << ": " << response.error().text;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.get("x-method"), methodName(method));
    EXPECT_EQ(response->headers.get("X-TARGET"), "/a%20b?q=%2F");
    EXPECT_EQ(response->headers.get("X-Type"), "") << "no type is made up";
    EXPECT_EQ(response->headers.get("X-Has-Expect"), "no");
    EXPECT_EQ(response->body, with_body ? "hello" : "");
  }
}

TEST(Http, EmptyPostAndPutCarryALength) {
  HttpServer server({}, echo);
  ASSERT_TRUE(server.start());
  HttpClient client;
  for (const Method method : {Method::kPost, Method::kPut}) {
    Request request = get(server.url());
    request.method = method;
    const auto response = client.send(request);
    ASSERT_TRUE(response) << response.error().text;
    EXPECT_EQ(response->status, 200);
  }
}

TEST(Http, ConnectionsAreKeptAndReused) {
  HttpServer server({}, echo);
  ASSERT_TRUE(server.start());
  HttpClient client;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.send(get(server.url())));
  EXPECT_EQ(server.connections(), 1U);
}

TEST(Http, LargeBodiesGoThroughAFileAndASink) {
  ServerOptions options;
  options.memory_body_bytes = 1024;
  std::string sent;
  for (int i = 0; i < 400'000; ++i) sent += "line " + std::to_string(i) + "\n";
  HttpServer server(options, echo);
  ASSERT_TRUE(server.start());
  HttpClient client;
  Request request = get(server.url());
  request.method = Method::kPost;
  std::size_t at = 0;
  request.body_size = sent.size();
  request.body_source = [&](std::span<char> buffer) -> Result<std::size_t> {
    const std::size_t take = std::min(buffer.size(), sent.size() - at);
    sent.copy(buffer.data(), take, at);
    at += take;
    return take;
  };
  std::string got;
  request.sink = [&](std::string_view piece) -> Result<void> {
    got.append(piece);
    return {};
  };
  const auto response = client.send(request);
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->status, 200);
  EXPECT_TRUE(got == sent);
  EXPECT_TRUE(response->body.empty());
}

TEST(Http, ASinksErrorEndsTheExchange) {
  HttpServer server(
      {}, [](const ServerRequest&) { return ServerResponse::text(200, std::string(1 << 20, 'x')); });
  ASSERT_TRUE(server.start());
  HttpClient client;
  Request request = get(server.url());
  request.sink = [](std::string_view) -> Result<void> { return fail(ErrorCode::kUnavailable, "disk full"); };
  const auto response = client.send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().text, "disk full");
}

TEST(Http, ServerLimits) {
  ServerOptions options;
  options.body_bytes = 1000;
  options.header_bytes = 4096;
  HttpServer server(options, echo);
  ASSERT_TRUE(server.start());
  HttpClient client;
  Request request = get(server.url());
  request.method = Method::kPost;
  request.body = std::string(1000, 'x');
  EXPECT_EQ(client.send(request)->status, 200);
  request.body = std::string(8 << 20, 'x');
  const auto large = client.send(request);
  ASSERT_TRUE(large) << large.error().text;
  EXPECT_EQ(large->status, 413);
  // Without a length, so that only the counting can find it.
  request.body = std::string(1001, 'x');
  request.headers.add("Transfer-Encoding", "chunked");
  const auto chunked = client.send(request);
  ASSERT_TRUE(chunked) << chunked.error().text;
  EXPECT_EQ(chunked->status, 413);
  Request header = get(server.url());
  header.headers.add("X-Long", std::string(8000, 'y'));
  const auto long_header = client.send(header);
  ASSERT_TRUE(long_header) << long_header.error().text;
  EXPECT_EQ(long_header->status, 431);
}

TEST(Http, AHandlerThatThrowsTellsTheOutsiderNothing) {
  std::string fault;
  HttpServer server(
      {}, [](const ServerRequest&) -> ServerResponse { throw std::runtime_error("secret"); },
      [&](std::string_view text) { fault = text; });
  ASSERT_TRUE(server.start());
  HttpClient client;
  const auto response = client.send(get(server.url()));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body.find("secret"), std::string::npos);
  server.stop();
  EXPECT_EQ(fault, "secret");
}

// A gate that handlers wait at.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void waitFor(int arrived) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= arrived; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

TEST(Http, StopLetsRequestsInFlightFinish) {
  Gate gate;
  HttpServer server({}, [&](const ServerRequest&) {
    gate.pass();
    return ServerResponse::text(200, "done");
  });
  ASSERT_TRUE(server.start());
  const std::string url = server.url();
  std::optional<Result<Response>> answer;
  std::thread asking([&] {
    HttpClient client;
    answer = client.send(get(url));
  });
  gate.waitFor(1);
  std::thread stopping([&] { server.stop(); });
  gate.open();
  asking.join();
  stopping.join();
  ASSERT_TRUE(*answer) << answer->error().text;
  EXPECT_EQ((*answer)->body, "done");
  HttpClient client;
  const auto after = client.send(get(url));
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(after.error().retry, RetryClass::kRetryable);
}

TEST(Http, TooManyWaitingGet503) {
  Gate gate;
  ServerOptions options;
  options.workers = 1;
  options.max_waiting = 1;
  HttpServer server(options, [&](const ServerRequest&) {
    gate.pass();
    return ServerResponse::text(200, "done");
  });
  ASSERT_TRUE(server.start());
  HttpClient client;
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  const auto ask = [&] {
    if (client.send(get(server.url()))->status == 200) ++served;
  };
  threads.emplace_back(ask);
  gate.waitFor(1);
  // One more may wait; of three, two are sent away at once, and only then the gate opens.
  std::atomic<int> busy{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto response = client.send(get(server.url()));
      if (response->status == 503 && response->headers.has("Retry-After") && ++busy == 2) gate.open();
      if (response->status == 200) ++served;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(busy, 2);
  EXPECT_EQ(served, 2);
}

TEST(Http, ManyAtOnceFromOneThread) {
  std::atomic<int> count{0};
  HttpServer server({}, [&](const ServerRequest& request) {
    ++count;
    return ServerResponse::text(200, request.target);
  });
  ASSERT_TRUE(server.start());
  HttpClient client;
  std::vector<Request> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(get(server.url() + "/" + std::to_string(i)));
  requests.push_back(get("ftp://nowhere/"));
  const auto results = client.sendAll(requests, 8);
  ASSERT_EQ(results.size(), 101U);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(results[static_cast<std::size_t>(i)]->body, "/" + std::to_string(i));
  EXPECT_FALSE(results[100]);
  EXPECT_EQ(count, 100);
  EXPECT_LE(server.connections(), 16U);
}

TEST(Http, ManyThreadsShareAClient) {
  HttpServer server({}, echo);
  ASSERT_TRUE(server.start());
  HttpClient client;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        Request request = get(server.url());
        request.method = Method::kPut;
        request.body = std::to_string(i);
        const auto response = client.send(request);
        if (response && response->body == request.body) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
}

TEST(Http, GzipIsUndoneAndBounded) {
  HttpServer server({}, [](const ServerRequest& request) {
    const bool wants = request.headers.get("Accept-Encoding") == "gzip";
    ServerResponse response =
        ServerResponse::text(200, wants ? gzipCompress(std::string(100'000, 'z')) : "plain");
    if (wants) response.headers.add("Content-Encoding", "gzip");
    return response;
  });
  ASSERT_TRUE(server.start());
  HttpClient client;
  const auto response = client.send(get(server.url()));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->body, std::string(100'000, 'z'));
  EXPECT_FALSE(response->headers.has("Content-Encoding"));
  Request bounded = get(server.url());
  bounded.max_body = 99'999;
  const auto bomb = client.send(bounded);
  ASSERT_FALSE(bomb);
  EXPECT_EQ(bomb.error().code, ErrorCode::kLimit);
  EXPECT_EQ(HttpClient({.accept_gzip = false}).send(get(server.url()))->body, "plain");
}

TEST(Http, RefusesWhatWouldInjectHeaders) {
  HttpServer server({}, echo);
  ASSERT_TRUE(server.start());
  HttpClient client;
  Request request = get(server.url());
  request.headers.add("X-A", "b\r\nX-Evil: c");
  EXPECT_EQ(client.send(request).error().code, ErrorCode::kInvalidArgument);
  request.headers = {{"X A", "b"}};
  EXPECT_EQ(client.send(request).error().code, ErrorCode::kInvalidArgument);
}

TEST(Http, SchemesAndHostsByList) {
  HttpServer server({}, echo);
  ASSERT_TRUE(server.start());
  EXPECT_EQ(HttpClient({.allow_http = false}).send(get(server.url())).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(HttpClient({.allowed_hosts = {"example.org"}}).send(get(server.url())).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(HttpClient({.allowed_hosts = {"127.0.0.1"}}).send(get(server.url())));
  EXPECT_TRUE(
      HttpClient({.allowed_hosts = {"127.0.0.1:" + std::to_string(server.port())}}).send(get(server.url())));
  EXPECT_EQ(HttpClient().send(get("file:///etc/passwd")).error().code, ErrorCode::kInvalidArgument);
}

TEST(Http, CancelEndsAtOnce) {
  HostileServer server([](HostileServer::Peer& peer) {
    peer.readRequest();
    peer.hang();
  });
  HttpClient client;
  std::stop_source stop;
  Request request = get(server.url());
  request.cancel = stop.get_token();
  std::thread cancelling([&] {
    while (server.connections() == 0) std::this_thread::yield();
    stop.request_stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto response = client.send(request);
  cancelling.join();
  ASSERT_FALSE(response);
  EXPECT_NE(response.error().text.find("cancelled"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms);
}

TEST(Http, ProxyVariablesOfTheEnvironmentAreNotRead) {
  HttpServer server({}, echo);
  ASSERT_TRUE(server.start());
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  EXPECT_TRUE(HttpClient().send(get(server.url())));
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  EXPECT_FALSE(HttpClient({.proxy = "http://127.0.0.1:1"}).send(get(server.url())));
}

}  // namespace
}  // namespace tributary::net
