#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "fhirpath/value.h"
#include "terminology/units.h"

namespace tributary::fhirpath {

struct QuantityOrder {
  bool comparable = false;  // of one dimension
  bool empty = false;       // a calendar year or month against a definite duration: open (FHIRPath N1 6.1.1)
  int order = 0;
};
QuantityOrder compareQuantities(const QuantityValue& a, const QuantityValue& b);
bool equivalentQuantities(const QuantityValue& a, const QuantityValue& b);
std::uint64_t hashQuantity(const QuantityValue& q);

// The unit as UCUM has it: a calendar unit by its definite duration where it has one. nullopt: not a unit we
// know.
std::optional<terminology::Unit> unitOf(const QuantityValue& q);

// "5.1 'mg'", "4 days", "5"; nullopt when it is none. The unit points into `text`.
std::optional<QuantityValue> parseQuantity(std::string_view text);

}  // namespace tributary::fhirpath
