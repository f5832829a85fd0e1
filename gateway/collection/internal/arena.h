#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace tributary::collection {

// Text that lives until clear(). Keeps its memory.
class TextArena {
 public:
  std::string_view keep(std::string_view text) {
    char* const at = take(text.size());
    std::copy_n(text.data(), text.size(), at);  // memcpy would not take the nullptr of an empty text
    return {at, text.size()};
  }
  char* take(std::size_t size) {
    if (size > kBlock) {
      large_.push_back(std::make_unique<char[]>(size));
      return large_.back().get();
    }
    if (used_ + size > kBlock || blocks_.empty()) {
      if (!blocks_.empty()) ++current_;
      if (blocks_.empty() || current_ == blocks_.size()) {
        blocks_.push_back(std::make_unique<char[]>(kBlock));
        current_ = blocks_.size() - 1;
      }
      used_ = 0;
    }
    char* const at = blocks_[current_].get() + used_;
    used_ += size;
    return at;
  }
  void clear() {
    large_.clear();
    current_ = 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{64} << 10;
  std::vector<std::unique_ptr<char[]>> blocks_, large_;
  std::size_t current_ = 0, used_ = 0;
};

}  // namespace tributary::collection
