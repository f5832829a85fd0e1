#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "collection/collection.h"

namespace tributary::collection {

// One folder below <collection>/tests: input.json or input.ndjson, expected.json, and optionally
// expected-issues.json and case.json ({"window": {"start", "end", "created"}}).
//   expected.json         {"rows": {"Table": [{"Field": "value", …}, …]}, "quarantined": {"Table": […]}}: all
//   rows of all
//                         tables, in order of their keys, filled cells only
//   expected-issues.json  [{"rule": "L0129", "at": "Table.Field", "grade": "warning"}, …]: all issues, sorted
struct CaseResult {
  std::string name;
  bool passed = false;
  std::string difference;  // for people: what was expected and what came
};

struct MappingCoverage {
  // View and field of each expression, and whether a test reached it; code and whether a test broke it, for
  // the rules.
  std::map<std::pair<std::string, std::string>, bool> expressions;
  std::map<std::string, bool> rules;
  std::size_t reached() const;
  std::size_t broken() const;
};

struct MappingReport {
  std::vector<CaseResult> cases;
  MappingCoverage coverage;
  std::size_t failed() const;
};

// Runs all cases in `tests`. With `accept`, what came is written as what is expected instead.
Result<MappingReport> runMappingTests(std::shared_ptr<const Collection> collection,
                                      const std::filesystem::path& tests, bool accept = false);
// tests/settings.json: the settings that the cases are projected with.
Result<LoadOptions> mappingTestSettings(const std::filesystem::path& tests);

}  // namespace tributary::collection
