// Mathematics (FHIRPath N1 5.7). Exact where the result is; else through double, to 15 significant digits.
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

bool isInteger(const Value& v) {
  return v.kind() == ValueKind::kInteger || v.kind() == ValueKind::kLong;
}

void pushDouble(double value, Collection& out) {
  if (!std::isfinite(value)) return;
  std::array<char, 40> buffer{};
  const int size = std::snprintf(buffer.data(), buffer.size(), "%.15g", value);
  if (const auto d = Decimal::parse({buffer.data(), static_cast<std::size_t>(size)}))
    out.push(Value::decimal(*d));
}

// Of the type of `like`; nothing when it does not fit that.
void pushInteger(const Value& like, const Decimal& whole, Collection& out) {
  const auto integer = whole.toInteger();
  if (!integer) return;
  if (like.kind() == ValueKind::kLong) {
    out.push(Value::longInteger(*integer));
  } else if (*integer <= std::numeric_limits<std::int32_t>::max() &&
             *integer >= std::numeric_limits<std::int32_t>::min()) {
    out.push(Value::integer(*integer));
  }
}

// By squaring; nullopt when it does not fit.
std::optional<Decimal> integerPower(Decimal base, std::uint64_t exponent) {
  std::optional<Decimal> result = Decimal(1);
  for (std::optional<Decimal> square = base;; square = square->times(*square)) {
    if ((exponent & 1) != 0) {
      if (!square) return std::nullopt;
      result = result->times(*square);
      if (!result) return std::nullopt;
    }
    exponent >>= 1;
    if (exponent == 0) return result;
    if (!square) return std::nullopt;
  }
}

double logarithm(double value, double base) {
  if (base == 2) return std::log2(value);
  if (base == 10) return std::log10(value);
  return std::log(value) / std::log(base);
}

}  // namespace

bool Evaluator::Impl::callMath(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  std::optional<Value> single;
  if (!singleton(e, input, single)) return false;
  std::optional<Value> argument;
  if (!e.children.empty()) {
    Span values;
    if (!evalSpan(*e.children[0], frame, values) || !singleton(*e.children[0], values, argument))
      return false;
    if (argument) argument = atom(*argument);
  }
  if (!single) return true;
  const Value v = atom(*single);
  if (noValue(v) || (argument && noValue(*argument))) return true;
  const bool quantity = v.kind() == ValueKind::kQuantity;
  if (!isInteger(v) && v.kind() != ValueKind::kDecimal &&
      !(quantity && (e.function == kAbs || e.function == kRound))) {
    return fail(e, "the input is no number", "a number");
  }
  const Decimal d = quantity ? v.asQuantity().value : isInteger(v) ? Decimal(v.asInteger()) : v.asDecimal();
  std::optional<Decimal> by;
  if (argument) {
    if (!isInteger(*argument) && argument->kind() != ValueKind::kDecimal) {
      return fail(*e.children[0], "the argument is no number", "a number");
    }
    by = isInteger(*argument) ? Decimal(argument->asInteger()) : argument->asDecimal();
  }
  const auto pushLike = [&](const Decimal& value) {
    if (quantity) {
      out.push(newQuantity({value, v.asQuantity().unit, v.asQuantity().calendar}));
    } else {
      out.push(Value::decimal(value));
    }
  };
  switch (e.function) {
    case kAbs: {
      const Decimal size = d.negative() ? d.negated() : d;
      if (isInteger(v)) {
        pushInteger(v, size, out);
      } else {
        pushLike(size);
      }
      return true;
    }
    case kCeiling:
      pushInteger(v, d.ceiled(0), out);
      return true;
    case kFloor:
      pushInteger(v, d.floored(0), out);
      return true;
    case kTruncate:
      pushInteger(v, d.truncated(0), out);
      return true;
    case kRound: {
      if (!e.children.empty() && !by) return true;
      const auto places = by ? by->toInteger() : std::optional<std::int64_t>(0);
      if (!places || *places < 0) return fail(*e.children[0], "not a number of digits", "0 or more");
      pushLike(d.rounded(static_cast<int>(std::min<std::int64_t>(*places, 100))));
      return true;
    }
    case kPower:
      return !by || callPower(v, d, *by, isInteger(v) && isInteger(*argument), out);
    default:
      return callLogarithm(e, d, by, out);
  }
}

// exp, ln, log, sqrt.
bool Evaluator::Impl::callLogarithm(const Expr& e, const Decimal& input, std::optional<Decimal> argument,
                                    Collection& out) {
  using enum FunctionId;
  const double d = input.toDouble();
  if (e.function == kExp) pushDouble(std::exp(d), out);
  if (e.function == kLn) pushDouble(std::log(d), out);
  if (e.function == kSqrt) pushDouble(std::sqrt(d), out);
  if (e.function == kLog && argument) pushDouble(logarithm(d, argument->toDouble()), out);
  return true;
}

bool Evaluator::Impl::callPower(const Value& input, const Decimal& base, const Decimal& exponent,
                                bool integers, Collection& out) {
  const auto whole = exponent.toInteger();
  if (!whole || *whole < 0) {
    pushDouble(std::pow(base.toDouble(), exponent.toDouble()), out);
    return true;
  }
  const auto result = integerPower(base, static_cast<std::uint64_t>(*whole));
  if (!result) return true;
  if (integers) {
    pushInteger(input, *result, out);
  } else {
    out.push(Value::decimal(*result));
  }
  return true;
}

}  // namespace tributary::fhirpath
