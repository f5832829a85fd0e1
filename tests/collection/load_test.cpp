#include <fstream>

#include "base/file.h"
#include "base/hash.h"
#include "collection/mapping_test.h"
#include "tests/collection/support.h"

namespace tributary::collection::test {
namespace {

// A copy of CSDS to spoil.
class SpoiltCollection : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_CSDS();
    root_ = std::filesystem::temp_directory_path() / ("tributary-collection-" + randomUuid());
    const auto repository = csdsFolder().parent_path().parent_path().parent_path();
    for (const char* part : {"fhir-mappings/csds/1.6", "profiles/csds/1.6"}) {
      std::filesystem::create_directories((root_ / part).parent_path());
      std::filesystem::copy(repository / part, root_ / part, std::filesystem::copy_options::recursive);
    }
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path folder() const { return root_ / "fhir-mappings/csds/1.6"; }
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    std::string text = *readFile(root_ / file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(root_ / file, std::ios::binary) << text;
  }
  // The faults, as "file:line text".
  std::string load(LoadOptions options = {{{"provider", "RZZ"}}}) {
    std::vector<Issue> issues;
    const auto loaded = loadFolder(folder(), issues, std::move(options));
    std::string out = loaded ? "" : "(refused)\n";
    for (const Issue& issue : issues) {
      out += std::filesystem::path(issue.path).filename().string() + ":" + std::to_string(issue.line) + " " +
             issue.text + "\n";
      EXPECT_FALSE(issue.remedy.empty()) << issue.text;
    }
    return out;
  }

  std::filesystem::path root_;
};

TEST_F(SpoiltCollection, TheCopyLoads) {
  EXPECT_EQ(load(), "");
}

TEST_F(SpoiltCollection, AWrongExpressionIsNamedWithFileAndLine) {
  replace("fhir-mappings/csds/1.6/views/CYP201CareContact.json",
          "(period.start | appointment.resolve().start).first()", "(period.begin | ).first()");
  const std::string faults = load();
  EXPECT_TRUE(faults.starts_with("(refused)"));
  EXPECT_NE(faults.find("CYP201CareContact.json:"), std::string::npos) << faults;
}

TEST_F(SpoiltCollection, AnElementThatDoesNotExistIsRefused) {
  replace("fhir-mappings/csds/1.6/views/CYP001MPI.json", "\"birthDate\"", "\"birthdate\"");
  const std::string faults = load();
  EXPECT_TRUE(faults.starts_with("(refused)"));
  EXPECT_NE(faults.find("birthdate"), std::string::npos) << faults;
}

TEST_F(SpoiltCollection, AColumnThatIsNoFieldIsRefused) {
  replace("fhir-mappings/csds/1.6/views/CYP001MPI.json", "\"DateOfBirth\"", "\"DateOfbirth\"");
  const std::string faults = load();
  EXPECT_NE(faults.find("'DateOfbirth' is no field of CYP001MPI"), std::string::npos);
  EXPECT_EQ(faults.find("CYP001MPI.json:1 "), std::string::npos) << faults;  // the column's line, not the file's first
}

TEST_F(SpoiltCollection, AConceptMapThatNobodyFindsIsRefused) {
  replace("fhir-mappings/csds/1.6/maps/gender.json", "ConceptMap/csds-1.6-gender\"", "ConceptMap/csds-1.6-gendr\"");
  const std::string faults = load();
  EXPECT_TRUE(faults.starts_with("(refused)"));
  EXPECT_NE(faults.find("there is no ConceptMap https://tributary.health/fhir/ConceptMap/csds-1.6-gender"), std::string::npos) << faults;
}

TEST_F(SpoiltCollection, AConceptMapThatCannotBeMeantIsRefused) {
  replace("fhir-mappings/csds/1.6/maps/gender.json", "\"code\": \"1\"", "\"code\": \"7\"");
  replace("fhir-mappings/csds/1.6/maps/gender.json", "\"equivalent\"", "\"equivalant\"");
  replace("fhir-mappings/csds/1.6/maps/delivery-channel.json", "\"code\": \"", "\"code\": \"no-such-");
  const std::string faults = load();
  EXPECT_TRUE(faults.starts_with("(refused)"));
  EXPECT_NE(faults.find("gender.json:21 the code '7' is not in"), std::string::npos) << faults;
  EXPECT_NE(faults.find("gender.json:22 the equivalence 'equivalant'"), std::string::npos) << faults;
  EXPECT_NE(faults.find("delivery-channel.json:"), std::string::npos) << faults;
}

TEST_F(SpoiltCollection, AllFaultsAreToldAtOnce) {
  replace("fhir-mappings/csds/1.6/views/CYP001MPI.json", "\"birthDate\"", "\"birthdate\"");
  replace("fhir-mappings/csds/1.6/collection.json", "\"kind\": \"hull\"", "\"kind\": \"hill\"");
  replace("fhir-mappings/csds/1.6/views/CYP402SVF.json", "tributary/short-id", "tributary/short");
  const std::string faults = load();
  EXPECT_NE(faults.find("CYP001MPI.json:"), std::string::npos) << faults;
  EXPECT_NE(faults.find("collection.json:"), std::string::npos) << faults;
  EXPECT_NE(faults.find("tributary/short"), std::string::npos) << faults;
}

TEST_F(SpoiltCollection, AWrongRuleOfAModelIsRefused) {
  replace("profiles/csds/1.6/StructureDefinition-csds-1.6-CYP102ServiceTypeReferredTo.json",
          "CYP101.Discharge_Date", "CYP101.DischargeDate");
  EXPECT_NE(load().find("nothing to compare with: CYP101.DischargeDate"), std::string::npos);
}

TEST_F(SpoiltCollection, WhatIsProjectedTogetherMustBeSaid) {
  const std::string manifest = "fhir-mappings/csds/1.6/collection.json";
  replace(manifest, "\"with\": \"practitioner\"", "\"with\": \"practitionr\"");
  EXPECT_NE(load().find("there is no element 'practitionr'"), std::string::npos);
  replace(manifest, ",\n          \"with\": \"practitionr\"", "");
  EXPECT_NE(load().find("it only adds to rows, and nothing says to those of which resource"), std::string::npos);
  replace(manifest, "\"view\": \"CYP101Referral.json\"", "\"view\": \"CYP101Referral.json\", \"with\": \"basedOn\"");
  EXPECT_NE(load().find("'with' says nothing of a table of scope patient"), std::string::npos);
}

TEST_F(SpoiltCollection, SettingsAreChecked) {
  EXPECT_NE(load({}).find("'provider' is needed"), std::string::npos);
  EXPECT_NE(load({{{"provider", "rzz"}}}).find("does not have its form"), std::string::npos);
  EXPECT_NE(load({{{"provider", "RZZ"}, {"comissioner", "99Z01"}}}).find("no setting 'comissioner'"),
            std::string::npos);
}

TEST_F(SpoiltCollection, AChangeOfAConceptMapChangesTheGeneration) {
  std::vector<Issue> issues;
  const auto before = loadFolder(folder(), issues, {{{"provider", "RZZ"}}});
  ASSERT_TRUE(before);
  const auto same = loadFolder(folder(), issues, {{{"provider", "RZZ"}}});
  const auto other = loadFolder(folder(), issues, {{{"provider", "RYY"}}});
  replace("fhir-mappings/csds/1.6/maps/gender.json", "\"code\": \"2\"", "\"code\": \"9\"");
  const auto after = loadFolder(folder(), issues, {{{"provider", "RZZ"}}});
  ASSERT_TRUE(same && other && after);
  EXPECT_EQ((*before)->contentHash(), (*same)->contentHash());
  EXPECT_NE((*before)->contentHash(), (*other)->contentHash());
  EXPECT_NE((*before)->contentHash(), (*after)->contentHash());
}

TEST(Csds, HasItsTablesAndFieldsLetterByLetter) {
  REQUIRE_CSDS();
  const char* const set = std::getenv("TRIBUTARY_SHARED");
  const auto shared =
      set != nullptr ? std::filesystem::path(set) : std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "../shared";
  const auto file = shared / "national-model/csds-1.6/fields.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no facts of the national model beside the repository";
  std::ifstream lines(file);
  std::string line;
  std::getline(lines, line);
  std::size_t fields = 0;
  while (std::getline(lines, line)) {
    std::vector<std::string> cells(1);
    for (const char c : line) {
      if (c == ',' && cells.size() < 5)
        cells.emplace_back();
      else
        cells.back() += c;
    }
    const auto table = csds()->findTable(cells[0]);
    ASSERT_TRUE(table) << cells[0];
    EXPECT_EQ(csds()->tables()[*table].name, cells[1]);
    const auto& all = csds()->tables()[*table].fields;
    const auto index = static_cast<std::size_t>(std::stoi(cells[2])) - 1;
    ASSERT_LT(index, all.size());
    EXPECT_EQ(all[index].name, cells[3]);
    fields += all[index].mandation != Mandation::kRemoved ? 1 : 0;
  }
  EXPECT_EQ(fields, 228U);
  EXPECT_EQ(csds()->tables().size(), 37U);
}

TEST(Csds, StaffGroupSessionsAndSelfAssessmentsAreTheProviders) {
  REQUIRE_CSDS();
  std::string all;
  for (const ProviderResource& one : csds()->providerResources()) all += one.type + ":" + one.with + " ";
  EXPECT_EQ(all, "Encounter: Observation: Practitioner: PractitionerRole:practitioner ");
}

TEST(Csds, TheHeaderComesFromSettingsAndWindow) {
  REQUIRE_CSDS();
  const HeaderRow good = csds()->header({"2026-10-01", "2026-10-31", "2026-11-10T02:00:00"});
  EXPECT_EQ(good.cells, (std::vector<std::string>{"1.6", "RZZ", "RZZ", "2026-10-01", "2026-10-31",
                                                  "2026-11-10T02:00:00", "Tributary"}));
  EXPECT_TRUE(good.issues.empty());
  const HeaderRow bad = csds()->header({"2026-10-02", "2026-10-30", "2026-10-20T02:00:00"});
  std::vector<std::string> rules;
  for (const Issue& issue : bad.issues) rules.push_back(issue.rule);
  EXPECT_EQ(rules, (std::vector<std::string>{"L0468", "L0469", "L0470"}));
}

}  // namespace
}  // namespace tributary::collection::test
