#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "fhir/json_reader.h"
#include "terminology/compile.h"
#include "terminology/internal/code_systems.h"
#include "terminology/internal/concept_maps.h"
#include "terminology/internal/tables.h"
#include "terminology/internal/type_builder.h"
#include "terminology/internal/value_sets.h"

namespace tributary::terminology::internal {

// Gathers definitions resource by resource and turns them into tables.
class DefinitionSet {
 public:
  explicit DefinitionSet(const CompileOptions& options) : options_(options) {}

  // One JSON file of a package. Anything but a definition is passed over.
  void addExpansions(std::string_view file, std::string_view json);
  void addFile(std::string_view file, std::string_view json);
  // The same for run time overlays: only terminology, Bundles opened, and unreadable JSON is an error.
  Result<void> addOverlay(std::string_view file, std::string_view json);
  void countPackage(const PackageRecord& package) { tables_.packages.push_back(package); }

  Text text(std::string_view text) { return tables_.strings.add(text); }
  std::size_t resources() const { return tables_.resources.size(); }

  // `base`: what code systems and value sets of other definitions may be referred to.
  const Tables& finish(const View* base, bool types);
  std::vector<CompileWarning>& warnings() { return warnings_; }

 private:
  bool read(std::string_view file, std::string_view json);
  void addResource(JsonView resource, std::string_view file);
  void addTerminology(JsonView resource);
  void keepBody(JsonView resource);

  CompileOptions options_;
  Tables tables_;
  TypeBuilder types_;
  CodeSystemBuilder systems_;
  ValueSetBuilder value_sets_;
  ConceptMapBuilder maps_;
  fhir::JsonReader reader_;
  fhir::Document document_;
  std::vector<CompileWarning> warnings_;
};

}  // namespace tributary::terminology::internal
