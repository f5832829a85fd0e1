#include "simulator/internal/search_request.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "simulator/internal/text.h"

namespace tributary::simulator {
namespace {

bool number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

void split(std::string_view text, char by, std::vector<std::string>& out) {
  while (true) {
    const auto at = text.find(by);
    if (!text.substr(0, at).empty()) out.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return;
    text.remove_prefix(at + 1);
  }
}

void applyTime(SearchQuery& query, std::string_view value, std::string& error) {
  std::string_view prefix = "eq";
  if (value.size() > 2 && value[0] >= 'a' && value[0] <= 'z') {
    prefix = value.substr(0, 2);
    value.remove_prefix(2);
  }
  const auto range = parseTime(value);
  if (!range) {
    error = "_lastUpdated is not a date";
    return;
  }
  if (prefix == "ge") {
    query.from = std::max(query.from, range->from);
  } else if (prefix == "gt" || prefix == "sa") {
    query.from = std::max(query.from, range->to);
  } else if (prefix == "le") {
    query.to = std::min(query.to, range->to);
  } else if (prefix == "lt" || prefix == "eb") {
    query.to = std::min(query.to, range->from);
  } else if (prefix == "eq") {
    query.from = std::max(query.from, range->from);
    query.to = std::min(query.to, range->to);
  } else {
    error = "_lastUpdated has a prefix that is not served";
  }
}

}  // namespace

std::optional<TimeRange> parseTime(std::string_view s) {
  const auto field = [&](std::size_t at, std::size_t n, std::int64_t& out) {
    return s.size() >= at + n && number(s.substr(at, n), out);
  };
  std::int64_t year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0;
  if (!field(0, 4, year)) return std::nullopt;
  if (s.size() == 4) {
    return TimeRange{daysFrom(static_cast<int>(year), 1, 1) * kDaySeconds * 1000,
                     daysFrom(static_cast<int>(year) + 1, 1, 1) * kDaySeconds * 1000};
  }
  if (s[4] != '-' || !field(5, 2, month) || month < 1 || month > 12) return std::nullopt;
  const auto m = static_cast<unsigned>(month);
  if (s.size() == 7) {
    const Day next =
        m == 12 ? daysFrom(static_cast<int>(year) + 1, 1, 1) : daysFrom(static_cast<int>(year), m + 1, 1);
    return TimeRange{daysFrom(static_cast<int>(year), m, 1) * kDaySeconds * 1000, next * kDaySeconds * 1000};
  }
  if (s[7] != '-' || !field(8, 2, day) || day < 1 || day > 31) return std::nullopt;
  const Second midnight = daysFrom(static_cast<int>(year), m, static_cast<unsigned>(day)) * kDaySeconds;
  if (s.size() == 10) return TimeRange{midnight * 1000, (midnight + kDaySeconds) * 1000};
  if (s[10] != 'T' || !field(11, 2, hour) || s.size() < 16 || s[13] != ':' || !field(14, 2, minute))
    return std::nullopt;
  std::size_t i = 16;
  Millis unit = 60'000;
  if (i < s.size() && s[i] == ':') {
    if (!field(17, 2, second)) return std::nullopt;
    i = 19;
    unit = 1000;
  }
  Millis fraction = 0;
  if (i < s.size() && s[i] == '.') {
    Millis scale = 100;
    unit = 1;
    for (++i; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i, scale /= 10) fraction += (s[i] - '0') * scale;
  }
  Second offset = 0;
  if (i < s.size() &&
      (s[i] == '+' || s[i] == '-' || s[i] == ' ')) {  // "+" that was not encoded arrives as a blank
    std::int64_t oh = 0, om = 0;
    if (!field(i + 1, 2, oh) || !field(i + 4, 2, om)) return std::nullopt;
    offset = (oh * 60 + om) * 60 * (s[i] == '-' ? -1 : 1);
    i += 6;
  } else if (i < s.size() && s[i] == 'Z') {
    ++i;
  }
  if (i != s.size() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const Millis at = (midnight + hour * 3600 + minute * 60 + second - offset) * 1000 + fraction;
  return TimeRange{at, at + unit};
}

SearchRequest parseSearch(std::string_view type, const net::QueryParameters& parameters,
                          std::size_t page_size, std::size_t max_page_size) {
  SearchRequest r;
  r.query.type = type;
  r.count = page_size;
  for (const auto& [name, value] : parameters) {
    if (name == "_lastUpdated") {
      applyTime(r.query, value, r.error);
    } else if (name == "_id") {
      split(value, ',', r.query.ids);
      if (r.query.ids.empty()) r.query.ids.emplace_back();
    } else if (name == "patient" || name == "subject") {
      std::string_view id = value;
      if (const auto slash = id.rfind('/'); slash != std::string_view::npos) id.remove_prefix(slash + 1);
      r.query.patient = id;
    } else if (name == "identifier") {
      r.query.identifier = value;
    } else if (name == "_count") {
      std::int64_t n = 0;
      if (!number(value, n) || n < 0) r.error = "_count is not a number";
      r.count = std::min<std::size_t>(static_cast<std::size_t>(std::max<std::int64_t>(0, n)), max_page_size);
      r.count_only = n == 0;
    } else if (name == "_sort") {
      if (value == "_lastUpdated") {
        r.query.order = Order::kTimeUp;
      } else if (value == "-_lastUpdated") {
        r.query.order = Order::kTimeDown;
      } else {
        r.unknown = "_sort=" + value;
      }
    } else if (name == "_total") {
      r.total = value != "none";
    } else if (name == "_summary") {
      r.count_only = value == "count";
    } else if (name != "_format" && name != "_pretty") {
      r.unknown = name;
    }
  }
  return r;
}

std::string sealToken(const PageToken& t, std::uint64_t secret) {
  std::string plain;
  add(plain, t.type, '\n', t.place.valid ? 1 : 0, ' ', t.place.at, ' ', t.place.entry, ' ', t.total, ' ',
      t.issued, ' ', t.offset, '\n', t.query);
  std::string sealed;
  add(sealed, fastHash(plain + std::to_string(secret)), '\n', plain);
  std::string out = base64Encode(sealed);
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  while (out.ends_with('=')) out.pop_back();
  return out;
}

std::optional<PageToken> openToken(std::string_view text, std::uint64_t secret) {
  std::string padded(text);
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  while (padded.size() % 4 != 0) padded.push_back('=');
  bool ok = false;
  const std::string sealed = base64Decode(padded, ok);
  const auto line = sealed.find('\n');
  if (!ok || line == std::string::npos) return std::nullopt;
  const std::string plain = sealed.substr(line + 1);
  if (sealed.substr(0, line) != std::to_string(fastHash(plain + std::to_string(secret)))) return std::nullopt;
  PageToken t;
  const auto first = plain.find('\n');
  const auto second = plain.find('\n', first + 1);
  t.type = plain.substr(0, first);
  t.query = plain.substr(second + 1);
  std::vector<std::string> numbers;
  split(std::string_view(plain).substr(first + 1, second - first - 1), ' ', numbers);
  std::int64_t v[6] = {};
  if (numbers.size() != 6) return std::nullopt;
  for (std::size_t i = 0; i < 6; ++i) {
    if (!number(numbers[i], v[i])) return std::nullopt;
  }
  t.place = Place{v[0] != 0, v[1], static_cast<std::uint32_t>(v[2])};
  t.total = static_cast<std::size_t>(v[3]);
  t.issued = v[4];
  t.offset = static_cast<std::uint64_t>(v[5]);
  return t;
}

}  // namespace tributary::simulator
