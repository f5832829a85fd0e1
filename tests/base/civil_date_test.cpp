#include "base/civil_date.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(CivilDate, OnlyRealDaysAndMonths) {
  EXPECT_EQ(parseDay("2024-02-29"), "2024-02-29");
  EXPECT_EQ(parseDay("2026-12-31"), "2026-12-31");
  for (const char* wrong : {"2026-02-29", "1900-02-29", "2026-04-31", "2026-00-01", "2026-13-01", "2026-01-00", "0000-01-01", "2026-1-01", "2026-01-1",
                            "2026/01/01", "2026-01-01T00:00:00", ""}) {
    EXPECT_EQ(parseDay(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(parseMonth("2026-09"), "2026-09");
  for (const char* wrong : {"2026-13", "2026-00", "2026-9", "2026", "26-09-1", "2026-09-01"}) EXPECT_EQ(parseMonth(wrong), std::nullopt) << wrong;
}

TEST(CivilDate, DaysGoOverMonthsYearsAndLeapDays) {
  EXPECT_EQ(addDays("2026-03-01", -1), "2026-02-28");
  EXPECT_EQ(addDays("2024-03-01", -1), "2024-02-29");
  EXPECT_EQ(addDays("2026-12-31", 1), "2027-01-01");
  EXPECT_EQ(addDays("2026-10-24", 2), "2026-10-26");
  EXPECT_EQ(daysBetween("2026-03-28", "2026-03-30"), 2);
  EXPECT_EQ(daysBetween("2024-02-28", "2024-03-01"), 2);
}

TEST(CivilDate, MonthsHaveTheirLengths) {
  EXPECT_EQ(addMonths("2026-11", 2), "2027-01");
  EXPECT_EQ(addMonths("2026-01", -1), "2025-12");
  EXPECT_EQ(addMonths("2026-05", -36), "2023-05");
  EXPECT_EQ(lastDay("2026-02"), "2026-02-28");
  EXPECT_EQ(lastDay("2024-02"), "2024-02-29");
  EXPECT_EQ(lastDay("2026-04"), "2026-04-30");
  EXPECT_EQ(lastDay("2026-12"), "2026-12-31");
  EXPECT_EQ(firstDay("2026-12"), "2026-12-01");
}

TEST(CivilDate, Weekends) {
  EXPECT_TRUE(isWeekend("2026-11-14"));
  EXPECT_TRUE(isWeekend("2026-11-15"));
  EXPECT_FALSE(isWeekend("2026-11-13"));
}

}  // namespace
}  // namespace tributary
