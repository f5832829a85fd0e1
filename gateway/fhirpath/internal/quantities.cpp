#include "fhirpath/internal/quantities.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "fhirpath/internal/parser.h"

namespace tributary::fhirpath {

using terminology::UnitFactor;

namespace {

bool yearOrMonth(const QuantityValue& q) {
  return q.unit == "year" || q.unit == "month";
}

}  // namespace

std::optional<terminology::Unit> unitOf(const QuantityValue& q) {
  if (q.text_only) return std::nullopt;
  std::string_view code = q.unit;
  if (q.calendar) code = terminology::calendarUnit(q.unit);
  if (code.empty()) code = "1";
  const auto unit = terminology::parseUnit(code);
  if (!unit) return std::nullopt;
  return *unit;
}

QuantityOrder compareQuantities(const QuantityValue& a, const QuantityValue& b) {
  const auto sign = [](std::strong_ordering order) { return order < 0 ? -1 : order > 0 ? 1 : 0; };
  if (a.calendar == b.calendar && a.unit == b.unit) return {true, false, sign(a.value <=> b.value)};
  if (a.calendar && b.calendar && yearOrMonth(a) && yearOrMonth(b)) {
    const auto months = [](const QuantityValue& q) {
      return q.unit == "year" ? q.value.times(Decimal(12)) : std::optional<Decimal>(q.value);
    };
    const auto x = months(a), y = months(b);
    if (!x || !y) return {};
    return {true, false, sign(*x <=> *y)};
  }
  const auto x = unitOf(a), y = unitOf(b);
  if (!x || !y) return {.empty = true};  // N1 6.1.1: what is no unit is equal to nothing and unlike nothing
  if (!terminology::comparable(*x, *y)) return {};
  // A calendar year or month has no definite length.
  if ((a.calendar && yearOrMonth(a)) || (b.calendar && yearOrMonth(b))) return {true, true, 0};
  const auto order = terminology::compareQuantities(a.value, *x, b.value, *y);
  if (!order) return {};
  return {true, false, *order};
}

bool equivalentQuantities(const QuantityValue& a, const QuantityValue& b) {
  const auto x = unitOf(a), y = unitOf(b);
  if (!x || !y) return a.unit == b.unit && a.calendar == b.calendar && a.value == b.value;
  if (!terminology::comparable(*x, *y)) return false;
  // In the unit of either, to the precision of the less precise (FHIRPath N1 6.1.2).
  const auto near = [](const Decimal& p, const Decimal& q) {
    const Decimal m = p.normalised(), n = q.normalised();
    const int scale = std::min(m.scale(), n.scale());
    return m.rounded(scale) == n.rounded(scale);
  };
  if (const auto in_a = terminology::convert(b.value, *y, *x); in_a && near(a.value, *in_a)) return true;
  return false;
}

std::array<std::uint64_t, 3> quantityHashes(const QuantityValue& q) {
  std::array<char, Decimal::kMaxTextLength> buffer;
  const auto unit = unitOf(q);
  const auto amount = unit ? q.value.plus(terminology::offsetOf(unit->scale)) : std::nullopt;
  if (!amount) {
    const std::uint64_t key = fastHash(q.unit) ^ fastHash(q.value.normalised().format(buffer));
    return {key, key, key};
  }
  // The amount in base units, on a logarithmic scale so that no factor is out of range.
  std::int64_t place = std::numeric_limits<std::int64_t>::min() / 2;
  if (!amount->zero()) {
    const UnitFactor& factor = unit->factor;
    const double size = std::log2(std::fabs(static_cast<double>(amount->mantissa()))) +
                        std::log2(static_cast<double>(factor.numerator)) -
                        std::log2(static_cast<double>(factor.denominator)) +
                        (factor.exponent - amount->scale()) * std::log2(10.0);
    constexpr double kStepsPerOctave = 4294967296.0;
    place = static_cast<std::int64_t>(std::floor(size * kStepsPerOctave));
  }
  const std::uint64_t kind =
      fastHash({reinterpret_cast<const char*>(unit->dimension.data()), unit->dimension.size()}) ^
      unit->arbitrary ^ (amount->negative() ? 1 : 0);
  const auto key = [&](std::int64_t at) {
    return (kind ^ static_cast<std::uint64_t>(at)) * 0x9E3779B97F4A7C15ULL;
  };
  return {key(place), key(place - 1), key(place + 1)};
}

std::optional<QuantityValue> parseQuantity(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  std::size_t end = 0;
  while (end < text.size() && !blank(text[end]) && text[end] != '\'') ++end;
  const std::string_view number = text.substr(0, end);
  if (number.find_first_of("eE") != std::string_view::npos) return std::nullopt;
  const auto value = Decimal::parse(number);
  if (!value) return std::nullopt;
  while (end < text.size() && blank(text[end])) ++end;
  std::string_view unit = text.substr(end);
  if (unit.empty())
    return end == number.size() ? std::optional(QuantityValue{*value, "1", false}) : std::nullopt;
  if (unit.size() >= 2 && unit.front() == '\'' && unit.back() == '\'') {
    return QuantityValue{*value, unit.substr(1, unit.size() - 2), false};
  }
  if (const auto calendar = calendarUnit(unit); !calendar.empty())
    return QuantityValue{*value, calendar, true};
  return std::nullopt;
}

}  // namespace tributary::fhirpath
