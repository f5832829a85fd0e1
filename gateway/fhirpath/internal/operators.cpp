// Operators (FHIRPath N1 6) but arithmetic.
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::evalOperator(const Expr& e, const Frame& frame, Collection& out) {
  switch (e.op) {
    case Op::kUnion:
      return evalUnion(e, frame, out);
    case Op::kAnd:
    case Op::kOr:
    case Op::kXor:
    case Op::kImplies:
      return evalLogic(e, frame, out);
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kEquivalent:
    case Op::kNotEquivalent:
      return evalEquality(e, frame, out);
    case Op::kLess:
    case Op::kLessOrEqual:
    case Op::kGreater:
    case Op::kGreaterOrEqual:
      return evalOrder(e, frame, out);
    case Op::kIn:
    case Op::kContains:
      return evalMembership(e, frame, out);
    case Op::kConcatenate:
      return evalConcatenation(e, frame, out);
    case Op::kNegate:
    case Op::kPlus:
      return evalSign(e, frame, out);
    default:
      return evalArithmetic(e, frame, out);
  }
}

bool Evaluator::Impl::evalUnion(const Expr& e, const Frame& frame, Collection& out) {
  ValueSet seen(*this);
  for (const Expr* child : e.children) {
    Span values;
    if (!evalSpan(*child, frame, values)) return false;
    for (const Value& v : values) {
      if (!step(e)) return false;
      if (seen.insert(v)) out.push(v);
    }
  }
  return true;
}

// Three-valued logic (N1 6.5). The second operand is evaluated only where it can matter.
bool Evaluator::Impl::evalLogic(const Expr& e, const Frame& frame, Collection& out) {
  using Truth = std::optional<bool>;
  Truth result;
  if (!evalTruth(*e.children[0], frame, result)) return false;
  for (std::size_t i = 1; i < e.children.size(); ++i) {
    if (e.op == Op::kAnd && result == false) break;
    if (e.op == Op::kOr && result == true) break;
    if (e.op == Op::kImplies && result == false) {
      result = true;
      break;
    }
    Truth right;
    if (!evalTruth(*e.children[i], frame, right)) return false;
    switch (e.op) {
      case Op::kAnd:
        result = right == false ? right : (result && right ? Truth(true) : Truth());
        break;
      case Op::kOr:
        result = right == true ? right : (result && right ? Truth(false) : Truth());
        break;
      case Op::kXor:
        result = result && right ? Truth(*result != *right) : Truth();
        break;
      default:
        result = right == true ? right : (result ? right : Truth());
        break;  // implies
    }
  }
  if (result) out.push(Value::boolean(*result));
  return true;
}

bool Evaluator::Impl::evalEquality(const Expr& e, const Frame& frame, Collection& out) {
  Span left, right;
  if (!evalSpan(*e.children[0], frame, left) || !evalSpan(*e.children[1], frame, right)) return false;
  if (!step(e, left.size())) return false;
  if (e.op == Op::kEquivalent || e.op == Op::kNotEquivalent) {
    const bool same =
        left.empty() || right.empty() ? left.size() == right.size() : equivalentAll(left, right);
    if (!step(e, 0)) return false;
    out.push(Value::boolean(same == (e.op == Op::kEquivalent)));
    return true;
  }
  if (left.empty() || right.empty()) return true;
  const Equality result = equalAll(left, right);
  if (result != Equality::kEmpty)
    out.push(Value::boolean((result == Equality::kYes) == (e.op == Op::kEqual)));
  return true;
}

bool Evaluator::Impl::evalOrder(const Expr& e, const Frame& frame, Collection& out) {
  Span left, right;
  if (!evalSpan(*e.children[0], frame, left) || !evalSpan(*e.children[1], frame, right)) return false;
  if (left.empty() || right.empty()) return true;
  std::optional<Value> a, b;
  if (!singleton(*e.children[0], left, a) || !singleton(*e.children[1], right, b)) return false;
  std::optional<int> order;
  if (!compare(e, *a, *b, order)) return false;
  if (!order) return true;
  bool result = false;
  switch (e.op) {
    case Op::kLess:
      result = *order < 0;
      break;
    case Op::kLessOrEqual:
      result = *order <= 0;
      break;
    case Op::kGreater:
      result = *order > 0;
      break;
    default:
      result = *order >= 0;
      break;
  }
  out.push(Value::boolean(result));
  return true;
}

bool Evaluator::Impl::evalMembership(const Expr& e, const Frame& frame, Collection& out) {
  Span left, right;
  if (!evalSpan(*e.children[0], frame, left) || !evalSpan(*e.children[1], frame, right)) return false;
  const bool in = e.op == Op::kIn;
  const Span item = in ? left : right;
  const Span list = in ? right : left;
  std::optional<Value> single;
  if (!singleton(*e.children[in ? 0 : 1], item, single)) return false;
  if (!single) return true;
  bool found = false;
  for (const Value& v : list) {
    if (!step(e)) return false;
    if ((found = same(v, *single))) break;
  }
  out.push(Value::boolean(found));
  return true;
}

bool Evaluator::Impl::evalConcatenation(const Expr& e, const Frame& frame, Collection& out) {
  std::optional<std::string_view> left, right;
  if (!evalString(*e.children[0], frame, left) || !evalString(*e.children[1], frame, right)) return false;
  const std::string_view a = left.value_or(""), b = right.value_or("");
  char* const memory = newText(e, a.size() + b.size());
  if (memory == nullptr) return false;
  a.copy(memory, a.size());
  b.copy(memory + a.size(), b.size());
  out.push(Value::string({memory, a.size() + b.size()}));
  return true;
}

}  // namespace tributary::fhirpath
