#include "terminology/internal/value_set_resolver.h"

#include <algorithm>

#include "terminology/internal/concept_filter.h"

namespace tributary::terminology::internal {

void ResolvedSet::addMember(const CodedText& code) {
  if (member_index.try_emplace(key(code.system, code.code), members.size()).second) members.push_back(code);
}

void ResolvedSet::addScope(Text system, Text version, ScopeMode mode) {
  if (!hasScope(system, mode)) scopes.push_back({system, version, mode});
}

void ResolvedSet::exclude(const CodedText& code) {
  if (excluded_keys.insert(key(code.system, code.code)).second) excluded.push_back(code);
}

bool ResolvedSet::hasScope(Text system, ScopeMode mode) const {
  return std::ranges::any_of(scopes, [&](const ScopeRecord& scope) {
    return scope.mode == mode && (mode == kUnknownAny || scope.system == system);
  });
}

bool ResolvedSet::uncertain() const {
  return std::ranges::any_of(scopes, [](const ScopeRecord& scope) { return scope.mode != kAllOf; });
}

ValueSetResolver::ValueSetResolver(Tables& tables, const View* base,
                                   const std::map<std::string, SourceSet>& sets,
                                   const std::map<std::string, Expansion>& expansions,
                                   const std::vector<std::string>& order,
                                   std::vector<CompileWarning>& warnings)
    : tables_(tables), base_(base), sets_(sets), expansions_(expansions), warnings_(warnings) {
  for (const std::string& key : order) by_url_[key.substr(0, key.rfind('|'))] = &sets_.at(key);
}

const ResolvedSet& ValueSetResolver::resolve(const SourceSet& set) {
  if (const auto it = resolved_.find(&set); it != resolved_.end()) return it->second;
  open_.insert(&set);
  ResolvedSet made = work(set);
  open_.erase(&set);
  return resolved_.emplace(&set, std::move(made)).first->second;
}

ResolvedSet ValueSetResolver::work(const SourceSet& set) {
  ResolvedSet all;
  for (const Selection& include : set.includes) unite(all, select(include));
  for (const Selection& exclude : set.excludes) subtract(all, select(exclude));
  if (set.composed && !all.uncertain()) return all;
  // Lent expansions are of some release of the systems that are not held, and are cut at 1,000 codes a system
  // without saying so: what they list is in, what they do not list is not known. The set's own expansion is
  // its author's word.
  const auto lent = expansions_.find(std::string(tables_.strings.view(set.url)));
  const Expansion* const expansion = set.expanded                ? &set.expansion
                                     : lent != expansions_.end() ? &lent->second
                                                                 : nullptr;
  const bool settled = set.expanded && set.expansion.complete;
  if (settled) all = {};
  if (!settled && !set.composed) all.addScope({}, {}, kUnknownAny);
  if (expansion != nullptr) {
    for (const CodedText& code : expansion->codes) all.addMember(code);
  }
  return all;
}

ResolvedSet ValueSetResolver::select(const Selection& selection) {
  ResolvedSet out;
  bool first = true;
  if (selection.system.length != 0) {
    first = false;
    if (!selection.concepts.empty()) {
      for (const CodedText& code : selection.concepts) out.addMember(code);
    } else if (!selection.filters.empty()) {
      selectFiltered(selection, out);
    } else {
      const bool held = findSystem(selection.system, selection.version).has_value();
      out.addScope(selection.system, selection.version, held ? kAllOf : kUnknownOf);
    }
  }
  for (const std::string& canonical : selection.imports) {
    const ResolvedSet* const imported = import(canonical);
    ResolvedSet unknown;
    unknown.addScope({}, {}, kUnknownAny);
    const ResolvedSet& other = imported == nullptr ? unknown : *imported;
    out = first ? other : intersect(out, other);
    first = false;
  }
  return out;
}

void ValueSetResolver::selectFiltered(const Selection& selection, ResolvedSet& out) {
  const std::optional<System> system = findSystem(selection.system, selection.version);
  bool supported = system.has_value();
  if (supported) {
    for (const CodedText& code : concepts(*system, selection.system, selection.filters, supported))
      out.addMember(code);
  }
  if (!supported || !complete(*system)) out.addScope(selection.system, selection.version, kUnknownOf);
}

std::vector<CodedText> ValueSetResolver::concepts(const System& system, Text url,
                                                  const std::vector<Selection::Filter>& filters,
                                                  bool& supported) {
  std::vector<std::pair<Text, Text>> found;
  {
    const View mine = own();
    const View& view = system.view == nullptr ? mine : *system.view;
    const ConceptFilter filter(view, system.index, filters);
    supported = filter.supported();
    if (!supported) return {};
    const Range range = view.systems[system.index].concepts;
    for (std::uint32_t i = range.begin; i < range.begin + range.count && i < view.concepts.size(); ++i) {
      if (filter.matches(i)) found.emplace_back(view.concepts[i].code, view.concepts[i].display);
    }
  }
  std::vector<CodedText> codes;
  codes.reserve(found.size());
  for (auto [code, display] : found) {
    if (system.view != nullptr) {
      code = tables_.strings.add(system.view->text(code));
      display = tables_.strings.add(system.view->text(display));
    }
    codes.push_back({url, code, display});
  }
  return codes;
}

const ResolvedSet* ValueSetResolver::import(const std::string& canonical) {
  const SourceSet* set = nullptr;
  if (const auto exact = sets_.find(canonical); exact != sets_.end()) {
    set = &exact->second;
  } else if (const auto any = by_url_.find(canonical.substr(0, canonical.find('|'))); any != by_url_.end()) {
    set = any->second;
  }
  if (set != nullptr) {
    if (open_.contains(set)) {
      warnings_.push_back({canonical, "value set imports itself"});
      return nullptr;
    }
    return &resolve(*set);
  }
  if (base_ == nullptr) return nullptr;
  std::uint32_t index = base_->findValueSet(canonical);
  if (index == kNone) index = base_->findValueSet(std::string_view(canonical).substr(0, canonical.find('|')));
  if (index == kNone) return nullptr;
  if (const auto it = from_base_.find(index); it != from_base_.end()) return &it->second;
  return &from_base_.emplace(index, fromBase(index)).first->second;
}

ResolvedSet ValueSetResolver::fromBase(std::uint32_t index) {
  ResolvedSet out;
  const ValueSetRecord& record = base_->value_sets[index];
  const auto translate = [&](Text text) { return tables_.strings.add(base_->text(text)); };
  for (const MemberRecord& member : View::slice(base_->members, record.members)) {
    const CodedText code{translate(member.system), translate(member.code), translate(member.display)};
    if ((member.flags & kExcluded) != 0)
      out.exclude(code);
    else
      out.addMember(code);
  }
  for (const ScopeRecord& scope : View::slice(base_->scopes, record.scopes)) {
    out.addScope(translate(scope.system), translate(scope.version), static_cast<ScopeMode>(scope.mode));
  }
  return out;
}

std::optional<ValueSetResolver::System> ValueSetResolver::findSystem(Text url, Text version) const {
  const auto look = [&](const View& view) {
    std::string canonical(tables_.strings.view(url));
    std::uint32_t index = kNone;
    if (version.length != 0)
      index = view.findSystem(canonical + "|" + std::string(tables_.strings.view(version)));
    return index != kNone ? index : view.findSystem(canonical);
  };
  if (const std::uint32_t index = look(own()); index != kNone) return System{nullptr, index};
  if (base_ == nullptr) return std::nullopt;
  const std::uint32_t index = look(*base_);
  return index == kNone ? std::nullopt : std::optional(System{base_, index});
}

bool ValueSetResolver::complete(const System& system) const {
  const std::uint32_t flags =
      system.view == nullptr ? tables_.systems[system.index].flags : system.view->systems[system.index].flags;
  return (flags & kComplete) != 0;
}

ValueSetResolver::Answer ValueSetResolver::answer(const ResolvedSet& set, Text system, Text code) {
  if (set.excluded_keys.contains(ResolvedSet::key(system, code))) return Answer::kNo;
  if (set.holds(system, code)) return Answer::kYes;
  for (const ScopeRecord& scope : set.scopes) {
    if (scope.mode != kAllOf || scope.system != system) continue;
    const std::optional<System> held = findSystem(system, scope.version);
    if (!held) return Answer::kUnknown;
    const View mine = own();
    const View& view = held->view == nullptr ? mine : *held->view;
    if (view.findConcept(held->index, tables_.strings.view(code)) != kNone) return Answer::kYes;
    if (!complete(*held)) return Answer::kUnknown;
  }
  return set.hasScope(system, kUnknownOf) || set.hasScope({}, kUnknownAny) ? Answer::kUnknown : Answer::kNo;
}

void ValueSetResolver::unite(ResolvedSet& into, const ResolvedSet& other) {
  // A code that one side excludes stays excluded only when the other side does not have it.
  std::vector<CodedText> excluded;
  for (const CodedText& code : into.excluded) {
    if (answer(other, code.system, code.code) == Answer::kNo) excluded.push_back(code);
  }
  for (const CodedText& code : other.excluded) {
    if (answer(into, code.system, code.code) == Answer::kNo) excluded.push_back(code);
  }
  into.excluded.clear();
  into.excluded_keys.clear();
  for (const CodedText& code : excluded) into.exclude(code);
  for (const CodedText& code : other.members) into.addMember(code);
  for (const ScopeRecord& scope : other.scopes) {
    into.addScope(scope.system, scope.version, static_cast<ScopeMode>(scope.mode));
  }
}

ResolvedSet ValueSetResolver::intersect(const ResolvedSet& a, const ResolvedSet& b) {
  ResolvedSet out;
  const auto take = [&](const CodedText& code, const ResolvedSet& other) {
    const Answer verdict = answer(other, code.system, code.code);
    if (verdict == Answer::kYes) out.addMember(code);
    if (verdict == Answer::kUnknown) out.addScope(code.system, {}, kUnknownOf);
  };
  for (const CodedText& code : a.members) take(code, b);
  for (const CodedText& code : b.members) take(code, a);
  const auto scopes = [&](const ResolvedSet& one, const ResolvedSet& other) {
    for (const ScopeRecord& scope : one.scopes) {
      if (scope.mode == kUnknownAny) {
        // Any of the other side's codes may be in.
        for (const ScopeRecord& its : other.scopes) {
          out.addScope(its.system, its.version, its.mode == kUnknownAny ? kUnknownAny : kUnknownOf);
        }
      } else if (scope.mode == kUnknownOf) {
        if (other.hasScope(scope.system, kAllOf) || other.hasScope(scope.system, kUnknownOf) ||
            other.hasScope({}, kUnknownAny)) {
          out.addScope(scope.system, scope.version, kUnknownOf);
        }
      } else if (other.hasScope(scope.system, kAllOf)) {
        out.addScope(scope.system, scope.version, kAllOf);
      }
    }
  };
  scopes(a, b);
  scopes(b, a);
  for (const CodedText& code : a.excluded) out.exclude(code);
  for (const CodedText& code : b.excluded) out.exclude(code);
  return out;
}

void ValueSetResolver::subtract(ResolvedSet& from, const ResolvedSet& other) {
  std::vector<CodedText> kept;
  ResolvedSet result;
  for (const CodedText& code : from.members) {
    const Answer verdict = answer(other, code.system, code.code);
    if (verdict == Answer::kNo) kept.push_back(code);
    if (verdict == Answer::kUnknown) result.addScope(code.system, {}, kUnknownOf);
  }
  for (const CodedText& code : kept) result.addMember(code);
  for (const ScopeRecord& scope : from.scopes) {
    if (scope.mode != kUnknownAny && other.hasScope(scope.system, kAllOf)) {
      for (const CodedText& spared : other.excluded) {
        if (spared.system == scope.system) result.addMember(spared);
      }
      continue;
    }
    const bool doubtful = scope.mode != kUnknownAny &&
                          (other.hasScope(scope.system, kUnknownOf) || other.hasScope({}, kUnknownAny));
    result.addScope(scope.system, scope.version, doubtful ? kUnknownOf : static_cast<ScopeMode>(scope.mode));
  }
  for (const CodedText& code : from.excluded) result.exclude(code);
  if (!result.scopes.empty()) {
    for (const CodedText& code : other.members) result.exclude(code);
  }
  from = std::move(result);
}

}  // namespace tributary::terminology::internal
