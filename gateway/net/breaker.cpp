#include "net/breaker.h"

#include <algorithm>

namespace tributary::net {

bool Breaker::allow() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kClosed) return true;
  if (state_ == State::kOpen) {
    if (clock_.now() < open_until_) return false;
    state_ = State::kHalfOpen;
    trial_out_ = false;
  }
  if (trial_out_) return false;
  trial_out_ = true;
  return true;
}

void Breaker::success() {
  const std::lock_guard lock(mutex_);
  failures_ = 0;
  trips_ = 0;
  trial_out_ = false;
  state_ = State::kClosed;
}

void Breaker::failure() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kOpen) return;  // a call that went out before it opened
  ++failures_;
  if (state_ == State::kClosed && failures_ < policy_.failures) return;
  Duration wait = policy_.open_for;
  for (std::uint32_t i = 0; i < trips_ && wait < policy_.max_open_for; ++i) wait *= 2;
  ++trips_;
  trial_out_ = false;
  state_ = State::kOpen;
  open_until_ = clock_.now() + std::min(wait, policy_.max_open_for);
}

Breaker::State Breaker::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Instant Breaker::opensAgain() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kOpen ? std::max(open_until_, clock_.now()) : clock_.now();
}

}  // namespace tributary::net
