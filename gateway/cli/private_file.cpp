#include "cli/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tributary::cli {
namespace {

std::unexpected<Error> broken(const char* verb, const std::filesystem::path& path) {
  return fail(ErrorCode::kUnavailable, std::string("cannot ") + verb + " " + path.string() + ": " + std::strerror(errno));
}

}  // namespace

Result<PrivateFile> PrivateFile::create(const std::filesystem::path& target) {
  std::filesystem::path part = target.parent_path() / ("." + target.filename().string() + ".part");
  ::unlink(part.c_str());  // an old one may have another mode or be a link
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return broken("create", part);
  return PrivateFile(target, std::move(part), fd);
}

PrivateFile::PrivateFile(std::filesystem::path target, std::filesystem::path part, int fd)
    : target_(std::move(target)), part_(std::move(part)), fd_(fd) {}

PrivateFile::PrivateFile(PrivateFile&& other) noexcept
    : target_(std::move(other.target_)), part_(std::move(other.part_)), fd_(std::exchange(other.fd_, -1)) {}

PrivateFile::~PrivateFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(part_.c_str());
}

Result<void> PrivateFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return broken("write", part_);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<void> PrivateFile::commit() {
  if (::fsync(fd_) != 0) return broken("sync", part_);
  if (::rename(part_.c_str(), target_.c_str()) != 0) return broken("rename to", target_);
  ::close(std::exchange(fd_, -1));
  return {};
}

}  // namespace tributary::cli
