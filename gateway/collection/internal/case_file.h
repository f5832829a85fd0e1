#pragma once
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "collection/collection.h"
#include "collection/projector.h"

namespace tributary::collection {

using CaseCells = std::map<std::string, std::string>;              // field → value
using CaseTables = std::map<std::string, std::vector<CaseCells>>;  // table → rows
using CaseIssue = std::array<std::string, 3>;                      // rule, at, grade

// What a mapping test gave.
struct CaseOutput {
  CaseTables rows, quarantined;
  std::vector<CaseIssue> issues;
};

// case.json and rows.json of a mapping test.
struct CaseInput {
  std::optional<Window> window;
  std::string day;  // at which aggregates are counted, "2026-11-19"; empty: they are not
  std::map<std::string, std::string> settings;
  bool file = false;
  std::vector<GivenRow> rows;  // without the header
  struct Claim {
    std::string at;    // "T201Contact[3]"
    std::string rule;  // what the row says it breaks; empty: it says nothing
  };
  std::vector<Claim> claims;  // as rows
  std::optional<std::vector<std::string>> header;
};

// What cannot be understood is told in `difference`, a line each.
CaseInput readCase(const std::filesystem::path& folder, const Collection& collection,
                   std::string& difference);
Result<void> writeExpected(const std::filesystem::path& folder, const CaseOutput& output);
// `output.issues` must be sorted.
void compareExpected(const std::filesystem::path& folder, const CaseOutput& output, std::string& difference);

}  // namespace tributary::collection
