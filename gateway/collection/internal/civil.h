#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/civil_time.h"

namespace tributary::collection {

// A FHIR date, dateTime or instant as civil time of the collection's zone. What has no zone is taken as it
// stands.
class CivilClock {
 public:
  explicit CivilClock(const TimeZone& zone) : zone_(zone) {}

  // "2026-07-01"; what is no whole date (a year, a month) comes back as it is, for the format rule to refuse.
  std::string_view date(std::string_view text, std::array<char, 32>& buffer);
  // "08:30:00"; empty when there is no time.
  std::string_view time(std::string_view text, std::array<char, 32>& buffer);
  // "2026-07-01T08:30:00"; a date alone comes back as it is.
  std::string_view dateTime(std::string_view text, std::array<char, 32>& buffer);
  // Whole minutes from one to the other, rounded to the nearest; nullopt where one has no time or the end is
  // earlier.
  static std::optional<std::int64_t> minutesBetween(std::string_view from, std::string_view to);

 private:
  struct Slot {
    std::int64_t quarter = INT64_MIN;  // hours/4 since 1970: zones change their offset on quarters of an hour
    std::int32_t minutes = 0;
  };
  // "CCYY-MM-DDThh:mm:ss" in civil time into `buffer`; false when `text` is no dateTime with a time.
  bool convert(std::string_view text, std::array<char, 32>& buffer);
  std::int32_t offsetAt(std::int64_t seconds);

  TimeZone zone_;
  std::array<Slot, 256> cache_;
};

}  // namespace tributary::collection
