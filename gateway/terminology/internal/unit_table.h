#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "terminology/units.h"

namespace tributary::terminology::internal {

enum class UnitKind : std::uint8_t {
  kPlain,      // its definition is exact
  kInexact,    // irrational or measured
  kArbitrary,  // UCUM §24
  kCelsius,
  kFahrenheit,
  kReaumur,
};

// A unit atom as UCUM defines it: `value` times `unit`, an expression of atoms that stand before it in the
// table.
struct UnitAtom {
  std::string_view code;
  bool metric = false;  // takes prefixes
  std::string_view value;
  std::string_view unit;
  UnitKind kind = UnitKind::kPlain;
};

std::span<const UnitAtom> unitAtoms();
// Special units (UCUM §21, §22) that are known but on a logarithmic or similar scale, which we do not
// convert.
bool isUnsupportedSpecial(std::string_view code);

struct FoundAtom {
  Unit unit;
  bool metric = false;
};
// The atom `code`, worked out; nullptr when there is none such.
const FoundAtom* findUnitAtom(std::string_view code);

// Factors in canonical form; std::nullopt where 64 bits do not hold the result. Not `exact`: they are rounded
// until they fit, to 18 digits at least.
std::optional<UnitFactor> makeFactor(UInt128 numerator, UInt128 denominator, int exponent, bool exact = true);
std::optional<UnitFactor> multiplyFactors(const UnitFactor& a, const UnitFactor& b, bool exact = true);
UnitFactor invertFactor(const UnitFactor& factor);

UInt128 commonDivisor(UInt128 a, UInt128 b);

// A pure number.
Unit numberUnit(const UnitFactor& factor);

// Product of two units that are not special; std::nullopt on overflow. And its power.
std::optional<Unit> multiplyUnits(const Unit& a, const Unit& b);
std::optional<Unit> raiseUnit(const Unit& unit, int power);

}  // namespace tributary::terminology::internal
