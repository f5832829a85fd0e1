#pragma once
#include <string>

#include "cli/collection_bench.h"

namespace tributary::cli {

struct CompareOptions {
  std::string other;   // the changed mappings: a folder with collection.json, or an id below the mappings
  std::string config;  // of a gateway: its current resources instead of files
  std::size_t examples = 3;
};

// What a change of the mappings does to the rows of files, or of a gateway's caseload. Ends the command with 1 when
// anything differs.
void compareMappings(const CollectionInput& input, const CompareOptions& options);

}  // namespace tributary::cli
