#pragma once
#include <cstdint>
#include <optional>

#include "fhirpath/value.h"

namespace tributary::fhirpath {

enum class DurationUnit : std::uint8_t { kYear, kMonth, kWeek, kDay, kHour, kMinute, kSecond, kMillisecond };

// The unit to add to a date: calendar units, and UCUM units up to the week. UCUM years and months are none:
// they have a definite length (FHIRPath N1 6.6.4).
std::optional<DurationUnit> durationUnit(const QuantityValue& q);

// nullopt when the result is outside the years 1 to 9999. An amount finer than the precision of the date
// counts in whole units of that precision (N1 6.6.4); a day that the month does not have becomes its last
// one.
std::optional<Temporal> addDuration(const Temporal& to, ValueKind kind, std::int64_t amount,
                                    DurationUnit unit);

int daysInMonth(int year, int month);

}  // namespace tributary::fhirpath
