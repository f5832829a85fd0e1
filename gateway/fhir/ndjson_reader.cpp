#include "fhir/ndjson_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "fhir/internal/buffer.h"
#include "fhir/internal/inflate.h"
#include "fhir/internal/json_text.h"

namespace tributary::fhir {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kChunk = std::size_t{256} << 10;

std::string_view withoutCarriageReturn(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool isBlank(std::string_view line) {
  return std::all_of(line.begin(), line.end(), internal::isJsonSpace);
}

ReadOptions lineOptions(const NdjsonOptions& options, std::uint64_t offset, std::uint64_t line) {
  ReadOptions read;
  read.limits = options.limits;
  read.base_offset = offset;
  read.base_line = static_cast<std::uint32_t>(std::min<std::uint64_t>(line, ~std::uint32_t{0}));
  return read;
}

// Reads one line that is not blank, and counts it.
LineOutcome readLine(JsonReader& reader, std::string_view line, const ReadOptions& options,
                     Document& document, Issue& issue, NdjsonCounts& counts) {
  auto read = reader.read(line, document, options);
  if (read) {
    ++counts.documents;
    return LineOutcome::kDocument;
  }
  issue = std::move(read.error());
  ++counts.bad;
  return LineOutcome::kBad;
}

Issue tooLong(std::size_t limit, std::uint64_t offset, std::uint64_t line) {
  Issue issue;
  issue.rule = "json-size";
  issue.offset = offset;
  issue.line = static_cast<std::uint32_t>(line);
  issue.column = 1;
  issue.text = "The line is longer than " + std::to_string(limit) + " bytes.";
  issue.remedy = "Send one resource a line, and large Bundles as several; or raise the limit.";
  return issue;
}

// A file as a source; the descriptor closes with the last copy.
Result<ByteSource> fileSource(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                "cannot open " + path.string() + ": " + std::system_category().message(errno));
  }
  const std::shared_ptr<void> closer(nullptr, [descriptor](void*) { ::close(descriptor); });
  return [descriptor, closer](std::span<char> buffer) -> Result<std::size_t> {
    while (true) {
      const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) {
        return fail(ErrorCode::kUnavailable, "reading failed: " + std::system_category().message(errno),
                    RetryClass::kRetryable);
      }
    }
  };
}

}  // namespace

NdjsonText::NdjsonText(std::string_view text, const NdjsonOptions& options)
    : options_(options), text_(text), at_(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0) {}

LineOutcome NdjsonText::next(Document& document, Issue& issue) {
  while (at_ < text_.size()) {
    const auto* const found =
        static_cast<const char*>(std::memchr(text_.data() + at_, '\n', text_.size() - at_));
    const std::size_t end = found == nullptr ? text_.size() : static_cast<std::size_t>(found - text_.data());
    line_offset_ = at_;
    line_ = withoutCarriageReturn(text_.substr(at_, end - at_));
    at_ = end + 1;
    ++counts_.lines;
    if (line_.size() > options_.limits.bytes || !isBlank(line_)) {
      return readLine(reader_, line_, lineOptions(options_, line_offset_, counts_.lines), document, issue,
                      counts_);
    }
    ++counts_.blank;
  }
  line_ = {};
  return LineOutcome::kEnd;
}

struct NdjsonStream::Impl {
  Impl(ByteSource from, const NdjsonOptions& how)
      : options(how), source(std::move(from), how.inflated_bytes, how.inflate_ratio) {}

  Result<void> fill() {
    buffer.reserveMore(kChunk);
    TRY_ASSIGN(const std::size_t got,
               source.read({buffer.data() + buffer.size(), buffer.capacity() - buffer.size()}));
    ended = got == 0;
    buffer.setSize(buffer.size() + got);
    return {};
  }

  Result<void> skipByteOrderMark() {
    while (buffer.size() < kByteOrderMark.size() && !ended) TRY_VOID(fill());
    if (std::string_view(buffer.data(), buffer.size()).starts_with(kByteOrderMark))
      at = kByteOrderMark.size();
    begun = true;
    return {};
  }

  // Makes the next line stand at buffer[at, line_end); false at the end of the source.
  Result<bool> findLine() {
    if (!begun) TRY_VOID(skipByteOrderMark());
    std::size_t searched = at;
    while (true) {
      const std::size_t fresh = buffer.size() - searched;
      if (const void* const found =
              fresh == 0 ? nullptr : std::memchr(buffer.data() + searched, '\n', fresh)) {
        line_end = static_cast<std::size_t>(static_cast<const char*>(found) - buffer.data());
        return true;
      }
      if (ended) {
        line_end = buffer.size();
        return at < buffer.size() || skipped > 0;
      }
      // A line over the limit is let go as it comes in; only its length and place are kept. One byte more may
      // still be a carriage return, which does not count.
      if (buffer.size() - at > options.limits.bytes + 1) {
        skipped += buffer.size() - at;
        at = buffer.size();
      }
      if (at > 0) {
        std::memmove(buffer.data(), buffer.data() + at, buffer.size() - at);
        buffer_offset += at;
        buffer.setSize(buffer.size() - std::exchange(at, 0));
      }
      searched = buffer.size();
      TRY_VOID(fill());
    }
  }

  NdjsonOptions options;
  internal::InflatingSource source;
  JsonReader reader;
  internal::Buffer<char> buffer;
  std::size_t at = 0, line_end = 0;
  std::uint64_t buffer_offset = 0;  // of the buffer's first byte in the text
  std::uint64_t skipped = 0;        // bytes of the line at hand that were let go
  bool ended = false, begun = false;
  std::string_view line;
  std::uint64_t line_offset = 0;
  NdjsonCounts counts;
};

NdjsonStream::NdjsonStream(ByteSource source, const NdjsonOptions& options)
    : impl_(std::make_unique<Impl>(std::move(source), options)) {}
NdjsonStream::NdjsonStream(NdjsonStream&&) noexcept = default;
NdjsonStream& NdjsonStream::operator=(NdjsonStream&&) noexcept = default;
NdjsonStream::~NdjsonStream() = default;

Result<NdjsonStream> NdjsonStream::open(const std::filesystem::path& path, const NdjsonOptions& options) {
  TRY_ASSIGN(ByteSource source, fileSource(path));
  return NdjsonStream(std::move(source), options);
}

Result<LineOutcome> NdjsonStream::next(Document& document, Issue& issue) {
  Impl& impl = *impl_;
  while (true) {
    TRY_ASSIGN(const bool more, impl.findLine());
    if (!more) {
      impl.line = {};
      return LineOutcome::kEnd;
    }
    const std::string_view whole(impl.buffer.data() + impl.at, impl.line_end - impl.at);
    const std::uint64_t skipped = std::exchange(impl.skipped, 0);
    impl.line_offset = impl.buffer_offset + impl.at - skipped;
    impl.line = withoutCarriageReturn(whole);
    impl.at = std::min(impl.line_end + 1, impl.buffer.size());
    ++impl.counts.lines;
    if (skipped > 0 || impl.line.size() > impl.options.limits.bytes) {
      impl.line = {};
      ++impl.counts.bad;
      issue = tooLong(impl.options.limits.bytes, impl.line_offset, impl.counts.lines);
      return LineOutcome::kBad;
    }
    if (!isBlank(impl.line)) {
      return readLine(impl.reader, impl.line, lineOptions(impl.options, impl.line_offset, impl.counts.lines),
                      document, issue, impl.counts);
    }
    ++impl.counts.blank;
  }
}

std::string_view NdjsonStream::line() const {
  return impl_->line;
}
std::uint64_t NdjsonStream::offset() const {
  return impl_->line_offset;
}
std::uint64_t NdjsonStream::lineNumber() const {
  return impl_->counts.lines;
}
std::uint64_t NdjsonStream::consumed() const {
  return impl_->source.consumed();
}
const NdjsonCounts& NdjsonStream::counts() const {
  return impl_->counts;
}

}  // namespace tributary::fhir
