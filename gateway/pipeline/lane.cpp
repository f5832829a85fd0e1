#include "pipeline/lane.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/fault_point.h"
#include "pipeline/travel_id.h"

namespace tributary::pipeline {
namespace {

using store::Submission;
using store::SubmissionState;
using store::SubmissionUpdate;

constexpr Duration kMinute{60'000};

const char* kindName(DestinationKind kind) { return kind == DestinationKind::kMesh ? "mesh" : "folder"; }

TimeZone zoneOf(std::string_view name) {
  auto zone = TimeZone::find(name);
  if (!zone) throw std::runtime_error(zone.error().text);
  return *zone;
}

}  // namespace

Lane::Lane(store::Store& store, std::shared_ptr<const collection::Collection> collection, DestinationConfig config,
           std::unique_ptr<deliver::Destination> destination, std::filesystem::path outbox, const Clock& clock, Log& log)
    : store_(store),
      collection_(std::move(collection)),
      config_(std::move(config)),
      destination_(std::move(destination)),
      outbox_(std::move(outbox)),
      clock_(clock),
      log_(log),
      zone_(zoneOf(collection_->timeZone())) {
  policy_.max_attempts = 0;
  policy_.max_age = std::chrono::hours(72);
  policy_.initial = std::chrono::milliseconds(500);
  policy_.max_delay = std::chrono::minutes(5);
  status_.name = config_.name;
  status_.kind = kindName(config_.kind);
  if (const collection::Calendar* calendar = collection_->calendar(); calendar != nullptr) {
    if (calendar->monthly()) schedule_.emplace(*calendar, config_.days_before_close);
    late_days_ = calendar->correctionDays();
  }
  if (config_.late_days) late_days_ = config_.late_days;
}

LaneStatus Lane::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Lane::run(std::stop_token stop) {
  destination_->stopWith(stop);
  while (!stop.stop_requested()) {
    auto moved = step();
    Duration pause = std::min<Duration>(config_.linger, Duration{1000});
    {
      const std::lock_guard lock(mutex_);
      status_.healthy = moved.has_value() && status_.healthy;
      if (!moved) {
        status_.healthy = false;
        status_.last_error = moved.error().text;
        pause = std::chrono::seconds(2);
      }
    }
    if (!moved) log_.error("delivery-fault", moved.error().text, {{"destination", config_.name}});
    if (moved && *moved) continue;
    if (!sleeper_.wait(stop, std::max<Duration>(pause, Duration{10}))) return;
  }
}

// Asks once whether the destination knows us (MESH: the handshake), and again every minute until it does. What is wrong is
// shown; sending goes on all the same, since each submission finds out for itself.
void Lane::greet() {
  const Instant now = clock_.now();
  if (greeted_ || now < next_greeting_) return;
  next_greeting_ = now + kMinute;
  const auto answer = destination_->probe();
  greeted_ = answer && answer->ready;
  const std::string text = answer ? answer->text : answer.error().text;
  if (!greeted_) log_.warning("destination-probe", text, {{"destination", config_.name}});
  const std::lock_guard lock(mutex_);
  if (!greeted_ || refused_greeting_) {
    status_.healthy = greeted_;
    status_.last_error = greeted_ ? "" : text;
  }
  refused_greeting_ = !greeted_;
}

Result<bool> Lane::step() {
  greet();
  TRY_ASSIGN(const bool advanced, advance());
  TRY_ASSIGN(const bool opened, open());
  TRY_ASSIGN(const bool polled, poll());
  TRY_VOID(sweep());
  if (!advanced && !opened && !polled) {
    TRY_ASSIGN(const auto under_way, store_.submissions({config_.name, kUnderWay, {}, {}, 0, 1}));
    TRY_ASSIGN(const auto awaiting, store_.submissions({config_.name, kAwaiting, {}, {}, 0, 1}));
    TRY_ASSIGN(const store::StoreStatus state, store_.status());
    TRY_VOID(lookAhead(state.pending_rows > 0));
    const std::lock_guard lock(mutex_);
    // What is kept for a later day or month is no work that is left; in a hurry nothing else can be pending here.
    const bool kept = config_.mode != DeliveryMode::kContinuous && hurry_;
    status_.kept = kept ? status_.periods.pending : 0;
    status_.idle = under_way.empty() && awaiting.empty() && !waiting_since_ && (kept || status_.periods.pending == 0);
    status_.doing = !under_way.empty() ? "waiting to send again" : !awaiting.empty() ? "waiting for answers" : waitsFor();
  }
  return advanced || opened || polled;
}

Result<bool> Lane::advance() {
  TRY_ASSIGN(const auto list, store_.submissions({config_.name, kUnderWay, {}, {}, 0, 16}));
  bool moved = false;
  for (Submission submission : list) {
    if (submission.state == SubmissionState::kAssembling) {
      if (auto written = assemble(submission); !written) {
        // The form cannot carry these rows, or the other side's template is not as it must be: the same would happen again.
        if (written.error().code != ErrorCode::kRejected) return std::unexpected(std::move(written).error());
        TRY_ASSIGN([[maybe_unused]] const bool settled,
                   settle(submission, {.verdict = deliver::SubmitVerdict::kRefused, .transport_id = {}, .reason = written.error().text}));
      }
      moved = true;
      continue;  // it is sent in the next round, in order
    }
    if (submission.next_attempt && *submission.next_attempt > clock_.now()) {
      const std::lock_guard lock(mutex_);
      status_.next_attempt = submission.next_attempt;
      return moved;  // those behind it wait as well: order
    }
    TRY_ASSIGN(const bool sent, send(submission));
    moved = moved || sent;
    if (!sent) return moved;
  }
  return moved;
}

deliver::Submission Lane::describe(const Submission& submission) const {
  deliver::Submission out;
  out.id = travelId(submission);
  out.collection = submission.collection;
  out.window_from = out.window_to = submission.created_at;
  out.file = submission.file_path;
  out.content_type = deliver::contentType(deliver::findForm(submission.format).value_or(deliver::FileForm::kCsvZip));
  out.bytes = submission.file_bytes;
  out.sha256 = submission.file_hash;
  return out;
}

Result<bool> Lane::send(const Submission& submission) {
  {
    const std::lock_guard lock(mutex_);
    status_.doing = "sending submission " + std::to_string(submission.id);
    status_.next_attempt.reset();
  }
  if (submission.state == SubmissionState::kSending) {
    // It was on its way when the gateway stopped, or its outcome was unknown: ask first.
    const deliver::SubmitOutcome outcome = destination_->resolve(describe(submission), submission.transport_id);
    return settle(submission, outcome);
  }
  SubmissionUpdate update;
  update.state = SubmissionState::kSending;
  update.count_attempt = true;
  FAULT_POINT("pipeline.lane.before_sending");
  TRY_ASSIGN(const Submission sending, store_.markSubmission(submission.id, update));
  FAULT_POINT("pipeline.lane.before_submit");
  const deliver::SubmitOutcome outcome = destination_->submit(describe(sending), sending.transport_id);
  FAULT_POINT("pipeline.lane.after_submit");
  return settle(sending, outcome);
}

Result<bool> Lane::settle(const Submission& submission, const deliver::SubmitOutcome& outcome) {
  SubmissionUpdate update;
  if (!outcome.transport_id.empty()) update.transport_id = outcome.transport_id;
  switch (outcome.verdict) {
    case deliver::SubmitVerdict::kTransportAccepted: {
      update.state = SubmissionState::kTransportAccepted;
      update.reason = "";
      update.next_attempt = Instant{};
      TRY_ASSIGN(const Submission accepted, store_.markSubmission(submission.id, update));
      FAULT_POINT("pipeline.lane.after_accepted");
      {
        const std::lock_guard lock(mutex_);
        status_.healthy = true;
        status_.last_error.clear();
      }
      next_poll_ = Instant{};  // an answer may be there soon
      if (config_.kind == DestinationKind::kFolder && !config_.expect_receipts) TRY_VOID(acceptAtOnce(accepted));
      return true;
    }
    case deliver::SubmitVerdict::kRefused: {
      update.state = SubmissionState::kFailed;
      update.reason = outcome.code + (outcome.code.empty() ? "" : ": ") + outcome.reason;
      TRY_ASSIGN([[maybe_unused]] const Submission failed, store_.markSubmission(submission.id, update));
      log_.error("submission-refused", *update.reason, {{"destination", config_.name}, {"submission", std::to_string(submission.id)}});
      const std::lock_guard lock(mutex_);
      status_.healthy = false;
      status_.last_error = *update.reason;
      return true;
    }
    case deliver::SubmitVerdict::kRetryLater:
    case deliver::SubmitVerdict::kUnknown: break;
  }
  // Retry or unknown: when, and in which state (an unknown one stays "sending", so that it is asked after first).
  const bool unknown = outcome.verdict == deliver::SubmitVerdict::kUnknown;
  const auto delay = net::nextDelay(policy_, std::max<std::uint32_t>(submission.attempts, 1), submission.created_at, clock_.now(),
                                    outcome.retry_after, net::systemRandom());
  update.reason = outcome.code + (outcome.code.empty() ? "" : ": ") + outcome.reason;
  if (!delay) {
    update.state = SubmissionState::kFailed;
    *update.reason += " (given up after " + std::to_string(submission.attempts) + " attempts)";
  } else {
    update.state = unknown ? SubmissionState::kSending : SubmissionState::kReady;
    update.next_attempt = clock_.now() + *delay;
  }
  TRY_ASSIGN([[maybe_unused]] const Submission waiting, store_.markSubmission(submission.id, update));
  log_.warning(unknown ? "submission-outcome-unknown" : "submission-retry", *update.reason,
               {{"destination", config_.name}, {"submission", std::to_string(submission.id)}});
  const std::lock_guard lock(mutex_);
  status_.healthy = false;
  status_.last_error = *update.reason;
  status_.next_attempt = update.next_attempt;
  return !delay;
}

}  // namespace tributary::pipeline
