#include <algorithm>
#include <set>

#include "collection/internal/load.h"

// The ConceptMaps of a collection: whether what they say can be meant, and whether the views find them.
namespace tributary::collection {
namespace {

using terminology::Verdict;

constexpr std::string_view kEquivalences[] = {"relatedto", "equivalent", "equal",     "wider",   "subsumes",
                                              "narrower",  "specializes", "inexact", "unmatched", "disjoint"};

}  // namespace

// A constant of a view that names a ConceptMap nobody holds would stop all its rows at run time.
void Loader::mapsOf(const JsonFile& view) {
  for (const Json& constant : view.root()["constant"].items()) {
    for (const auto& [name, value] : constant.members()) {
      if (!name.starts_with("value") || value.text().find("/ConceptMap/") == std::string_view::npos) continue;
      if (!impl_.terminology->translate(value.text(), {})) {
        reporter_.fault(view.path, value, "there is no ConceptMap " + value.string(),
                        "Correct the URL here, or the url of the map in its file.");
      }
    }
  }
}

void Loader::maps(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> paths;
  std::error_code code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, code)) {
    if (entry.path().extension() == ".json") paths.insert(entry.path());
  }
  for (const auto& path : paths) {
    const auto file = readJson(path, reporter_, nullptr);
    if (file == nullptr || file->root()["resourceType"].text() != "ConceptMap") continue;
    for (const Json& group : file->root()["group"].items()) mapGroup(group, path);
  }
}

void Loader::mapGroup(const Json& group, const std::filesystem::path& file) {
  const std::string source = group["source"].string(), target = group["target"].string();
  const auto known = [&](const std::string& system, const Json& at) {
    if (system.empty() || !at || impl_.terminology->validateCode(system, at.text()) != Verdict::kNo) return;
    reporter_.fault(file, at, "the code '" + at.string() + "' is not in " + system, "Correct the code, or add it to the CodeSystem.");
  };
  known(target, group["unmapped"]["code"]);
  for (const Json& element : group["element"].items()) {
    known(source, element["code"]);
    for (const Json& one : element["target"].items()) {
      known(target, one["code"]);
      const std::string_view equivalence = one["equivalence"].text();
      if (std::find(std::begin(kEquivalences), std::end(kEquivalences), equivalence) == std::end(kEquivalences)) {
        reporter_.fault(file, one["equivalence"] ? one["equivalence"] : one, "the equivalence '" + std::string(equivalence) + "' is none of FHIR's",
                        "Write equivalent, wider, narrower, inexact, unmatched or another one of ConceptMap.");
      }
    }
  }
}

}  // namespace tributary::collection
