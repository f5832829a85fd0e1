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

}  // namespace
}  // namespace tributary::collection::test
