#include "net/retry.h"

#include <gtest/gtest.h>

#include "base/civil_time.h"
#include "net/gzip.h"

namespace tributary::net {
namespace {

using namespace std::chrono_literals;

const Instant kNow = *parseInstant("2026-03-01T12:00:00Z");

TEST(Retry, GrowsWithFullJitterUpToTheCeiling) {
  const RetryPolicy policy{.initial = 1s, .max_delay = 10s};
  const RandomUnit almost_one = [] { return 0.999; };
  const RandomUnit zero = [] { return 0.0; };
  EXPECT_EQ(backoff(policy, 1, almost_one), 999ms);
  EXPECT_EQ(backoff(policy, 3, almost_one), 3996ms);
  EXPECT_EQ(backoff(policy, 30, almost_one), 9990ms);
  EXPECT_EQ(backoff(policy, 4'000'000'000U, almost_one), 9990ms);
  EXPECT_EQ(backoff(policy, 5, zero), 0ms);
  const RandomUnit system = systemRandom();
  for (int i = 0; i < 1000; ++i) {
    const double value = system();
    EXPECT_GE(value, 0.0);
    EXPECT_LT(value, 1.0);
  }
}

TEST(Retry, EndsByAttemptsAndByAge) {
  const RetryPolicy policy{.initial = 1s, .max_attempts = 3, .max_age = 1h};
  const RandomUnit half = [] { return 0.5; };
  EXPECT_EQ(nextDelay(policy, 2, kNow, kNow, std::nullopt, half), 1s);
  EXPECT_EQ(nextDelay(policy, 3, kNow, kNow, std::nullopt, half), std::nullopt);
  EXPECT_EQ(nextDelay(policy, 1, kNow - 2h, kNow, std::nullopt, half), std::nullopt);
  EXPECT_EQ(nextDelay(policy, 1, kNow - 59min, kNow, Duration(2min), half), std::nullopt);
}

TEST(Retry, TheServersWishIsALowerBoundUpToTheCap) {
  const RetryPolicy policy{.initial = 1s, .retry_after_cap = 1min};
  const RandomUnit half = [] { return 0.5; };
  EXPECT_EQ(nextDelay(policy, 1, kNow, kNow, Duration(20s), half), 20s);
  EXPECT_EQ(nextDelay(policy, 1, kNow, kNow, Duration(5h), half), 1min);
  EXPECT_EQ(nextDelay(policy, 1, kNow, kNow, Duration(0s), half), 500ms);
}

TEST(Retry, ReadsRetryAfter) {
  EXPECT_EQ(parseRetryAfter("120", kNow), 120s);
  EXPECT_EQ(parseRetryAfter(" 0 ", kNow), 0s);
  EXPECT_EQ(parseRetryAfter("Sun, 01 Mar 2026 12:00:30 GMT", kNow), 30s);
  EXPECT_EQ(parseRetryAfter("Sun, 01 Mar 2026 11:00:00 GMT", kNow), 0s);
  EXPECT_GT(*parseRetryAfter("99999999999999999999999999", kNow), 24h);
  for (const char* bad : {"", "-1", "soon", "1.5", "12x", "2026-03-01T12:00:00Z"}) {
    EXPECT_EQ(parseRetryAfter(bad, kNow), std::nullopt) << bad;
  }
}

TEST(Retry, ClassifiesStatuses) {
  for (const int status : {408, 425, 429, 503}) {
    EXPECT_EQ(classifyStatus(status, false), RetryClass::kRetryable) << status;
  }
  for (const int status : {500, 502, 504}) {
    EXPECT_EQ(classifyStatus(status, true), RetryClass::kRetryable) << status;
    EXPECT_EQ(classifyStatus(status, false), RetryClass::kUnknownOutcome) << status;
  }
  for (const int status : {400, 401, 403, 404, 409, 410, 417, 422, 501, 505}) {
    EXPECT_EQ(classifyStatus(status, true), RetryClass::kPermanent) << status;
  }
}

TEST(Gzip, RoundTripsAndIsDeterministic) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919);
  for (const std::string& bytes : {std::string(), std::string("x"), text}) {
    const std::string packed = gzipCompress(bytes);
    EXPECT_EQ(packed, gzipCompress(bytes));
    EXPECT_EQ(gzipDecompress(packed, 1 << 20).value(), bytes);
    EXPECT_EQ(gzipDecompress(packed + packed, 1 << 20).value(), bytes + bytes);
  }
}

TEST(Gzip, RefusesBombsAndRubbish) {
  const std::string bomb = gzipCompress(std::string(10 << 20, 'x'));
  const auto result = gzipDecompress(bomb, 1 << 20);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kLimit);
  EXPECT_FALSE(gzipDecompress("", 10));
  EXPECT_FALSE(gzipDecompress("not gzip", 10));
  EXPECT_FALSE(gzipDecompress(bomb.substr(0, bomb.size() - 1), 100 << 20));
  EXPECT_FALSE(gzipDecompress(bomb + "x", 100 << 20));
}

}  // namespace
}  // namespace tributary::net
