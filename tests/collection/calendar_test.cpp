#include "collection/calendar.h"

#include <gmock/gmock.h>

#include "base/civil_date.h"
#include "tests/collection/support.h"

namespace tributary::collection::test {
namespace {

std::shared_ptr<const Calendar> csdsCalendar() {
  std::vector<Issue> issues;
  auto calendar = Calendar::load(csdsFolder() / "calendar.json", issues);
  for (const Issue& issue : issues) ADD_FAILURE() << issue.line << ": " << issue.text;
  return calendar;
}

std::vector<std::string> faultsOf(const char* file) {
  std::vector<Issue> issues;
  EXPECT_EQ(Calendar::load(std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/collection/calendars" / file, issues), nullptr);
  std::vector<std::string> out;
  for (const Issue& issue : issues) {
    EXPECT_FALSE(issue.remedy.empty()) << issue.text;
    EXPECT_TRUE(issue.path.ends_with(file));
    out.push_back(std::to_string(issue.line) + ": " + issue.text);
  }
  return out;
}

TEST(Calendar, PublishedWindowsOfCsds) {
  const auto calendar = csdsCalendar();
  ASSERT_NE(calendar, nullptr);
  EXPECT_TRUE(calendar->monthly());
  const SubmissionWindow primary = calendar->window("2025-01", WindowKind::kPrimary);
  EXPECT_EQ(primary.opens, "2025-01-16");
  EXPECT_EQ(primary.closes, "2025-02-14");
  EXPECT_TRUE(primary.published);
  EXPECT_TRUE(primary.confidence.starts_with("stated"));
}

// One window takes the refresh of a month and the primary of the next one, and is followed by the next without a gap of working days.
TEST(Calendar, TheRuleGivesWhatThePublishedDaysShow) {
  const auto calendar = csdsCalendar();
  ASSERT_NE(calendar, nullptr);
  std::string month = "2025-03";
  for (int n = 0; n < 60; ++n, month = addMonths(month, 1)) {
    const SubmissionWindow refresh = calendar->window(month, WindowKind::kRefresh), next = calendar->window(addMonths(month, 1), WindowKind::kPrimary);
    EXPECT_EQ(refresh.opens, next.opens) << month;
    EXPECT_EQ(refresh.closes, next.closes) << month;
    EXPECT_EQ(next.closes.substr(0, 7), addMonths(month, 2)) << month;
    EXPECT_GT(refresh.opens, calendar->window(month, WindowKind::kPrimary).closes);
    EXPECT_TRUE(calendar->workingDay(next.closes)) << next.closes;
    EXPECT_TRUE(calendar->workingDay(next.opens)) << next.opens;
    for (std::string day = addDays(calendar->window(month, WindowKind::kPrimary).closes, 1); day < next.opens; day = addDays(day, 1)) {
      EXPECT_FALSE(calendar->workingDay(day)) << day;
    }
  }
  // 14 November 2026 is a Saturday.
  const SubmissionWindow october = calendar->window("2026-10", WindowKind::kPrimary);
  EXPECT_EQ(october.opens, "2026-10-15");
  EXPECT_EQ(october.closes, "2026-11-13");
  EXPECT_FALSE(october.published);
  EXPECT_TRUE(october.confidence.starts_with("assumed"));
}

TEST(Calendar, EveryFaultWithItsLine) {
  EXPECT_THAT(faultsOf("wrong.json"),
              testing::UnorderedElementsAre("4: a calendar has no 'colour'", "2: the reporting period of the calendar is not known",
                                            "3: '2026-02-30' is no calendar day", "5: correctionDays must be a whole number from 0 to 3650"));
  EXPECT_THAT(faultsOf("wrong-windows.json"),
              testing::ElementsAre("4: fallback.closingDay must be a whole number from 1 to 28", "3: the refresh of a month must close later than its primary",
                                   "7: what a closing day off does is not known", "10: a published window needs period, kind, opens and closes",
                                   "11: the window closes before it opens", "13: the primary window of 2026-02 is given twice",
                                   "9: the refresh window of 2026-02 opens before its primary window has closed"));
  EXPECT_EQ(faultsOf("not-there.json").size(), 1U);
}

TEST(Calendar, CompanionsAreThePatientAndWhatHangsOnlyOnThePatient) {
  REQUIRE_CSDS();
  const auto companion = [](const char* code) { return csds()->companion(*csds()->findTable(code)); };
  for (const char* code : {"CYP001", "CYP002", "CYP004", "CYP005", "CYP501", "CYP601"}) EXPECT_TRUE(companion(code)) << code;
  for (const char* code : {"CYP101", "CYP102", "CYP201", "CYP202", "CYP301", "CYP606", "CYP613", "CYP901"}) EXPECT_FALSE(companion(code)) << code;
}

TEST(Calendar, BelongsOverMonthEndsAndLeapDays) {
  REQUIRE_CSDS();
  const auto referral = *csds()->findTable("CYP101"), contact = *csds()->findTable("CYP201"), staff = *csds()->findTable("CYP901");
  const Window february{"2024-02-01", "2024-02-29", ""};
  EXPECT_TRUE(csds()->belongs(contact, "2024-02-29", "2024-02-29", february));
  EXPECT_FALSE(csds()->belongs(contact, "2024-03-01", "2024-03-01", february));
  EXPECT_FALSE(csds()->belongs(contact, "2024-01-31", "2024-01-31", february));
  EXPECT_TRUE(csds()->belongs(referral, "2023-05-01", "", february));
  EXPECT_TRUE(csds()->belongs(referral, "2023-05-01", "2024-02-01", february));
  EXPECT_TRUE(csds()->belongs(referral, "2024-02-29", "2024-06-01", february));
  EXPECT_FALSE(csds()->belongs(referral, "2023-05-01", "2024-01-31", february));
  EXPECT_FALSE(csds()->belongs(referral, "2024-03-01", "", february));
  EXPECT_TRUE(csds()->belongs(staff, "", "", february));
}

// A team that has closed its part of an open referral is in no later month: its closure would lie before the period.
TEST(Calendar, ATeamThatClosedItsPartEndsEarlierThanTheReferral) {
  REQUIRE_CSDS();
  const auto episode = [](const char* id, const char* care_team, const char* rest) {
    return std::string(R"({"resourceType":"EpisodeOfCare","id":")") + id + R"(","patient":{"reference":"Patient/a"},"referralRequest":[{"reference":)" +
           R"("ServiceRequest/r"}],"team":[{"reference":"CareTeam/)" + care_team + R"("}],)" + rest + "}";
  };
  std::string other = team();
  other.replace(other.find(R"("id":"t")"), 8, R"("id":"u")");
  other.replace(other.find(R"("value":"T1")"), 12, R"("value":"T2")");
  const Seen seen = project({patient(), referral(), episode("e1", "t", R"("status":"finished","period":{"start":"2026-10-02","end":"2026-10-20"})"),
                             episode("e2", "u", R"("status":"active","period":{"start":"2026-10-03"})")},
                            {team(), other});
  std::vector<std::string> periods;
  for (const SeenRow& row : seen.rows) {
    if (row.table == "CYP101Referral" || row.table == "CYP102ServiceTypeReferredTo") periods.push_back(row.table.substr(0, 6) + " " + row.start + "/" + row.end);
  }
  EXPECT_THAT(periods, testing::UnorderedElementsAre("CYP101 2026-10-01/", "CYP102 2026-10-01/2026-10-20", "CYP102 2026-10-01/"));
}

TEST(Calendar, AUsersOwnFileReplacesTheCollections) {
  REQUIRE_CSDS();
  std::vector<Issue> issues;
  LoadOptions options{{{"provider", "RZZ"}}, std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/collection/calendars/wrong.json"};
  EXPECT_FALSE(loadFolder(csdsFolder(), issues, options).has_value());
  EXPECT_EQ(issues.size(), 4U);
}

}  // namespace
}  // namespace tributary::collection::test
