#include "deliver/internal/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/hash.h"

namespace tributary::deliver {
namespace {

constexpr std::size_t kBuffer = 256 << 10;

std::unexpected<Error> failErrno(const std::filesystem::path& path, const char* verb) {
  const int code = errno;
  return fail(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              std::string("cannot ") + verb + " " + path.string() + ": " + std::strerror(code),
              RetryClass::kRetryable);
}

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::create(const std::filesystem::path& target) {
  std::filesystem::path part = target.parent_path() / ("." + target.filename().string() + ".part");
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return failErrno(part, "create");
  return std::unique_ptr<OutputFile>(new OutputFile(target, std::move(part), fd));
}

OutputFile::OutputFile(std::filesystem::path target, std::filesystem::path part, int fd)
    : target_(std::move(target)), part_(std::move(part)), fd_(fd) {
  buffer_.reserve(kBuffer);
}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(part_.c_str());
}

Result<void> OutputFile::write(std::string_view bytes) {
  bytes_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBuffer) TRY_VOID(flush());
  buffer_.append(bytes);
  return {};
}

Result<void> OutputFile::flush() {
  hash_.add(buffer_);
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t wrote = ::write(fd_, left.data(), left.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failErrno(part_, "write");
    left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  buffer_.clear();
  return {};
}

Result<std::string> OutputFile::commit() {
  TRY_VOID(flush());
  if (::fsync(fd_) != 0) return failErrno(part_, "sync");
  ::close(std::exchange(fd_, -1));
  if (::rename(part_.c_str(), target_.c_str()) != 0) {
    auto error = failErrno(target_, "rename to");
    ::unlink(part_.c_str());
    return error;
  }
  TRY_VOID(syncFolder(target_.parent_path()));
  return hash_.finishHex();
}

Result<std::string> fileSha256(const std::filesystem::path& path, std::uint64_t* bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failErrno(path, "open");
  Sha256Stream hash;
  std::uint64_t total = 0;
  std::array<char, 64 << 10> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      auto error = failErrno(path, "read");
      ::close(fd);
      return error;
    }
    if (got == 0) break;
    hash.add({buffer.data(), static_cast<std::size_t>(got)});
    total += static_cast<std::uint64_t>(got);
  }
  ::close(fd);
  if (bytes != nullptr) *bytes = total;
  return hash.finishHex();
}

Result<void> syncFolder(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder.empty() ? std::filesystem::path(".") : folder;
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failErrno(path, "open");
  const int synced = ::fsync(fd);
  ::close(fd);
  if (synced != 0) return failErrno(path, "sync");
  return {};
}

}  // namespace tributary::deliver
