#pragma once
#include <atomic>
#include <filesystem>
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
#include "store/store.h"

namespace tributary::pipeline {

// What an operator is shown of a destination.
struct LaneStatus {
  std::string name, kind, doing;
  bool healthy = true;
  std::string last_error;
  std::optional<Instant> next_attempt;
  std::uint64_t submissions = 0, rows_accepted = 0, rows_rejected = 0;  // since the start of the process
  bool idle = false;  // nothing pending, nothing under way, every answer received
};

// One destination's way out: opens submissions, assembles, sends, asks, and applies receipts. Lanes share nothing but the
// store, so a destination that is down holds up no other. Submissions leave in order; one that may be tried again holds
// those behind it, one that never will is set aside at once.
class Lane {
 public:
  Lane(store::Store& store, std::shared_ptr<const collection::Collection> collection, DestinationConfig config,
       std::unique_ptr<deliver::Destination> destination, std::filesystem::path outbox, const Clock& clock, Log& log);

  void run(std::stop_token stop);
  void wake() { sleeper_.wake(); }
  LaneStatus status() const;
  std::uint64_t assembleTime() const { return assemble_ns_; }  // nanoseconds spent writing files
  // From now on nothing waits for company: what is pending goes at once (draining).
  void hurry() { hurry_ = true; wake(); }

 private:
  Result<bool> step();  // true: something moved, look again at once
  Result<bool> open();
  Result<std::optional<store::Submission>> openByMonth(store::SubmissionRequest request);
  Result<bool> advance();
  Result<void> assemble(const store::Submission& submission);
  Result<bool> send(const store::Submission& submission);
  Result<bool> settle(const store::Submission& submission, const deliver::SubmitOutcome& outcome);
  Result<bool> poll();
  Result<void> apply(const deliver::Receipt& receipt);
  Result<void> countOutcomes(std::uint64_t submission);
  Result<void> acceptAtOnce(const store::Submission& submission);

  void greet();
  bool due();
  collection::Window windowOf(const store::Submission& submission) const;
  std::string civilDate(Instant instant) const;
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
  std::set<std::string> told_header_rules_;
  Instant next_poll_{};
  bool greeted_ = false, refused_greeting_ = false;
  Instant next_greeting_{};
  bool poll_failed_ = false;
  mutable std::mutex mutex_;
  LaneStatus status_;
};

}  // namespace tributary::pipeline
