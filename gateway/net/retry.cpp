#include "net/retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "base/civil_time.h"
#include "base/hash.h"

namespace tributary::net {

RandomUnit systemRandom() {
  return [] {
    std::array<std::byte, 8> bytes{};
    randomBytes(bytes);
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return static_cast<double>(value >> 11) * 0x1.0p-53;
  };
}

Duration backoff(const RetryPolicy& policy, std::uint32_t attempts, const RandomUnit& random) {
  const double exponent =
      attempts == 0 ? 0.0 : static_cast<double>(std::min<std::uint32_t>(attempts - 1, 64));
  const double grown = static_cast<double>(policy.initial.count()) * std::pow(policy.multiplier, exponent);
  const double ceiling = std::min(grown, static_cast<double>(policy.max_delay.count()));
  return Duration(static_cast<Duration::rep>(ceiling * random()));
}

std::optional<Duration> nextDelay(const RetryPolicy& policy, std::uint32_t attempts, Instant first_attempt,
                                  Instant now, std::optional<Duration> retry_after,
                                  const RandomUnit& random) {
  if (policy.max_attempts != 0 && attempts >= policy.max_attempts) return std::nullopt;
  Duration delay = backoff(policy, attempts, random);
  if (retry_after) delay = std::max(delay, std::min(*retry_after, policy.retry_after_cap));
  if (policy.max_age.count() != 0 && now + delay - first_attempt > policy.max_age) return std::nullopt;
  return delay;
}

std::optional<Duration> parseRetryAfter(std::string_view value, Instant now) {
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  if (value.front() >= '0' && value.front() <= '9') {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (end != value.data() + value.size()) return std::nullopt;
    // Longer than a number can say is "very long": the cap of the policy cuts it.
    constexpr std::int64_t kYear = 366LL * 24 * 3600;
    if (error == std::errc::result_out_of_range) seconds = kYear;
    return std::chrono::seconds(std::min(seconds, kYear));
  }
  const auto date = parseHttpDate(value);
  if (!date) return std::nullopt;
  return std::max(Duration::zero(), Duration(*date - now));
}

RetryClass classifyStatus(int status, bool idempotent) {
  switch (status) {
    case 408:
    case 425:
    case 429:
    case 503:
      return RetryClass::kRetryable;
    case 500:
    case 502:
    case 504:
      return idempotent ? RetryClass::kRetryable : RetryClass::kUnknownOutcome;
    default:
      return RetryClass::kPermanent;
  }
}

}  // namespace tributary::net
