#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fhir/document.h"
#include "fhirpath/diagnostic.h"
#include "views/view.h"

namespace tributary::views::internal {

// A string of the ViewDefinition with the place it stands at, for messages.
struct Text {
  std::string value;
  std::string path;  // "select[0].column[2].path"
  fhir::NodeIndex node = fhir::kNoNode;
};

// Collects problems with the place they are at.
class Problems {
 public:
  Problems(const fhir::Document& document, std::string file) : document_(document), file_(std::move(file)) {}

  void add(Severity severity, std::string rule, std::string path, fhir::NodeIndex node, std::string text,
           std::string remedy);
  // Of an expression in the string at `where`. `remedy`: empty for that of the diagnostic.
  void addDiagnostic(Severity severity, const Text& where, const fhirpath::Diagnostic& diagnostic,
                     std::string remedy = {});
  bool failed() const { return failed_; }
  std::vector<Problem>& all() { return all_; }

 private:
  const fhir::Document& document_;
  std::string file_;
  std::vector<Problem> all_;
  bool failed_ = false;
};

// The nearest of `names` to a misspelt one, or empty.
std::string_view nearestName(std::string_view wrong, std::span<const std::string_view> names);

}  // namespace tributary::views::internal
