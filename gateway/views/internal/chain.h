#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace tributary::views::internal {

// How a step of a path behaves when its input is taken item by item instead of as a whole.
enum class StepKind : std::uint8_t {
  kName,   // an element name: the same either way, and cheap
  kMap,    // where(), ofType(), extension(), resolve(): the same either way, and worth doing once
  kFirst,  // first()
  kOther,  // anything else: may look at the whole collection
};

struct Step {
  StepKind kind;
  std::size_t end;  // of the step in the expression; it begins behind the dot of the step before it
};

// The steps of an expression that is nothing but a path, `a.b.where(…).c`; empty when it has operators,
// literals, $this, $index, $total, %context or anything else that would mean something different from another
// focus.
std::vector<Step> splitPath(std::string_view expression);

}  // namespace tributary::views::internal
