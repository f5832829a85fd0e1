// What explain, coverage and compare are made of: why a cell has its value or none, and what a change would change.
#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "base/hash.h"
#include "collection/cell_watch.h"
#include "collection/codes.h"
#include "collection/compare.h"
#include "collection/coverage.h"
#include "collection/lineage.h"
#include "collection/mapping_files.h"
#include "collection/mapping_test.h"
#include "collection/workbench.h"
#include "tests/collection/support.h"
#include "views/view.h"

namespace tributary::collection::test {
namespace {

// "part: path = what is there" of every stop, and "code → target" of every translation, of the first row of a table.
std::vector<std::string> story(const std::string& cell, const std::vector<std::string>& subject,
                               const std::vector<std::string>& shared = {team()}) {
  const std::size_t dot = cell.find('.');
  CellWatch watch;
  watch.table = *csds()->findTable(cell.substr(0, dot));
  const auto& fields = csds()->tables()[watch.table].fields;
  for (std::uint16_t f = 0; f < fields.size(); ++f) {
    if (fields[f].name == cell.substr(dot + 1)) watch.field = f;
  }
  EXPECT_NE(watch.field, CellWatch::kNone) << cell;
  std::vector<std::string> out;
  watch.on_row = [&](const Row&, std::span<const Attempt> attempts) {
    for (const Attempt& attempt : attempts) {
      for (const Translated& one : attempt.translated)
        out.push_back(one.code + " → " + one.target + (one.by_default ? " (default)" : ""));
      for (const Stop& stop : attempt.stops) {
        std::string text = stop.part;
        for (const SeenElement& had : stop.had) text += "; " + elementPath(*had.document, had.node);
        out.push_back(text + (stop.nothing_set ? " (not set)" : ""));
      }
      if (!attempt.value.empty()) out.push_back("= " + attempt.value);
    }
  };
  ProjectOptions options;
  options.watch = &watch;
  project(subject, shared, options);
  return out;
}

using List = std::vector<std::string>;
constexpr const char* kBased =
    R"(,"basedOn":[{"reference":"ServiceRequest/r"}],"period":{"start":"2026-10-05T10:00:00+01:00"})";

TEST(CellWatch, SaysWhatIsMissing) {
  REQUIRE_CSDS();
  const List got = story("CYP201.Consultation_Type", {patient(), referral(), contact()});
  EXPECT_EQ(got, List{"type"});
}

TEST(CellWatch, SaysWhichCodingsDidNotFit) {
  REQUIRE_CSDS();
  const List got = story("CYP201.Consultation_Type",
                         {patient(), referral(),
                          contact(std::string(kBased) + R"(,"type":[{"coding":[{"system":"http://snomed.info/sct","code":"1"}]}])")});
  EXPECT_EQ(got, List{"where(system = %consultationType); Encounter.type[0].coding[0]"});
}

TEST(CellWatch, SaysWhichTranslationGaveTheValue) {
  REQUIRE_CSDS();
  const List got = story("CYP201.AttendanceStatus", {patient(), referral(), contact()});
  EXPECT_EQ(got, (List{"finished → 5", "= 5"}));
}

TEST(CellWatch, SaysThatAMapHasNoEntryAndThatASettingIsNotSet) {
  REQUIRE_CSDS();
  const List status = story("CYP201.AttendanceStatus",
                            {patient(), referral(), [] {
                               std::string text = contact(kBased);
                               return text.replace(text.find("finished"), 8, "unknown");
                             }()});
  ASSERT_FALSE(status.empty());
  EXPECT_EQ(status.front(), "unknown → ");
  EXPECT_NE(std::find(status.begin(), status.end(), "translate(%mapEncounterStatus); Encounter.status"), status.end());
}

TEST(CellWatch, SaysThatAReferenceLeadsNowhere) {
  REQUIRE_CSDS();
  const List got = story("CYP201.Treatment_OrgSiteID",
                         {patient(), referral(),
                          contact(std::string(kBased) + R"(,"location":[{"location":{"reference":"Location/gone"}}])")});
  EXPECT_EQ(got, List{"resolve(); Encounter.location[0].location"});
}

TEST(CellWatch, FollowsTheBranchThatWasTaken) {
  REQUIRE_CSDS();
  const List got = story("CYP201.TeamID_Local", {patient(), referral(), contact()});
  EXPECT_EQ(got, List{"episodeOfCare"});
}

TEST(Coverage, CountsCellsCodesAndProblemsBySource) {
  REQUIRE_CSDS();
  Coverage coverage(csds());
  Workbench bench(csds());
  bench.addText(patient(), "p");
  bench.addText(referral(), "r");
  bench.addText(team(), "t");
  bench.addText(contact(std::string(kBased) + R"(,"type":[{"coding":[{"system":"http://snomed.info/sct","code":"77"}]}])"), "c");
  ProjectOptions options;
  options.watch = &coverage.watch();
  ASSERT_TRUE(bench.project(
      [&](const std::string&, std::span<const BenchResource* const>, const Projection& projection) {
        coverage.add(projection, [](const Row&) { return std::string("epr"); });
      },
      options));
  const auto table = *csds()->findTable("CYP201");
  const auto& fields = csds()->tables()[table].fields;
  const auto field = [&](std::string_view name) -> const FieldCoverage& {
    for (std::size_t f = 0; f < fields.size(); ++f) {
      if (fields[f].name == name) return coverage.tables()[table].fields[f];
    }
    throw std::runtime_error("no field");
  };
  EXPECT_EQ(field("Contact_Date").all.filled, 1U);
  EXPECT_EQ(field("Contact_Date").by.at("epr").filled, 1U);
  EXPECT_EQ(field("Consultation_Type").all.empty, 1U);
  EXPECT_EQ(field("Consultation_Type").codes, (std::map<std::string, std::uint64_t>{{"http://snomed.info/sct|77", 1}}));
  EXPECT_TRUE(field("Contact_Date").codes.empty());
  // The header is filled by settings; what the data set does not take is not counted.
  EXPECT_EQ(coverage.tables()[0].fields[0].all.filled, 1U);
  EXPECT_EQ(coverage.sentFields(), 227U);
  EXPECT_NE(coverage.json().find(R"("field":"Consultation_Type","mandation":"required")"), std::string::npos);
  EXPECT_NE(coverage.json().find(R"("sent":false,"reason":"removed in this version: never sent")"), std::string::npos);
}

// A copy of the mappings to change.
class Changed : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_CSDS();
    root_ = std::filesystem::temp_directory_path() / ("tributary-compare-" + randomUuid());
    std::filesystem::create_directories(root_ / "fhir-mappings/csds");
    std::filesystem::copy(csdsFolder(), folder(), std::filesystem::copy_options::recursive);
    std::filesystem::create_directory_symlink(std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "profiles", root_ / "profiles");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path folder() const { return root_ / "fhir-mappings/csds/1.6"; }
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    std::string text = *readFile(folder() / file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(folder() / file, std::ios::binary) << text;
  }
  Comparison compare() {
    std::vector<Issue> issues;
    const auto other = loadFolder(folder(), issues, *mappingTestSettings(csdsFolder() / "tests"));
    EXPECT_TRUE(other) << (other ? "" : other.error().text);
    Comparison out(csds(), *other, 2);
    Workbench bench(csds());
    for (const std::string& text : {patient(), referral(), contact(), activity(), team()}) bench.addText(text, "x");
    Projector before(csds()), after(*other);
    EXPECT_TRUE(bench.each([&](const BenchSubject& subject) -> Result<void> {
      ProjectOptions options;
      options.scope = subject.scope;
      TRY_ASSIGN(const Projection a, before.project(subject.inputs, subject.shared, options));
      TRY_ASSIGN(const Projection b, after.project(subject.inputs, subject.shared, options));
      out.add(a, b);
      return {};
    }));
    return out;
  }

  std::filesystem::path root_;
};

TEST_F(Changed, NothingWhereNothingChanged) { EXPECT_TRUE(compare().same()); }

TEST_F(Changed, OneEntryOfAConceptMap) {
  replace("maps/encounter-status.json", R"("code": "5")", R"("code": "7")");
  const Comparison difference = compare();
  EXPECT_FALSE(difference.same());
  const TableDifference& table = difference.tables().at("CYP201CareContact");
  EXPECT_EQ(table.changed, 1U);
  ASSERT_EQ(table.fields.size(), 1U);
  const FieldDifference& field = table.fields.at("AttendanceStatus");
  EXPECT_EQ(field.changed, 1U);
  EXPECT_EQ(field.examples.front().key, "c1");
  EXPECT_EQ(field.examples.front().before, "5");
  EXPECT_EQ(field.examples.front().after, "7");
}

TEST_F(Changed, OneExpression) {
  // The date first, which the end shares with the start, then the time, which it does not.
  for (int n = 0; n < 2; ++n)
    replace("views/CYP201CareContact.json", R"x("(period.start | appointment.resolve().start).first()")x", R"("period.end")");
  const Comparison difference = compare();
  const auto& fields = difference.tables().at("CYP201CareContact").fields;
  EXPECT_EQ(fields.at("Contact_Time").changed, 1U);
  EXPECT_FALSE(fields.contains("Contact_Date")) << "the date of the end is that of the start";
}

TEST_F(Changed, RowsThatGoAreCountedWithWhatPullsThemDown) {
  replace("views/CYP201CareContact.json", R"x("path": "status.where($this = 'planned').empty()")x", R"x("path": "status.where($this = 'planned').exists()")x");
  const Comparison difference = compare();
  EXPECT_EQ(difference.tables().at("CYP201CareContact").removed, 1U);
  EXPECT_EQ(difference.tables().at("CYP201CareContact").removed_keys, List{"c1"});
  EXPECT_FALSE(difference.issues().empty());  // the activity has lost its contact
}

TEST_F(Changed, ABrokenFileIsRefusedWithFileAndLine) {
  replace("views/CYP201CareContact.json", R"x("(period.start | appointment.resolve().start).first()")x", R"("period.start |")");
  std::vector<Issue> issues;
  EXPECT_FALSE(loadFolder(folder(), issues, *mappingTestSettings(csdsFolder() / "tests")));
  ASSERT_FALSE(issues.empty());
  EXPECT_TRUE(issues.front().path.ends_with("views/CYP201CareContact.json")) << issues.front().path;
  EXPECT_GT(issues.front().line, 1U);
}

TEST(MappingFiles, EntriesHaveTheirLines) {
  const auto maps = readMapFiles(csdsFolder());
  ASSERT_TRUE(maps);
  const auto map = std::find_if(maps->begin(), maps->end(), [](const MapFile& m) { return m.url.ends_with("csds-1.6-appointment-status"); });
  ASSERT_NE(map, maps->end());
  const MapEntry* const entry = map->find("", "noshow");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->target, "3");
  const std::string text = *readFile(map->file);
  std::size_t at = 0;
  for (std::uint32_t line = 1; line < entry->line; ++line) at = text.find('\n', at) + 1;
  EXPECT_NE(text.substr(at, 60).find("\"code\": \"3\""), std::string::npos) << text.substr(at, 60);
  EXPECT_EQ(map->find("", "unheard-of"), nullptr);
}

TEST(MappingFiles, ALocationHasItsLine) {
  EXPECT_GT(lineOf(csdsFolder() / "views/CYP201CareContact.json", "select[0].column[1]"),
            lineOf(csdsFolder() / "views/CYP201CareContact.json", "select[0].column[0]"));
  EXPECT_EQ(lineOf(csdsFolder() / "views/CYP201CareContact.json", "select[0].column[999]"), 0U);
}

}  // namespace
}  // namespace tributary::collection::test
