#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/civil_time.h"
#include "collection/collection.h"
#include "deliver/destination.h"
#include "ingest/source.h"
#include "net/retry.h"
#include "pipeline/config.h"
#include "pipeline/log.h"
#include "pipeline/schedule.h"
#include "store/store.h"

namespace tributary::pipeline {

// Rows that will not be sent by themselves, and why.
struct HeldRows {
  std::string month, reason;
  std::uint64_t rows = 0;
};

// Daily and monthly modes: which period is spoken of, what is due next, what waits and what is held back.
struct PeriodStatus {
  std::string mode;                  // "continuous", "daily", "monthly"
  std::string period;                // "2026-11-24", "2026-10"; empty in continuous mode
  std::vector<std::string> windows;  // monthly: those that are open, "refresh of 2026-09 until 2026-11-13"
  std::string next;                  // "primary of 2026-10 on 2026-12-11 at 02:00"
  std::uint64_t pending = 0;         // rows that wait, held ones included
  std::uint64_t held = 0;
  std::vector<HeldRows> held_rows;   // newest months first, at most kMostHeldMonths; the last one sums up the rest
  std::vector<std::string> alarms;   // what a person must see to: a month that could not be sent, a window that was missed
};

// What the file of a month would hold, before anything is sent.
struct MonthPreview {
  struct Count {
    std::string table;
    std::uint64_t rows = 0, changed = 0, deletes = 0;  // `changed`: of rows, those that the destination has not got yet
  };
  std::string month, destination;
  std::vector<Count> tables;
  std::uint64_t rows = 0, changed = 0, deletes = 0, left_out = 0;
  std::string confirm;                // a digest of what would be sent; to be given back with the order to send
  std::vector<std::string> refusals;  // why it cannot be sent; empty: it can
};

struct RebuildAnswer {
  std::uint64_t submission = 0;
  bool repeated = false;  // the same order had been given before: nothing new was opened
};

// What an operator is shown of a destination.
struct LaneStatus {
  std::string name, kind, doing;
  bool healthy = true;
  std::string last_error;
  std::optional<Instant> next_attempt;
  std::uint64_t submissions = 0, rows_accepted = 0, rows_rejected = 0;  // since the start of the process
  bool idle = false;  // nothing pending, nothing under way, every answer received
  std::uint64_t kept = 0;  // in a hurry: pending rows that wait for a later day or month all the same
  PeriodStatus periods;
};

// One destination's way out: opens submissions, assembles, sends, asks, and applies receipts. Lanes share nothing but the
// store, so a destination that is down holds up no other. Submissions leave in order; one that may be tried again holds
// those behind it, one that never will is set aside at once.
class Lane {
 public:
  Lane(store::Store& store, std::shared_ptr<const collection::Collection> collection, DestinationConfig config,
       std::unique_ptr<deliver::Destination> destination, std::filesystem::path outbox, const Clock& clock, Log& log);

  void run(std::stop_token stop);
  // One round of run(), for it and for tests. True: something moved, look again at once.
  Result<bool> step();
  void wake() { sleeper_.wake(); }
  LaneStatus status() const;
  const std::string& name() const { return config_.name; }
  std::uint64_t assembleTime() const { return assemble_ns_; }  // nanoseconds spent writing files
  // From now on nothing waits for company: what is pending goes at once (draining). A month still waits for its window.
  void hurry() { hurry_ = true; wake(); }

  // Before run(): whether everything that the sources have is taken in and projected. A month waits for it.
  void setReadiness(std::function<bool()> ready) { ready_ = std::move(ready); }

  // ---- any thread: sending a past month again, from what is held now ----
  Result<MonthPreview> previewMonth(const std::string& month);
  // `confirm` is that of the preview. kConflict: something else would be sent by now, or it cannot be sent.
  Result<RebuildAnswer> rebuild(const std::string& month, const std::string& confirm, const std::string& actor);

 private:
  Result<bool> open();
  Result<bool> openChanges();
  Result<bool> openDaily();
  Result<bool> openMonthly();
  Result<bool> opened(const std::optional<store::Submission>& submission);
  store::SubmissionRequest request(store::SubmissionScope scope, std::string label) const;
  store::SubmissionRequest monthRequest(const std::string& month, std::string label) const;
  Result<bool> wasOpened(const std::string& label);
  WasOpened wasOpenedOf(std::vector<std::string>& faults);
  Result<bool> advance();
  Result<void> assemble(store::Submission submission);
  Result<bool> checkFile(store::Submission& submission);
  Result<void> refuseFile(const store::Submission& submission, const std::string& reason);
  Result<bool> send(const store::Submission& submission);
  Result<bool> settle(const store::Submission& submission, const deliver::SubmitOutcome& outcome);
  Result<bool> poll();
  Result<void> apply(const deliver::Receipt& receipt);
  Result<void> keepUnreadable(const deliver::Receipt& receipt);
  Result<void> countOutcomes(std::uint64_t submission);
  Result<void> acceptAtOnce(const store::Submission& submission);

  Result<void> sweep();
  void greet();
  bool changesDue();
  Result<bool> dailyDue();
  bool pastHour() const;
  Result<void> lookAhead(bool rows_pending);
  Result<void> lookAtDays(PeriodStatus& out);
  Result<void> lookAtMonths(PeriodStatus& out);
  Result<void> countHeld(PeriodStatus& out, const std::string& before, const std::function<std::string(const std::string&)>& why);
  std::string waitsFor() const;  // under mutex_
  void alarm(const std::string& what, const std::string& text);
  std::string today() const;
  std::string civilSeconds(Instant instant) const;
  bool byDay() const;
  collection::Window windowOf(const std::string& label, Instant created) const;
  deliver::Submission describe(const store::Submission& submission) const;
  Result<std::vector<std::uint64_t>> deletesOf(std::uint64_t submission, const store::SubmissionTable& table, bool deletes);

  store::Store& store_;
  std::shared_ptr<const collection::Collection> collection_;
  DestinationConfig config_;
  std::unique_ptr<deliver::Destination> destination_;
  std::filesystem::path outbox_;
  const Clock& clock_;
  Log& log_;
  TimeZone zone_;
  net::RetryPolicy policy_;
  ingest::Sleeper sleeper_;
  std::atomic<bool> hurry_{false};
  std::atomic<std::uint64_t> assemble_ns_{0};
  std::optional<Instant> pending_since_;
  std::set<std::string> told_;  // header rules, alarms: each is logged once
  // Read by the lane's own thread only:
  std::optional<MonthSchedule> schedule_;
  std::optional<std::uint32_t> late_days_;
  std::map<std::string, std::string> alarms_;   // label or window → text, while it lasts
  std::map<std::string, Instant> refused_;      // labels that could not be sent → when to try again
  Instant next_look_{};
  std::optional<Instant> waiting_since_;  // a month waits for what is still to be taken in or projected
  std::function<bool()> ready_;
  std::mutex rebuild_;                    // one order at a time
  Instant next_poll_{}, next_sweep_{};
  bool greeted_ = false, refused_greeting_ = false;
  Instant next_greeting_{};
  bool poll_failed_ = false;
  mutable std::mutex mutex_;
  LaneStatus status_;
};

}  // namespace tributary::pipeline
