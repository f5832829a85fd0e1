#include "collection/file_check.h"

#include "tests/collection/support.h"

namespace tributary::collection::test {
namespace {

std::vector<std::string_view> patientCells(std::string_view id, std::string_view nhs) {
  const auto& table = csds()->tables()[*csds()->findTable("CYP001")];
  std::vector<std::string_view> cells(table.fields.size());
  for (std::size_t f = 0; f < cells.size(); ++f) {
    if (table.fields[f].name == "LocalPatientID") cells[f] = id;
    if (table.fields[f].name == "NHSNumber") cells[f] = nhs;
  }
  return cells;
}

TEST(FileCheck, OneNhsNumberBelongsToOnePatient) {
  REQUIRE_CSDS();
  FileCheck check(csds());
  const auto table = *csds()->findTable("CYP001");
  EXPECT_TRUE(check.add(table, "P1", patientCells("P1", "9990000018")));
  EXPECT_TRUE(check.add(table, "P1", patientCells("P1", "9990000018")));
  EXPECT_TRUE(check.add(table, "P2", patientCells("P2", "")));
  EXPECT_TRUE(check.add(table, "P3", patientCells("P3", "")));
  EXPECT_FALSE(check.add(table, "P4", patientCells("P4", "9990000018")));
  const auto findings = check.finish();
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(csds()->rules()[findings[0].rule].id, "L0472");
  EXPECT_EQ(findings[0].key, "P4");
  EXPECT_EQ(findings[1].text, "the mandatory table CYP002GP has no row");
}

}  // namespace
}  // namespace tributary::collection::test
