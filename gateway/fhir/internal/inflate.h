#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "fhir/ndjson_reader.h"

namespace tributary::fhir::internal {

// Hands through a source, or inflates it when it begins as gzip does (RFC 1952; several members in a row are
// one text).
class InflatingSource {
 public:
  InflatingSource(ByteSource source, std::uint64_t most_bytes, std::uint32_t most_ratio);
  ~InflatingSource();
  InflatingSource(InflatingSource&&) noexcept;
  InflatingSource& operator=(InflatingSource&&) noexcept;

  Result<std::size_t> read(std::span<char> buffer);
  std::uint64_t consumed() const;  // from the source

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::fhir::internal
