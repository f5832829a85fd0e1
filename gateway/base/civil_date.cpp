#include "base/civil_date.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace tributary {
namespace {

namespace chrono = std::chrono;

// "dddd-dd[-dd]"
bool shaped(std::string_view text, std::size_t length) {
  if (text.size() != length) return false;
  for (std::size_t i = 0; i < length; ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  }
  return true;
}

int number(std::string_view text, std::size_t from, std::size_t length) {
  int value = 0;
  for (std::size_t i = from; i < from + length; ++i) value = value * 10 + (text[i] - '0');
  return value;
}

chrono::year_month monthOf(std::string_view text) {
  return chrono::year{number(text, 0, 4)} / chrono::month{static_cast<unsigned>(number(text, 5, 2))};
}

chrono::year_month_day dayOf(std::string_view text) {
  return monthOf(text) / chrono::day{static_cast<unsigned>(number(text, 8, 2))};
}

std::string write(chrono::year_month_day day) {
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", int(day.year()), unsigned(day.month()), unsigned(day.day()));
  return text;
}

}  // namespace

std::optional<std::string> parseDay(std::string_view text) {
  if (!shaped(text, 10) || number(text, 0, 4) == 0 || number(text, 0, 4) > 9998 || !dayOf(text).ok()) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> parseMonth(std::string_view text) {
  if (!shaped(text, 7) || number(text, 0, 4) == 0 || number(text, 0, 4) > 9998 || !monthOf(text).ok()) return std::nullopt;
  return std::string(text);
}

std::string civilDay(const CivilTime& civil) {
  return write(chrono::year{civil.year} / chrono::month{civil.month} / chrono::day{civil.day});
}

std::string addDays(std::string_view day, std::int32_t days) {
  return write(chrono::year_month_day{chrono::sys_days{dayOf(day)} + chrono::days{days}});
}

std::string addMonths(std::string_view month, std::int32_t months) {
  return write((monthOf(month) + chrono::months{months}) / chrono::day{1}).substr(0, 7);
}

std::int32_t daysBetween(std::string_view from, std::string_view to) {
  return static_cast<std::int32_t>((chrono::sys_days{dayOf(to)} - chrono::sys_days{dayOf(from)}).count());
}

std::string firstDay(std::string_view month) { return std::string(month) + "-01"; }

std::string lastDay(std::string_view month) { return addDays(firstDay(addMonths(month, 1)), -1); }

bool isWeekend(std::string_view day) {
  const chrono::weekday weekday{chrono::sys_days{dayOf(day)}};
  return weekday == chrono::Saturday || weekday == chrono::Sunday;
}

}  // namespace tributary
