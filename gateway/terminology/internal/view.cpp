#include <cstring>

#include "base/hash.h"
#include "fhir/names.h"
#include "terminology/internal/slots.h"
#include "terminology/internal/tables.h"

namespace tributary::terminology::internal {

std::uint64_t checkedHash(std::span<const std::string_view> sections);  // tables.cpp

std::uint64_t namesHash() {
  static const std::uint64_t hash = [] {
    std::string all;
    for (std::uint16_t i = 1; i < fhir::nameCount(); ++i) {
      all += fhir::nameText(i);
      all += '\n';
    }
    return fastHash(all);
  }();
  return hash;
}

View::View(const Tables& tables)
    : strings(tables.strings.bytes()),
      bodies(tables.bodies),
      types(tables.types),
      elements(tables.elements),
      element_names(tables.element_names),
      paths(tables.paths),
      type_names(tables.type_names),
      packages(tables.packages),
      resources(tables.resources),
      systems(tables.systems),
      concepts(tables.concepts),
      parents(tables.parents),
      properties(tables.properties),
      value_sets(tables.value_sets),
      members(tables.members),
      scopes(tables.scopes),
      maps(tables.maps),
      groups(tables.groups),
      map_elements(tables.map_elements),
      targets(tables.targets),
      type_name_slots(tables.type_name_slots),
      resource_slots(tables.resource_slots),
      system_slots(tables.system_slots),
      concept_slots(tables.concept_slots),
      value_set_slots(tables.value_set_slots),
      member_slots(tables.member_slots),
      map_slots(tables.map_slots),
      map_element_slots(tables.map_element_slots) {}

namespace {

std::unexpected<Error> corrupt(std::string text) {
  return fail(ErrorCode::kCorrupt, "compiled definitions: " + std::move(text));
}

template <class T>
void bind(std::span<const T>& target, std::string_view section) {
  target = {reinterpret_cast<const T*>(section.data()), section.size() / sizeof(T)};
}

Result<std::array<std::string_view, kSectionCount>> checkedSections(std::string_view bytes) {
  if (bytes.size() < sizeof(Header)) return corrupt("shorter than its header");
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 != 0) return corrupt("not aligned in memory");
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) return corrupt("not a definitions file");
  if (header.version != kFormatVersion || header.sections != kSectionCount) {
    return corrupt("made by another version of Tributary; compile it again");
  }
  const std::uint64_t written = std::exchange(header.header_hash, 0);
  if (written != fastHash({reinterpret_cast<const char*>(&header), sizeof header}))
    return corrupt("damaged header");
  if (header.names_hash != namesHash())
    return corrupt("made by a build with other element names; compile it again");
  if (header.file_bytes != bytes.size()) return corrupt("truncated, or longer than it was written");
  std::array<std::string_view, kSectionCount> sections;
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    const SectionEntry& entry = header.section[i];
    if (entry.offset % 8 != 0 || entry.offset > bytes.size() || entry.bytes > bytes.size() - entry.offset) {
      return corrupt("a section lies outside of the file");
    }
    sections[i] = bytes.substr(entry.offset, entry.bytes);
  }
  if (header.checked_hash != checkedHash(sections)) return corrupt("damaged type tables");
  return sections;
}

}  // namespace

Result<View> View::open(std::string_view bytes) {
  std::array<std::string_view, kSectionCount> sections;
  TRY_ASSIGN(sections, checkedSections(bytes));
  View view;
  view.strings = sections[kStrings];
  view.bodies = sections[kBodies];
  bind(view.types, sections[kTypes]);
  bind(view.elements, sections[kElements]);
  bind(view.element_names, sections[kElementNames]);
  bind(view.paths, sections[kPaths]);
  bind(view.type_names, sections[kTypeNames]);
  bind(view.packages, sections[kPackages]);
  bind(view.resources, sections[kResources]);
  bind(view.systems, sections[kSystems]);
  bind(view.concepts, sections[kConcepts]);
  bind(view.parents, sections[kParents]);
  bind(view.properties, sections[kProperties]);
  bind(view.value_sets, sections[kValueSets]);
  bind(view.members, sections[kMembers]);
  bind(view.scopes, sections[kScopes]);
  bind(view.maps, sections[kMaps]);
  bind(view.groups, sections[kGroups]);
  bind(view.map_elements, sections[kMapElements]);
  bind(view.targets, sections[kTargets]);
  bind(view.type_name_slots, sections[kTypeNameSlots]);
  bind(view.resource_slots, sections[kResourceSlots]);
  bind(view.system_slots, sections[kSystemSlots]);
  bind(view.concept_slots, sections[kConceptSlots]);
  bind(view.value_set_slots, sections[kValueSetSlots]);
  bind(view.member_slots, sections[kMemberSlots]);
  bind(view.map_slots, sections[kMapSlots]);
  bind(view.map_element_slots, sections[kMapElementSlots]);
  TRY_VOID(view.checkTypes());
  return view;
}

// What elements(), isA() and the like rely on without further checks.
Result<void> View::checkTypes() const {
  if (types.empty() || types.size() > 0xFFFF || element_names.size() != elements.size()) {
    return corrupt("damaged type tables");
  }
  const auto inside = [](Range range, std::size_t size) {
    return range.begin <= size && range.count <= size - range.begin;
  };
  for (std::size_t i = 1; i < types.size(); ++i) {
    const TypeRecord& type = types[i];
    if (type.base >= i || type.last < i || type.last >= types.size() || type.system >= types.size() ||
        !inside(type.elements, elements.size()) || !inside(type.paths, paths.size())) {
      return corrupt("damaged type tables");
    }
  }
  for (const Element& element : elements) {
    if (element.type >= types.size()) return corrupt("damaged type tables");
  }
  for (const PathRecord& path : paths) {
    if (!inside(path.elements, elements.size())) return corrupt("damaged type tables");
  }
  for (const TypeNameRecord& name : type_names) {
    if (name.type >= types.size()) return corrupt("damaged type tables");
  }
  return {};
}

std::uint32_t View::findType(std::string_view name) const {
  return probe(type_name_slots, type_names.size(), fastHash(name),
               [&](std::uint32_t i) { return text(type_names[i].name) == name; });
}

template <class Records>
std::uint32_t View::findCanonical(std::string_view canonical, const Records& records,
                                  std::span<const std::uint32_t> slots) const {
  const std::size_t bar = canonical.find('|');
  const std::string_view url = canonical.substr(0, bar);
  const bool versioned = bar != std::string_view::npos;
  const std::string_view version = versioned ? canonical.substr(bar + 1) : std::string_view();
  const std::uint32_t found = probe(slots, kNone, fastHash(canonical), [&](std::uint32_t slot) {
    const std::uint32_t i = slot & ~kVersionedKey;
    return i < records.size() && versioned == ((slot & kVersionedKey) != 0) && text(records[i].url) == url &&
           (!versioned || text(records[i].version) == version);
  });
  return found == kNone ? kNone : found & ~kVersionedKey;
}

std::uint32_t View::findResource(std::string_view canonical) const {
  return findCanonical(canonical, resources, resource_slots);
}
std::uint32_t View::findSystem(std::string_view canonical) const {
  return findCanonical(canonical, systems, system_slots);
}
std::uint32_t View::findValueSet(std::string_view canonical) const {
  return findCanonical(canonical, value_sets, value_set_slots);
}
std::uint32_t View::findMap(std::string_view canonical) const {
  return findCanonical(canonical, maps, map_slots);
}

std::uint32_t View::findConcept(std::uint32_t system, std::string_view code) const {
  if (system >= systems.size()) return kNone;
  if ((systems[system].flags & kCaseInsensitive) == 0) {
    return probe(concept_slots, concepts.size(), ownedHash(system, code), [&](std::uint32_t i) {
      return concepts[i].system == system && text(concepts[i].code) == code;
    });
  }
  std::array<char, 256> asked_buffer{};
  std::array<char, 256> held_buffer{};
  const std::string_view asked = foldCode(code, asked_buffer);
  return probe(concept_slots, concepts.size(), ownedHash(system, asked), [&](std::uint32_t i) {
    return concepts[i].system == system && foldCode(text(concepts[i].code), held_buffer) == asked;
  });
}

std::uint32_t View::findMember(std::uint32_t value_set, std::string_view system,
                               std::string_view code) const {
  return probe(member_slots, members.size(), ownedHash(value_set, code), [&](std::uint32_t i) {
    const MemberRecord& member = members[i];
    return member.value_set == value_set && text(member.code) == code &&
           (system.empty() ? (member.flags & kExcluded) == 0 : text(member.system) == system);
  });
}

std::uint32_t View::findMapElement(std::uint32_t group, std::string_view code) const {
  return probe(map_element_slots, map_elements.size(), ownedHash(group, code), [&](std::uint32_t i) {
    return map_elements[i].group == group && text(map_elements[i].code) == code;
  });
}

namespace {

// Walks up from `code`. Hierarchies are shallow but may have several parents; the steps are bounded, so that
// a loop or a hostile file ends.
bool climbs(const View& view, std::uint32_t ancestor, std::uint32_t code, int depth, int& steps) {
  if (code == ancestor) return true;
  if (depth > 64 || --steps < 0 || code >= view.concepts.size()) return false;
  for (const std::uint32_t parent : View::slice(view.parents, view.concepts[code].parents)) {
    if (climbs(view, ancestor, parent, depth + 1, steps)) return true;
  }
  return false;
}

}  // namespace

bool View::subsumes(std::uint32_t ancestor, std::uint32_t code) const {
  int steps = 10'000;
  return climbs(*this, ancestor, code, 0, steps);
}

}  // namespace tributary::terminology::internal
