#include <gtest/gtest.h>

#include <fstream>

#include "base/hash.h"
#include "deliver/mesh/mesh_client.h"
#include "deliver/mesh/mesh_destination.h"
#include "tests/deliver/fake_mesh.h"
#include "tests/net/hostile_server.h"
#include "tests/net/test_certs.h"

namespace tributary::deliver {
namespace {

using namespace std::chrono_literals;
using testing::FakeMesh;
using testing::TestFolder;
using Fault = FakeMesh::Fault;

// Check vectors made with NHS England's own sandbox.
TEST(MeshToken, CheckVectors) {
  const Instant now = *parseInstant("2026-01-02T13:04:59Z");
  const std::string nonce = "2c001608-5f09-4840-9611-bea43e666a30";
  EXPECT_EQ(meshAuthorization("X26ABC1", "password", "TestKey", nonce, 1, now),
            "NHSMESH X26ABC1:2c001608-5f09-4840-9611-bea43e666a30:1:202601021304:"
            "842e8dde7824a9e3a64c899f714da903918b51c8a0e6d342f98c33f4e7d82037");
  EXPECT_EQ(meshAuthorization("X26ABC1", "password", "Banana", nonce, 0, now),
            "NHSMESH X26ABC1:2c001608-5f09-4840-9611-bea43e666a30:0:202601021304:"
            "73b2c9e068571ea7a64b379a980e7aaa15794589c0f647d80bacc6b1dfa51847");
}

MeshOptions optionsFor(const std::string& url) {
  MeshOptions out;
  out.url = url;
  out.mailbox = "mailbox";
  out.password = Redacted<std::string>("secret-password");
  out.shared_key = Redacted<std::string>("shared-key");
  out.recipient = "NATIONAL";
  out.workflow = "FLOW";
  out.allow_http = true;
  out.retry_delay = 0ms;
  out.settle_time = 0ms;
  out.timeout = 5s;
  return out;
}

struct Fixture {
  explicit Fixture(std::size_t bytes = 1000, std::function<void(MeshOptions&)> change = {}) : mesh(clock) {
    MeshOptions options = optionsFor(mesh.url());
    if (change) change(options);
    auto made = MeshDestination::create(std::move(options), clock);
    if (!made) throw std::runtime_error(made.error().text);
    destination = std::move(*made);
    for (std::size_t i = 0; payload.size() < bytes; ++i) payload += std::to_string(i * 7919) + ",";
    payload.resize(bytes);
    submission.id = "s1";
    submission.collection = "test/1";
    submission.window_from = submission.window_to = clock.now();
    submission.content_type = "application/zip";
    submission.file = folder.path() / "payload";
    submission.bytes = bytes;
    submission.sha256 = sha256Hex(payload);
    std::ofstream(submission.file) << payload;
  }
  Result<PollReport> poll() {
    return destination->poll([this](const Receipt& receipt) -> Result<void> {
      receipts.push_back(receipt);
      return {};
    });
  }

  SystemClock clock;
  FakeMesh mesh;
  TestFolder folder;
  std::unique_ptr<MeshDestination> destination;
  std::string payload;
  Submission submission;
  std::vector<Receipt> receipts;
};

TEST(Mesh, SendsOneMessage) {
  Fixture f;
  const SubmitOutcome outcome = f.destination->submit(f.submission);
  ASSERT_EQ(outcome.verdict, SubmitVerdict::kTransportAccepted) << outcome.reason;
  const auto sent = f.mesh.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(outcome.transport_id, sent[0].id);
  EXPECT_EQ(sent[0].to, "NATIONAL");
  EXPECT_EQ(sent[0].workflow, "FLOW");
  EXPECT_EQ(sent[0].local_id, "s1");
  EXPECT_EQ(sent[0].file_name, "s1.zip");
  EXPECT_EQ(sent[0].checksum, "sha256:" + f.submission.sha256);
  EXPECT_EQ(sent[0].content_type, "application/zip");
  EXPECT_EQ(sent[0].content_encoding, "");
  EXPECT_EQ(sent[0].body(), f.payload);
}

TEST(Mesh, SendsChunksInOrderEachPackedOnItsOwn) {
  Fixture f(10'000, [](MeshOptions& o) {
    o.chunk_bytes = 3000;
    o.compress = MeshOptions::Compress::kAlways;
  });
  ASSERT_EQ(f.destination->submit(f.submission).verdict, SubmitVerdict::kTransportAccepted);
  const auto sent = f.mesh.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(sent[0].complete);
  EXPECT_EQ(sent[0].parts.size(), 4U);
  EXPECT_EQ(sent[0].content_encoding, "gzip");
  EXPECT_EQ(net::gzipDecompress(sent[0].parts.at(1), 1 << 20).value(), f.payload.substr(0, 3000));
  EXPECT_EQ(sent[0].body(), f.payload);
  const std::string id = sent[0].id;
  EXPECT_EQ(f.mesh.log(),
            (std::vector<std::string>{"POST /outbox", "POST /outbox/" + id + "/2",
                                      "POST /outbox/" + id + "/3", "POST /outbox/" + id + "/4"}));
}

TEST(Mesh, RefusesWhatCannotBeSent) {
  Fixture large(5000, [](MeshOptions& o) {
    o.chunk_bytes = 1000;
    o.chunking = false;
  });
  EXPECT_EQ(large.destination->submit(large.submission).verdict, SubmitVerdict::kRefused);
  Fixture changed;
  changed.submission.sha256[0] = 'x';
  EXPECT_EQ(changed.destination->submit(changed.submission).verdict, SubmitVerdict::kRefused);
  Fixture empty(0);
  EXPECT_EQ(empty.destination->submit(empty.submission).verdict, SubmitVerdict::kRefused);
  for (const Fixture* f : {&large, &changed, &empty}) EXPECT_TRUE(f->mesh.log().empty());
}

struct FirstPostCase {
  int status;
  const char* body;
  SubmitVerdict verdict;
};

// What each answer to the first POST means. It is never sent a second time within a call.
TEST(Mesh, AnswersToTheFirstPost) {
  const FirstPostCase cases[] = {
      {400, R"({"detail":[{"loc":["header","mex-to"],"msg":"field required","type":"missing"}]})",
       SubmitVerdict::kRefused},
      {403, "", SubmitVerdict::kRetryLater},  // the mailbox or its secrets, not the submission
      {403, R"({"errorEvent":"SEND","errorCode":"16","errorDescription":"sender not allowed"})",
       SubmitVerdict::kRefused},
      {417, R"({"detail":[{"event":"SEND","code":"12","msg":"Unregistered to address"}]})",
       SubmitVerdict::kRefused},
      {417, R"({"messageID":null,"errorEvent":"SEND","errorCode":"EPL-151","errorDescription":"no match"})",
       SubmitVerdict::kRefused},
      {302, "", SubmitVerdict::kRetryLater},
      {408, "", SubmitVerdict::kRetryLater},
      {425, "", SubmitVerdict::kRetryLater},
      {429, "", SubmitVerdict::kRetryLater},
      {503, "", SubmitVerdict::kRetryLater},
      {500, "<soap:Envelope>12</soap:Envelope>", SubmitVerdict::kUnknown},
      {502, "", SubmitVerdict::kUnknown},
      {504, "", SubmitVerdict::kUnknown},
      {202, "null", SubmitVerdict::kUnknown},  // taken, but what is its id?
      {0, "", SubmitVerdict::kUnknown},
  };
  for (const auto& c : cases) {
    Fixture f;
    f.mesh.fail({.match = "POST /outbox", .status = c.status, .body = c.body});
    const SubmitOutcome outcome = f.destination->submit(f.submission);
    EXPECT_EQ(outcome.verdict, c.verdict) << c.status << " " << c.body << ": " << outcome.reason;
    EXPECT_EQ(f.mesh.count("POST"), 1U) << c.status;
    EXPECT_FALSE(outcome.reason.empty());
  }
}

TEST(Mesh, RetryAfterAndCodesAreHandedOn) {
  Fixture f;
  f.mesh.fail({.match = "POST /outbox", .status = 429, .headers = {{"Retry-After", "90"}}});
  EXPECT_EQ(f.destination->submit(f.submission).retry_after, 90s);
  Fixture refused(100, [](MeshOptions& o) { o.recipient = "NOBODY"; });
  const SubmitOutcome outcome = refused.destination->submit(refused.submission);
  EXPECT_EQ(outcome.verdict, SubmitVerdict::kRefused);
  EXPECT_EQ(outcome.code, "417/12");
}

TEST(Mesh, NobodyAtHomeIsRetryLater) {
  SystemClock clock;
  std::string url;
  {
    testing::HostileServer server([](testing::HostileServer::Peer&) {});
    url = server.url();
  }
  Fixture f;
  const auto destination = MeshDestination::create(optionsFor(url), clock).value();
  EXPECT_EQ(destination->submit(f.submission).verdict, SubmitVerdict::kRetryLater);
  EXPECT_EQ(destination->resolve(f.submission).verdict, SubmitVerdict::kUnknown);
  EXPECT_FALSE(destination->poll([](const Receipt&) -> Result<void> { return {}; }));
  EXPECT_FALSE(destination->probe());
}

// A MESH that takes what is sent and never answers does not keep us from stopping.
TEST(Mesh, StopsWhileMeshHangs) {
  Fixture f;
  testing::HostileServer server([](testing::HostileServer::Peer& peer) {
    peer.readRequest();
    peer.hang();
  });
  using Clock = std::chrono::steady_clock;
  const std::function<void(MeshDestination&)> calls[] = {
      [&](MeshDestination& d) { EXPECT_EQ(d.submit(f.submission).verdict, SubmitVerdict::kUnknown) << "it may have arrived"; },
      [&](MeshDestination& d) { EXPECT_EQ(d.resolve(f.submission).verdict, SubmitVerdict::kUnknown); },
      [&](MeshDestination& d) { EXPECT_FALSE(d.poll([](const Receipt&) -> Result<void> { return {}; })); },
      [&](MeshDestination& d) { EXPECT_FALSE(d.probe()); },
  };
  for (const auto& call : calls) {
    MeshOptions options = optionsFor(server.url());
    options.timeout = 60s;
    options.retry_delay = 5s;
    const auto destination = MeshDestination::create(options, f.clock).value();
    std::stop_source stop;
    destination->stopWith(stop.get_token());
    std::jthread stopping([&] {
      std::this_thread::sleep_for(100ms);
      stop.request_stop();
    });
    const auto begin = Clock::now();
    call(*destination);
    EXPECT_LT(Clock::now() - begin, 2s);
    // Once stopping, nothing more is begun.
    EXPECT_EQ(destination->submit(f.submission).verdict, SubmitVerdict::kRetryLater);
  }
}

// The endpoint that takes the message and is not heard of again: asked before anything is sent a second time.
TEST(Mesh, TakenButNotAnswered) {
  for (const int status : {0, 502}) {
    Fixture f;
    f.mesh.fail({.match = "POST /outbox", .status = status, .serve_first = true});
    const SubmitOutcome first = f.destination->submit(f.submission);
    ASSERT_EQ(first.verdict, SubmitVerdict::kUnknown);
    const SubmitOutcome asked = f.destination->resolve(f.submission, first.transport_id);
    EXPECT_EQ(asked.verdict, SubmitVerdict::kTransportAccepted);
    EXPECT_EQ(asked.transport_id, f.mesh.sent().at(0).id);
    EXPECT_EQ(f.mesh.sent().size(), 1U);
  }
}

TEST(Mesh, NotTakenAndNotAnswered) {
  Fixture f;
  f.mesh.fail({.match = "POST /outbox"});
  ASSERT_EQ(f.destination->submit(f.submission).verdict, SubmitVerdict::kUnknown);
  EXPECT_EQ(f.destination->resolve(f.submission).verdict, SubmitVerdict::kRetryLater);
  EXPECT_EQ(f.destination->submit(f.submission).verdict, SubmitVerdict::kTransportAccepted);
  EXPECT_EQ(f.mesh.sent().size(), 1U);
}

TEST(Mesh, SeveralWithOurLocalId) {
  Fixture f;
  ASSERT_EQ(f.destination->submit(f.submission).verdict, SubmitVerdict::kTransportAccepted);
  ASSERT_EQ(f.destination->submit(f.submission).verdict, SubmitVerdict::kTransportAccepted);
  const SubmitOutcome asked = f.destination->resolve(f.submission);
  EXPECT_EQ(asked.verdict, SubmitVerdict::kTransportAccepted);
  EXPECT_EQ(asked.code, "300");
}

TEST(Mesh, TrackingThatCannotBeAskedStaysUnknown) {
  Fixture f;
  for (int i = 0; i < 3; ++i) f.mesh.fail({.match = "GET /outbox/tracking", .status = 503});
  EXPECT_EQ(f.destination->resolve(f.submission).verdict, SubmitVerdict::kUnknown);
  EXPECT_EQ(f.mesh.count("GET /outbox/tracking/s1"), 3U);
}

TEST(Mesh, TrackingThatTellsOfAFailure) {
  Fixture f;
  const std::string id = f.destination->submit(f.submission).transport_id;
  f.mesh.setStatus(id, "undeliverable");
  const SubmitOutcome asked = f.destination->resolve(f.submission);
  EXPECT_EQ(asked.verdict, SubmitVerdict::kRefused);
  EXPECT_EQ(asked.code, "14");
}

TEST(Mesh, ChunksAreRepeatedWithAFreshTokenEach) {
  Fixture f(5000, [](MeshOptions& o) { o.chunk_bytes = 2000; });
  f.mesh.fail({.match = "POST /outbox/OUT1/2", .status = 503});
  f.mesh.fail({.match = "POST /outbox/OUT1/2"});
  f.mesh.fail({.match = "POST /outbox/OUT1/3",
               .status = 504,
               .serve_first = true});  // taken: the repetition meets 423
  EXPECT_EQ(f.destination->submit(f.submission).verdict, SubmitVerdict::kTransportAccepted);
  EXPECT_EQ(f.mesh.sent().at(0).body(), f.payload);
  EXPECT_EQ(f.mesh.count("POST /outbox/OUT1/2"), 3U);
  EXPECT_EQ(f.mesh.count("POST /outbox/OUT1/3"), 2U);
}

TEST(Mesh, ABrokenUploadGoesOnWhereItCan) {
  Fixture f(5000, [](MeshOptions& o) { o.chunk_bytes = 2000; });
  for (int i = 0; i < 3; ++i) f.mesh.fail({.match = "POST /outbox/OUT1/3", .status = 503});
  const SubmitOutcome first = f.destination->submit(f.submission);
  EXPECT_EQ(first.verdict, SubmitVerdict::kRetryLater);
  EXPECT_EQ(first.transport_id, "OUT1");
  const SubmitOutcome asked = f.destination->resolve(f.submission, first.transport_id);
  EXPECT_EQ(asked.verdict, SubmitVerdict::kRetryLater);
  EXPECT_EQ(asked.transport_id, "OUT1");
  EXPECT_EQ(f.destination->submit(f.submission, first.transport_id).verdict,
            SubmitVerdict::kTransportAccepted);
  EXPECT_EQ(f.mesh.count("POST /outbox"), 1U + 4U + 2U) << "no second first chunk";
  ASSERT_EQ(f.mesh.sent().size(), 1U);
  EXPECT_EQ(f.mesh.sent()[0].body(), f.payload);
}

TEST(Mesh, AnUploadThatMeshForgotStartsAgain) {
  Fixture f(5000, [](MeshOptions& o) { o.chunk_bytes = 2000; });
  const SubmitOutcome outcome = f.destination->submit(f.submission, "LONG-GONE");
  EXPECT_EQ(outcome.verdict, SubmitVerdict::kTransportAccepted) << outcome.reason;
  EXPECT_EQ(f.mesh.sent().at(0).body(), f.payload);
}

FakeMesh::Message answer(const std::string& workflow) {
  FakeMesh::Message message;
  message.workflow = workflow;
  message.local_id = "s1";
  return message;
}
const std::string kAccepted = R"({"type":"InfAck","submissionId":"s1","outcome":"accepted"})";

TEST(Mesh, PollsPagesAndLeavesForeignMessages) {
  Fixture f;
  f.mesh.deliver(answer("OTHER_ACK"), {"x"});
  const std::string foreign = f.mesh.deliver(answer("FLOW"), {"data of the same workflow, but not a report"});
  for (int i = 0; i < 5; ++i) f.mesh.deliver(answer("FLOW_ACK"), {kAccepted});
  const auto report = f.poll();
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->receipts, 5U);
  EXPECT_FALSE(report->more);
  ASSERT_EQ(f.receipts.size(), 5U);
  EXPECT_EQ(f.receipts[0].layer, Receipt::Layer::kFileAccepted);
  EXPECT_EQ(f.mesh.inbox(), (std::vector<std::string>{"IN1", foreign})) << "not acknowledged";
  ASSERT_TRUE(f.poll());
  EXPECT_EQ(f.mesh.count("HEAD /inbox/" + foreign), 1U) << "looked at once";
  EXPECT_EQ(f.receipts.size(), 5U);
}

TEST(Mesh, AChunkedAndPackedAnswer) {
  Fixture f;
  const std::string text =
      R"({"type":"BusAck","submissionId":"s1","summary":{"totalRecords":2,"succeeded":1,"failed":1},)"
      R"("failures":[{"table":"T","rowNumber":1}]})";
  FakeMesh::Message message = answer("FLOW_ACK");
  message.content_encoding = "gzip";
  f.mesh.deliver(message, {net::gzipCompress(text.substr(0, 40)), net::gzipCompress(text.substr(40, 30)),
                           net::gzipCompress(text.substr(70))});
  f.mesh.deliver(answer("FLOW_ACK"), {net::gzipCompress(text)});  // packed without a word
  f.mesh.fail({.match = "GET /inbox/IN1/2", .status = 503});
  const auto report = f.poll();
  ASSERT_TRUE(report) << report.error().text;
  ASSERT_EQ(f.receipts.size(), 2U);
  for (const Receipt& receipt : f.receipts) {
    EXPECT_EQ(receipt.layer, Receipt::Layer::kRows) << receipt.text;
    EXPECT_EQ(receipt.rows.size(), 1U);
  }
}

TEST(Mesh, ReportsAreTransportRejections) {
  Fixture f;
  FakeMesh::Message report = answer("FLOW");
  report.report = true;
  report.linked_id = "OUT7";
  report.status_code = "14";
  report.status_description = "Not collected";
  f.mesh.deliver(report, {});
  ASSERT_TRUE(f.poll());
  ASSERT_EQ(f.receipts.size(), 1U);
  EXPECT_EQ(f.receipts[0].layer, Receipt::Layer::kTransportRejected);
  EXPECT_EQ(f.receipts[0].transport_id, "OUT7");
  EXPECT_EQ(f.receipts[0].submission_id, "s1");
  EXPECT_EQ(f.receipts[0].code, "14");
  EXPECT_TRUE(f.mesh.inbox().empty());
}

TEST(Mesh, AnAnswerThatCannotBeUnderstoodIsKeptAndTakenAway) {
  Fixture f;
  f.mesh.deliver(answer("FLOW_ACK"), {"<html>"});
  f.mesh.deliver(answer("FLOW_ACK"), {kAccepted});
  const auto report = f.poll();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->unreadable, 1U);
  EXPECT_EQ(report->receipts, 1U) << "it does not stand in the others' way";
  ASSERT_EQ(f.receipts.size(), 2U);
  EXPECT_EQ(f.receipts[0].layer, Receipt::Layer::kUnreadable);
  EXPECT_EQ(f.receipts[0].raw, "<html>") << "MESH has no other copy";
  EXPECT_EQ(f.receipts[0].submission_id, "s1");
  EXPECT_TRUE(f.mesh.inbox().empty());
}

TEST(Mesh, AcknowledgedOnlyAfterItIsStored) {
  Fixture f;
  f.mesh.deliver(answer("FLOW_ACK"), {kAccepted});
  const auto refused = f.destination->poll(
      [](const Receipt&) -> Result<void> { return fail(ErrorCode::kUnavailable, "store is down"); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "store is down");
  EXPECT_EQ(f.mesh.count("PUT"), 0U);
  // An acknowledgement that fails brings the same receipt again, under the same id.
  for (int i = 0; i < 3; ++i) f.mesh.fail({.match = "PUT", .status = 503});
  EXPECT_FALSE(f.poll());
  ASSERT_TRUE(f.poll());
  ASSERT_EQ(f.receipts.size(), 2U);
  EXPECT_EQ(f.receipts[0].receipt_id, f.receipts[1].receipt_id);
  EXPECT_TRUE(f.mesh.inbox().empty());
}

TEST(Mesh, AMessageThatIsGoneDoesNotStopThePoll) {
  Fixture f;
  f.mesh.deliver(answer("FLOW_ACK"), {kAccepted});
  f.mesh.deliver(answer("FLOW_ACK"), {kAccepted});
  f.mesh.fail({.match = "HEAD /inbox/IN1", .status = 410});
  EXPECT_EQ(f.poll()->receipts, 1U);
}

TEST(Mesh, APollIsBounded) {
  Fixture f(10, [](MeshOptions& o) { o.messages_per_poll = 3; });
  for (int i = 0; i < 5; ++i) f.mesh.deliver(answer("FLOW_ACK"), {kAccepted});
  auto report = f.poll();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->receipts, 3U);
  EXPECT_TRUE(report->more);
  report = f.poll();
  EXPECT_EQ(report->receipts, 2U);
  EXPECT_FALSE(report->more);
}

TEST(Mesh, InboxThatLeadsElsewhereOrInACircle) {
  Fixture f;
  f.mesh.fail(
      {.match = "GET /inbox",
       .status = 200,
       .body = R"({"messages":[],"links":{"next":"https://evil.example/messageexchange/MAILBOX/inbox"}})"});
  EXPECT_FALSE(f.poll());
  for (int i = 0; i < 5; ++i) {
    f.mesh.fail(
        {.match = "GET /inbox",
         .status = 200,
         .body =
             R"({"messages":["NONE"],"links":{"next":"/messageexchange/MAILBOX/inbox?continue_from=0"}})"});
  }
  EXPECT_TRUE(f.poll());
  EXPECT_LE(f.mesh.count("GET /inbox?"), 4U);
}

TEST(Mesh, ProbeChecksCredentialsAndClock) {
  Fixture f;
  const auto fine = f.destination->probe();
  ASSERT_TRUE(fine) << fine.error().text;
  EXPECT_TRUE(fine->ready) << fine->text;

  Fixture wrong(10, [](MeshOptions& o) { o.password = Redacted<std::string>("wrong"); });
  const auto refused = wrong.destination->probe();
  ASSERT_TRUE(refused);
  EXPECT_FALSE(refused->ready);
  EXPECT_EQ(refused->text.find("wrong"), std::string::npos);

  FakeClock late(SystemClock().now() - 3h);
  const auto destination = MeshDestination::create(optionsFor(f.mesh.url()), late).value();
  const auto skewed = destination->probe();
  ASSERT_TRUE(skewed);
  EXPECT_FALSE(skewed->ready);
  EXPECT_NE(skewed->text.find("minutes apart"), std::string::npos) << skewed->text;

  FakeClock off(SystemClock().now() - 1h);  // MESH would still take it, we warn before it does not
  const auto warned = MeshDestination::create(optionsFor(f.mesh.url()), off).value()->probe();
  ASSERT_TRUE(warned);
  EXPECT_FALSE(warned->ready);
  EXPECT_GT(*warned->clock_difference, 59min);
}

TEST(Mesh, MutualTls) {
  const TestFolder folder;
  testing::TestAuthority authority(folder.path());
  const auto server = authority.issue("server", "IP:127.0.0.1");
  const auto client = authority.issue("mailbox.ods.api");
  SystemClock clock;
  FakeMesh mesh(clock, {server.certificate, server.key, authority.caFile()});
  MeshOptions options = optionsFor(mesh.url());
  options.allow_http = false;
  options.tls.ca_file = authority.caFile();
  const auto without = MeshDestination::create(options, clock).value()->probe();
  EXPECT_FALSE(without && without->ready);
  options.tls.certificate_file = client.certificate;
  options.tls.key_file = client.key;
  const auto with = MeshDestination::create(options, clock).value()->probe();
  ASSERT_TRUE(with) << with.error().text;
  EXPECT_TRUE(with->ready) << with->text;
}

TEST(Mesh, OptionsAreChecked) {
  SystemClock clock;
  const std::pair<const char*, std::function<void(MeshOptions&)>> cases[] = {
      {"url", [](MeshOptions& o) { o.url = ""; }},
      {"https", [](MeshOptions& o) { o.allow_http = false; }},
      {"path", [](MeshOptions& o) { o.url = "http://h/messageexchange"; }},
      {"mailbox", [](MeshOptions& o) { o.mailbox = ""; }},
      {"mailbox", [](MeshOptions& o) { o.mailbox = "a:b"; }},
      {"password", [](MeshOptions& o) { o.password = {}; }},
      {"shared_key", [](MeshOptions& o) { o.shared_key = {}; }},
      {"recipient", [](MeshOptions& o) { o.recipient = "http://x"; }},
      {"workflow", [](MeshOptions& o) { o.workflow = "a\nb"; }},
      {"certificate", [](MeshOptions& o) { o.tls.key_file = "k"; }},
      {"chunk_bytes", [](MeshOptions& o) { o.chunk_bytes = 100'000'001; }},
      {"page_size", [](MeshOptions& o) { o.page_size = 9; }},
  };
  for (const auto& [word, change] : cases) {
    MeshOptions options = optionsFor("http://h");
    change(options);
    const auto made = MeshDestination::create(options, clock);
    ASSERT_FALSE(made) << word;
    EXPECT_NE(made.error().text.find(word), std::string::npos) << made.error().text;
    EXPECT_EQ(made.error().text.find("secret"), std::string::npos);
  }
}

// Whatever fails, no text for the operator holds a secret or a body.
TEST(Mesh, NoSecretInAnyText) {
  for (const int status : {0, 400, 403, 417, 500, 503}) {
    Fixture f;
    for (const char* match : {"POST", "GET", "GET", "GET"}) {
      f.mesh.fail(
          {.match = match,
           .status = status,
           .body = R"({"errorCode":"9990000018","errorDescription":"no good: Ann Example","detail":[{"loc":["body"],"msg":"Ann Example","type":"x"}],"body":"NHS 9990000018"})"});
    }
    std::string all =
        f.destination->submit(f.submission).reason + f.destination->resolve(f.submission).reason;
    if (const auto polled = f.poll(); !polled) all += polled.error().text;
    for (const char* secret : {"secret-password", "shared-key", "NHSMESH", "9990000018", "Ann Example"}) {
      EXPECT_EQ(all.find(secret), std::string::npos) << all;
    }
  }
}

}  // namespace
}  // namespace tributary::deliver
