#pragma once
// Open addressing with linear probing over a power of two of 32-bit slots, at most half full. A slot holds
// the index of a record plus one, 0 is empty. The keys are in the records.
#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "terminology/internal/format.h"

namespace tributary::terminology::internal {

// Key of (owner, text): a concept of a code system, a member of a value set.
inline std::uint64_t ownedHash(std::uint32_t owner, std::string_view text) {
  return (fastHash(text) ^ (std::uint64_t{owner} + 1) * 0x9E3779B97F4A7C15ULL) * 0xD6E8FEB86659FD93ULL >> 7;
}

inline std::vector<std::uint32_t> makeSlots(std::size_t records) {
  return std::vector<std::uint32_t>(std::bit_ceil(records * 2 + 2), 0);
}

inline void insertSlot(std::vector<std::uint32_t>& slots, std::uint64_t hash, std::uint32_t record) {
  const std::size_t mask = slots.size() - 1;
  std::size_t i = hash & mask;
  while (slots[i] != 0) i = (i + 1) & mask;
  slots[i] = record + 1;
}

// Calls `matches(record)` along the probe sequence until it returns true; kNone when none does. Bounded by
// the table, whatever it holds.
template <class Matches>
std::uint32_t probe(std::span<const std::uint32_t> slots, std::size_t records, std::uint64_t hash,
                    const Matches& matches) {
  if (!std::has_single_bit(slots.size())) return kNone;
  const std::size_t mask = slots.size() - 1;
  std::size_t i = hash & mask;
  for (std::size_t n = 0; n < slots.size() && slots[i] != 0; ++n, i = (i + 1) & mask) {
    const std::uint32_t record = slots[i] - 1;
    if (record < records && matches(record)) return record;
  }
  return kNone;
}

// In an index of canonical URLs: the slot stands under "url|version", not under the URL alone.
inline constexpr std::uint32_t kVersionedKey = 0x8000'0000;

inline char foldAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Lower-cased in `buffer` when it is short enough; codes of case-insensitive systems are.
inline std::string_view foldCode(std::string_view code, std::span<char> buffer) {
  if (code.size() > buffer.size()) return code;
  for (std::size_t i = 0; i < code.size(); ++i) buffer[i] = foldAscii(code[i]);
  return {buffer.data(), code.size()};
}

}  // namespace tributary::terminology::internal
