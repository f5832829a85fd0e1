#pragma once
#include <string>
#include <vector>

#include "fhirpath/program.h"
#include "terminology/definitions.h"
#include "views/internal/definition.h"
#include "views/view.h"

namespace tributary::views::internal {

// What a ViewDefinition names must be there: its resource type, its constants, the types, functions and
// %names of its expressions. What is not goes to the problems, with its place and the nearest name.
class Checks {
 public:
  Checks(const CompileOptions& options, Problems& problems) : options_(options), problems_(problems) {}

  // The type of the view's resource. One that is not known is forgotten, so that the expressions say nothing
  // of it again.
  terminology::TypeId resource(Definition& definition);
  // The constants that the expressions may use.
  std::vector<fhirpath::Constant> constants(const Definition& definition);
  // Of an expression that did not compile: what is wrong.
  void failed(const Text& where, const fhirpath::Diagnostic& diagnostic,
              const fhirpath::CompileOptions& options);
  // Of one that did: whether it calls and names only what a view may. After constants().
  bool names(const Text& where, const fhirpath::Program& program);
  // That a filter can give a boolean.
  void filter(const Text& where, const fhirpath::Program& program);
  void columnType(const ColumnDefinition& definition);
  // Whether columns of these types may stand in branches of a unionAll. `declared`: the view says them.
  bool sameType(const std::string& a, const std::string& b, bool declared) const;

 private:
  bool functions(const Text& where, const fhirpath::Program& program);
  bool defined(const Text& where, const fhirpath::Program& program);
  bool typed(const Text& where, const fhirpath::Program& program);

  const CompileOptions& options_;
  Problems& problems_;
  std::vector<fhirpath::Constant> constants_;
  bool claims_shareable_ = false;
};

}  // namespace tributary::views::internal
