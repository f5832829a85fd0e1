#include "fhir/internal/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace tributary::fhir::internal {
namespace {

constexpr std::size_t kChunk = std::size_t{128} << 10;
constexpr std::uint64_t kRatioFrom = std::uint64_t{1} << 20;
constexpr int kGzipOnly = 15 + 16;  // zlib's window bits: gzip framing expected and its checksum tested

}  // namespace

struct InflatingSource::Impl {
  Impl(ByteSource from, std::uint64_t bytes, std::uint32_t ratio)
      : source(std::move(from)), most_bytes(bytes), most_ratio(ratio), input(kChunk) {}
  ~Impl() {
    if (gzip) inflateEnd(&stream);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> refill() {
    if (at > 0) {
      std::memmove(input.data(), input.data() + at, filled - at);
      filled -= std::exchange(at, 0);
    }
    if (source_ended || filled == input.size()) return {};
    TRY_ASSIGN(const std::size_t got, source({input.data() + filled, input.size() - filled}));
    source_ended = got == 0;
    filled += got;
    consumed += got;
    return {};
  }

  Result<void> begin() {
    while (filled < 2 && !source_ended) TRY_VOID(refill());
    begun = true;
    if (filled < 2 || input[0] != '\x1f' || input[1] != '\x8b') return {};
    if (inflateInit2(&stream, kGzipOnly) != Z_OK)
      return fail(ErrorCode::kInternal, "zlib could not be started");
    gzip = true;
    return {};
  }

  Result<std::size_t> plain(std::span<char> buffer) {
    if (at == filled) {
      if (source_ended) return 0;
      TRY_ASSIGN(const std::size_t got, source(buffer));
      source_ended = got == 0;
      consumed += got;
      return got;
    }
    const std::size_t count = std::min(buffer.size(), filled - at);
    std::memcpy(buffer.data(), input.data() + at, count);
    at += count;
    return count;
  }

  Result<std::size_t> inflated(std::span<char> buffer) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(std::min<std::size_t>(buffer.size(), 1U << 30));
    const std::size_t wanted = stream.avail_out;
    while (stream.avail_out == wanted && !ended) {
      if (at == filled) TRY_VOID(refill());
      if (member_ended) {
        TRY_VOID(nextMember());
        continue;
      }
      if (at == filled && source_ended) {
        return fail(ErrorCode::kMalformed, "the gzip data ends too early: the file is cut off");
      }
      stream.next_in = reinterpret_cast<Bytef*>(input.data() + at);
      stream.avail_in = static_cast<uInt>(filled - at);
      const int outcome = inflate(&stream, Z_NO_FLUSH);
      at = filled - stream.avail_in;
      member_ended = outcome == Z_STREAM_END;
      if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR) {
        return fail(ErrorCode::kMalformed, "the gzip data is damaged");
      }
    }
    const std::size_t got = wanted - stream.avail_out;
    produced += got;
    if (produced > most_bytes) {
      return fail(ErrorCode::kLimit,
                  "the gzip data inflates to more than " + std::to_string(most_bytes) + " bytes");
    }
    const std::uint64_t used = consumed - (filled - at);
    if (produced > kRatioFrom && produced / most_ratio > used) {
      return fail(ErrorCode::kLimit, "the gzip data inflates to more than " + std::to_string(most_ratio) +
                                         " times its size: it looks like a decompression bomb");
    }
    return got;
  }

  // Behind a member: another one, zero bytes as padding (as tar and tapes leave them), or the end.
  Result<void> nextMember() {
    while (at < filled && input[at] == '\0') ++at;
    if (at == filled) {
      ended = source_ended;
      return {};
    }
    if (input[at] != '\x1f')
      return fail(ErrorCode::kMalformed, "there is something else behind the gzip data");
    if (inflateReset2(&stream, kGzipOnly) != Z_OK)
      return fail(ErrorCode::kInternal, "zlib could not be started");
    member_ended = false;
    return {};
  }

  ByteSource source;
  std::uint64_t most_bytes;
  std::uint32_t most_ratio;
  std::vector<char> input;
  std::size_t at = 0, filled = 0;
  bool source_ended = false, begun = false, gzip = false, member_ended = false, ended = false;
  std::uint64_t consumed = 0, produced = 0;
  z_stream stream{};
};

InflatingSource::InflatingSource(ByteSource source, std::uint64_t most_bytes, std::uint32_t most_ratio)
    : impl_(std::make_unique<Impl>(std::move(source), most_bytes, std::max(most_ratio, 1U))) {}
InflatingSource::~InflatingSource() = default;
InflatingSource::InflatingSource(InflatingSource&&) noexcept = default;
InflatingSource& InflatingSource::operator=(InflatingSource&&) noexcept = default;

Result<std::size_t> InflatingSource::read(std::span<char> buffer) {
  if (!impl_->begun) TRY_VOID(impl_->begin());
  return impl_->gzip ? impl_->inflated(buffer) : impl_->plain(buffer);
}

std::uint64_t InflatingSource::consumed() const {
  return impl_->consumed;
}

}  // namespace tributary::fhir::internal
