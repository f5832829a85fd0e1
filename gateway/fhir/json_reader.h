#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/issue.h"
#include "base/result.h"
#include "fhir/document.h"

namespace tributary::fhir {

struct ReadLimits {
  std::size_t bytes = std::size_t{64} << 20;  // of one document
  std::uint32_t depth = 128;                  // nested containers
  std::uint32_t nodes = 1U << 24;
};

// What a document is refused for: rule ids "json-syntax", "json-encoding", "json-duplicate-member",
// "json-depth", "json-size", "json-not-an-object", with offset, line and column.
struct ReadOptions {
  ReadLimits limits{};
  bool own_text = false;          // copy the text into the Document; otherwise the caller keeps it alive
  std::uint64_t base_offset = 0;  // of the text in its file, for positions
  std::uint32_t base_line = 1;
  bool any_value = false;  // accept a root that is not an object
};

// Reads one JSON value onto a tape. Keeps its scratch memory between calls; one reader a thread.
class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(JsonReader&&) noexcept;
  JsonReader& operator=(JsonReader&&) noexcept;

  // `text` needs no padding. On failure the document is empty and the Issue says why and where.
  std::expected<void, Issue> read(std::string_view text, Document& out, const ReadOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::fhir
