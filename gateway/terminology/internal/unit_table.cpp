#include "terminology/internal/unit_table.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "base/hash.h"

namespace tributary::terminology::internal {

namespace {

constexpr UInt128 kMax64 = ~std::uint64_t{0};

}  // namespace

UInt128 commonDivisor(UInt128 a, UInt128 b) {
  while (b != 0) a = std::exchange(b, a % b);
  return a;
}

std::optional<UnitFactor> makeFactor(UInt128 numerator, UInt128 denominator, int exponent, bool exact) {
  if (numerator == 0 || denominator == 0) return std::nullopt;
  const UInt128 divisor = commonDivisor(numerator, denominator);
  numerator /= divisor;
  denominator /= divisor;
  while (numerator % 10 == 0) numerator /= 10, ++exponent;
  while (denominator % 10 == 0) denominator /= 10, --exponent;
  // 1/2 is 5/10: only what is coprime to 10 stays below the line.
  constexpr UInt128 kRoom = ~UInt128{0} / 5;
  while (denominator % 2 == 0 && numerator < kRoom) denominator /= 2, numerator *= 5, --exponent;
  while (denominator % 5 == 0 && numerator < kRoom) denominator /= 5, numerator *= 2, --exponent;
  while (!exact && numerator > kMax64) numerator = (numerator + 5) / 10, ++exponent;
  while (!exact && denominator > kMax64) denominator = (denominator + 5) / 10, --exponent;
  if (numerator > kMax64 || denominator > kMax64 || exponent > 2000 || exponent < -2000) return std::nullopt;
  return UnitFactor{static_cast<std::uint64_t>(numerator), static_cast<std::uint64_t>(denominator),
                    static_cast<std::int16_t>(exponent)};
}

std::optional<UnitFactor> multiplyFactors(const UnitFactor& a, const UnitFactor& b, bool exact) {
  return makeFactor(UInt128{a.numerator} * b.numerator, UInt128{a.denominator} * b.denominator,
                    a.exponent + b.exponent, exact);
}

UnitFactor invertFactor(const UnitFactor& factor) {
  // May leave a factor of 2 or 5 below the line; makeFactor puts that right where it fits.
  const auto made = makeFactor(factor.denominator, factor.numerator, -factor.exponent);
  return made ? *made
              : UnitFactor{factor.denominator, factor.numerator, static_cast<std::int16_t>(-factor.exponent)};
}

std::optional<Unit> multiplyUnits(const Unit& a, const Unit& b) {
  Unit out;
  for (std::size_t i = 0; i < kUnitDimensions; ++i) {
    const int sum = a.dimension[i] + b.dimension[i];
    if (sum > 127 || sum < -127) return std::nullopt;
    out.dimension[i] = static_cast<std::int8_t>(sum);
  }
  const auto factor = multiplyFactors(a.factor, b.factor, a.exact && b.exact);
  if (!factor) return std::nullopt;
  out.factor = *factor;
  out.arbitrary = a.arbitrary + b.arbitrary;  // linear in the exponents, modulo 2^64
  out.exact = a.exact && b.exact;
  return out;
}

Unit numberUnit(const UnitFactor& factor) {
  Unit unit;
  unit.factor = factor;
  return unit;
}

std::optional<Unit> raiseUnit(const Unit& unit, int power) {
  Unit base = unit;
  if (power < 0) {
    base.factor = invertFactor(unit.factor);
    for (std::int8_t& dimension : base.dimension) dimension = static_cast<std::int8_t>(-dimension);
    base.arbitrary = 0 - unit.arbitrary;
    power = -power;
  }
  std::optional<Unit> out = Unit{};
  out->exact = unit.exact;
  for (int i = 0; i < power && out; ++i) out = multiplyUnits(*out, base);
  return out;
}

namespace {

using AtomTable = std::unordered_map<std::string_view, FoundAtom>;

// While the table is being filled, parseUnit finds the atoms that stand before. Of the filling thread only;
// the others wait for the static to be there.
thread_local AtomTable* building = nullptr;

void addBase(AtomTable& table) {
  constexpr std::string_view kBase[kUnitDimensions] = {"m", "s", "g", "rad", "K", "C", "cd"};
  for (std::size_t i = 0; i < kUnitDimensions; ++i) {
    Unit unit;
    unit.dimension[i] = 1;
    table.emplace(kBase[i], FoundAtom{unit, true});
  }
}

AtomTable makeTable() {
  AtomTable table;
  table.reserve(unitAtoms().size() + kUnitDimensions);
  addBase(table);
  building = &table;
  for (const UnitAtom& atom : unitAtoms()) {
    const auto unit = parseUnit(atom.unit);
    const auto value = Decimal::parse(atom.value);
    if (!unit || !value) continue;  // a test checks that there is no such atom
    const auto size = static_cast<UInt128>(value->mantissa());
    const auto number = makeFactor(size, 1, -value->scale());
    const auto made = number ? multiplyUnits(*unit, numberUnit(*number)) : std::nullopt;
    if (!made) continue;
    FoundAtom found{*made, atom.metric};
    if (atom.kind == UnitKind::kInexact) found.unit.exact = false;
    if (atom.kind == UnitKind::kArbitrary) found.unit.arbitrary = fastHash(atom.code) | 1;
    if (atom.kind == UnitKind::kCelsius) found.unit.scale = Unit::Scale::kCelsius;
    if (atom.kind == UnitKind::kFahrenheit) found.unit.scale = Unit::Scale::kFahrenheit;
    if (atom.kind == UnitKind::kReaumur) found.unit.scale = Unit::Scale::kReaumur;
    table.emplace(atom.code, found);
  }
  building = nullptr;
  return table;
}

}  // namespace

const FoundAtom* findUnitAtom(std::string_view code) {
  const AtomTable* table = building;
  if (table == nullptr) {
    static const AtomTable kTable = makeTable();
    table = &kTable;
  }
  const auto it = table->find(code);
  return it == table->end() ? nullptr : &it->second;
}

}  // namespace tributary::terminology::internal
