#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tributary::net {

// Collects a request body: in memory up to a threshold, beyond it in an unlinked temporary file that is
// mapped at the end, so that a large push costs page cache and not heap.
class BodyBuffer {
 public:
  BodyBuffer(std::uint64_t memory_limit, std::string temp_dir)
      : memory_limit_(memory_limit), temp_dir_(std::move(temp_dir)) {}
  BodyBuffer(const BodyBuffer&) = delete;
  BodyBuffer& operator=(const BodyBuffer&) = delete;
  ~BodyBuffer() { clear(); }

  Result<void> append(std::string_view piece);
  // The whole body; the view lives until clear().
  Result<std::string_view> finish();
  std::uint64_t size() const { return size_; }
  void clear();

 private:
  Result<void> spill();
  Result<void> writeAll(std::string_view bytes);

  std::uint64_t memory_limit_;
  std::string temp_dir_;
  std::string memory_;
  std::uint64_t size_ = 0;
  int fd_ = -1;
  void* mapping_ = nullptr;
};

}  // namespace tributary::net
