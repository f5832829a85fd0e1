#include "simulator/internal/text.h"

#include <algorithm>

namespace tributary::simulator {

// Howard Hinnant's days_from_civil and its inverse: proleptic Gregorian, era of 400 years.
YearMonthDay civil(Day day) {
  const int z = day + 719468;
  const int era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<int>(yoe) + era * 400 + (month <= 2 ? 1 : 0), month, doy - (153 * mp + 2) / 5 + 1};
}

Day daysFrom(int year, unsigned month, unsigned day) {
  const int y = month <= 2 ? year - 1 : year;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<int>(doe) - 719468;
}

namespace {
Day lastSunday(int year, unsigned month) {
  const Day last = daysFrom(year, month, 31);  // March and October have 31 days
  const int weekday = (last + 4) % 7;          // 1970-01-01 was a Thursday; 0 is Sunday
  return last - weekday;
}

void two(char* to, unsigned value) {
  to[0] = static_cast<char>('0' + value / 10);
  to[1] = static_cast<char>('0' + value % 10);
}

void date(char* to, Day day) {
  const auto [year, month, dom] = civil(day);
  two(to, static_cast<unsigned>(year) / 100);
  two(to + 2, static_cast<unsigned>(year) % 100);
  to[4] = '-';
  two(to + 5, month);
  to[7] = '-';
  two(to + 8, dom);
}

void clock(char* to, Second second_of_day) {
  const auto s = static_cast<unsigned>(second_of_day);
  two(to, s / 3600);
  to[2] = ':';
  two(to + 3, s / 60 % 60);
  to[5] = ':';
  two(to + 6, s % 60);
}
}  // namespace

int londonOffset(Day day) {
  const int year = civil(day).year;
  return day >= lastSunday(year, 3) && day < lastSunday(year, 10) ? 60 : 0;
}

Second toUtc(Second local) {
  return local - londonOffset(dayOf(local)) * 60;
}
Second toLocal(Second utc) {
  const Second summer = utc + 3600;
  return londonOffset(dayOf(summer)) == 60 ? summer : utc;
}

void append(std::string& out, Date value) {
  char buffer[10];
  date(buffer, value.day);
  out.append(buffer, sizeof buffer);
}

void append(std::string& out, DateTime time) {
  char buffer[] = "YYYY-MM-DDThh:mm:ss+00:00";
  const Day day = dayOf(time.local);
  date(buffer, day);
  clock(buffer + 11, time.local % kDaySeconds);
  if (londonOffset(day) == 60) buffer[21] = '1';
  out.append(buffer, 25);
}

void append(std::string& out, Utc time) {
  char buffer[] = "YYYY-MM-DDThh:mm:ss.000Z";
  const std::int64_t seconds = time.milliseconds / 1000;
  date(buffer, dayOf(seconds));
  clock(buffer + 11, seconds % kDaySeconds);
  const auto ms = static_cast<unsigned>(time.milliseconds % 1000);
  buffer[20] = static_cast<char>('0' + ms / 100);
  two(buffer + 21, ms % 100);
  out.append(buffer, 24);
}

namespace {
std::string_view padded(char (&buffer)[24], Padded number) {
  char* p = buffer + sizeof buffer;
  std::uint64_t v = number.value;
  do {
    *--p = static_cast<char>('0' + v % 10);
    v /= 10;
  } while (v != 0);
  while (buffer + sizeof buffer - p < number.width) *--p = '0';
  return {p, static_cast<std::size_t>(buffer + sizeof buffer - p)};
}
}  // namespace

void append(std::string& out, Padded number) {
  char buffer[24];
  out.append(padded(buffer, number));
}

void Id::put(Padded number) {
  char buffer[24];
  put(padded(buffer, number));
}

}  // namespace tributary::simulator
