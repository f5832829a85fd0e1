#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "fhirpath/value.h"

#if defined(__SANITIZE_ADDRESS__)
#define TRIBUTARY_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRIBUTARY_POISON 1
#endif
#endif
#ifdef TRIBUTARY_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace tributary::fhirpath {

// Bump memory for one evaluation. Blocks are kept for the next one. Beyond the limit it gives nullptr and
// stays `exhausted` until reset.
class Arena {
 public:
  struct Mark {
    std::size_t block = 0, used = 0;
  };

  explicit Arena(std::size_t limit) : limit_(limit) {}

  void* allocate(std::size_t size) {
    size = (size + 7) & ~std::size_t{7};
    if (size <= left_) [[likely]] {
      void* const result = next_;
      next_ += size;
      left_ -= size;
      lend(result, size);
      return result;
    }
    return allocateSlow(size);
  }
  // Grows the newest allocation in place when there is room behind it.
  bool extend(const void* start, std::size_t old_size, std::size_t new_size) {
    old_size = (old_size + 7) & ~std::size_t{7};
    new_size = (new_size + 7) & ~std::size_t{7};
    if (static_cast<const char*>(start) + old_size != next_ || new_size - old_size > left_) return false;
    lend(next_, new_size - old_size);
    next_ += new_size - old_size;
    left_ -= new_size - old_size;
    return true;
  }

  Mark mark() const { return {block_, used()}; }
  void rewind(const Mark& mark) {
    if (blocks_.empty()) return;
    [[maybe_unused]] const std::size_t last = block_;
    block_ = mark.block;
    next_ = blocks_[block_].memory.get() + mark.used;
    left_ = blocks_[block_].size - mark.used;
#ifdef TRIBUTARY_POISON
    ASAN_POISON_MEMORY_REGION(next_, left_);
    for (std::size_t i = block_ + 1; i <= last; ++i)
      ASAN_POISON_MEMORY_REGION(blocks_[i].memory.get(), blocks_[i].size);
#endif
  }
  void reset() {
    exhausted_ = false;
    if (total_ > kKept) [[unlikely]]
      shrink();
    rewind({});
  }
  bool exhausted() const {
    return exhausted_;
  }
  void exhaust() {
    exhausted_ = true;
  }

  std::string_view copy(std::string_view text) {
    auto* memory = static_cast<char*>(allocate(text.size()));
    if (memory == nullptr) return {};
    std::copy_n(text.data(), text.size(), memory);
    return {memory, text.size()};
  }

 private:
  struct Block {
    std::unique_ptr<char[]> memory;
    std::size_t size;
  };
  std::size_t used() const {
    return blocks_.empty() ? 0 : static_cast<std::size_t>(next_ - blocks_[block_].memory.get());
  }
  void* allocateSlow(std::size_t size);
  // The address sanitizer sees it when memory is used that was given back.
  static void lend([[maybe_unused]] const void* start, [[maybe_unused]] std::size_t size) {
#ifdef TRIBUTARY_POISON
    ASAN_UNPOISON_MEMORY_REGION(start, size);
#endif
  }
  void shrink();

  // One large evaluation must not hold its memory for ever.
  static constexpr std::size_t kKept = std::size_t{4} << 20;

  std::vector<Block> blocks_;
  std::size_t block_ = 0;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t total_ = 0;
  std::size_t limit_;
  bool exhausted_ = false;
};

using Span = std::span<const Value>;

// A growing list of Values in an arena. When the arena or the size limit is exhausted further items are
// dropped and the arena says so; the evaluator turns that into an error.
class Collection {
 public:
  Collection(Arena& arena, std::size_t limit) : arena_(&arena), limit_(limit) {}

  void push(const Value& value) {
    if (size_ == capacity_ && !(capacity_ == 0 ? begin() : grow())) [[unlikely]]
      return;
    data_[size_++] = value;
  }
  void append(Span values) {
    for (const Value& value : values) push(value);
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Value& operator[](std::size_t i) const { return data_[i]; }
  Value* data() { return data_; }
  Span span() const { return {data_, size_}; }
  Span from(std::size_t start) const { return span().subspan(start); }
  void truncate(std::size_t size) { size_ = size; }

 private:
  bool begin() {
    constexpr std::size_t kFirst = 4;
    data_ = static_cast<Value*>(arena_->allocate(kFirst * sizeof(Value)));
    if (data_ == nullptr || limit_ == 0) return false;
    capacity_ = kFirst;
    return true;
  }
  bool grow();

  Value* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
  Arena* arena_;
  std::size_t limit_;
};

}  // namespace tributary::fhirpath
