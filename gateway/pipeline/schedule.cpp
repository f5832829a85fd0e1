#include "pipeline/schedule.h"

#include <algorithm>

#include "base/civil_date.h"

namespace tributary::pipeline {
namespace {

using collection::WindowKind;

constexpr std::int32_t kDaysBack = 60;    // daily, by day: files for single days; what is older goes in one more
constexpr std::int32_t kMonthsBack = 36;   // daily: files for single months; what is older goes in one more
constexpr std::int32_t kMonthsAround = 26;  // no window lies further from its month (see Calendar)
constexpr WindowKind kKinds[] = {WindowKind::kPrimary, WindowKind::kRefresh};

}  // namespace

std::string MonthTask::label() const { return month + "/" + std::string(collection::windowName(kind)); }

MonthTask MonthSchedule::task(std::string_view month, WindowKind kind) const {
  MonthTask out;
  out.month = month;
  out.kind = kind;
  out.window = calendar_.window(month, kind);
  const std::string over = firstDay(addMonths(month, 1));
  const std::string wanted = addDays(out.window.closes, -static_cast<std::int32_t>(days_before_close_));
  out.send_on = std::max({out.window.opens, over, wanted});
  return out;
}

std::vector<MonthTask> MonthSchedule::open(std::string_view today) const {
  std::vector<MonthTask> out;
  for (std::int32_t back = kMonthsAround; back >= -1; --back) {
    const std::string month = addMonths(today.substr(0, 7), -back);
    for (const WindowKind kind : kKinds) {
      MonthTask one = task(month, kind);
      if (one.window.opens <= today && today <= one.window.closes) out.push_back(std::move(one));
    }
  }
  return out;
}

std::optional<MonthTask> MonthSchedule::next(std::string_view today, const WasOpened& was_opened) const {
  std::optional<MonthTask> best;
  for (std::int32_t back = kMonthsAround; back >= -1; --back) {
    for (const WindowKind kind : kKinds) {
      MonthTask one = task(addMonths(today.substr(0, 7), -back), kind);
      if (one.window.closes < today || (best && best->send_on <= one.send_on) || was_opened(one.label())) continue;
      best = std::move(one);
    }
  }
  return best;
}

std::string MonthSchedule::heldBefore(std::string_view today, const WasOpened& was_opened) const {
  for (std::int32_t back = kMonthsAround; back > 0; --back) {
    const std::string month = addMonths(today.substr(0, 7), -back);
    const MonthTask refresh = task(month, WindowKind::kRefresh);
    if (today <= refresh.window.closes && !was_opened(refresh.label())) return firstDay(month);
  }
  return firstDay(today.substr(0, 7));
}

std::string MonthSchedule::heldBecause(std::string_view month, std::string_view today, const WasOpened& was_opened) const {
  const MonthTask refresh = task(month, WindowKind::kRefresh);
  if (today > refresh.window.closes) return "the refresh window of " + std::string(month) + " closed on " + refresh.window.closes;
  return was_opened(refresh.label()) ? "the refresh of " + std::string(month) + " has been sent"
                                     : "a later month's refresh has been sent";
}

std::vector<MonthTask> MonthSchedule::missed(std::string_view today, std::string_view from, const WasOpened& was_opened) const {
  constexpr std::int32_t kYear = 12;
  std::vector<MonthTask> out;
  for (std::int32_t back = kYear; back > 0; --back) {
    for (const WindowKind kind : kKinds) {
      MonthTask one = task(addMonths(today.substr(0, 7), -back), kind);
      if (one.window.closes < today && one.window.closes >= from && !was_opened(one.label())) out.push_back(std::move(one));
    }
  }
  return out;
}

DailyRange dailyRange(std::string_view today, std::optional<std::uint32_t> late_days) {
  DailyRange out;
  out.day = addDays(today, -1);
  out.until = today;
  if (late_days) out.from = addDays(today, -static_cast<std::int32_t>(std::max<std::uint32_t>(*late_days, 1)));
  return out;
}

std::vector<DailyFile> dailyFiles(const DailyRange& range, bool by_day) {
  std::vector<DailyFile> out;
  if (by_day) {
    const std::string oldest = range.from.empty() ? addDays(range.day, -kDaysBack) : range.from;
    for (std::string day = range.day; day >= oldest; day = addDays(day, -1)) out.push_back({day, day, addDays(day, 1)});
    if (range.from.empty()) out.push_back({oldest, "", oldest});
    return out;
  }
  const std::string own = range.day.substr(0, 7);
  for (std::int32_t back = 0; back <= kMonthsBack; ++back) {
    const std::string month = addMonths(own, -back);
    if (!range.from.empty() && lastDay(month) < range.from) return out;
    out.push_back({back == 0 ? range.day : firstDay(month), std::max(firstDay(month), range.from), back == 0 ? range.until : firstDay(addMonths(month, 1))});
  }
  // What is older still, for the receiver to judge.
  if (range.from.empty()) out.push_back({firstDay(addMonths(own, -kMonthsBack)), "", firstDay(addMonths(own, -kMonthsBack))});
  return out;
}

}  // namespace tributary::pipeline
