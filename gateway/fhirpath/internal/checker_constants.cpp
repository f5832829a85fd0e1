#include "fhirpath/internal/checker_constants.h"

#include "fhirpath/internal/quantities.h"

namespace tributary::fhirpath {

bool makeConstant(Expr& e, std::string_view given, std::string_view type) {
  e.op = Op::kLiteral;
  e.constant = true;
  e.has_value = true;
  e.text = std::string(given);
  const std::string_view text = e.text;
  if (type.starts_with("System.")) type.remove_prefix(7);
  if (type == "boolean" || type == "Boolean") {
    e.value = Value::boolean(text == "true");
    return text == "true" || text == "false";
  }
  if (type == "integer" || type == "positiveInt" || type == "unsignedInt" || type == "Integer" ||
      type == "integer64" || type == "Long") {
    const auto number = Decimal::parse(text);
    const auto integer = number ? number->toInteger() : std::nullopt;
    if (integer)
      e.value =
          type == "integer64" || type == "Long" ? Value::longInteger(*integer) : Value::integer(*integer);
    return integer.has_value();
  }
  if (type == "decimal" || type == "Decimal") {
    const auto number = Decimal::parse(text);
    if (number) e.value = Value::decimal(*number);
    return number.has_value();
  }
  std::optional<Temporal> moment;
  if (type == "date" || type == "Date") {
    if ((moment = Temporal::parseDate(text))) e.value = Value::date(*moment);
    return moment.has_value();
  }
  if (type == "dateTime" || type == "instant" || type == "DateTime") {
    if ((moment = Temporal::parseDateTime(text))) e.value = Value::dateTime(*moment);
    return moment.has_value();
  }
  if (type == "time" || type == "Time") {
    if ((moment = Temporal::parseTime(text))) e.value = Value::time(*moment);
    return moment.has_value();
  }
  if (type == "Quantity") {
    const auto quantity = parseQuantity(text);
    if (!quantity) return false;
    e.quantity = *quantity;
    e.value = Value::quantity(&e.quantity);
    return true;
  }
  e.value = Value::string(text);
  return true;
}

std::string wellKnownVariable(std::string_view name) {
  if (name == "sct") return "http://snomed.info/sct";
  if (name == "loinc") return "http://loinc.org";
  if (name == "ucum") return "http://unitsofmeasure.org";
  if (name.starts_with("vs-")) return "http://hl7.org/fhir/ValueSet/" + std::string(name.substr(3));
  if (name.starts_with("ext-"))
    return "http://hl7.org/fhir/StructureDefinition/" + std::string(name.substr(4));
  return {};
}

}  // namespace tributary::fhirpath
