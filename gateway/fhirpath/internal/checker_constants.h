#pragma once
#include <string>
#include <string_view>

#include "fhirpath/internal/ast.h"

namespace tributary::fhirpath {

// Turns `e` into a literal of the System type that stands for a FHIR primitive (or a Quantity literal). False
// when the text is no such value.
bool makeConstant(Expr& e, std::string_view text, std::string_view type);

// %sct, %loinc, %ucum, %`vs-name`, %`ext-name` (FHIR R4 2.9.2); empty for anything else.
std::string wellKnownVariable(std::string_view name);

}  // namespace tributary::fhirpath
