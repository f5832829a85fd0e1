#pragma once
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tributary::pipeline {

// Keeps copies of byte strings until clear(), in blocks that are used again. Views into it do not move.
class ByteArena {
 public:
  std::string_view keep(std::string_view bytes) {
    if (bytes.empty()) return {};
    if (block_ == blocks_.size() || used_ + bytes.size() > blocks_[block_].size) next(bytes.size());
    char* to = blocks_[block_].bytes.get() + used_;
    std::memcpy(to, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {to, bytes.size()};
  }
  void clear() { block_ = used_ = 0; }
  std::size_t memory() const {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.size;
    return sum;
  }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  static constexpr std::size_t kBlock = std::size_t{256} << 10;

  void next(std::size_t need) {
    if (block_ < blocks_.size()) ++block_;
    while (block_ < blocks_.size() && blocks_[block_].size < need) ++block_;
    if (block_ == blocks_.size()) {
      const std::size_t size = need > kBlock ? need : kBlock;
      blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    }
    used_ = 0;
  }

  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;
};

}  // namespace tributary::pipeline
