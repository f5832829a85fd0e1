#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "terminology/compile.h"
#include "terminology/internal/json_view.h"
#include "terminology/internal/tables.h"

namespace tributary::terminology::internal {

struct CodedText {
  Text system, code, display;
};

// One include or exclude of a ValueSet.compose (FHIR R4 4.9.7): codes that satisfy all of it.
struct Selection {
  struct Filter {
    std::string property, op, value;
  };
  Text system, version;
  std::vector<CodedText> concepts;
  std::vector<Filter> filters;
  std::vector<std::string> imports;  // canonicals of value sets
};

struct Expansion {
  std::vector<CodedText> codes;
  bool complete = true;
};

struct SourceSet {
  Text url, version;
  bool composed = false;
  std::vector<Selection> includes, excludes;
  bool expanded = false;
  Expansion expansion;
};

// A value set as far as it can be told: listed codes, systems that are in it as a whole, systems (or all
// systems) of which more codes may be in it, and listed codes that are not in it whatever the rest says. Keys
// are offsets of texts in the pool of the tables, where equal texts have equal offsets.
struct ResolvedSet {
  std::vector<CodedText> members;
  std::unordered_map<std::uint64_t, std::size_t> member_index;
  std::unordered_set<std::uint64_t> excluded_keys;
  std::vector<CodedText> excluded;
  std::vector<ScopeRecord> scopes;

  static std::uint64_t key(Text system, Text code) {
    return std::uint64_t{system.offset} << 32 | code.offset;
  }
  bool holds(Text system, Text code) const { return member_index.contains(key(system, code)); }
  void addMember(const CodedText& code);
  void addScope(Text system, Text version, ScopeMode mode);
  void exclude(const CodedText& code);
  bool hasScope(Text system, ScopeMode mode) const;
  bool uncertain() const;
};

// Gathers ValueSet resources and works out their members once all code systems are in the tables.
class ValueSetBuilder {
 public:
  void add(JsonView value_set, Tables& tables);
  // Lends its expansion to the value set of the same URL, when that cannot be worked out from its definition.
  void addExpansion(JsonView value_set, Tables& tables);
  // `base` may be null; code systems and value sets that are not in `tables` are looked up there.
  void finish(Tables& tables, const View* base, std::vector<CompileWarning>& warnings);

 private:
  std::map<std::string, SourceSet> sets_;  // by "url|version"
  std::vector<std::string> order_;         // keys as they came; the last of a URL is what it means alone
  std::map<std::string, Expansion> expansions_;  // by url
};

}  // namespace tributary::terminology::internal
