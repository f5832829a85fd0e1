#include "store/sqlite/internal/codec.h"

#include <zdict.h>
#include <zstd.h>

#include <algorithm>

namespace tributary::store::sqlite {
namespace {

constexpr int kLevel = 1;
constexpr char kPlain = 0;
constexpr char kZstd = 1;
constexpr std::size_t kWorthIt = 96;  // bytes below which a frame saves nothing
constexpr std::size_t kDictionaryBytes = 24 << 10;
constexpr std::size_t kSamples = 400;                   // bodies
constexpr std::size_t kSampleBytes = 768 << 10;         // or bytes of them, what comes first
constexpr std::size_t kMaxSample = 16 << 10;            // longer bodies do not need a dictionary
constexpr std::size_t kMaxTypes = 64;                   // types that get a dictionary
constexpr std::size_t kMaxBody = std::size_t{2} << 30;  // nothing larger is ever stored
constexpr std::uint32_t kFirstId = 32768;               // ids below are reserved by zstd

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// A context costs more to make than a body to compress; one a thread.
ZSTD_CCtx* compressor() {
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  return context.get();
}

}  // namespace

struct Codec::Dictionary {
  explicit Dictionary(std::string_view data)
      : compress(ZSTD_createCDict(data.data(), data.size(), kLevel)),
        decompress(ZSTD_createDDict(data.data(), data.size())) {}
  ~Dictionary() {
    ZSTD_freeCDict(compress);
    ZSTD_freeDDict(decompress);
  }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

  ZSTD_CDict* compress;
  ZSTD_DDict* decompress;
};

struct Codec::Samples {
  std::string bytes;
  std::vector<std::size_t> sizes;
  bool closed = false;  // trained, or not worth it
};

Codec::Codec() : next_id_(kFirstId) {}
Codec::~Codec() = default;

void Codec::encode(std::string_view type, std::string_view bytes, std::string& out) const {
  if (bytes.size() >= kWorthIt) {
    std::shared_ptr<const Dictionary> dictionary;
    if (!type.empty()) {
      const std::shared_lock lock(mutex_);
      if (const auto found = by_type_.find(type); found != by_type_.end()) dictionary = found->second;
    }
    const std::size_t start = out.size();
    out.resize(start + 1 + ZSTD_compressBound(bytes.size()));
    char* target = out.data() + start + 1;
    const std::size_t room = out.size() - start - 1;
    const std::size_t written =
        dictionary != nullptr
            ? ZSTD_compress_usingCDict(compressor(), target, room, bytes.data(), bytes.size(),
                                       dictionary->compress)
            : ZSTD_compressCCtx(compressor(), target, room, bytes.data(), bytes.size(), kLevel);
    if (ZSTD_isError(written) == 0 && written < bytes.size()) {
      out[start] = kZstd;
      out.resize(start + 1 + written);
      return;
    }
    out.resize(start);
  }
  out += kPlain;
  out += bytes;
}

Result<void> Codec::decode(std::string_view blob, std::string& out) const {
  const auto corrupt = [] { return fail(ErrorCode::kCorrupt, "store: a stored body is damaged"); };
  if (blob.empty()) return corrupt();
  const std::string_view data = blob.substr(1);
  if (blob.front() == kPlain) {
    out.assign(data);
    return {};
  }
  if (blob.front() != kZstd) return corrupt();
  const unsigned long long size = ZSTD_getFrameContentSize(data.data(), data.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxBody) return corrupt();
  std::shared_ptr<const Dictionary> dictionary;
  if (const unsigned id = ZSTD_getDictID_fromFrame(data.data(), data.size()); id != 0) {
    const std::shared_lock lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return corrupt();
    dictionary = found->second;
  }
  out.resize(static_cast<std::size_t>(size));
  const std::size_t written =
      dictionary != nullptr
          ? ZSTD_decompress_usingDDict(decompressor(), out.data(), out.size(), data.data(), data.size(),
                                       dictionary->decompress)
          : ZSTD_decompressDCtx(decompressor(), out.data(), out.size(), data.data(), data.size());
  if (ZSTD_isError(written) != 0 || written != out.size()) return corrupt();
  return {};
}

void Codec::addDictionary(std::uint32_t id, std::string_view type, std::string_view data) {
  auto dictionary = std::make_shared<const Dictionary>(data);
  const std::unique_lock lock(mutex_);
  by_id_[id] = dictionary;
  by_type_[std::string(type)] = dictionary;
  const std::lock_guard samples_lock(samples_mutex_);
  next_id_ = std::max(next_id_, id + 1);
  auto& samples = samples_[std::string(type)];
  samples = std::make_unique<Samples>();
  samples->closed = true;
}

Codec::Trained Codec::sample(std::string_view type, std::string_view bytes) {
  if (bytes.size() > kMaxSample || bytes.size() < kWorthIt) return {};
  std::unique_ptr<Samples> ready;
  std::uint32_t id = 0;
  {
    const std::lock_guard lock(samples_mutex_);
    auto found = samples_.find(type);
    if (found == samples_.end()) {
      if (samples_.size() >= kMaxTypes) return {};
      found = samples_.emplace(std::string(type), std::make_unique<Samples>()).first;
    }
    Samples& samples = *found->second;
    if (samples.closed) return {};
    samples.bytes += bytes;
    samples.sizes.push_back(bytes.size());
    if (samples.sizes.size() < kSamples && samples.bytes.size() < kSampleBytes) return {};
    ready = std::exchange(found->second, std::make_unique<Samples>());
    found->second->closed = true;
    id = next_id_++;
  }
  Trained trained{id, std::string(kDictionaryBytes, '\0')};
  const std::size_t size =
      ZDICT_trainFromBuffer(trained.data.data(), trained.data.size(), ready->bytes.data(),
                            ready->sizes.data(), static_cast<unsigned>(ready->sizes.size()));
  if (ZDICT_isError(size) != 0) return {};
  trained.data.resize(size);
  // The trainer picks a random id; ours is unique in this database. Bytes 4 to 7, little endian (zstd
  // format).
  if (trained.data.size() < 8) return {};
  for (unsigned byte = 0; byte < 4; ++byte)
    trained.data[4 + byte] = static_cast<char>((id >> (8 * byte)) & 0xff);
  return trained;
}

}  // namespace tributary::store::sqlite
