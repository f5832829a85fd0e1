#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/issue.h"
#include "base/result.h"
#include "collection/collection.h"

namespace tributary::collection {

// One folder below <collection>/tests. What goes in, at least one of the first two:
//   input.json, input.ndjson
//       FHIR resources
//   rows.json {"Table": [{"Field": "value", …}, …]}
//       rows for the rules alone, as a mapping of a supplier's own could give them; "breaks" beside the fields
//       names a rule that the row must break. The header row may stand among them.
//   case.json {"window": {"start", "end", "created"}, "at": day of the aggregates, "settings": {name: value}, "file": true}
//       all optional: rules on the window are checked too; settings over those of tests/settings.json; the case
//       is a whole submission, with a header and the rules over all rows
// What must come:
//   expected.json {"rows": {"Table": [{"Field": "value", …}, …]}, "quarantined": {"Table": […]}}
//       all rows of all tables, in order of their keys, filled cells only; may be left out beside rows.json
//   expected-issues.json [{"rule": "L0129", "at": "Table.Field", "grade": "warning"}, …]
//       all issues, sorted
struct CaseResult {
  std::string name;
  bool passed = false;
  std::string difference;  // for people: what was expected and what came
};

// How far the tests came: not at all, by rows written down for it, or all the way from FHIR.
enum class Reached : std::uint8_t { kNo, kByRows, kByResources };

// An entry of a ConceptMap that a test may reach.
struct TestedEntry {
  std::string map, system, code;  // canonical of the ConceptMap; empty system: the group names none
  auto operator<=>(const TestedEntry&) const = default;
};

struct MappingCoverage {
  // View and field of each expression, and whether a test reached it. Header cells stand under the header
  // table.
  std::map<std::pair<std::string, std::string>, bool> expressions;
  std::map<std::string, Reached>
      rules;  // by id: whether a test broke it; rules of fields that are not sent stay out
  std::map<TestedEntry, bool>
      entries;  // of the collection's ConceptMaps, and whether a test was translated by it
  std::size_t reached() const;
  std::size_t broken(Reached at_least = Reached::kByRows) const;
  std::size_t translated() const;
};

struct MappingReport {
  std::shared_ptr<const Collection> collection;
  std::vector<CaseResult> cases;
  MappingCoverage coverage;
  std::size_t failed() const;
};

// What the tests run on: a collection's folder, and definitions and terminology as for Collection::load.
struct MappingTestInput {
  std::filesystem::path folder;
  std::filesystem::path tests;  // empty: <folder>/tests
  std::shared_ptr<const terminology::Definitions> definitions;
  std::shared_ptr<const terminology::Terminology> terminology;
};

// Loads the collection and runs all cases. With `accept`, what came is written as what is expected instead.
// `issues` takes what is wrong with the collection itself.
Result<MappingReport> runMappingTests(const MappingTestInput& input, std::vector<Issue>& issues,
                                      bool accept = false);
// tests/settings.json: the settings that the cases are projected with.
Result<LoadOptions> mappingTestSettings(const std::filesystem::path& tests);

}  // namespace tributary::collection
