#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tributary::views::internal {

// Memory of one resource's rows: given out in order, taken back to a mark, kept for the next resource.
class Arena {
 public:
  struct Mark {
    std::size_t block = 0, used = 0;
  };

  Mark mark() const { return {block_, used_}; }
  void release(Mark mark) {
    block_ = mark.block;
    used_ = mark.used;
  }

  template <class T>
  std::span<T> array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignof(std::max_align_t));
    if (count == 0) return {};
    void* memory = allocate(count * sizeof(T));
    return {new (memory) T[count], count};
  }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return std::string_view("", 0);
    auto* memory = static_cast<char*>(allocate(text.size()));
    std::memcpy(memory, text.data(), text.size());
    return {memory, text.size()};
  }

 private:
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size = 0;
  };

  void* allocate(std::size_t bytes) {
    bytes = (bytes + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
    while (block_ < blocks_.size() && used_ + bytes > blocks_[block_].size) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) {
      const std::size_t size = bytes > kBlock ? bytes : kBlock;
      blocks_.push_back({std::make_unique<std::byte[]>(size), size});
      used_ = 0;
    }
    void* const memory = blocks_[block_].memory.get() + used_;
    used_ += bytes;
    return memory;
  }

  static constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;
};

}  // namespace tributary::views::internal
