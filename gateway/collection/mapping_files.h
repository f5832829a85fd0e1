#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tributary::collection {

// One line of a ConceptMap, with the place where it stands in its file.
struct MapEntry {
  std::string source_system, code;
  std::string target_system, target;  // target empty: unmatched
  std::string equivalence;
  std::uint32_t line = 0;
  bool unmapped = false;  // the group's `unmapped`: for every code without an entry
};

struct MapFile {
  std::string url, title, description, file;
  std::uint32_t line = 0;
  std::vector<MapEntry> entries;

  // The entry for a code, or that for codes without one; nullptr: none.
  const MapEntry* find(std::string_view system, std::string_view code) const;
};

// The ConceptMaps in the folder of a collection (collection.json, "maps"), in order of their files; of what cannot
// be read nothing: Collection::load() tells what is wrong.
Result<std::vector<MapFile>> readMapFiles(const std::filesystem::path& collection_folder);

// The line of "select[0].column[2]" in a JSON file; 0 when it is not there.
std::uint32_t lineOf(const std::filesystem::path& file, std::string_view location);

}  // namespace tributary::collection
