#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "collection/projector.h"
#include "fhir/document.h"

namespace tributary::collection {

// An element of a resource that an expression looked at.
struct SeenElement {
  const fhir::Document* document = nullptr;
  fhir::NodeIndex node = fhir::kNoNode;
  bool condition = false;  // read to decide, not for its content
};

// What one translate() did with one code.
struct Translated {
  std::string map;           // canonical URL of the ConceptMap
  std::string system, code;  // what came in; a `code` element has no system
  std::string target_system, target;  // what came out; empty: the map knows no translation
  bool by_default = false;            // by the group's `unmapped`
};

// Where an expression ended with nothing: the part that let nothing through, and what it was asked of.
struct Stop {
  std::string part;              // as written in the expression
  std::vector<SeenElement> had;  // the elements before it; empty: there was none, or a computed value
  bool nothing_set = false;      // the part is a literal or a variable (a setting) without value
};

// One expression on one resource, on the way to a cell.
struct Attempt {
  std::uint16_t source = 0;    // index into Collection::sources()
  std::size_t column = 0;      // index into View::columns() of the source
  std::uint32_t resource = 0;  // subject inputs first, then shared ones
  std::string expression;      // as it was evaluated
  std::string value;           // before conversion and merging; patient data
  std::vector<Translated> translated;
  std::vector<Stop> stops;  // of an empty value
};

// Hears how cells come to be: for people who ask, not for production paths (every expression that is followed
// runs twice). Documents and rows are good until the callback returns.
struct CellWatch {
  static constexpr std::uint16_t kNone = 0xFFFF;
  // The cell whose expressions are followed, and each row of its table with what they gave.
  std::uint16_t table = kNone, field = kNone;
  std::function<void(const Row&, std::span<const Attempt>)> on_row;
  // Each empty cell of any table, with what its source (an index into Collection::sources()) looked at in vain.
  std::function<void(const Row&, std::uint16_t field, std::uint16_t source, std::span<const SeenElement>)>
      on_empty;
};

}  // namespace tributary::collection
