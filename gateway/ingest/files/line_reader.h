#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tributary::ingest {

// Lines of a file, plain or gzip, through one bounded buffer. A BOM, CRLF and a missing last line end are tolerated.
class LineReader {
 public:
  struct Line {
    std::string_view text;     // without its end; lives until the next call. Of a line over the cap: its head
    std::uint64_t number = 0;  // from 1
    bool too_long = false;
  };

  // `expanded_limit`: bytes that a gzip file may expand to (0: no limit).
  static Result<LineReader> open(const std::filesystem::path& path, std::size_t line_cap, std::uint64_t expanded_limit);
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;
  ~LineReader();

  // The first bytes (those of a gzip file expanded), before anything has been read; lives until the next call.
  std::string_view head() const;
  // False at the end. kMalformed: the gzip stream is damaged or cut; kLimit: it expands beyond the limit.
  Result<bool> next(Line& line);
  // All that follows, up to `cap` bytes (kLimit beyond).
  Result<std::string> rest(std::size_t cap);

 private:
  struct State;
  explicit LineReader(std::unique_ptr<State> state);
  Result<bool> fill();
  std::unique_ptr<State> state_;
};

}  // namespace tributary::ingest
