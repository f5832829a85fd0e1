#include "collection/mapping_files.h"

#include <set>

#include "collection/internal/load.h"
#include "collection/internal/model.h"
#include "collection/internal/reporter.h"

namespace tributary::collection {
namespace {

void readGroup(const Json& group, MapFile& map) {
  const std::string source = group["source"].string(), target = group["target"].string();
  for (const Json& element : group["element"].items()) {
    const auto targets = element["target"].items();
    MapEntry entry;
    entry.source_system = source;
    entry.code = element["code"].string();
    entry.target_system = target;
    entry.line = element.position().line;
    if (targets.empty()) map.entries.push_back(entry);
    for (const Json& one : targets) {
      entry.target = one["code"].string();
      entry.equivalence = one["equivalence"].string();
      entry.line = one.position().line;
      map.entries.push_back(entry);
    }
  }
  if (const Json unmapped = group["unmapped"]) {
    map.entries.push_back({source, {}, target, unmapped["code"].string(), unmapped["mode"].string(),
                           unmapped.position().line, true});
  }
}

}  // namespace

const MapEntry* MapFile::find(std::string_view system, std::string_view code) const {
  const MapEntry* fallback = nullptr;
  for (const MapEntry& entry : entries) {
    if (!entry.source_system.empty() && !system.empty() && entry.source_system != system) continue;
    if (entry.unmapped) {
      fallback = &entry;
    } else if (entry.code == code) {
      return &entry;
    }
  }
  return fallback;
}

Result<std::vector<MapFile>> readMapFiles(const std::filesystem::path& folder) {
  std::vector<Issue> issues;
  Reporter reporter(issues);
  const auto manifest = readJson(folder / "collection.json", reporter);
  if (manifest == nullptr)
    return fail(ErrorCode::kNotFound, "there is no readable collection.json in " + folder.string());
  std::set<std::filesystem::path> files;
  std::error_code code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           (folder / manifest->root()["maps"].string()).lexically_normal(), code)) {
    if (entry.path().extension() == ".json") files.insert(entry.path());
  }
  std::vector<MapFile> out;
  for (const auto& path : files) {
    const auto file = readJson(path, reporter);
    if (file == nullptr || file->root()["resourceType"].text() != "ConceptMap") continue;
    const Json root = file->root();
    MapFile map{root["url"].string(), root["title"].string(), root["description"].string(), path.string(),
                root["url"].position().line, {}};
    for (const Json& group : root["group"].items()) readGroup(group, map);
    out.push_back(std::move(map));
  }
  return out;
}

std::uint32_t lineOf(const std::filesystem::path& path, std::string_view location) {
  std::vector<Issue> issues;
  Reporter reporter(issues);
  const auto file = readJson(path, reporter);
  if (file == nullptr) return 0;
  const Json at = memberAt(file->root(), location);
  return at ? at.position().line : 0;
}

}  // namespace tributary::collection
