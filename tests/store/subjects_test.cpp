#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/store/conformance.h"

namespace tributary::store {
namespace {

using testing::ElementsAre;

Given patient(const std::string& number, const std::string& body, std::vector<ResourceKey> references = {}) {
  return {"Patient", number, "Patient/" + number, body, "", "", std::move(references)};
}

TEST_P(StoreTest, SubjectsAreTakenOnceAndInOrder) {
  append({patient("1", "a"), patient("2", "b"), patient("3", "c")});
  const auto first = store().takeDirty(2, Duration{1000}), second = store().takeDirty(2, Duration{1000});
  ASSERT_EQ(first->size(), 2U);
  EXPECT_EQ(first->at(0).subject, "Patient/1");
  EXPECT_EQ(first->at(1).subject, "Patient/2");
  ASSERT_EQ(second->size(), 1U);
  EXPECT_EQ(second->at(0).subject, "Patient/3");
  EXPECT_EQ(store().status()->leased_subjects, 3U);
  EXPECT_EQ(store().status()->dirty_subjects, 3U);
}

TEST_P(StoreTest, SubjectsAreReadByNameAndInPagesWithoutBeingTaken) {
  append({patient("1", "a"), patient("2", "b"), patient("3", "c")});
  append({patient("1", "other")}, "ward");
  const auto names = [&](std::string_view source, std::string_view subject, std::uint64_t after, std::size_t limit) {
    std::vector<std::string> out;
    EXPECT_TRUE(store().readSubjects(source, subject, after, limit, [&](const SubjectLease& one) {
      out.push_back(one.source + " " + one.subject);
      return true;
    }));
    return out;
  };
  EXPECT_EQ(names("epr", "", 0, 10), (std::vector<std::string>{"epr Patient/1", "epr Patient/2", "epr Patient/3"}));
  EXPECT_EQ(names("", "Patient/1", 0, 10), (std::vector<std::string>{"epr Patient/1", "ward Patient/1"}));
  EXPECT_EQ(names("nobody", "", 0, 10), std::vector<std::string>{});
  std::vector<SubjectLease> page;
  const auto keep = [&](const SubjectLease& one) { return page.push_back(one), true; };
  ASSERT_EQ(*store().readSubjects("", "", 0, 2, keep), 2U);
  ASSERT_EQ(*store().readSubjects("", "", page.back().subject_id, 2, keep), 2U);
  EXPECT_EQ(page.back().source, "ward");
  EXPECT_EQ(bodiesOf(page[1]), std::vector<std::string>{"b"});
  // They are still there for a worker.
  EXPECT_EQ(store().takeDirty(10, Duration{1000})->size(), 4U);
}

TEST_P(StoreTest, LeaseEndsWithTimeAndWithTheProcess) {
  append({patient("1", "a")});
  const SubjectLease old = takeOne();
  EXPECT_TRUE(store().takeDirty(1, Duration{1000})->empty());
  clock_.advance(Duration{60'001});
  const SubjectLease fresh = takeOne();
  EXPECT_TRUE(commit(old, {{"T", "k", "c", "", ""}}).lease_lost);
  EXPECT_EQ(*store().row(kCollection, "T", "k"), std::nullopt);
  EXPECT_FALSE(commit(fresh, {}).lease_lost);
  append({patient("1", "b")});
  takeOne();
  reopen();
  takeOne();
}

TEST_P(StoreTest, CountedSubjectsAreWrittenAndNeverDirty) {
  append({patient("1", "a")});
  const SubjectLease patient_lease = takeOne();
  EXPECT_FALSE(commit(patient_lease, {{"T", "k", "c", "", ""}}, {}, deliveredAll(patient_lease)).lease_lost);
  EXPECT_FALSE(store().leaseCounted("Patient/1", Duration{1000}));
  const auto lease = store().leaseCounted("counted/T/2026-11-19", Duration{1000});
  ASSERT_TRUE(lease);
  EXPECT_FALSE(store().leaseCounted("counted/T/2026-11-19", Duration{1000})) << "somebody holds it";
  EXPECT_EQ(commit(*lease, {{"S", "a|b", "7", "", ""}}).inserted, 1U);
  const auto again = store().leaseCounted("counted/T/2026-11-19", Duration{1000});
  ASSERT_TRUE(again);
  EXPECT_EQ(commit(*again, {{"S", "a|b", "7", "", ""}}).unchanged, 1U);
  SubmissionRequest request;
  request.destination = kDestination;
  request.collection = kCollection;
  const auto submission = store().openSubmission(request);
  ASSERT_TRUE(submission && *submission);
  EXPECT_EQ((*submission)->rows, 2U) << "counted rows travel like others";
  EXPECT_EQ(*store().markDirty("", {}), 1U);
  EXPECT_EQ(takeOne().subject, "Patient/1");
  EXPECT_TRUE(store().takeDirty(9, Duration{1000})->empty());
  EXPECT_EQ(store().reconcile()->unaccounted, 0U);
  reopen();
  EXPECT_TRUE(store().leaseCounted("counted/T/2026-11-19", Duration{1000})) << "a lease ends with the process";
}

TEST_P(StoreTest, ChangeWhileWorkedOnIsNotLost) {
  append({patient("1", "a")});
  for (const char* when : {"before the load", "after the load"}) {
    const SubjectLease lease = takeOne();
    if (std::string_view(when) == "after the load") bodiesOf(lease);
    append({patient("1", when)});
    EXPECT_TRUE(commit(lease, {}, {}, deliveredAll(lease)).still_dirty) << when;
  }
  const SubjectLease lease = takeOne();
  EXPECT_THAT(bodiesOf(lease), ElementsAre("after the load"));
  EXPECT_FALSE(commit(lease, {}, {}, deliveredAll(lease)).still_dirty);
  EXPECT_TRUE(store().takeDirty(1, Duration{1000})->empty());
}

TEST_P(StoreTest, OutcomeOfAnOldVersionDoesNotCount) {
  append({patient("1", "a")});
  const SubjectLease lease = takeOne();
  const auto outcomes = deliveredAll(lease);
  append({patient("1", "b")});
  commit(lease, {}, {}, outcomes);
  EXPECT_EQ(reconciled().sources.at(kSource).waiting, 1U);
}

TEST_P(StoreTest, ReleasedSubjectWaitsAndOthersPass) {
  append({patient("1", "a"), patient("2", "b")});
  const SubjectLease lease = takeOne();
  ASSERT_OK(store().releaseSubject(lease, clock_.now() + Duration{5000}, "out of memory"));
  EXPECT_EQ(takeOne().subject, "Patient/2");
  EXPECT_TRUE(store().takeDirty(1, Duration{1000})->empty());
  clock_.advance(Duration{5000});
  const SubjectLease again = takeOne();
  EXPECT_EQ(again.subject, "Patient/1");
  EXPECT_EQ(again.attempts, 1U);
  ASSERT_OK(store().releaseSubject(again, clock_.now() + Duration{500'000}, "again"));
  append({patient("1", "new data")});  // does not have to wait
  EXPECT_EQ(takeOne().attempts, 2U);
}

TEST_P(StoreTest, SharedResourceMakesItsSubjectsDirty) {
  const ResourceKey organisation{"Organization", "o"}, practitioner{"Practitioner", "p"};
  // The reference comes before what it refers to.
  append({patient("1", "a", {organisation}), patient("2", "b", {practitioner}), patient("3", "c")});
  drain();
  append({{"Organization", "o", "", "org", "", "", {}}});
  EXPECT_EQ(takeOne().subject, "Patient/1");
  drain();
  append({{"Practitioner", "p", "", "who", "", "", {organisation}}});
  drain();
  EXPECT_EQ(append({{"Organization", "o", "", "org", "", "", {}}}).duplicates, 1U);
  EXPECT_TRUE(store().takeDirty(5, Duration{1000})->empty());
  // Through the practitioner it reaches the second subject, too.
  clock_.advance(Duration{100'000});
  append({{"Organization", "o", "", "org 2", "", "", {}}});
  std::set<std::string> dirty;
  for (const SubjectLease& lease : takeAll()) dirty.insert(lease.subject);
  EXPECT_THAT(dirty, ElementsAre("Patient/1", "Patient/2"));
}

Given staff(const std::string& type, const std::string& id, const std::string& subject, const std::string& body,
            std::vector<ResourceKey> references = {}) {
  Given given{type, id, subject, body, "", "", std::move(references)};
  given.shared = true;
  return given;
}

std::set<std::string> subjectsOf(const std::vector<SubjectLease>& leases) {
  std::set<std::string> subjects;
  for (const SubjectLease& lease : leases) subjects.insert(lease.subject);
  return subjects;
}

// Staff: a subject of its own, and shared by those who refer to it, through it and through its role.
TEST_P(StoreTest, SharedResourceWithASubjectMakesBothDirty) {
  const ResourceKey organisation{"Organization", "o"}, practitioner{"Practitioner", "p"}, role{"PractitionerRole", "r"};
  append({patient("1", "a", {practitioner}), patient("2", "b", {role}), patient("3", "c")});
  append({staff("Practitioner", "p", "Practitioner/p", "who"),
          staff("PractitionerRole", "r", "Practitioner/p", "role", {practitioner, organisation})});
  drain();
  EXPECT_EQ(reconciled().rows, 5U);
  append({staff("Practitioner", "p", "Practitioner/p", "who 2")});
  EXPECT_THAT(subjectsOf(takeAll()), ElementsAre("Patient/1", "Patient/2", "Practitioner/p"));
  clock_.advance(Duration{100'000});
  drain();
  append({{"Organization", "o", "", "org", "", "", {}}});
  EXPECT_THAT(subjectsOf(takeAll()), ElementsAre("Patient/2", "Practitioner/p"));
  clock_.advance(Duration{100'000});
  drain();
  // A delete names no subject; the row goes, and whoever refers to it looks again.
  Given gone{"Practitioner", "p", "", "", "", "", {}};
  gone.operation = Operation::kDelete;
  append({gone});
  EXPECT_THAT(subjectsOf(takeAll()), ElementsAre("Patient/1", "Patient/2", "Practitioner/p"));
  clock_.advance(Duration{100'000});
  drain();
  EXPECT_EQ(*store().row(kCollection, "Practitioner", "p"), std::nullopt);
  EXPECT_EQ(reconciled().sources.at(kSource).deleted, 1U);
}

// What an older collection took as shared only becomes a subject, and the way back.
TEST_P(StoreTest, PlacingAgainMovesWhatIsHeld) {
  const ResourceKey role{"PractitionerRole", "r"}, practitioner{"Practitioner", "p"};
  Given shared{"Practitioner", "p", "", "who", "", "", {}, Operation::kUpsert, ResourceOutcome::kFiltered, "not-used"};
  Given other = shared;
  other.type = "PractitionerRole";
  other.id = "r";
  other.body = "role";
  other.references = {practitioner};
  append({patient("1", "a", {role}), shared, other});
  drain();
  EXPECT_EQ(reconciled().filtered_by_rule.at("not-used"), 2U);
  const std::vector<Given> subjects{staff("Practitioner", "p", "Practitioner/p", "who"),
                                    staff("PractitionerRole", "r", "Practitioner/p", "role", {practitioner}),
                                    staff("Practitioner", "p", "Practitioner/p", "not the current body"),
                                    staff("Practitioner", "unknown", "Practitioner/unknown", "who")};
  EXPECT_EQ(placeAgain(subjects), 2U);
  EXPECT_EQ(placeAgain(subjects), 0U);
  EXPECT_THAT(subjectsOf(takeAll()), ElementsAre("Practitioner/p"));
  clock_.advance(Duration{100'000});
  drain();
  EXPECT_EQ(reconciled().rows, 3U);
  EXPECT_EQ(reconciled().sources.at(kSource).delivered, 3U);
  EXPECT_EQ(placeAgain({shared, other}), 2U);
  drain();
  EXPECT_EQ(reconciled().rows, 1U);
  EXPECT_EQ(reconciled().filtered_by_rule.at("not-used"), 2U);
  append({staff("Practitioner", "p", "", "who 2")});
  EXPECT_THAT(subjectsOf(takeAll()), testing::Contains("Patient/1"));  // through the role, as ever
}

TEST_P(StoreTest, SharedResourcesThatReferToEachOtherEnd) {
  append({patient("1", "a", {{"Organization", "x"}})});
  drain();
  append({{"Organization", "x", "", "x", "", "", {{"Organization", "y"}, {"Organization", "x"}}},
          {"Organization", "y", "", "y", "", "", {{"Organization", "x"}}}});
  drain();
  append({{"Organization", "y", "", "y 2", "", "", {{"Organization", "x"}}}});
  EXPECT_EQ(takeOne().subject, "Patient/1");
}

TEST_P(StoreTest, SharedResourceOfVeryManySubjects) {
  std::vector<Given> given;
  for (int number = 0; number < 25'000; ++number) {
    given.push_back(patient(std::to_string(number), "x", {{"Organization", "o"}}));
  }
  append(given);
  std::uint64_t projected = 0;
  const auto count = [&] {
    for (;;) {
      const auto leases = store().takeDirty(5000, Duration{60'000});
      if (leases->empty()) return;
      const std::vector<std::string> collections{kCollection};
      std::vector<Projection> projections;
      for (const SubjectLease& lease : *leases) projections.push_back({lease, collections, {}, {}, {}});
      ASSERT_OK(store().commitProjections(projections));
      projected += leases->size();
    }
  };
  count();
  EXPECT_EQ(projected, 25'000U);
  append({{"Organization", "o", "", "org", "", "", {}}});
  reopen();  // what is not spread yet is not forgotten
  count();
  EXPECT_EQ(projected, 50'000U);
}

TEST_P(StoreTest, LoadsSharedResourcesByKey) {
  append({{"Organization", "o", "", "org", "", "", {}},
          {"Practitioner", "p", "", "who", "", "", {}},
          {"Location", "l", "", "where", "", "", {}}});
  Given removed{"Location", "l", "", "", "", "", {}};
  removed.operation = Operation::kDelete;
  append({removed});
  const std::vector<ResourceKey> keys{
      {"Practitioner", "p"}, {"Location", "l"}, {"Organization", "missing"}, {"Organization", "o"}};
  std::vector<std::string> bodies;
  const auto loaded = store().load(kSource, keys, 1 << 20, [&](const StoredResource& resource) {
    bodies.emplace_back(resource.body);
    return true;
  });
  ASSERT_OK(loaded);
  EXPECT_THAT(bodies, ElementsAre("who", "org"));
  EXPECT_TRUE(loaded->complete);
  EXPECT_EQ(store().load("other", keys, 1 << 20, [](const StoredResource&) { return true; })->resources, 0U);
}

TEST_P(StoreTest, LoadStopsAtItsBoundInBytes) {
  append({{"A", "1", "Patient/1", std::string(600, 'a'), "", "", {}},
          {"B", "2", "Patient/1", std::string(600, 'b'), "", "", {}}});
  const SubjectLease lease = takeOne();
  const auto all = [](const StoredResource&) { return true; };
  EXPECT_FALSE(store().loadSubject(lease, 1000, all)->complete);
  EXPECT_EQ(store().loadSubject(lease, 1000, all)->resources, 1U);
  EXPECT_TRUE(store().loadSubject(lease, 1200, all)->complete);
  EXPECT_FALSE(store().loadSubject(lease, 1200, [](const StoredResource&) { return false; })->complete);
}

TEST_P(StoreTest, ResourceThatMovesMakesBothSubjectsDirty) {
  append({{"Encounter", "e", "Patient/1", "x", "", "", {}}});
  drain();
  append({{"Encounter", "e", "Patient/2", "y", "", "", {}}});
  std::set<std::string> dirty;
  for (const SubjectLease& lease : takeAll()) {
    dirty.insert(lease.subject);
    EXPECT_EQ(bodiesOf(lease).size(), lease.subject == "Patient/2" ? 1U : 0U);
  }
  EXPECT_THAT(dirty, ElementsAre("Patient/1", "Patient/2"));
}

TEST_P(StoreTest, ReplayMarksWhatItNames) {
  append({patient("1", "a"), patient("2", "b")});
  append({patient("1", "a")}, "other");
  drain();
  const std::vector<std::string> one{"Patient/2", "Patient/unknown"};
  EXPECT_EQ(*store().markDirty(kSource, one), 1U);
  EXPECT_EQ(takeOne().subject, "Patient/2");
  EXPECT_EQ(*store().markDirty("other", {}), 1U);
  EXPECT_EQ(takeOne().source, "other");
  EXPECT_EQ(*store().markDirty("", {}), 3U);
  EXPECT_EQ(takeOne().subject, "Patient/1");  // the other two are leased
}

TEST_P(StoreTest, ReplayWhileWorkedOnIsNotLost) {
  append({patient("1", "a")});
  const SubjectLease lease = takeOne();
  ASSERT_OK(store().markDirty("", {}));
  EXPECT_TRUE(commit(lease, {}).still_dirty);
}

TEST_P(StoreTest, ListenerHearsOfWork) {
  std::atomic<int> dirty = 0, pending = 0;
  store().setListener([&](const StoreChange& change) {
    dirty += change.dirty ? 1 : 0;
    pending += change.pending ? 1 : 0;
  });
  append({patient("1", "a")});
  const SubjectLease lease = takeOne();
  commit(lease, {{"T", "k", "c", "", ""}});
  store().setListener({});
  EXPECT_EQ(dirty, 1);
  EXPECT_EQ(pending, 1);
}

// Appenders and workers at once: at the end every subject was projected from its newest state.
TEST_P(StoreTest, NoChangeIsLostBetweenAppendersAndWorkers) {
  constexpr int kSubjects = 20, kRounds = 60;
  std::atomic<bool> appending = true;
  std::vector<std::thread> threads;
  for (int appender = 0; appender < 2; ++appender) {
    threads.emplace_back([this, appender] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<Given> given;
        for (int subject = 0; subject < kSubjects; ++subject) {
          given.push_back({"Encounter",
                           std::to_string(appender) + "-" + std::to_string(subject),
                           "Patient/" + std::to_string(subject),
                           std::to_string(round),
                           "",
                           "",
                           {}});
        }
        append(given);
      }
    });
  }
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 2; ++worker) {
    workers.emplace_back([this, &appending] {
      for (;;) {
        const bool last = !appending;
        const auto leases = store().takeDirty(3, Duration{60'000});
        for (const SubjectLease& lease : *leases) {
          std::vector<GivenRow> rows;
          std::vector<std::string> ids;
          EXPECT_TRUE(store().loadSubject(lease, 1 << 20, [&](const StoredResource& resource) {
            rows.push_back({"T", std::string(resource.id), std::string(resource.body), "", ""});
            return true;
          }));
          commit(lease, rows);
        }
        if (last && leases->empty()) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  appending = false;
  for (std::thread& worker : workers) worker.join();
  drain();
  EXPECT_EQ(store().status()->dirty_subjects, 0U);
  for (int appender = 0; appender < 2; ++appender) {
    for (int subject = 0; subject < kSubjects; ++subject) {
      const auto history =
          store().history(kSource, "Encounter", std::to_string(appender) + "-" + std::to_string(subject));
      EXPECT_EQ(*store().body(history->front().seq), std::to_string(kRounds - 1));
    }
  }
  const auto row = store().row(kCollection, "T", "1-7");
  ASSERT_TRUE(row->has_value());
  EXPECT_EQ((*row)->cells, std::to_string(kRounds - 1));
}

}  // namespace
}  // namespace tributary::store
