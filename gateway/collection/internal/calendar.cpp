#include "collection/calendar.h"

#include <algorithm>

#include "base/civil_date.h"
#include "collection/internal/model.h"
#include "collection/internal/reporter.h"

namespace tributary::collection {
namespace {

constexpr std::string_view kKnown[] = {"title", "period", "confidence", "source", "holidays", "fallback", "published", "daily"};
constexpr std::int64_t kMostMonthsAfter = 24, kMostCorrectionDays = 3650;

}  // namespace

std::string_view windowName(WindowKind kind) { return kind == WindowKind::kPrimary ? "primary" : "refresh"; }

std::shared_ptr<const Calendar> Calendar::load(const std::filesystem::path& file, std::vector<Issue>& issues) {
  Reporter reporter(issues);
  const auto read_file = readJson(file, reporter);
  if (read_file == nullptr) return nullptr;
  return read(file, read_file->root(), reporter);
}

std::shared_ptr<const Calendar> Calendar::read(const std::filesystem::path& file, const Json& root, Reporter& reporter) {
  const std::size_t before = reporter.faults();
  auto calendar = std::make_shared<Calendar>();
  for (const auto& [name, value] : root.members()) {
    if (std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown)) continue;
    reporter.fault(file, value, "a calendar has no '" + std::string(name) + "'",
                   "It has period, confidence, source, holidays, fallback, published and daily.");
  }
  const Json period = root["period"];
  calendar->monthly_ = period.text() == "calendar-month";
  if (!calendar->monthly_ && period.text() != "day") {
    reporter.fault(file, period ? period : root, "the reporting period of the calendar is not known", "Write \"period\": \"calendar-month\" or \"day\".");
  }
  calendar->published_confidence_ = root["confidence"].string();
  for (const Json& day : root["holidays"].items()) {
    if (const auto holiday = parseDay(day.text())) calendar->holidays_.insert(*holiday);
    else reporter.fault(file, day, "'" + day.string() + "' is no calendar day", "Write it as 2026-12-25.");
  }
  if (calendar->monthly_) {
    calendar->readRule(file, root["fallback"] ? root["fallback"] : root, reporter);
    calendar->readPublished(file, root["published"], reporter);
  }
  if (const Json days = root["daily"]["correctionDays"]) {
    const std::int64_t number = days.integer(-1);
    if (number < 0 || number > kMostCorrectionDays) {
      reporter.fault(file, days, "correctionDays must be a whole number from 0 to 3650", "Write 14, say.");
    } else {
      calendar->correction_days_ = static_cast<std::uint32_t>(number);
    }
  }
  if (reporter.faults() != before) return nullptr;
  return calendar;
}

void Calendar::readRule(const std::filesystem::path& file, const Json& rule, Reporter& reporter) {
  const auto whole = [&](const char* name, std::int64_t least, std::int64_t most) -> std::int64_t {
    const Json value = rule[name];
    const std::int64_t number = value.integer(least - 1);
    if (number >= least && number <= most) return number;
    reporter.fault(file, value ? value : rule,
                   std::string("fallback.") + name + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most),
                   "The fallback gives the windows of months that have no published dates.");
    return least;
  };
  closing_day_ = static_cast<std::uint32_t>(whole("closingDay", 1, 28));
  months_after_[0] = static_cast<std::int32_t>(whole("primaryMonthsAfter", 0, kMostMonthsAfter));
  months_after_[1] = static_cast<std::int32_t>(whole("refreshMonthsAfter", 0, kMostMonthsAfter));
  if (months_after_[1] <= months_after_[0]) {
    reporter.fault(file, rule, "the refresh of a month must close later than its primary", "Make refreshMonthsAfter larger than primaryMonthsAfter.");
  }
  rule_confidence_ = rule["confidence"].string();
  const Json shift = rule["closingDayOff"];
  if (shift.text() == "previous") shift_ = Shift::kPrevious;
  else if (shift.text() == "next") shift_ = Shift::kNext;
  else if (shift && shift.text() != "stays") {
    reporter.fault(file, shift, "what a closing day off does is not known", "Write previous (working day), next or stays.");
  }
}

void Calendar::readPublished(const std::filesystem::path& file, const Json& list, Reporter& reporter) {
  for (const Json& entry : list.items()) {
    const auto month = parseMonth(entry["period"].text());
    const auto opens = parseDay(entry["opens"].text()), closes = parseDay(entry["closes"].text());
    const std::string_view kind = entry["kind"].text();
    if (!month || !opens || !closes || (kind != "primary" && kind != "refresh")) {
      reporter.fault(file, entry, "a published window needs period, kind, opens and closes",
                     R"(Write {"period": "2026-09", "kind": "primary", "opens": "2026-09-15", "closes": "2026-10-14"}.)");
      continue;
    }
    if (*opens > *closes) {
      reporter.fault(file, entry["closes"], "the window closes before it opens", "Correct one of the days.");
      continue;
    }
    const WindowKind which = kind == "primary" ? WindowKind::kPrimary : WindowKind::kRefresh;
    const Json confidence = entry["confidence"];
    const auto [at, fresh] =
        published_.try_emplace({*month, which}, SubmissionWindow{*opens, *closes, true, confidence ? confidence.string() : published_confidence_});
    if (!fresh) reporter.fault(file, entry, "the " + std::string(kind) + " window of " + *month + " is given twice", "Take one out.");
  }
  for (const auto& [which, window] : published_) {
    if (which.second == WindowKind::kPrimary) continue;
    const auto primary = published_.find({which.first, WindowKind::kPrimary});
    if (primary != published_.end() && window.opens <= primary->second.closes) {
      reporter.fault(file, list, "the refresh window of " + which.first + " opens before its primary window has closed", "Correct one of the days.");
    }
  }
}

bool Calendar::workingDay(std::string_view day) const { return !isWeekend(day) && !holidays_.contains(day); }

std::string Calendar::closing(std::string_view month, WindowKind kind) const {
  if (const auto given = published_.find({std::string(month), kind}); given != published_.end()) return given->second.closes;
  const std::string target = addMonths(month, months_after_[static_cast<std::size_t>(kind)]);
  std::string day = addDays(firstDay(target), static_cast<std::int32_t>(closing_day_) - 1);
  while (shift_ != Shift::kNone && !workingDay(day)) day = addDays(day, shift_ == Shift::kPrevious ? -1 : 1);
  return day;
}

SubmissionWindow Calendar::window(std::string_view month, WindowKind kind) const {
  if (const auto given = published_.find({std::string(month), kind}); given != published_.end()) return given->second;
  // It opens on the first working day after the one of the month before has closed.
  std::string opens = addDays(closing(addMonths(month, -1), kind), 1);
  while (shift_ != Shift::kNone && !workingDay(opens)) opens = addDays(opens, 1);
  return {std::move(opens), closing(month, kind), false, rule_confidence_};
}

}  // namespace tributary::collection
