// Additions of FHIR R4 (2.9.2): extension, hasValue, getValue, comparable.
#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/quantities.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::callFhir(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  switch (e.function) {
    case kExtension:
    case kHasExtension: {
      std::optional<std::string_view> url;
      if (!evalString(*e.children[0], frame, url)) return false;
      if (!url) return true;
      Collection found = collection();
      Collection& target = e.function == kExtension ? out : found;
      for (const Value& v : input) {
        if (!v.isNode()) continue;
        fhir::NodeIndex object = v.isObject() ? v.nodeIndex() : v.companionIndex();
        if (object == fhir::kNoNode) continue;
        const std::size_t start = target.size();
        collect(v.document(), object, names::kExtension, types.extension, target);
        std::size_t kept = start;
        for (std::size_t i = start; i < target.size(); ++i) {
          if (childText(target[i], names::kUrl) == url) target.data()[kept++] = target[i];
        }
        target.truncate(kept);
      }
      if (e.function == kHasExtension) out.push(Value::boolean(!found.empty()));
      return true;
    }
    case kHasValue:
      out.push(Value::boolean(input.size() == 1 && (!input[0].isNode() || input[0].hasScalar())));
      return true;
    case kGetValue:
      if (input.size() == 1 && (!input[0].isNode() || input[0].hasScalar())) out.push(atom(input[0], false));
      return true;
    default: {  // comparable
      std::optional<Value> a, b;
      Span values;
      if (!singleton(e, input, a) || !evalSpan(*e.children[0], frame, values) || !singleton(e, values, b))
        return false;
      if (!a || !b) return true;
      const Value x = atom(*a), y = atom(*b);
      if (noValue(x) || noValue(y)) return true;
      if (x.kind() != ValueKind::kQuantity || y.kind() != ValueKind::kQuantity) {
        return fail(e, "comparable() is for quantities", "a quantity");
      }
      const auto p = unitOf(x.asQuantity()), q = unitOf(y.asQuantity());
      out.push(Value::boolean(p && q ? terminology::comparable(*p, *q)
                                     : x.asQuantity().unit == y.asQuantity().unit));
      return true;
    }
  }
}

}  // namespace tributary::fhirpath
