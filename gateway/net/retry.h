#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace tributary::net {

struct RetryPolicy {
  Duration initial = std::chrono::milliseconds(500);
  Duration max_delay = std::chrono::minutes(5);
  double multiplier = 2.0;
  std::uint32_t max_attempts = 8;                       // in all, the first one counted; 0: no limit
  Duration max_age = std::chrono::hours(24);            // from the first attempt; 0: no limit
  Duration retry_after_cap = std::chrono::minutes(15);  // a server may not ask for more than this
};

// Numbers in [0, 1); comes in from outside so that tests own it. systemRandom() is safe from any thread.
using RandomUnit = std::function<double()>;
RandomUnit systemRandom();

// "Full jitter": between 0 and min(max_delay, initial * multiplier^(attempts-1)). `attempts` made so far,
// from 1.
Duration backoff(const RetryPolicy& policy, std::uint32_t attempts, const RandomUnit& random);

// How long to wait before the next attempt; std::nullopt when attempts or age are used up. Pure, so that a
// queue can keep (attempts, first_attempt) in a store and go on after a restart. The server's own wish
// (Retry-After), capped, is a lower bound.
std::optional<Duration> nextDelay(const RetryPolicy& policy, std::uint32_t attempts, Instant first_attempt,
                                  Instant now, std::optional<Duration> retry_after, const RandomUnit& random);

// Retry-After, RFC 9110 10.2.3: seconds or HTTP-date (a past date is 0). Not capped here. std::nullopt if
// malformed.
std::optional<Duration> parseRetryAfter(std::string_view value, Instant now);

// What a status means for the same request sent again. 408, 425, 429, 502, 503, 504 and 500 are retryable;
// other 4xx and 501, 505 are permanent. 500, 502 and 504 to a request that must not be repeated are
// kUnknownOutcome.
RetryClass classifyStatus(int status, bool idempotent);

}  // namespace tributary::net
