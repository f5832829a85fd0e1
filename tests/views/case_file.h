#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/document.h"
#include "terminology/definitions.h"
#include "views/runner.h"
#include "views/view.h"

namespace tributary::views::testing {

// A file of cases in the form of the public suite (SQL-on-FHIR v2, tests.schema.json), with these additions
// of ours: `expectProblem` {rule, path, line, text} beside expectError, and `options` {national, strict}.
class CaseFile {
 public:
  explicit CaseFile(const terminology::Definitions* definitions) : definitions_(definitions) {}

  // Switches for comparison; set before run().
  bool share_prefixes = true;
  bool optimise = true;
  bool lineage = false;

  bool load(const std::filesystem::path& file);
  // One node a case.
  std::vector<fhir::NodeIndex> cases() const;
  std::string title(fhir::NodeIndex test) const;
  // Empty: passed; else what was wrong.
  std::string run(fhir::NodeIndex test) const;
  // The rows, sorted, or the error.
  std::string rows(fhir::NodeIndex test) const;

 private:
  std::string execute(fhir::NodeIndex test, std::vector<std::string>& rows, std::vector<std::string>& names,
                      std::vector<Problem>& problems) const;

  const terminology::Definitions* definitions_;
  std::string text_;
  fhir::Document document_;
};

// A JSON string, quoted.
std::string jsonString(std::string_view text);
// Canonical JSON of a cell: equal values have equal texts.
std::string canonical(const Cell& cell);

// The compiled definitions, or nullptr when deploy/install has not made them.
std::shared_ptr<const terminology::Definitions> installedDefinitions();

}  // namespace tributary::views::testing
