#include "simulator/mesh_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "net/gzip.h"
#include "net/http_client.h"
#include "simulator/national_collector.h"

namespace tributary::simulator {
namespace {
using namespace std::chrono_literals;

std::string after(const std::string& body, const std::string& before, char end = '"') {
  const auto at = body.find(before);
  if (at == std::string::npos) return "";
  const auto from = at + before.size();
  return body.substr(from, body.find(end, from) - from);
}

std::string minutes(Instant at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto m = std::chrono::floor<std::chrono::minutes>(at - day).count();
  char text[40];
  std::snprintf(text, sizeof text, "%04d%02u%02u%02d%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(m / 60), static_cast<int>(m % 60));
  return text;
}

class MeshServerTest : public ::testing::Test {
 protected:
  MeshServerTest()
      : clock(Instant{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 13h + 4min}),
        server(options(), clock) {
    EXPECT_TRUE(server.start());
  }
  static MeshOptions options() {
    MeshOptions o;
    o.mailboxes = {{"X26ABC1", "password", "RZZ", "Provider", {"SEND_FLOW", "OTHER"}, {}},
                   {"X26ABC2", "secret", "X26", "National", {}, {"SEND_FLOW", "SEND_FLOW_ACK"}}};
    o.body_bytes = 1 << 20;
    return o;
  }
  std::string token(const std::string& box = "X26ABC1", const std::string& password = "password") {
    return meshToken(box, password, "TestKey", "nonce-" + std::to_string(++nonce), 0, minutes(clock.now()));
  }
  net::Response call(net::Method method, const std::string& path, net::Headers headers = {},
                     std::string body = {}, int version = 2) {
    net::Request request;
    request.method = method;
    request.url = server.url() + "/messageexchange/" + path;
    request.body = std::move(body);
    request.headers = std::move(headers);
    const std::string box = path.substr(0, path.find('/'));
    if (!request.headers.has("Authorization")) {
      request.headers.add("Authorization", token(box, box == "X26ABC2" ? "secret" : "password"));
    }
    if (!request.headers.has("Accept"))
      request.headers.add("Accept", "application/vnd.mesh.v" + std::to_string(version) + "+json");
    auto answer = client.send(request);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().text);
    return answer ? *answer : net::Response{};
  }
  net::Headers sending(const std::string& local_id = "sub-1") {
    return {{"Mex-To", "X26ABC2"},
            {"Mex-WorkflowID", "SEND_FLOW"},
            {"Mex-LocalID", local_id},
            {"Mex-FileName", "a.zip"}};
  }

  FakeClock clock;
  MeshServer server;
  net::HttpClient client;
  int nonce = 0;
};

// endpoints/mesh.md section 3, computed with the sandbox's own function.
TEST(MeshToken, CheckVectors) {
  EXPECT_EQ(
      meshToken("X26ABC1", "password", "TestKey", "2c001608-5f09-4840-9611-bea43e666a30", 1, "202601021304"),
      "NHSMESH "
      "X26ABC1:2c001608-5f09-4840-9611-bea43e666a30:1:202601021304:"
      "842e8dde7824a9e3a64c899f714da903918b51c8a0e6d342f98c33f4e7d82037");
  EXPECT_EQ(
      meshToken("X26ABC1", "password", "Banana", "2c001608-5f09-4840-9611-bea43e666a30", 0, "202601021304"),
      "NHSMESH "
      "X26ABC1:2c001608-5f09-4840-9611-bea43e666a30:0:202601021304:"
      "73b2c9e068571ea7a64b379a980e7aaa15794589c0f647d80bacc6b1dfa51847");
}

TEST_F(MeshServerTest, HandshakeNeedsItsHeaders) {
  const net::Headers good{{"Mex-ClientVersion", "t"}, {"Mex-OSName", "l"}, {"Mex-OSVersion", "1"}};
  EXPECT_EQ(call(net::Method::kPost, "X26ABC1", good).status, 200);
  EXPECT_EQ(call(net::Method::kGet, "X26ABC1", good, "", 1).body, R"({"mailboxId":"X26ABC1"})");
  EXPECT_EQ(call(net::Method::kPost, "X26ABC1", {{"Mex-ClientVersion", "t"}}).status, 400);
}

TEST_F(MeshServerTest, TokensAreForOneRequestAndTwoHours) {
  const auto with = [&](const std::string& value) {
    return call(net::Method::kGet, "X26ABC1/inbox", {{"Authorization", value}}).status;
  };
  const std::string now = minutes(clock.now());
  const std::string once = meshToken("X26ABC1", "password", "TestKey", "n", 0, now);
  EXPECT_EQ(with(once), 200);
  EXPECT_EQ(with(once), 403);
  EXPECT_EQ(with(meshToken("X26ABC1", "password", "TestKey", "n", 1, now)), 200);
  EXPECT_EQ(with(meshToken("X26ABC1", "password", "TestKey", "n", 1, now)), 403);
  EXPECT_EQ(with(meshToken("X26ABC1", "wrong", "TestKey", "m", 0, now)), 403);
  EXPECT_EQ(with(meshToken("X26ABC1", "password", "Other", "m", 0, now)), 403);
  EXPECT_EQ(with(meshToken("X26ABC2", "secret", "TestKey", "m", 0, now)), 403);
  EXPECT_EQ(with(meshToken("X26ABC1", "password", "TestKey", "o", 0, minutes(clock.now() - 120min))), 200);
  EXPECT_EQ(with(meshToken("X26ABC1", "password", "TestKey", "p", 0, minutes(clock.now() - 122min))), 403);
  EXPECT_EQ(with(meshToken("X26ABC1", "password", "TestKey", "q", 0, minutes(clock.now() + 122min))), 403);
  EXPECT_EQ(with("NHSMESH x"), 403);
  EXPECT_EQ(with("Basic abc"), 403);
}

TEST_F(MeshServerTest, AcceptHeaderChoosesTheVersion) {
  EXPECT_EQ(
      call(net::Method::kGet, "X26ABC1/inbox", {{"Accept", "application/vnd.mesh.v2+json, */*"}}).status,
      400);
  EXPECT_EQ(call(net::Method::kGet, "X26ABC1/inbox", {{"Accept", "application/json"}}).body,
            R"({"messages":[]})");
  EXPECT_NE(call(net::Method::kGet, "X26ABC1/inbox").body.find("approx_inbox_count"), std::string::npos);
}

TEST_F(MeshServerTest, SendsReceivesAcknowledges) {
  const auto sent = call(net::Method::kPost, "X26ABC1/outbox", sending(), "payload");
  EXPECT_EQ(sent.status, 202);
  const std::string id = after(sent.body, R"("message_id":")");
  ASSERT_FALSE(id.empty());
  EXPECT_NE(call(net::Method::kGet, "X26ABC2/inbox").body.find(id), std::string::npos);
  const auto got = call(net::Method::kGet, "X26ABC2/inbox/" + id);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "payload");
  EXPECT_EQ(got.headers.get("mex-from"), "X26ABC1");
  EXPECT_EQ(got.headers.get("mex-localid"), "sub-1");
  EXPECT_EQ(got.headers.get("mex-messagetype"), "DATA");
  EXPECT_EQ(call(net::Method::kGet, "X26ABC1/inbox/" + id).status, 403);
  EXPECT_EQ(call(net::Method::kGet, "X26ABC2/inbox/nothing").status, 404);
  const auto tracked = call(net::Method::kGet, "X26ABC1/outbox/tracking?messageID=" + id);
  EXPECT_NE(tracked.body.find(R"("status":"accepted")"), std::string::npos);
  EXPECT_EQ(call(net::Method::kPut, "X26ABC2/inbox/" + id + "/status/acknowledged").status, 200);
  EXPECT_EQ(call(net::Method::kPut, "X26ABC2/inbox/" + id + "/status/acknowledged").status, 200);
  EXPECT_EQ(call(net::Method::kGet, "X26ABC2/inbox").body.find(id), std::string::npos);
  EXPECT_NE(call(net::Method::kGet, "X26ABC1/outbox/tracking/sub-1").body.find(R"("status":"acknowledged")"),
            std::string::npos);
  EXPECT_EQ(call(net::Method::kGet, "X26ABC1/outbox/tracking/sub-9").status, 404);
  call(net::Method::kPost, "X26ABC1/outbox", sending(), "again");
  EXPECT_EQ(call(net::Method::kGet, "X26ABC1/outbox/tracking/sub-1").status, 300);
}

TEST_F(MeshServerTest, RefusesWhatTheContractRefuses) {
  const auto send = [&](net::Headers h, std::string body = "x") {
    return call(net::Method::kPost, "X26ABC1/outbox", std::move(h), std::move(body));
  };
  EXPECT_EQ(send({{"Mex-WorkflowID", "SEND_FLOW"}}).status, 400);
  auto unknown = send({{"Mex-To", "NOBODY"}, {"Mex-WorkflowID", "SEND_FLOW"}});
  EXPECT_EQ(unknown.status, 417);
  EXPECT_EQ(after(unknown.body, R"("code":")"), "12");
  auto flow = send({{"Mex-To", "X26ABC2"}, {"Mex-WorkflowID", "OTHER"}});
  EXPECT_EQ(flow.status, 417);
  EXPECT_EQ(after(flow.body, R"("code":")"), "17");
  EXPECT_EQ(send(sending(), "").status, 417);
  net::Headers h = sending();
  h.add("Content-Encoding", "br");
  EXPECT_EQ(send(h).status, 422);
  h = sending();
  h.add("Mex-Content-Checksum", "a;b");
  EXPECT_EQ(send(h).status, 400);
  h = sending(std::string(301, 'x'));
  EXPECT_EQ(send(h).status, 400);
  EXPECT_EQ(send(sending(), std::string((1 << 20) + 1, 'x')).status, 413);
}

TEST_F(MeshServerTest, ChunksInOrder) {
  net::Headers first = sending();
  first.add("Mex-Chunk-Range", "1:3");
  first.add("Content-Encoding", "gzip");
  const auto sent = call(net::Method::kPost, "X26ABC1/outbox", first, net::gzipCompress("one,"));
  ASSERT_EQ(sent.status, 202);
  const std::string id = after(sent.body, R"("message_id":")");
  const auto chunk = [&](int i, const std::string& range, const std::string& text,
                         const std::string& encoding = "gzip") {
    net::Headers h{{"Mex-Chunk-Range", range}};
    if (!encoding.empty()) h.add("Content-Encoding", encoding);
    return call(net::Method::kPost, "X26ABC1/outbox/" + id + "/" + std::to_string(i), h,
                net::gzipCompress(text))
        .status;
  };
  EXPECT_EQ(call(net::Method::kGet, "X26ABC2/inbox").body.find(id), std::string::npos);
  EXPECT_EQ(chunk(3, "3:3", "three"), 417);
  EXPECT_EQ(chunk(2, "2:4", "two,"), 417);
  EXPECT_EQ(chunk(2, "2:3", "two,", ""), 417);
  EXPECT_EQ(chunk(4, "4:4", "four"), 406);
  EXPECT_EQ(chunk(2, "2:3", "two,"), 202);
  EXPECT_EQ(chunk(2, "2:3", "two,"), 202);
  EXPECT_EQ(chunk(3, "3:3", "three"), 202);
  EXPECT_EQ(chunk(3, "3:3", "three"), 423);
  std::string all;
  for (int i = 1; i <= 3; ++i) {
    const auto got = call(net::Method::kGet, "X26ABC2/inbox/" + id + "/" + std::to_string(i));
    EXPECT_EQ(got.status, i < 3 ? 206 : 200);
    EXPECT_EQ(got.headers.get("mex-chunk-range"), std::to_string(i) + ":3");
    all += got.body;  // the client unpacks each chunk
  }
  EXPECT_EQ(all, "one,two,three");
}

TEST_F(MeshServerTest, InboxPages) {
  for (int i = 0; i < 25; ++i)
    call(net::Method::kPost, "X26ABC1/outbox", sending("s" + std::to_string(i)), "x");
  std::string path = "X26ABC2/inbox?max_results=10";
  std::size_t seen = 0;
  int pages = 0;
  while (!path.empty() && pages < 9) {
    const auto page = call(net::Method::kGet, path);
    ASSERT_EQ(page.status, 200);
    const std::string list = after(page.body, R"("messages":[)", ']');
    seen += static_cast<std::size_t>(std::count(list.begin(), list.end(), '_'));
    ++pages;
    const std::string next = after(page.body, R"("next":")");
    path = next.empty() ? "" : next.substr(std::string("/messageexchange/").size());
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen, 25U);
  EXPECT_EQ(call(net::Method::kGet, "X26ABC2/inbox?max_results=9").status, 400);
  EXPECT_NE(call(net::Method::kGet, "X26ABC2/inbox?workflow_filter=!SEND*").body.find(R"("messages":[])"),
            std::string::npos);
  EXPECT_NE(call(net::Method::kGet, "X26ABC2/count").body.find(R"("count":25)"), std::string::npos);
}

TEST_F(MeshServerTest, WhatNobodyCollectsComesBackAsReport) {
  const auto sent = call(net::Method::kPost, "X26ABC1/outbox", sending("old"), "x");
  const std::string id = after(sent.body, R"("message_id":")");
  clock.advance(std::chrono::hours(5 * 24 + 1));
  const std::string report = after(call(net::Method::kGet, "X26ABC1/inbox").body, R"("messages":[")");
  ASSERT_FALSE(report.empty());
  const auto got = call(net::Method::kGet, "X26ABC1/inbox/" + report);
  EXPECT_EQ(got.headers.get("mex-messagetype"), "REPORT");
  EXPECT_EQ(got.headers.get("mex-linkedmsgid"), id);
  EXPECT_EQ(got.headers.get("mex-statuscode"), "14");
  EXPECT_EQ(got.headers.get("mex-statussuccess"), "ERROR");
  EXPECT_EQ(got.headers.get("mex-localid"), "old");
  EXPECT_TRUE(got.body.empty());
  EXPECT_EQ(call(net::Method::kGet, "X26ABC2/inbox/" + id).status, 410);
}

TEST_F(MeshServerTest, LooksUpMailboxes) {
  EXPECT_NE(call(net::Method::kGet, "endpointlookup/X26/SEND_FLOW").body.find("X26ABC2"), std::string::npos);
  EXPECT_NE(call(net::Method::kGet, "workflowsearch/SEND_FLOW").body.find("X26ABC1"), std::string::npos);
}

TEST_F(MeshServerTest, FaultsOnDemand) {
  MeshFaults f;
  f.status = 500;
  f.soap = true;
  f.times = 1;
  server.setFaults(f);
  const auto bad = call(net::Method::kPost, "X26ABC1/outbox", sending(), "x");
  EXPECT_EQ(bad.status, 500);
  EXPECT_TRUE(bad.body.starts_with("<SOAP-ENV"));
  EXPECT_EQ(call(net::Method::kPost, "X26ABC1/outbox", sending("after"), "x").status, 202);
  f = {};
  f.drop_accepted = true;
  f.times = 1;
  server.setFaults(f);
  net::Request request;
  request.method = net::Method::kPost;
  request.url = server.url() + "/messageexchange/X26ABC1/outbox";
  request.headers = sending("kept");
  request.headers.add("Authorization", token());
  request.body = "x";
  EXPECT_FALSE(client.send(request));
  EXPECT_EQ(call(net::Method::kGet, "X26ABC1/outbox/tracking/kept").status, 200);
}

class NationalTest : public MeshServerTest {
 protected:
  NationalTest() : collector(clock), national(mailboxes(), clock) {
    collector.attach(national, "X26ABC2");
    EXPECT_TRUE(national.start());
  }
  static MeshOptions mailboxes() {
    MeshOptions o = options();
    o.mailboxes[0].sends.clear();
    o.mailboxes[1].receives.clear();
    return o;
  }
  static std::string line(const std::string& table, int n, const std::string& fields,
                          const std::string& action = "upsert") {
    return R"({"table":")" + table + R"(","action":")" + action + R"(","rowNumber":)" + std::to_string(n) +
           R"(,"fields":{)" + fields + "}}\n";
  }
  static std::string manifest(const std::string& id, const std::string& tables,
                              const std::string& mode = "continuous") {
    return R"({"manifest":{"submissionId":")" + id + R"(","collection":"csds/1.6","mode":")" + mode +
           R"(","tables":[)" + tables + "]}}\n";
  }
  FakeClock& time() { return clock; }
  NationalCollector collector;
  MeshServer national;
};

constexpr const char* kPatient =
    R"("LocalPatientID":"L1","OrgID_LocalPatientID":"RZZ","NHSNumber":"9434765919")";
constexpr const char* kReferral =
    R"("ServiceRequestID":"S1","LocalPatientID":"L1","OrgID_Commissioner":"99Z","ReferralRequest_ReceivedDate":"2026-01-02")";

TEST_F(NationalTest, AcceptsRejectsAndCascades) {
  const std::string bad = R"("LocalPatientID":"L2","OrgID_LocalPatientID":"RZZ","NHSNumber":"9434765918")";
  const std::string child =
      R"("ServiceRequestID":"S2","LocalPatientID":"L2","OrgID_Commissioner":"99Z","ReferralRequest_ReceivedDate":"2026-13-02")";
  const std::string file =
      line("CYP101", 1, kReferral) + line("CYP101", 2, child) + line("CYP001", 1, kPatient) +
      line("CYP001", 2, bad) +
      manifest("s1",
               R"({"table":"CYP101","upserts":2,"deletes":0},{"table":"CYP001","upserts":2,"deletes":0})");
  const Verdict v = collector.receive(file, "s1.ndjson", "s1");
  EXPECT_TRUE(v.readable) << (v.file_errors.empty() ? "" : v.file_errors[0]);
  EXPECT_EQ(v.rows, 4U);
  EXPECT_EQ(v.rejected_rows, 2U);
  std::vector<std::string> codes;
  for (const RowFinding& f : v.findings)
    codes.push_back(f.table + " " + std::to_string(f.row_number) + " " + f.code);
  EXPECT_EQ(codes, (std::vector<std::string>{"CYP001 2 NAT-NHS-NUMBER", "CYP101 2 NAT-FORMAT",
                                             "CYP101 2 NAT-PARENT"}));
  EXPECT_EQ(collector.rows("CYP101").size(), 1U);
}

TEST_F(NationalTest, SeesWhatComesTwice) {
  const std::string tables = R"({"table":"CYP001","upserts":1,"deletes":0})";
  collector.receive(line("CYP001", 1, kPatient) + manifest("a", tables), "a.ndjson", "a");
  EXPECT_TRUE(
      collector.receive(line("CYP001", 1, kPatient) + manifest("a", tables), "a.ndjson", "a").duplicate);
  EXPECT_EQ(collector.summary().rows, 1U);
  collector.receive(line("CYP001", 1, kPatient) + manifest("b", tables), "b.ndjson", "b");
  EXPECT_EQ(collector.summary().duplicate_submissions, 1U);
  EXPECT_EQ(collector.summary().repeated, 1U);
  const std::string changed = std::string(kPatient) + R"(,"Gender":"2")";
  collector.receive(line("CYP001", 1, changed) + manifest("c", tables), "c.ndjson", "c");
  EXPECT_EQ(collector.summary().repeated, 1U);
  collector.receive(
      line("CYP001", 1, changed, "delete") + manifest("d", R"({"table":"CYP001","upserts":0,"deletes":1})"),
      "d.ndjson", "d");
  EXPECT_EQ(collector.rows("CYP001").size(), 0U);
  const Verdict gone = collector.receive(
      line("CYP001", 1, changed, "delete") + manifest("e", R"({"table":"CYP001","upserts":0,"deletes":1})"),
      "e.ndjson", "e");
  EXPECT_EQ(gone.rejected_rows, 1U);
}

TEST_F(NationalTest, StaffWithoutARowAreAWarning) {
  constexpr const char* kSession =
      R"("GroupSessionID":"G1","GroupSession_Date":"2026-11-02","OrgID_Commissioner":"99Z","CareProfessionalID_Local":"W1")";
  const std::string session = R"({"table":"CYP301","upserts":1,"deletes":0})";
  const Verdict lone = collector.receive(line("CYP301", 1, kSession) + manifest("a", session), "a.ndjson", "a");
  ASSERT_EQ(lone.findings.size(), 1U);
  EXPECT_EQ(lone.findings[0].code, "NAT-LINK");
  EXPECT_FALSE(lone.findings[0].rejected);
  const Verdict whole = collector.receive(line("CYP301", 1, kSession) + line("CYP901", 1, R"("CareProfessionalID_Local":"W1")") +
                                              manifest("b", session + R"(,{"table":"CYP901","upserts":1,"deletes":0})"),
                                          "b.ndjson", "b");
  EXPECT_TRUE(whole.findings.empty());
}

TEST_F(NationalTest, RowsOfATableWithoutAKeyMayBeAlike) {
  constexpr const char* kAssessment = R"("AssessmentCompletion_Date":"2026-11-02","SNOMED_ID":"1036651000000102","Score":"30")";
  const auto held = [&] { return collector.summary().tables.at("CYP613").current; };
  const std::string one = R"({"table":"CYP613","upserts":1,"deletes":0})";
  collector.receive(line("CYP613", 1, kAssessment) + line("CYP613", 2, kAssessment) +
                        manifest("a", R"({"table":"CYP613","upserts":2,"deletes":0})"),
                    "a.ndjson", "a");
  EXPECT_EQ(held(), 2U);
  collector.receive(line("CYP613", 1, kAssessment) + manifest("b", one), "b.ndjson", "b");
  EXPECT_EQ(held(), 3U);
  EXPECT_EQ(collector.rows("CYP613").size(), 3U);
  collector.receive(line("CYP613", 1, kAssessment, "delete") + manifest("c", R"({"table":"CYP613","upserts":0,"deletes":1})"),
                    "c.ndjson", "c");
  EXPECT_EQ(held(), 2U);
  EXPECT_EQ(collector.summary().rejected, 0U);
}

TEST_F(NationalTest, RefusesFilesThatAreWrong) {
  const std::string tables = R"({"table":"CYP001","upserts":1,"deletes":0})";
  auto refused = [&, n = 0](const std::string& file) mutable {
    const std::string id = "r" + std::to_string(n++);
    std::string text = file;
    if (const auto at = text.find("@"); at != std::string::npos) text.replace(at, 1, id);
    return !collector.receive(text, id, id).readable;
  };
  EXPECT_FALSE(refused(line("CYP001", 1, kPatient) + manifest("@", tables)));
  EXPECT_TRUE(refused(line("CYP001", 1, kPatient)));                      // cut short
  EXPECT_TRUE(refused(line("CYP999", 1, kPatient) + manifest("@", "")));  // no such table
  EXPECT_TRUE(
      refused(line("CYP001", 1, R"("localPatientID":"L1")") + manifest("@", tables)));  // letter by letter
  EXPECT_TRUE(refused(line("CYP001", 2, kPatient) + manifest("@", tables)));            // row numbers
  EXPECT_TRUE(
      refused(line("CYP001", 1, kPatient) + manifest("@", R"({"table":"CYP001","upserts":2,"deletes":0})")));
  EXPECT_TRUE(refused(line("CYP001", 1, kPatient) + manifest("other", tables)));
  EXPECT_TRUE(refused(line("CYP001", 1, kPatient) + manifest("@", tables, "window")));  // no header
  EXPECT_TRUE(refused("PK\x03\x04 nonsense"));
}

// Made with Python's zipfile: CYP000.csv (stored), CYP001.csv (deflated), manifest.json.
TEST_F(NationalTest, ReadsAZipWithCsv) {
  const std::filesystem::path data = std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/simulator/data";
  const std::string zip = readFile(data / "submission.zip").value();
  const Verdict v = collector.receive(zip, "zip-1.zip", "zip-1");
  EXPECT_TRUE(v.readable) << (v.file_errors.empty() ? "" : v.file_errors[0]);
  EXPECT_EQ(v.rows, 3U);
  EXPECT_EQ(v.rejected_rows, 1U);
  ASSERT_EQ(v.findings.size(), 1U);
  EXPECT_EQ(v.findings[0].field, "Postcode");
  EXPECT_EQ(v.findings[0].row_number, 2U);
  EXPECT_EQ(
      collector.rows("CYP001")[0],
      R"({"LocalPatientID":"L1","OrgID_LocalPatientID":"RZZ","NHSNumber":"9434765919","Postcode":"LS1 4AP"})");
  EXPECT_FALSE(collector.receive(zip.substr(0, zip.size() - 30), "cut.zip", "zip-2").readable);
  std::string broken = zip;
  broken[broken.find("CYP001.csv") + 20] ^= 0x55;
  EXPECT_FALSE(collector.receive(broken, "broken.zip", "zip-3").readable);
  const std::string wrong = readFile(data / "wrong-checksum.zip").value();
  NationalCollector fresh(clock);
  EXPECT_FALSE(fresh.receive(wrong, "zip-1.zip", "zip-1").readable);
}

TEST_F(NationalTest, AnswersThroughMesh) {
  const std::string file = line("CYP001", 1, kPatient) + line("CYP001", 2, R"("LocalPatientID":"L3")") +
                           manifest("m1", R"({"table":"CYP001","upserts":2,"deletes":0})");
  const auto send = [&](net::Method method, const std::string& path, net::Headers headers = {},
                        std::string body = {}) {
    net::Request request;
    request.method = method;
    request.url = national.url() + path;
    request.headers = std::move(headers);
    request.headers.add("Authorization", token());
    request.headers.add("Accept", "application/vnd.mesh.v2+json");
    request.body = std::move(body);
    return client.send(request).value();
  };
  EXPECT_EQ(send(net::Method::kPost, "/messageexchange/X26ABC1/outbox", sending("m1"), file).status, 202);
  national.drain();
  const std::string list = send(net::Method::kGet, "/messageexchange/X26ABC1/inbox").body;
  const std::string first = after(list, R"("messages":[")");
  const auto inf = send(net::Method::kGet, "/messageexchange/X26ABC1/inbox/" + first);
  EXPECT_EQ(inf.headers.get("mex-workflowid"), "SEND_FLOW_ACK");
  EXPECT_EQ(inf.headers.get("mex-localid"), "m1");
  EXPECT_NE(inf.body.find(R"("type":"InfAck")"), std::string::npos);
  EXPECT_NE(inf.body.find(R"("outcome":"accepted")"), std::string::npos);
  const std::string second = after(list, first + R"(",")");
  const auto bus = send(net::Method::kGet, "/messageexchange/X26ABC1/inbox/" + second);
  EXPECT_NE(bus.body.find(R"("totalRecords":2,"succeeded":1,"failed":1)"), std::string::npos) << bus.body;
  EXPECT_NE(bus.body.find(R"("rowNumber":2)"), std::string::npos);
  const std::string summary = send(net::Method::kGet, "/national/summary").body;
  EXPECT_NE(summary.find(R"("submissions":1)"), std::string::npos);
  EXPECT_NE(summary.find(R"("accepted":1,"rejected":1)"), std::string::npos);
  // Lost, doubled, late.
  MeshFaults f;
  f.lose_acks = true;
  national.setFaults(f);
  send(net::Method::kPost, "/messageexchange/X26ABC1/outbox", sending("m2"), "nonsense");
  national.drain();
  EXPECT_NE(send(net::Method::kGet, "/messageexchange/X26ABC1/inbox").body.find(R"("approx_inbox_count":2)"),
            std::string::npos);
  f = {};
  f.duplicate_acks = true;
  f.ack_delay = 10min;
  national.setFaults(f);
  send(net::Method::kPost, "/messageexchange/X26ABC1/outbox", sending("m3"), "nonsense");
  national.drain();
  EXPECT_NE(send(net::Method::kGet, "/messageexchange/X26ABC1/inbox").body.find(R"("approx_inbox_count":2)"),
            std::string::npos);
  clock.advance(10min);
  EXPECT_NE(send(net::Method::kGet, "/messageexchange/X26ABC1/inbox").body.find(R"("approx_inbox_count":4)"),
            std::string::npos);
}

}  // namespace
}  // namespace tributary::simulator
