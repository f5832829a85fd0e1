#include "collection/internal/rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>

namespace tributary::collection {
namespace {

bool digitsOnly(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

unsigned number(std::string_view digits) {
  unsigned value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

bool leap(unsigned year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

unsigned daysIn(unsigned year, unsigned month) {
  constexpr std::array<unsigned, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && leap(year) ? 29 : kDays[month - 1];
}

bool isTime(std::string_view text) {
  return text.size() == 8 && text[2] == ':' && text[5] == ':' && digitsOnly(text.substr(0, 2)) &&
         digitsOnly(text.substr(3, 2)) && digitsOnly(text.substr(6, 2)) && number(text.substr(0, 2)) < 24 &&
         number(text.substr(3, 2)) < 60 && number(text.substr(6, 2)) < 60;
}

// Digits before and behind the point are bounded: "70.125" fits 3 and 3.
bool isDecimal(std::string_view text, std::uint32_t whole, std::uint32_t fraction) {
  const std::size_t point = text.find('.');
  const std::string_view before = text.substr(0, point);
  const std::string_view behind =
      point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  return !before.empty() && before.size() <= whole && digitsOnly(before) && digitsOnly(behind) &&
         behind.size() <= fraction && (point == std::string_view::npos || !behind.empty());
}

bool formatFits(const Check& check, std::string_view cell) {
  switch (check.form) {
    case Form::kDate:
      return isDate(cell);
    case Form::kTime:
      return isTime(cell);
    case Form::kDateTime:
      return cell.size() == 19 && isDate(cell.substr(0, 10)) && cell[10] == 'T' && isTime(cell.substr(11));
    case Form::kDecimal:
      return isDecimal(cell, check.least, check.most);
    case Form::kNumeric:
      return cell.size() >= check.least && cell.size() <= check.most && digitsOnly(cell);
    case Form::kAlphanumeric:
      break;
  }
  // Characters, not bytes, count.
  const auto length = static_cast<std::size_t>(std::count_if(
      cell.begin(), cell.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  return length >= check.least && length <= check.most;
}

bool domainFits(const Domain& domain, std::string_view cell) {
  const std::size_t point = cell.find('.');
  const std::string_view before = cell.substr(0, point);
  std::string_view behind = point == std::string_view::npos ? std::string_view{} : cell.substr(point + 1);
  if (before.empty() || before.size() > 9 || !digitsOnly(before) || !digitsOnly(behind)) return false;
  while (!behind.empty() && behind.back() == '0') behind.remove_suffix(1);
  const auto whole = static_cast<std::int64_t>(number(before));
  return behind.size() <= domain.decimals && whole >= domain.least &&
         (whole < domain.most || (whole == domain.most && behind.empty()));
}

}  // namespace

Pattern::Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

std::optional<Pattern> Pattern::compile(std::string_view text) {
  Pattern out;
  static const re2::RE2 kSimple(R"(\[([A-Za-z0-9\-]+)\]\{(\d{1,3}),(\d{1,3})\})");
  std::string set;
  unsigned least = 0, most = 0;
  if (re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), kSimple, &set, &least, &most)) {
    for (std::size_t i = 0; i < set.size(); ++i) {
      const auto from = static_cast<unsigned char>(set[i]);
      const bool range = i + 2 < set.size() && set[i + 1] == '-';
      const auto to = range ? static_cast<unsigned char>(set[i + 2]) : from;
      for (unsigned c = from; c <= to; ++c) out.allowed_.set(c);
      if (range) i += 2;
    }
    out.least_ = least;
    out.most_ = most;
    return out;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  out.regex_ = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!out.regex_->ok()) return std::nullopt;
  return out;
}

bool Pattern::matches(std::string_view cell) const {
  if (regex_ != nullptr) return re2::RE2::FullMatch(re2::StringPiece(cell.data(), cell.size()), *regex_);
  return cell.size() >= least_ && cell.size() <= most_ &&
         std::all_of(cell.begin(), cell.end(),
                     [this](char c) { return allowed_.test(static_cast<unsigned char>(c)); });
}

std::optional<RuleKind> ruleKind(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, RuleKind>, 17> kKinds = {
      {{"mandatory", RuleKind::kMandatory},
       {"format", RuleKind::kFormat},
       {"code", RuleKind::kCode},
       {"pattern", RuleKind::kPattern},
       {"check-digit", RuleKind::kCheckDigit},
       {"equals", RuleKind::kEquals},
       {"domain", RuleKind::kDomain},
       {"implies", RuleKind::kImplies},
       {"compare", RuleKind::kCompare},
       {"calendar", RuleKind::kCalendar},
       {"parent", RuleKind::kParent},
       {"unique", RuleKind::kUnique},
       {"single", RuleKind::kSingle},
       {"distinct", RuleKind::kDistinct},
       {"range", RuleKind::kRange},
       {"sum", RuleKind::kSum},
       {"at-most", RuleKind::kAtMost}}};
  for (const auto& [text, kind] : kKinds) {
    if (text == name) return kind;
  }
  return std::nullopt;
}

bool holds(const Condition& condition, std::span<const std::string_view> cells) {
  const std::string_view cell = cells[condition.field];
  switch (condition.test) {
    case Condition::Test::kPresent:
      return !cell.empty();
    case Condition::Test::kAbsent:
      return cell.empty();
    case Condition::Test::kIn:
      return std::find(condition.values.begin(), condition.values.end(), cell) != condition.values.end();
    case Condition::Test::kMatches:
      return condition.pattern->matches(cell);
  }
  return false;
}

bool isDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !digitsOnly(text.substr(0, 4)) ||
      !digitsOnly(text.substr(5, 2)) || !digitsOnly(text.substr(8, 2))) {
    return false;
  }
  const unsigned year = number(text.substr(0, 4)), month = number(text.substr(5, 2)),
                 day = number(text.substr(8, 2));
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

std::optional<std::int32_t> dayNumber(std::string_view text) {
  text = text.substr(0, 10);
  if (!isDate(text)) return std::nullopt;
  // Days from civil, with years that begin in March.
  const unsigned month = number(text.substr(5, 2)), day = number(text.substr(8, 2));
  const auto year = static_cast<std::int32_t>(number(text.substr(0, 4))) - (month <= 2 ? 1 : 0);
  const std::int32_t era = (year >= 0 ? year : year - 399) / 400;
  const auto of_era = static_cast<unsigned>(year - era * 400);
  const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return era * 146097 + static_cast<std::int32_t>(day_of_era) - 719468;
}

bool modulus11(std::string_view digits) {
  if (digits.size() < 2 || !digitsOnly(digits)) return false;
  unsigned sum = 0;
  for (std::size_t i = 0; i + 1 < digits.size(); ++i) {
    sum += static_cast<unsigned>(digits[i] - '0') * static_cast<unsigned>(digits.size() - i);
  }
  const unsigned check = 11 - sum % 11;
  return (check == 11 ? 0 : check) == static_cast<unsigned>(digits.back() - '0');
}

bool cellFits(const Check& check, std::string_view cell) {
  switch (check.kind) {
    case RuleKind::kFormat:
      return formatFits(check, cell);
    case RuleKind::kCode:
      return check.codes->contains(
          check.prefix != 0 && !check.codes->contains(cell) ? cell.substr(0, check.prefix) : cell);
    case RuleKind::kPattern:
      return check.pattern->matches(cell);
    case RuleKind::kEquals:
      return cell == check.value;
    case RuleKind::kCheckDigit:
      return cell.size() == check.most && modulus11(cell) &&
             !std::binary_search(check.barred.begin(), check.barred.end(), cell);
    case RuleKind::kCalendar: {
      if (!isDate(cell)) return false;
      const unsigned day = number(cell.substr(8, 2));
      return check.not_before ? day == 1
                              : day == daysIn(number(cell.substr(0, 4)), number(cell.substr(5, 2)));
    }
    case RuleKind::kRange: {
      const auto value = wholeNumber(cell);
      return value && *value >= check.range_least && *value <= check.range_most;
    }
    default:
      return true;
  }
}

std::optional<std::int64_t> wholeNumber(std::string_view cell) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

bool numbersFit(const Check& check, std::span<const std::string_view> cells) {
  const auto value = wholeNumber(cells[check.field]);
  if (!value) return true;  // empty, or no number: its format rule says so
  if (check.kind == RuleKind::kAtMost) {
    const auto other = wholeNumber(cells[check.other]);
    return !other || *value <= *other;
  }
  if (!std::all_of(check.when.begin(), check.when.end(), [&](const Condition& c) { return holds(c, cells); }))
    return true;
  std::int64_t sum = 0;
  for (const std::uint16_t field : check.by) {
    if (cells[field].empty()) continue;
    const auto part = wholeNumber(cells[field]);
    if (!part || __builtin_add_overflow(sum, *part, &sum)) return true;
  }
  return *value == sum;
}

bool scoreFits(const Check& check, std::string_view code, std::string_view cell) {
  const auto found = check.domains->find(code);
  return found == check.domains->end() || domainFits(found->second, cell);
}

}  // namespace tributary::collection
