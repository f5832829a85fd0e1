#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "fhirpath/value.h"
#include "terminology/units.h"

namespace tributary::fhirpath {

struct QuantityOrder {
  bool comparable = false;  // of one dimension
  // Open (FHIRPath N1 6.1.1): a calendar year or month against a definite duration, or a unit that is none.
  bool empty = false;
  int order = 0;
};
QuantityOrder compareQuantities(const QuantityValue& a, const QuantityValue& b);
bool equivalentQuantities(const QuantityValue& a, const QuantityValue& b);
// For sets: two equal quantities, in whatever units, have the first hash of each among all three of the
// other. (The amount in base units is rounded to a place on a scale; equal ones may come out one place
// apart.)
std::array<std::uint64_t, 3> quantityHashes(const QuantityValue& q);

// The unit as UCUM has it: a calendar unit by its definite duration where it has one. nullopt: not a unit we
// know.
std::optional<terminology::Unit> unitOf(const QuantityValue& q);

// "5.1 'mg'", "4 days", "5"; nullopt when it is none. The unit points into `text`.
std::optional<QuantityValue> parseQuantity(std::string_view text);

}  // namespace tributary::fhirpath
