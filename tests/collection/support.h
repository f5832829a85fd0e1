#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collection/collection.h"
#include "collection/mapping_test.h"
#include "collection/projector.h"
#include "fhir/document.h"

namespace tributary::collection::test {

std::filesystem::path csdsFolder();
// CSDS v1.6 with the settings of its mapping tests; null where the definitions are not compiled.
std::shared_ptr<const Collection> csds();
// CSDS v1.6 for its mapping tests.
MappingTestInput csdsTests();
// Loads a folder as csds() does, or says what is wrong with it.
Result<std::shared_ptr<const Collection>> loadFolder(const std::filesystem::path& folder,
                                                     std::vector<Issue>& issues, LoadOptions options);

// One patient's resources, projected; everything is copied out of the projector.
struct SeenRow {
  std::string table, key, start, end, lineage;
  std::vector<std::string> cells;
  bool good = false;
  std::vector<std::string> rules;  // of its issues
  std::string cause;               // key of the row that pulled it down
};
struct Seen {
  std::vector<SeenRow> rows;
  std::vector<RowIssue> issues;
  struct Resource {
    Outcome outcome;
    std::string rule, reason;
  };
  std::vector<Resource> outcomes;

  const SeenRow* row(std::string_view table, std::string_view key) const;
  std::size_t count(std::string_view table, bool good) const;
  std::string cell(std::string_view table, std::string_view key, std::string_view field) const;
  bool broke(std::string_view table, std::string_view key, std::string_view rule) const;
};
Seen project(const std::vector<std::string>& subject, const std::vector<std::string>& shared = {},
             const ProjectOptions& options = {});

// Small resources with what the tables need; `more` is spliced into the object.
std::string patient(std::string_view more = R"(,"birthDate":"1950-02-01")",
                    std::string_view nhs = "9990000018");
std::string referral(std::string_view more = {});
std::string contact(std::string_view more = {}, std::string_view id = "c1");
std::string activity(std::string_view more = {}, std::string_view id = "p1");
std::string team();

}  // namespace tributary::collection::test

#define REQUIRE_CSDS()                                  \
  if (::tributary::collection::test::csds() == nullptr) \
  GTEST_SKIP() << "no compiled definitions in .cache (deploy/install makes them)"
