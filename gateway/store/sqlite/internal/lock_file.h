#pragma once
#include <filesystem>

#include "base/result.h"

namespace tributary::store::sqlite {

// One writing process a database: an flock on a file that holds the process id. The kernel drops the lock
// with the process, however it dies; the file stays.
class LockFile {
 public:
  static Result<LockFile> take(const std::filesystem::path& path);
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace tributary::store::sqlite
