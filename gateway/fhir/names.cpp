#include "fhir/names.h"

#include <bit>

#include "fhir/internal/name_table.h"

namespace tributary::fhir {
namespace internal {
namespace {

static_assert(std::endian::native == std::endian::little, "name keys are loaded as little-endian words");

constexpr std::string_view kNames[] = {
    "",
#include "fhir/internal/names.inc"
};
constexpr std::size_t kNameCount = std::size(kNames);
static_assert(kNameCount < kLocalName && kNameCount * 3 < kNameSlots);

constexpr NameKey keyOf(std::string_view name) {
  NameKey key;
  for (std::size_t i = 0; i < name.size() && i < 16; ++i) {
    (i < 8 ? key.low : key.high) |= std::uint64_t{static_cast<unsigned char>(name[i])} << (8 * (i % 8));
  }
  if (name.size() > 16) {
    for (std::size_t i = 0; i < 8; ++i) {
      key.tail |= std::uint64_t{static_cast<unsigned char>(name[name.size() - 8 + i])} << (8 * i);
    }
  }
  return key;
}

constexpr auto makeRecords() {
  std::array<NameRecord, kNameCount> records{};
  for (std::size_t id = 0; id < kNameCount; ++id) {
    const NameKey key = keyOf(kNames[id]);
    records[id] = {key.low, key.high, kNames[id].data(), static_cast<std::uint8_t>(kNames[id].size())};
  }
  return records;
}

constexpr auto makeSlots() {
  std::array<std::uint16_t, kNameSlots> slots{};
  for (std::size_t id = 1; id < kNameCount; ++id) {
    std::size_t slot = nameSlot(keyOf(kNames[id]), kNames[id].size());
    while (slots[slot] != 0) slot = (slot + 1) & (kNameSlots - 1);
    slots[slot] = static_cast<std::uint16_t>(id);
  }
  return slots;
}

constexpr auto kRecords = makeRecords();
constexpr auto kSlots = makeSlots();

}  // namespace

constinit const NameRecord* const kNameRecords = kRecords.data();
constinit const std::uint16_t* const kNameSlotTable = kSlots.data();

}  // namespace internal

NameId findName(std::string_view name) {
  if (name.empty() || name.size() > internal::kMaxNameLength) return kNoName;
  if (name.size() >= 16) return internal::findNameReadable16(name.data(), name.size());
  char padded[16] = {};
  std::memcpy(padded, name.data(), name.size());
  return internal::findNameReadable16(padded, name.size());
}

std::string_view nameText(NameId id) {
  return id < internal::kNameCount ? internal::kNames[id] : std::string_view{};
}

std::uint16_t nameCount() {
  return static_cast<std::uint16_t>(internal::kNameCount);
}

}  // namespace tributary::fhir
