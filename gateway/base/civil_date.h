#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/civil_time.h"

namespace tributary {

// Arithmetic with whole civil days, as text: "2026-11-24" (a day), "2026-11" (a month). A day here has no length in hours, so
// clocks that go forward or back do not touch it. Texts of one length sort as the days do. Years 0001 to 9998.

// A real calendar day (month lengths and leap years); std::nullopt for anything else, also "2026-2-9".
std::optional<std::string> parseDay(std::string_view text);
std::optional<std::string> parseMonth(std::string_view text);

std::string civilDay(const CivilTime& civil);
// `day`, `month`: as the functions above accept them.
std::string addDays(std::string_view day, std::int32_t days);
std::string addMonths(std::string_view month, std::int32_t months);
std::int32_t daysBetween(std::string_view from, std::string_view to);
std::string firstDay(std::string_view month);
std::string lastDay(std::string_view month);
bool isWeekend(std::string_view day);

}  // namespace tributary
