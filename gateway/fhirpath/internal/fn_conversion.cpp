// Conversion (FHIRPath N1 5.5).
#include <limits>

#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/quantities.h"

namespace tributary::fhirpath {
namespace {

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != b[i]) return false;
  }
  return true;
}

std::optional<bool> toBoolean(const Value& v) {
  switch (v.kind()) {
    case ValueKind::kBoolean:
      return v.asBoolean();
    case ValueKind::kInteger:
    case ValueKind::kLong:
      if (v.asInteger() == 0 || v.asInteger() == 1) return v.asInteger() == 1;
      return std::nullopt;
    case ValueKind::kDecimal:
      if (v.asDecimal() == Decimal(1)) return true;
      if (v.asDecimal() == Decimal(0)) return false;
      return std::nullopt;
    case ValueKind::kString:
      for (const char* word : {"true", "t", "yes", "y", "1", "1.0"}) {
        if (equalsIgnoringCase(v.asString(), word)) return true;
      }
      for (const char* word : {"false", "f", "no", "n", "0", "0.0"}) {
        if (equalsIgnoringCase(v.asString(), word)) return false;
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> toInteger(const Value& v, bool is_long) {
  std::optional<std::int64_t> result;
  if (v.kind() == ValueKind::kBoolean) result = v.asBoolean() ? 1 : 0;
  if (v.kind() == ValueKind::kInteger || v.kind() == ValueKind::kLong) result = v.asInteger();
  if (v.kind() == ValueKind::kString && v.asString().find_first_of(".eE") == std::string_view::npos) {
    if (const auto number = Decimal::parse(v.asString())) result = number->toInteger();
  }
  if (result && !is_long &&
      (*result > std::numeric_limits<std::int32_t>::max() ||
       *result < std::numeric_limits<std::int32_t>::min())) {
    return std::nullopt;
  }
  return result;
}

std::optional<Decimal> toDecimal(const Value& v) {
  switch (v.kind()) {
    case ValueKind::kBoolean:
      return Decimal(v.asBoolean() ? 1 : 0);
    case ValueKind::kInteger:
    case ValueKind::kLong:
      return Decimal(v.asInteger());
    case ValueKind::kDecimal:
      return v.asDecimal();
    case ValueKind::kString:
      if (v.asString().find_first_of("eE") == std::string_view::npos) return Decimal::parse(v.asString());
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Temporal> toTemporal(const Value& v, ValueKind wanted) {
  if (v.kind() == wanted) return v.asTemporal();
  if (v.kind() == ValueKind::kString) {
    std::string_view text = v.asString();
    if (wanted == ValueKind::kDate) {
      if (const auto date = Temporal::parseDate(text)) return date;
    }
    if (wanted == ValueKind::kTime) {
      if (!text.empty() && text.front() == 'T') text.remove_prefix(1);
      return Temporal::parseTime(text);
    }
    auto moment = Temporal::parseDateTime(text);
    if (moment && wanted == ValueKind::kDate && moment->precision > Precision::kDay) return std::nullopt;
    return moment;
  }
  if (v.kind() == ValueKind::kDate && wanted == ValueKind::kDateTime) return v.asTemporal();
  if (v.kind() == ValueKind::kDateTime && wanted == ValueKind::kDate) {
    Temporal t;
    const Temporal from = v.asTemporal();
    t.year = from.year;
    t.month = from.month;
    t.day = from.day;
    t.precision = std::min(from.precision, Precision::kDay);
    return t;
  }
  return std::nullopt;
}

std::optional<QuantityValue> toQuantity(const Value& v) {
  switch (v.kind()) {
    case ValueKind::kQuantity:
      return v.asQuantity();
    case ValueKind::kString:
      return parseQuantity(v.asString());
    default:
      if (const auto number = toDecimal(v)) return QuantityValue{*number, "1", false};
      return std::nullopt;
  }
}

// The FunctionIds stand in pairs: toX, convertsToX.
bool asks(FunctionId id) {
  return (static_cast<int>(id) - static_cast<int>(FunctionId::kToBoolean)) % 2 == 1;
}
FunctionId conversion(FunctionId id) {
  return asks(id) ? static_cast<FunctionId>(static_cast<int>(id) - 1) : id;
}

}  // namespace

bool Evaluator::Impl::callConversion(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  if (e.function == kIif) {
    if (input.size() > 1)
      return fail(e, "iif() is called on " + std::to_string(input.size()) + " items", "at most one");
    Frame inner = frame;
    inner.self = input;
    std::optional<bool> criterion;
    {
      const ConditionScope condition(*this);
      if (!evalTruth(*e.children[0], inner, criterion)) return false;
    }
    if (criterion == true) return eval(*e.children[1], inner, inner.self, out);
    return e.children.size() < 3 || eval(*e.children[2], inner, inner.self, out);
  }
  std::optional<Value> single;
  if (!singleton(e, input, single)) return false;
  if (!single) return true;
  const Value v = atom(*single);
  Value result;
  bool converts = false;
  const auto set = [&](const auto& value, auto make) {
    if (!value) return;
    converts = true;
    result = make(*value);
  };
  switch (conversion(e.function)) {
    case kToBoolean:
      set(toBoolean(v), Value::boolean);
      break;
    case kToInteger:
      set(toInteger(v, false), Value::integer);
      break;
    case kToLong:
      set(toInteger(v, true), Value::longInteger);
      break;
    case kToDecimal:
      set(toDecimal(v), Value::decimal);
      break;
    case kToDate:
      set(toTemporal(v, ValueKind::kDate), Value::date);
      break;
    case kToDateTime:
      set(toTemporal(v, ValueKind::kDateTime), Value::dateTime);
      break;
    case kToTime:
      set(toTemporal(v, ValueKind::kTime), Value::time);
      break;
    case kToQuantity: {
      auto q = toQuantity(v);
      if (q && !e.children.empty()) {
        std::optional<std::string_view> unit;
        if (!evalString(*e.children[0], frame, unit)) return false;
        if (unit) {
          const auto from = unitOf(*q), to = unitOf({Decimal(), *unit, false});
          const auto value = from && to ? terminology::convert(q->value, *from, *to) : std::nullopt;
          q = value ? std::optional(QuantityValue{*value, *unit, false}) : std::nullopt;
        }
      }
      set(q, [&](const QuantityValue& found) { return newQuantity(found); });
      break;
    }
    default: {  // toString
      if (v.isNode() || v.kind() == ValueKind::kService || v.kind() == ValueKind::kTypeInfo) break;
      converts = true;
      if (single->isNode() && single->hasScalar()) {
        result = Value::string(single->view());
      } else {
        TextBuffer buffer;
        const std::string_view text = fhirpath::text(v, buffer);
        result = v.kind() == ValueKind::kString ? v : newString(text);
      }
      break;
    }
  }
  if (asks(e.function)) {
    out.push(Value::boolean(converts));
  } else if (converts) {
    out.push(result);
  }
  return true;
}

}  // namespace tributary::fhirpath
