#include "terminology/units.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "terminology/internal/unit_table.h"

namespace tributary::terminology {

using internal::findUnitAtom;
using internal::FoundAtom;
using internal::invertFactor;
using internal::makeFactor;
using internal::multiplyFactors;
using internal::multiplyUnits;
using internal::raiseUnit;

namespace {

constexpr std::size_t kMaxText = 200;
constexpr int kMaxNesting = 20;
constexpr int kMaxPower = 60;

struct Prefix {
  std::string_view code;
  int exponent = 0;         // of ten
  std::uint64_t value = 1;  // for the binary ones
};
constexpr Prefix kPrefixes[] = {{"da", 1},
                                {"Ki", 0, 1ULL << 10},
                                {"Mi", 0, 1ULL << 20},
                                {"Gi", 0, 1ULL << 30},
                                {"Ti", 0, 1ULL << 40},
                                {"Y", 24},
                                {"Z", 21},
                                {"E", 18},
                                {"P", 15},
                                {"T", 12},
                                {"G", 9},
                                {"M", 6},
                                {"k", 3},
                                {"h", 2},
                                {"d", -1},
                                {"c", -2},
                                {"m", -3},
                                {"u", -6},
                                {"n", -9},
                                {"p", -12},
                                {"f", -15},
                                {"a", -18},
                                {"z", -21},
                                {"y", -24}};

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Recursive descent over the grammar of UCUM §§ 4-16; the depth is bounded by kMaxNesting.
class UnitParser {
 public:
  explicit UnitParser(std::string_view text) : text_(text) {}

  std::expected<Unit, UnitError> parse() {
    if (text_.empty()) return error("an empty unit");
    if (text_.size() > kMaxText) return error("a unit of more than 200 bytes");
    auto unit = term(0);
    if (!unit) return unit;
    if (at_ < text_.size()) return error("not expected here");
    return unit;
  }

 private:
  std::unexpected<UnitError> error(std::string text) const {
    return std::unexpected(UnitError{at_, std::move(text)});
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::expected<Unit, UnitError> combine(const Unit& left, const Unit& right, bool divide) const {
    if (left.scale != Unit::Scale::kRatio || right.scale != Unit::Scale::kRatio) {
      return error("a unit on a temperature scale stands only alone");
    }
    const auto other = divide ? raiseUnit(right, -1) : std::optional(right);
    const auto made = other ? multiplyUnits(left, *other) : std::nullopt;
    if (!made) return error("the unit is out of range");
    return *made;
  }

  std::expected<Unit, UnitError> term(int depth) {
    std::expected<Unit, UnitError> out = Unit{};
    if (take('/')) {
      const auto first = component(depth);
      if (!first) return first;
      out = combine(*out, *first, true);
    } else {
      out = component(depth);
    }
    while (out) {
      const bool divide = at_ < text_.size() && text_[at_] == '/';
      if (!divide && (at_ >= text_.size() || text_[at_] != '.')) return out;
      ++at_;
      const auto next = component(depth);
      if (!next) return next;
      out = combine(*out, *next, divide);
    }
    return out;
  }

  std::expected<Unit, UnitError> component(int depth) {
    if (take('(')) {
      if (depth >= kMaxNesting) return error("too many nested brackets");
      auto inner = term(depth + 1);
      if (!inner) return inner;
      if (!take(')')) return error("')' expected");
      return withAnnotation(std::move(inner));
    }
    if (at_ < text_.size() && text_[at_] == '{') return withAnnotation(Unit{});
    const std::string_view rest = text_.substr(at_);
    const bool power_of_ten = rest.starts_with("10*") || rest.starts_with("10^");
    if (!rest.empty() && digit(rest.front()) && !power_of_ten) return withAnnotation(number());
    return withAnnotation(simpleUnit(power_of_ten));
  }

  std::expected<Unit, UnitError> withAnnotation(std::expected<Unit, UnitError> unit) {
    if (!unit || at_ >= text_.size() || text_[at_] != '{') return unit;
    const std::size_t close = text_.find('}', at_);
    if (close == std::string_view::npos) return error("'}' expected");
    if (std::ranges::any_of(text_.substr(at_, close - at_), [](char c) { return c < 32 || c > 126; })) {
      return error("an annotation is in ASCII");
    }
    at_ = close + 1;
    return unit;
  }

  std::expected<Unit, UnitError> number() {
    UInt128 value = 0;
    while (at_ < text_.size() && digit(text_[at_])) {
      value = value * 10 + static_cast<unsigned>(text_[at_] - '0');
      if (value > 1'000'000'000'000'000'000ULL) return error("the number is out of range");
      ++at_;
    }
    const auto factor = makeFactor(value, 1, 0);
    if (!factor) return error("a number other than zero expected");
    return internal::numberUnit(*factor);
  }

  std::expected<int, UnitError> exponent() {
    const bool sign = at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+');
    const bool negative = sign && text_[at_] == '-';
    if (sign) ++at_;
    if (at_ >= text_.size() || !digit(text_[at_])) {
      if (sign) return error("digits expected");
      return 1;
    }
    int value = 0;
    while (at_ < text_.size() && digit(text_[at_])) {
      value = value * 10 + (text_[at_] - '0');
      if (value > kMaxPower) return error("the exponent is out of range");
      ++at_;
    }
    return negative ? -value : value;
  }

  // A symbol ends at an operator, a digit or a sign, but for what stands in square brackets.
  std::string_view symbol(bool power_of_ten) {
    const std::size_t start = at_;
    if (power_of_ten) {
      at_ += 3;
      return text_.substr(start, 3);
    }
    bool bracket = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c <= 32 || c > 126) break;
      if (c == '[') bracket = true;
      if (!bracket && (std::string_view("./(){}+-]=\"").find(c) != std::string_view::npos || digit(c))) break;
      if (c == ']') bracket = false;
    }
    return text_.substr(start, at_ - start);
  }

  std::expected<Unit, UnitError> simpleUnit(bool power_of_ten) {
    const std::size_t start = at_;
    const std::string_view code = symbol(power_of_ten);
    if (code.empty()) return error("a unit expected");
    auto unit = lookUp(code);
    if (!unit) {
      at_ = start;
      const bool special = internal::isUnsupportedSpecial(code);
      return std::unexpected(
          UnitError{at_,
                    "'" + std::string(code) +
                        (special ? "' is on a scale that is not converted" : "' is not a UCUM unit"),
                    special});
    }
    const auto power = exponent();
    if (!power) return std::unexpected(power.error());
    if (*power == 1) return *unit;
    if (unit->scale != Unit::Scale::kRatio) return error("a unit on a temperature scale stands only alone");
    const auto raised = raiseUnit(*unit, *power);
    if (!raised) return error("the unit is out of range");
    return *raised;
  }

  static std::optional<Unit> lookUp(std::string_view code) {
    if (const FoundAtom* const atom = findUnitAtom(code)) return atom->unit;
    if (internal::isUnsupportedSpecial(code)) return std::nullopt;  // pH is not a picohenry
    for (const Prefix& prefix : kPrefixes) {
      if (!code.starts_with(prefix.code)) continue;
      const FoundAtom* const atom = findUnitAtom(code.substr(prefix.code.size()));
      if (atom == nullptr || !atom->metric || atom->unit.scale != Unit::Scale::kRatio) continue;
      return multiplyUnits(atom->unit, internal::numberUnit(*makeFactor(prefix.value, 1, prefix.exponent)));
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// value * factor. Exact when it ends within 38 digits, else rounded half away from zero to 28 significant
// ones.
std::optional<Decimal> scaled(const Decimal& value, const UnitFactor& factor) {
  constexpr int kDigits = 28;
  UInt128 limit = 1;
  for (int i = 0; i < 38; ++i) limit *= 10;
  auto size = static_cast<UInt128>(value.negative() ? -value.mantissa() : value.mantissa());
  UInt128 below = factor.denominator;
  const UInt128 divisor = internal::commonDivisor(size, below);
  size /= divisor;
  below /= divisor;
  if (size != 0 && UInt128{factor.numerator} > (limit - 1) / size) return std::nullopt;
  size *= factor.numerator;
  int scale = value.scale() - factor.exponent;
  if (size == 0) return Decimal();
  if (below != 1) {
    while (size < limit / 10) size *= 10, ++scale;
    const UInt128 rest = size % below;
    size = size / below + (rest * 2 >= below ? 1 : 0);
    UInt128 most = 1;
    for (int i = 0; i < kDigits; ++i) most *= 10;
    UInt128 drop = 1;
    while (size / drop >= most) drop *= 10, --scale;
    size = (size + drop / 2) / drop;
  }
  while (scale > 0 && size % 10 == 0) size /= 10, --scale;
  while (scale < 0) {
    if (size > (limit - 1) / 10) return std::nullopt;
    size *= 10;
    ++scale;
  }
  if (scale > 76 || size >= limit) return std::nullopt;
  const auto mantissa = static_cast<Int128>(size);
  return Decimal(value.negative() ? -mantissa : mantissa, static_cast<std::uint8_t>(scale));
}

}  // namespace

std::expected<Unit, UnitError> parseUnit(std::string_view text) {
  return UnitParser(text).parse();
}

bool comparable(const Unit& a, const Unit& b) {
  return a.dimension == b.dimension && a.arbitrary == b.arbitrary;
}

// UCUM §21: K = Cel + 273.15, K = (degF + 459.67) * 5/9,
// K = (degRe + 218.52) * 5/4.
Decimal offsetOf(Unit::Scale scale) {
  if (scale == Unit::Scale::kCelsius) return {Int128{27315}, 2};
  if (scale == Unit::Scale::kFahrenheit) return {Int128{45967}, 2};
  if (scale == Unit::Scale::kReaumur) return {Int128{21852}, 2};
  return {};
}

std::optional<Decimal> convert(const Decimal& value, const Unit& from, const Unit& to) {
  if (!comparable(from, to)) return std::nullopt;
  if (from == to) return value;
  const auto ratio = multiplyFactors(from.factor, invertFactor(to.factor), from.exact && to.exact);
  const auto absolute = value.plus(offsetOf(from.scale));
  if (!ratio || !absolute) return std::nullopt;
  const auto converted = scaled(*absolute, *ratio);
  if (!converted || to.scale == Unit::Scale::kRatio) return converted;
  const auto relative = converted->minus(offsetOf(to.scale));
  return relative ? std::optional(relative->normalised()) : std::nullopt;
}

std::optional<Decimal> convert(const Decimal& value, std::string_view from, std::string_view to) {
  const auto source = parseUnit(from);
  const auto target = parseUnit(to);
  return source && target ? convert(value, *source, *target) : std::nullopt;
}

std::optional<int> compareQuantities(const Decimal& a, const Unit& a_unit, const Decimal& b,
                                     const Unit& b_unit) {
  if (!comparable(a_unit, b_unit)) return std::nullopt;
  const auto left = a.plus(offsetOf(a_unit.scale));
  const auto right = b.plus(offsetOf(b_unit.scale));
  const auto ratio =
      multiplyFactors(a_unit.factor, invertFactor(b_unit.factor), a_unit.exact && b_unit.exact);
  if (!left || !right || !ratio) return std::nullopt;
  // left * ratio against right, the denominator carried to the other side so that nothing is rounded.
  const auto x = scaled(*left, {ratio->numerator, 1, ratio->exponent});
  const auto y = scaled(*right, {ratio->denominator, 1, 0});
  if (!x || !y) return std::nullopt;
  return *x < *y ? -1 : *y < *x ? 1 : 0;
}

std::optional<Unit> multiply(const Unit& a, const Unit& b) {
  if (a.scale != Unit::Scale::kRatio || b.scale != Unit::Scale::kRatio) return std::nullopt;
  return multiplyUnits(a, b);
}

std::optional<Unit> divide(const Unit& a, const Unit& b) {
  if (a.scale != Unit::Scale::kRatio || b.scale != Unit::Scale::kRatio) return std::nullopt;
  const auto inverse = raiseUnit(b, -1);
  return inverse ? multiplyUnits(a, *inverse) : std::nullopt;
}

std::string canonicalUnit(const UnitDimension& dimension) {
  constexpr std::string_view kBase[kUnitDimensions] = {"m", "s", "g", "rad", "K", "C", "cd"};
  std::string out;
  for (std::size_t i = 0; i < kUnitDimensions; ++i) {
    if (dimension[i] == 0) continue;
    if (!out.empty()) out += '.';
    out += kBase[i];
    if (dimension[i] != 1) out += std::to_string(dimension[i]);
  }
  return out.empty() ? "1" : out;
}

std::string_view calendarUnit(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"year", "a"}, {"month", "mo"},   {"week", "wk"},  {"day", "d"},
      {"hour", "h"}, {"minute", "min"}, {"second", "s"}, {"millisecond", "ms"}};
  if (word.ends_with('s')) word.remove_suffix(1);
  const auto it = std::ranges::find(kWords, word, &std::pair<std::string_view, std::string_view>::first);
  return it == std::end(kWords) ? std::string_view() : it->second;
}

}  // namespace tributary::terminology
