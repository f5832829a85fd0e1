#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tributary {

// FHIR R4 IssueSeverity (http://hl7.org/fhir/issue-severity), strongest first.
enum class Severity : std::uint8_t { kFatal, kError, kWarning, kInformation };

std::string_view severityName(Severity severity);

// Something wrong with data. It travels with the item and is never lost; machinery faults are Error.
// `text` may name elements and codes but must not repeat patient values (names, numbers, dates of birth).
struct Issue {
  static constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

  Severity severity = Severity::kError;
  std::string rule;                   // id of the rule that fired, such as "json-duplicate-member" or a national id
  std::string path;                   // FHIRPath of the element, or "table.field"
  std::uint64_t offset = kNoOffset;   // byte offset in the source text
  std::uint32_t line = 0;             // from 1; 0 is not known
  std::uint32_t column = 0;           // from 1, in bytes; 0 is not known
  std::string text;                   // what is wrong, in plain English
  std::string remedy;                 // what a person can do about it
};

}  // namespace tributary
