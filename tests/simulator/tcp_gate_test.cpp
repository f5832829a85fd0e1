#include "simulator/tcp_gate.h"

#include <gtest/gtest.h>

#include <chrono>

#include "net/http_client.h"
#include "net/http_server.h"

namespace tributary::simulator {
namespace {
using namespace std::chrono_literals;

class TcpGateTest : public ::testing::Test {
 protected:
  TcpGateTest()
      : server({}, [](const net::ServerRequest&) {
          return net::ServerResponse::text(200, std::string(20'000, 'x'));
        }) {
    EXPECT_TRUE(server.start());
    gate = std::make_unique<TcpGate>("127.0.0.1", server.port());
    EXPECT_TRUE(gate->start());
  }
  Result<net::Response> get(Duration timeout = 5s) {
    net::HttpClient client;
    net::Request request;
    request.url = "http://127.0.0.1:" + std::to_string(gate->port()) + "/";
    request.timeout = timeout;
    return client.send(request);
  }
  net::HttpServer server;
  std::unique_ptr<TcpGate> gate;
};

TEST_F(TcpGateTest, PassesAndSlices) {
  ASSERT_TRUE(get());
  gate->setMode({.slice = 700});
  const auto sliced = get();
  ASSERT_TRUE(sliced);
  EXPECT_EQ(sliced->body.size(), 20'000U);
}

TEST_F(TcpGateTest, RefusesResetsCutsHangs) {
  gate->setMode({.refuse = true});
  EXPECT_FALSE(get());
  gate->setMode({.reset_after = 500});
  EXPECT_FALSE(get());
  gate->setMode({.cut_after = 500});
  EXPECT_FALSE(get());
  gate->setMode({.hang = true});
  const auto hung = get(200ms);
  ASSERT_FALSE(hung);
  EXPECT_EQ(hung.error().code, ErrorCode::kTimeout);
  gate->setMode({});
  EXPECT_TRUE(get());
  EXPECT_GE(gate->connections(), 5U);
}

TEST_F(TcpGateTest, CorruptsOneBit) {
  gate->setMode({.corrupt_after = 10'000});
  const auto bad = get();
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->body.size(), 20'000U);
  EXPECT_NE(bad->body.find_first_not_of('x'), std::string::npos);
}

}  // namespace
}  // namespace tributary::simulator
