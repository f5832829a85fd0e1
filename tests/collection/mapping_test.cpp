#include "collection/mapping_test.h"

#include <fstream>

#include "base/hash.h"
#include "tests/collection/support.h"

namespace tributary::collection::test {
namespace {

TEST(MappingTests, OfCsdsPassAndReachTheirExpressions) {
  REQUIRE_CSDS();
  std::vector<Issue> issues;
  const auto report = runMappingTests(csdsTests(), issues);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_GE(report->cases.size(), 15U);
  for (const CaseResult& result : report->cases)
    EXPECT_TRUE(result.passed) << result.name << "\n" << result.difference;
  for (const auto& [rule, reached] : report->coverage.rules)
    EXPECT_NE(reached, Reached::kNo) << "no test breaks " << rule;
  for (const auto& [entry, reached] : report->coverage.entries)
    EXPECT_TRUE(reached) << "no test is translated by " << entry.map << ": " << entry.code;
  for (const auto& [expression, reached] : report->coverage.expressions) {
    EXPECT_TRUE(reached) << "no test reaches " << expression.first << ": " << expression.second;
  }
}

// The runner must be able to fail, and say what is different.
TEST(MappingTests, ADifferenceIsTold) {
  REQUIRE_CSDS();
  const auto folder = std::filesystem::temp_directory_path() / ("tributary-mapping-" + randomUuid());
  std::filesystem::create_directories(folder / "one");
  std::ofstream(folder / "one/input.ndjson") << patient() << "\n";
  std::ofstream(folder / "one/expected.json")
      << R"({"rows": {"CYP001MPI": [{"LocalPatientID": "P1", "Gender": "1"}], "CYP101Referral": [{"ServiceRequestID": "R1"}]}})";
  std::ofstream(folder / "settings.json") << R"({"provider": "RZZ"})";
  MappingTestInput input = csdsTests();
  input.tests = folder;
  std::vector<Issue> issues;
  const auto report = runMappingTests(input, issues);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(report);
  ASSERT_EQ(report->failed(), 1U);
  const std::string& difference = report->cases[0].difference;
  EXPECT_NE(difference.find("CYP001MPI[0].Gender: expected \"1\", got \"2\""), std::string::npos)
      << difference;
  EXPECT_NE(difference.find("CYP101Referral[0] is missing"), std::string::npos) << difference;
  EXPECT_NE(difference.find("CYP002GP[0] is not expected"), std::string::npos) << difference;
}

// Cases of a folder of their own, on CSDS.
struct OwnCases {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tributary-mapping-" + randomUuid());
  OwnCases() {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "settings.json") << R"({"provider": "RZZ", "commissioner": "99Z01"})";
  }
  ~OwnCases() { std::filesystem::remove_all(folder); }
  void file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
  MappingReport run() const {
    MappingTestInput input = csdsTests();
    input.tests = folder;
    std::vector<Issue> issues;
    auto report = runMappingTests(input, issues);
    EXPECT_TRUE(report) << report.error().text;
    return report ? std::move(*report) : MappingReport{};
  }
};

TEST(MappingTests, ARowThatDoesNotBreakItsRuleIsTold) {
  REQUIRE_CSDS();
  OwnCases cases;
  cases.file("one/rows.json", R"({"CYP001MPI": [
    {"LocalPatientID": "P1", "OrgID_LocalPatientID": "RZZ", "Gender": "7", "breaks": "L0030"},
    {"LocalPatientID": "P2", "OrgID_LocalPatientID": "RZZ", "Gender": "1", "breaks": "L0030"},
    {"LocalPatientID": "P3", "EthnicCategory2021": "A"}],
    "CYP999": [{}]})");
  const MappingReport report = cases.run();
  ASSERT_EQ(report.cases.size(), 1U);
  const std::string& difference = report.cases[0].difference;
  EXPECT_EQ(difference.find("CYP001MPI[0]"), std::string::npos) << difference;
  EXPECT_NE(difference.find("CYP001MPI[1] does not break L0030"), std::string::npos) << difference;
  EXPECT_NE(difference.find("CYP001MPI has no field 'EthnicCategory2021' that is sent"), std::string::npos)
      << difference;
  EXPECT_NE(difference.find("there is no table 'CYP999'"), std::string::npos) << difference;
  // By rows written for it, not by resources.
  EXPECT_EQ(report.coverage.rules.at("L0030"), Reached::kByRows);
  EXPECT_EQ(report.coverage.broken(Reached::kByResources), 0U);
}

TEST(MappingTests, WhatNoTestReachesIsCounted) {
  REQUIRE_CSDS();
  OwnCases cases;
  cases.file("one/input.ndjson", patient() + "\n");
  const MappingReport report = cases.run();
  const MappingCoverage& coverage = report.coverage;
  EXPECT_EQ(coverage.translated(), 1U);  // the gender
  EXPECT_TRUE(coverage.entries.at({"https://tributary.health/fhir/ConceptMap/csds-1.6-gender", "", "female"}));
  EXPECT_LT(coverage.reached(), 10U);
  EXPECT_FALSE(coverage.expressions.at({"CYP000Header", "Version"}));
  EXPECT_EQ(coverage.rules.count("L0033"), 0U);  // of the pilot item, which is held back
}

TEST(MappingTests, ACaseHasSettingsAndCanBeAWholeFile) {
  REQUIRE_CSDS();
  OwnCases cases;
  cases.file("one/input.ndjson", patient() + "\n" + referral() + "\n");
  cases.file("one/case.json", R"({"settings": {"commissioner": "", "primary_system": "Another"}, "file": true,
    "window": {"start": "2026-10-01", "end": "2026-10-31", "created": "2026-11-10T09:00:00"}})");
  cases.file("two/input.ndjson", referral() + "\n");
  cases.file("two/case.json", R"({"file": true})");
  const MappingReport report = cases.run();
  ASSERT_EQ(report.cases.size(), 2U);
  EXPECT_EQ(report.coverage.rules.at("L0127"), Reached::kByResources);  // no commissioner
  EXPECT_TRUE(report.coverage.expressions.at({"CYP000Header", "PrimarySystem"}));
  EXPECT_NE(report.cases[1].difference.find("a whole file needs a window"), std::string::npos)
      << report.cases[1].difference;
}

}  // namespace
}  // namespace tributary::collection::test
