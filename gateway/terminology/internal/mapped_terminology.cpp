#include <algorithm>
#include <array>
#include <map>
#include <system_error>

#include "base/file.h"
#include "terminology/internal/definition_set.h"
#include "terminology/internal/mapped_definitions.h"
#include "terminology/terminology.h"

namespace tributary::terminology {

namespace internal {

namespace {

constexpr int kMaxOtherMaps = 8;  // "unmapped: other-map" hops

// Terminology over compiled definitions and, in front of them, an overlay compiled into memory in the same
// form.
class MappedTerminology final : public Terminology {
 public:
  MappedTerminology(std::shared_ptr<const MappedDefinitions> definitions, std::string overlay_bytes,
                    View overlay)
      : definitions_(std::move(definitions)), overlay_bytes_(std::move(overlay_bytes)) {
    if (!overlay_bytes_.empty()) layers_[count_++] = overlay;
    layers_[count_++] = definitions_->view();
  }

  Verdict memberOf(std::string_view value_set, const Coding& coding) const override;
  Verdict subsumes(std::string_view system, std::string_view ancestor, std::string_view code) const override;
  Verdict validateCode(std::string_view system, std::string_view code) const override;
  std::string_view display(std::string_view system, std::string_view code) const override;
  Result<std::vector<Translation>> translate(std::string_view concept_map, const Coding& coding,
                                             bool* found) const override;
  std::vector<Coding> expand(std::string_view value_set) const override;

 private:
  struct Place {
    const View* view = nullptr;
    std::uint32_t index = kNone;
    explicit operator bool() const { return view != nullptr; }
  };
  using Find = std::uint32_t (View::*)(std::string_view) const;
  // In the first layer that has it. A version that no layer holds gives way to the version that is there.
  Place find(Find finder, std::string_view canonical) const;
  Place findSystem(std::string_view system) const { return find(&View::findSystem, system); }

  Place findSystem(std::string_view url, std::string_view version) const;
  static Verdict inSystem(const Place& system, std::string_view code);
  Verdict inScopes(const View& view, std::uint32_t value_set, const Coding& coding) const;
  // The system's own spelling of a code, of a system that is not case sensitive; else the code itself.
  std::string_view canonicalCode(std::string_view system, std::string_view code) const;
  Result<void> translateInto(std::string_view concept_map, const Coding& coding,
                             std::vector<Translation>& out, bool& matched, int hops) const;
  Result<void> unmapped(const View& view, const GroupRecord& group, const Coding& coding,
                        std::vector<Translation>& out, bool& matched, int hops) const;

  std::shared_ptr<const MappedDefinitions> definitions_;
  std::string overlay_bytes_;
  std::array<View, 2> layers_;
  std::size_t count_ = 0;
};

MappedTerminology::Place MappedTerminology::find(Find finder, std::string_view canonical) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (const std::uint32_t index = (layers_[i].*finder)(canonical); index != kNone)
      return {&layers_[i], index};
  }
  const std::size_t bar = canonical.find('|');
  return bar == std::string_view::npos ? Place() : find(finder, canonical.substr(0, bar));
}

std::string_view MappedTerminology::canonicalCode(std::string_view system, std::string_view code) const {
  const Place place = system.empty() ? Place() : findSystem(system);
  if (!place || (place.view->systems[place.index].flags & kCaseInsensitive) == 0) return code;
  const std::uint32_t found = place.view->findConcept(place.index, code);
  return found == kNone ? code : place.view->text(place.view->concepts[found].code);
}

MappedTerminology::Place MappedTerminology::findSystem(std::string_view url, std::string_view version) const {
  std::array<char, 512> buffer{};
  if (version.empty() || url.size() + version.size() >= buffer.size()) return findSystem(url);
  char* end = std::ranges::copy(url, buffer.data()).out;
  *end++ = '|';
  end = std::ranges::copy(version, end).out;
  return findSystem(std::string_view(buffer.data(), static_cast<std::size_t>(end - buffer.data())));
}

Verdict MappedTerminology::inSystem(const Place& system, std::string_view code) {
  if (!system) return Verdict::kUnknown;
  if (system.view->findConcept(system.index, code) != kNone) return Verdict::kYes;
  return (system.view->systems[system.index].flags & kComplete) != 0 ? Verdict::kNo : Verdict::kUnknown;
}

Verdict MappedTerminology::inScopes(const View& view, std::uint32_t value_set, const Coding& coding) const {
  Verdict verdict = Verdict::kNo;
  for (const ScopeRecord& scope : View::slice(view.scopes, view.value_sets[value_set].scopes)) {
    if (scope.mode == kUnknownAny) {
      verdict = Verdict::kUnknown;
      continue;
    }
    const std::string_view system = view.text(scope.system);
    if (!coding.system.empty() && coding.system != system) continue;
    // Asked without a system, the look-up of members has passed over the excluded ones.
    if (coding.system.empty() && view.findMember(value_set, system, coding.code) != kNone) continue;
    const Verdict here = scope.mode == kAllOf
                             ? inSystem(findSystem(system, view.text(scope.version)), coding.code)
                             : Verdict::kUnknown;
    if (here == Verdict::kYes) return here;
    if (here == Verdict::kUnknown) verdict = here;
  }
  return verdict;
}

Verdict MappedTerminology::memberOf(std::string_view value_set, const Coding& coding) const {
  const Place place = find(&View::findValueSet, value_set);
  if (!place) return Verdict::kUnknown;
  if (coding.code.empty()) return Verdict::kNo;
  std::uint32_t member = place.view->findMember(place.index, coding.system, coding.code);
  if (member == kNone && place.view->value_sets[place.index].members.count != 0) {
    const std::string_view spelt = canonicalCode(coding.system, coding.code);
    if (spelt.data() != coding.code.data())
      member = place.view->findMember(place.index, coding.system, spelt);
  }
  if (member != kNone) {
    return (place.view->members[member].flags & kExcluded) != 0 ? Verdict::kNo : Verdict::kYes;
  }
  return inScopes(*place.view, place.index, coding);
}

Verdict MappedTerminology::validateCode(std::string_view system, std::string_view code) const {
  return inSystem(findSystem(system), code);
}

Verdict MappedTerminology::subsumes(std::string_view system, std::string_view ancestor,
                                    std::string_view code) const {
  const Place place = findSystem(system);
  if (!place) return ancestor == code && !code.empty() ? Verdict::kYes : Verdict::kUnknown;
  const std::uint32_t above = place.view->findConcept(place.index, ancestor);
  const std::uint32_t below = place.view->findConcept(place.index, code);
  if (above != kNone && below != kNone)
    return place.view->subsumes(above, below) ? Verdict::kYes : Verdict::kNo;
  return (place.view->systems[place.index].flags & kComplete) != 0 ? Verdict::kNo : Verdict::kUnknown;
}

std::string_view MappedTerminology::display(std::string_view system, std::string_view code) const {
  const Place place = findSystem(system);
  const std::uint32_t found = place ? place.view->findConcept(place.index, code) : kNone;
  return found == kNone ? std::string_view() : place.view->text(place.view->concepts[found].display);
}

std::vector<Coding> MappedTerminology::expand(std::string_view value_set) const {
  const Place place = find(&View::findValueSet, value_set);
  if (!place) return {};
  const View& view = *place.view;
  const ValueSetRecord& record = view.value_sets[place.index];
  std::vector<Coding> codes;
  for (const ScopeRecord& scope : View::slice(view.scopes, record.scopes)) {
    if (scope.mode != kAllOf) return {};
    const std::string_view url = view.text(scope.system);
    const Place system = findSystem(url, view.text(scope.version));
    if (!system || (system.view->systems[system.index].flags & kComplete) == 0) return {};
    for (const ConceptRecord& item :
         View::slice(system.view->concepts, system.view->systems[system.index].concepts)) {
      const std::string_view code = system.view->text(item.code);
      if (view.findMember(place.index, url, code) != kNone) continue;  // listed below, or excluded
      codes.push_back({url, code, {}, system.view->text(item.display)});
    }
  }
  for (const MemberRecord& member : View::slice(view.members, record.members)) {
    if ((member.flags & kExcluded) != 0) continue;
    const std::string_view system = view.text(member.system);
    const std::string_view code = view.text(member.code);
    std::string_view text = view.text(member.display);
    if (text.empty()) text = display(system, code);
    codes.push_back({system, code, {}, text});
  }
  return codes;
}

Result<void> MappedTerminology::unmapped(const View& view, const GroupRecord& group, const Coding& coding,
                                         std::vector<Translation>& out, bool& matched, int hops) const {
  const std::string_view target = view.text(group.target);
  if (group.unmapped == kUnmappedProvided) out.push_back({target, coding.code, coding.display, "equal"});
  if (group.unmapped == kUnmappedFixed) {
    out.push_back({target, view.text(group.unmapped_code), view.text(group.unmapped_display), "inexact"});
  }
  if (group.unmapped != kUnmappedOther) return {};
  if (hops >= kMaxOtherMaps) return fail(ErrorCode::kLimit, "concept maps refer to each other without end");
  return translateInto(view.text(group.unmapped_url), coding, out, matched, hops + 1);
}

Result<void> MappedTerminology::translateInto(std::string_view concept_map, const Coding& coding,
                                              std::vector<Translation>& out, bool& matched, int hops) const {
  const Place place = find(&View::findMap, concept_map);
  if (!place)
    return fail(ErrorCode::kNotFound, "concept map '" + std::string(concept_map) + "' is not known");
  const View& view = *place.view;
  const Range groups = view.maps[place.index].groups;
  bool here = false;
  const auto applies = [&](const GroupRecord& group) {
    const std::string_view source = view.text(group.source);
    return source.empty() || coding.system.empty() || source == coding.system;
  };
  const std::span<const GroupRecord> all = View::slice(view.groups, groups);
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (!applies(all[i])) continue;
    const std::uint32_t element = view.findMapElement(groups.begin + i, coding.code);
    if (element == kNone) continue;
    here = true;
    for (const TargetRecord& target : View::slice(view.targets, view.map_elements[element].targets)) {
      out.push_back({view.text(all[i].target), view.text(target.code), view.text(target.display),
                     view.text(target.equivalence)});
    }
  }
  if (here) matched = true;
  if (here || coding.code.empty()) return {};
  for (const GroupRecord& group : all) {
    if (!applies(group)) continue;
    TRY_VOID(unmapped(view, group, coding, out, matched, hops));
  }
  return {};
}

Result<std::vector<Translation>> MappedTerminology::translate(std::string_view concept_map,
                                                              const Coding& coding, bool* found) const {
  std::vector<Translation> out;
  bool matched = false;
  TRY_VOID(translateInto(concept_map, coding, out, matched, 0));
  if (found != nullptr) *found = matched;
  return out;
}

Result<void> addOverlayPath(const std::filesystem::path& path, DefinitionSet& set) {
  namespace fs = std::filesystem;
  constexpr std::size_t kFileBytes = std::size_t{64} << 20;
  std::error_code code;
  std::vector<fs::path> files;
  if (fs::is_directory(path, code)) {
    for (fs::recursive_directory_iterator it(path, code); !code && it != fs::recursive_directory_iterator();
         it.increment(code)) {
      if (it.depth() > 16) it.disable_recursion_pending();
      if (it->is_regular_file(code) && it->path().extension() == ".json") files.push_back(it->path());
    }
    std::ranges::sort(files);
  } else {
    code.clear();
    files.push_back(path);  // absent: readFile says so
  }
  if (code) return fail(ErrorCode::kUnavailable, path.string() + ": " + code.message());
  for (const fs::path& file : files) {
    std::string json;
    TRY_ASSIGN(json, readFile(file, kFileBytes));
    TRY_VOID(set.addOverlay(file.string(), json));
  }
  return {};
}

}  // namespace
}  // namespace internal

Result<std::shared_ptr<const Terminology>> Terminology::load(
    std::shared_ptr<const Definitions> definitions, std::span<const std::filesystem::path> overlays) {
  auto mapped = std::dynamic_pointer_cast<const internal::MappedDefinitions>(std::move(definitions));
  if (!mapped) return fail(ErrorCode::kInvalidArgument, "terminology needs compiled definitions");
  std::string bytes;
  internal::View view;
  if (!overlays.empty()) {
    CompileOptions options;
    options.bodies = false;
    internal::DefinitionSet set(options);
    for (const std::filesystem::path& overlay : overlays) TRY_VOID(internal::addOverlayPath(overlay, set));
    bytes = set.finish(&mapped->view(), false).serialise();
    TRY_ASSIGN(view, internal::View::open(bytes));
  }
  return std::make_shared<internal::MappedTerminology>(std::move(mapped), std::move(bytes), view);
}

}  // namespace tributary::terminology
