#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collection/internal/json.h"
#include "collection/internal/plan.h"
#include "collection/internal/reporter.h"

namespace tributary::collection {

// A JSON file, read onto a tape that the object keeps.
struct JsonFile {
  std::filesystem::path path;
  fhir::Document document;
  Json root() const { return Json(document); }
};
// nullptr, and a fault, when it cannot be read.
std::unique_ptr<JsonFile> readJson(const std::filesystem::path& path, Reporter& reporter,
                                   std::string* text = nullptr);

// A check as the logical model states it; links to other tables are resolved when all tables are known.
struct PendingCheck {
  Check check;
  std::string parent;  // "T001.PatientID"
  std::string other;   // compare: field, "T101.field" or "$start"
  Json at;
  const JsonFile* file = nullptr;
};

struct Model {
  Table table;
  std::vector<PendingCheck> checks;
};

// Reads the logical model of a table: StructureDefinition with our collection-… extensions. Rules are
// appended to `impl`.
std::optional<Model> readModel(const JsonFile& file, std::uint16_t table, Collection::Impl& impl,
                               Reporter& reporter);

std::optional<Grade> parseGrade(std::string_view text);

}  // namespace tributary::collection
