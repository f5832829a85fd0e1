// What an operator sees of days and months (what is due, what waits, what is held back and why), and sending a month again.
#include <algorithm>
#include <map>

#include "base/civil_date.h"
#include "base/fault_point.h"
#include "base/sha256_stream.h"
#include "pipeline/lane.h"
#include "pipeline/month_file.h"

namespace tributary::pipeline {

using store::PendingMonth;

namespace {

constexpr Duration kLookInterval{5'000};
constexpr std::size_t kMostHeldMonths = 12;
constexpr std::int32_t kMissedDays = 31;  // how long a missed window stays an alarm
constexpr std::size_t kConfirmLength = 12;

std::string rebuildLabel(const std::string& month, const std::string& confirm) { return month + "/rebuild-" + confirm.substr(0, kConfirmLength); }

}  // namespace

std::string Lane::waitsFor() const {
  if (config_.mode == DeliveryMode::kContinuous) return "waiting for rows";
  return status_.periods.next.empty() ? "nothing is due" : "waiting for " + status_.periods.next;
}

Result<void> Lane::lookAhead(bool rows_pending) {
  const bool kept = config_.mode != DeliveryMode::kContinuous;
  if (kept && !hurry_ && clock_.now() < next_look_) return {};
  next_look_ = clock_.now() + kLookInterval;
  PeriodStatus out;
  out.mode = config_.mode == DeliveryMode::kMonthly ? "monthly" : kept ? "daily" : "continuous";
  if (rows_pending) {
    TRY_ASSIGN(const auto all, store_.pendingBefore(config_.name, ""));
    for (const PendingMonth& month : all) out.pending += month.rows;
  }
  if (config_.mode == DeliveryMode::kDaily) TRY_VOID(lookAtDays(out));
  if (config_.mode == DeliveryMode::kMonthly) TRY_VOID(lookAtMonths(out));
  for (const auto& [what, text] : alarms_) out.alarms.push_back(text);
  const std::uint64_t before = status_.periods.held;  // only this thread writes it
  if (out.held != before) {
    log_.warning("rows-held", out.held == 0 ? "no row is held back any more" : "rows are held back: " + out.held_rows.front().reason,
                 {{"destination", config_.name}, {"rows", std::to_string(out.held)}});
  }
  const std::lock_guard lock(mutex_);
  status_.periods = std::move(out);
  return {};
}

Result<void> Lane::countHeld(PeriodStatus& out, const std::string& before, const std::function<std::string(const std::string&)>& why) {
  if (out.pending == 0) return {};
  TRY_ASSIGN(const auto months, store_.pendingBefore(config_.name, before));
  for (auto month = months.rbegin(); month != months.rend(); ++month) {
    out.held += month->rows;
    if (out.held_rows.size() < kMostHeldMonths) {
      out.held_rows.push_back({month->month, why(month->month), month->rows});
    } else {
      out.held_rows.back().rows += month->rows;
      out.held_rows.back().reason = "this month and those before it: " + why(out.held_rows.back().month);
    }
  }
  return {};
}

Result<void> Lane::lookAtDays(PeriodStatus& out) {
  const std::string day = today();
  TRY_ASSIGN(const auto done, store_.cursor("destination/" + config_.name, "daily"));
  const bool sent = done && *done >= day;
  out.period = addDays(day, sent ? 0 : -1);
  out.next = "the activity of " + out.period + " on " + (sent ? addDays(day, 1) : day) + " at " + config_.at;
  if (!late_days_) return {};
  const DailyRange range = dailyRange(sent ? addDays(day, 1) : day, late_days_);
  return countHeld(out, range.from, [&](const std::string&) {
    return "later than " + std::to_string(*late_days_) + " days: before " + range.from + " nothing is corrected any more";
  });
}

Result<void> Lane::lookAtMonths(PeriodStatus& out) {
  if (!schedule_) return {};
  const std::string day = today(), name = "destination/" + config_.name;
  std::vector<std::string> faults;
  const WasOpened opened = wasOpenedOf(faults);
  for (const MonthTask& task : schedule_->open(day)) {
    out.windows.push_back(std::string(collection::windowName(task.kind)) + " of " + task.month + " until " + task.window.closes +
                          (opened(task.label()) ? ", sent" : "") + (task.window.published ? "" : " (assumed)"));
  }
  if (const auto next = schedule_->next(day, opened)) {
    out.period = next->month;
    out.next = std::string(collection::windowName(next->kind)) + " of " + next->month + " on " + next->send_on + " at " + config_.at;
  }
  TRY_VOID(countHeld(out, schedule_->heldBefore(day, opened), [&](const std::string& month) {
    return schedule_->heldBecause(month, day, opened) + "; `tributary rebuild " + month + "` sends it by hand";
  }));
  // Windows that closed before this destination was first here were somebody else's to meet.
  TRY_ASSIGN(auto since, store_.cursor(name, "monthly-since"));
  if (!since) {
    since = day;
    TRY_VOID(store_.setCursor(name, "monthly-since", day));
  }
  std::erase_if(alarms_, [](const auto& one) { return one.first.starts_with("missed "); });
  for (const MonthTask& task : schedule_->missed(day, std::max(*since, addDays(day, -kMissedDays)), opened)) {
    alarm("missed " + task.label(), "the " + std::string(collection::windowName(task.kind)) + " window of " + task.month + " closed on " +
                                        task.window.closes + " without a submission");
  }
  if (!faults.empty()) return fail(ErrorCode::kUnavailable, faults.front());
  return {};
}

// Any thread: reads the store only.
Result<MonthPreview> Lane::previewMonth(const std::string& month) {
  if (!parseMonth(month)) return fail(ErrorCode::kInvalidArgument, "'" + month + "' is no month; write it as 2026-09");
  MonthPreview out;
  out.month = month;
  out.destination = config_.name;
  if (lastDay(month) >= today()) out.refusals.push_back(month + " is not over yet");
  FileRules rules(collection_);
  Sha256Stream digest;
  std::vector<store::SubmissionTable> counts;
  Result<void> fault;
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t read, store_.previewSubmission(monthRequest(month, month), [&](const store::SubmissionRow& row) {
    if (out.tables.empty() || out.tables.back().table != row.table) {
      out.tables.push_back({std::string(row.table), 0, 0, 0});
      counts.push_back({std::string(row.table), row.number, 0, 0});
    }
    MonthPreview::Count& count = out.tables.back();
    ++(row.deleted ? count.deletes : count.rows);
    ++counts.back().rows;
    counts.back().deletes += row.deleted ? 1 : 0;
    count.changed += !row.deleted && !row.context ? 1 : 0;
    for (const std::string_view part : {row.table, row.key}) {
      digest.add(part);
      digest.add("\n");
    }
    digest.add(std::to_string(row.version) + (row.deleted ? "-\n" : "+\n"));
    const auto table = collection_->findTable(row.table);
    if (table && !row.deleted && rules.watches(*table)) fault = rules.add(*table, row);
    return fault.has_value();
  }));
  TRY_VOID(fault);
  for (const MonthPreview::Count& count : out.tables) {
    out.rows += count.rows;
    out.changed += count.changed;
    out.deletes += count.deletes;
  }
  out.left_out = rules.leftOut().size();
  out.confirm = digest.finishHex();
  for (std::string& text : headerFaults(*collection_, monthWindow(month, civilSeconds(clock_.now())), true)) out.refusals.push_back(std::move(text));
  for (std::string& text : emptyTables(*collection_, counts)) out.refusals.push_back(std::move(text));
  return out;
}

// Any thread. The label holds the digest of the preview, so the same order given twice is one submission.
Result<RebuildAnswer> Lane::rebuild(const std::string& month, const std::string& confirm, const std::string& actor) {
  const std::lock_guard one_at_a_time(rebuild_);
  TRY_ASSIGN(const MonthPreview preview, previewMonth(month));
  const bool shaped = confirm.size() >= kConfirmLength && std::all_of(confirm.begin(), confirm.end(), [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                      });
  if (!shaped) return fail(ErrorCode::kInvalidArgument, "'confirm' must be the digest that the preview gave");
  const std::string label = rebuildLabel(month, confirm);
  store::SubmissionFilter filter{config_.name, {}, {}, {}, 0, 1000};
  filter.window = label;
  TRY_ASSIGN(const auto before, store_.submissions(filter));
  for (const store::Submission& submission : before) {
    if (submission.state != store::SubmissionState::kCancelled) return RebuildAnswer{submission.id, true};
  }
  if (!preview.refusals.empty()) return fail(ErrorCode::kConflict, month + " cannot be sent: " + preview.refusals.front());
  if (!preview.confirm.starts_with(confirm)) {
    return fail(ErrorCode::kConflict, "what is held of " + month + " has changed since the preview; look at it again");
  }
  const std::string target = config_.name + "/" + month;
  TRY_VOID(store_.audit(std::vector<store::AuditEntry>{
      {actor, "rebuild", target, std::to_string(preview.rows) + " rows, " + std::to_string(preview.changed) + " of them changed, " +
                                     std::to_string(preview.deletes) + " deletes, confirmed as " + confirm.substr(0, kConfirmLength)}}));
  FAULT_POINT("pipeline.lane.before_rebuild");
  TRY_ASSIGN(const auto submission, store_.openSubmission(monthRequest(month, label)));
  FAULT_POINT("pipeline.lane.after_rebuild");
  if (!submission) return fail(ErrorCode::kNotFound, "nothing is held of " + month);
  log_.info("rebuild", "a past month is sent again by hand", {{"destination", config_.name}, {"month", month}, {"submission", std::to_string(submission->id)}});
  wake();
  return RebuildAnswer{submission->id, false};
}

}  // namespace tributary::pipeline
