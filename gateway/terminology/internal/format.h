#pragma once
// The layout of a compiled definitions file: a header, a table of sections, and sections of fixed-size
// records that refer to each other by index and to text by offset into one string pool. Little endian,
// records aligned to 8 bytes; made and read by the same build (kFormatVersion and the hash of the names table
// say so), so there is no compatibility between versions.
#include <array>
#include <cstdint>
#include <type_traits>

#include "terminology/definitions.h"

namespace tributary::terminology::internal {

inline constexpr std::array<char, 8> kMagic = {'T', 'R', 'I', 'B', 'D', 'E', 'F', 'S'};
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint32_t kNone = ~std::uint32_t{0};

struct Text {  // in section kStrings
  std::uint32_t offset = 0, length = 0;
  friend bool operator==(const Text&, const Text&) = default;
};

struct Range {  // of records in another section
  std::uint32_t begin = 0, count = 0;
};

enum Section : std::uint32_t {
  // Checked by checksum when the file is opened: small, and trusted afterwards.
  kTypes,
  kElements,
  kElementNames,
  kPaths,
  kTypeNames,
  kTypeNameSlots,
  kPackages,
  // Not checksummed: every index is bounds-checked when it is followed.
  kStrings,
  kResources,
  kResourceSlots,
  kBodies,
  kSystems,
  kSystemSlots,
  kConcepts,
  kConceptSlots,
  kParents,
  kProperties,
  kValueSets,
  kValueSetSlots,
  kMembers,
  kMemberSlots,
  kScopes,
  kMaps,
  kMapSlots,
  kGroups,
  kMapElements,
  kMapElementSlots,
  kTargets,
  kSectionCount
};
inline constexpr std::uint32_t kCheckedSections = kStrings;

struct SectionEntry {
  std::uint64_t offset = 0, bytes = 0;
};

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kFormatVersion;
  std::uint32_t sections = kSectionCount;
  std::uint64_t names_hash = 0;  // of the built-in names table that element ids refer to
  std::uint64_t file_bytes = 0;
  std::uint64_t checked_hash = 0;  // of the first kCheckedSections sections, chained
  std::uint64_t header_hash = 0;   // of this header with 0 here
  std::array<SectionEntry, kSectionCount> section{};
};

// ── types ──
struct TypeRecord {
  Text name;
  Range elements;           // in kElements, sorted by name id and then name
  Range paths;              // in kPaths, sorted by name
  TypeId base = kNoType;    // smaller than the type's own id
  TypeId last = kNoType;    // types are numbered depth first, so descendants are [self, last]
  TypeId system = kNoType;  // of a primitive
  TypeKind kind = TypeKind::kComplex;
  std::uint8_t reserved = 0;
};
struct PathRecord {  // a FHIRPath name of a type
  Text name;
  Range elements;  // in kElements
};
struct TypeNameRecord {
  Text name;
  std::uint32_t type = 0;
};

// ── resources ──
struct PackageRecord {
  Text name, version;
  std::uint32_t resources = 0;
};
struct ResourceRecord {
  Text url, version, type;
  std::uint64_t offset = 0, length = 0;  // in kBodies
};

// ── code systems ──
enum SystemFlag : std::uint32_t {
  kComplete = 1,         // CodeSystem.content is complete: a code that is not here does not exist
  kCaseInsensitive = 2,  // CodeSystem.caseSensitive is false
};
struct SystemRecord {
  Text url, version;
  Range concepts;
  std::uint32_t flags = 0;
};
struct ConceptRecord {
  Text code, display;
  std::uint32_t system = 0;
  Range parents;     // in kParents: indices of concepts
  Range properties;  // in kProperties
};
struct PropertyRecord {
  Text code, value;
};

// ── value sets ──
struct ValueSetRecord {
  Text url, version;
  Range members, scopes;
};
enum MemberFlag : std::uint32_t { kExcluded = 1 };
struct MemberRecord {
  std::uint32_t value_set = 0;
  std::uint32_t flags = 0;
  Text system, code, display;
};
// What a value set says of a system beyond its listed members.
enum ScopeMode : std::uint32_t {
  kAllOf,       // every code of the system
  kUnknownOf,   // other codes of the system may be in it: cannot be told here
  kUnknownAny,  // codes of any system may be in it: an imported value set is not held
};
struct ScopeRecord {
  Text system, version;
  std::uint32_t mode = kAllOf;
};

// ── concept maps ──
struct MapRecord {
  Text url, version;
  Range groups;
};
enum UnmappedMode : std::uint32_t { kUnmappedNone, kUnmappedProvided, kUnmappedFixed, kUnmappedOther };
struct GroupRecord {
  Text source, target;
  std::uint32_t unmapped = kUnmappedNone;
  Text unmapped_code, unmapped_display, unmapped_url;
};
struct MapElementRecord {
  std::uint32_t group = 0;
  Text code;
  Range targets;
};
struct TargetRecord {
  Text code, display, equivalence;
};

static_assert(sizeof(TypeRecord) == 32 && sizeof(ConceptRecord) == 36 &&
              std::is_trivially_copyable_v<Header>);

}  // namespace tributary::terminology::internal
