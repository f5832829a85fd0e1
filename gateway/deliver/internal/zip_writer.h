#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "deliver/internal/output_file.h"

namespace tributary::deliver {

// A zip written front to back (libarchive), with fixed times and attributes, so that the same entries give
// the same bytes.
class ZipWriter {
 public:
  // `file` is borrowed for the lifetime of the writer.
  static Result<std::unique_ptr<ZipWriter>> create(OutputFile& file, int compression_level);
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;
  ~ZipWriter();

  struct Entry {
    std::string name, sha256;
    std::uint64_t bytes = 0;
  };
  Result<void> begin(const std::string& name);
  Result<void> write(std::string_view bytes);
  Result<Entry> end();
  Result<void> close();  // the central directory

 private:
  explicit ZipWriter(OutputFile& file);
  Result<void> flush();
  std::unexpected<Error> failure(const char* what);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::deliver
