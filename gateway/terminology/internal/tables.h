#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "terminology/internal/format.h"

namespace tributary::terminology::internal {

// Text of all records, each distinct text once, so that equal offsets mean equal text; offset 0 is the empty
// text.
class StringPool {
 public:
  StringPool();
  StringPool(const StringPool&) = delete;
  StringPool& operator=(const StringPool&) = delete;
  Text add(std::string_view text);
  std::string_view view(Text text) const { return std::string_view(bytes_).substr(text.offset, text.length); }
  const std::string& bytes() const { return bytes_; }

 private:
  struct Hash {
    using is_transparent = void;
    const std::string* bytes;
    std::size_t operator()(Text text) const;
    std::size_t operator()(std::string_view text) const;
  };
  struct Equal {
    using is_transparent = void;
    const std::string* bytes;
    std::string_view view(Text text) const {
      return std::string_view(*bytes).substr(text.offset, text.length);
    }
    bool operator()(Text a, Text b) const { return a == b; }
    bool operator()(std::string_view a, Text b) const { return a == view(b); }
    bool operator()(Text a, std::string_view b) const { return view(a) == b; }
  };
  std::string bytes_;
  std::unordered_set<Text, Hash, Equal> index_;
};

// The sections while they are being built.
struct Tables {
  StringPool strings;
  std::vector<TypeRecord> types;
  std::vector<Element> elements;
  std::vector<Text> element_names;
  std::vector<PathRecord> paths;
  std::vector<TypeNameRecord> type_names;
  std::vector<PackageRecord> packages;
  std::vector<ResourceRecord> resources;
  std::string bodies;
  std::vector<SystemRecord> systems;
  std::vector<ConceptRecord> concepts;
  std::vector<std::uint32_t> parents;
  std::vector<PropertyRecord> properties;
  std::vector<ValueSetRecord> value_sets;
  std::vector<MemberRecord> members;
  std::vector<ScopeRecord> scopes;
  std::vector<MapRecord> maps;
  std::vector<GroupRecord> groups;
  std::vector<MapElementRecord> map_elements;
  std::vector<TargetRecord> targets;
  std::vector<std::uint32_t> type_name_slots, resource_slots, system_slots, concept_slots, value_set_slots,
      member_slots, map_slots, map_element_slots;

  // Fills the slot tables; each index can be used as soon as its records are there.
  void indexTypes();
  void indexResources();
  void indexSystems();
  void indexValueSets();
  void indexMaps();

  // The bytes of the file. All indices must be filled.
  std::string serialise() const;
};

// A read-only view of the sections, of a mapped file or of Tables that are being built. Every access is
// bounds-checked: an index that points outside gives an empty answer.
class View {
 public:
  View() = default;
  explicit View(const Tables& tables);
  // Checks magic, versions, names table, sizes, section bounds and the checksum of the type sections.
  static Result<View> open(std::string_view bytes);

  std::string_view text(Text text) const {
    return text.offset <= strings.size() && text.length <= strings.size() - text.offset
               ? strings.substr(text.offset, text.length)
               : std::string_view();
  }
  template <class T>
  static std::span<const T> slice(std::span<const T> all, Range range) {
    return range.begin <= all.size() && range.count <= all.size() - range.begin
               ? all.subspan(range.begin, range.count)
               : std::span<const T>();
  }

  // Records by key; kNone when there is none. `canonical` may carry "|version"; without one the last record
  // of the URL that was added is found.
  std::uint32_t findType(std::string_view name) const;  // index in type_names
  std::uint32_t findResource(std::string_view canonical) const;
  std::uint32_t findSystem(std::string_view canonical) const;
  std::uint32_t findValueSet(std::string_view canonical) const;
  std::uint32_t findMap(std::string_view canonical) const;
  // A concept of a system; ASCII letters are folded in a system that is not case sensitive.
  std::uint32_t findConcept(std::uint32_t system, std::string_view code) const;
  // A member of a value set; an empty `system` matches the code in any system, but not excluded members.
  std::uint32_t findMember(std::uint32_t value_set, std::string_view system, std::string_view code) const;
  std::uint32_t findMapElement(std::uint32_t group, std::string_view code) const;
  // Does concept `ancestor` stand above `code` (or is it the same)? Both of one system.
  bool subsumes(std::uint32_t ancestor, std::uint32_t code) const;

  std::string_view strings, bodies;
  std::span<const TypeRecord> types;
  std::span<const Element> elements;
  std::span<const Text> element_names;
  std::span<const PathRecord> paths;
  std::span<const TypeNameRecord> type_names;
  std::span<const PackageRecord> packages;
  std::span<const ResourceRecord> resources;
  std::span<const SystemRecord> systems;
  std::span<const ConceptRecord> concepts;
  std::span<const std::uint32_t> parents;
  std::span<const PropertyRecord> properties;
  std::span<const ValueSetRecord> value_sets;
  std::span<const MemberRecord> members;
  std::span<const ScopeRecord> scopes;
  std::span<const MapRecord> maps;
  std::span<const GroupRecord> groups;
  std::span<const MapElementRecord> map_elements;
  std::span<const TargetRecord> targets;
  std::span<const std::uint32_t> type_name_slots, resource_slots, system_slots, concept_slots,
      value_set_slots, member_slots, map_slots, map_element_slots;

 private:
  template <class Records>
  std::uint32_t findCanonical(std::string_view canonical, const Records& records,
                              std::span<const std::uint32_t> slots) const;
  Result<void> checkTypes() const;
};

// Hash of the names table that element ids refer to.
std::uint64_t namesHash();

}  // namespace tributary::terminology::internal
