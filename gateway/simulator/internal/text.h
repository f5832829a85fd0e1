#pragma once
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tributary::simulator {

// Days and seconds here are London civil time counted from 1970-01-01, as if it had no zone.
using Day = std::int32_t;
using Second = std::int64_t;
inline constexpr Second kDaySeconds = 86400;
inline Day dayOf(Second s) {
  return static_cast<Day>(s / kDaySeconds);
}  // all our days are after 1970, or whole days

struct YearMonthDay {
  int year;
  unsigned month, day;
};
YearMonthDay civil(Day day);
Day daysFrom(int year, unsigned month, unsigned day);
// Minutes east of UTC; on the days of change, that of the daytime (both changes happen at 01:00 UTC).
int londonOffset(Day day);
Second toUtc(Second local);
Second toLocal(Second utc);

// What add() can append.
struct Date {
  Day day;
};
struct DateTime {  // 2026-01-05T10:00:00+00:00
  Second local;
};
struct Utc {  // 2026-01-05T10:00:00.123Z
  std::int64_t milliseconds;
};
struct Padded {
  std::uint64_t value;
  int width;
};

void append(std::string& out, Date date);
void append(std::string& out, DateTime time);
void append(std::string& out, Utc time);
void append(std::string& out, Padded number);
inline void append(std::string& out, std::string_view text) {
  out.append(text);
}
inline void append(std::string& out, char c) {
  out.push_back(c);
}
template <class Int>
  requires std::is_integral_v<Int>
inline void append(std::string& out, Int value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, static_cast<std::size_t>(end - buffer));
}
template <class... Parts>
inline void add(std::string& out, const Parts&... parts) {
  (append(out, parts), ...);
}

// A short string without allocation: ids and business identifiers.
class Id {
 public:
  Id() = default;
  template <class... Parts>
  explicit Id(const Parts&... parts) {
    (put(parts), ...);
  }
  operator std::string_view() const { return {data_, size_}; }  // NOLINT: meant to read as text
  std::string_view view() const { return {data_, size_}; }

 private:
  void put(std::string_view text) {
    const std::size_t n = std::min(text.size(), sizeof data_ - size_);
    std::memcpy(data_ + size_, text.data(), n);
    size_ = static_cast<std::uint8_t>(size_ + n);
  }
  void put(const char* text) { put(std::string_view(text)); }
  void put(char c) { put(std::string_view(&c, 1)); }
  void put(const Id& id) { put(id.view()); }
  void put(Padded number);
  template <class Int>
    requires std::is_integral_v<Int>
  void put(Int value) {
    char buffer[24];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    put(std::string_view(buffer, static_cast<std::size_t>(end - buffer)));
  }

  char data_[63] = {};
  std::uint8_t size_ = 0;
};
inline void append(std::string& out, const Id& id) {
  out.append(id.view());
}

}  // namespace tributary::simulator
