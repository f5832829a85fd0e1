#pragma once
#include <expected>
#include <string_view>

#include "fhirpath/internal/ast.h"
#include "fhirpath/program.h"

namespace tributary::fhirpath {

// Source to tree. Paths, unions, `and` and `or` are flat lists, so that a long expression is not a deep one.
// Offsets in the Diagnostic are set; line and column are filled in by compile().
std::expected<Expr*, Diagnostic> parse(std::string_view source, const CompileOptions& options,
                                       ExprPool& pool);

// A number, a quantity ("4 days", "5.1 'mg'") or nothing else; for constants and toQuantity().
std::string_view calendarUnit(std::string_view word);  // "days" → "day"; empty when it is none

}  // namespace tributary::fhirpath
