#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/document.h"

namespace tributary::collection {

// An element that a cell was read from.
struct LineageElement {
  std::uint64_t journal = 0;  // version of the resource
  std::uint32_t offset = 0;   // byte offset of the element's content in the resource's text
  bool condition = false;     // read to decide (a where(), an iif()), not for its content
  friend bool operator==(const LineageElement&, const LineageElement&) = default;
};

struct CellLineage {
  std::uint16_t field = 0;   // index into Table::fields
  std::uint16_t source = 0;  // index into Collection::sources(): the view whose expression gave the cell
  std::vector<LineageElement> elements;  // empty: a constant or a setting
  friend bool operator==(const CellLineage&, const CellLineage&) = default;
};

// Lineage of one row as bytes for the ledger, and back.
std::string encodeLineage(std::span<const CellLineage> cells);
Result<std::vector<CellLineage>> decodeLineage(std::string_view bytes);

// The node whose content starts at `offset` of the document's own text; kNoNode when there is none.
fhir::NodeIndex elementAt(const fhir::Document& document, std::uint32_t offset);

// "Encounter.location[1].physicalType.coding[0].code" of the node whose content starts at `offset` of the
// document's own text; empty when there is none.
std::string elementPathAt(const fhir::Document& document, std::uint32_t offset);
std::string elementPath(const fhir::Document& document, fhir::NodeIndex node);

}  // namespace tributary::collection
