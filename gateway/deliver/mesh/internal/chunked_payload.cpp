#include "deliver/mesh/internal/chunked_payload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace tributary::deliver {
namespace {

std::unexpected<Error> failErrno(const std::string& what) {
  const int code = errno;
  return fail(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              what + ": " + std::strerror(code), RetryClass::kRetryable);
}

Result<std::size_t> readAt(int fd, std::span<char> buffer, std::uint64_t at) {
  for (;;) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failErrno("payload: cannot read");
    return static_cast<std::size_t>(got);
  }
}

Result<void> writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failErrno("compressed chunk: cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

net::BodySource rangeSource(int fd, std::uint64_t from, std::uint64_t size) {
  return [fd, at = from, end = from + size](std::span<char> buffer) mutable -> Result<std::size_t> {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - at));
    if (want == 0) return std::size_t{0};
    TRY_ASSIGN(const std::size_t got, readAt(fd, buffer.first(want), at));
    if (got == 0) return fail(ErrorCode::kCorrupt, "the payload is shorter than it was");
    at += got;
    return got;
  };
}

}  // namespace

Result<ChunkedPayload> ChunkedPayload::open(const std::filesystem::path& file, std::uint64_t chunk_bytes,
                                            bool compress, const std::filesystem::path& temp_dir) {
  ChunkedPayload out;
  out.fd_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (out.fd_ < 0) return failErrno("cannot open " + file.string());
  struct stat status{};
  if (::fstat(out.fd_, &status) != 0) return failErrno("cannot read " + file.string());
  out.bytes_ = static_cast<std::uint64_t>(status.st_size);
  out.chunk_bytes_ = chunk_bytes;
  out.compress_ = compress;
  out.temp_dir_ = temp_dir;
  const std::uint64_t chunks = std::max<std::uint64_t>(1, (out.bytes_ + chunk_bytes - 1) / chunk_bytes);
  if (chunks > 1'000'000) return fail(ErrorCode::kInvalidArgument, "too many chunks");
  out.chunks_ = static_cast<std::uint32_t>(chunks);
  return out;
}

ChunkedPayload::ChunkedPayload(ChunkedPayload&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      packed_fd_(std::exchange(other.packed_fd_, -1)),
      bytes_(other.bytes_),
      chunk_bytes_(other.chunk_bytes_),
      packed_bytes_(other.packed_bytes_),
      chunks_(other.chunks_),
      packed_index_(other.packed_index_),
      compress_(other.compress_),
      temp_dir_(std::move(other.temp_dir_)) {}

ChunkedPayload::~ChunkedPayload() {
  if (fd_ >= 0) ::close(fd_);
  if (packed_fd_ >= 0) ::close(packed_fd_);
}

Result<ChunkedPayload::Body> ChunkedPayload::body(std::uint32_t index) {
  const std::uint64_t from = (index - 1) * chunk_bytes_;
  const std::uint64_t size = std::min(chunk_bytes_, bytes_ - std::min(bytes_, from));
  if (!compress_) return Body{rangeSource(fd_, from, size), size};
  if (packed_index_ != index) {
    packed_index_ = 0;
    TRY_VOID(compressChunk(from, size));
    packed_index_ = index;
  }
  return Body{rangeSource(packed_fd_, 0, packed_bytes_), packed_bytes_};
}

Result<void> ChunkedPayload::compressChunk(std::uint64_t offset, std::uint64_t size) {
  if (packed_fd_ < 0) {
    std::error_code ignored;
    const std::filesystem::path folder =
        temp_dir_.empty() ? std::filesystem::temp_directory_path(ignored) : temp_dir_;
    std::string name = (folder / "tributary-chunk-XXXXXX").string();
    packed_fd_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (packed_fd_ < 0) return failErrno("cannot create " + name);
    ::unlink(name.c_str());
  }
  if (::ftruncate(packed_fd_, 0) != 0 || ::lseek(packed_fd_, 0, SEEK_SET) != 0)
    return failErrno("compressed chunk");
  z_stream raw{};
  if (deflateInit2(&raw, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(ErrorCode::kInternal, "zlib cannot be set up");
  }
  const std::unique_ptr<z_stream, decltype([](z_stream* s) { deflateEnd(s); })> stream(&raw);
  std::array<char, 64 << 10> in, out;
  packed_bytes_ = 0;
  int state = Z_OK;
  for (std::uint64_t done = 0; state != Z_STREAM_END;) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), size - done));
    std::size_t got = 0;
    if (want > 0) {
      TRY_ASSIGN(got, readAt(fd_, std::span(in).first(want), offset + done));
      if (got == 0) return fail(ErrorCode::kCorrupt, "the payload is shorter than it was");
    }
    done += got;
    raw.next_in = reinterpret_cast<Bytef*>(in.data());
    raw.avail_in = static_cast<uInt>(got);
    do {
      raw.next_out = reinterpret_cast<Bytef*>(out.data());
      raw.avail_out = static_cast<uInt>(out.size());
      state = deflate(&raw, done == size ? Z_FINISH : Z_NO_FLUSH);
      const std::size_t made = out.size() - raw.avail_out;
      TRY_VOID(writeAll(packed_fd_, {out.data(), made}));
      packed_bytes_ += made;
    } while (raw.avail_out == 0);
  }
  return {};
}

}  // namespace tributary::deliver
