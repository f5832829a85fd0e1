#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tributary {

// A file mapped read-only; unmapped with the object.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(const char* data, std::size_t size) : data_(data), size_(size) {}
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

// The whole file; kLimit when it is larger than `limit` bytes.
Result<std::string> readFile(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);
// Written beside the target, fsynced, renamed over it, folder fsynced: after a crash the old file or the new one.
Result<void> writeFileDurably(const std::filesystem::path& path, std::string_view bytes);

}  // namespace tributary
