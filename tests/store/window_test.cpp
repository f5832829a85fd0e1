// Windows of whole months: what a refresh takes, what it leaves, and what waits before it.
#include <gmock/gmock.h>

#include "tests/store/conformance.h"

namespace tributary::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StoreWindow : public StoreTest {
 protected:
  // One patient a subject; rows as given.
  void give(const std::string& patient, const std::vector<GivenRow>& rows) {
    append({{"Patient", patient, "Patient/" + patient, "v" + std::to_string(++edition_), "", "", {}}});
    for (const SubjectLease& lease : takeAll()) commit(lease, rows);
  }
  static SubmissionRequest month(const std::string& from, const std::string& to) {
    SubmissionRequest request;
    request.destination = kDestination;
    request.collection = kCollection;
    request.window = from.substr(0, 7);
    request.tables = {"Patient", "Referral", "Contact", "Staff"};
    request.companions = {"Patient"};
    request.scope = SubmissionScope::kEverything;
    request.period_from = from;
    request.period_to = to;
    return request;
  }
  std::vector<std::string> previewed(const SubmissionRequest& request) {
    std::vector<std::string> out;
    const auto read = store().previewSubmission(request, [&](const SubmissionRow& row) {
      out.push_back(std::to_string(row.number) + " " + std::string(row.table) + "/" + std::string(row.key) + " v" +
                    std::to_string(row.version) + (row.deleted ? " deleted" : "") + (row.context ? " context" : "") + " " +
                    std::string(row.cells));
      return true;
    });
    EXPECT_TRUE(read.has_value()) << read.error().text;
    return out;
  }
  std::vector<std::string> opened(const SubmissionRequest& request) {
    const auto before = previewed(request);
    const auto submission = store().openSubmission(request);
    EXPECT_TRUE(submission.has_value());
    if (!submission || !*submission) return {};
    last_ = (*submission)->id;
    EXPECT_EQ(members(last_), before);  // the preview is what is then taken
    return before;
  }

  int edition_ = 0;
  std::uint64_t last_ = 0;
};

TEST_P(StoreWindow, AMonthHoldsWhatLastedAndWhatHappenedInIt) {
  give("1", {{"Patient", "p1", "x", "", ""},
             {"Referral", "open", "x", "2025-11-03/", ""},
             {"Referral", "past", "x", "2025-01-01/2026-01-31", ""},
             {"Referral", "touches", "x", "2025-12-01/2026-02-01", ""},
             {"Referral", "later", "x", "2026-03-01/2026-04-01", ""},
             {"Contact", "january", "x", "2026-01-31", ""},
             {"Contact", "february", "x", "2026-02-28", ""},
             {"Contact", "march", "x", "2026-03-01", ""}});
  EXPECT_THAT(opened(month("2026-02-01", "2026-03-01")),
              ElementsAre("1 Patient/p1 v1 x", "2 Referral/open v1 x", "3 Referral/touches v1 x", "4 Contact/february v1 x"));
  // What went with February goes with March again, where it still lasts.
  EXPECT_THAT(opened(month("2026-03-01", "2026-04-01")),
              ElementsAre("1 Patient/p1 v1 context x", "2 Referral/later v1 x", "3 Referral/open v1 context x", "4 Contact/march v1 x"));
}

TEST_P(StoreWindow, APatientWithNothingInTheMonthIsNotInIt) {
  give("1", {{"Patient", "p1", "x", "", ""}, {"Contact", "c", "x", "2026-01-05", ""}});
  give("2", {{"Patient", "p2", "x", "", ""}, {"Contact", "d", "x", "2026-02-05", ""}});
  give("3", {{"Staff", "s", "x", "", ""}});
  EXPECT_THAT(opened(month("2026-02-01", "2026-03-01")), ElementsAre("1 Patient/p2 v1 x", "2 Contact/d v1 x", "3 Staff/s v1 x"));
  EXPECT_EQ(stateOf("Patient", "p1"), RowState::kPending);
}

TEST_P(StoreWindow, ARefreshTakesWhatCameLateAndWhatWasRefused) {
  give("1", {{"Patient", "p1", "x", "", ""}, {"Contact", "c", "x", "2026-02-05", ""}, {"Contact", "gone", "x", "2026-02-06", ""}});
  ASSERT_THAT(opened(month("2026-02-01", "2026-03-01")), testing::SizeIs(3));
  const std::vector<RowReceipt> rows{{2, {}, 0, {}, false, "R1", "why"}};
  Receipt receipt;
  receipt.destination = kDestination;
  receipt.receipt_id = "r";
  receipt.submission = last_;
  receipt.kind = ReceiptKind::kRows;
  receipt.rows = rows;
  receipt.final = true;
  mark(last_, SubmissionState::kSent);
  receive(receipt);
  EXPECT_EQ(stateOf("Contact", "c"), RowState::kRejected);
  give("1", {{"Patient", "p1", "x", "", ""}, {"Contact", "c", "x", "2026-02-05", ""}, {"Contact", "late", "x", "2026-02-27", ""}});
  EXPECT_THAT(opened(month("2026-02-01", "2026-03-01")),
              ElementsAre("1 Patient/p1 v1 context x", "2 Contact/c v1 context x", "3 Contact/gone v2 deleted x", "4 Contact/late v1 x"));
  mark(last_, SubmissionState::kDone);
  EXPECT_EQ(stateOf("Contact", "c"), RowState::kAccepted);
  EXPECT_EQ(stateOf("Patient", "p1"), RowState::kAccepted);
  reconciled();
}

TEST_P(StoreWindow, ChangesTakeWhatLastsInAnyWindowUnlessItEndedTooEarly) {
  give("1", {{"Patient", "p1", "x", "", ""},
             {"Referral", "old", "x", "2025-01-01/2025-02-01", ""},
             {"Referral", "open", "x", "2025-01-01/", ""},
             {"Contact", "c", "x", "2026-02-05", ""}});
  SubmissionRequest request = month("2026-03-01", "2026-04-01");
  request.scope = SubmissionScope::kChanges;
  request.lasting_from = "2026-01-20";
  EXPECT_THAT(opened(request), ElementsAre("1 Patient/p1 v1 x", "2 Referral/open v1 x"));
  const auto waiting = store().pendingBefore(kDestination, "2026-02-05");
  ASSERT_OK(waiting);
  ASSERT_EQ(waiting->size(), 1U);
  EXPECT_EQ(waiting->front().month, "2025-02");
  EXPECT_EQ(waiting->front().rows, 1U);
  EXPECT_EQ(store().pendingBefore(kDestination, "2026-02-06")->size(), 2U);
  request.lasting_from.clear();
  EXPECT_THAT(opened(request), ElementsAre("1 Referral/old v1 x"));
}

TEST_P(StoreWindow, LeavingOutASubjectRenumbersAndKeepsTheReason) {
  give("1", {{"Patient", "p1", "x", "", ""}, {"Contact", "c1", "x", "2026-02-05", ""}});
  give("2", {{"Patient", "p2", "x", "", ""}, {"Contact", "c2", "x", "2026-02-06", ""}});
  give("3", {{"Patient", "p3", "x", "", ""}, {"Contact", "c3", "x", "2026-02-07", ""}});
  ASSERT_THAT(opened(month("2026-02-01", "2026-03-01")), testing::SizeIs(6));
  const std::vector<LeftOut> out{{kSource, "Patient/2", "N1", "one number for two patients"}};
  const auto left = store().leaveOut(last_, out);
  ASSERT_OK(left);
  EXPECT_EQ(left->rows, 4U);
  ASSERT_EQ(left->tables.size(), 2U);
  EXPECT_EQ(left->tables[1].first_number, 3U);
  EXPECT_THAT(members(last_),
              ElementsAre("1 Patient/p1 v1 x", "2 Patient/p3 v1 x", "3 Contact/c1 v1 x", "4 Contact/c3 v1 x"));
  const auto row = store().row(kCollection, "Contact", "c2");
  ASSERT_OK(row);
  EXPECT_EQ((*row)->deliveries.front().state, RowState::kRejected);
  EXPECT_EQ((*row)->deliveries.front().rule, "N1");
  EXPECT_EQ((*row)->deliveries.front().reason, "one number for two patients");
  reconciled();
  // Once more changes nothing; and what is ready can lose nothing.
  EXPECT_EQ(store().leaveOut(last_, out)->rows, 4U);
  mark(last_, SubmissionState::kReady);
  EXPECT_FALSE(store().leaveOut(last_, out).has_value());
  // It never left, so a delete of it needs not travel.
  give("2", {});
  EXPECT_FALSE((*store().row(kCollection, "Contact", "c2")).has_value());
}

TEST_P(StoreWindow, ASubmissionThatLosesEveryRowIsCancelled) {
  give("1", {{"Patient", "p1", "x", "", ""}, {"Contact", "c1", "x", "2026-02-05", ""}});
  ASSERT_THAT(opened(month("2026-02-01", "2026-03-01")), testing::SizeIs(2));
  const std::vector<LeftOut> out{{kSource, "Patient/1", "N1", "why"}};
  EXPECT_EQ(store().leaveOut(last_, out)->state, SubmissionState::kCancelled);
  EXPECT_THAT(members(last_), IsEmpty());
  const std::vector<RowKey> keys{{kCollection, "Patient", "p1"}};
  EXPECT_EQ(*store().requeueRows(kDestination, keys), 1U);
  EXPECT_EQ(stateOf("Patient", "p1"), RowState::kPending);
}

TEST_P(StoreWindow, SubmissionsAreFoundByTheirWindow) {
  give("1", {{"Patient", "p1", "x", "", ""}, {"Contact", "c1", "x", "2026-02-05", ""}});
  ASSERT_FALSE(opened(month("2026-02-01", "2026-03-01")).empty());
  SubmissionFilter filter;
  filter.window = "2026-02";
  EXPECT_EQ(store().submissions(filter)->size(), 1U);
  filter.window = "2026-03";
  EXPECT_TRUE(store().submissions(filter)->empty());
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreWindow, testing::ValuesIn(enginesUnderTest()),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace tributary::store
