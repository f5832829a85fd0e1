#include "net/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace tributary::net {
namespace {

constexpr int kGzipWindow = 15 + 16;                 // 32 KiB window, gzip wrapper
constexpr std::size_t kStep = std::size_t{1} << 30;  // zlib counts in 32 bits

Bytef* input(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::runtime_error("zlib cannot be set up");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream); }
  z_stream stream{};
};

}  // namespace

std::string gzipCompress(std::string_view bytes, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("zlib cannot be set up");
  }
  std::string out;
  out.resize(deflateBound(&stream, static_cast<uLong>(bytes.size())));
  std::size_t written = 0;
  int state = Z_OK;
  do {
    const std::size_t take = std::min(bytes.size(), kStep);
    stream.next_in = input(bytes);
    stream.avail_in = static_cast<uInt>(take);
    bytes.remove_prefix(take);
    do {
      if (written == out.size()) out.resize(out.size() + 4096);
      const std::size_t room = std::min(out.size() - written, kStep);
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
      stream.avail_out = static_cast<uInt>(room);
      state = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
      written += room - stream.avail_out;
    } while (state == Z_OK && (stream.avail_in > 0 || bytes.empty()));
  } while (state != Z_STREAM_END);
  deflateEnd(&stream);
  out.resize(written);
  return out;
}

Result<std::string> gzipDecompress(std::string_view bytes, std::uint64_t limit) {
  Inflater inflater;
  z_stream& stream = inflater.stream;
  std::string out;
  char buffer[1 << 15];
  int state = Z_OK;
  if (bytes.empty()) return fail(ErrorCode::kMalformed, "empty input is not gzip");
  while (!bytes.empty()) {
    const std::size_t take = std::min(bytes.size(), kStep);
    stream.next_in = input(bytes);
    stream.avail_in = static_cast<uInt>(take);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer);
      stream.avail_out = sizeof buffer;
      state = inflate(&stream, Z_NO_FLUSH);
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
        return fail(ErrorCode::kMalformed, "not valid gzip");
      }
      const std::size_t got = sizeof buffer - stream.avail_out;
      if (got > limit - out.size()) {
        return fail(ErrorCode::kLimit, "decompressed it is larger than " + std::to_string(limit) + " bytes");
      }
      out.append(buffer, got);
      if (state == Z_STREAM_END && stream.avail_in > 0) {  // RFC 1952 2.2: members follow one another
        if (inflateReset(&stream) != Z_OK) return fail(ErrorCode::kInternal, "zlib cannot be reset");
        state = Z_OK;
      }
    } while (stream.avail_in > 0 || stream.avail_out == 0);
    bytes.remove_prefix(take);
  }
  if (state != Z_STREAM_END) return fail(ErrorCode::kMalformed, "gzip data are cut short");
  return out;
}

}  // namespace tributary::net
