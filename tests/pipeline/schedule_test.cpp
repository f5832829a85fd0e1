#include "pipeline/schedule.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <set>

namespace tributary::pipeline {
namespace {

using collection::Calendar;
using collection::WindowKind;
using testing::ElementsAre;
using testing::IsEmpty;

class Schedule : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<Issue> issues;
    calendar_ = Calendar::load(std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "fhir-mappings/csds/1.6/calendar.json", issues);
    ASSERT_NE(calendar_, nullptr);
    schedule_.emplace(*calendar_, 2);
  }
  WasOpened opened() {
    return [this](const std::string& label) { return done_.contains(label); };
  }
  std::vector<std::string> openOn(const char* day) {
    std::vector<std::string> out;
    for (const MonthTask& task : schedule_->open(day)) out.push_back(task.label() + " from " + task.send_on);
    return out;
  }

  std::shared_ptr<const Calendar> calendar_;
  std::optional<MonthSchedule> schedule_;
  std::set<std::string> done_;
};

// 14 October 2026 is a Wednesday; the window before it closed on Monday 14 September.
TEST_F(Schedule, TwoDaysBeforeTheWindowCloses) {
  EXPECT_THAT(openOn("2026-09-15"), ElementsAre("2026-08/refresh from 2026-10-12", "2026-09/primary from 2026-10-12"));
  EXPECT_THAT(openOn("2026-10-14"), ElementsAre("2026-08/refresh from 2026-10-12", "2026-09/primary from 2026-10-12"));
  EXPECT_THAT(openOn("2026-10-15"), ElementsAre("2026-09/refresh from 2026-11-11", "2026-10/primary from 2026-11-11"));
  // Saturday 14 November: the window closed on Friday, the next opens on Monday.
  EXPECT_THAT(openOn("2026-11-14"), IsEmpty());
  EXPECT_THAT(openOn("2026-11-16"), ElementsAre("2026-10/refresh from 2026-12-12", "2026-11/primary from 2026-12-12"));
}

TEST_F(Schedule, NeverBeforeTheMonthIsOver) {
  const MonthSchedule early(*calendar_, 28);
  EXPECT_EQ(early.task("2026-09", WindowKind::kPrimary).send_on, "2026-10-01");
  EXPECT_EQ(early.task("2024-02", WindowKind::kPrimary).send_on, "2024-03-01");
  EXPECT_EQ(early.task("2026-09", WindowKind::kRefresh).send_on, "2026-10-16");
  const MonthSchedule last(*calendar_, 0);
  EXPECT_EQ(last.task("2026-09", WindowKind::kPrimary).send_on, "2026-10-14");
}

TEST_F(Schedule, TheNextTaskIsTheFirstThatIsNotDone) {
  EXPECT_EQ(schedule_->next("2026-10-13", opened())->label(), "2026-08/refresh");
  done_ = {"2026-08/refresh"};
  EXPECT_EQ(schedule_->next("2026-10-13", opened())->label(), "2026-09/primary");
  done_.insert("2026-09/primary");
  EXPECT_EQ(schedule_->next("2026-10-13", opened())->label(), "2026-09/refresh");
  EXPECT_EQ(schedule_->next("2026-11-14", opened())->label(), "2026-10/refresh");
}

TEST_F(Schedule, WhatCanNoLongerGoIsHeldWithItsReason) {
  EXPECT_EQ(schedule_->heldBefore("2026-10-13", opened()), "2026-08-01");
  EXPECT_EQ(schedule_->heldBecause("2026-07", "2026-10-13", opened()), "the refresh window of 2026-07 closed on 2026-09-14");
  done_ = {"2026-08/refresh"};
  EXPECT_EQ(schedule_->heldBefore("2026-10-13", opened()), "2026-09-01");
  EXPECT_EQ(schedule_->heldBecause("2026-08", "2026-10-13", opened()), "the refresh of 2026-08 has been sent");
  done_.clear();
  EXPECT_EQ(schedule_->heldBefore("2026-10-15", opened()), "2026-09-01");
}

TEST_F(Schedule, WindowsThatClosedWithoutASubmissionAreMissed) {
  done_ = {"2026-08/refresh"};
  const auto missed = schedule_->missed("2026-10-15", "2026-10-01", opened());
  ASSERT_EQ(missed.size(), 1U);
  EXPECT_EQ(missed.front().label(), "2026-09/primary");
  EXPECT_THAT(schedule_->missed("2026-10-14", "2026-10-01", opened()), IsEmpty());
}

std::vector<std::string> filesOf(const char* today, std::optional<std::uint32_t> late_days) {
  std::vector<std::string> out;
  for (const DailyFile& file : dailyFiles(dailyRange(today, late_days))) out.push_back(file.label + " [" + file.from + "," + file.to + ")");
  return out;
}

TEST(DailySchedule, YesterdayAndLateDaysOverMonthEnds) {
  EXPECT_THAT(filesOf("2026-11-25", 14), ElementsAre("2026-11-24 [2026-11-11,2026-11-25)"));
  EXPECT_THAT(filesOf("2026-12-01", 14), ElementsAre("2026-11-30 [2026-11-17,2026-12-01)"));
  EXPECT_THAT(filesOf("2026-12-02", 14), ElementsAre("2026-12-01 [2026-12-01,2026-12-02)", "2026-11-01 [2026-11-18,2026-12-01)"));
  EXPECT_THAT(filesOf("2024-03-01", 1), ElementsAre("2024-02-29 [2024-02-29,2024-03-01)"));
  EXPECT_THAT(filesOf("2027-01-01", 40), ElementsAre("2026-12-31 [2026-12-01,2027-01-01)", "2026-11-01 [2026-11-22,2026-12-01)"));
}

TEST(DailySchedule, WithoutABoundWhatIsOlderThanThreeYearsGoesInOneFile) {
  const auto files = filesOf("2026-11-25", std::nullopt);
  ASSERT_EQ(files.size(), 38U);
  EXPECT_EQ(files.front(), "2026-11-24 [2026-11-01,2026-11-25)");
  EXPECT_EQ(files[36], "2023-11-01 [2023-11-01,2023-12-01)");
  EXPECT_EQ(files.back(), "2023-11-01 [,2023-11-01)");
}

TEST(DailySchedule, AFileADayWherePeriodsAreDays) {
  std::vector<std::string> out;
  for (const DailyFile& file : dailyFiles(dailyRange("2026-03-02", 3), true)) out.push_back(file.label + " [" + file.from + "," + file.to + ")");
  EXPECT_THAT(out, ElementsAre("2026-03-01 [2026-03-01,2026-03-02)", "2026-02-28 [2026-02-28,2026-03-01)", "2026-02-27 [2026-02-27,2026-02-28)"));
  EXPECT_EQ(dailyFiles(dailyRange("2026-03-02", {}), true).size(), 62U);
}

}  // namespace
}  // namespace tributary::pipeline
