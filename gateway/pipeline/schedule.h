#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collection/calendar.h"

namespace tributary::pipeline {

// One sending of one month.
struct MonthTask {
  std::string month;  // "2026-09"
  collection::WindowKind kind = collection::WindowKind::kPrimary;
  collection::SubmissionWindow window;
  std::string send_on;  // civil day from which it is sent
  // The label of its submission, which says that it was opened: "2026-09/primary".
  std::string label() const;
};

// Has a submission with this label been opened (and not been cancelled since)?
using WasOpened = std::function<bool(const std::string& label)>;

// What a collection's calendar asks of a destination in monthly mode, on one civil day. Pure: no clock, no store.
class MonthSchedule {
 public:
  // A month is sent `days_before_close` days before its window closes, but not before the window is open and the month over.
  MonthSchedule(const collection::Calendar& calendar, std::uint32_t days_before_close)
      : calendar_(calendar), days_before_close_(days_before_close) {}

  MonthTask task(std::string_view month, collection::WindowKind kind) const;
  // Tasks whose window is open on that day, refresh (the older month) first.
  std::vector<MonthTask> open(std::string_view today) const;
  // The next task that is not done: one whose window is open, or else the next to open.
  std::optional<MonthTask> next(std::string_view today, const WasOpened& was_opened) const;
  // The first day of the oldest month that will still be sent by itself: what ended before it is held back.
  std::string heldBefore(std::string_view today, const WasOpened& was_opened) const;
  // Why rows of that month are held back.
  std::string heldBecause(std::string_view month, std::string_view today, const WasOpened& was_opened) const;
  // Tasks of the last year whose window closed without a submission, since `from`.
  std::vector<MonthTask> missed(std::string_view today, std::string_view from, const WasOpened& was_opened) const;

 private:
  const collection::Calendar& calendar_;
  std::uint32_t days_before_close_;
};

// What a destination in daily mode sends on one civil day.
struct DailyRange {
  std::string day;    // of the activity: yesterday
  std::string until;  // first day that is not sent: today
  std::string from;   // first day that is still corrected; empty: no bound
};
// `late_days` counts from the day on which it is sent: with 14, on the 25th the 11th is the first that still goes.
DailyRange dailyRange(std::string_view today, std::optional<std::uint32_t> late_days);

// One file a reporting period, the day's own first; see docs/decisions/0002. Periods are calendar months, or single days where
// the collection's calendar says so.
struct DailyFile {
  std::string label;       // window of the submission: the day, or the first day of an earlier period
  std::string from, to;    // days, `to` not included; empty: no bound
};
std::vector<DailyFile> dailyFiles(const DailyRange& range, bool by_day = false);

}  // namespace tributary::pipeline
