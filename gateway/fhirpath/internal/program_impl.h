#pragma once
#include <memory>
#include <string>
#include <vector>

#include "fhirpath/internal/ast.h"
#include "fhirpath/internal/type_model.h"
#include "fhirpath/program.h"

namespace tributary::fhirpath {

struct Program::Impl {
  explicit Impl(const terminology::Definitions* definitions) : types(definitions) {}

  std::string source;
  std::string source_name;
  ExprPool pool;
  const Expr* root = nullptr;
  TypeModel types;
  terminology::TypeId context_type = terminology::kNoType;
  StaticType result;
  std::vector<std::string> variables;
  std::vector<Mention> functions_called, variables_used, variables_unknown, types_unknown;
  std::string last_function;
  std::vector<Diagnostic> warnings;
};

// Fills line, column and source line from the offset.
void locate(Diagnostic& diagnostic, std::string_view source, std::string_view source_name);

}  // namespace tributary::fhirpath
