#include "collection/lineage.h"

#include <algorithm>

#include "collection/internal/varint.h"

namespace tributary::collection {

// docs, journal…, then for each cell: field, source, elements, (document << 1 | condition, offset)…
std::string encodeLineage(std::span<const CellLineage> cells) {
  std::vector<std::uint64_t> journals;
  for (const CellLineage& cell : cells) {
    for (const LineageElement& element : cell.elements) {
      if (std::find(journals.begin(), journals.end(), element.journal) == journals.end())
        journals.push_back(element.journal);
    }
  }
  std::string out;
  appendVarint(out, journals.size());
  for (const std::uint64_t journal : journals) appendVarint(out, journal);
  for (const CellLineage& cell : cells) {
    appendVarint(out, cell.field);
    appendVarint(out, cell.source);
    appendVarint(out, cell.elements.size());
    for (const LineageElement& element : cell.elements) {
      const auto document = std::find(journals.begin(), journals.end(), element.journal) - journals.begin();
      appendVarint(out, static_cast<std::uint64_t>(document) << 1 | (element.condition ? 1U : 0U));
      appendVarint(out, element.offset);
    }
  }
  return out;
}

Result<std::vector<CellLineage>> decodeLineage(std::string_view bytes) {
  std::vector<CellLineage> out;
  if (bytes.empty()) return out;
  VarintReader reader(bytes);
  const auto corrupt = [] { return fail(ErrorCode::kCorrupt, "the lineage of a row cannot be read"); };
  const std::uint64_t documents = reader.next();
  if (documents > bytes.size()) return corrupt();
  std::vector<std::uint64_t> journals(documents);
  for (std::uint64_t& journal : journals) journal = reader.next();
  while (reader.ok() && !reader.end()) {
    CellLineage cell;
    cell.field = static_cast<std::uint16_t>(reader.next());
    cell.source = static_cast<std::uint16_t>(reader.next());
    const std::uint64_t count = reader.next();
    if (count > bytes.size()) return corrupt();
    for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
      const std::uint64_t document = reader.next();
      if ((document >> 1) >= journals.size()) return corrupt();
      cell.elements.push_back(
          {journals[document >> 1], static_cast<std::uint32_t>(reader.next()), (document & 1) != 0});
    }
    out.push_back(std::move(cell));
  }
  if (!reader.ok()) return corrupt();
  return out;
}

std::string elementPath(const fhir::Document& document, fhir::NodeIndex node) {
  if (node >= document.nodes().size()) return {};
  std::string path(document.resourceType());
  fhir::NodeIndex at = document.root();
  while (at != node) {
    // The child whose subtree holds the node.
    const bool in_array = document[at].kind == fhir::Kind::kArray;
    std::size_t index = 0;
    fhir::NodeIndex child = at + 1;
    while (document[child].next <= node) {
      child = document[child].next;
      ++index;
    }
    if (in_array) {
      path += '[' + std::to_string(index) + ']';
    } else {
      path += '.';
      path += document.name(child);
    }
    at = child;
  }
  return path;
}

fhir::NodeIndex elementAt(const fhir::Document& document, std::uint32_t offset) {
  if (document.empty()) return fhir::kNoNode;
  const std::uint64_t wanted =
      document.sourceOffset(document.root()) + offset - document[document.root()].offset;
  // Nodes stand in document order; among those at one place the deepest is the element meant.
  fhir::NodeIndex found = fhir::kNoNode;
  for (fhir::NodeIndex i = 0; i < document.nodes().size(); ++i) {
    if (document.sourceOffset(i) == wanted) found = i;
  }
  return found;
}

std::string elementPathAt(const fhir::Document& document, std::uint32_t offset) {
  const fhir::NodeIndex found = elementAt(document, offset);
  return found == fhir::kNoNode ? std::string() : elementPath(document, found);
}

}  // namespace tributary::collection
