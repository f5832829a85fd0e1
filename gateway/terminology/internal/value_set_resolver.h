#pragma once
#include <optional>

#include "terminology/internal/value_sets.h"

namespace tributary::terminology::internal {

// Works out value sets from their definitions. Imports are followed (loops end as "unknown"); what depends on
// code systems or value sets that are not held becomes an unknown scope, never a guess.
class ValueSetResolver {
 public:
  ValueSetResolver(Tables& tables, const View* base, const std::map<std::string, SourceSet>& sets,
                   const std::map<std::string, Expansion>& expansions, const std::vector<std::string>& order,
                   std::vector<CompileWarning>& warnings);

  const ResolvedSet& resolve(const SourceSet& set);

 private:
  enum class Answer { kNo, kYes, kUnknown };
  // A code system in the tables being built or in the base.
  struct System {
    const View* view = nullptr;  // null: in the tables
    std::uint32_t index = kNone;
  };

  ResolvedSet work(const SourceSet& set);
  ResolvedSet select(const Selection& selection);
  void selectFiltered(const Selection& selection, ResolvedSet& out);
  const ResolvedSet* import(const std::string& canonical);
  ResolvedSet fromBase(std::uint32_t index);

  void unite(ResolvedSet& into, const ResolvedSet& other);
  ResolvedSet intersect(const ResolvedSet& a, const ResolvedSet& b);
  void subtract(ResolvedSet& from, const ResolvedSet& other);
  Answer answer(const ResolvedSet& set, Text system, Text code);

  View own() const { return View(tables_); }
  std::optional<System> findSystem(Text url, Text version) const;
  bool complete(const System& system) const;
  std::vector<CodedText> concepts(const System& system, Text url,
                                  const std::vector<Selection::Filter>& filters, bool& supported);

  Tables& tables_;
  const View* base_;
  const std::map<std::string, SourceSet>& sets_;
  const std::map<std::string, Expansion>& expansions_;
  std::vector<CompileWarning>& warnings_;
  std::map<std::string, const SourceSet*, std::less<>> by_url_;
  std::map<const SourceSet*, ResolvedSet> resolved_;
  std::map<std::uint32_t, ResolvedSet> from_base_;
  std::unordered_set<const SourceSet*> open_;
};

}  // namespace tributary::terminology::internal
