#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "fhir/names.h"

namespace tributary::fhir::internal {

// Open addressing over the first 16 bytes, the last 8 and the length of a name. Built at compile time from
// names.inc.
inline constexpr unsigned kNameSlotBits = 13;
inline constexpr std::size_t kNameSlots = std::size_t{1} << kNameSlotBits;
inline constexpr std::size_t kMaxNameLength = 63;

struct NameKey {
  std::uint64_t low = 0, high = 0;  // first 16 bytes, zero-filled
  std::uint64_t tail = 0;           // last 8 bytes of a name longer than 16
};

constexpr std::size_t nameSlot(const NameKey& key, std::size_t length) {
  std::uint64_t hash = (key.low ^ (key.tail << 1)) * 0x9E3779B97F4A7C15U;
  hash ^= (key.high + length) * 0xD6E8FEB86659FD93U;
  return static_cast<std::size_t>((hash * 0xA0761D6478BD642FU) >> (64 - kNameSlotBits));
}

struct NameRecord {
  std::uint64_t low, high;
  const char* text;
  std::uint8_t length;
};

extern const NameRecord* const kNameRecords;  // by id
extern const std::uint16_t* const kNameSlotTable;

inline NameId findNameKey(const NameKey& key, const char* name, std::size_t length) {
  for (std::size_t slot = nameSlot(key, length);; slot = (slot + 1) & (kNameSlots - 1)) {
    const std::uint16_t id = kNameSlotTable[slot];
    if (id == 0) return kNoName;
    const NameRecord& record = kNameRecords[id];
    if (((record.low ^ key.low) | (record.high ^ key.high) | (record.length ^ length)) != 0) continue;
    if (length <= 16 || std::memcmp(record.text + 16, name + 16, length - 16) == 0) return id;
  }
}

// `name` must be readable for 16 bytes whatever its length. x86-64 is little-endian: the first byte is the
// lowest.
inline NameId findNameReadable16(const char* name, std::size_t length) {
  NameKey key;
  std::memcpy(&key.low, name, 8);
  std::memcpy(&key.high, name + 8, 8);
  if (length < 8) {
    if (length == 0) return kNoName;
    key.low &= ~std::uint64_t{0} >> (64 - 8 * length);
    key.high = 0;
  } else if (length < 16) {
    key.high = length == 8 ? 0 : key.high & (~std::uint64_t{0} >> (128 - 8 * length));
  } else if (length > 16) {
    std::memcpy(&key.tail, name + length - 8, 8);
  }
  return findNameKey(key, name, length);
}

}  // namespace tributary::fhir::internal
