#include "cli/mapping_report.h"

#include <fmt/format.h>

#include <utility>

#include "fhir/json_writer.h"

namespace tributary::cli {
namespace {

std::string jsonText(std::string_view text) {
  std::string out;
  fhir::writeJsonString(text, out);
  return out;
}

// A JSON array, one element a line.
template <class Range, class Write>
std::string list(const Range& range, Write write) {
  std::string out = "[";
  bool first = true;
  for (const auto& element : range) {
    out += std::exchange(first, false) ? "\n  " : ",\n  ";
    out += write(element);
  }
  return out + "]";
}

std::string_view scopeName(collection::Scope scope) {
  switch (scope) {
    case collection::Scope::kHeader:
      return "header";
    case collection::Scope::kPatient:
      return "patient";
    case collection::Scope::kProvider:
      return "provider";
  }
  return "";
}

std::string_view reachedName(collection::Reached reached) {
  switch (reached) {
    case collection::Reached::kByResources:
      return "resources";
    case collection::Reached::kByRows:
      return "rows";
    case collection::Reached::kNo:
      break;
  }
  return "";
}

std::string tableJson(const collection::Table& table) {
  return fmt::format(R"({{"code": {}, "name": {}, "scope": "{}", "mandatory": {}, "fields": {}}})",
                     jsonText(table.code), jsonText(table.name), scopeName(table.scope), table.mandatory,
                     list(table.fields, [](const collection::Field& field) {
                       return fmt::format(
                           R"({{"name": {}, "mandation": "{}", "format": {}, "valueSet": {}, "sent": {}}})",
                           jsonText(field.name), mandationName(field.mandation), jsonText(field.format),
                           jsonText(field.value_set), field.sent);
                     }));
}

}  // namespace

std::string mappingReportJson(const collection::MappingReport& report) {
  const collection::Collection& collection = *report.collection;
  const collection::MappingCoverage& coverage = report.coverage;
  std::string out =
      fmt::format("{{\"collection\": {},\n\"passed\": {},\n\"failed\": {},\n", jsonText(collection.id()),
                  report.cases.size() - report.failed(), report.failed());
  out += "\"cases\": " + list(report.cases, [](const collection::CaseResult& result) {
           return fmt::format(R"({{"name": {}, "passed": {}}})", jsonText(result.name), result.passed);
         });
  out += ",\n\"tables\": " + list(collection.tables(), tableJson);
  out +=
      ",\n\"rules\": " + list(collection.rules(), [&](const collection::Rule& rule) {
        const auto found = coverage.rules.find(rule.id);
        const bool active = found != coverage.rules.end();
        return fmt::format(
            R"({{"id": {}, "national": {}, "kind": {}, "grade": "{}", "table": {}, "field": {}, "active": {}, "brokenBy": "{}"}})",
            jsonText(rule.id), rule.national, jsonText(rule.kind), collection::gradeName(rule.grade),
            jsonText(collection.tables()[rule.table].name), jsonText(rule.field), active,
            active ? reachedName(found->second) : "");
      });
  out +=
      ",\n\"expressions\": " + list(coverage.expressions, [](const auto& expression) {
        return fmt::format(R"({{"view": {}, "field": {}, "reached": {}}})", jsonText(expression.first.first),
                           jsonText(expression.first.second), expression.second);
      });
  out += ",\n\"mapEntries\": " + list(coverage.entries, [](const auto& entry) {
           return fmt::format(R"({{"map": {}, "system": {}, "code": {}, "reached": {}}})",
                              jsonText(entry.first.map), jsonText(entry.first.system),
                              jsonText(entry.first.code), entry.second);
         });
  return out + "}";
}

}  // namespace tributary::cli
