#include "deliver/feedback.h"

#include <gtest/gtest.h>

#include "deliver/receipts.h"

namespace tributary::deliver {
namespace {

Finding finding() {
  Finding out;
  out.entity = "T001";
  out.key = "P\"1";
  out.type = "format";
  out.location = out.field = "Date";
  out.message = "Date must be a date";
  out.code = "L1";
  out.record_index = 7;
  out.value = "31/12/2026";
  out.category = Finding::Category::kWrongFormat;
  return out;
}

TEST(Feedback, TheMembersOfALineInTheirOrder) {
  std::string out;
  appendFinding(out, finding());
  Finding none;
  none.failure = Finding::Failure::kIntegrity;
  none.informational = true;
  none.category = Finding::Category::kBadFile;
  appendFinding(out, none);
  EXPECT_EQ(out,
            R"({"Entity":"T001","Key":"P\"1","FailureType":"record","Status":"error","ErrorType":"format","ErrorLocation":"Date",)"
            R"("ErrorMessage":"Date must be a date","ErrorCode":"L1","ReportingField":"Date","RecordIndex":7,"Value":"31/12/2026",)"
            R"("Category":"Wrong format"})"
            "\n"
            R"({"Entity":null,"Key":null,"FailureType":"integrity","Status":"informational","ErrorType":null,"ErrorLocation":null,)"
            R"("ErrorMessage":null,"ErrorCode":null,"ReportingField":null,"RecordIndex":null,"Value":null,"Category":"Bad file"})"
            "\n");
}

TEST(Feedback, WhatIsWrittenIsReadBack) {
  std::string line;
  appendFinding(line, finding());
  const auto back = parseFinding(line);
  ASSERT_TRUE(back) << back.error().text;
  std::string again;
  appendFinding(again, *back);
  EXPECT_EQ(again, line);
  for (const char* bad : {"", "[]", "{}", R"({"FailureType":"row","Status":"error","Category":"Blank"})",
                          R"({"FailureType":"record","Status":"warning","Category":"Blank"})",
                          R"({"FailureType":"record","Status":"error","Category":"Blue"})",
                          R"({"FailureType":"record","Status":"error","Category":"Blank","RecordIndex":"x"})"}) {
    EXPECT_FALSE(parseFinding(bad)) << bad;
  }
}

TEST(Feedback, LinesAsAReceipt) {
  std::string lines;
  appendFinding(lines, finding());
  Finding warning = finding();
  warning.informational = true;
  warning.record_index = 0;
  appendFinding(lines, warning);
  const auto rows = parseFeedback(lines + "\n", "12-abc");
  ASSERT_TRUE(rows) << rows.error().text;
  EXPECT_EQ(rows->layer, Receipt::Layer::kRows);
  EXPECT_EQ(rows->submission_id, "12-abc");
  ASSERT_EQ(rows->rows.size(), 2U);
  EXPECT_TRUE(rows->rows[0].rejected);
  EXPECT_EQ(rows->rows[0].table, "T001");
  EXPECT_EQ(rows->rows[0].row_number, 7U);
  EXPECT_EQ(rows->rows[0].code, "L1");
  EXPECT_EQ(rows->rows[0].text.find("31/12"), std::string::npos) << "the value stays out";
  EXPECT_FALSE(rows->rows[1].rejected);
  EXPECT_EQ(rows->rows[1].row_key, "P\"1");

  Finding file = finding();
  file.failure = Finding::Failure::kSubmission;
  std::string refused = lines;
  appendFinding(refused, file);
  const auto rejected = parseFeedback(refused, "12-abc");
  ASSERT_TRUE(rejected);
  EXPECT_EQ(rejected->layer, Receipt::Layer::kFileRejected);
  ASSERT_EQ(rejected->diagnostics.size(), 1U);
  EXPECT_EQ(rejected->diagnostics[0].rule, "L1");

  EXPECT_TRUE(parseFeedback("", "12-abc")->rows.empty());
  Finding nobody = finding();
  nobody.entity.clear();
  appendFinding(lines, nobody);
  EXPECT_EQ(parseFeedback(lines, "12-abc").error().text, "line 3: it names no record: Entity with RecordIndex or Key is wanted");
  EXPECT_FALSE(parseFeedback("{\"cut", "12-abc"));
}

}  // namespace
}  // namespace tributary::deliver
