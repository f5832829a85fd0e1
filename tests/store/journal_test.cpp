#include <gmock/gmock.h>

#include <thread>

#include "tests/store/conformance.h"

namespace tributary::store {
namespace {

using testing::ElementsAre;

TEST_P(StoreTest, StoresAndFindsAgainAfterReopening) {
  const AppendResult result =
      append({{"Patient", "1", "Patient/1", R"({"a":1})", "1", "2026-01-01T00:00:00Z", {}},
              {"Encounter", "e", "Patient/1", std::string(5000, 'x'), "", "", {}}});
  EXPECT_THAT(result.outcomes, ElementsAre(AppendOutcome::kStored, AppendOutcome::kStored));
  EXPECT_EQ(result.last_seq, 2U);
  reopen();
  const SubjectLease lease = takeOne();
  EXPECT_EQ(lease.source, kSource);
  EXPECT_EQ(lease.subject, "Patient/1");
  EXPECT_THAT(bodiesOf(lease), ElementsAre(std::string(5000, 'x'), R"({"a":1})"));  // by type, then id
  std::vector<std::string> seen;
  ASSERT_OK(store().readJournal(0, 10, true, [&](const JournalRecord& record) {
    seen.push_back(std::to_string(record.seq) + " " + std::string(record.source) + " " +
                   std::string(record.type) + "/" + std::string(record.id) + " " +
                   std::string(record.version_id) + " " + std::to_string(record.body.size()) + " " +
                   std::string(record.subject));
    return true;
  }));
  EXPECT_THAT(seen, ElementsAre("1 epr Patient/1 1 7 Patient/1", "2 epr Encounter/e  5000 Patient/1"));
}

TEST_P(StoreTest, JournalSequenceGoesOnAfterReopening) {
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "a", "", "", {}}}).last_seq, 1U);
  reopen();
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "b", "", "", {}}}).last_seq, 2U);
}

TEST_P(StoreTest, SameVersionAgainIsADuplicate) {
  const Given given{"Patient", "1", "Patient/1", "body", "1", "2026-01-01T00:00:00Z", {}};
  append({given});
  drain();
  const AppendResult again = append({given, given});
  EXPECT_THAT(again.outcomes, ElementsAre(AppendOutcome::kDuplicate, AppendOutcome::kDuplicate));
  EXPECT_EQ(again.duplicates, 2U);
  EXPECT_TRUE(store().takeDirty(1, Duration{1000})->empty());  // nothing changed, nothing to do
  const Reconciliation counts = reconciled();
  EXPECT_EQ(counts.sources.at(kSource).received, 3U);
  EXPECT_EQ(counts.sources.at(kSource).duplicates, 2U);
  EXPECT_EQ(counts.sources.at(kSource).journalled, 1U);
}

TEST_P(StoreTest, SameIdInAnotherSourceOrTypeIsAnotherResource) {
  append({{"Patient", "1", "Patient/1", "body", "", "", {}}});
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "body", "", "", {}}}, "other").stored, 1U);
  EXPECT_EQ(append({{"Person", "1", "Patient/1", "body", "", "", {}}}).stored, 1U);
}

TEST_P(StoreTest, OlderVersionThatComesLateIsRecordedButNotCurrent) {
  append({{"Patient", "1", "Patient/1", "new", "3", "2026-01-03T00:00:00Z", {}}});
  // By lastUpdated, whatever the version id; across zones; and by version id where the times are equal.
  const AppendResult late =
      append({{"Patient", "1", "Patient/1", "old", "9", "2026-01-02T00:00:00Z", {}},
              {"Patient", "1", "Patient/1", "zone", "2", "2026-01-03T00:30:00+01:00", {}},
              {"Patient", "1", "Patient/1", "tie", "2", "2026-01-03T00:00:00Z", {}}});
  EXPECT_THAT(late.outcomes,
              ElementsAre(AppendOutcome::kStale, AppendOutcome::kStale, AppendOutcome::kStale));
  EXPECT_THAT(bodiesOf(takeOne()), ElementsAre("new"));
  EXPECT_EQ(reconciled().sources.at(kSource).stale, 3U);
  // Once more, as an overlapping window brings it: known.
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "old", "9", "2026-01-02T00:00:00Z", {}}}).duplicates, 1U);
  const auto history = store().history(kSource, "Patient", "1");
  ASSERT_OK(history);
  ASSERT_EQ(history->size(), 4U);
  EXPECT_TRUE(history->back().current);
  EXPECT_EQ(*store().body(history->at(0).seq), "tie");
}

TEST_P(StoreTest, NewerVersionReplacesAndTheOldOneIsSuperseded) {
  append({{"Patient", "1", "Patient/1", "one", "1", "2026-01-01T00:00:00Z", {}}});
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "two", "2", "2026-01-01T00:00:00Z", {}}}).stored, 1U);
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "three", "2", "2026-01-02T00:00:00Z", {}}}).stored, 1U);
  // The same version id with other bytes and no time against it: kept, never dropped.
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "four", "2", "2026-01-02T00:00:00Z", {}}}).stored, 1U);
  EXPECT_THAT(bodiesOf(takeOne()), ElementsAre("four"));
  EXPECT_EQ(reconciled().sources.at(kSource).superseded, 3U);
}

TEST_P(StoreTest, ContentWithoutVersionMayComeBack) {
  append({{"Patient", "1", "Patient/1", "a", "", "", {}}});
  append({{"Patient", "1", "Patient/1", "b", "", "", {}}});
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "a", "", "", {}}}).stored, 1U);
  EXPECT_THAT(bodiesOf(takeOne()), ElementsAre("a"));
  const auto history = store().history(kSource, "Patient", "1");
  ASSERT_EQ(history->size(), 3U);
  EXPECT_EQ(*store().body(history->front().seq), "a");
}

TEST_P(StoreTest, DeleteIsAnEventAndAnOldVersionDoesNotUndoIt) {
  const Given v1{"Patient", "1", "Patient/1", "one", "1", "2026-01-01T00:00:00Z", {}};
  append({v1, {"Encounter", "e", "Patient/1", "enc", "", "", {}}});
  drain();
  Given removed{"Patient", "1", "", "", "2", "", {}};
  removed.operation = Operation::kDelete;
  EXPECT_EQ(append({removed}).stored, 1U);
  EXPECT_EQ(append({removed}).duplicates, 1U);
  EXPECT_EQ(append({v1}).duplicates, 1U);  // an overlapping window brings the old one again
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "zero", "0", "2025-01-01T00:00:00Z", {}}}).stale, 1U);
  const SubjectLease lease = takeOne();  // the subject that the resource had
  EXPECT_EQ(lease.subject, "Patient/1");
  EXPECT_THAT(bodiesOf(lease), ElementsAre("enc"));
  commit(lease, {}, {}, deliveredAll(lease));
  EXPECT_EQ(reconciled().sources.at(kSource).deleted, 1U);
  // Recreated.
  EXPECT_EQ(append({{"Patient", "1", "Patient/1", "again", "3", "2026-01-05T00:00:00Z", {}}}).stored, 1U);
  EXPECT_THAT(bodiesOf(takeOne()), ElementsAre("enc", "again"));
}

TEST_P(StoreTest, TheSameVersionComesBackAfterItsDelete) {
  Given put{"Patient", "1", "Patient/1", "one", "1", "2026-01-01T00:00:00Z", {}};
  append({put});
  Given removed{"Patient", "1", "", "", "", "", {}};
  removed.operation = Operation::kDelete;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(append({removed}).stored, 1U);
    drain();
    Given told = put;
    told.past = true;
    EXPECT_EQ(append({told}).duplicates, 1U) << "a history tells once more of what is deleted";
    EXPECT_TRUE(store().takeDirty(1, Duration{1000})->empty());
    EXPECT_EQ(append({put}).stored, 1U) << "and here it is said to be there again";
    EXPECT_EQ(append({put}).duplicates, 1U);
    const SubjectLease lease = takeOne();
    EXPECT_THAT(bodiesOf(lease), ElementsAre("one"));
    commit(lease, {}, {}, deliveredAll(lease));
  }
  EXPECT_EQ(reconciled().sources.at(kSource).deleted, 0U);
  // So it is with what had been replaced under the same marks, which tell nothing of an order.
  Given other = put;
  other.body = "two";
  EXPECT_EQ(append({other}).stored, 1U);
  EXPECT_EQ(append({put}).stored, 1U);
  EXPECT_EQ(*store().body(store().history(kSource, "Patient", "1")->front().seq), "one");
}

TEST_P(StoreTest, DeleteOfSomethingNeverSeen) {
  Given removed{"Patient", "x", "", "", "", "", {}};
  removed.operation = Operation::kDelete;
  EXPECT_EQ(append({removed}).stored, 1U);
  EXPECT_EQ(reconciled().sources.at(kSource).deleted, 1U);
}

TEST_P(StoreTest, OutcomeKnownBeforehandMakesNothingDirty) {
  Given binary{"Binary", "b", "Patient/1", "x", "", "", {}};
  binary.outcome = ResourceOutcome::kFiltered;
  binary.rule = "type-not-mapped";
  append({binary});
  EXPECT_TRUE(store().takeDirty(1, Duration{1000})->empty());
  const Reconciliation counts = reconciled();
  EXPECT_EQ(counts.sources.at(kSource).filtered, 1U);
  EXPECT_EQ(counts.filtered_by_rule.at("type-not-mapped"), 1U);
  binary.rule.clear();
  AppendEntry entry;
  entry.type = "Binary";
  entry.id = "c";
  entry.outcome = ResourceOutcome::kFiltered;
  AppendBatch batch;
  batch.source = kSource;
  batch.entries = std::span(&entry, 1);
  const auto refused = store().append(batch);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST_P(StoreTest, CursorMovesWithTheBatch) {
  EXPECT_EQ(*store().cursor(kSource, "window"), std::nullopt);
  const CursorMove move{"window", "2026-01-01"};
  AppendEntry entry;
  entry.type = "Patient";
  entry.id = "1";
  entry.body = "x";
  AppendBatch batch;
  batch.source = kSource;
  batch.entries = std::span(&entry, 1);
  batch.cursors = std::span(&move, 1);
  ASSERT_OK(store().append(batch));
  EXPECT_EQ(*store().cursor(kSource, "window"), "2026-01-01");
  EXPECT_EQ(*store().cursor("other", "window"), std::nullopt);
  ASSERT_OK(store().setCursor(kSource, "window", "2026-01-02"));
  reopen();
  EXPECT_EQ(*store().cursor(kSource, "window"), "2026-01-02");
}

TEST_P(StoreTest, FailedBatchLeavesNothing) {
  const CursorMove move{"window", "moved"};
  std::vector<AppendEntry> entries(2);
  entries[0].type = "Patient";
  entries[0].id = "1";
  entries[0].body = "x";
  entries[1].type = "Patient";  // no id
  AppendBatch batch;
  batch.source = kSource;
  batch.entries = entries;
  batch.cursors = std::span(&move, 1);
  EXPECT_FALSE(store().append(batch).has_value());
  EXPECT_EQ(*store().cursor(kSource, "window"), std::nullopt);
  EXPECT_EQ(store().status()->received, 0U);
}

TEST_P(StoreTest, RejectsKeepTheirBytesApartAndOnce) {
  std::string raw = "{ not json";
  raw.push_back('\0');
  std::vector<AppendReject> rejects{{"file.ndjson", 7, "json-syntax", "no member name", raw}};
  AppendBatch batch;
  batch.source = kSource;
  batch.rejects = rejects;
  EXPECT_EQ(store().append(batch)->rejected, 1U);
  EXPECT_EQ(store().append(batch)->rejected_again, 1U);
  auto found = store().rejects(0, 10, false);
  ASSERT_OK(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().where, "file.ndjson");
  EXPECT_EQ(found->front().line, 7U);
  EXPECT_EQ(found->front().rule, "json-syntax");
  EXPECT_EQ(found->front().times, 2U);
  EXPECT_TRUE(found->front().raw.empty());
  EXPECT_EQ(store().rejects(0, 10, true)->front().raw, raw);
  EXPECT_FALSE(found->front().truncated);

  const std::string huge(3 << 20, 'z');
  rejects.front().raw = huge;
  ASSERT_OK(store().append(batch));
  found = store().rejects(found->front().id, 10, true);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_TRUE(found->front().truncated);
  EXPECT_EQ(found->front().raw_bytes, huge.size());
  EXPECT_LT(found->front().raw.size(), huge.size());
  const Reconciliation counts = reconciled();
  EXPECT_EQ(counts.sources.at(kSource).rejected, 2U);
  EXPECT_EQ(counts.rejected_by_rule, (std::map<std::string, std::uint64_t>{{"json-syntax", 2}}));
}

TEST_P(StoreTest, BodiesOfAnyKindComeBackAsTheyWere) {
  std::vector<Given> given;
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes.push_back(static_cast<char>(byte));
  std::string body;
  // Enough of one type that a dictionary is trained on the way.
  for (int number = 0; number < 1500; ++number) {
    body = "{\"resourceType\":\"Observation\",\"id\":\"" + std::to_string(number) +
           "\",\"status\":\"final\",\"value\":" + std::to_string(number * 7919) + ",\"code\":{\"text\":\"" +
           std::string(static_cast<std::size_t>(number % 300), 'c') + "\"}}";
    given.push_back({"Observation", std::to_string(number), "Patient/1", body, "", "", {}});
    if (given.size() == 100) {
      append(given);
      given.clear();
    }
  }
  append({{"Observation", "empty", "Patient/2", "", "", "", {}},
          {"Observation", "bytes", "Patient/2", all_bytes, "", "", {}},
          {"Observation", "large", "Patient/2", std::string(8 << 20, 'L'), "", "", {}}});
  reopen();
  const auto leases = store().takeDirty(2, Duration{1000});
  ASSERT_EQ(leases->size(), 2U);
  const std::vector<std::string> first = bodiesOf(leases->at(0));
  ASSERT_EQ(first.size(), 1500U);
  EXPECT_EQ(first.at(3),
            "{\"resourceType\":\"Observation\",\"id\":\"100\",\"status\":\"final\",\"value\":791900,"
            "\"code\":{\"text\":\"" +
                std::string(100, 'c') + "\"}}");
  EXPECT_THAT(bodiesOf(leases->at(1)), ElementsAre(all_bytes, "", std::string(8 << 20, 'L')));
}

TEST_P(StoreTest, ManyThreadsShareCommits) {
  constexpr int kThreads = 8, kAppends = 50;
  const std::uint64_t before = store().status()->commits;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      for (int number = 0; number < kAppends; ++number) {
        append({{"Patient",
                 std::to_string(thread) + "-" + std::to_string(number),
                 "Patient/1",
                 "x",
                 "",
                 "",
                 {}}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const StoreStatus status = *store().status();
  EXPECT_EQ(status.received, static_cast<std::uint64_t>(kThreads * kAppends));
  EXPECT_EQ(status.last_seq, static_cast<std::uint64_t>(kThreads * kAppends));
  EXPECT_LT(status.commits - before, static_cast<std::uint64_t>(kThreads * kAppends));
  reconciled();
}

TEST_P(StoreTest, ReadsRunBesideTheWriter) {
  append({{"Patient", "1", "Patient/1", "x", "", "", {}}});
  // A reader in the middle of its callback does not keep a writer waiting, and does not see what it writes.
  std::uint64_t seen = 0;
  ASSERT_OK(store().readJournal(0, 100, false, [&](const JournalRecord&) {
    ++seen;
    append({{"Patient", "2", "Patient/2", "y", "", "", {}}});
    return true;
  }));
  EXPECT_EQ(seen, 1U);
  EXPECT_EQ(store().status()->last_seq, 2U);
}

}  // namespace
}  // namespace tributary::store
