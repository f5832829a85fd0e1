// + - * / div mod and signs (FHIRPath N1 6.6), on numbers, texts, quantities and dates.
#include <limits>

#include "fhirpath/internal/calendar.h"
#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/quantities.h"

namespace tributary::fhirpath {
namespace {

bool isInteger(const Value& v) {
  return v.kind() == ValueKind::kInteger || v.kind() == ValueKind::kLong;
}
bool isNumber(const Value& v) {
  return isInteger(v) || v.kind() == ValueKind::kDecimal;
}
Decimal decimalOf(const Value& v) {
  return isInteger(v) ? Decimal(v.asInteger()) : v.asDecimal();
}
bool isDateLike(const Value& v) {
  return v.kind() == ValueKind::kDate || v.kind() == ValueKind::kDateTime || v.kind() == ValueKind::kTime;
}

// What does not fit is empty (N1 6.6: overflow). Integer is 32 bits wide, Long 64.
void pushInteger(Int128 value, bool is_long, Collection& out) {
  const Int128 low =
      is_long ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int32_t>::min();
  const Int128 high =
      is_long ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int32_t>::max();
  if (value < low || value > high) return;
  const auto narrow = static_cast<std::int64_t>(value);
  out.push(is_long ? Value::longInteger(narrow) : Value::integer(narrow));
}

void pushDecimal(const std::optional<Decimal>& value, Collection& out) {
  if (value) out.push(Value::decimal(*value));
}

std::string_view symbolOf(Op op) {
  switch (op) {
    case Op::kAdd:
      return "+";
    case Op::kSubtract:
      return "-";
    case Op::kMultiply:
      return "*";
    case Op::kDivide:
      return "/";
    case Op::kDiv:
      return "div";
    default:
      return "mod";
  }
}

void integerArithmetic(Op op, const Value& a, const Value& b, Collection& out) {
  const bool is_long = a.kind() == ValueKind::kLong || b.kind() == ValueKind::kLong;
  const Int128 x = a.asInteger(), y = b.asInteger();
  switch (op) {
    case Op::kAdd:
      pushInteger(x + y, is_long, out);
      break;
    case Op::kSubtract:
      pushInteger(x - y, is_long, out);
      break;
    case Op::kMultiply:
      pushInteger(x * y, is_long, out);
      break;
    case Op::kDivide:
      pushDecimal(Decimal(a.asInteger()).dividedBy(Decimal(b.asInteger())), out);
      break;
    case Op::kDiv:
      if (y != 0) pushInteger(x / y, is_long, out);
      break;
    default:
      if (y != 0) pushInteger(x % y, is_long, out);
      break;
  }
}

void decimalArithmetic(Op op, const Decimal& a, const Decimal& b, Collection& out) {
  switch (op) {
    case Op::kAdd:
      pushDecimal(a.plus(b), out);
      break;
    case Op::kSubtract:
      pushDecimal(a.minus(b), out);
      break;
    case Op::kMultiply:
      pushDecimal(a.times(b), out);
      break;
    case Op::kDivide:
      pushDecimal(a.dividedBy(b), out);
      break;
    case Op::kDiv:
      if (const auto quotient = a.integerDividedBy(b)) {
        if (const auto integer = quotient->toInteger()) pushInteger(*integer, false, out);
      }
      break;
    default:
      pushDecimal(a.modulo(b), out);
      break;
  }
}

}  // namespace

bool Evaluator::Impl::evalArithmetic(const Expr& e, const Frame& frame, Collection& out) {
  Span left, right;
  if (!evalSpan(*e.children[0], frame, left) || !evalSpan(*e.children[1], frame, right)) return false;
  if (left.empty() || right.empty()) return true;
  std::optional<Value> a, b;
  if (!singleton(*e.children[0], left, a) || !singleton(*e.children[1], right, b)) return false;
  return arithmetic(e, atom(*a), atom(*b), out);
}

bool Evaluator::Impl::arithmetic(const Expr& e, const Value& a, const Value& b, Collection& out) {
  if (isNumber(a) && isNumber(b)) {
    if (isInteger(a) && isInteger(b)) {
      integerArithmetic(e.op, a, b, out);
    } else {
      decimalArithmetic(e.op, decimalOf(a), decimalOf(b), out);
    }
    return true;
  }
  if (e.op == Op::kAdd && a.kind() == ValueKind::kString && b.kind() == ValueKind::kString) {
    const std::string_view x = a.asString(), y = b.asString();
    char* const memory = newText(e, x.size() + y.size());
    if (memory == nullptr) return false;
    x.copy(memory, x.size());
    y.copy(memory + x.size(), y.size());
    out.push(Value::string({memory, x.size() + y.size()}));
    return true;
  }
  const bool additive = e.op == Op::kAdd || e.op == Op::kSubtract;
  if (isDateLike(a) && b.kind() == ValueKind::kQuantity && additive) {
    return dateArithmetic(e, a, b.asQuantity(), e.op == Op::kSubtract, out);
  }
  const bool quantities =
      (a.kind() == ValueKind::kQuantity || isNumber(a)) && (b.kind() == ValueKind::kQuantity || isNumber(b));
  if (quantities) {
    const auto wrap = [](const Value& v) {
      return v.kind() == ValueKind::kQuantity ? v.asQuantity() : QuantityValue{decimalOf(v), "1", false};
    };
    return quantityArithmetic(e, wrap(a), wrap(b), out);
  }
  if (noValue(a) || noValue(b)) return true;
  const auto shown = [&](const Value& v) {
    return std::string(v.isNode() ? types.name({typeOf(v), ValueKind::kNode}) : systemTypeName(v.kind()));
  };
  return fail(e, "'" + std::string(symbolOf(e.op)) + "' does not work on " + shown(a) + " and " + shown(b));
}

bool Evaluator::Impl::quantityArithmetic(const Expr& e, const QuantityValue& a, const QuantityValue& b,
                                         Collection& out) {
  const auto push = [&](const std::optional<Decimal>& value, const QuantityValue& unit) {
    if (value) out.push(newQuantity({*value, unit.unit, unit.calendar, unit.text_only}));
  };
  if (e.op == Op::kAdd || e.op == Op::kSubtract) {
    std::optional<Decimal> other = b.value;
    if (a.unit != b.unit || a.calendar != b.calendar) {
      const auto x = unitOf(a), y = unitOf(b);
      if (!x || !y || !terminology::comparable(*x, *y)) return true;  // incommensurable: empty
      // 36.5 'Cel' + 1 'K' is no sum: one is a place on a scale.
      if (x->scale != y->scale) return true;
      other = terminology::convert(b.value, *y, *x);
    }
    if (other) push(e.op == Op::kAdd ? a.value.plus(*other) : a.value.minus(*other), a);
    return true;
  }
  if (e.op != Op::kMultiply && e.op != Op::kDivide) return fail(e, "quantities have no 'div' and 'mod'");
  const auto value = e.op == Op::kMultiply ? a.value.times(b.value) : a.value.dividedBy(b.value);
  if (!value) return true;
  // With a plain number the unit stays; else it is the product's in base units.
  if (b.unit == "1") {
    push(value, a);
    return true;
  }
  if (a.unit == "1" && e.op == Op::kMultiply) {
    push(value, b);
    return true;
  }
  const auto x = unitOf(a), y = unitOf(b);
  if (!x || !y) return true;
  const auto unit = e.op == Op::kMultiply ? terminology::multiply(*x, *y) : terminology::divide(*x, *y);
  if (!unit) return true;
  const std::string canonical = terminology::canonicalUnit(unit->dimension);
  const auto target = terminology::parseUnit(canonical);
  if (!target) return true;
  push(terminology::convert(*value, *unit, *target), {{}, newString(canonical).asString()});
  return true;
}

bool Evaluator::Impl::dateArithmetic(const Expr& e, const Value& date, const QuantityValue& by, bool minus,
                                     Collection& out) {
  const auto unit = durationUnit(by);
  if (!unit) {
    return fail(e,
                "the unit" + ifWritten(*e.children[1], " ", e.children[1]->text) +
                    " is not a duration that can be added to a date",
                "a calendar duration, or a definite one of a week or less");
  }
  const auto amount = by.value.truncated(0).toInteger();  // N1 6.6.4: the decimal part is ignored
  if (!amount || *amount > 10'000'000'000'000 || *amount < -10'000'000'000'000) return true;
  const auto result = addDuration(date.asTemporal(), date.kind(), minus ? -*amount : *amount, *unit);
  if (result) out.push(Value::temporal(date.kind(), *result));
  return true;
}

bool Evaluator::Impl::evalSign(const Expr& e, const Frame& frame, Collection& out) {
  Span values;
  std::optional<Value> single;
  if (!evalSpan(*e.children[0], frame, values) || !singleton(e, values, single)) return false;
  if (!single) return true;
  const Value v = atom(*single);
  const bool negate = e.op == Op::kNegate;
  switch (v.kind()) {
    case ValueKind::kInteger:
    case ValueKind::kLong:
      pushInteger(negate ? -Int128{v.asInteger()} : Int128{v.asInteger()}, v.kind() == ValueKind::kLong, out);
      return true;
    case ValueKind::kDecimal:
      out.push(Value::decimal(negate ? v.asDecimal().negated() : v.asDecimal()));
      return true;
    case ValueKind::kQuantity: {
      QuantityValue q = v.asQuantity();
      if (negate) q.value = q.value.negated();
      out.push(newQuantity(q));
      return true;
    }
    default:
      return noValue(v) ||
             fail(e, "a sign stands before something that is no number", "a number or a quantity");
  }
}

}  // namespace tributary::fhirpath
