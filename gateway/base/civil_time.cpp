#include "base/civil_time.h"

#include <date/date.h>
#include <date/tz.h>

#include <charconv>
#include <cstdio>
#include <sstream>

namespace tributary {
namespace {

const date::time_zone& zoneOf(const void* zone) { return *static_cast<const date::time_zone*>(zone); }

CivilTime fromLocal(date::local_time<Duration> local) {
  const auto day = date::floor<date::days>(local);
  const date::year_month_day ymd{day};
  const auto time = date::make_time(local - day);
  return {int(ymd.year()),
          static_cast<std::uint8_t>(unsigned(ymd.month())),
          static_cast<std::uint8_t>(unsigned(ymd.day())),
          static_cast<std::uint8_t>(time.hours().count()),
          static_cast<std::uint8_t>(time.minutes().count()),
          static_cast<std::uint8_t>(time.seconds().count()),
          static_cast<std::uint16_t>(time.subseconds().count())};
}

date::local_time<Duration> toLocal(const CivilTime& c) {
  const auto day = date::local_days{date::year{c.year} / date::month{c.month} / date::day{c.day}};
  return day + std::chrono::hours{c.hour} + std::chrono::minutes{c.minute} + std::chrono::seconds{c.second} +
         std::chrono::milliseconds{c.millisecond};
}

bool digits(std::string_view text, std::size_t at, std::size_t count, int& out) {
  if (at + count > text.size()) return false;
  const char* first = text.data() + at;
  for (std::size_t i = 0; i < count; ++i) {
    if (first[i] < '0' || first[i] > '9') return false;
  }
  return std::from_chars(first, first + count, out).ec == std::errc{};
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name) {
  try {
    return TimeZone(date::locate_zone(std::string(name)));
  } catch (const std::exception&) {
    return fail(ErrorCode::kInvalidArgument, "no time zone is called '" + std::string(name) +
                                                 "'; use a name of the IANA database such as Europe/London");
  }
}

std::string_view TimeZone::name() const { return zoneOf(zone_).name(); }

CivilTime TimeZone::toCivil(Instant instant) const { return fromLocal(zoneOf(zone_).to_local(instant)); }

std::int32_t TimeZone::offsetMinutes(Instant instant) const {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::minutes>(zoneOf(zone_).get_info(instant).offset).count());
}

Instant TimeZone::toInstant(const CivilTime& civil) const {
  const auto local = toLocal(civil);
  const auto info = zoneOf(zone_).get_info(local);
  // In the gap of spring the offset before the change places the time after it, which is where people meant.
  return Instant{local.time_since_epoch() - std::chrono::duration_cast<Duration>(info.first.offset)};
}

std::string formatInstant(Instant instant) {
  const CivilTime c = fromLocal(date::local_time<Duration>{instant.time_since_epoch()});
  char text[40];
  const int size = std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", int(c.year), int(c.month), int(c.day),
                                 int(c.hour), int(c.minute), int(c.second), int(c.millisecond));
  return {text, static_cast<std::size_t>(size)};
}

std::optional<Instant> parseInstant(std::string_view text) {
  int year, month, day, hour, minute, second;
  if (text.size() < 20 || !digits(text, 0, 4, year) || text[4] != '-' || !digits(text, 5, 2, month) || text[7] != '-' ||
      !digits(text, 8, 2, day) || text[10] != 'T' || !digits(text, 11, 2, hour) || text[13] != ':' ||
      !digits(text, 14, 2, minute) || text[16] != ':' || !digits(text, 17, 2, second)) {
    return std::nullopt;
  }
  const date::year_month_day ymd = date::year{year} / month / day;
  if (!ymd.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  std::size_t at = 19;
  int milliseconds = 0;
  if (text[at] == '.') {
    int scale = 100;
    const std::size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) milliseconds += (text[at] - '0') * scale;
    if (at == first) return std::nullopt;
  }
  int offset = 0;
  if (at < text.size() && text[at] == 'Z') {
    ++at;
  } else {
    int oh, om;
    if (at + 6 > text.size() || (text[at] != '+' && text[at] != '-') || !digits(text, at + 1, 2, oh) || text[at + 3] != ':' ||
        !digits(text, at + 4, 2, om) || oh > 14 || om > 59) {
      return std::nullopt;
    }
    offset = (oh * 60 + om) * (text[at] == '-' ? -1 : 1);
    at += 6;
  }
  if (at != text.size()) return std::nullopt;
  const auto seconds = std::chrono::hours{hour} + std::chrono::minutes{minute - offset} + std::chrono::seconds{second};
  return Instant{date::sys_days{ymd}.time_since_epoch() + seconds + Duration{milliseconds}};
}

std::optional<Instant> parseHttpDate(std::string_view text) {
  std::istringstream in{std::string(text)};
  date::sys_seconds parsed;
  in >> date::parse("%a, %d %b %Y %H:%M:%S GMT", parsed);
  if (in.fail()) return std::nullopt;
  return Instant{parsed.time_since_epoch()};
}

std::string formatHttpDate(Instant instant) {
  return date::format("%a, %d %b %Y %H:%M:%S GMT", date::floor<std::chrono::seconds>(instant));
}

}  // namespace tributary
