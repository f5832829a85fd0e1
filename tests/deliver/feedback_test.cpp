#include "deliver/feedback.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tributary::deliver
