// lowBoundary, highBoundary, precision (FHIRPath 2.1 STU).
#include "fhirpath/internal/calendar.h"
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

constexpr int kMaxPrecision = 28;  // digits behind the point

// The limit of what `value` may stand for, with `places` digits. The outer limit of its size is rounded, the
// inner one cut; a negative number mirrors the positive one.
std::optional<Decimal> boundaryOf(const Decimal& value, int places, bool high) {
  if (value.negative() || (value.zero() && !high)) {
    const auto mirrored = boundaryOf(value.negated(), places, !high);
    if (!mirrored || value.zero()) {
      if (!value.zero()) return std::nullopt;
      const auto outer = boundaryOf(value, places, true);
      return outer ? std::optional(outer->negated()) : std::nullopt;
    }
    return mirrored->negated();
  }
  const Decimal half(5, static_cast<std::uint8_t>(value.scale() + 1));
  const auto limit = high ? value.plus(half) : value.minus(half);
  if (!limit) return std::nullopt;
  if (places >= limit->scale()) return limit->rescaled(places);
  return high ? limit->rounded(places) : limit->truncated(places);
}

std::optional<Precision> datePrecision(std::int64_t digits) {
  switch (digits) {
    case 4:
      return Precision::kYear;
    case 6:
      return Precision::kMonth;
    case 8:
      return Precision::kDay;
    case 10:
      return Precision::kHour;
    case 12:
      return Precision::kMinute;
    case 14:
    case 17:
      return Precision::kSecond;
    default:
      return std::nullopt;
  }
}

// Fills what is not known, then cuts to `digits` (4 … 17).
std::optional<Temporal> boundaryOfDate(Temporal t, std::int64_t digits, bool high) {
  const auto wanted = datePrecision(digits);
  if (!wanted) return std::nullopt;
  // FHIR has no dateTime of an hour alone: T08 is 08:00.
  if (t.precision == Precision::kHour) t.precision = Precision::kMinute;
  if (t.precision < Precision::kMonth) t.month = high ? 12 : 1;
  if (t.precision < Precision::kDay)
    t.day = high ? static_cast<std::uint8_t>(daysInMonth(t.year, t.month)) : 1;
  if (t.precision < Precision::kHour) {
    t.hour = high ? 23 : 0;
    t.minute = high ? 59 : 0;
  }
  if (t.precision < Precision::kSecond) t.second = high ? 59 : 0;
  if (t.digits == 0) t.nanosecond = high ? 999'000'000 : 0;
  t.precision = *wanted;
  t.digits = digits == 17 ? 3 : 0;
  if (*wanted >= Precision::kHour) {
    if (!t.hasZone()) t.zone = high ? -12 * 60 : 14 * 60;
  } else {
    t.zone = Temporal::kNoZone;
  }
  return t;
}

std::optional<Temporal> boundaryOfTime(Temporal t, std::int64_t digits, bool high) {
  if (digits != 2 && digits != 4 && digits != 6 && digits != 9) return std::nullopt;
  if (t.precision < Precision::kMinute) t.minute = high ? 59 : 0;
  if (t.precision < Precision::kSecond) t.second = high ? 59 : 0;
  if (t.digits == 0) t.nanosecond = high ? 999'000'000 : 0;
  t.precision = digits == 2 ? Precision::kHour : digits == 4 ? Precision::kMinute : Precision::kSecond;
  t.digits = digits == 9 ? 3 : 0;
  return t;
}

int digitsOf(const Temporal& t, bool time) {
  static constexpr int kDigits[] = {4, 6, 8, 10, 12, 14};
  const int digits = kDigits[static_cast<int>(t.precision)] - (time ? 8 : 0);
  return digits + (t.precision == Precision::kSecond ? t.digits : 0);
}

}  // namespace

bool Evaluator::Impl::callBoundaries(const Expr& e, const Frame& frame, Span input, Collection& out) {
  std::optional<Value> single;
  if (!singleton(e, input, single)) return false;
  std::optional<std::int64_t> wanted;
  if (!e.children.empty()) {
    if (!evalInteger(*e.children[0], frame, wanted)) return false;
    if (!wanted) return true;
  }
  if (!single) return true;
  const Value v = atom(*single);
  if (noValue(v)) return true;
  const bool time = v.kind() == ValueKind::kTime;
  const bool number =
      v.kind() == ValueKind::kInteger || v.kind() == ValueKind::kLong || v.kind() == ValueKind::kDecimal;
  const Decimal d = v.kind() == ValueKind::kDecimal    ? v.asDecimal()
                    : number                           ? Decimal(v.asInteger())
                    : v.kind() == ValueKind::kQuantity ? v.asQuantity().value
                                                       : Decimal();
  if (e.function == FunctionId::kPrecision) {
    if (number) {
      out.push(Value::integer(d.scale()));
    } else if (time || v.kind() == ValueKind::kDate || v.kind() == ValueKind::kDateTime) {
      out.push(Value::integer(digitsOf(v.asTemporal(), time)));
    } else {
      return fail(e, "the input has no precision", "a decimal, date, dateTime or time");
    }
    return true;
  }
  const bool high = e.function == FunctionId::kHighBoundary;
  if (number || v.kind() == ValueKind::kQuantity) {
    const std::int64_t places = wanted.value_or(8);
    if (places < 0 || places > kMaxPrecision) return true;
    const auto limit = boundaryOf(d, static_cast<int>(places), high);
    if (!limit) return true;
    if (number) {
      out.push(Value::decimal(*limit));
    } else {
      out.push(newQuantity({*limit, v.asQuantity().unit, v.asQuantity().calendar}));
    }
    return true;
  }
  if (time) {
    if (const auto t = boundaryOfTime(v.asTemporal(), wanted.value_or(9), high)) out.push(Value::time(*t));
    return true;
  }
  if (v.kind() == ValueKind::kDate || v.kind() == ValueKind::kDateTime) {
    const bool date = v.kind() == ValueKind::kDate;
    const std::int64_t digits = wanted.value_or(date ? 8 : 17);
    const auto t = boundaryOfDate(v.asTemporal(), digits, high);
    if (t) out.push(date && digits <= 8 ? Value::date(*t) : Value::dateTime(*t));
    return true;
  }
  return fail(e, "the input has no boundary", "a decimal, quantity, date, dateTime or time");
}

}  // namespace tributary::fhirpath
