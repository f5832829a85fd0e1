#include "simulator/epr_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "net/http_client.h"
#include "net/http_server.h"

namespace tributary::simulator {
namespace {
using namespace std::chrono_literals;

std::vector<std::string> matchesOf(const std::string& body, const std::string& before, char end) {
  std::vector<std::string> out;
  for (auto at = body.find(before); at != std::string::npos; at = body.find(before, at + 1)) {
    const auto from = at + before.size();
    out.push_back(body.substr(from, body.find(end, from) - from));
  }
  return out;
}
std::string after(const std::string& body, const std::string& before, char end) {
  const auto all = matchesOf(body, before, end);
  return all.empty() ? "" : all[0];
}
std::string nextLink(const std::string& body) {
  return after(body, R"("relation":"next","url":")", '"');
}

class EprServerTest : public ::testing::Test {
 protected:
  EprServerTest()
      : clock(endOfDay(2026, 1, 31) + 1h), caseload(caseloadOptions()), server(eprOptions(), clock) {
    server.load(caseload);
    EXPECT_TRUE(server.start());
  }
  static CaseloadOptions caseloadOptions() {
    CaseloadOptions o;
    o.patients = 120;
    o.now = endOfDay(2026, 1, 31);
    return o;
  }
  static EprOptions eprOptions() {
    EprOptions o;
    o.notification_waits = {1ms, 1ms};
    return o;
  }
  net::Response send(net::Method method, const std::string& url, const std::string& body = {}) {
    net::Request request;
    request.method = method;
    request.url = url.starts_with("http") ? url : server.fhir() + url;
    request.body = body;
    if (!body.empty()) request.headers.add("Content-Type", "application/fhir+json");
    auto answer = client.send(request);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().text);
    return answer ? *answer : net::Response{};
  }
  net::Response get(const std::string& url) { return send(net::Method::kGet, url); }
  // All pages; the ids in order.
  std::vector<std::string> walk(std::string url) {
    std::vector<std::string> ids;
    while (!url.empty() && ids.size() < 100'000) {
      const net::Response page = get(url);
      EXPECT_EQ(page.status, 200);
      for (auto& full : matchesOf(page.body, R"("fullUrl":")", '"')) ids.push_back(full);
      url = nextLink(page.body);
    }
    return ids;
  }

  FakeClock clock;
  Caseload caseload;
  EprServer server;
  net::HttpClient client;
};

TEST_F(EprServerTest, SaysWhatItCan) {
  const auto r = get("/metadata");
  EXPECT_EQ(r.status, 200);
  EXPECT_NE(r.body.find(R"("fhirVersion":"4.0.1")"), std::string::npos);
}

TEST_F(EprServerTest, ReadsAndRefuses) {
  const auto r = get("/Patient/p0000003");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, server.body("Patient", "p0000003"));
  EXPECT_TRUE(r.headers.get("ETag").starts_with("W/\""));
  EXPECT_EQ(get("/Patient/nobody").status, 404);
  EXPECT_EQ(get("/patient").status, 404);
}

TEST_F(EprServerTest, PagesGiveEverythingOnce) {
  for (const char* sort : {"", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"}) {
    const auto ids = walk(std::string("/Encounter?_count=37") + sort);
    const std::set<std::string> unique(ids.begin(), ids.end());
    EXPECT_EQ(unique.size(), ids.size()) << sort;
    EXPECT_EQ(ids.size(), server.counts().by_type["Encounter"]) << sort;
    EXPECT_EQ(after(get(std::string("/Encounter?_count=37") + sort).body, R"("total":)", ','),
              std::to_string(ids.size()));
  }
}

TEST_F(EprServerTest, PagesStayWholeWhileRecordsChange) {
  auto page = get("/Encounter?_count=20&_sort=_lastUpdated");
  std::set<std::string> seen;
  for (auto& id : matchesOf(page.body, R"("fullUrl":")", '"')) seen.insert(id);
  const std::size_t before = server.counts().by_type["Encounter"];
  server.step(caseload, 40);
  for (auto& id : walk(nextLink(page.body))) seen.insert(id);
  EXPECT_GE(seen.size(), before);
}

TEST_F(EprServerTest, LastUpdatedWindows) {
  const auto all = walk("/Task?_count=1000");
  const auto early = walk("/Task?_count=1000&_lastUpdated=lt2026-01-10");
  const auto late = walk("/Task?_count=1000&_lastUpdated=ge2026-01-10&_sort=_lastUpdated");
  EXPECT_GT(early.size(), 0U);
  EXPECT_GT(late.size(), 0U);
  EXPECT_EQ(early.size() + late.size(), all.size());
  const std::string time = after(server.body("Patient", "p0000003"), R"("lastUpdated":")", '"');
  EXPECT_EQ(walk("/Patient?_lastUpdated=ge" + time + "&_lastUpdated=le" + time).size(), 1U);
  EXPECT_EQ(walk("/Patient?_lastUpdated=gt" + time + "&_lastUpdated=le" + time).size(), 0U);
  EXPECT_EQ(get("/Patient?_lastUpdated=gesoon").status, 400);
}

TEST_F(EprServerTest, FiltersByIdAndPatient) {
  EXPECT_EQ(walk("/Patient?_id=p0000001,p0000002,nobody").size(), 2U);
  const auto mine = walk("/ServiceRequest?patient=p0000001&_count=1");
  EXPECT_GE(mine.size(), 3U);
  for (const auto& url : mine) EXPECT_NE(url.find("/p0000001"), std::string::npos);
  EXPECT_EQ(walk("/ServiceRequest?subject=Patient/p0000001").size(), mine.size());
  EXPECT_EQ(walk("/Patient?identifier=L0000005").size(), 1U);
  EXPECT_EQ(after(get("/Patient?_summary=count").body, R"("total":)", ','), "120");
}

TEST_F(EprServerTest, NextLinksExpire) {
  const std::string next = nextLink(get("/Encounter?_count=5").body);
  EXPECT_EQ(get(next).status, 200);
  clock.advance(11min);
  EXPECT_EQ(get(next).status, 410);
  EXPECT_EQ(get(server.fhir() + "?_page=bm9uc2Vuc2U").status, 400);
}

TEST_F(EprServerTest, WritesVersionsHistoryAndDeletes) {
  clock.advance(1min);
  auto r = send(
      net::Method::kPut, "/Observation/new-1",
      R"({"resourceType":"Observation","id":"new-1","meta":{"tag":[{"code":"x"}]},"status":"final", "n" : [1,{"a":"}"}]})");
  EXPECT_EQ(r.status, 201);
  EXPECT_NE(r.body.find(R"("tag":[{"code":"x"}])"), std::string::npos);
  EXPECT_NE(r.body.find(R"("n":[1,{"a":"}"}])"), std::string::npos);
  clock.advance(1s);
  r = send(net::Method::kPut, "/Observation/new-1",
           R"({"resourceType":"Observation","id":"new-1","status":"amended"})");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.headers.get("ETag"), "W/\"2\"");
  EXPECT_EQ(send(net::Method::kDelete, "/Observation/new-1").status, 204);
  EXPECT_EQ(get("/Observation/new-1").status, 410);
  EXPECT_EQ(get("/Observation/new-1/_history/1").status, 200);
  EXPECT_EQ(after(get("/Observation/new-1/_history").body, R"("total":)", ','), "3");
  const auto h = get("/Observation/_history?_since=2026-02-01T00:59:00Z&_count=2");
  EXPECT_EQ(after(h.body, R"("total":)", ','), "3");
  EXPECT_NE(h.body.find(R"("method":"DELETE")"), std::string::npos);
  EXPECT_EQ(walk("/Observation/_history?_since=2026-02-01T00:59:00Z&_count=2").size(), 3U);
  EXPECT_EQ(
      send(net::Method::kPut, "/Observation/new-1", R"({"resourceType":"Observation","id":"other"})").status,
      400);
  EXPECT_EQ(send(net::Method::kPut, "/Observation/new-1", "{").status, 400);
}

TEST_F(EprServerTest, TransactionLinksItsEntries) {
  const auto r = send(net::Method::kPost, "", R"({"resourceType":"Bundle","type":"transaction","entry":[
    {"fullUrl":"urn:uuid:8b7bd3a1-0000-4000-8000-000000000001","resource":{"resourceType":"Patient","active":true},"request":{"method":"POST","url":"Patient"}},
    {"resource":{"resourceType":"Observation","id":"t1","status":"final","subject":{"reference":"urn:uuid:8b7bd3a1-0000-4000-8000-000000000001"}},"request":{"method":"PUT","url":"Observation/t1"}},
    {"request":{"method":"DELETE","url":"Patient/p0000004"}}]})");
  EXPECT_EQ(r.status, 200);
  EXPECT_NE(server.body("Observation", "t1").find(R"("reference":"Patient/)"), std::string::npos);
  EXPECT_EQ(get("/Patient/p0000004").status, 410);
  EXPECT_EQ(
      send(
          net::Method::kPost, "",
          R"({"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"PATCH","url":"Patient/1"}}]})")
          .status,
      400);
}

class Hook {
 public:
  Hook()
      : server({}, [this](const net::ServerRequest& r) {
          const std::lock_guard lock(mutex);
          seen.push_back(std::string(net::methodName(r.method)) + " " + r.path + " " +
                         std::string(r.headers.get("X-Key")));
          bodies.emplace_back(r.body);
          return net::ServerResponse::text(failures-- > 0 ? 503 : 200, "");
        }) {
    EXPECT_TRUE(server.start());
  }
  std::mutex mutex;
  std::vector<std::string> seen, bodies;
  int failures = 0;
  net::HttpServer server;
};

TEST_F(EprServerTest, SubscriptionsFireAndRetry) {
  Hook hook;
  hook.failures = 1;
  auto made = send(
      net::Method::kPost, "/Subscription",
      R"({"resourceType":"Subscription","status":"requested","reason":"r","criteria":"Observation?status=final","channel":{"type":"rest-hook","endpoint":")" +
          hook.server.url() + R"(/hook","payload":"application/fhir+json","header":["X-Key: 42"]}})");
  EXPECT_EQ(made.status, 201);
  EXPECT_NE(made.body.find(R"("status":"active")"), std::string::npos);
  ASSERT_TRUE(server.put("Observation", "s1", R"({"resourceType":"Observation","status":"final"})"));
  ASSERT_TRUE(server.put("Observation", "s2", R"({"resourceType":"Observation","status":"preliminary"})"));
  ASSERT_TRUE(server.put("Flag", "s3", R"({"resourceType":"Flag","status":"active"})"));
  server.drainNotifications();
  {
    const std::lock_guard lock(hook.mutex);
    ASSERT_EQ(hook.seen.size(), 2U);  // refused once, sent again
    EXPECT_EQ(hook.seen[1], "PUT /hook/Observation/s1 42");
    EXPECT_EQ(hook.bodies[1], server.body("Observation", "s1"));
  }
  hook.failures = 100;
  ASSERT_TRUE(server.put("Observation", "s4", R"({"resourceType":"Observation","status":"final"})"));
  server.drainNotifications();
  const std::string id = after(made.body, R"("id":")", '"');
  EXPECT_NE(get("/Subscription/" + id).body.find(R"("status":"error")"), std::string::npos);
  EXPECT_EQ(server.counts().notifications_failed, 1U);
  EXPECT_EQ(
      send(
          net::Method::kPost, "/Subscription",
          R"({"resourceType":"Subscription","criteria":"Patient?","channel":{"type":"email","endpoint":"mailto:x"}})")
          .status,
      422);
}

TEST_F(EprServerTest, HintsWithoutPayload) {
  Hook hook;
  send(
      net::Method::kPost, "/Subscription",
      R"({"resourceType":"Subscription","status":"requested","criteria":"Encounter?","channel":{"type":"rest-hook","endpoint":")" +
          hook.server.url() + R"(/hint"}})");
  server.step(caseload, 10);
  server.drainNotifications();
  const std::lock_guard lock(hook.mutex);
  ASSERT_GT(hook.seen.size(), 0U);
  EXPECT_EQ(hook.seen[0], "POST /hint ");
  EXPECT_TRUE(hook.bodies[0].empty());
}

TEST_F(EprServerTest, FaultsOnDemand) {
  EprFaults f;
  f.status = 429;
  f.retry_after = 3;
  f.times = 2;
  server.setFaults(f);
  EXPECT_EQ(get("/Patient").status, 429);
  EXPECT_EQ(get("/Patient").headers.get("Retry-After"), "3");
  EXPECT_EQ(get("/Patient").status, 200);
  f = {};
  f.html = true;
  server.setFaults(f);
  EXPECT_TRUE(get("/Patient").body.starts_with("<!DOCTYPE"));
  f = {};
  f.wrong_total = 5;
  server.setFaults(f);
  EXPECT_EQ(after(get("/Patient").body, R"("total":)", ','), "125");
  f = {};
  f.reset = true;
  server.setFaults(f);
  net::Request request;
  request.url = server.fhir() + "/Patient";
  EXPECT_FALSE(client.send(request));
  f = {};
  f.endless_pages = true;
  server.setFaults(f);
  std::string url = nextLink(get("/Flag?_count=1000").body);
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(url.empty());
    url = nextLink(get(url).body);
  }
  f = {};
  f.expire_pages = true;
  server.setFaults({});
  url = nextLink(get("/Encounter?_count=5").body);
  server.setFaults(f);
  EXPECT_EQ(get(url).status, 410);
  EXPECT_EQ(send(net::Method::kPost, server.url() + "/_simulator/faults",
                 R"({"status":503,"retry_after":0,"times":1})")
                .status,
            200);
  EXPECT_EQ(get("/Patient").status, 503);
  EXPECT_EQ(get("/Patient").status, 200);
}

TEST_F(EprServerTest, AFaultySortSkipsRowsOfOneMoment) {
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(server.put("Basic", "b" + std::to_string(i), R"({"resourceType":"Basic"})"));
  }
  EXPECT_EQ(walk("/Basic?_sort=_lastUpdated&_count=4").size(), 6U);
  EprFaults f;
  f.skip_equal_times = true;
  server.setFaults(f);
  EXPECT_EQ(walk("/Basic?_sort=_lastUpdated&_count=4").size(), 4U);
}

TEST_F(EprServerTest, ALiveDayGoesOn) {
  const auto before = server.counts();
  clock.advance(5min);
  server.step(caseload, 200);
  const auto now = server.counts();
  EXPECT_GT(now.versions, before.versions + 200);
  EXPECT_GT(now.deletes, before.deletes);
  EXPECT_GT(now.by_type.at("Encounter"), before.by_type.at("Encounter"));
  EXPECT_GT(walk("/Encounter?_lastUpdated=ge2026-02-01T01:00:00Z").size(), 50U);
}

TEST(EprServerHistory, HoldsEveryVersion) {
  CaseloadOptions o;
  o.patients = 60;
  o.now = endOfDay(2026, 1, 31);
  o.history = true;
  const Caseload caseload(o);
  std::size_t versions = 0;
  caseload.writeAll([&](const Change&) { ++versions; });
  const FakeClock clock(o.now);
  EprServer server({}, clock);
  server.load(caseload);
  EXPECT_EQ(server.counts().versions, versions);
}

}  // namespace
}  // namespace tributary::simulator
