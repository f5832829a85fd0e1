// Aggregates: the calendar, the moment, and what is told. The counts themselves are mapping tests beside the collection.
#include "collection/aggregate.h"

#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "base/hash.h"
#include "collection/mapping_test.h"
#include "collection/workbench.h"
#include "tests/collection/support.h"

namespace tributary::collection::test {
namespace {

std::filesystem::path wardsFolder() { return std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "fhir-mappings/virtual-wards/0.1"; }

std::shared_ptr<const Collection> wards(const std::map<std::string, std::string>& more = {}) {
  std::vector<Issue> issues;
  LoadOptions options = *mappingTestSettings(wardsFolder() / "tests");
  for (const auto& [name, value] : more) options.settings[name] = value;
  auto loaded = loadFolder(wardsFolder(), issues, std::move(options));
  EXPECT_TRUE(loaded) << loaded.error().text;
  return loaded ? *loaded : nullptr;
}

TEST(Aggregate, OccasionsFollowTheCalendar) {
  REQUIRE_CSDS();
  const auto collection = wards();
  const auto first = occasionOn(*collection, 0, "2022-04-14");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->number, 1);
  EXPECT_EQ(first->at, "2022-04-14T08:00:00");
  EXPECT_EQ(first->period_start, "2022-04-01");
  EXPECT_EQ(first->period_end, "2022-04-14");
  EXPECT_FALSE(occasionOn(*collection, 0, "2022-04-13"));
  EXPECT_FALSE(occasionOn(*collection, 0, "yesterday"));
  // The one published example: census on 15 February 2024, submission on the 23rd.
  const auto published = occasionOn(*collection, 0, "2024-02-23");
  ASSERT_TRUE(published);
  EXPECT_EQ(published->at, "2024-02-15T08:00:00");
  EXPECT_EQ(published->closes, "2024-02-23T23:59:59");
  EXPECT_EQ(occasionOn(*collection, 0, "2026-12-02")->day, "2026-11-19");
  EXPECT_EQ(occasionOn(*collection, 0, "2026-12-03")->day, "2026-12-03");
}

TEST(Aggregate, AnOccasionIsOpenFromItsOpeningToItsClosing) {
  REQUIRE_CSDS();
  const auto collection = wards();
  const auto dayAt = [&](const char* civil) {
    const auto open = openOccasion(*collection, 0, civil);
    return open ? open->day : std::string();
  };
  EXPECT_EQ(dayAt("2026-11-19T23:59:59"), "");
  EXPECT_EQ(dayAt("2026-11-20T00:00:00"), "2026-11-19");
  EXPECT_EQ(dayAt("2026-11-27T23:59:59"), "2026-11-19");
  EXPECT_EQ(dayAt("2026-11-28T00:00:00"), "");
  EXPECT_EQ(dayAt("2022-04-14T12:00:00"), "");
  EXPECT_EQ(dayAt("2022-04-15T00:00:00"), "2022-04-14");
}

// Cells of a row by name.
std::vector<std::string> cellsOf(const Collection& collection, std::string_view table, const std::map<std::string, std::string>& given) {
  std::vector<std::string> out;
  for (const Field& field : collection.tables()[*collection.findTable(table)].fields) {
    const auto found = given.find(field.name);
    out.push_back(found == given.end() ? "" : found->second);
  }
  return out;
}

TEST(Aggregate, BoundsOfTheMoment) {
  REQUIRE_CSDS();
  const auto collection = wards();
  struct Case {
    const char *start, *end;
    bool counts;
  };
  const Case cases[] = {
      {"2026-11-19T08:00:00", "", true},  {"2026-11-19T08:00:01", "", false}, {"2026-11-18T08:00:00", "2026-11-19T08:00:00", false},
      {"2026-11-18T08:00:00", "2026-11-19T08:00:01", true},                   {"2026-11-19T08:00:00", "2026-11-19T08:00:00", false},
      {"2026-11-19", "", true},           {"2026-11-20", "", false},          {"2026-11-01", "2026-11-19", true},
      {"2026-11-01", "2026-11-18", false}, {"", "", true},
  };
  for (const Case& one : cases) {
    Aggregation aggregation(collection, 0, *occasionOn(*collection, 0, "2026-11-19"));
    // The parent comes last: the order is free.
    aggregation.add(*collection->findTable("VWD021"),
                    cellsOf(*collection, "VWD021", {{"Stay_ID", "V1"}, {"Ward_ID", "W1"}, {"LocalPatientID", "L1"}, {"Start_DateTime", one.start}, {"End_DateTime", one.end}}), true);
    aggregation.add(*collection->findTable("VWD001"), cellsOf(*collection, "VWD001", {{"Ward_ID", "W1"}, {"Ward_Type", "virtual-ward"}, {"Pathway", "ari"}}), true);
    const auto result = aggregation.finish();
    EXPECT_EQ(result.rows.size(), one.counts ? 1U : 0U) << one.start << " to " << one.end;
    EXPECT_TRUE(result.notes.empty());
    if (!one.counts || result.rows.empty()) continue;
    EXPECT_EQ(result.rows[0].key, "2026-11-19T00:00:00|RZZ|virtual-ward|ari");
    EXPECT_EQ(result.rows[0].cells[12], "0") << "no capacity is known";
    EXPECT_EQ(result.rows[0].cells[13], "1");
    ASSERT_EQ(result.rows[0].issues.size(), 1U) << "one patient, no bed";
    EXPECT_EQ(result.rows[0].issues[0].severity, Severity::kWarning);
    EXPECT_TRUE(result.rows[0].good);
  }
}

TEST(Aggregate, WhatIsNotCountedIsTold) {
  REQUIRE_CSDS();
  const auto collection = wards();
  Aggregation aggregation(collection, 0, *occasionOn(*collection, 0, "2026-11-19"));
  const auto ward_stay = [&](const char* ward, const char* start) {
    return cellsOf(*collection, "VWD021", {{"Stay_ID", "V"}, {"Ward_ID", ward}, {"LocalPatientID", "L"}, {"Start_DateTime", start}});
  };
  const std::uint16_t table = *collection->findTable("VWD021");
  aggregation.add(table, ward_stay("W1", "2026-11-18T08:00:00"), false);
  aggregation.add(table, ward_stay("W1", "2026-11"), false);               // no date at all: it may have been there
  aggregation.add(table, ward_stay("W1", "2026-11-20T08:00:00"), false);   // after the moment: nobody misses it
  aggregation.add(table, ward_stay("W9", "2026-11-18T08:00:00"), true);    // its ward is not held
  const auto result = aggregation.finish();
  EXPECT_TRUE(result.rows.empty());
  ASSERT_EQ(result.notes.size(), 2U);
  EXPECT_EQ(result.notes[0].rule, "aggregate-quarantined");
  EXPECT_TRUE(result.notes[0].text.starts_with("2 rows of VWD021WardStay")) << result.notes[0].text;
  EXPECT_EQ(result.notes[1].rule, "aggregate-parent-missing");
  EXPECT_TRUE(result.notes[1].text.starts_with("1 row of VWD021WardStay")) << result.notes[1].text;
}

TEST(Aggregate, EachCellSaysWhereItComesFrom) {
  REQUIRE_CSDS();
  const auto collection = wards();
  const std::uint16_t table = *collection->findTable("VWS001Sitrep");
  const auto origin = [&](std::string_view name) {
    const auto& fields = collection->tables()[table].fields;
    const auto at = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
    return aggregateOrigin(*collection, table, static_cast<std::size_t>(at - fields.begin()));
  };
  EXPECT_EQ(origin("Submission"), "the number of the count in the calendar");
  EXPECT_EQ(origin("Period_End"), "the last day of the period");
  EXPECT_EQ(origin("organisation_code"), "the setting 'provider'");
  EXPECT_EQ(origin("ward_type"), "VWD001Ward.Ward_Type of the rows that are counted: one row for each value");
  EXPECT_EQ(origin("current_capacity"),
            "the sum of Capacity over the rows of VWD002WardCapacity that hold the moment of the count (from Capacity_StartDate up to Capacity_EndDate)");
  EXPECT_EQ(origin("total_number_of_patients_on_ward"),
            "the number of different LocalPatientID in the rows of VWD021WardStay that hold the moment of the count (from Start_DateTime up to End_DateTime)");
  EXPECT_EQ(aggregateOrigin(*collection, *collection->findTable("VWD001Ward"), 0), "");
}

// NHS England's draft of April 2023: a Bundle with URNs, class HH, no type of ours, no ward, observations without encounter.
TEST(VirtualWards, TheDraftBundleIsReadWhereEveryHomeEncounterIsAStay) {
  REQUIRE_CSDS();
  const std::string bundle = R"({"resourceType":"Bundle","type":"collection","entry":[
    {"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Patient","id":"p","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"birthDate":"1950-02-01"}},
    {"fullUrl":"urn:uuid:22222222-2222-4222-8222-222222222222","resource":{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RZX"}]}},
    {"fullUrl":"urn:uuid:33333333-3333-4333-8333-333333333333","resource":{"resourceType":"Encounter","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HH"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"270420001"}]}],"subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"},"period":{"start":"2026-11-10T09:00:00Z","end":"2026-11-12T09:00:00Z"},"serviceProvider":{"reference":"urn:uuid:22222222-2222-4222-8222-222222222222"}}},
    {"fullUrl":"urn:uuid:44444444-4444-4444-8444-444444444444","resource":{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"survey"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"1104051000000101"}]},"subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"},"effectiveDateTime":"2026-11-11T09:00:00Z","valueInteger":3}}]})";
  for (const auto& [stays, rows] : std::map<std::string, std::size_t>{{"class", 3}, {"marked", 0}}) {
    const auto collection = wards({{"stays", stays}});
    Workbench bench(collection);
    bench.addText(bundle, "draft.json");
    std::map<std::string, std::vector<std::string>> seen;
    const auto totals = bench.project([&](const std::string&, std::span<const BenchResource* const>, const Projection& projection) {
      for (const Row& row : projection.rows) {
        EXPECT_EQ(row.state, RowState::kOk);
        seen[collection->tables()[row.table].code] = {row.cells.begin(), row.cells.end()};
      }
    });
    ASSERT_TRUE(totals);
    EXPECT_EQ(totals->unaccounted, 0U);
    EXPECT_EQ(seen.size(), rows) << stays;
    if (rows == 0) continue;
    EXPECT_EQ(seen["VWD010"][0], "p");
    EXPECT_EQ(seen["VWD020"][4], "2026-11-10T09:00:00");
    EXPECT_EQ(seen["VWD020"][12], "RZX");
    EXPECT_EQ(seen["VWD031"][4], "3");
  }
}

TEST(VirtualWards, TheHeaderSaysThatTheModelIsAssumed) {
  REQUIRE_CSDS();
  const auto collection = wards();
  EXPECT_NE(collection->title().find("ASSUMED"), std::string_view::npos);
  const HeaderRow header = collection->header({"2026-11-01", "2026-11-30", "2026-12-01T02:00:00"});
  EXPECT_TRUE(header.issues.empty());
  EXPECT_EQ(header.cells[1], "ASSUMED");
  EXPECT_FALSE(collection->header({"2026-11-30", "2026-11-01", "2026-12-01T02:00:00"}).issues.empty());
}

class SpoiltWards : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_CSDS();
    root_ = std::filesystem::temp_directory_path() / ("tributary-wards-" + randomUuid());
    const auto repository = std::filesystem::path(TRIBUTARY_SOURCE_DIR);
    for (const char* part : {"fhir-mappings/virtual-wards/0.1", "profiles/virtual-wards/0.1"}) {
      std::filesystem::create_directories((root_ / part).parent_path());
      std::filesystem::copy(repository / part, root_ / part, std::filesystem::copy_options::recursive);
    }
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  // The faults after one change of collection.json.
  std::string spoil(const std::string& from, const std::string& to) {
    const auto folder = root_ / "fhir-mappings/virtual-wards/0.1";
    const std::string whole = *readFile(wardsFolder() / "collection.json");
    std::string text = whole;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(folder / "collection.json", std::ios::binary) << text;
    std::vector<Issue> issues;
    const auto loaded = loadFolder(folder, issues, {{{"provider", "RZZ"}}});
    std::string out;
    for (const Issue& issue : issues) {
      EXPECT_FALSE(issue.remedy.empty()) << issue.text;
      EXPECT_NE(issue.line, 0U) << issue.text;
      out += issue.text + "\n";
    }
    EXPECT_EQ(loaded.has_value(), out.empty());
    return out;
  }
  std::filesystem::path root_;
};

TEST_F(SpoiltWards, FaultsOfAnAggregateAreNamed) {
  const auto says = [&](const char* from, const char* to, const char* text) {
    const std::string faults = spoil(from, to);
    EXPECT_NE(faults.find(text), std::string::npos) << to << ": " << faults;
  };
  says("\"first\": \"2022-04-14\"", "\"first\": \"soon\"", "the calendar has no first day");
  says("\"every\": 14", "\"every\": 0", "the calendar has no first day");
  says("\"at\": \"08:00:00\"", "\"at\": \"8 am\"", "this is no time of day");
  says("\"day\": 8", "\"day\": 15", "two occasions would be open at once");
  says("\"of\": \"Capacity\"", "\"of\": \"Beds\"", "'Beds' is no field of VWD002WardCapacity");
  says("VWD001Ward.Pathway", "VWD010Patient.Pathway", "'VWD010Patient.Pathway' is no field of");
  says("\"distinct\"", "\"unique\"", "the tally does not say what it does");
  says("\"occasion\": \"number\"", "\"occasion\": \"count\"", "the cell has no origin");
  says("\"setting\": \"icb_name\"", "\"setting\": \"icb\"", "there is no setting 'icb'");
  says("\"aggregates\"", "\"aggregate\"", "nothing says how VWS001Sitrep is counted");
  says("\"scope\": \"aggregate\"", "\"scope\": \"national\"", "the scope of the table is not known");
}

}  // namespace
}  // namespace tributary::collection::test
