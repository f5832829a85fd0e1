#include "deliver/internal/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tributary::deliver {
namespace {

constexpr std::size_t kMemory = 1 << 20;

std::unexpected<Error> broken(const char* what) {
  return fail(ErrorCode::kUnavailable,
              std::string("temporary file for deletes: cannot ") + what + ": " + std::strerror(errno),
              RetryClass::kRetryable);
}

}  // namespace

Spool::~Spool() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Spool::append(std::string_view bytes) {
  memory_.append(bytes);
  return memory_.size() < kMemory ? Result<void>{} : spill();
}

Result<void> Spool::drain(const std::function<Result<void>(std::string_view bytes)>& write) {
  if (fd_ >= 0) {
    TRY_VOID(spill());
    std::array<char, 64 << 10> buffer;
    for (off_t at = 0; at < size_;) {
      const ssize_t got = ::pread(fd_, buffer.data(), buffer.size(), at);
      if (got <= 0) return broken("read");
      TRY_VOID(write(std::string_view(buffer.data(), static_cast<std::size_t>(got))));
      at += got;
    }
    if (::ftruncate(fd_, 0) != 0) return broken("truncate");
    size_ = 0;
    return {};
  }
  TRY_VOID(write(std::string_view(memory_)));
  memory_.clear();
  return {};
}

Result<void> Spool::spill() {
  if (fd_ < 0) {
    std::string name = (folder_ / ".deletes-XXXXXX").string();
    fd_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd_ < 0) return broken("create");
    ::unlink(name.c_str());
  }
  std::string_view left = memory_;
  while (!left.empty()) {
    const ssize_t wrote = ::pwrite(fd_, left.data(), left.size(), size_);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return broken("write");
    left.remove_prefix(static_cast<std::size_t>(wrote));
    size_ += wrote;
  }
  memory_.clear();
  return {};
}

}  // namespace tributary::deliver
