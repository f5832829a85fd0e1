// The search connector against a server that misbehaves in every way that servers do.
#include "ingest/search/search_source.h"

#include <mutex>

#include "base/civil_time.h"
#include "net/http_server.h"
#include "simulator/tcp_gate.h"
#include "support.h"

namespace tributary::ingest::test {
namespace {

using net::ServerRequest;
using net::ServerResponse;

ServerResponse fhirJson(std::string body) {
  ServerResponse response;
  response.headers.add("Content-Type", "application/fhir+json");
  response.body = std::move(body);
  return response;
}

std::string patient(int n) {
  return R"({"resource":{"resourceType":"Patient","id":"p)" + std::to_string(n) +
         R"(","meta":{"versionId":"1","lastUpdated":"2026-03-01T00:00:00Z"}},"search":{"mode":"match"}})";
}

// Ten patients on two pages; what is asked for the n-th time can be overridden.
class FakeServer {
 public:
  FakeServer() : server_({}, [this](const ServerRequest& request) { return handle(request); }) {
    auto started = server_.start();
    EXPECT_TRUE(started) << (started ? "" : started.error().text);
  }
  // Called with the number of the search request (from 0); nullopt: the ordinary answer.
  std::function<std::optional<ServerResponse>(int, const ServerRequest&)> fault;
  std::atomic<int> searches{0};
  std::string url() const { return server_.url() + "/fhir"; }
  std::uint16_t port() const { return server_.port(); }
  std::string page(int from, int to, int total, const std::string& next) const {
    std::string body = R"({"resourceType":"Bundle","type":"searchset","total":)" + std::to_string(total) + R"(,"link":[)";
    if (!next.empty()) body += R"({"relation":"next","url":")" + next + R"("})";
    body += R"(],"entry":[)";
    for (int i = from; i < to; ++i) body += (i > from ? "," : "") + patient(i);
    return body + "]}";
  }

 private:
  ServerResponse handle(const ServerRequest& request) {
    if (request.path == "/fhir/metadata") return fhirJson(R"({"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"})");
    const int number = searches++;
    if (fault) {
      if (auto answer = fault(number, request)) return std::move(*answer);
    }
    if (!request.queryParameter("page").empty()) return fhirJson(page(5, 10, 10, ""));
    return fhirJson(page(0, 5, 10, "/fhir/Patient?page=2"));
  }
  net::HttpServer server_;
};

class SearchTest : public IngestTest {
 protected:
  SearchOptions options() {
    SearchOptions options;
    options.name = "epr";
    options.url = server_.url();
    options.types = {"Patient"};
    options.interval = Duration{20};
    options.client.limits.total = Duration{1500};
    options.retry.initial = Duration{5};
    options.retry.max_delay = Duration{20};
    options.retry.retry_after_cap = Duration{30};
    return options;
  }
  // Runs until everything is there and the source is content again; the ten patients must be current, once each.
  void expectAllTen(SearchOptions options) {
    SearchSource source(context_, std::move(options), clock_, noLog());
    runUntil(source, [&] { return source.status().caught_up; });
    const store::SourceCounts c = counts("epr");
    EXPECT_EQ(c.current, 10U);
    EXPECT_EQ(c.journalled, 10U);
  }
  FakeServer server_;
};

TEST_F(SearchTest, FollowsNextLinksAndMovesTheCursor) {
  expectAllTen(options());
  auto cursor = store_->cursor("epr", "search/Patient");
  ASSERT_TRUE(cursor && *cursor);
  EXPECT_TRUE(parseInstant(**cursor)) << **cursor;
}

TEST_F(SearchTest, WaitsWhenToldToAndGoesOn) {
  server_.fault = [](int n, const ServerRequest&) -> std::optional<ServerResponse> {
    if (n > 1) return std::nullopt;
    ServerResponse busy;
    busy.status = n == 0 ? 429 : 503;
    busy.headers.add("Retry-After", n == 0 ? "0" : "Wed, 01 Jan 2020 00:00:00 GMT");
    return busy;
  };
  expectAllTen(options());
}

TEST_F(SearchTest, AFailedPageFailsTheWindowNotTheData) {
  // The second page: HTML, then cut off, then expired, then a 500, then a hang, then what it should be.
  std::atomic<int> second{0};
  server_.fault = [&](int, const ServerRequest& request) -> std::optional<ServerResponse> {
    if (request.queryParameter("page").empty()) return std::nullopt;
    switch (second++) {
      case 0: {
        ServerResponse html = ServerResponse::text(200, "<html>Please log in</html>");
        return html;
      }
      case 1: return fhirJson(R"({"resourceType":"Bundle","entry":[{"resource":{"resourceT)");
      case 2: return ServerResponse::text(410, "gone");
      case 3: return ServerResponse::text(500, "oops");
      case 4: {
        ServerResponse dropped;
        dropped.drop = true;
        return dropped;
      }
      default: return std::nullopt;
    }
  };
  expectAllTen(options());
  EXPECT_GE(second.load(), 6);
}

TEST_F(SearchTest, TooFewMatchesForTheTotalFailTheWindow) {
  std::atomic<bool> honest{false};
  server_.fault = [&](int, const ServerRequest&) -> std::optional<ServerResponse> {
    if (honest) return std::nullopt;
    return fhirJson(server_.page(0, 4, 10, ""));
  };
  SearchSource source(context_, options(), clock_, noLog());
  runUntil(source, [&] { return source.status().last_error.find("10 Patient") != std::string::npos; });
  auto cursor = store_->cursor("epr", "search/Patient");
  ASSERT_TRUE(cursor);
  EXPECT_FALSE(*cursor) << "the cursor moved over a window that is short of six patients";
  EXPECT_EQ(counts("epr").current, 4U) << "what did come is kept";
  honest = true;
  runUntil(source, [&] { return source.status().caught_up; });
  EXPECT_EQ(counts("epr").current, 10U);
}

TEST_F(SearchTest, AWakeUpCallDoesNotUndoRetryAfter) {
  server_.fault = [](int, const ServerRequest&) -> std::optional<ServerResponse> {
    ServerResponse busy;
    busy.status = 503;
    busy.headers.add("Retry-After", "2");
    return busy;
  };
  SearchOptions patient = options();
  patient.retry.retry_after_cap = Duration{60'000};
  SearchSource source(context_, patient, clock_, noLog());
  runUntil(source, [&] { return server_.searches == 1; });
  std::jthread thread([&](std::stop_token stop) { source.run(stop); });
  const auto end = std::chrono::steady_clock::now() + Duration{500};
  while (std::chrono::steady_clock::now() < end) {
    source.wake();
    std::this_thread::sleep_for(Duration{5});
  }
  EXPECT_LE(server_.searches.load(), 2) << "one before the calls, one at the second start";
}

TEST_F(SearchTest, ATypeThatTheServerDoesNotServeHoldsUpNoOther) {
  server_.fault = [](int, const ServerRequest& request) -> std::optional<ServerResponse> {
    if (request.path.find("/Basic") == std::string::npos) return std::nullopt;
    return ServerResponse::text(404, "no such type");
  };
  SearchOptions two = options();
  two.types = {"Basic", "Patient"};
  SearchSource source(context_, two, clock_, noLog());
  runUntil(source, [&] { return counts("epr").current == 10 && source.status().last_error.find("a search of Basic with 404") != std::string::npos; });
  EXPECT_FALSE(source.status().caught_up) << "a type is missing";
}

TEST_F(SearchTest, PagesThatNeverEndAreGivenUp) {
  server_.fault = [&](int n, const ServerRequest&) -> std::optional<ServerResponse> {
    return fhirJson(server_.page(0, 5, 10, "/fhir/Patient?page=" + std::to_string(n + 100)));
  };
  SearchSource source(context_, options(), clock_, noLog());
  runUntil(source, [&] { return source.status().last_error.find("do not end") != std::string::npos; });
  EXPECT_EQ(counts("epr").current, 5U);
}

TEST_F(SearchTest, ANextLinkToAnotherHostIsNotFollowed) {
  std::atomic<int> stranger_asked{0};
  net::HttpServer stranger({}, [&](const ServerRequest&) {
    ++stranger_asked;
    return fhirJson("{}");
  });
  ASSERT_TRUE(stranger.start());
  server_.fault = [&](int, const ServerRequest&) -> std::optional<ServerResponse> {
    return fhirJson(server_.page(0, 5, 10, stranger.url() + "/fhir/Patient?page=2"));
  };
  auto with_token = options();
  with_token.bearer_token = "secret";
  SearchSource source(context_, with_token, clock_, noLog());
  runUntil(source, [&] { return source.status().last_error.find("another host") != std::string::npos; });
  EXPECT_EQ(stranger_asked.load(), 0);
}

TEST_F(SearchTest, AHangingServerIsGivenUpInTime) {
  std::atomic<bool> hang{true};
  server_.fault = [&](int, const ServerRequest&) -> std::optional<ServerResponse> {
    for (int i = 0; hang && i < 400; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return std::nullopt;
  };
  auto quick = options();
  quick.client.limits.total = Duration{300};
  SearchSource source(context_, quick, clock_, noLog());
  runUntil(source, [&] { return !source.status().healthy; });
  hang = false;
  runUntil(source, [&] { return source.status().caught_up; });
  EXPECT_EQ(counts("epr").current, 10U);
}

TEST_F(SearchTest, ANetworkThatSlicesResetsCutsAndRefusesLosesNothing) {
  simulator::TcpGate gate("127.0.0.1", server_.port());
  ASSERT_TRUE(gate.start());
  const std::pair<const char*, simulator::GateMode> faults[] = {
      {"resets in the answer", {.reset_after = 300}}, {"cuts the answer", {.cut_after = 300}}, {"refuses", {.refuse = true}}, {"hangs", {.hang = true}}};
  int number = 0;
  for (const auto& [name, mode] : faults) {
    SCOPED_TRACE(name);
    auto through = options();
    through.name = "epr" + std::to_string(number++);
    through.url = "http://127.0.0.1:" + std::to_string(gate.port()) + "/fhir";
    through.client.limits.total = Duration{400};
    gate.setMode(mode);
    SearchSource source(context_, through, clock_, noLog());
    runUntil(source, [&] { return !source.status().healthy; });
    EXPECT_FALSE(*store_->cursor(through.name, "search/Patient")) << "the cursor moved though the answer was not whole";
    gate.setMode({});
    runUntil(source, [&] { return source.status().caught_up; });
    EXPECT_EQ(counts(through.name).current, 10U);
  }
  gate.setMode({.slice = 5});
  auto sliced = options();
  sliced.name = "sliced";
  sliced.url = "http://127.0.0.1:" + std::to_string(gate.port()) + "/fhir";
  sliced.client.limits.total = Duration{10'000};
  SearchSource source(context_, sliced, clock_, noLog());
  runUntil(source, [&] { return source.status().caught_up; });
  EXPECT_EQ(counts("sliced").current, 10U);
  EXPECT_TRUE(source.status().healthy);
}

TEST_F(SearchTest, WindowsFollowEachOtherFromTheCursorWithOverlap) {
  const Instant since = clock_.now() - std::chrono::hours(60);
  std::mutex mutex;
  std::vector<std::string> asked;
  server_.fault = [&](int, const ServerRequest& request) -> std::optional<ServerResponse> {
    if (request.queryParameter("page").empty()) {
      const std::lock_guard lock(mutex);
      std::string bounds;
      for (const auto& [name, value] : request.query) {
        if (name == "_lastUpdated") bounds += value + " ";
      }
      asked.push_back(bounds);
    }
    return std::nullopt;
  };
  auto windows = options();
  windows.since = since;
  windows.window = std::chrono::hours(24);
  windows.overlap = Duration{10'000};
  SearchSource source(context_, windows, clock_, noLog());
  runUntil(source, [&] { return source.status().caught_up; });
  const std::lock_guard lock(mutex);
  ASSERT_GE(asked.size(), 3U);
  EXPECT_EQ(asked[0], "ge" + formatInstant(since - Duration{10'000}) + " lt" + formatInstant(since + std::chrono::hours(24)) + " ");
  EXPECT_EQ(asked[1], "ge" + formatInstant(since + std::chrono::hours(24) - Duration{10'000}) + " lt" +
                          formatInstant(since + std::chrono::hours(48)) + " ");
}

TEST_F(SearchTest, AHintIsALookAtItsTypeAlone) {
  std::mutex mutex;
  std::map<std::string, int> asked;
  std::atomic<bool> fresh{false};
  server_.fault = [&](int n, const ServerRequest& request) -> std::optional<ServerResponse> {
    const std::lock_guard lock(mutex);
    const std::string type = request.path.substr(request.path.rfind('/') + 1);
    ++asked[type];
    const std::string entry = type == "Encounter" && fresh.exchange(false)
                                  ? R"({"resource":{"resourceType":"Encounter","id":"e)" + std::to_string(n) + R"("},"search":{"mode":"match"}})" : "";
    return fhirJson(R"({"resourceType":"Bundle","type":"searchset","entry":[)" + entry + "]}");
  };
  const auto times = [&](const std::string& type) {
    const std::lock_guard lock(mutex);
    return asked[type];
  };
  auto three = options();
  three.types = {"Practitioner", "Patient", "Encounter"};
  three.interval = std::chrono::hours(1);
  SearchSource source(context_, three, clock_, noLog());
  std::jthread thread([&](std::stop_token stop) { source.run(stop); });
  const auto until = [&](auto done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return done();
  };
  ASSERT_TRUE(until([&] { return source.status().caught_up; }));
  fresh = true;
  source.wake("Encounter");
  ASSERT_TRUE(until([&] { return times("Encounter") == 3; })) << "once for the hint, and again since there was something";
  EXPECT_EQ(times("Patient"), 1);
  ASSERT_TRUE(until([&] { return source.status().caught_up; })) << "the other types were caught up and still are";
  source.wake("Encounter");
  source.wake("Patient");
  ASSERT_TRUE(until([&] { return times("Encounter") == 4 && times("Patient") == 2; }));
  EXPECT_EQ(times("Practitioner"), 1);
  source.wake("Basic");
  ASSERT_TRUE(until([&] { return times("Practitioner") == 2 && times("Patient") == 3 && times("Encounter") == 5; })) << "of an unknown type: all";
  source.wake();
  ASSERT_TRUE(until([&] { return times("Practitioner") == 3 && times("Patient") == 4 && times("Encounter") == 6; }));
}

TEST_F(SearchTest, ARestartInTheMiddleOfAWindowReadsItAgainWithoutDoubles) {
  std::atomic<bool> broken{true};
  server_.fault = [&](int, const ServerRequest& request) -> std::optional<ServerResponse> {
    if (broken && !request.queryParameter("page").empty()) return ServerResponse::text(500, "down");
    return std::nullopt;
  };
  {
    SearchSource first(context_, options(), clock_, noLog());
    runUntil(first, [&] { return !first.status().healthy; });
  }
  EXPECT_EQ(counts("epr").current, 5U);
  broken = false;
  expectAllTen(options());
}

}  // namespace
}  // namespace tributary::ingest::test
