#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/decimal.h"

namespace tributary::terminology {

// UCUM base dimensions in the order of a dimension vector: m, s, g, rad, K, C, cd (UCUM §28).
inline constexpr std::size_t kUnitDimensions = 7;
using UnitDimension = std::array<std::int8_t, kUnitDimensions>;

// An exact positive factor: numerator / denominator * 10^exponent, in its one canonical form: lowest terms,
// the numerator no multiple of 10, the denominator of neither 2 nor 5.
struct UnitFactor {
  std::uint64_t numerator = 1, denominator = 1;
  std::int16_t exponent = 0;
  friend bool operator==(const UnitFactor&, const UnitFactor&) = default;
};

// A unit in canonical form: value [unit] = (value + offset of the scale) * factor [base units].
struct Unit {
  // Special units (UCUM §21) are on a scale of their own: they have no factor but a conversion, and only
  // stand alone.
  enum class Scale : std::uint8_t { kRatio, kCelsius, kFahrenheit, kReaumur };

  UnitDimension dimension{};
  UnitFactor factor;
  Scale scale = Scale::kRatio;
  // Arbitrary units ([iU], [arb'U], …; UCUM §24) are commensurable with nothing but themselves; 0 for other
  // units.
  std::uint64_t arbitrary = 0;
  bool exact = true;  // false where UCUM's own factor is irrational or measured ([pi], the atomic mass, …)
  friend bool operator==(const Unit&, const Unit&) = default;
};

struct UnitError {
  std::size_t offset = 0;  // in the expression, in bytes
  std::string text;
  bool unconverted = false;  // a UCUM unit, but one on a logarithmic or other special scale
};

// Parses a case sensitive UCUM expression, such as "mg/dL", "10*3/uL", "kg.m/s2", "mm[Hg]", "{beats}/min".
// Bounded: 200 bytes, 20 nested brackets, exponents within ±60. Units outside of the table (logarithmic and
// other special units) are an error. Pure and thread-safe; does not allocate but for an error.
std::expected<Unit, UnitError> parseUnit(std::string_view text);

// Can values in the two be compared and converted?
bool comparable(const Unit& a, const Unit& b);

// Added to a value before the factor of its unit counts; 0 but for temperature scales.
Decimal offsetOf(Unit::Scale scale);

// `value` of unit `from` expressed in `to`. Exact when the quotient terminates, else rounded as
// Decimal::dividedBy does. std::nullopt when the units are not comparable or the result does not fit a
// Decimal.
std::optional<Decimal> convert(const Decimal& value, const Unit& from, const Unit& to);
std::optional<Decimal> convert(const Decimal& value, std::string_view from, std::string_view to);

// Compares exactly, without a rounded quotient: -1, 0 or 1; std::nullopt when not comparable or beyond
// Decimal's range.
std::optional<int> compareQuantities(const Decimal& a, const Unit& a_unit, const Decimal& b,
                                     const Unit& b_unit);

// The unit of a product or quotient; std::nullopt for special units and on overflow.
std::optional<Unit> multiply(const Unit& a, const Unit& b);
std::optional<Unit> divide(const Unit& a, const Unit& b);

// A UCUM expression in base units for the dimension, "g.m2.s-2"; "1" for none. The factor is not part of it.
std::string canonicalUnit(const UnitDimension& dimension);

// The UCUM code of a FHIRPath calendar duration ("year", "months", …: FHIRPath N1 §2.1.9); empty for other
// words. A year or month is not the UCUM "a" or "mo" (N1 §6.1): both get "a" and "mo" here, the caller
// decides.
std::string_view calendarUnit(std::string_view word);

}  // namespace tributary::terminology
