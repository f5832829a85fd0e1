#include "fhirpath/value.h"

#include <algorithm>
#include <charconv>

namespace tributary::fhirpath {

std::string_view text(const Value& value, TextBuffer& buffer) {
  switch (value.kind()) {
    case ValueKind::kNode:
    case ValueKind::kString:
      return value.view();
    case ValueKind::kBoolean:
      return value.asBoolean() ? "true" : "false";
    case ValueKind::kInteger:
    case ValueKind::kLong: {
      const auto [end, error] =
          std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.asInteger());
      return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
    }
    case ValueKind::kDecimal:
      return value.asDecimal().format(buffer);
    case ValueKind::kDate:
      return value.asTemporal().formatDate(buffer);
    case ValueKind::kDateTime:
      return value.asTemporal().formatDateTime(buffer);
    case ValueKind::kTime:
      return value.asTemporal().formatTime(buffer);
    case ValueKind::kQuantity: {
      const QuantityValue& q = value.asQuantity();
      std::size_t size = q.value.format(buffer).size();
      const auto put = [&](std::string_view part) {
        const std::size_t n = std::min(part.size(), buffer.size() - size);
        std::copy_n(part.data(), n, buffer.data() + size);
        size += n;
      };
      put(q.calendar ? " " : " '");
      put(q.unit);
      // A calendar unit is kept singular and written so that it reads back: "1 week", "4 weeks".
      if (q.calendar && q.value != Decimal(1)) put("s");
      if (!q.calendar) put("'");
      return {buffer.data(), size};
    }
    case ValueKind::kTypeInfo:
      return value.typeInfoName();
    case ValueKind::kService:
      return {};
  }
  return {};
}

std::string_view systemTypeName(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBoolean:
      return "Boolean";
    case ValueKind::kInteger:
      return "Integer";
    case ValueKind::kLong:
      return "Long";
    case ValueKind::kDecimal:
      return "Decimal";
    case ValueKind::kString:
      return "String";
    case ValueKind::kDate:
      return "Date";
    case ValueKind::kDateTime:
      return "DateTime";
    case ValueKind::kTime:
      return "Time";
    case ValueKind::kQuantity:
      return "Quantity";
    case ValueKind::kTypeInfo:
      return "SimpleTypeInfo";
    case ValueKind::kNode:
    case ValueKind::kService:
      return {};
  }
  return {};
}

}  // namespace tributary::fhirpath
