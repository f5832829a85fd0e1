#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/json_reader.h"
#include "fhirpath/evaluator.h"
#include "terminology/definitions.h"
#include "terminology/terminology.h"

namespace tributary::fhirpath::testing {

// The compiled definitions of .cache (TRIBUTARY_CACHE); nullptr, with a line that says so, when they are not
// there.
std::shared_ptr<const terminology::Definitions> definitions();
std::shared_ptr<const terminology::Terminology> localTerminology();

// A document over its own copy of the text.
std::unique_ptr<fhir::Document> document(std::string_view json);

// "integer:1 string:a …" of a result, "error: …" of a failure in any phase.
struct Options {
  std::string context_type;  // empty: the document's resourceType
  bool strict = false;
  bool optimise = true;
  bool national = false;
  std::vector<Constant> constants;
};
std::string evaluated(std::string_view expression, const fhir::Document& on, const Options& options = {});
std::string shown(std::span<const Value> values);

std::filesystem::path sourceFolder();
// What the shared folder or a package holds; empty when it is not there.
std::string fileText(const std::filesystem::path& path);

}  // namespace tributary::fhirpath::testing
