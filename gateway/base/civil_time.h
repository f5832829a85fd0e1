#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace tributary {

// A wall-clock moment without zone; fields as people write them (month and day from 1).
struct CivilTime {
  std::int32_t year = 0;
  std::uint8_t month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::uint16_t millisecond = 0;
  friend auto operator<=>(const CivilTime&, const CivilTime&) = default;
};

// A time zone of the IANA database (the system's tzdata), by name such as "Europe/London".
class TimeZone {
 public:
  static Result<TimeZone> find(std::string_view name);

  CivilTime toCivil(Instant instant) const;
  // A civil time that does not exist (spring) moves forward by the gap; one that exists twice (autumn) is the earlier.
  Instant toInstant(const CivilTime& civil) const;
  // Minutes east of UTC at that instant.
  std::int32_t offsetMinutes(Instant instant) const;
  std::string_view name() const;

 private:
  explicit TimeZone(const void* zone) : zone_(zone) {}
  const void* zone_;  // date::time_zone, which lives as long as the process
};

// RFC 3339 with milliseconds and "Z".
std::string formatInstant(Instant instant);
// FHIR instant, or dateTime with a zone and at least seconds. std::nullopt for anything else.
std::optional<Instant> parseInstant(std::string_view text);
// HTTP-date, RFC 9110 5.6.7 (IMF-fixdate only).
std::optional<Instant> parseHttpDate(std::string_view text);
std::string formatHttpDate(Instant instant);

}  // namespace tributary
