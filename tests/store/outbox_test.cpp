#include <gmock/gmock.h>

#include "tests/store/conformance.h"

namespace tributary::store {
namespace {

using testing::ElementsAre;

Given encounter(const std::string& id, const std::string& patient, const std::string& body) {
  return {"Encounter", id, "Patient/" + patient, body, "", "", {}};
}

Receipt rowReceipt(std::uint64_t submission, std::string_view id, std::span<const RowReceipt> rows,
                   bool final) {
  Receipt receipt;
  receipt.destination = "folder";
  receipt.receipt_id = id;
  receipt.submission = submission;
  receipt.kind = ReceiptKind::kRows;
  receipt.rows = rows;
  receipt.final = final;
  return receipt;
}

Receipt fileReceipt(std::uint64_t submission, std::string_view id, ReceiptKind kind) {
  Receipt receipt;
  receipt.destination = "folder";
  receipt.receipt_id = id;
  receipt.submission = submission;
  receipt.kind = kind;
  return receipt;
}

TEST_P(StoreTest, SubmissionIsOrderedByTableSubjectAndKey) {
  append({{"B", "2", "Patient/2", "x", "", "", {}},
          {"B", "1", "Patient/2", "x", "", "", {}},
          {"A", "1", "Patient/3", "x", "", "", {}},
          {"B", "9", "Patient/1", "x", "", "", {}},
          {"C", "1", "Patient/1", "x", "", "", {}}});
  drain();
  SubmissionRequest request;
  request.destination = kDestination;
  request.collection = kCollection;
  request.window = "w";
  request.tables = {"B", "A"};
  const auto submission = store().openSubmission(request);
  ASSERT_OK(submission);
  ASSERT_TRUE(submission->has_value());
  EXPECT_THAT(members((*submission)->id),
              ElementsAre("1 B/9 v1 x", "2 B/1 v1 x", "3 B/2 v1 x", "4 A/1 v1 x"));
  EXPECT_EQ((*submission)->rows, 4U);
  EXPECT_EQ((*submission)->window, "w");
  ASSERT_EQ((*submission)->tables.size(), 2U);
  EXPECT_EQ((*submission)->tables[1].table, "A");
  EXPECT_EQ((*submission)->tables[1].first_number, 4U);
  EXPECT_EQ((*submission)->tables[0].rows, 3U);
  EXPECT_EQ(stateOf("C", "1"), RowState::kPending);  // its table was not asked for
  EXPECT_EQ(stateOf("B", "1"), RowState::kAssigned);
  EXPECT_EQ(*store().openSubmission(request), std::nullopt);
  // Resumable.
  std::vector<std::uint64_t> numbers;
  ASSERT_OK(store().readSubmission((*submission)->id, 2, [&](const SubmissionRow& row) {
    numbers.push_back(row.number * 10 + row.number_in_table);
    return true;
  }));
  EXPECT_THAT(numbers, ElementsAre(33U, 41U));
}

TEST_P(StoreTest, LimitDoesNotCutASubject) {
  for (const char* patient : {"1", "2", "3"}) {
    append({encounter(std::string(patient) + "a", patient, "x"),
            encounter(std::string(patient) + "b", patient, "x")});
  }
  drain();
  SubmissionRequest request;
  request.destination = kDestination;
  request.collection = kCollection;
  request.max_rows = 3;
  EXPECT_EQ((*store().openSubmission(request))->rows, 2U);
  request.max_rows = 1;
  EXPECT_EQ((*store().openSubmission(request))->rows, 2U);  // at least one subject
  request.max_rows = 100;
  EXPECT_EQ((*store().openSubmission(request))->rows, 2U);
}

TEST_P(StoreTest, WindowTakesItsPeriodAndRowsWithout) {
  append({encounter("e", "1", "x")});
  commit(takeOne(), {{"T", "march", "x", "2026-03-31", ""},
                     {"T", "april", "x", "2026-04-01", ""},
                     {"P", "p", "x", "", ""}});
  SubmissionRequest request;
  request.destination = kDestination;
  request.collection = kCollection;
  request.period_from = "2026-03-01";
  request.period_to = "2026-04-01";
  EXPECT_THAT(members((*store().openSubmission(request))->id), ElementsAre("1 P/p v1 x", "2 T/march v1 x"));
  EXPECT_EQ(*store().openSubmission(request), std::nullopt);
  request.period_from = "2026-04-01";
  request.period_to.clear();
  request.scope = SubmissionScope::kWholeSubjects;
  EXPECT_THAT(members((*store().openSubmission(request))->id),
              ElementsAre("1 P/p v1 context x", "2 T/april v1 x"));
}

TEST_P(StoreTest, EverythingIsARefresh) {
  append({encounter("e", "1", "x"), encounter("f", "2", "x")});
  drain();
  mark(openSubmission()->id, SubmissionState::kDone);
  append({encounter("g", "3", "x")});
  drain();
  const auto refresh = openSubmission(kDestination, SubmissionScope::kEverything);
  EXPECT_THAT(members(refresh->id),
              ElementsAre("1 Encounter/e v1 context x", "2 Encounter/f v1 context x", "3 Encounter/g v1 x"));
  mark(refresh->id, SubmissionState::kDone);
  // A context row refused is refused.
  const auto again = openSubmission(kDestination, SubmissionScope::kEverything);
  RowReceipt row;
  row.number = 1;
  row.rule = "R1";
  receive(rowReceipt(again->id, "r", std::span(&row, 1), true));
  EXPECT_EQ(stateOf("Encounter", "e"), RowState::kRejected);
  EXPECT_EQ(stateOf("Encounter", "f"), RowState::kAccepted);
  reconciled();
}

TEST_P(StoreTest, RowsMoveWithTheirSubmission) {
  append({encounter("e", "1", "x")});
  drain();
  EXPECT_EQ(stateOf("Encounter", "e"), RowState::kPending);
  const std::uint64_t id = openSubmission()->id;
  using enum SubmissionState;
  for (const auto& [to, state] :
       std::vector<std::pair<SubmissionState, RowState>>{{kReady, RowState::kAssigned},
                                                         {kSending, RowState::kAssigned},
                                                         {kSent, RowState::kSent},
                                                         {kTransportAccepted, RowState::kTransportAccepted},
                                                         {kFileAccepted, RowState::kFileAccepted},
                                                         {kDone, RowState::kAccepted}}) {
    mark(id, to);
    EXPECT_EQ(stateOf("Encounter", "e"), state);
    EXPECT_EQ(reconciled().destinations.at(kDestination).by_state.at(state), 1U);
  }
}

TEST_P(StoreTest, SubmissionKeepsWhatItIsTold) {
  append({encounter("e", "1", "x")});
  drain();
  const auto opened = openSubmission();
  SubmissionUpdate update;
  update.state = SubmissionState::kReady;
  update.file_path = "out/1.zip";
  update.file_hash = "ab";
  update.file_bytes = 77;
  ASSERT_OK(store().markSubmission(opened->id, update));
  clock_.advance(Duration{1000});
  update = {};
  update.state = SubmissionState::kSending;
  update.transport_id = "MESH-1";
  update.count_attempt = true;
  update.reason = "timeout";
  update.next_attempt = clock_.now() + Duration{500};
  ASSERT_OK(store().markSubmission(opened->id, update));
  reopen();
  const auto found = store().submission(opened->id);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->file_path, "out/1.zip");
  EXPECT_EQ((*found)->file_bytes, 77U);
  EXPECT_EQ((*found)->transport_id, "MESH-1");
  EXPECT_EQ((*found)->attempts, 1U);
  EXPECT_EQ((*found)->reason, "timeout");
  EXPECT_EQ((*found)->since, clock_.now());
  EXPECT_EQ((*found)->created_at, clock_.now() - Duration{1000});
  EXPECT_EQ((*found)->next_attempt, clock_.now() + Duration{500});
  EXPECT_EQ((*found)->idempotency_key, opened->idempotency_key);
  EXPECT_EQ((*found)->idempotency_key.size(), 36U);
  SubmissionFilter filter;
  filter.states = {SubmissionState::kSending, SubmissionState::kReady};
  filter.due_at = clock_.now();
  EXPECT_TRUE(store().submissions(filter)->empty());
  filter.due_at = clock_.now() + Duration{500};
  EXPECT_EQ(store().submissions(filter)->size(), 1U);
  filter = {};
  filter.transport_id = "MESH-1";
  filter.destination = kDestination;
  EXPECT_EQ(store().submissions(filter)->size(), 1U);
  filter.states = {SubmissionState::kDone};
  EXPECT_TRUE(store().submissions(filter)->empty());
}

TEST_P(StoreTest, SubmissionDoesNotGoBack) {
  append({encounter("e", "1", "x")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  mark(id, SubmissionState::kSending);
  mark(id, SubmissionState::kReady);  // a retry
  mark(id, SubmissionState::kSent);
  SubmissionUpdate update;
  for (const SubmissionState to :
       {SubmissionState::kAssembling, SubmissionState::kReady, SubmissionState::kCancelled}) {
    update.state = to;
    const auto refused = store().markSubmission(id, update);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  }
  const auto missing = store().markSubmission(999, update);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST_P(StoreTest, SubmissionIsASnapshot) {
  append({encounter("e", "1", "one"), encounter("f", "1", "one")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  append({encounter("e", "1", "two")});
  Given removed = encounter("f", "1", "");
  removed.operation = Operation::kDelete;
  append({removed});
  drain();
  reopen();
  EXPECT_THAT(members(id), ElementsAre("1 Encounter/e v1 one", "2 Encounter/f v1 one"));
  EXPECT_THAT(members(openSubmission()->id),
              ElementsAre("1 Encounter/e v2 two", "2 Encounter/f v2 deleted one"));
}

TEST_P(StoreTest, ReceiptsMoveRows) {
  append({encounter("a", "1", "x"), encounter("b", "1", "x"), encounter("c", "1", "x"),
          encounter("d", "1", "x")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  mark(id, SubmissionState::kSent);
  receive(fileReceipt(id, "r1", ReceiptKind::kTransportAccepted));
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kTransportAccepted);
  receive(fileReceipt(id, "r2", ReceiptKind::kFileAccepted));
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kFileAccepted);
  std::vector<RowReceipt> rows(3);
  rows[0].number = 1;
  rows[0].accepted = true;
  rows[1].table = "Encounter";  // by number in its table
  rows[1].number_in_table = 2;
  rows[1].rule = "CYP20103";
  rows[1].reason = "unknown code";
  rows[2].table = "Encounter";  // by key
  rows[2].key = "c";
  rows[2].rule = "CYP20104";
  const ReceiptResult result = receive(rowReceipt(id, "r3", rows, false));
  EXPECT_EQ(result.rows_accepted, 1U);
  EXPECT_EQ(result.rows_rejected, 2U);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kAccepted);
  EXPECT_EQ(stateOf("Encounter", "b"), RowState::kRejected);
  EXPECT_EQ((*store().row(kCollection, "Encounter", "b"))->deliveries.front().reason, "unknown code");
  EXPECT_EQ(stateOf("Encounter", "d"), RowState::kFileAccepted);
  receive(rowReceipt(id, "r4", {}, true));
  EXPECT_EQ(stateOf("Encounter", "d"), RowState::kAccepted);
  const auto submission = store().submission(id);
  EXPECT_EQ((*submission)->state, SubmissionState::kDone);
  EXPECT_EQ((*submission)->accepted, 2U);
  EXPECT_EQ((*submission)->rejected, 2U);
  const Reconciliation counts = reconciled();
  EXPECT_EQ(counts.destinations.at(kDestination).by_state.at(RowState::kAccepted), 2U);
  EXPECT_EQ(counts.destinations.at(kDestination).by_state.at(RowState::kRejected), 2U);
}

TEST_P(StoreTest, ReceiptTwiceIsOnce) {
  append({encounter("a", "1", "x")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  mark(id, SubmissionState::kSent);
  RowReceipt row;
  row.number = 1;
  Receipt receipt = rowReceipt(id, "r1", std::span(&row, 1), true);
  receipt.raw = "<report/>";
  EXPECT_EQ(receive(receipt).applied, 1U);
  EXPECT_EQ(receive(receipt).repeated, 1U);
  EXPECT_EQ((*store().submission(id))->rejected, 1U);
  const auto log = store().receipts(kDestination, 0, 10, true);
  ASSERT_OK(log);
  ASSERT_EQ(log->size(), 1U);
  EXPECT_EQ(log->front().raw, "<report/>");
  EXPECT_EQ(log->front().submission, id);
  EXPECT_EQ(log->front().rows, 1U);
}

TEST_P(StoreTest, ReceiptsInAnyOrder) {
  append({encounter("a", "1", "x")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  mark(id, SubmissionState::kSending);
  receive(rowReceipt(id, "rows", {}, true));  // overtakes the others
  receive(fileReceipt(id, "transport", ReceiptKind::kTransportAccepted));
  receive(fileReceipt(id, "late failure", ReceiptKind::kTransportFailed));
  EXPECT_EQ((*store().submission(id))->state, SubmissionState::kDone);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kAccepted);
}

TEST_P(StoreTest, ReceiptOfAnOldVersionLeavesTheNewOne) {
  append({encounter("a", "1", "one")});
  drain();
  const std::uint64_t first = openSubmission()->id;
  mark(first, SubmissionState::kSent);
  append({encounter("a", "1", "two")});
  drain();
  RowReceipt row;
  row.number = 1;
  row.accepted = true;
  EXPECT_EQ(receive(rowReceipt(first, "r1", std::span(&row, 1), true)).rows_outdated, 1U);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kPending);
  const std::uint64_t second = openSubmission()->id;
  mark(second, SubmissionState::kSent);
  row.accepted = false;
  EXPECT_EQ(receive(rowReceipt(first, "r2", std::span(&row, 1), true)).rows_outdated, 1U);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kSent);
  receive(rowReceipt(second, "r3", {}, true));
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kAccepted);
}

TEST_P(StoreTest, ReceiptsThatFitNothingAreKeptAndReported) {
  append({encounter("a", "1", "one")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  EXPECT_THAT(receive(fileReceipt(999, "r1", ReceiptKind::kFileAccepted)).unknown_submissions,
              ElementsAre(0U));
  std::vector<RowReceipt> rows(3);
  rows[0].number = 77;
  rows[1].table = "Encounter";
  rows[1].key = "nobody";
  rows[2].table = "Encounter";
  rows[2].number_in_table = 2;
  EXPECT_EQ(receive(rowReceipt(id, "r2", rows, false)).rows_unknown, 3U);
  EXPECT_EQ(store().receipts("", 0, 10, false)->size(), 2U);
  Receipt receipt = fileReceipt(id, "r3", ReceiptKind::kFileAccepted);
  receipt.destination = "unheard of";
  EXPECT_FALSE(store().applyReceipts(std::span(&receipt, 1)).has_value());
}

TEST_P(StoreTest, RejectedFileIsSentAgainAfterRequeue) {
  append({encounter("a", "1", "one"), encounter("b", "1", "one"), encounter("gone", "1", "one")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  mark(id, SubmissionState::kSent);
  Receipt receipt = fileReceipt(id, "r1", ReceiptKind::kFileRejected);
  receipt.reason = "wrong header";
  receive(receipt);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kRejected);
  EXPECT_EQ((*store().row(kCollection, "Encounter", "a"))->deliveries.front().reason, "wrong header");
  append({encounter("b", "1", "two")});
  Given removed = encounter("gone", "1", "");
  removed.operation = Operation::kDelete;
  append({removed});
  drain();
  EXPECT_EQ(*store().requeueSubmission(id, "header corrected"),
            1U);  // the others wait in a newer version already
  EXPECT_EQ(*store().requeueSubmission(id, "again"), 0U);
  EXPECT_EQ((*store().submission(id))->state, SubmissionState::kCancelled);
  EXPECT_THAT(members(openSubmission()->id),
              ElementsAre("1 Encounter/a v1 one", "2 Encounter/b v2 two", "3 Encounter/gone v2 deleted one"));
  reconciled();
}

TEST_P(StoreTest, AbandonedSubmissionLeavesNothingBehind) {
  append({encounter("a", "1", "one"), encounter("b", "1", "one")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  EXPECT_EQ(*store().requeueSubmission(id, "disk full"), 2U);
  // Nobody has it, so nothing needs to be withdrawn.
  Given removed = encounter("a", "1", "");
  removed.operation = Operation::kDelete;
  append({removed});
  drain();
  EXPECT_EQ(*store().row(kCollection, "Encounter", "a"), std::nullopt);
  EXPECT_THAT(members(openSubmission()->id), ElementsAre("1 Encounter/b v1 one"));
  reconciled();
}

TEST_P(StoreTest, FailedSubmissionMayHaveArrived) {
  append({encounter("a", "1", "one"), encounter("b", "2", "one")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  mark(id, SubmissionState::kSending);
  mark(id, SubmissionState::kFailed);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kFailed);
  const std::vector<RowKey> rows{{kCollection, "Encounter", "a"}, {kCollection, "Encounter", "missing"}};
  EXPECT_EQ(*store().requeueRows(kDestination, rows), 1U);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kPending);
  receive(rowReceipt(id, "after all", {}, true));
  EXPECT_EQ(stateOf("Encounter", "b"), RowState::kAccepted);
  Given removed = encounter("a", "1", "");
  removed.operation = Operation::kDelete;
  append({removed});
  drain();
  EXPECT_THAT(members(openSubmission()->id), ElementsAre("1 Encounter/a v2 deleted one"));
  reconciled();
}

TEST_P(StoreTest, OnlyTheRejectedRowsOfADoneSubmissionAreRequeued) {
  append({encounter("a", "1", "one"), encounter("b", "1", "one")});
  drain();
  const std::uint64_t id = openSubmission()->id;
  mark(id, SubmissionState::kSent);
  RowReceipt row;
  row.number = 2;
  receive(rowReceipt(id, "r", std::span(&row, 1), true));
  EXPECT_EQ(*store().requeueSubmission(id, "receiver corrected itself"), 1U);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kAccepted);
  EXPECT_EQ(stateOf("Encounter", "b"), RowState::kPending);
  EXPECT_EQ((*store().submission(id))->state, SubmissionState::kDone);
}

TEST_P(StoreTest, DestinationsAreIsolated) {
  append({encounter("a", "1", "one")});
  drain();
  mark(openSubmission()->id, SubmissionState::kDone);
  // A new one gets everything; what it does, does not touch the first.
  const std::vector<Destination> both{{kDestination, kCollection}, {"mesh", kCollection}, {"else", "other"}};
  ASSERT_OK(store().setDestinations(both));
  EXPECT_EQ(stateOf("Encounter", "a", "mesh"), RowState::kPending);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kAccepted);
  const std::uint64_t id = openSubmission("mesh")->id;
  mark(id, SubmissionState::kFailed);
  EXPECT_EQ(stateOf("Encounter", "a"), RowState::kAccepted);
  append({encounter("a", "1", "two"), encounter("b", "1", "x")});
  drain();
  EXPECT_EQ(openSubmission()->rows, 2U);
  EXPECT_EQ(stateOf("Encounter", "b", "mesh"), RowState::kPending);
  // A receipt of one destination cannot speak for a submission of another.
  EXPECT_EQ(receive(fileReceipt(id, "r", ReceiptKind::kFileAccepted)).unknown_submissions.size(), 1U);
  SubmissionRequest crossed;
  crossed.destination = "else";
  crossed.collection = kCollection;
  EXPECT_FALSE(store().openSubmission(crossed).has_value());
  reconciled();
  // One that is no longer named gets nothing new, and what it missed when it is back.
  const std::vector<Destination> one{{kDestination, kCollection}};
  ASSERT_OK(store().setDestinations(one));
  append({encounter("c", "1", "x")});
  drain();
  reconciled();
  ASSERT_OK(store().setDestinations(both));
  EXPECT_EQ(stateOf("Encounter", "c", "mesh"), RowState::kPending);
  const std::vector<Destination> moved{{"mesh", "other"}};
  EXPECT_FALSE(store().setDestinations(moved).has_value());
  EXPECT_TRUE(openSubmission("mesh").has_value());  // and nothing of the refused call was done
}

TEST_P(StoreTest, AuditIsAChain) {
  ASSERT_OK(store().audit(
      std::vector<AuditEntry>{{"cli", "replay", "Patient/1", "why"}, {"cli", "view", "body 7", ""}}));
  reopen();
  ASSERT_OK(store().audit(std::vector<AuditEntry>{{"admin", "start", "", ""}}));
  const auto records = store().readAudit(0, 10);
  ASSERT_OK(records);
  ASSERT_EQ(records->size(), 3U);
  EXPECT_EQ(records->at(0).entry.target, "Patient/1");
  EXPECT_EQ(records->at(2).hash.size(), 64U);
  EXPECT_NE(records->at(1).hash, records->at(2).hash);
  EXPECT_EQ(store().readAudit(2, 10)->size(), 1U);
  EXPECT_EQ(*store().verifyAudit(), std::nullopt);
}

TEST_P(StoreTest, IntegrityCheckFindsNothingWrong) {
  append({encounter("a", "1", "one")});
  drain();
  EXPECT_TRUE(store().checkIntegrity()->empty());
}

}  // namespace
}  // namespace tributary::store
