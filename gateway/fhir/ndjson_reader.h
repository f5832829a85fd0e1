#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/issue.h"
#include "base/result.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"

namespace tributary::fhir {

struct NdjsonOptions {
  // Of one line; a line longer than limits.bytes costs that line only and is never held in memory.
  ReadLimits limits{.bytes = std::size_t{16} << 20};
  // Of a gzip input: bytes it may grow to, and how many times its compressed size (once past 1 MiB).
  std::uint64_t inflated_bytes = std::uint64_t{64} << 30;
  std::uint32_t inflate_ratio = 400;
};

enum class LineOutcome : std::uint8_t {
  kDocument,  // `document` holds the line
  kBad,       // the line is refused, `issue` says why and where; the next call goes on behind it
  kEnd,
};

struct NdjsonCounts {
  std::uint64_t lines = 0;  // all, blank ones included
  std::uint64_t documents = 0;
  std::uint64_t bad = 0;
  std::uint64_t blank = 0;
};

// NDJSON that lies in memory (a mapped file, a body): nothing is copied, documents point into `text`, which
// the caller keeps. Tolerated: blank lines, a byte order mark at the beginning, CRLF, no line break at the
// end.
class NdjsonText {
 public:
  explicit NdjsonText(std::string_view text, const NdjsonOptions& options = {});
  LineOutcome next(Document& document, Issue& issue);
  // The line of the last outcome, without its line break: what is journalled of it.
  std::string_view line() const { return line_; }
  std::uint64_t offset() const { return line_offset_; }  // of line() in the text
  std::uint64_t lineNumber() const { return counts_.lines; }
  const NdjsonCounts& counts() const { return counts_; }

 private:
  JsonReader reader_;
  NdjsonOptions options_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view line_;
  std::uint64_t line_offset_ = 0;
  NdjsonCounts counts_;
};

// Fills `buffer` from a source; 0 at its end.
using ByteSource = std::function<Result<std::size_t>(std::span<char> buffer)>;

// NDJSON from anywhere, of any length, in a buffer no larger than the longest line let in. Gzip input (known
// by its first two bytes) is inflated on the way; offsets and lines then count the inflated text.
class NdjsonStream {
 public:
  static Result<NdjsonStream> open(const std::filesystem::path& path, const NdjsonOptions& options = {});
  explicit NdjsonStream(ByteSource source, const NdjsonOptions& options = {});
  NdjsonStream(NdjsonStream&&) noexcept;
  NdjsonStream& operator=(NdjsonStream&&) noexcept;
  ~NdjsonStream();

  // The document and line() stay valid until the next call. An Error means that the source failed or that its
  // gzip form is damaged or a bomb: what came before it was right, nothing more will come.
  Result<LineOutcome> next(Document& document, Issue& issue);
  std::string_view line() const;
  std::uint64_t offset() const;
  std::uint64_t lineNumber() const;
  std::uint64_t consumed() const;  // bytes taken from the source, for progress
  const NdjsonCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::fhir
