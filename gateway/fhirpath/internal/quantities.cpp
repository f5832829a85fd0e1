#include "fhirpath/internal/quantities.h"

#include <algorithm>

#include "base/hash.h"
#include "fhirpath/internal/parser.h"

namespace tributary::fhirpath {
namespace {

bool yearOrMonth(const QuantityValue& q) {
  return q.unit == "year" || q.unit == "month";
}

}  // namespace

std::optional<terminology::Unit> unitOf(const QuantityValue& q) {
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
  if (!x || !y) return {};
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

std::uint64_t hashQuantity(const QuantityValue& q) {
  // The value differs by unit; only the dimension is common to all equal quantities.
  const auto unit = unitOf(q);
  if (!unit) return fastHash(q.unit);
  return fastHash({reinterpret_cast<const char*>(unit->dimension.data()), unit->dimension.size()});
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
