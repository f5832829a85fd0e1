#include "net/internal/body_buffer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tributary::net {
namespace {

std::unexpected<Error> failErrno(const char* what) {
  return fail(ErrorCode::kUnavailable,
              std::string("temporary file for a request body: ") + what + ": " + std::strerror(errno),
              RetryClass::kRetryable);
}

}  // namespace

Result<void> BodyBuffer::append(std::string_view piece) {
  size_ += piece.size();
  if (fd_ < 0) {
    if (size_ <= memory_limit_) {
      memory_.append(piece);
      return {};
    }
    TRY_VOID(spill());
  }
  return writeAll(piece);
}

Result<void> BodyBuffer::spill() {
  std::error_code ignored;
  std::string folder = temp_dir_.empty() ? std::filesystem::temp_directory_path(ignored).string() : temp_dir_;
  if (folder.empty()) folder = "/tmp";
  fd_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd_ < 0) {  // a file system without O_TMPFILE
    std::string name = folder + "/tributary-body-XXXXXX";
    fd_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd_ < 0) return failErrno("create");
    ::unlink(name.c_str());
  }
  const std::string held = std::exchange(memory_, {});
  return writeAll(held);
}

Result<void> BodyBuffer::writeAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failErrno("write");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<std::string_view> BodyBuffer::finish() {
  if (fd_ < 0) return std::string_view(memory_);
  mapping_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    return failErrno("map");
  }
  ::madvise(mapping_, size_, MADV_SEQUENTIAL);
  return std::string_view(static_cast<const char*>(mapping_), size_);
}

void BodyBuffer::clear() {
  if (mapping_ != nullptr) ::munmap(mapping_, size_);
  if (fd_ >= 0) ::close(fd_);
  mapping_ = nullptr;
  fd_ = -1;
  size_ = 0;
  memory_.clear();
  if (memory_.capacity() > (64U << 10)) memory_.shrink_to_fit();
}

}  // namespace tributary::net
