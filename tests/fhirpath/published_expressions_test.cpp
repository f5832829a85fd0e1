// Every invariant and every search parameter of FHIR R4 compiles under the strict checker, or is listed here
// with the reason.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "tests/fhirpath/support.h"

namespace tributary::fhirpath {
namespace {

using fhir::kNoNode;
using fhir::NodeIndex;

constexpr std::string_view kCore = "http://hl7.org/fhir/StructureDefinition/";

// Where it stands → why the strict checker is right to refuse it.
const std::map<std::string, std::string>& exceptions() {
  static const std::map<std::string, std::string> kList = {
      {"ChargeItemDefinition cid-0",
       "an error of R4: ChargeItemDefinition has no element 'name' (it came with R5)"},
      {"Definition ele-1",
       "the logical model Definition is no Element and has no 'id', nor has any instance"},
      {"Event inv-1",
       "the logical model Event calls the element 'statusReason'; the invariant was not changed with it"},
      {"FiveWs ele-1", "the logical model FiveWs is no Element and has no 'id', nor has any instance"},
      {"Extension inv-1",
       "of allergyintolerance-substanceExposureRisk: its context is the AllergyIntolerance, and it stands on "
       "the "
       "Extension; the later package has dropped it"},
      {"http://hl7.org/fhir/SearchParameter/workflow-barrierCode",
       "of the extensions package: 'concept' is an element of CodeableReference, a type of R5"},
      {"http://hl7.org/fhir/SearchParameter/workflow-protectiveFactorCode",
       "of the extensions package: 'concept' is an element of CodeableReference, a type of R5"},
  };
  return kList;
}

std::string_view scalarOf(const fhir::Document& d, NodeIndex object, std::string_view name) {
  const NodeIndex node = d.member(object, name);
  return node != kNoNode && d[node].kind == fhir::Kind::kString ? d.scalar(node) : std::string_view{};
}

// The type at an element's path: a backbone, or the type of the element itself; empty for a choice.
std::string contextOf(const terminology::Definitions& definitions, std::string_view path) {
  if (definitions.findType(path) != terminology::kNoType) return std::string(path);
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string parent = contextOf(definitions, path.substr(0, dot));
  const auto type = definitions.findType(parent);
  if (type == terminology::kNoType) return {};
  const auto found = definitions.path(type, path.substr(dot + 1));
  return found.size() == 1 ? std::string(definitions.typeName(found[0].type)) : std::string();
}

struct Failure {
  std::string where, text;
};

void compileStrictly(const terminology::Definitions& definitions, const std::string& expression,
                     const std::string& context, const std::string& where,
                     std::map<std::string, Failure>& failures) {
  CompileOptions options;
  options.definitions = &definitions;
  options.context_type = context;
  options.strict = true;
  const auto program = compile(expression, options);
  if (!program) failures.try_emplace(expression, where, program.error().summary());
}

// Prints the account; how many are listed as exceptions.
std::size_t report(const char* what, std::size_t count, std::map<std::string, Failure>& failures) {
  std::size_t listed = 0;
  for (const auto& [expression, failure] : failures) {
    if (exceptions().contains(failure.where)) {
      ++listed;
      continue;
    }
    ADD_FAILURE() << failure.where << "\n  " << expression << "\n  " << failure.text;
  }
  std::printf("%s: %zu distinct expressions, %zu listed as exceptions\n", what, count, listed);
  return listed;
}

// Each resource of a type: `of_r4` of the R4 package's own files, then what the definitions hold (later
// packages have a newer text of some).
template <typename Each>
void eachPublished(const terminology::Definitions& definitions, std::string_view type, Each each) {
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  const auto folder = (cache != nullptr ? std::filesystem::path(cache) : testing::sourceFolder() / ".cache") /
                      "packages/hl7.fhir.r4.examples#4.0.1/package";
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
    if (!entry.path().filename().string().starts_with(std::string(type) + "-")) continue;
    each(*testing::document(testing::fileText(entry.path())), true);
  }
  for (const std::string_view url : definitions.canonicals(type)) {
    if (url.starts_with("http://hl7.org/fhir/")) each(*testing::document(definitions.resource(url)), false);
  }
}

TEST(PublishedExpressions, Invariants) {
  const auto definitions = testing::definitions();
  if (definitions == nullptr) GTEST_SKIP();
  std::set<std::string> distinct, r4;
  std::map<std::string, Failure> failures;
  eachPublished(*definitions, "StructureDefinition", [&](const fhir::Document& d, bool of_r4) {
    if (!scalarOf(d, d.root(), "url").starts_with(kCore)) return;
    const NodeIndex snapshot = d.member(d.root(), "snapshot");
    if (snapshot == kNoNode) return;
    const NodeIndex elements = d.member(snapshot, "element");
    for (NodeIndex e = elements + 1; e < d[elements].next; e = d[e].next) {
      const NodeIndex constraints = d.member(e, "constraint");
      if (constraints == kNoNode) continue;
      const std::string path(scalarOf(d, e, "path"));
      for (NodeIndex c = constraints + 1; c < d[constraints].next; c = d[c].next) {
        const std::string expression(scalarOf(d, c, "expression"));
        if (expression.empty()) continue;
        distinct.insert(expression);
        if (of_r4) r4.insert(expression);
        compileStrictly(*definitions, expression, contextOf(*definitions, path),
                        path + " " + std::string(scalarOf(d, c, "key")), failures);
      }
    }
  });
  std::printf("of R4 itself: %zu distinct invariants\n", r4.size());
  EXPECT_EQ(r4.size(), 203U);
  EXPECT_EQ(report("invariants", distinct.size(), failures), 4U);
}

TEST(PublishedExpressions, SearchParameters) {
  const auto definitions = testing::definitions();
  if (definitions == nullptr) GTEST_SKIP();
  std::set<std::string> distinct, r4;
  std::map<std::string, Failure> failures;
  eachPublished(*definitions, "SearchParameter", [&](const fhir::Document& d, bool of_r4) {
    const std::string expression(scalarOf(d, d.root(), "expression"));
    if (expression.empty()) return;
    if (of_r4) r4.insert(expression);
    if (!distinct.insert(expression).second) return;
    compileStrictly(*definitions, expression, "Resource", std::string(scalarOf(d, d.root(), "url")),
                    failures);
  });
  std::printf("of R4 itself: %zu distinct search parameters\n", r4.size());
  EXPECT_EQ(r4.size(), 1353U);
  EXPECT_EQ(report("search parameters", distinct.size(), failures), 2U);
}

}  // namespace
}  // namespace tributary::fhirpath
