#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace tributary::net {

struct BreakerPolicy {
  std::uint32_t failures = 5;                        // in a row, that open it
  Duration open_for = std::chrono::seconds(30);      // then one trial is let through
  Duration max_open_for = std::chrono::minutes(10);  // doubled after each failed trial up to this
};

// A circuit breaker for one remote end: closed → open → half-open → closed. Safe from any thread. Only faults
// of the remote end count (no connection, time-out, 5xx), not its answers to bad data.
class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };

  explicit Breaker(const Clock& clock, BreakerPolicy policy = {}) : clock_(clock), policy_(policy) {}

  // Whether a call may go out now. In half-open it is true once, until success() or failure() is told.
  bool allow();
  void success();
  void failure();
  State state() const;
  // When the next call may go out; the present when it may now.
  Instant opensAgain() const;

 private:
  const Clock& clock_;
  const BreakerPolicy policy_;
  mutable std::mutex mutex_;
  std::uint32_t failures_ = 0;
  std::uint32_t trips_ = 0;
  bool trial_out_ = false;
  Instant open_until_{};
  State state_ = State::kClosed;
};

}  // namespace tributary::net
