#include "collection/internal/recorder.h"

#include <algorithm>

#include "collection/internal/model.h"

namespace tributary::collection {

Result<std::vector<terminology::Translation>> RecordingTerminology::translate(
    std::string_view concept_map, const terminology::Coding& coding, bool* found) const {
  bool matched = false;
  auto out = inner_->translate(concept_map, coding, &matched);
  if (found != nullptr) *found = matched;
  if (matched) {
    const std::lock_guard lock(mutex_);
    met_.insert({std::string(concept_map.substr(0, concept_map.find('|'))), std::string(coding.system),
                 std::string(coding.code)});
  }
  return out;
}

void RecordingTerminology::mark(std::map<TestedEntry, bool>& entries) const {
  const std::lock_guard lock(mutex_);
  // A group without source takes any system, and a `code` element names none.
  for (const TestedEntry& met : met_) {
    for (auto& [entry, reached] : entries) {
      reached = reached || (entry.map == met.map && entry.code == met.code &&
                            (entry.system.empty() || met.system.empty() || entry.system == met.system));
    }
  }
}

std::map<TestedEntry, bool> mapEntries(const std::filesystem::path& folder, std::vector<Issue>& issues) {
  std::map<TestedEntry, bool> out;
  Reporter reporter(issues);
  std::error_code code;
  for (const auto& file : std::filesystem::directory_iterator(folder, code)) {
    if (file.path().extension() != ".json") continue;
    const auto map = readJson(file.path(), reporter);
    if (map == nullptr || map->root()["resourceType"].text() != "ConceptMap") continue;
    for (const Json& group : map->root()["group"].items()) {
      for (const Json& element : group["element"].items()) {
        out[{map->root()["url"].string(), group["source"].string(), element["code"].string()}] = false;
      }
    }
  }
  return out;
}

}  // namespace tributary::collection
