// FHIR that is sent to us, over a real connection.
#include "ingest/push/push.h"

#include "net/gzip.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "support.h"

namespace tributary::ingest::test {
namespace {

class PushTest : public IngestTest {
 protected:
  void SetUp() override {
    IngestTest::SetUp();
    if (IsSkipped()) return;
    start("");
  }
  void start(const std::string& token) {
    receiver_ = std::make_unique<PushReceiver>(context_, PushOptions{"push", token, "/fhir"}, clock_);
    net::Router router;
    receiver_->addRoutes(router);
    server_ = std::make_unique<net::HttpServer>(net::ServerOptions{}, net::Router::handler(std::move(router)));
    ASSERT_TRUE(server_->start());
  }
  net::Response send(net::Method method, const std::string& path, std::string body, const std::string& type = "application/fhir+json",
                     const std::string& token = "", const std::vector<std::pair<std::string, std::string>>& more = {}) {
    net::Request request;
    for (const auto& [name, value] : more) request.headers.add(name, value);
    request.method = method;
    request.url = server_->url() + path;
    request.headers.add("Content-Type", type);
    if (!token.empty()) request.headers.add("Authorization", "Bearer " + token);
    request.body = std::move(body);
    auto response = client_.send(request);
    EXPECT_TRUE(response) << (response ? "" : response.error().text);
    return response ? *response : net::Response{};
  }
  net::HttpClient client_;
  std::unique_ptr<PushReceiver> receiver_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(PushTest, SingleResourcesAreJournalledBeforeTheAnswer) {
  EXPECT_EQ(send(net::Method::kPut, "/fhir/Patient/a", R"({"resourceType":"Patient","id":"a"})").status, 201);
  EXPECT_EQ(counts("push").current, 1U);
  EXPECT_EQ(send(net::Method::kPut, "/fhir/Patient/a", R"({"resourceType":"Patient","id":"a"})").status, 200) << "known already";
  EXPECT_EQ(send(net::Method::kPut, "/fhir/Patient/b", R"({"resourceType":"Patient","id":"a"})").status, 400) << "another id than the URL's";
  EXPECT_EQ(send(net::Method::kPost, "/fhir", R"({"resourceType":"Patient","id":"c"})").status, 201);
  EXPECT_EQ(send(net::Method::kDelete, "/fhir/Patient/c", "").status, 200);
  EXPECT_EQ(counts("push").current, 2U);
}

TEST_F(PushTest, WhatIsPutAgainAfterItsDeleteIsThereAgain) {
  // lastUpdated before and behind our clock: what the sender says last is what holds.
  for (const char* when : {"2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"}) {
    const std::string body = R"({"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":")" + std::string(when) + R"("}})";
    const std::string bundle = R"({"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/a"}}]})";
    EXPECT_EQ(send(net::Method::kPut, "/fhir/Patient/a", body).status, 201) << when;
    for (int round = 0; round < 4; ++round) {
      if (round % 2 == 0) EXPECT_EQ(send(net::Method::kDelete, "/fhir/Patient/a", "").status, 200);
      else EXPECT_EQ(send(net::Method::kPost, "/fhir", bundle).status, 200);
      std::uint64_t live = 0;
      const auto count = [&] {
        live = 0;
        const store::ResourceKey key{"Patient", "a"};
        EXPECT_TRUE(store_->load("push", {&key, 1}, SIZE_MAX, [&](const store::StoredResource&) { return ++live, true; }));
        return live;
      };
      EXPECT_EQ(count(), 0U) << when;
      EXPECT_EQ(send(net::Method::kPut, "/fhir/Patient/a", body).status, 201) << when;
      EXPECT_EQ(count(), 1U) << when;
      EXPECT_EQ(send(net::Method::kPut, "/fhir/Patient/a", body).status, 200) << "twice says nothing new";
    }
  }
}

TEST_F(PushTest, ATransactionIsAllOrNothing) {
  const std::string bad = R"({"resourceType":"Bundle","type":"transaction","entry":[
    {"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},
    {"resource":{"resourceType":"Nope","id":"b"},"request":{"method":"PUT","url":"Nope/b"}}]})";
  const net::Response refused = send(net::Method::kPost, "/fhir", bad);
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("unknown-resource-type"), std::string::npos) << refused.body;
  EXPECT_EQ(counts("push").received, 0U);
}

TEST_F(PushTest, ABatchTellsEachEntrysFate) {
  const std::string batch = R"({"resourceType":"Bundle","type":"batch","entry":[
    {"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},
    {"resource":{"resourceType":"Nope","id":"b"},"request":{"method":"PUT","url":"Nope/b"}}]})";
  const net::Response answer = send(net::Method::kPost, "/fhir", batch);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("201 Created"), std::string::npos);
  EXPECT_NE(answer.body.find("400 Bad Request"), std::string::npos);
  EXPECT_EQ(counts("push").current, 1U);
  EXPECT_EQ(counts("push").rejected, 1U);
}

TEST_F(PushTest, ABatchIsAnsweredInTheOrderOfItsEntries) {
  const std::string batch = R"({"resourceType":"Bundle","type":"batch","entry":[
    {"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},
    {"request":{"method":"GET","url":"Patient/a"}},
    7,
    {"request":{"method":"DELETE","url":"Patient?name=x"}},
    {"resource":{"resourceType":"Patient","id":"b"},"request":{"method":"PUT","url":"Patient/b"}},
    {"resource":{"resourceType":"Nope","id":"c"},"request":{"method":"PUT","url":"Nope/c"}}]})";
  const net::Response answer = send(net::Method::kPost, "/fhir", batch);
  std::size_t at = 0;
  for (const char* expected : {"Patient/a", "interaction-not-taken", "empty-entry", "delete-without-id", "Patient/b", "unknown-resource-type"}) {
    const std::size_t found = answer.body.find(expected, at);
    ASSERT_NE(found, std::string::npos) << expected << " is not behind what stands before it: " << answer.body;
    at = found + 1;
  }
  EXPECT_EQ(counts("push").current, 2U);
  EXPECT_EQ(counts("push").rejected, 4U);
}

TEST_F(PushTest, WhatHoldsNothingToTakeIsNotCalledTaken) {
  const net::Response object = send(net::Method::kPost, "/fhir", R"({"resourceType":"Bundle","type":"batch","entry":{"resource":{"resourceType":"Patient","id":"a"}}})");
  EXPECT_NE(object.body.find("entry-not-a-list"), std::string::npos) << object.body;
  EXPECT_EQ(counts("push").rejected, 1U);
  EXPECT_EQ(send(net::Method::kDelete, "/fhir/Nonsense/a", "").status, 400);
  EXPECT_EQ(send(net::Method::kDelete, "/fhir/Patient/no%20id", "").status, 400);
  EXPECT_EQ(counts("push").journalled, 0U);
  const std::string newer = R"({"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"2026-01-02T00:00:00Z"}})";
  const std::string older = R"({"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z"},"active":true})";
  EXPECT_NE(send(net::Method::kPut, "/fhir/Patient/a", newer).body.find("the journal has it"), std::string::npos);
  EXPECT_NE(send(net::Method::kPut, "/fhir/Patient/a", newer).body.find("known already"), std::string::npos);
  EXPECT_NE(send(net::Method::kPut, "/fhir/Patient/a", older).body.find("older"), std::string::npos);
  EXPECT_EQ(send(net::Method::kDelete, "/fhir/Patient/a", "").status, 200);
}

TEST_F(PushTest, NdjsonIsTakenLineByLine) {
  const net::Response answer = send(net::Method::kPost, "/fhir",
                                    "{\"resourceType\":\"Patient\",\"id\":\"a\"}\r\n\nnonsense\n{\"resourceType\":\"Patient\",\"id\":\"b\"}",
                                    "application/fhir+ndjson");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("2 stored"), std::string::npos) << answer.body;
  EXPECT_EQ(counts("push").rejected, 1U);
}

TEST_F(PushTest, MalformedJsonIsAnsweredWithLineAndColumn) {
  const net::Response answer = send(net::Method::kPost, "/fhir", "{\n  \"resourceType\": \"Patient\",\n  \"active\": tru\n}");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("line 3"), std::string::npos) << answer.body;
}

TEST_F(PushTest, GzipIsUndoneWithinBounds) {
  const auto with = [&](const std::string& encoding, std::string body) {
    return send(net::Method::kPost, "/fhir", std::move(body), "application/fhir+json", "", {{"Content-Encoding", encoding}}).status;
  };
  const std::string packed = net::gzipCompress(R"({"resourceType":"Patient","id":"z"})");
  EXPECT_EQ(with("gzip", packed), 201);
  EXPECT_EQ(counts("push").current, 1U);
  EXPECT_EQ(with("br", packed), 415);
  EXPECT_EQ(with("gzip", packed.substr(0, packed.size() / 2)), 400);
  EXPECT_EQ(with("gzip", net::gzipCompress(std::string(std::size_t{300} << 20, ' '), 1)), 413) << "a bomb";
  EXPECT_EQ(counts("push").received, 1U);
}

TEST_F(PushTest, XmlIsJournalledAsItsJson) {
  const std::string xml = R"(<Patient xmlns="http://hl7.org/fhir"><id value="x"/><active value="true"/><name><family value="A"/></name></Patient>)";
  EXPECT_EQ(send(net::Method::kPut, "/fhir/Patient/x", xml, "application/fhir+xml").status, 201);
  std::string body;
  ASSERT_TRUE(store_->readJournal(0, 10, true, [&](const store::JournalRecord& record) { return body = record.body, true; }));
  EXPECT_EQ(body, R"({"resourceType":"Patient","id":"x","active":true,"name":[{"family":"A"}]})");
  const net::Response bad = send(net::Method::kPost, "/fhir", "<Patient xmlns=\"http://hl7.org/fhir\">", "application/fhir+xml");
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("xml-syntax"), std::string::npos) << bad.body;
  EXPECT_EQ(send(net::Method::kPost, "/fhir", R"({"resourceType":"Patient","id":"y"})", "text/csv").status, 415);
}

TEST_F(PushTest, ConditionalCreatesAreRefusedNotIgnored) {
  const std::string body = R"({"resourceType":"Patient","id":"a"})";
  const net::Response header = send(net::Method::kPost, "/fhir/Patient", body, "application/fhir+json", "", {{"If-None-Exist", "identifier=x|1"}});
  EXPECT_EQ(header.status, 400);
  EXPECT_NE(header.body.find("conditional-create"), std::string::npos) << header.body;
  const auto bundle = [](const std::string& resource) {
    return R"({"resourceType":"Bundle","type":"transaction","entry":[{"resource":)" + resource +
           R"(,"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=x|1"}}]})";
  };
  const net::Response entry = send(net::Method::kPost, "/fhir", bundle(R"({"resourceType":"Patient"})"));
  EXPECT_EQ(entry.status, 400);
  EXPECT_NE(entry.body.find("conditional-create"), std::string::npos) << entry.body;
  EXPECT_EQ(counts("push").received, 0U);
  EXPECT_EQ(send(net::Method::kPost, "/fhir", bundle(body)).status, 200) << "under its own id it is one resource, however often it comes";
  EXPECT_EQ(counts("push").received, 1U);
}

TEST_F(PushTest, WithATokenOnlyItsBearerMayPush) {
  start("correct horse");
  const std::string body = R"({"resourceType":"Patient","id":"a"})";
  EXPECT_EQ(send(net::Method::kPost, "/fhir", body).status, 401);
  EXPECT_EQ(send(net::Method::kPost, "/fhir", body, "application/fhir+json", "wrong").status, 401);
  EXPECT_EQ(counts("push").received, 0U);
  EXPECT_EQ(send(net::Method::kPost, "/fhir", body, "application/fhir+json", "correct horse").status, 201);
}

TEST_F(PushTest, AFullDiskIsTryAgainNotLost) {
  store_.reset();
  store::SqliteOptions options;
  options.path = folder_.path() / "small.db";
  options.clock = &clock_;
  options.max_pages = 120;
  auto opened = store::openSqliteStore(options);
  ASSERT_TRUE(opened) << opened.error().text;
  store_ = std::move(*opened);
  context_.store = store_.get();
  start("");
  int status = 0;
  std::string body;
  for (int i = 0; i < 200 && status != 503; ++i) {
    body.clear();
    unsigned seed = static_cast<unsigned>(i) * 2654435761U + 1;
    for (int k = 0; k < 60000; ++k) body += static_cast<char>('a' + (seed = seed * 1664525U + 1013904223U) / 165191050U);
    status = send(net::Method::kPost, "/fhir", R"({"resourceType":"Patient","id":"p)" + std::to_string(i) + R"(","text":{"div":")" + body + "\"}}").status;
  }
  EXPECT_EQ(status, 503);
}

}  // namespace
}  // namespace tributary::ingest::test
