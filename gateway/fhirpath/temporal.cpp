#include "fhirpath/temporal.h"

#include <chrono>
#include <cstdlib>

namespace tributary::fhirpath {
namespace {

// Reads exactly `count` digits at `text`, which it moves on; -1 when they are not there.
int digitsAt(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

int daysIn(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

bool datePart(std::string_view& text, Temporal& out) {
  const int year = digitsAt(text, 4);
  if (year < 1) return false;
  out.year = static_cast<std::int16_t>(year);
  out.precision = Precision::kYear;
  if (!take(text, '-')) return true;
  const int month = digitsAt(text, 2);
  if (month < 1 || month > 12) return false;
  out.month = static_cast<std::uint8_t>(month);
  out.precision = Precision::kMonth;
  if (!take(text, '-')) return true;
  const int day = digitsAt(text, 2);
  if (day < 1 || day > daysIn(year, month)) return false;
  out.day = static_cast<std::uint8_t>(day);
  out.precision = Precision::kDay;
  return true;
}

bool timePart(std::string_view& text, Temporal& out) {
  const int hour = digitsAt(text, 2);
  if (hour < 0 || hour > 23) return false;
  out.hour = static_cast<std::uint8_t>(hour);
  out.precision = Precision::kHour;
  if (!take(text, ':')) return true;
  const int minute = digitsAt(text, 2);
  if (minute < 0 || minute > 59) return false;
  out.minute = static_cast<std::uint8_t>(minute);
  out.precision = Precision::kMinute;
  if (!take(text, ':')) return true;
  const int second = digitsAt(text, 2);
  if (second < 0 || second > 60) return false;  // 60: a leap second, FHIR R4 2.24.0.1 (time)
  out.second = static_cast<std::uint8_t>(second);
  out.precision = Precision::kSecond;
  if (!take(text, '.')) return true;
  std::int32_t unit = 100'000'000;
  std::uint8_t count = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    out.nanosecond += (text.front() - '0') * unit;
    unit /= 10;
    if (count < 9) ++count;
    text.remove_prefix(1);
  }
  out.digits = count;
  return count > 0;
}

bool zonePart(std::string_view& text, Temporal& out) {
  if (take(text, 'Z')) {
    out.zone = 0;
    return true;
  }
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return true;
  const bool negative = text.front() == '-';
  text.remove_prefix(1);
  const int hour = digitsAt(text, 2);
  if (hour < 0 || hour > 14 || !take(text, ':')) return false;
  const int minute = digitsAt(text, 2);
  if (minute < 0 || minute > 59) return false;
  const int total = hour * 60 + minute;
  out.zone = static_cast<std::int16_t>(negative ? -total : total);
  return true;
}

class Writer {
 public:
  explicit Writer(std::span<char> buffer) : buffer_(buffer) {}
  void put(char c) {
    if (size_ < buffer_.size()) buffer_[size_++] = c;
  }
  void number(std::int64_t value, int width) {
    std::int64_t unit = 1;
    for (int i = 1; i < width; ++i) unit *= 10;
    for (; unit > 0; unit /= 10) put(static_cast<char>('0' + (value / unit) % 10));
  }
  std::string_view view() const { return {buffer_.data(), size_}; }

 private:
  std::span<char> buffer_;
  std::size_t size_ = 0;
};

void writeDate(Writer& out, const Temporal& t) {
  out.number(t.year, 4);
  if (t.precision < Precision::kMonth) return;
  out.put('-');
  out.number(t.month, 2);
  if (t.precision < Precision::kDay) return;
  out.put('-');
  out.number(t.day, 2);
}

void writeTime(Writer& out, const Temporal& t) {
  out.number(t.hour, 2);
  if (t.precision < Precision::kMinute) return;
  out.put(':');
  out.number(t.minute, 2);
  if (t.precision < Precision::kSecond) return;
  out.put(':');
  out.number(t.second, 2);
  if (t.digits == 0) return;
  out.put('.');
  std::int32_t rest = t.nanosecond;
  std::int32_t unit = 100'000'000;
  for (int i = 0; i < t.digits; ++i) {
    out.put(static_cast<char>('0' + rest / unit));
    rest %= unit;
    unit /= 10;
  }
}

// Nanoseconds are enough for 292 years; a day count apart keeps all years exact.
struct Moment {
  std::int64_t second;  // since 1970, of the wall clock
  std::int32_t nanosecond;
  friend auto operator<=>(const Moment&, const Moment&) = default;
};

Moment momentOf(const Temporal& t) {
  const auto days = std::chrono::sys_days(std::chrono::year(t.year) / std::chrono::month(t.month) /
                                          std::chrono::day(t.day));
  return {days.time_since_epoch().count() * std::int64_t{86400} + t.hour * 3600 + t.minute * 60 + t.second,
          t.nanosecond};
}

// The first and (exclusive) last moment that the value may stand for, on its wall clock.
std::pair<Moment, Moment> rangeOf(const Temporal& t) {
  const Moment first = momentOf(t);
  Moment last = first;
  switch (t.precision) {
    case Precision::kYear: {
      const auto end = std::chrono::sys_days(std::chrono::year(t.year + 1) / std::chrono::January / 1);
      last = {end.time_since_epoch().count() * std::int64_t{86400}, 0};
      break;
    }
    case Precision::kMonth:
      last.second += std::int64_t{86400} * daysIn(t.year, t.month);
      break;
    case Precision::kDay:
      last.second += 86400;
      break;
    case Precision::kHour:
      last.second += 3600;
      break;
    case Precision::kMinute:
      last.second += 60;
      break;
    case Precision::kSecond:
      last.nanosecond += 1;
      break;
  }
  return {first, last};
}

void toUtc(Temporal& t) {
  if (t.zone == 0 || t.precision < Precision::kHour) return;
  Moment m = momentOf(t);
  m.second -= t.zone * 60;
  const auto day_count = (m.second >= 0 ? m.second : m.second - 86399) / 86400;
  const std::chrono::year_month_day ymd{std::chrono::sys_days(std::chrono::days(day_count))};
  const auto in_day = m.second - day_count * 86400;
  t.year = static_cast<std::int16_t>(static_cast<int>(ymd.year()));
  t.month = static_cast<std::uint8_t>(static_cast<unsigned>(ymd.month()));
  t.day = static_cast<std::uint8_t>(static_cast<unsigned>(ymd.day()));
  t.hour = static_cast<std::uint8_t>(in_day / 3600);
  t.minute = static_cast<std::uint8_t>(in_day / 60 % 60);
  t.second = static_cast<std::uint8_t>(in_day % 60);
  t.zone = 0;
}

std::optional<std::strong_ordering> compareFields(const Temporal& a, const Temporal& b) {
  const int fields_a[] = {a.year, a.month, a.day, a.hour, a.minute, a.second};
  const int fields_b[] = {b.year, b.month, b.day, b.hour, b.minute, b.second};
  const auto shared = static_cast<int>(std::min(a.precision, b.precision));
  for (int i = 0; i <= shared; ++i) {
    if (fields_a[i] != fields_b[i]) return fields_a[i] <=> fields_b[i];
  }
  if (a.precision != b.precision) return std::nullopt;
  if (a.precision == Precision::kSecond) return a.nanosecond <=> b.nanosecond;
  return std::strong_ordering::equal;
}

}  // namespace

std::optional<Temporal> Temporal::parseDate(std::string_view text) {
  Temporal out;
  if (!datePart(text, out) || !text.empty()) return std::nullopt;
  return out;
}

std::optional<Temporal> Temporal::parseDateTime(std::string_view text) {
  Temporal out;
  if (!datePart(text, out)) return std::nullopt;
  if (take(text, 'T') && !text.empty()) {
    if (out.precision != Precision::kDay || !timePart(text, out) || !zonePart(text, out)) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

std::optional<Temporal> Temporal::parseTime(std::string_view text) {
  Temporal out;
  if (!timePart(text, out) || !text.empty()) return std::nullopt;
  return out;
}

Temporal Temporal::fromInstant(Instant instant, std::int16_t zone) {
  const auto local = instant + std::chrono::minutes(zone);
  const auto days = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day ymd(days);
  const std::chrono::hh_mm_ss<Duration> clock(local - days);
  Temporal t;
  t.year = static_cast<std::int16_t>(static_cast<int>(ymd.year()));
  t.month = static_cast<std::uint8_t>(static_cast<unsigned>(ymd.month()));
  t.day = static_cast<std::uint8_t>(static_cast<unsigned>(ymd.day()));
  t.hour = static_cast<std::uint8_t>(clock.hours().count());
  t.minute = static_cast<std::uint8_t>(clock.minutes().count());
  t.second = static_cast<std::uint8_t>(clock.seconds().count());
  t.nanosecond = static_cast<std::int32_t>(clock.subseconds().count() * 1'000'000);
  t.digits = 3;
  t.precision = Precision::kSecond;
  t.zone = zone;
  return t;
}

std::string_view Temporal::formatDate(std::span<char> buffer) const {
  Writer out(buffer);
  writeDate(out, *this);
  return out.view();
}

std::string_view Temporal::formatDateTime(std::span<char> buffer) const {
  Writer out(buffer);
  writeDate(out, *this);
  if (precision >= Precision::kHour) {
    out.put('T');
    writeTime(out, *this);
    if (zone == 0) {
      out.put('Z');
    } else if (hasZone()) {
      out.put(zone < 0 ? '-' : '+');
      const int minutes = std::abs(static_cast<int>(zone));
      out.number(minutes / 60, 2);
      out.put(':');
      out.number(minutes % 60, 2);
    }
  }
  return out.view();
}

std::string_view Temporal::formatTime(std::span<char> buffer) const {
  Writer out(buffer);
  writeTime(out, *this);
  return out.view();
}

std::int64_t Temporal::utcSecond() const {
  return momentOf(*this).second - zone * 60;
}

std::optional<std::strong_ordering> Temporal::compare(const Temporal& first, const Temporal& second,
                                                      std::int16_t default_zone) {
  Temporal a = first, b = second;
  if (a.hasZone() != b.hasZone() && default_zone != kNoZone) {
    if (!a.hasZone() && a.precision >= Precision::kHour) a.zone = default_zone;
    if (!b.hasZone() && b.precision >= Precision::kHour) b.zone = default_zone;
  }
  if (a.hasZone() == b.hasZone()) {
    if (a.hasZone() && a.zone != b.zone) {
      toUtc(a);
      toUtc(b);
    }
    return compareFields(a, b);
  }
  // One zone is not known: it lies between -12:00 and +14:00.
  auto [a_first, a_last] = rangeOf(a);
  auto [b_first, b_last] = rangeOf(b);
  const auto shift = [](const Temporal& t, Moment& from, Moment& to) {
    if (t.hasZone()) {
      from.second -= t.zone * 60;
      to.second -= t.zone * 60;
    } else {
      from.second -= 14 * 3600;
      to.second += 12 * 3600;
    }
  };
  shift(a, a_first, a_last);
  shift(b, b_first, b_last);
  if (a_last <= b_first) return std::strong_ordering::less;
  if (b_last <= a_first) return std::strong_ordering::greater;
  return std::nullopt;
}

}  // namespace tributary::fhirpath
