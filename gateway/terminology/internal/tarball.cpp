#include "terminology/internal/tarball.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>
#include <system_error>

namespace tributary::terminology::internal {

namespace {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

bool safePath(std::string_view path) {
  if (path.empty() || path.size() > 512 || path.front() == '/' || path.find('\0') != std::string_view::npos ||
      path.find('\\') != std::string_view::npos) {
    return false;
  }
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return true;
}

// Entry sizes in the header are not believed: the bytes that come are counted.
Result<std::string> readEntry(archive* reader, std::size_t limit, const std::string& where) {
  std::string bytes;
  std::array<char, 65536> buffer{};
  while (true) {
    const la_ssize_t got = archive_read_data(reader, buffer.data(), buffer.size());
    if (got < 0) return fail(ErrorCode::kMalformed, where + ": damaged archive");
    if (got == 0) return bytes;
    if (static_cast<std::size_t>(got) > limit - bytes.size()) {
      return fail(ErrorCode::kLimit,
                  where + ": larger than the limit of " + std::to_string(limit) + " bytes");
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<void> readTarball(const std::filesystem::path& file, const PackageLimits& limits,
                         const std::function<Result<void>(std::string_view path, std::string bytes)>& visit) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code))
    return fail(ErrorCode::kNotFound, file.string() + ": no such file");
  const Archive reader(archive_read_new(), &archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), file.c_str(), 65536) != ARCHIVE_OK) {
    return fail(ErrorCode::kMalformed, file.string() + ": not a tarball");
  }
  std::size_t total = 0;
  std::size_t files = 0;
  while (true) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) return {};
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
      return fail(ErrorCode::kMalformed, file.string() + ": damaged archive");
    if (++files > limits.files) return fail(ErrorCode::kLimit, file.string() + ": too many entries");
    const char* const name = archive_entry_pathname(entry);
    std::string path = name == nullptr ? "" : name;
    if (path.starts_with("./")) path.erase(0, 2);
    if (archive_entry_filetype(entry) == AE_IFDIR && archive_entry_hardlink(entry) == nullptr) continue;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr ||
        !safePath(path)) {
      return fail(ErrorCode::kMalformed, file.string() + ": entry " + std::to_string(files) +
                                             " is a link, a device or has a path that leaves the package");
    }
    std::string bytes;
    TRY_ASSIGN(bytes, readEntry(reader.get(), limits.file_bytes, file.string() + ": " + path));
    total += bytes.size();
    if (total > limits.total_bytes)
      return fail(ErrorCode::kLimit, file.string() + ": larger than the limit when unpacked");
    TRY_VOID(visit(path, std::move(bytes)));
  }
}

}  // namespace tributary::terminology::internal
