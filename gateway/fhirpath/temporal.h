#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"

namespace tributary::fhirpath {

// How much of a date, dateTime or time is known. Seconds and fractions are one precision when compared
// (FHIRPath N1 6.2), yet `digits` keeps how many digits of a second were written.
enum class Precision : std::uint8_t { kYear, kMonth, kDay, kHour, kMinute, kSecond };

// FHIRPath Date, DateTime or Time (which of them, the Value that holds it knows). 16 bytes.
struct Temporal {
  static constexpr std::int16_t kNoZone = 0x7FFF;

  std::int32_t nanosecond = 0;
  std::int16_t year = 0;
  std::int16_t zone = kNoZone;  // minutes east of UTC
  std::uint8_t month = 1, day = 1, hour = 0, minute = 0, second = 0;
  std::uint8_t digits = 0;  // of the fraction, as written
  Precision precision = Precision::kYear;

  bool hasZone() const { return zone != kNoZone; }
  std::int64_t utcSecond() const;  // since 1970, of the first moment it may stand for; needs a zone

  static std::optional<Temporal> parseDate(std::string_view text);  // 2014, 2014-01, 2014-01-25
  // 2014T? … 2014-01-25T14:30:14.559+10:00; "T" may be missing when there is no time (FHIR dateTime)
  static std::optional<Temporal> parseDateTime(std::string_view text);
  static std::optional<Temporal> parseTime(std::string_view text);  // 14, 14:30, 14:30:14.559
  static Temporal fromInstant(Instant instant, std::int16_t zone);

  static constexpr std::size_t kMaxTextLength = 40;
  std::string_view formatDate(std::span<char> buffer) const;  // as FHIR writes it, no "@"
  std::string_view formatDateTime(
      std::span<char> buffer) const;  // FHIR: 2014, 2014-01, 2014-01-25T14:30:14.559Z
  std::string_view formatTime(std::span<char> buffer) const;

  // nullopt where the precision (or a missing zone, which may lie between -12:00 and +14:00) leaves it open.
  // `default_zone`: minutes taken for a value without zone when the other has one; kNoZone takes none.
  static std::optional<std::strong_ordering> compare(const Temporal& a, const Temporal& b,
                                                     std::int16_t default_zone = kNoZone);
};
static_assert(sizeof(Temporal) == 16);

}  // namespace tributary::fhirpath
