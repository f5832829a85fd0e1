#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collection/collection.h"
#include "collection/internal/varint.h"

namespace tributary::collection {

std::string encodeCells(std::span<const std::string_view> cells) {
  std::string out;
  appendVarint(out, cells.size());
  for (const std::string_view cell : cells) {
    appendVarint(out, cell.size());
    out += cell;
  }
  return out;
}

Result<std::vector<std::string>> decodeCells(std::string_view bytes) {
  VarintReader reader(bytes);
  const std::uint64_t count = reader.next();
  if (!reader.ok() || count > bytes.size())
    return fail(ErrorCode::kCorrupt, "the cells of a row cannot be read");
  std::vector<std::string> cells;
  cells.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) cells.emplace_back(reader.text(reader.next()));
  if (!reader.ok() || !reader.end()) return fail(ErrorCode::kCorrupt, "the cells of a row cannot be read");
  return cells;
}

}  // namespace tributary::collection
