// What goes into the next submission, and when: changes at once, yesterday once a day, or whole months as the calendar says.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/civil_date.h"
#include "base/fault_point.h"
#include "pipeline/lane.h"
#include "pipeline/month_file.h"

namespace tributary::pipeline {

using store::Submission;
using store::SubmissionRequest;
using store::SubmissionScope;
using store::SubmissionState;

namespace {

constexpr Duration kRetryPause = std::chrono::hours(1);       // of a month that could not be opened
constexpr Duration kProjectionPatience = std::chrono::hours(1);  // a month waits so long for what is still to be taken in or projected

// Any state but cancelled: the submission stands, whatever has become of it.
const std::vector<SubmissionState> kStanding = {
    SubmissionState::kAssembling, SubmissionState::kReady,        SubmissionState::kSending,      SubmissionState::kSent, SubmissionState::kTransportAccepted,
    SubmissionState::kFileAccepted, SubmissionState::kFileRejected, SubmissionState::kDone, SubmissionState::kFailed};

}  // namespace

std::string Lane::today() const { return civilDay(zone_.toCivil(clock_.now())); }

std::string Lane::civilSeconds(Instant instant) const {
  const CivilTime civil = zone_.toCivil(instant);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", int(civil.year), int(civil.month), int(civil.day), int(civil.hour),
                int(civil.minute), int(civil.second));
  return text;
}

bool Lane::byDay() const { return collection_->calendar() != nullptr && !collection_->calendar()->monthly(); }

// The reporting period that the header names: the day, where periods are days, else the month that the label lies in.
collection::Window Lane::windowOf(const std::string& label, Instant created) const {
  if (byDay() && label.size() == 10) return {label, label, civilSeconds(created)};
  return monthWindow(label.substr(0, 7), civilSeconds(created));
}

// By the clock on the wall: an hour that spring leaves out has passed once the next one begins, and one that autumn repeats
// counts from its first time on.
bool Lane::pastHour() const {
  const CivilTime civil = zone_.toCivil(clock_.now());
  const int hour = std::atoi(config_.at.c_str()), minute = config_.at.size() >= 5 ? std::atoi(config_.at.c_str() + 3) : 0;
  return civil.hour * 60 + civil.minute >= hour * 60 + minute;
}

SubmissionRequest Lane::request(SubmissionScope scope, std::string label) const {
  SubmissionRequest out;
  out.destination = config_.name;
  out.collection = std::string(collection_->id());
  out.window = std::move(label);
  out.format = deliver::formName(config_.format);
  for (const collection::Table& table : collection_->tables()) out.tables.push_back(table.name);
  out.scope = scope;
  out.max_rows = config_.max_rows;
  return out;
}

SubmissionRequest Lane::monthRequest(const std::string& month, std::string label) const {
  return wholeMonth(*collection_, config_, month, std::move(label));
}

Result<bool> Lane::wasOpened(const std::string& label) {
  store::SubmissionFilter filter{config_.name, kStanding, {}, {}, 0, 1};
  filter.window = label;
  TRY_ASSIGN(const auto found, store_.submissions(filter));
  return !found.empty();
}

// For the schedule, which knows no store. What cannot be read counts as opened (nothing is sent by mistake), and is told.
WasOpened Lane::wasOpenedOf(std::vector<std::string>& faults) {
  return [this, &faults](const std::string& label) {
    auto answer = wasOpened(label);
    if (!answer) faults.push_back(answer.error().text);
    return !answer || *answer;
  };
}

void Lane::alarm(const std::string& what, const std::string& text) {
  alarms_[what] = text;
  if (told_.insert(what + '\n' + text).second) log_.error("period-alarm", text, {{"destination", config_.name}});
}

Result<bool> Lane::opened(const std::optional<Submission>& submission) {
  if (!submission) return false;
  next_look_ = Instant{};
  const std::lock_guard lock(mutex_);
  ++status_.submissions;
  status_.idle = false;
  return true;
}

Result<bool> Lane::open() {
  switch (config_.mode) {
    case DeliveryMode::kContinuous: return openChanges();
    case DeliveryMode::kDaily: return openDaily();
    case DeliveryMode::kMonthly: return openMonthly();
  }
  return false;
}

bool Lane::changesDue() {
  const Instant now = clock_.now();
  const auto state = store_.status();
  if (!state || state->pending_rows == 0) {
    pending_since_.reset();
    return false;
  }
  if (!pending_since_) pending_since_ = now;
  return hurry_ || state->pending_rows >= config_.max_rows || now - *pending_since_ >= config_.linger;
}

Result<bool> Lane::openChanges() {
  if (!changesDue()) return false;
  const std::string day = today();
  const auto faults = headerFaults(*collection_, windowOf(day, clock_.now()), false);
  if (!faults.empty()) {
    alarm("header", "no file can be sent: " + faults.front());
    return false;
  }
  FAULT_POINT("pipeline.lane.before_open");
  TRY_ASSIGN(const auto submission, store_.openSubmission(request(SubmissionScope::kChanges, day)));
  FAULT_POINT("pipeline.lane.after_open");
  pending_since_.reset();
  return opened(submission);
}

Result<bool> Lane::dailyDue() {
  if (hurry_) return true;
  if (!pastHour()) return false;
  TRY_ASSIGN(const auto done, store_.cursor("destination/" + config_.name, "daily"));
  return !done || *done < today();
}

// One file each step until nothing is left, then the day is done. After days without the gateway the same files take all of
// them: what counts is what is pending, not how often the hour has struck.
Result<bool> Lane::openDaily() {
  TRY_ASSIGN(const bool due, dailyDue());
  if (!due) return false;
  const std::string day = today();
  const DailyRange range = dailyRange(day, late_days_);
  const auto faults = headerFaults(*collection_, windowOf(range.day, clock_.now()), false);
  if (!faults.empty()) {
    alarm("header", "no file can be sent: " + faults.front());
    return false;
  }
  for (const DailyFile& file : dailyFiles(range, byDay())) {
    SubmissionRequest wanted = request(SubmissionScope::kChanges, file.label);
    wanted.period_from = file.from;
    wanted.period_to = file.to;
    wanted.lasting_from = range.from;
    FAULT_POINT("pipeline.lane.before_open_day");
    TRY_ASSIGN(const auto submission, store_.openSubmission(wanted));
    FAULT_POINT("pipeline.lane.after_open_day");
    if (submission) return opened(submission);
  }
  TRY_VOID(store_.setCursor("destination/" + config_.name, "daily", day));
  return false;
}

// Months whose window is open and whose day has come, each once. The submission's label in the store says that it was opened, so
// there is nothing else that a crash could leave behind.
Result<bool> Lane::openMonthly() {
  if (!schedule_) {
    alarm("calendar", "the collection has no calendar of months, so none can be due; name one with collection.calendar");
    return false;
  }
  const std::string day = today();
  const Instant now = clock_.now();
  for (const MonthTask& task : schedule_->open(day)) {
    if (day < task.send_on || (day == task.send_on && !pastHour())) continue;
    const std::string label = task.label();
    if (const auto refused = refused_.find(label); refused != refused_.end() && now < refused->second) continue;
    TRY_ASSIGN(const bool done, wasOpened(label));
    if (done) continue;
    TRY_ASSIGN(const store::StoreStatus state, store_.status());
    if (state.dirty_subjects + state.leased_subjects > 0 || (ready_ && !ready_())) {
      if (!waiting_since_) waiting_since_ = now;
      if (now - *waiting_since_ < kProjectionPatience) return false;  // the file would lack what is on its way
      log_.warning("month-incomplete", "a month goes out though a source is behind or subjects are still to be projected; what comes later goes with the refresh",
                   {{"destination", config_.name}, {"window", label}});
    }
    waiting_since_.reset();
    const auto faults = headerFaults(*collection_, monthWindow(task.month, civilSeconds(now)), true);
    if (!faults.empty()) {
      refused_[label] = now + kRetryPause;
      alarm(label, label + " cannot be sent: " + faults.front());
      continue;
    }
    FAULT_POINT("pipeline.lane.before_open_month");
    TRY_ASSIGN(const auto submission, store_.openSubmission(monthRequest(task.month, label)));
    FAULT_POINT("pipeline.lane.after_open_month");
    if (!submission) {
      refused_[label] = now + kRetryPause;
      alarm(label, label + " cannot be sent: no row belongs to this month");
      continue;
    }
    alarms_.erase(label);
    log_.info("month-opened", "a whole month goes out", {{"destination", config_.name}, {"window", label}, {"rows", std::to_string(submission->rows)}});
    return opened(submission);
  }
  return false;
}

}  // namespace tributary::pipeline
