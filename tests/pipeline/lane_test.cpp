// A lane over days and months, with a clock of its own: rows stand in the store as workers put them there, files go into a folder.
#include "pipeline/lane.h"

#include <gmock/gmock.h>

#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/civil_date.h"
#include "collection/mapping_test.h"
#include "deliver/file/folder_destination.h"
#include "pipeline/month_file.h"
#include "store/sqlite/sqlite_store.h"

namespace tributary::pipeline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::filesystem::path kSource = TRIBUTARY_SOURCE_DIR;

std::shared_ptr<const collection::Collection> csds() {
  static const auto kLoaded = []() -> std::shared_ptr<const collection::Collection> {
    const char* const set = std::getenv("TRIBUTARY_CACHE");
    const auto compiled = (set != nullptr ? std::filesystem::path(set) : kSource / ".cache") / "definitions.bin";
    if (!std::filesystem::exists(compiled)) return nullptr;
    const auto folder = kSource / "fhir-mappings/csds/1.6";
    auto definitions = terminology::Definitions::open(compiled);
    auto terms = terminology::Terminology::load(*definitions, *collection::Collection::terminologyFolders(folder));
    std::vector<Issue> issues;
    auto loaded = collection::Collection::load(folder, *definitions, *terms, *collection::mappingTestSettings(folder / "tests"), issues);
    return loaded ? *loaded : nullptr;
  }();
  return kLoaded;
}

struct GivenRow {
  std::string table, key, period;
  std::map<std::string, std::string> cells;
};

class LaneTest : public testing::Test {
 protected:
  void SetUp() override {
    if (csds() == nullptr) GTEST_SKIP() << "no compiled definitions in .cache (deploy/install makes them)";
    folder_ = std::filesystem::temp_directory_path() / ("tributary-lane-" + std::to_string(::getpid()) + "-" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "outbox");
    store::SqliteOptions options;
    options.path = folder_ / "store.db";
    options.clock = &clock_;
    store_ = *store::openSqliteStore(options);
    const std::vector<store::Destination> destinations{{"out", "csds/1.6"}};
    ASSERT_TRUE(store_->setDestinations(destinations));
  }
  void TearDown() override {
    lane_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(DeliveryMode mode, const std::string& at = "02:00", std::optional<std::uint32_t> late_days = {}, std::uint32_t keep_days = 30) {
    DestinationConfig config;
    config.name = "out";
    config.folder = folder_ / "out";
    config.mode = mode;
    config.format = deliver::FileForm::kNdjson;
    config.at = at;
    config.late_days = late_days;
    config.linger = Duration{0};
    config.keep_days = keep_days;
    deliver::FolderOptions options;
    options.name = "out";
    options.folder = config.folder;
    auto folder = deliver::FolderDestination::open(options);
    ASSERT_TRUE(folder);
    lane_ = std::make_unique<Lane>(*store_, csds(), config, std::make_unique<deliver::FolderDestination>(std::move(*folder)), folder_ / "outbox", clock_, log_);
  }

  // Steps until nothing moves; what was sent since the last time, as "window: rows" ("-n" for deletes).
  std::vector<std::string> sentAt(const char* instant) {
    clock_.set(*parseInstant(instant));
    for (int i = 0; i < 200; ++i) {
      const auto moved = lane_->step();
      EXPECT_TRUE(moved) << moved.error().text;
      if (!moved || !*moved) break;
    }
    std::vector<std::string> out;
    store::SubmissionFilter filter;
    filter.after = seen_;
    const auto found = store_->submissions(filter);
    EXPECT_TRUE(found);
    if (!found) return {};
    for (const store::Submission& one : *found) {
      seen_ = one.id;
      if (one.state == store::SubmissionState::kCancelled) continue;
      EXPECT_EQ(one.state, store::SubmissionState::kDone);
      out.push_back(one.window + ": " + std::to_string(one.rows - one.deletes) + (one.deletes ? "-" + std::to_string(one.deletes) : ""));
    }
    return out;
  }

  // The whole state of one patient, as a worker commits it.
  void give(const std::string& patient, const std::vector<GivenRow>& rows) {
    const std::string body = "{\"n\":" + std::to_string(++edition_) + "}", subject = "Patient/" + patient;
    store::AppendEntry entry;
    entry.type = "Patient";
    entry.id = patient;
    entry.subject = subject;
    entry.body = body;
    const std::vector<store::AppendEntry> entries{entry};
    store::AppendBatch batch;
    batch.source = "epr";
    batch.entries = entries;
    ASSERT_TRUE(store_->append(batch));
    const auto leases = store_->takeDirty(10, std::chrono::minutes(1));
    ASSERT_TRUE(leases && leases->size() == 1);
    std::vector<store::ResourceOutcomeEntry> outcomes;
    std::deque<std::string> texts;
    ASSERT_TRUE(store_->loadSubject(leases->front(), 1 << 20, [&](const store::StoredResource& one) {
      outcomes.push_back({texts.emplace_back(one.type), texts.emplace_back(one.id), one.seq, store::ResourceOutcome::kDelivered, {}, {}});
      return true;
    }));
    std::vector<store::ProjectedRow> projected;
    for (const GivenRow& row : rows) {
      const auto& table = csds()->tables()[*csds()->findTable(row.table)];
      std::vector<std::string_view> cells(table.fields.size());
      for (std::size_t f = 0; f < cells.size(); ++f) {
        if (const auto given = row.cells.find(table.fields[f].name); given != row.cells.end()) cells[f] = given->second;
      }
      store::ProjectedRow one;
      one.collection = "csds/1.6";
      one.table = table.name;
      one.key = row.key;
      one.period = row.period;
      one.cells = texts.emplace_back(collection::encodeCells(cells));
      projected.push_back(one);
    }
    const std::vector<std::string> collections{"csds/1.6"};
    const store::Projection projection{leases->front(), collections, projected, {}, outcomes};
    ASSERT_TRUE(store_->commitProjections({&projection, 1}));
  }
  // A patient with a GP, a referral that is open since `since`, and contacts on days.
  static std::vector<GivenRow> patient(const std::string& id, const std::string& nhs, const std::string& since, const std::vector<std::string>& contacts) {
    std::vector<GivenRow> rows{{"CYP001", id, "", {{"LocalPatientID", id}, {"NHSNumber", nhs}}},
                               {"CYP002", id + "|gp", "", {{"LocalPatientID", id}}},
                               {"CYP101", id + "-r", since + "/", {{"LocalPatientID", id}}}};
    for (const std::string& day : contacts) rows.push_back({"CYP201", id + "-" + day, day, {{"Contact_Date", day}}});
    return rows;
  }
  store::RowDelivery delivery(const char* table, const std::string& key) {
    const auto row = store_->row("csds/1.6", csds()->tables()[*csds()->findTable(table)].name, key);
    return row && *row ? (*row)->deliveries.front() : store::RowDelivery{};
  }

  FakeClock clock_{Instant{}};
  Log log_{"error", "text"};
  std::filesystem::path folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Lane> lane_;
  std::uint64_t seen_ = 0;
  int edition_ = 0;
};

TEST_F(LaneTest, AMonthEndFromPrimaryToRebuild) {
  clock_.set(*parseInstant("2026-10-01T08:00:00Z"));
  start(DeliveryMode::kMonthly);
  give("1", patient("p1", "9990000018", "2026-08-20", {"2026-09-10", "2026-10-02"}));
  EXPECT_THAT(sentAt("2026-10-11T12:00:00Z"), IsEmpty());
  EXPECT_EQ(lane_->status().periods.next, "refresh of 2026-08 on 2026-10-12 at 02:00");
  EXPECT_THAT(lane_->status().periods.windows,
              ElementsAre("refresh of 2026-08 until 2026-10-14 (assumed)", "primary of 2026-09 until 2026-10-14 (assumed)"));
  // 02:00 of British Summer Time.
  EXPECT_THAT(sentAt("2026-10-12T00:59:59Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-10-12T01:00:00Z"), ElementsAre("2026-08/refresh: 3", "2026-09/primary: 4"));
  EXPECT_THAT(sentAt("2026-10-13T01:00:00Z"), IsEmpty());
  EXPECT_EQ(delivery("CYP201", "p1-2026-10-02").state, store::RowState::kPending);

  // Late for September, and a patient who has nothing in it: the first goes with the refresh.
  give("1", patient("p1", "9990000018", "2026-08-20", {"2026-09-10", "2026-09-28", "2026-10-02"}));
  give("2", patient("p2", "9990000026", "2026-10-05", {}));
  EXPECT_THAT(sentAt("2026-10-20T12:00:00Z"), IsEmpty());
  EXPECT_EQ(lane_->status().periods.held, 0U);
  EXPECT_THAT(sentAt("2026-11-11T01:59:00Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-11-11T02:00:00Z"), ElementsAre("2026-09/refresh: 5", "2026-10/primary: 7"));

  // After the refresh has closed it is held back, and told.
  give("1", patient("p1", "9990000018", "2026-08-20", {"2026-09-10", "2026-09-28", "2026-09-29", "2026-10-02"}));
  EXPECT_THAT(sentAt("2026-11-20T12:00:00Z"), IsEmpty());
  ASSERT_THAT(lane_->status().periods.held_rows, SizeIs(1));
  EXPECT_EQ(lane_->status().periods.held, 1U);
  EXPECT_EQ(lane_->status().periods.held_rows.front().month, "2026-09");
  EXPECT_THAT(lane_->status().periods.held_rows.front().reason,
              AllOf(HasSubstr("the refresh window of 2026-09 closed on 2026-11-13"), HasSubstr("tributary rebuild 2026-09")));

  // By hand: what the preview shows, once.
  const auto preview = lane_->previewMonth("2026-09");
  ASSERT_TRUE(preview) << preview.error().text;
  EXPECT_THAT(preview->refusals, IsEmpty());
  EXPECT_EQ(preview->rows, 6U);
  EXPECT_EQ(preview->changed, 1U);
  EXPECT_FALSE(lane_->rebuild("2026-09", "000000000000", "test").has_value());
  EXPECT_FALSE(lane_->rebuild("2026-11", preview->confirm, "test").has_value());  // not over
  EXPECT_FALSE(lane_->rebuild("2026-09", "", "test").has_value());
  const auto first = lane_->rebuild("2026-09", preview->confirm, "test"), again = lane_->rebuild("2026-09", preview->confirm, "test");
  ASSERT_TRUE(first && again);
  EXPECT_FALSE(first->repeated);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(first->submission, again->submission);
  EXPECT_THAT(sentAt("2026-11-20T12:00:10Z"), ElementsAre("2026-09/rebuild-" + preview->confirm.substr(0, 12) + ": 6"));
  EXPECT_THAT(sentAt("2026-11-20T12:00:20Z"), IsEmpty());
  EXPECT_EQ(lane_->status().periods.held, 0U);
  EXPECT_EQ(delivery("CYP201", "p1-2026-09-29").state, store::RowState::kAccepted);
  auto audit = store_->readAudit(0, 10);
  ASSERT_TRUE(audit);
  std::erase_if(*audit, [](const auto& one) { return one.entry.action == "delete-sent-file"; });  // of September and October
  ASSERT_THAT(*audit, SizeIs(1));
  EXPECT_EQ(audit->front().entry.action, "rebuild");
  EXPECT_EQ(audit->front().entry.target, "out/2026-09");
}

TEST_F(LaneTest, AMissedWindowIsAnAlarmAndTheNextOneStillGoes) {
  clock_.set(*parseInstant("2026-10-05T08:00:00Z"));
  start(DeliveryMode::kMonthly);
  give("1", patient("p1", "9990000018", "2026-09-20", {"2026-09-21"}));
  EXPECT_THAT(sentAt("2026-10-05T09:00:00Z"), IsEmpty());
  // Switched off until both windows have closed.
  EXPECT_THAT(sentAt("2026-10-15T09:00:00Z"), IsEmpty());
  EXPECT_THAT(lane_->status().periods.alarms, testing::Contains(HasSubstr("the primary window of 2026-09 closed on 2026-10-14 without a submission")));
  EXPECT_THAT(sentAt("2026-11-11T09:00:00Z"), ElementsAre("2026-09/refresh: 4", "2026-10/primary: 3"));
}

TEST_F(LaneTest, AMonthWithoutAMandatoryTableIsRefusedAndItsRowsStayPending) {
  clock_.set(*parseInstant("2026-10-05T08:00:00Z"));
  start(DeliveryMode::kMonthly);
  auto rows = patient("p1", "9990000018", "2026-09-20", {"2026-09-21"});
  rows.erase(rows.begin() + 1);
  give("1", rows);
  EXPECT_THAT(sentAt("2026-10-12T09:00:00Z"), IsEmpty());
  EXPECT_THAT(lane_->status().periods.alarms, testing::Contains(HasSubstr("2026-09/primary cannot be sent: the mandatory table CYP002GP has no row")));
  EXPECT_EQ(delivery("CYP201", "p1-2026-09-21").state, store::RowState::kPending);
  const auto preview = lane_->previewMonth("2026-09");
  ASSERT_TRUE(preview) << preview.error().text;
  EXPECT_THAT(preview->refusals, testing::Contains(HasSubstr("CYP002GP")));
  // Mended: it goes an hour later.
  give("1", patient("p1", "9990000018", "2026-09-20", {"2026-09-21"}));
  EXPECT_THAT(sentAt("2026-10-12T09:30:00Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-10-12T10:00:01Z"), ElementsAre("2026-09/primary: 4"));
  EXPECT_THAT(lane_->status().periods.alarms, testing::Not(testing::Contains(HasSubstr("2026-09/primary"))));
}

TEST_F(LaneTest, DailySendsYesterdayWithLateCorrectionsAndHoldsWhatIsLater) {
  clock_.set(*parseInstant("2026-11-02T12:00:00Z"));
  start(DeliveryMode::kDaily, "02:00", 14);
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-10-10", "2026-10-25", "2026-11-01", "2026-11-02", "2026-11-03"}));
  give("2", {{"CYP101", "p2-r", "2026-01-01/2026-09-30", {}}});
  EXPECT_THAT(sentAt("2026-11-03T01:59:00Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-11-03T02:00:00Z"), ElementsAre("2026-11-02: 5", "2026-10-01: 1"));
  EXPECT_EQ(delivery("CYP201", "p1-2026-11-03").state, store::RowState::kPending);
  clock_.advance(std::chrono::seconds(10));
  ASSERT_TRUE(lane_->step());
  EXPECT_EQ(lane_->status().periods.held, 2U);
  ASSERT_THAT(lane_->status().periods.held_rows, SizeIs(2));
  EXPECT_EQ(lane_->status().periods.held_rows[0].month, "2026-10");
  EXPECT_THAT(lane_->status().periods.held_rows[0].reason, HasSubstr("later than 14 days"));
  EXPECT_EQ(lane_->status().periods.held_rows[1].month, "2026-09");
  // Corrections and withdrawals of the days that may still be corrected, over the end of the month.
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-10-10", "2026-10-24", "2026-11-02", "2026-11-03"}));
  EXPECT_THAT(sentAt("2026-11-03T09:00:00Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-11-04T02:00:00Z"), ElementsAre("2026-11-03: 1-1", "2026-10-01: 1-1"));
  EXPECT_EQ(lane_->status().periods.next, "the activity of 2026-11-04 on 2026-11-05 at 02:00");
}

TEST_F(LaneTest, DaysWithoutTheGatewayGoInOneFileAMonth) {
  clock_.set(*parseInstant("2026-11-28T12:00:00Z"));
  start(DeliveryMode::kDaily);
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-11-27"}));
  EXPECT_THAT(sentAt("2026-11-28T12:00:00Z"), ElementsAre("2026-11-27: 4"));
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30", "2026-12-01", "2026-12-02"}));
  EXPECT_THAT(sentAt("2026-12-03T12:00:00Z"), ElementsAre("2026-12-02: 2", "2026-11-01: 3"));
}

// Spring leaves 01:00 to 02:00 out, autumn repeats it.
TEST_F(LaneTest, ClockChanges) {
  clock_.set(*parseInstant("2026-03-28T12:00:00Z"));
  start(DeliveryMode::kDaily, "01:30");
  give("1", patient("p1", "9990000018", "2026-03-01", {"2026-03-27"}));
  EXPECT_THAT(sentAt("2026-03-28T12:00:00Z"), ElementsAre("2026-03-27: 4"));
  give("1", patient("p1", "9990000018", "2026-03-01", {"2026-03-27", "2026-03-28"}));
  EXPECT_THAT(sentAt("2026-03-29T00:59:59Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-03-29T01:00:00Z"), ElementsAre("2026-03-28: 1"));  // 02:00 BST: the hour has passed
  give("1", patient("p1", "9990000018", "2026-03-01", {"2026-03-27", "2026-03-28", "2026-03-29"}));
  EXPECT_THAT(sentAt("2026-03-30T00:29:00Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-03-30T00:30:00Z"), ElementsAre("2026-03-29: 1"));
}

// The last hour of a day with 25 hours still speaks of the day before.
TEST_F(LaneTest, AutumnSendsOnceAndNamesYesterday) {
  clock_.set(*parseInstant("2026-10-24T12:00:00Z"));
  start(DeliveryMode::kDaily, "01:30");
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-10-23"}));
  EXPECT_THAT(sentAt("2026-10-24T12:00:00Z"), ElementsAre("2026-10-23: 4"));
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-10-23", "2026-10-24"}));
  EXPECT_THAT(sentAt("2026-10-25T00:29:59Z"), IsEmpty());
  EXPECT_THAT(sentAt("2026-10-25T00:30:00Z"), ElementsAre("2026-10-24: 1"));  // 01:30 BST, for the first time
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-10-22", "2026-10-23", "2026-10-24"}));
  EXPECT_THAT(sentAt("2026-10-25T01:30:00Z"), IsEmpty());  // 01:30 GMT: the day is done
  EXPECT_THAT(sentAt("2026-10-26T01:30:00Z"), ElementsAre("2026-10-25: 1"));
  start(DeliveryMode::kDaily, "23:30");
  EXPECT_EQ(dailyRange(civilDay(TimeZone::find("Europe/London")->toCivil(*parseInstant("2026-10-25T23:30:00Z"))), {}).day, "2026-10-24");
  EXPECT_EQ(dailyRange(civilDay(TimeZone::find("Europe/London")->toCivil(*parseInstant("2026-03-29T23:10:00Z"))), {}).day, "2026-03-29");
}

TEST_F(LaneTest, OneNhsNumberForTwoPatientsLeavesTheSecondOut) {
  clock_.set(*parseInstant("2026-11-02T12:00:00Z"));
  start(DeliveryMode::kContinuous);
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-10-10"}));
  give("2", patient("p2", "9990000018", "2026-10-01", {"2026-10-10"}));
  give("3", patient("p3", "9990000026", "2026-10-01", {"2026-10-10"}));
  EXPECT_THAT(sentAt("2026-11-02T12:00:00Z"), ElementsAre("2026-11-02: 8"));
  for (const auto& [table, key] : {std::pair<const char*, const char*>{"CYP001", "p2"}, {"CYP201", "p2-2026-10-10"}}) {
    EXPECT_EQ(delivery(table, key).state, store::RowState::kRejected) << table;
    EXPECT_EQ(delivery(table, key).rule, "L0472");
    EXPECT_THAT(delivery(table, key).reason, HasSubstr("left out before sending"));
  }
  EXPECT_EQ(delivery("CYP201", "p3-2026-10-10").state, store::RowState::kAccepted);
  EXPECT_EQ(store_->reconcile()->unaccounted, 0U);
  // Corrected at the source, it goes by itself.
  give("2", patient("p2", "9990000034", "2026-10-01", {"2026-10-10"}));
  EXPECT_THAT(sentAt("2026-11-02T12:00:01Z"), SizeIs(1));
  EXPECT_EQ(delivery("CYP001", "p2").state, store::RowState::kAccepted);
}

// A flow of changes may hold any tables: only a whole month needs its mandatory ones.
TEST_F(LaneTest, AFileOfChangesNeedsNoMandatoryTable) {
  clock_.set(*parseInstant("2026-11-02T12:00:00Z"));
  start(DeliveryMode::kContinuous);
  give("1", patient("p1", "9990000018", "2026-10-01", {}));
  EXPECT_THAT(sentAt("2026-11-02T12:00:00Z"), ElementsAre("2026-11-02: 3"));
  give("1", patient("p1", "9990000018", "2026-10-01", {"2026-11-02"}));
  EXPECT_THAT(sentAt("2026-11-02T12:00:01Z"), ElementsAre("2026-11-02: 1"));
}

// A file stays while its outcome is open, and keep_days longer; then it goes, and the audit says so.
TEST_F(LaneTest, FilesThatWereSentAreDeletedWhenTheirDaysAreOver) {
  const auto inOutbox = [&] {
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(folder_ / "outbox")) ++files;
    return files;
  };
  const auto audited = [&] {
    std::size_t deletes = 0;
    const auto audit = store_->readAudit(0, 100);
    for (const auto& one : *audit) deletes += one.entry.action == "delete-sent-file";
    return deletes;
  };
  clock_.set(*parseInstant("2026-11-02T12:00:00Z"));
  start(DeliveryMode::kContinuous);
  give("1", patient("p1", "9990000018", "2026-10-01", {}));
  EXPECT_THAT(sentAt("2026-11-02T12:00:00Z"), SizeIs(1));
  const std::string kept = store_->submission(1)->value().file_path;
  EXPECT_TRUE(std::filesystem::exists(kept));
  std::ofstream(folder_ / "outbox" / ("." + std::filesystem::path(kept).filename().string() + ".part")) << "half";  // of a crash
  std::ofstream(folder_ / "outbox" / "notes.txt") << "a person's";
  EXPECT_THAT(sentAt("2026-12-02T11:59:00Z"), IsEmpty());
  EXPECT_EQ(inOutbox(), 3U);
  // A gateway that died between the record and the file: the file goes all the same, without a second record.
  EXPECT_THAT(sentAt("2026-12-02T13:00:00Z"), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(kept));
  EXPECT_EQ(inOutbox(), 1U) << "the person's file";
  EXPECT_EQ(store_->submission(1)->value().file_path, "");
  EXPECT_EQ(audited(), 1U);
  std::ofstream(kept) << "what was sent";
  EXPECT_THAT(sentAt("2026-12-02T15:00:00Z"), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(kept));
  EXPECT_EQ(audited(), 1U);
  // One that has failed waits for a person.
  give("2", patient("p2", "9990000026", "2026-10-01", {}));
  std::filesystem::remove_all(folder_ / "out");
  std::ofstream(folder_ / "out") << "a file in the place of the folder";
  clock_.set(*parseInstant("2026-12-02T16:00:00Z"));
  for (int i = 0; i < 5; ++i) (void)lane_->step();
  store::SubmissionUpdate failed;
  failed.state = store::SubmissionState::kFailed;
  ASSERT_TRUE(store_->markSubmission(2, failed));
  clock_.set(*parseInstant("2027-12-02T16:00:00Z"));
  (void)lane_->step();
  EXPECT_TRUE(std::filesystem::exists(store_->submission(2)->value().file_path));
}

TEST_F(LaneTest, NoDaysToKeepDeletesAFileAtOnce) {
  clock_.set(*parseInstant("2026-11-02T12:00:00Z"));
  start(DeliveryMode::kContinuous, "02:00", {}, 0);
  give("1", patient("p1", "9990000018", "2026-10-01", {}));
  EXPECT_THAT(sentAt("2026-11-02T12:00:00Z"), SizeIs(1));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "outbox"));
  EXPECT_EQ(delivery("CYP001", "p1").state, store::RowState::kAccepted);
}

TEST_F(LaneTest, TheFileOfAMonthIsWrittenWithoutSendingIt) {
  clock_.set(*parseInstant("2026-10-05T08:00:00Z"));
  start(DeliveryMode::kMonthly);
  give("1", patient("p1", "9990000018", "2026-09-20", {"2026-09-21", "2026-10-01"}));
  DestinationConfig config;
  config.name = "out";
  config.format = deliver::FileForm::kNdjson;
  std::filesystem::create_directories(folder_ / "dry");
  const auto file = writeMonthFile(*store_, csds(), config, "2026-09", clock_.now(), "2026-10-05T09:00:00", folder_ / "dry");
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->rows, 4U);
  EXPECT_THAT(file->faults, IsEmpty());
  std::ifstream in(file->file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(text, AllOf(HasSubstr("2026-09-21"), HasSubstr("\"RP_EndDate\":\"2026-09-30\""), testing::Not(HasSubstr("2026-10-01"))));
  EXPECT_THAT(sentAt("2026-10-05T08:00:00Z"), IsEmpty());
  EXPECT_EQ(delivery("CYP001", "p1").state, store::RowState::kPending);
}

}  // namespace
}  // namespace tributary::pipeline
