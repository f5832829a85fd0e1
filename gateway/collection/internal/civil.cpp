#include "collection/internal/civil.h"

#include "collection/internal/rules.h"

namespace tributary::collection {
namespace {

constexpr std::int64_t kDay = 86'400;

struct Parsed {
  std::int64_t seconds = 0;  // of the civil fields, as if they were UTC
  std::int32_t zone = 0;     // minutes east
  bool has_zone = false;
};

bool twoDigits(std::string_view text, std::size_t at, unsigned& out) {
  if (at + 2 > text.size()) return false;
  const unsigned a = static_cast<unsigned char>(text[at]) - '0',
                 b = static_cast<unsigned char>(text[at + 1]) - '0';
  out = a * 10 + b;
  return a <= 9 && b <= 9;
}

// CCYY-MM-DDThh:mm[:ss[.fff]][zone]
std::optional<Parsed> parse(std::string_view text) {
  if (text.size() < 16 || text[10] != 'T' || text[13] != ':') return std::nullopt;
  const auto day = dayNumber(text);
  unsigned hour = 0, minute = 0, second = 0;
  if (!day || !twoDigits(text, 11, hour) || !twoDigits(text, 14, minute) || hour > 23 || minute > 59)
    return std::nullopt;
  std::size_t at = 16;
  if (at < text.size() && text[at] == ':') {
    if (!twoDigits(text, 17, second) || second > 60) return std::nullopt;
    if (second == 60) second = 59;  // a leap second: the national formats have none
    at = 19;
    if (at < text.size() && text[at] == '.') {
      ++at;
      while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    }
  }
  Parsed out;
  out.seconds = *day * kDay + hour * 3600 + minute * 60 + second;
  if (at == text.size()) return out;
  out.has_zone = true;
  if (text[at] == 'Z') return at + 1 == text.size() ? std::optional(out) : std::nullopt;
  unsigned zone_hour = 0, zone_minute = 0;
  if ((text[at] != '+' && text[at] != '-') || at + 6 != text.size() || text[at + 3] != ':' ||
      !twoDigits(text, at + 1, zone_hour) || !twoDigits(text, at + 4, zone_minute) || zone_hour > 14 ||
      zone_minute > 59) {
    return std::nullopt;
  }
  const auto minutes = static_cast<std::int32_t>(zone_hour * 60 + zone_minute);
  out.zone = text[at] == '-' ? -minutes : minutes;
  return out;
}

void put(char* at, unsigned value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

// Civil date of a day number (days since 1970-01-01), years that begin in March.
void putDate(char* at, std::int64_t day) {
  const std::int64_t shifted = day + 719468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const auto of_era = static_cast<unsigned>(shifted - era * 146097);
  const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * of_year + 2) / 153;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const auto year =
      static_cast<unsigned>(static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0));
  put(at, year, 4);
  at[4] = at[7] = '-';
  put(at + 5, month, 2);
  put(at + 8, of_year - (153 * shifted_month + 2) / 5 + 1, 2);
}

}  // namespace

std::int32_t CivilClock::offsetAt(std::int64_t seconds) {
  const std::int64_t quarter = seconds >= 0 ? seconds / 900 : (seconds - 899) / 900;
  Slot& slot = cache_[static_cast<std::size_t>(quarter) % cache_.size()];
  if (slot.quarter != quarter) {
    slot.minutes = zone_.offsetMinutes(
        Instant(std::chrono::duration_cast<Instant::duration>(std::chrono::seconds(seconds))));
    slot.quarter = quarter;
  }
  return slot.minutes;
}

bool CivilClock::convert(std::string_view text, std::array<char, 32>& buffer) {
  const auto parsed = parse(text);
  if (!parsed) return false;
  std::int64_t local = parsed->seconds;
  if (parsed->has_zone) {
    const std::int64_t utc = parsed->seconds - parsed->zone * 60;
    local = utc + offsetAt(utc) * 60;
  }
  const std::int64_t day = local >= 0 ? local / kDay : (local - kDay + 1) / kDay;
  const auto of_day = static_cast<unsigned>(local - day * kDay);
  putDate(buffer.data(), day);
  buffer[10] = 'T';
  put(&buffer[11], of_day / 3600, 2);
  put(&buffer[14], of_day / 60 % 60, 2);
  put(&buffer[17], of_day % 60, 2);
  buffer[13] = buffer[16] = ':';
  return true;
}

std::string_view CivilClock::date(std::string_view text, std::array<char, 32>& buffer) {
  if (text.size() <= 10 || !convert(text, buffer)) return text;
  return {buffer.data(), 10};
}

std::string_view CivilClock::time(std::string_view text, std::array<char, 32>& buffer) {
  if (text.size() <= 10) return {};
  if (!convert(text, buffer)) return text;
  return {buffer.data() + 11, 8};
}

std::string_view CivilClock::dateTime(std::string_view text, std::array<char, 32>& buffer) {
  if (text.size() <= 10 || !convert(text, buffer)) return text;
  return {buffer.data(), 19};
}

std::optional<std::int64_t> CivilClock::minutesBetween(std::string_view from, std::string_view to) {
  const auto a = parse(from), b = parse(to);
  if (!a || !b || a->has_zone != b->has_zone) return std::nullopt;
  const std::int64_t seconds = (b->seconds - b->zone * 60) - (a->seconds - a->zone * 60);
  if (seconds < 0) return std::nullopt;
  return (seconds + 30) / 60;
}

}  // namespace tributary::collection
