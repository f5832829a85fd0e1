// children() and descendants() (FHIRPath N1 5.8).
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::callTree(const Expr& e, const Frame& /*frame*/, Span input, Collection& out) {
  if (e.function == FunctionId::kChildren) {
    for (const Value& v : input) children(v, out);
    return step(e, out.size());
  }
  // Breadth first, as repeat(children()) would give them, without its test for equal items: each stands once.
  const std::size_t start = out.size();
  for (const Value& v : input) children(v, out);
  for (std::size_t i = start; i < out.size(); ++i) {
    if (!step(e)) return false;
    const Value v = out[i];
    children(v, out);
    if (arena.exhausted()) return failLimit(e, "the result is too large");
  }
  return true;
}

}  // namespace tributary::fhirpath
