#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "base/fault_point.h"
#include "tests/store/conformance.h"

namespace tributary::store {
namespace {

using testing::Contains;
using testing::SizeIs;

TEST(FaultPoint, IsSilentUnlessArmedAndKillsAtItsCount) {
  const auto run = [](const char* armed) {
    const pid_t child = ::fork();
    if (child == 0) {
      fault::arm(armed);
      for (int round = 0; round < 2; ++round) FAULT_POINT("test.fault_point.loop");
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  };
  EXPECT_FALSE(run(""));
  EXPECT_FALSE(run("another"));
  EXPECT_FALSE(run("test.fault_point.loop:3"));
  EXPECT_TRUE(run("test.fault_point.loop:2"));
  EXPECT_TRUE(run("test.fault_point.loop"));
  EXPECT_FALSE(fault::arm("name:0"));
  EXPECT_FALSE(fault::arm("name:x"));
  EXPECT_TRUE(fault::arm(""));
  EXPECT_THAT(fault::names(), Contains("test.fault_point.loop"));
  EXPECT_THAT(fault::names(), Contains("store.append.before_commit"));
}

// The fault points a store under work passes, by prefix; kept in step with the engine by the count below.
std::vector<std::string> storeFaultPoints() {
  std::vector<std::string> points;
  for (const std::string_view name : fault::names()) {
    if (name.starts_with("store.")) points.emplace_back(name);
  }
  return points;
}

class StoreCrash : public StoreTest {
 protected:
  static constexpr int kRounds = 3;

  // A small gateway: everything the store offers, in rounds. Each completed append is told to `acknowledged`.
  void work(int acknowledged) {
    open();
    const auto must = [](bool good) {
      if (!good) ::_exit(3);
    };
    for (int round = 0; round < kRounds; ++round) {
      const std::string number = std::to_string(round);
      const AppendResult appended =
          append({{"Patient", "1", "Patient/1", "p" + number, "", "", {{"Organization", "o"}}},
                  {"Encounter", number, "Patient/1", "e" + number, "", "", {}},
                  {"Encounter", "x" + number, "Patient/2", "e" + number, "", "", {}},
                  {"Organization", "o", "", "o" + number, "", "", {}}});
      must(appended.stored == 4);
      must(::write(acknowledged, number.data(), 1) == 1);
      must(store().setCursor(kSource, "round", number).has_value());
      drain();
      must(store().markDirty("", std::vector<std::string>{}).has_value());
      drain();
      if (const auto submission = openSubmission()) {
        const std::vector<LeftOut> out{{kSource, "Patient/2", "one-number", "two patients"}};
        must(store().leaveOut(submission->id, out).has_value());
        mark(submission->id, SubmissionState::kReady);
        mark(submission->id, SubmissionState::kSending);
        Receipt receipt;
        receipt.destination = kDestination;
        const std::string id = "receipt " + number;
        receipt.receipt_id = id;
        receipt.submission = submission->id;
        receipt.kind = ReceiptKind::kRows;
        receipt.final = round != 1;
        receive(receipt);
        if (round == 1) must(store().requeueSubmission(submission->id, "try again").has_value());
      }
      const std::vector<RowKey> rows{{kCollection, "Patient", "1"}};
      must(store().requeueRows(kDestination, rows).has_value());
      for (const char* const subject : {"Organization/o", ""}) {
        must(placeAgain({{"Organization", "o", subject, "o" + number, "", "", {}}}) == 1);
        drain();
      }
      must(store().audit(std::vector<AuditEntry>{{"test", "round", number, ""}}).has_value());
    }
    store_.reset();
    ::_exit(testing::Test::HasFailure() ? 3 : 0);
  }

  // Runs work() in a child that dies at `fault`; true: it was killed. What it acknowledged is counted.
  bool runAndDie(const std::string& fault, int& acknowledged) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      fault::arm(fault);
      work(ends[1]);
    }
    ::close(ends[1]);
    char byte = 0;
    acknowledged = 0;
    while (::read(ends[0], &byte, 1) == 1) ++acknowledged;
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0)
        << fault << ": the work failed, status " << status;
    return WIFSIGNALED(status);
  }

  void checkInvariants(int acknowledged, const std::string& fault) {
    SCOPED_TRACE(fault);
    open();
    EXPECT_TRUE(store().checkIntegrity()->empty());
    EXPECT_EQ(*store().verifyAudit(), std::nullopt);
    const auto cursor = store().cursor(kSource, "round");
    if (acknowledged > 1) {
      EXPECT_GE(cursor->value_or("-1"), std::to_string(acknowledged - 2));
    }
    // What was acknowledged is there, and what is not finished goes on to the end.
    for (int round = 0; round < acknowledged; ++round) {
      EXPECT_THAT(*store().history(kSource, "Encounter", std::to_string(round)), SizeIs(1));
    }
    const auto counts = store().reconcile();
    ASSERT_OK(counts);
    EXPECT_EQ(counts->unaccounted, 0U) << testing::PrintToString(counts->differences);
    drain();
    // (it may have been killed while the organisation was a subject)
    for (int round = 0; round < kRounds; ++round)
      placeAgain({{"Organization", "o", "", "o" + std::to_string(round), "", "", {}}});
    drain();
    const Reconciliation after = reconciled();
    const std::uint64_t journalled =
        after.sources.contains(kSource) ? after.sources.at(kSource).journalled : 0;
    EXPECT_EQ(journalled % 4, 0U);  // a batch is there wholly or not at all
    EXPECT_GE(journalled, static_cast<std::uint64_t>(acknowledged) * 4);
    EXPECT_EQ(after.dirty_subjects, 0U);
    const std::uint64_t rounds = journalled / 4;
    EXPECT_EQ(after.rows, rounds == 0 ? 0 : 1 + 2 * rounds);
    if (rounds > 0) {
      EXPECT_EQ((*store().row(kCollection, "Patient", "1"))->cells, "p" + std::to_string(rounds - 1));
    }
    // Every submission that was open can be read to its end.
    const auto submissions = store().submissions({});
    ASSERT_OK(submissions);
    for (const Submission& submission : *submissions)
      EXPECT_THAT(members(submission.id), SizeIs(submission.rows));
    store_.reset();
  }
};

TEST_P(StoreCrash, NothingIsLostAtAnyFaultPoint) {
  std::set<std::string> reached;
  int kills = 0;
  for (const std::string& point : storeFaultPoints()) {
    // The first, a middle one and a late one.
    for (const int count : {1, 2, 5}) {
      store_.reset();
      std::filesystem::remove_all(directory_);
      std::filesystem::create_directory(directory_);
      int acknowledged = 0;
      const std::string fault = point + ":" + std::to_string(count);
      if (!runAndDie(fault, acknowledged)) continue;
      ++kills;
      reached.insert(point);
      checkInvariants(acknowledged, fault);
    }
  }
  // A point that no kill reached is a hole in this test.
  EXPECT_EQ(reached.size(), storeFaultPoints().size()) << testing::PrintToString(reached);
  EXPECT_GE(kills, 30);
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreCrash, testing::ValuesIn(enginesUnderTest()),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace tributary::store
