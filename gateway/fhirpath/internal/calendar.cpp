#include "fhirpath/internal/calendar.h"

#include <chrono>

#include "fhirpath/internal/parser.h"

namespace tributary::fhirpath {
namespace {

constexpr std::int64_t kMillisecondsADay = 86'400'000;

std::int64_t floorDivide(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

std::optional<Temporal> addMonths(Temporal t, std::int64_t months) {
  const std::int64_t total = t.year * std::int64_t{12} + (t.month - 1) + months;
  const std::int64_t year = floorDivide(total, 12);
  if (year < 1 || year > 9999) return std::nullopt;
  t.year = static_cast<std::int16_t>(year);
  t.month = static_cast<std::uint8_t>(total - year * 12 + 1);
  const int last = daysInMonth(t.year, t.month);
  if (t.day > last) t.day = static_cast<std::uint8_t>(last);
  return t;
}

std::optional<Temporal> addDays(Temporal t, std::int64_t days) {
  if (days > 4'000'000 || days < -4'000'000) return std::nullopt;
  const auto start = std::chrono::sys_days(std::chrono::year(t.year) / std::chrono::month(t.month) /
                                           std::chrono::day(t.day));
  const std::chrono::year_month_day moved(start + std::chrono::days(days));
  const int year = static_cast<int>(moved.year());
  if (year < 1 || year > 9999) return std::nullopt;
  t.year = static_cast<std::int16_t>(year);
  t.month = static_cast<std::uint8_t>(static_cast<unsigned>(moved.month()));
  t.day = static_cast<std::uint8_t>(static_cast<unsigned>(moved.day()));
  return t;
}

std::int64_t millisecondsOf(DurationUnit unit) {
  switch (unit) {
    case DurationUnit::kWeek:
      return 7 * kMillisecondsADay;
    case DurationUnit::kDay:
      return kMillisecondsADay;
    case DurationUnit::kHour:
      return 3'600'000;
    case DurationUnit::kMinute:
      return 60'000;
    case DurationUnit::kSecond:
      return 1000;
    default:
      return 1;
  }
}

}  // namespace

int daysInMonth(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

std::optional<DurationUnit> durationUnit(const QuantityValue& q) {
  using enum DurationUnit;
  const std::string_view word = calendarUnit(q.unit);  // 'month' in quotes is taken for the calendar's
  if (word == "year") return kYear;
  if (word == "month") return kMonth;
  if (word == "week" || q.unit == "wk") return kWeek;
  if (word == "day" || q.unit == "d") return kDay;
  if (word == "hour" || q.unit == "h") return kHour;
  if (word == "minute" || q.unit == "min") return kMinute;
  if (word == "second" || q.unit == "s") return kSecond;
  if (word == "millisecond" || q.unit == "ms") return kMillisecond;
  return std::nullopt;
}

std::optional<Temporal> addDuration(const Temporal& to, ValueKind kind, std::int64_t amount,
                                    DurationUnit unit) {
  Temporal t = to;
  // More than 40,000 years lead nowhere, and below that nothing here overflows.
  const std::int64_t unit_size = unit <= DurationUnit::kMonth ? 30 * kMillisecondsADay : millisecondsOf(unit);
  if (amount > 15'000'000 * kMillisecondsADay / unit_size ||
      -amount > 15'000'000 * kMillisecondsADay / unit_size) {
    return std::nullopt;
  }
  if (kind != ValueKind::kTime) {
    // An amount finer than what is known: 24 months are 2 years, 36 hours are 1 day.
    if (unit == DurationUnit::kYear) return addMonths(t, amount * 12);
    if (unit == DurationUnit::kMonth) {
      return addMonths(t, t.precision == Precision::kYear ? amount / 12 * 12 : amount);
    }
    const std::int64_t days = amount * millisecondsOf(unit) / kMillisecondsADay;
    if (t.precision == Precision::kYear) return addMonths(t, days / 365 * 12);
    if (t.precision == Precision::kMonth) return addMonths(t, days / 30);
    if (t.precision == Precision::kDay || unit == DurationUnit::kWeek || unit == DurationUnit::kDay) {
      return addDays(t, days);
    }
  } else if (unit <= DurationUnit::kDay) {
    return t;  // whole days later it is the same time
  }
  if (t.precision == Precision::kHour) amount = amount * millisecondsOf(unit) / 3'600'000;
  if (t.precision == Precision::kMinute) amount = amount * millisecondsOf(unit) / 60'000;
  const std::int64_t scale = t.precision == Precision::kHour     ? 3'600'000
                             : t.precision == Precision::kMinute ? 60'000
                                                                 : millisecondsOf(unit);
  const std::int64_t now =
      t.hour * 3'600'000LL + t.minute * 60'000LL + t.second * 1000LL + t.nanosecond / 1'000'000;
  const std::int64_t sum = now + amount * scale;
  const std::int64_t days = floorDivide(sum, kMillisecondsADay);
  const std::int64_t rest = sum - days * kMillisecondsADay;
  t.hour = static_cast<std::uint8_t>(rest / 3'600'000);
  t.minute = static_cast<std::uint8_t>(rest / 60'000 % 60);
  t.second = static_cast<std::uint8_t>(rest / 1000 % 60);
  t.nanosecond = static_cast<std::int32_t>(rest % 1000 * 1'000'000 + t.nanosecond % 1'000'000);
  if (t.nanosecond != 0 && t.digits < 3) t.digits = 3;
  if (kind == ValueKind::kTime) return t;
  return addDays(t, days);
}

}  // namespace tributary::fhirpath
