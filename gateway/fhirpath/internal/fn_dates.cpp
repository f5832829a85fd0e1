// now(), today(), timeOfDay() (FHIRPath N1 5.9) and the parts of a date (STU).
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::callDates(const Expr& e, const Frame& /*frame*/, Span input, Collection& out) {
  using enum FunctionId;
  if (e.function <= kTimeOfDay) {
    Temporal now = Temporal::fromInstant(environment.now, environment.zone_minutes);
    if (e.function == kNow) {
      out.push(Value::dateTime(now));
    } else if (e.function == kToday) {
      Temporal day;
      day.year = now.year;
      day.month = now.month;
      day.day = now.day;
      day.precision = Precision::kDay;
      out.push(Value::date(day));
    } else {
      Temporal time;
      time.hour = now.hour;
      time.minute = now.minute;
      time.second = now.second;
      time.nanosecond = now.nanosecond;
      time.digits = now.digits;
      time.precision = now.precision;
      out.push(Value::time(time));
    }
    return true;
  }
  std::optional<Value> single;
  if (!singleton(e, input, single)) return false;
  if (!single) return true;
  const Value v = atom(*single, false);
  if (noValue(v)) return true;
  if (v.kind() != ValueKind::kDate && v.kind() != ValueKind::kDateTime && v.kind() != ValueKind::kTime) {
    return fail(e, "the input is no date or time", "a date, dateTime or time");
  }
  const Temporal t = v.asTemporal();
  const bool time = v.kind() == ValueKind::kTime;
  const auto part = [&](Precision needs, int value) {
    if (t.precision >= needs && (!time || needs >= Precision::kHour)) out.push(Value::integer(value));
  };
  switch (e.function) {
    case kYearOf:
      part(Precision::kYear, t.year);
      break;
    case kMonthOf:
      part(Precision::kMonth, t.month);
      break;
    case kDayOf:
      part(Precision::kDay, t.day);
      break;
    case kHourOf:
      part(Precision::kHour, t.hour);
      break;
    case kMinuteOf:
      part(Precision::kMinute, t.minute);
      break;
    case kSecondOf:
      part(Precision::kSecond, t.second);
      break;
    case kMillisecondOf:
      if (t.digits > 0) part(Precision::kSecond, t.nanosecond / 1'000'000);
      break;
    case kTimezoneOffsetOf:
      if (t.hasZone()) {
        if (const auto hours = Decimal(t.zone).dividedBy(Decimal(60))) out.push(Value::decimal(*hours));
      }
      break;
    case kDateOf: {
      if (time) break;
      Temporal day;
      day.year = t.year;
      day.month = t.month;
      day.day = t.day;
      day.precision = std::min(t.precision, Precision::kDay);
      out.push(Value::date(day));
      break;
    }
    default:  // timeOf
      if (t.precision >= Precision::kHour) {
        Temporal clock = t;
        clock.year = 0;
        clock.month = clock.day = 1;
        clock.zone = Temporal::kNoZone;
        out.push(Value::time(clock));
      }
  }
  return true;
}

}  // namespace tributary::fhirpath
