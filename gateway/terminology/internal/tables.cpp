#include "terminology/internal/tables.h"

#include <cstring>

#include "base/hash.h"
#include "terminology/internal/slots.h"

namespace tributary::terminology::internal {

std::size_t StringPool::Hash::operator()(Text text) const {
  return fastHash(std::string_view(*bytes).substr(text.offset, text.length));
}
std::size_t StringPool::Hash::operator()(std::string_view text) const {
  return fastHash(text);
}

StringPool::StringPool() : bytes_(1, '\0'), index_(0, Hash{&bytes_}, Equal{&bytes_}) {}

Text StringPool::add(std::string_view text) {
  if (text.empty()) return {};
  if (const auto it = index_.find(text); it != index_.end()) return *it;
  const Text added{static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(text.size())};
  bytes_ += text;
  index_.insert(added);
  return added;
}

namespace {

// Under its URL and under "url|version". Later records first: the reverse order makes the last one of a URL
// be found.
template <class Record>
std::vector<std::uint32_t> indexCanonicals(const std::vector<Record>& records, const StringPool& strings) {
  std::vector<std::uint32_t> slots = makeSlots(records.size() * 2);
  std::string key;
  for (auto i = static_cast<std::uint32_t>(records.size()); i-- > 0;) {
    key = strings.view(records[i].url);
    insertSlot(slots, fastHash(key), i);
    if (records[i].version.length == 0) continue;
    key += '|';
    key += strings.view(records[i].version);
    insertSlot(slots, fastHash(key), i | kVersionedKey);
  }
  return slots;
}

}  // namespace

void Tables::indexTypes() {
  type_name_slots = makeSlots(type_names.size());
  for (std::uint32_t i = 0; i < type_names.size(); ++i) {
    insertSlot(type_name_slots, fastHash(strings.view(type_names[i].name)), i);
  }
}

void Tables::indexResources() {
  resource_slots = indexCanonicals(resources, strings);
}

void Tables::indexSystems() {
  system_slots = indexCanonicals(systems, strings);
  concept_slots = makeSlots(concepts.size());
  std::array<char, 256> folded{};
  for (std::uint32_t i = 0; i < concepts.size(); ++i) {
    std::string_view code = strings.view(concepts[i].code);
    if ((systems[concepts[i].system].flags & kCaseInsensitive) != 0) code = foldCode(code, folded);
    insertSlot(concept_slots, ownedHash(concepts[i].system, code), i);
  }
}

void Tables::indexValueSets() {
  value_set_slots = indexCanonicals(value_sets, strings);
  member_slots = makeSlots(members.size());
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    insertSlot(member_slots, ownedHash(members[i].value_set, strings.view(members[i].code)), i);
  }
}

void Tables::indexMaps() {
  map_slots = indexCanonicals(maps, strings);
  map_element_slots = makeSlots(map_elements.size());
  for (std::uint32_t i = 0; i < map_elements.size(); ++i) {
    insertSlot(map_element_slots, ownedHash(map_elements[i].group, strings.view(map_elements[i].code)), i);
  }
}

namespace {

template <class T>
std::string_view rawBytes(const std::vector<T>& records) {
  return {reinterpret_cast<const char*>(records.data()), records.size() * sizeof(T)};
}

// The sections of `tables` in the order of the format.
std::array<std::string_view, kSectionCount> sectionBytes(const Tables& tables) {
  std::array<std::string_view, kSectionCount> sections;
  sections[kTypes] = rawBytes(tables.types);
  sections[kElements] = rawBytes(tables.elements);
  sections[kElementNames] = rawBytes(tables.element_names);
  sections[kPaths] = rawBytes(tables.paths);
  sections[kTypeNames] = rawBytes(tables.type_names);
  sections[kTypeNameSlots] = rawBytes(tables.type_name_slots);
  sections[kPackages] = rawBytes(tables.packages);
  sections[kStrings] = tables.strings.bytes();
  sections[kResources] = rawBytes(tables.resources);
  sections[kResourceSlots] = rawBytes(tables.resource_slots);
  sections[kBodies] = tables.bodies;
  sections[kSystems] = rawBytes(tables.systems);
  sections[kSystemSlots] = rawBytes(tables.system_slots);
  sections[kConcepts] = rawBytes(tables.concepts);
  sections[kConceptSlots] = rawBytes(tables.concept_slots);
  sections[kParents] = rawBytes(tables.parents);
  sections[kProperties] = rawBytes(tables.properties);
  sections[kValueSets] = rawBytes(tables.value_sets);
  sections[kValueSetSlots] = rawBytes(tables.value_set_slots);
  sections[kMembers] = rawBytes(tables.members);
  sections[kMemberSlots] = rawBytes(tables.member_slots);
  sections[kScopes] = rawBytes(tables.scopes);
  sections[kMaps] = rawBytes(tables.maps);
  sections[kMapSlots] = rawBytes(tables.map_slots);
  sections[kGroups] = rawBytes(tables.groups);
  sections[kMapElements] = rawBytes(tables.map_elements);
  sections[kMapElementSlots] = rawBytes(tables.map_element_slots);
  sections[kTargets] = rawBytes(tables.targets);
  return sections;
}

}  // namespace

// Shared with View::open, so declared in neither header: chains the checked sections.
std::uint64_t checkedHash(std::span<const std::string_view> sections) {
  std::uint64_t hash = 0;
  for (const std::string_view section : sections.first(kCheckedSections)) {
    hash = hash * 0x9E3779B97F4A7C15ULL + fastHash(section);
  }
  return hash;
}

std::string Tables::serialise() const {
  const std::array<std::string_view, kSectionCount> sections = sectionBytes(*this);
  Header header;
  header.names_hash = namesHash();
  std::uint64_t offset = sizeof(Header);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    header.section[i] = {offset, sections[i].size()};
    offset += (sections[i].size() + 7) & ~std::uint64_t{7};
  }
  header.file_bytes = offset;
  header.checked_hash = checkedHash(sections);
  header.header_hash = fastHash({reinterpret_cast<const char*>(&header), sizeof header});
  std::string out;
  out.reserve(offset);
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
  for (const std::string_view section : sections) {
    out += section;
    out.resize((out.size() + 7) & ~std::size_t{7}, '\0');
  }
  return out;
}

}  // namespace tributary::terminology::internal
