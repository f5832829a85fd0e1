#include "store/sqlite/internal/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace tributary::store::sqlite {

Result<LockFile> LockFile::take(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    const bool denied = errno == EACCES || errno == EROFS || errno == EPERM;
    return fail(denied ? ErrorCode::kUnauthorised : ErrorCode::kUnavailable,
                "store: the lock file " + path.string() + " cannot be " + (denied ? "written" : "opened"));
  }
  LockFile lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> text{};
    const ssize_t size = ::pread(descriptor, text.data(), text.size() - 1, 0);
    std::string holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    if (const std::size_t end = holder.find_first_not_of("0123456789"); end != std::string::npos)
      holder.resize(end);
    return fail(ErrorCode::kConflict,
                "store: the database beside " + path.string() + " is in use by another process" +
                    (holder.empty() ? std::string() : " (process id " + holder + ")"),
                RetryClass::kRetryable);
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail(ErrorCode::kUnavailable, "store: the lock file " + path.string() + " cannot be written",
                RetryClass::kRetryable);
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
LockFile::~LockFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace tributary::store::sqlite
