#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/issue.h"

namespace tributary::deliver {

// One line of feedback in the shape of NHS England's open Data Validation Engine (0.9.0): JSON Lines whose members are, in this
// order, Entity, Key, FailureType, Status, ErrorType, ErrorLocation, ErrorMessage, ErrorCode, ReportingField, RecordIndex, Value,
// Category. `key` and `value` are patient data: they belong into a file that somebody asked for, and nowhere else.
struct Finding {
  // kRecord: the record is left out (or, informational, only spoken of). kSubmission: the file is refused after all of it was
  // looked at. kIntegrity: it is refused since it cannot be looked at.
  enum class Failure : std::uint8_t { kRecord, kSubmission, kIntegrity };
  enum class Category : std::uint8_t { kBlank, kWrongFormat, kBadValue, kBadFile };

  std::string entity, key;
  Failure failure = Failure::kRecord;
  bool informational = false;     // Status "informational"; otherwise "error"
  std::string type;               // kind of the rule, such as "mandatory"
  std::string location;           // field within the record
  std::string message, code;      // in words, and the rule's id
  std::string field;              // the one to be reported
  std::uint64_t record_index = 0; // of the record in its entity, from 1; 0: of no record
  std::string value;
  Category category = Category::kBadValue;
};

// A line with its end. Empty texts and record_index 0 are null.
void appendFinding(std::string& out, const Finding& finding);
// A line back. Refused ("feedback-line") when it is no JSON object, or FailureType, Status or Category is none of the above.
std::expected<Finding, Issue> parseFinding(std::string_view line);

}  // namespace tributary::deliver
