#pragma once
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace tributary::collection {

// Text to number; the texts must outlive it. Keeps its memory between reset()s.
class TextIndex {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  void reset(std::size_t expected) {
    const std::size_t size = std::bit_ceil(expected * 2 + 8);
    slots_.assign(size, Slot{});
    used_ = 0;
  }
  std::uint32_t find(std::string_view text) const {
    if (slots_.empty()) return kNone;
    for (std::size_t i = fastHash(text) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].value == kNone) return kNone;
      if (slots_[i].text == text) return slots_[i].value;
    }
  }
  // The value that stands there: the old one when the text is known already.
  std::uint32_t& at(std::string_view text, std::uint32_t value) {
    if (used_ * 2 >= slots_.size()) grow();
    for (std::size_t i = fastHash(text) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].value == kNone) {
        slots_[i] = {text, value};
        ++used_;
        return slots_[i].value;
      }
      if (slots_[i].text == text) return slots_[i].value;
    }
  }

 private:
  struct Slot {
    std::string_view text;
    std::uint32_t value = kNone;
  };
  void grow() {
    std::vector<Slot> old = std::move(slots_);
    slots_.assign(std::bit_ceil(old.size() * 2 + 8), Slot{});
    used_ = 0;
    for (const Slot& slot : old) {
      if (slot.value != kNone) at(slot.text, slot.value);
    }
  }
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace tributary::collection
