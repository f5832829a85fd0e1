#include <gmock/gmock.h>

#include "tests/store/conformance.h"

namespace tributary::store {
namespace {

using testing::ElementsAre;

Given patient(const std::string& number, const std::string& body) {
  return {"Patient", number, "Patient/" + number, body, "", "", {}};
}

TEST_P(StoreTest, OnlyChangedRowsMakeNewVersions) {
  append({patient("1", "a")});
  ProjectionResult result =
      commit(takeOne(), {{"T1", "k1", "one", "2026-01", "line 1"}, {"T2", "k2", "two", "", ""}});
  EXPECT_EQ(result.inserted, 2U);
  append({patient("1", "b")});
  result = commit(takeOne(), {{"T1", "k1", "one", "2026-01", "line 2"}, {"T2", "k2", "TWO", "", ""}});
  EXPECT_EQ(result.unchanged, 1U);
  EXPECT_EQ(result.changed, 1U);
  const auto same = store().row(kCollection, "T1", "k1"), changed = store().row(kCollection, "T2", "k2");
  EXPECT_EQ((*same)->version, 1U);
  EXPECT_EQ((*same)->lineage, "line 2");  // newest lineage, no new version
  EXPECT_EQ((*same)->period, "2026-01");
  EXPECT_EQ((*same)->subject, "Patient/1");
  EXPECT_EQ((*changed)->version, 2U);
  EXPECT_EQ((*changed)->cells, "TWO");
}

TEST_P(StoreTest, VanishedRowIsRemovedUnlessItWasSent) {
  append({patient("1", "a")});
  commit(takeOne(), {{"T", "never sent", "x", "", ""}});
  append({patient("1", "b")});
  EXPECT_EQ(commit(takeOne(), {{"T", "sent", "x", "", ""}}).removed, 1U);
  EXPECT_EQ(*store().row(kCollection, "T", "never sent"), std::nullopt);
  const auto first = openSubmission();
  EXPECT_THAT(members(first->id), ElementsAre("1 T/sent v1 x"));
  mark(first->id, SubmissionState::kDone);
  EXPECT_EQ(stateOf("T", "sent"), RowState::kAccepted);
  append({patient("1", "c")});
  EXPECT_EQ(commit(takeOne(), {}).withdrawn, 1U);
  EXPECT_EQ(stateOf("T", "sent"), RowState::kPending);
  reopen();
  const auto second = openSubmission();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->deletes, 1U);
  EXPECT_THAT(members(second->id), ElementsAre("1 T/sent v2 deleted x"));
  EXPECT_THAT(members(first->id), ElementsAre("1 T/sent v1 x"));  // still as it went out
  mark(second->id, SubmissionState::kDone);
  EXPECT_EQ(stateOf("T", "sent"), RowState::kWithdrawn);
  EXPECT_EQ(reconciled().withdrawn_rows, 1U);
  // A later projection without it has nothing to withdraw; with it, it is alive again.
  append({patient("1", "d")});
  EXPECT_EQ(commit(takeOne(), {}).withdrawn, 0U);
  append({patient("1", "e")});
  EXPECT_EQ(commit(takeOne(), {{"T", "sent", "x", "", ""}}).changed, 1U);
  EXPECT_THAT(members(openSubmission()->id), ElementsAre("1 T/sent v3 x"));
}

TEST_P(StoreTest, OnlyTheNamedCollectionsAreReplaced) {
  append({patient("1", "a")});
  commit(takeOne(), {{"T", "k", "x", "", ""}});
  append({patient("1", "b")});
  const SubjectLease lease = takeOne();
  const std::vector<std::string> collections{"another"};
  const Projection projection{lease, collections, {}, {}, {}};
  const auto results = store().commitProjections(std::span(&projection, 1));
  ASSERT_OK(results);
  EXPECT_EQ(results->front().removed, 0U);
  EXPECT_TRUE(store().row(kCollection, "T", "k")->has_value());
}

TEST_P(StoreTest, KeyOfAnotherSubjectIsAConflictUntilItIsFree) {
  append({patient("1", "a"), patient("2", "b")});
  const auto leases = takeAll();
  commit(leases.at(0), {{"T", "k", "first", "", ""}});
  const ProjectionResult result =
      commit(leases.at(1), {{"T", "other", "x", "", ""}, {"T", "k", "second", "", ""}});
  EXPECT_THAT(result.conflicts, ElementsAre(1U));
  EXPECT_EQ(result.inserted, 1U);
  EXPECT_EQ((*store().row(kCollection, "T", "k"))->cells, "first");
  EXPECT_EQ(reconciled().quarantined_by_rule.at("ledger-duplicate-key"), 1U);
  // The holder goes: the other subject is looked at again, and has the key.
  append({patient("1", "c")});
  commit(takeOne(), {});
  const SubjectLease woken = takeOne();
  EXPECT_EQ(woken.subject, "Patient/2");
  EXPECT_TRUE(commit(woken, {{"T", "other", "x", "", ""}, {"T", "k", "second", "", ""}}).conflicts.empty());
  EXPECT_EQ((*store().row(kCollection, "T", "k"))->subject, "Patient/2");
  EXPECT_EQ(reconciled().quarantined_rows, 0U);
}

// As a worker does it: nothing is stored before it has left out the row, and what hangs on it.
TEST_P(StoreTest, RefusedConflictStoresNothingAndComesBackWhenTheKeyIsFree) {
  append({patient("1", "a"), patient("2", "b")});
  const auto leases = takeAll();
  commit(leases.at(0), {{"T", "k", "first", "", ""}});
  const std::vector<GivenRow> wanted{{"U", "child", "x", "", ""}, {"T", "k", "second", "", ""}};
  const ProjectionResult refused = commit(leases.at(1), wanted, {}, std::nullopt, {{}, true});
  EXPECT_TRUE(refused.refused);
  EXPECT_THAT(refused.conflicts, ElementsAre(1U));
  EXPECT_EQ(*store().row(kCollection, "U", "child"), std::nullopt);
  EXPECT_EQ(reconciled().dirty_subjects, 1U);
  const std::vector<GivenQuarantine> held{{wanted[0], "parent-quarantined"}, {wanted[1], "ledger-duplicate-key", true}};
  const ProjectionResult stored = commit(leases.at(1), {}, held, std::nullopt, {{}, true});
  EXPECT_FALSE(stored.refused || stored.still_dirty);
  EXPECT_EQ(reconciled().quarantined_rows, 2U);
  append({patient("1", "c")});
  commit(takeOne(), {});  // the holder goes
  const SubjectLease woken = takeOne();
  EXPECT_EQ(woken.subject, "Patient/2");
  EXPECT_FALSE(commit(woken, wanted, {}, std::nullopt, {{}, true}).refused);
  EXPECT_EQ(reconciled().quarantined_rows, 0U);
  EXPECT_EQ((*store().row(kCollection, "T", "k"))->subject, "Patient/2");
}

TEST_P(StoreTest, KeyThatBecameFreeMeanwhileIsNotForgotten) {
  append({patient("1", "a"), patient("2", "b")});
  const auto leases = takeAll();
  commit(leases.at(0), {{"T", "k", "first", "", ""}});
  const std::vector<GivenRow> wanted{{"T", "k", "second", "", ""}};
  EXPECT_TRUE(commit(leases.at(1), wanted, {}, std::nullopt, {{}, true}).refused);
  append({patient("1", "c")});
  commit(takeOne(), {});  // after the refusal, before the second commit
  EXPECT_TRUE(commit(leases.at(1), {}, {{wanted[0], "ledger-duplicate-key", true}}, std::nullopt, {{}, true}).still_dirty);
  EXPECT_FALSE(commit(takeOne(), wanted, {}, std::nullopt, {{}, true}).refused);
  EXPECT_EQ((*store().row(kCollection, "T", "k"))->cells, "second");
  EXPECT_EQ(reconciled().dirty_subjects, 0U);
}

// Staff whose own row is in quarantine, used by a patient's row all the same: one outcome, the better one.
TEST_P(StoreTest, AResourceUsedByOthersIsDeliveredWhateverItsOwnSubjectSays) {
  Given staff{"Practitioner", "p", "Practitioner/p", "who", "", "", {}};
  staff.shared = true;
  Given user = patient("1", "a");
  user.references = {{"Practitioner", "p"}};
  append({staff, user});
  const auto leases = takeAll();
  ASSERT_EQ(leases.size(), 2U);
  const auto quarantine = [&](const SubjectLease& lease) {
    auto outcomes = deliveredAll(lease);
    outcomes.at(0).outcome = ResourceOutcome::kQuarantined;
    outcomes.at(0).rule = "CYP901-1";
    commit(lease, {}, {{{"Practitioner", "p", "who", "", ""}, "CYP901-1"}}, outcomes);
  };
  quarantine(leases[0]);
  EXPECT_EQ(reconciled().sources.at(kSource).quarantined, 1U);
  commit(leases[1], {{"T", "k", "c", "", ""}}, {}, std::nullopt, {{{"Practitioner", "p", 1}}, true});
  EXPECT_EQ(reconciled().sources.at(kSource).quarantined, 0U);
  EXPECT_EQ(reconciled().sources.at(kSource).delivered, 2U);
  // A new version is what its own subject says until somebody uses it.
  staff.body = "who 2";
  append({staff});
  EXPECT_EQ(reconciled().sources.at(kSource).waiting, 1U);
  for (const SubjectLease& lease : takeAll()) {
    if (lease.subject == "Practitioner/p") quarantine(lease);
  }
  EXPECT_EQ(reconciled().sources.at(kSource).quarantined, 1U);
}

TEST_P(StoreTest, KeyTwiceInOneSubjectIsAConflict) {
  append({patient("1", "a")});
  const ProjectionResult result =
      commit(takeOne(), {{"T", "k", "x", "", ""}, {"T", "k", "y", "", ""}, {"U", "k", "z", "", ""}});
  EXPECT_THAT(result.conflicts, ElementsAre(1U));
  EXPECT_EQ(result.inserted, 2U);
  append({patient("1", "b")});
  EXPECT_THAT(commit(takeOne(), {{"T", "k", "x", "", ""}, {"T", "k", "y", "", ""}}).conflicts,
              ElementsAre(1U));
  EXPECT_EQ(reconciled().quarantined_rows, 1U);
}

TEST_P(StoreTest, KeyThatWasWithdrawnMayComeBackWithAnotherSubject) {
  append({patient("1", "a"), patient("2", "b")});
  const auto leases = takeAll();
  commit(leases.at(0), {{"T", "k", "first", "", ""}});
  mark(openSubmission()->id, SubmissionState::kDone);
  append({patient("1", "c")});
  commit(leases.at(1), {});
  commit(takeOne(), {});
  append({patient("2", "d")});
  EXPECT_EQ(commit(takeOne(), {{"T", "k", "second", "", ""}}).inserted, 1U);
  EXPECT_THAT(members(openSubmission()->id), ElementsAre("1 T/k v3 second"));
  reconciled();
}

TEST_P(StoreTest, QuarantineIsReplacedWithTheSubject) {
  append({patient("1", "a")});
  const GivenQuarantine bad{{"T", "k", "cells", "", "lines"}, "CYP201-07"},
      worse{{"T", "", "cells", "", ""}, "CYP201-01"};
  EXPECT_EQ(commit(takeOne(), {}, {bad, worse}).quarantined, 2U);
  std::vector<QuarantineRecord> found;
  const auto read = [&](const QuarantineFilter& filter) {
    found.clear();
    ASSERT_OK(store().readQuarantine(filter, 0, 10, [&](const QuarantineRecord& record) {
      found.push_back(record);
      return true;
    }));
  };
  QuarantineFilter by_rule;
  by_rule.rule = "CYP201-07";
  read(by_rule);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, "k");
  EXPECT_EQ(found[0].reason, "because");
  EXPECT_EQ(found[0].subject, "Patient/1");
  EXPECT_EQ(found[0].lineage, "lines");
  const std::uint64_t kept = found[0].id;
  append({patient("1", "b")});
  commit(takeOne(), {}, {bad});
  read({});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, kept);  // the same trouble as before
  append({patient("1", "c")});
  commit(takeOne(), {{"T", "k", "cells", "", ""}});
  read({});
  EXPECT_TRUE(found.empty());
}

TEST_P(StoreTest, QuarantinedRowStaysAsSent) {
  append({patient("1", "a")});
  commit(takeOne(), {{"T", "sent", "v1", "", ""}, {"T", "new", "v1", "", ""}, {"T", "waits", "v1", "", ""}});
  mark(openSubmission()->id, SubmissionState::kDone);
  append({patient("1", "b")});
  commit(takeOne(),
         {{"T", "sent", "v1", "", ""}, {"T", "waits", "v2", "", ""}, {"T", "fresh", "v1", "", ""}});
  EXPECT_EQ(stateOf("T", "waits"), RowState::kPending);
  append({patient("1", "c")});
  commit(takeOne(), {{"T", "new", "v1", "", ""}},
         {{{"T", "sent", "bad", "", ""}, "R"},
          {{"T", "waits", "bad", "", ""}, "R"},
          {{"T", "fresh", "bad", "", ""}, "R"}});
  EXPECT_EQ(stateOf("T", "sent"), RowState::kAccepted);
  EXPECT_TRUE((*store().row(kCollection, "T", "sent"))->held);
  EXPECT_EQ(stateOf("T", "waits"), RowState::kAccepted);  // version 1, as before
  EXPECT_EQ((*store().row(kCollection, "T", "waits"))->deliveries.front().version, 1U);
  EXPECT_EQ(*store().row(kCollection, "T", "fresh"), std::nullopt);
  EXPECT_THAT(members(openSubmission()->id),
              ElementsAre("1 T/new v3 v1"));  // deleted by the second, back by the third
  reconciled();
  // Good again: what is new travels, what is the same does not.
  append({patient("1", "d")});
  commit(takeOne(), {{"T", "new", "v1", "", ""}, {"T", "sent", "v1", "", ""}, {"T", "waits", "v2", "", ""}});
  EXPECT_FALSE((*store().row(kCollection, "T", "sent"))->held);
  EXPECT_THAT(members(openSubmission()->id), ElementsAre("1 T/waits v2 v2"));
  reconciled();
}

TEST_P(StoreTest, OutcomesAreRecordedAndCounted) {
  append({patient("1", "a"),
          {"Encounter", "e", "Patient/1", "x", "", "", {}},
          {"Goal", "g", "Patient/1", "y", "", "", {}}});
  append({{"Organization", "o", "", "org", "", "", {}}});
  EXPECT_EQ(reconciled().sources.at(kSource).waiting, 4U);
  const SubjectLease lease = takeOne();
  auto outcomes = deliveredAll(lease);  // Encounter, Goal, Patient
  ASSERT_EQ(outcomes.size(), 3U);
  outcomes[0].outcome = ResourceOutcome::kQuarantined;
  outcomes[0].rule = "CYP201-01";
  outcomes[0].reason = "no date";
  outcomes[1].outcome = ResourceOutcome::kFiltered;
  outcomes[1].rule = "no-view";
  // The version of a shared resource that a row was made with; another version was not.
  commit(lease, {{"T", "k", "c", "", ""}}, {}, outcomes, {{{"Organization", "o", 4}, {"Organization", "o", 3}}, false});
  const Reconciliation counts = reconciled();
  const SourceCounts& source = counts.sources.at(kSource);
  EXPECT_EQ(source.delivered, 2U);
  EXPECT_EQ(source.filtered, 1U);
  EXPECT_EQ(source.quarantined, 1U);
  EXPECT_EQ(source.waiting, 0U);
  std::vector<std::string> found;
  ASSERT_OK(store().readOutcomes({}, 0, 10, [&](const OutcomeRecord& record) {
    found.push_back(record.type + "/" + record.resource_id + " " + record.rule + " " + record.reason);
    return true;
  }));
  EXPECT_THAT(found, ElementsAre("Encounter/e CYP201-01 no date", "Goal/g no-view "));
}

TEST_P(StoreTest, ResourceWithoutOutcomeIsUnaccounted) {
  append({patient("1", "a")});
  commit(takeOne(), {}, {}, std::vector<ResourceOutcomeEntry>{});
  const auto counts = store().reconcile();
  EXPECT_EQ(counts->unaccounted, 1U);
  EXPECT_EQ(counts->differences.size(), 1U);
}

TEST_P(StoreTest, RowsAreFoundByFilter) {
  append({patient("1", "a"), patient("2", "b")});
  drain();
  append({{"Encounter", "e", "Patient/2", "x", "", "", {}}});
  mark(openSubmission()->id, SubmissionState::kDone);
  drain();
  const auto keys = [&](const RowFilter& filter) {
    std::vector<std::string> found;
    EXPECT_TRUE(store().readRows(filter, 0, 10, [&](const LedgerRow& row) {
      found.push_back(row.table + "/" + row.key);
      return true;
    }));
    return found;
  };
  RowFilter filter;
  EXPECT_THAT(keys(filter), ElementsAre("Patient/1", "Patient/2", "Encounter/e"));
  filter.subject = "Patient/2";
  EXPECT_THAT(keys(filter), ElementsAre("Patient/2", "Encounter/e"));
  filter.destination = kDestination;
  filter.state = RowState::kPending;
  EXPECT_THAT(keys(filter), ElementsAre("Encounter/e"));
  filter.subject.clear();
  filter.state = RowState::kAccepted;
  filter.table = "Patient";
  EXPECT_THAT(keys(filter), ElementsAre("Patient/1", "Patient/2"));
  filter.table = "Unheard of";
  EXPECT_TRUE(keys(filter).empty());
}

TEST_P(StoreTest, ProjectionThatMakesNoSenseIsRefusedWhole) {
  append({patient("1", "a")});
  const SubjectLease lease = takeOne();
  const std::vector<std::string> collections{kCollection};
  std::vector<ProjectedRow> rows(2);
  rows[0].collection = rows[1].collection = kCollection;
  rows[0].table = rows[1].table = "T";
  rows[0].key = "good";
  const Projection projection{lease, collections, rows, {}, {}};
  const auto refused = store().commitProjections(std::span(&projection, 1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(*store().row(kCollection, "T", "good"), std::nullopt);
  EXPECT_FALSE(commit(lease, {}).lease_lost);  // the lease is still good
}

}  // namespace
}  // namespace tributary::store
