// is(), as(), type() (FHIRPath N1 6.3, 10.2).
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::callTypes(const Expr& e, const Frame& /*frame*/, Span input, Collection& out) {
  if (e.function == FunctionId::kType) {
    for (const Value& v : input) {
      if (!v.isNode()) {
        out.push(Value::typeInfo(terminology::kNoType, systemTypeName(v.kind()), true));
      } else if (const auto type = typeOf(v); type != terminology::kNoType) {
        out.push(Value::typeInfo(type, types.name({type, ValueKind::kNode}), false));
      }
    }
    return true;
  }
  if (input.empty()) return true;
  if (input.size() > 1)
    return fail(e, "there are " + std::to_string(input.size()) + " items", "a single item");
  if (e.function == FunctionId::kIs) {
    out.push(Value::boolean(isType(input[0], e.type, false)));
    return true;
  }
  if (!e.type.known()) return fail(e, "there is no type '" + e.type.name + "'");
  if (isType(input[0], e.type, true)) out.push(input[0]);
  return true;
}

}  // namespace tributary::fhirpath
