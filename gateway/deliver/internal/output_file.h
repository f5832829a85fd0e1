#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sha256_stream.h"

namespace tributary::deliver {

// A file in the making: written as ".<name>.part" beside its target, hashed on the way, and renamed when it
// is durable. Dropped before commit(), the part is removed.
class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> create(const std::filesystem::path& target);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  Result<void> write(std::string_view bytes);
  // Flushes, syncs, renames, syncs the folder. Returns the SHA-256 in hex.
  Result<std::string> commit();
  std::uint64_t bytes() const { return bytes_; }

 private:
  OutputFile(std::filesystem::path target, std::filesystem::path part, int fd);
  Result<void> flush();

  std::filesystem::path target_, part_;
  int fd_;
  std::string buffer_;
  std::uint64_t bytes_ = 0;
  Sha256Stream hash_;
};

// The SHA-256 of a file in hex, read in pieces.
Result<std::string> fileSha256(const std::filesystem::path& path, std::uint64_t* bytes = nullptr);
Result<void> syncFolder(const std::filesystem::path& folder);

}  // namespace tributary::deliver
