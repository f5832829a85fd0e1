#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "net/http_client.h"

namespace tributary::deliver {

// A payload cut into chunks of the uncompressed bytes; a chunk is compressed on its own, through an unlinked
// temporary file, so that memory does not depend on its size. One thread at a time.
class ChunkedPayload {
 public:
  static Result<ChunkedPayload> open(const std::filesystem::path& file, std::uint64_t chunk_bytes,
                                     bool compress, const std::filesystem::path& temp_dir);
  ChunkedPayload(ChunkedPayload&& other) noexcept;
  ChunkedPayload& operator=(ChunkedPayload&&) = delete;
  ~ChunkedPayload();

  std::uint64_t bytes() const { return bytes_; }
  std::uint32_t chunks() const { return chunks_; }
  bool compressed() const { return compress_; }

  struct Body {
    net::BodySource source;  // good for one pass; lives no longer than the payload and the next body()
    std::uint64_t bytes = 0;
  };
  Result<Body> body(std::uint32_t index);  // from 1

 private:
  ChunkedPayload() = default;
  Result<void> compressChunk(std::uint64_t offset, std::uint64_t size);

  int fd_ = -1, packed_fd_ = -1;
  std::uint64_t bytes_ = 0, chunk_bytes_ = 0, packed_bytes_ = 0;
  std::uint32_t chunks_ = 0;
  std::uint32_t packed_index_ = 0;  // the chunk that lies compressed in packed_fd_
  bool compress_ = false;
  std::filesystem::path temp_dir_;
};

}  // namespace tributary::deliver
