// Rest-hook subscriptions: made, proven, lost and made again, and notifications as hints.
#include "ingest/subscription/subscription_keeper.h"

#include "net/http_client.h"
#include "net/http_server.h"
#include "support.h"

namespace tributary::ingest::test {
namespace {

using net::Method;
using net::ServerRequest;
using net::ServerResponse;

class SubscriptionTest : public IngestTest {
 protected:
  void SetUp() override {
    IngestTest::SetUp();
    if (IsSkipped()) return;
    epr_ = std::make_unique<net::HttpServer>(net::ServerOptions{}, [this](const ServerRequest& request) { return epr(request); });
    ASSERT_TRUE(epr_->start());
    makeKeeper("http://127.0.0.1:1");
    net::Router router;
    keeper_->addRoutes(router);
    hook_ = std::make_unique<net::HttpServer>(net::ServerOptions{}, net::Router::handler(std::move(router)));
    ASSERT_TRUE(hook_->start());
  }
  void makeKeeper(const std::string& notify) {
    SubscriptionOptions options;
    options.source = "epr";
    options.url = epr_->url() + "/fhir";
    options.types = {"Patient"};
    options.notify_url = notify;
    options.check = Duration{20};
    keeper_ = std::make_unique<SubscriptionKeeper>(context_, options, clock_, noLog(), [this](std::string_view type) {
      EXPECT_EQ(type, "Patient");
      ++woken_;
    });
  }
  ServerResponse epr(const ServerRequest& request) {
    ServerResponse response;
    response.headers.add("Content-Type", "application/fhir+json");
    if (request.method == Method::kGet) {
      if (gone_) return ServerResponse::text(404, "");
      response.body = R"({"resourceType":"Subscription","id":"s1","status":")" + std::string(off_ ? "off" : "active") + "\"}";
      return response;
    }
    const std::string_view body = request.body;
    const std::size_t at = body.find("X-Tributary-Hook: ");
    EXPECT_NE(at, std::string_view::npos) << body;
    {
      const std::lock_guard lock(mutex_);
      secret_ = body.substr(at + 18, 36);
    }
    gone_ = off_ = false;
    ++created_;
    response.status = 201;
    response.headers.add("Location", "Subscription/s1/_history/1");
    return response;
  }
  template <class Done>
  void runUntil(Done done) {
    std::jthread thread([&](std::stop_token stop) { keeper_->run(stop); });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_TRUE(done());
  }
  int notify(const std::string& secret, const std::string& path = "", const std::string& body = "") {
    net::HttpClient client;
    net::Request request;
    request.method = body.empty() ? Method::kPost : Method::kPut;
    request.url = hook_->url() + "/notify/epr/Patient" + path;
    request.headers.add("X-Tributary-Hook", secret);
    request.body = body;
    auto response = client.send(request);
    return response ? response->status : 0;
  }

  std::unique_ptr<net::HttpServer> epr_, hook_;
  std::unique_ptr<SubscriptionKeeper> keeper_;
  std::atomic<int> created_{0}, woken_{0};
  std::atomic<bool> gone_{true}, off_{false};
  std::mutex mutex_;
  std::string secret_;
};

TEST_F(SubscriptionTest, IsMadeAndMadeAgainWhenTheServerDropsIt) {
  runUntil([&] { return created_ >= 1 && keeper_->status()[0].state == "active"; });
  EXPECT_EQ(keeper_->status()[0].id, "s1");
  EXPECT_FALSE(keeper_->status()[0].last_notification) << "unproven until the server has called";
  off_ = true;
  runUntil([&] { return created_ >= 2; });
  gone_ = true;
  runUntil([&] { return created_ >= 3; });
}

TEST_F(SubscriptionTest, ANotificationIsDurableThenWakesTheSearch) {
  runUntil([&] { return created_ >= 1 && keeper_->status()[0].state == "active"; });
  EXPECT_EQ(notify("somebody else"), 403);
  EXPECT_EQ(woken_, 0);
  EXPECT_EQ(notify(secret_), 200);
  EXPECT_EQ(woken_, 1);
  auto hint = store_->cursor("epr", "hint/Patient");
  ASSERT_TRUE(hint);
  EXPECT_TRUE(*hint);
  EXPECT_TRUE(keeper_->status()[0].last_notification);
}

TEST_F(SubscriptionTest, AResourceThatComesWithItIsJournalled) {
  runUntil([&] { return created_ >= 1 && keeper_->status()[0].state == "active"; });
  EXPECT_EQ(notify(secret_, "/Patient/p", R"({"resourceType":"Patient","id":"p"})"), 200);
  EXPECT_EQ(counts("epr").current, 1U);
}

TEST_F(SubscriptionTest, SurvivesARestartWithItsIdAndSecret) {
  runUntil([&] { return created_ >= 1 && keeper_->status()[0].state == "active"; });
  makeKeeper("http://127.0.0.1:1");
  EXPECT_EQ(keeper_->status()[0].id, "s1");
  runUntil([&] { return keeper_->status()[0].state == "active"; });
  EXPECT_EQ(created_, 1) << "it was still there";
}

}  // namespace
}  // namespace tributary::ingest::test
