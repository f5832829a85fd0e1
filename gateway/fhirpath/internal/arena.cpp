#include "fhirpath/internal/arena.h"

namespace tributary::fhirpath {

void* Arena::allocateSlow(std::size_t size) {
  constexpr std::size_t kFirstBlock = std::size_t{64} << 10;
  while (!blocks_.empty() && block_ + 1 < blocks_.size()) {
    ++block_;
    next_ = blocks_[block_].memory.get();
    left_ = blocks_[block_].size;
    if (size <= left_) return allocate(size);
  }
  if (size > limit_ || total_ > limit_ - size) {
    exhausted_ = true;
    return nullptr;
  }
  const std::size_t wanted = std::max(size, std::min(std::max(kFirstBlock, total_), limit_ - total_));
  blocks_.push_back({std::unique_ptr<char[]>(new char[wanted]), wanted});  // not zeroed
  total_ += wanted;
  block_ = blocks_.size() - 1;
  next_ = blocks_[block_].memory.get();
  left_ = wanted;
  return allocate(size);
}

void Arena::shrink() {
  while (blocks_.size() > 1 && total_ > kKept) {
    total_ -= blocks_.back().size;
    blocks_.pop_back();
  }
  if (total_ > kKept) {  // a first block made for one enormous value
    blocks_.clear();
    total_ = block_ = left_ = 0;
    next_ = nullptr;
  }
}

bool Collection::grow() {
  if (size_ >= limit_) {
    arena_->exhaust();
    return false;
  }
  const std::size_t capacity = capacity_ * 2;
  if (arena_->extend(data_, capacity_ * sizeof(Value), capacity * sizeof(Value))) {
    capacity_ = capacity;
    return true;
  }
  auto* memory = static_cast<Value*>(arena_->allocate(capacity * sizeof(Value)));
  if (memory == nullptr) return false;
  std::copy_n(data_, size_, memory);
  data_ = memory;
  capacity_ = capacity;
  return true;
}

}  // namespace tributary::fhirpath
