// From the journal to the ledger with the shipped collection: subjects of the provider, their rows, and keys that two want.
#include "pipeline/worker.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "fhir/json_reader.h"
#include "ingest/intake.h"
#include "store/sqlite/sqlite_store.h"
#include "terminology/terminology.h"

namespace tributary::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::filesystem::path cache() {
  const char* const set = std::getenv("TRIBUTARY_CACHE");
  return set != nullptr && *set != '\0' ? std::filesystem::path(set) : std::filesystem::path(TRIBUTARY_SOURCE_DIR) / ".cache";
}

// Small resources of a community provider.
std::string practitioner(const std::string& id, const std::string& staff_id, const std::string& registration = "PH01234E") {
  return R"({"resourceType":"Practitioner","id":")" + id +
         R"(","identifier":[{"system":"https://tributary.health/fhir/Id/care-professional-identifier","value":")" + staff_id +
         R"("}],"qualification":[{"identifier":[{"value":")" + registration +
         R"("}],"code":{"coding":[{"system":"https://tributary.health/fhir/CodeSystem/csds-professional-registration-body-code","code":"09"}]}}]})";
}

std::string role(const std::string& id, const std::string& practitioner, const std::string& group) {
  return R"({"resourceType":"PractitionerRole","id":")" + id + R"(","practitioner":{"reference":"Practitioner/)" + practitioner +
         R"("},"organization":{"reference":"Organization/o"},"code":[{"coding":[{"system":)"
         R"("https://tributary.health/fhir/CodeSystem/csds-care-professional-staff-group-community-care","code":")" + group + R"("}]}]})";
}

std::string groupSession(const std::string& id, const std::string& practitioner, int participants) {
  return R"({"resourceType":"Encounter","id":")" + id +
         R"(","extension":[{"url":"https://tributary.health/fhir/StructureDefinition/group-session","extension":[{"url":"participants","valueInteger":)" +
         std::to_string(participants) + R"(}]}],"status":"finished","class":{"code":"AMB"},"period":{"start":"2026-11-02T10:00:00Z"},)" +
         R"("participant":[{"individual":{"reference":"Practitioner/)" + practitioner + R"("}}]})";
}

std::string selfAssessment(const std::string& id, int score) {
  return R"({"resourceType":"Observation","id":")" + id +
         R"(","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"survey"}]}],)"
         R"("code":{"coding":[{"system":"http://snomed.info/sct","code":"1036651000000102"}]},"effectiveDateTime":"2026-11-02","valueInteger":)" +
         std::to_string(score) + "}";
}

std::string patient(const std::string& id, const std::string& local_id, const std::string& practice = "gp") {
  return R"({"resourceType":"Patient","id":")" + id +
         R"(","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"},)"
         R"({"system":"https://tributary.health/fhir/Id/local-patient-identifier","value":")" + local_id +
         R"("}],"gender":"female","birthDate":"1950-02-01","generalPractitioner":[{"reference":"Organization/)" + practice + R"("}]})";
}

std::string practice(const std::string& id = "gp", const std::string& code = "A99910") {
  return R"({"resourceType":"Organization","id":")" + id +
         R"(","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":")" + code + R"("}]})";
}

class WorkerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!std::filesystem::exists(cache() / "definitions.bin")) return;
    definitions_ = *terminology::Definitions::open(cache() / "definitions.bin");
    const auto folder = std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "fhir-mappings/csds/1.6";
    std::vector<Issue> issues;
    collection_ = *collection::Collection::load(
        folder, definitions_, *terminology::Terminology::load(definitions_, *collection::Collection::terminologyFolders(folder)),
        {{{"provider", "RZZ"}, {"commissioner", "99Z01"}}}, issues);
  }

  void SetUp() override {
    if (!definitions_) GTEST_SKIP() << "no compiled definitions in .cache (deploy/install makes them)";
    std::string pattern = (std::filesystem::temp_directory_path() / "worker-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    store::SqliteOptions options;
    options.path = directory_ / "store.db";
    options.clock = &clock_;
    store_ = *store::openSqliteStore(options);
    const std::vector<store::Destination> destinations{{"national", std::string(collection_->id())}};
    ASSERT_TRUE(store_->setDestinations(destinations));
    std::vector<ingest::ProviderSubject> provider;
    for (const collection::ProviderResource& one : collection_->providerResources()) provider.push_back({one.type, one.with});
    compartments_ = *ingest::CompartmentIndex::load(*definitions_, "Patient", provider);
    worker_ = std::make_unique<Worker>(*store_, collection_, compartments_, gate_, clock_, counters_, WorkerOptions{});
  }
  void TearDown() override {
    worker_.reset();
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  ingest::Intake intake(const std::string& source) {
    ingest::IntakeContext context;
    context.store = store_.get();
    context.append = [this](const store::AppendBatch& batch) { return gate_.change([&] { return store_->append(batch); }); };
    context.definitions = definitions_;
    context.compartments = compartments_;
    context.options.wants = [](std::string_view type) { return collection_->uses(type); };
    return ingest::Intake(context, source);
  }
  void take(const std::vector<std::string>& resources, const std::string& source = "epr") {
    ingest::Intake in = intake(source);
    for (const std::string& json : resources) ASSERT_EQ(in.add(json, "test"), 1U) << json;
    ASSERT_TRUE(in.commit());
  }
  void remove(const std::string& type, const std::string& id, const std::string& source = "epr") {
    ingest::Intake in = intake(source);
    in.addDelete(type, id, {});
    ASSERT_TRUE(in.commit());
  }
  // Until nothing is dirty.
  void work() {
    for (;;) {
      const auto took = worker_->runOnce();
      ASSERT_TRUE(took) << took.error().text;
      if (*took == 0) return;
    }
  }
  // Cells of the live rows of a table, joined by commas, in the order of their keys.
  std::vector<std::string> rows(const std::string& table) {
    std::map<std::string, std::string> found;
    store::RowFilter filter;
    filter.collection = collection_->id();
    filter.table = table;
    EXPECT_TRUE(store_->readRows(filter, 0, 1000, [&](const store::LedgerRow& row) {
      if (row.deleted) return true;
      std::string text;
      const auto cells = collection::decodeCells(row.cells);
      for (std::size_t i = 0; cells && i < cells->size(); ++i) text += (i == 0 ? "" : ",") + cells->at(i);
      found[row.key] = text;
      return true;
    }));
    std::vector<std::string> out;
    for (const auto& [key, text] : found) out.push_back(text);
    return out;
  }
  store::Reconciliation reconciled() {
    auto counts = store_->reconcile();
    EXPECT_TRUE(counts);
    EXPECT_EQ(counts->unaccounted, 0U) << testing::PrintToString(counts->differences);
    EXPECT_EQ(counts->dirty_subjects, 0U);
    return *counts;
  }
  std::string outcomeOf(const std::string& type, const std::string& id) {
    std::string found = "delivered";
    EXPECT_TRUE(store_->readOutcomes({}, 0, 1000, [&](const store::OutcomeRecord& record) {
      if (record.type == type && record.resource_id == id) {
        found = std::string(store::outcomeName(record.outcome)) + " " + record.rule;
      }
      return true;
    }));
    return found;
  }

  inline static std::shared_ptr<const terminology::Definitions> definitions_;
  inline static std::shared_ptr<const collection::Collection> collection_;
  std::filesystem::path directory_;
  FakeClock clock_{Instant{Duration{1'800'000'000'000}}};
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<const ingest::CompartmentIndex> compartments_;
  SharedGate gate_;
  WorkerCounters counters_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, StaffAreARowEachFromPractitionerAndRole) {
  take({practitioner("p", "W1"), role("r", "p", "M03"), practitioner("q", "W2")});
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W1,09,PH01234E,M03,,", "W2,09,PH01234E,,,"));
  EXPECT_EQ(reconciled().sources.at("epr").delivered, 3U);
  // Changes of either travel; a role that is deleted takes its cell with it.
  take({practitioner("p", "W1", "PH99999E"), role("r", "p", "M02")});
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W1,09,PH99999E,M02,,", "W2,09,PH01234E,,,"));
  remove("PractitionerRole", "r");
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W1,09,PH99999E,,,", "W2,09,PH01234E,,,"));
  remove("Practitioner", "p");
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W2,09,PH01234E,,,"));
  EXPECT_EQ(reconciled().sources.at("epr").deleted, 2U);
}

TEST_F(WorkerTest, ARoleThatComesFirstWaitsForItsPractitioner) {
  take({role("r", "p", "M03")});
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), IsEmpty());
  EXPECT_EQ(outcomeOf("PractitionerRole", "r"), "filtered fill-without-row");
  take({practitioner("p", "W1")});
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W1,09,PH01234E,M03,,"));
  EXPECT_EQ(outcomeOf("PractitionerRole", "r"), "delivered");
  // It moves to somebody else.
  take({practitioner("q", "W2"), role("r", "q", "M03")});
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W1,09,PH01234E,,,", "W2,09,PH01234E,M03,,"));
}

TEST_F(WorkerTest, SharedResourcesAreDeliveredWhereARowIsMadeWithThem) {
  take({practitioner("p", "W1"), role("r", "p", "M03"), R"({"resourceType":"Organization","id":"o"})", practice(),
        groupSession("g", "p", 5)});
  work();
  EXPECT_EQ(outcomeOf("Organization", "o"), "filtered shared-not-used");  // the role names it, no cell comes from it
  EXPECT_EQ(outcomeOf("Organization", "gp"), "filtered shared-not-used");
  take({patient("a", "P1")});
  work();
  EXPECT_EQ(outcomeOf("Organization", "gp"), "delivered");
  reconciled();
}

TEST_F(WorkerTest, GroupSessionsAndAnonymousAssessmentsFollowChangesAndDeletes) {
  take({practitioner("p", "W1"), groupSession("g", "p", 5), groupSession("h", "p", 7), selfAssessment("s", 30)});
  work();
  EXPECT_EQ(rows("CYP301GroupSession").size(), 2U);
  ASSERT_EQ(rows("CYP613AnonSelfAssessment").size(), 1U);
  take({groupSession("g", "p", 6), selfAssessment("s", 31)});
  remove("Encounter", "h");
  // The session names its staff by the identifier, which changes as well.
  take({practitioner("p", "W9")});
  work();
  ASSERT_EQ(rows("CYP301GroupSession").size(), 1U);
  EXPECT_THAT(rows("CYP301GroupSession")[0], HasSubstr(",6,"));
  EXPECT_THAT(rows("CYP301GroupSession")[0], HasSubstr("W9"));
  ASSERT_EQ(rows("CYP613AnonSelfAssessment").size(), 1U);
  EXPECT_THAT(rows("CYP613AnonSelfAssessment")[0], HasSubstr("31"));
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W9,09,PH01234E,,,"));
  remove("Observation", "s");
  remove("Encounter", "g");
  work();
  EXPECT_THAT(rows("CYP301GroupSession"), IsEmpty());
  EXPECT_THAT(rows("CYP613AnonSelfAssessment"), IsEmpty());
  EXPECT_EQ(reconciled().sources.at("epr").deleted, 3U);
}

TEST_F(WorkerTest, AnonymousAssessmentsThatAreAlikeAreARowEach) {
  take({selfAssessment("s", 30), selfAssessment("t", 30)});
  work();
  EXPECT_EQ(rows("CYP613AnonSelfAssessment").size(), 2U);
  remove("Observation", "s");
  work();
  EXPECT_EQ(rows("CYP613AnonSelfAssessment").size(), 1U);
  EXPECT_EQ(reconciled().quarantined_rows, 0U);
}

TEST_F(WorkerTest, TheSecondHolderOfAStaffIdentifierTakesItsPlaceWhenTheFirstGoes) {
  take({practitioner("p", "W1", "PH11111E")});
  work();
  take({practitioner("p", "W1", "PH22222E")}, "ward");
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W1,09,PH11111E,,,"));
  EXPECT_EQ(outcomeOf("Practitioner", "p"), "quarantined ledger-duplicate-key");
  EXPECT_EQ(reconciled().quarantined_by_rule.at("ledger-duplicate-key"), 1U);
  remove("Practitioner", "p");
  work();
  EXPECT_THAT(rows("CYP901StaffDetails"), ElementsAre("W1,09,PH22222E,,,"));
  EXPECT_EQ(reconciled().quarantined_rows, 0U);
}

// Two patients of two sources under one local identifier: what hangs on the second must not go to the first.
TEST_F(WorkerTest, NothingOfThePatientWhoseKeyAnotherHoldsTravels) {
  take({practice(), patient("a", "P1")});
  take({practice("other", "A99911"), patient("b", "P1", "other")}, "ward");
  work();
  EXPECT_EQ(rows("CYP001MPI").size(), 1U);
  ASSERT_EQ(rows("CYP002GP").size(), 1U);
  EXPECT_THAT(rows("CYP002GP")[0], HasSubstr("A99910"));
  const store::Reconciliation counts = reconciled();
  EXPECT_EQ(counts.quarantined_by_rule.at("ledger-duplicate-key"), 1U);
  EXPECT_EQ(counts.quarantined_by_rule.at("parent-quarantined"), 1U);
  EXPECT_EQ(counts.sources.at("ward").quarantined, 1U);
  remove("Patient", "a");
  work();
  EXPECT_EQ(rows("CYP001MPI").size(), 1U);
  ASSERT_EQ(rows("CYP002GP").size(), 1U);
  EXPECT_THAT(rows("CYP002GP")[0], HasSubstr("A99911"));
  EXPECT_EQ(reconciled().quarantined_rows, 0U);
  EXPECT_EQ(reconciled().sources.at("ward").quarantined, 0U);
}

}  // namespace
}  // namespace tributary::pipeline
