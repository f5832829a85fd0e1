#include "deliver/feedback.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "deliver/internal/text_forms.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"

namespace tributary::deliver {
namespace {

constexpr std::array<std::string_view, 3> kFailures = {"record", "submission", "integrity"};
constexpr std::array<std::string_view, 2> kStatuses = {"error", "informational"};
constexpr std::array<std::string_view, 4> kCategories = {"Blank", "Wrong format", "Bad value", "Bad file"};

void member(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{') out.push_back(',');
  appendJsonString(out, name);
  out.push_back(':');
  if (text.empty()) {
    out += "null";
  } else {
    appendJsonString(out, text);
  }
}

// A string or number as text; null and what is not there as "".
std::string text(const fhir::Document& document, std::string_view name) {
  const fhir::NodeIndex at = document.member(document.root(), name);
  if (at == fhir::kNoNode) return {};
  const fhir::Kind kind = document[at].kind;
  return kind == fhir::Kind::kString || kind == fhir::Kind::kNumber ? std::string(document.scalar(at)) : std::string();
}

template <class Enum, std::size_t N>
bool choose(const std::array<std::string_view, N>& words, std::string_view word, Enum& out) {
  const auto at = std::find(words.begin(), words.end(), word);
  if (at == words.end()) return false;
  out = static_cast<Enum>(at - words.begin());
  return true;
}

std::unexpected<Issue> refused(std::string what) {
  Issue issue;
  issue.rule = "feedback-line";
  issue.text = std::move(what);
  return std::unexpected(std::move(issue));
}

}  // namespace

void appendFinding(std::string& out, const Finding& finding) {
  std::string line = "{";
  member(line, "Entity", finding.entity);
  member(line, "Key", finding.key);
  member(line, "FailureType", kFailures[static_cast<std::size_t>(finding.failure)]);
  member(line, "Status", kStatuses[finding.informational ? 1 : 0]);
  member(line, "ErrorType", finding.type);
  member(line, "ErrorLocation", finding.location);
  member(line, "ErrorMessage", finding.message);
  member(line, "ErrorCode", finding.code);
  member(line, "ReportingField", finding.field);
  line += ",\"RecordIndex\":" + (finding.record_index == 0 ? "null" : std::to_string(finding.record_index));
  member(line, "Value", finding.value);
  member(line, "Category", kCategories[static_cast<std::size_t>(finding.category)]);
  out += line + "}\n";
}

std::expected<Finding, Issue> parseFinding(std::string_view line) {
  fhir::JsonReader reader;
  fhir::Document document;
  fhir::ReadOptions options;
  options.limits = {.bytes = 1 << 20, .depth = 8, .nodes = 1U << 12};
  if (auto read = reader.read(line, document, options); !read) return refused("no JSON object: " + read.error().text);
  Finding out;
  out.entity = text(document, "Entity");
  out.key = text(document, "Key");
  out.type = text(document, "ErrorType");
  out.location = text(document, "ErrorLocation");
  out.message = text(document, "ErrorMessage");
  out.code = text(document, "ErrorCode");
  out.field = text(document, "ReportingField");
  out.value = text(document, "Value");
  if (!choose(kFailures, text(document, "FailureType"), out.failure)) return refused("FailureType is none of record, submission, integrity");
  if (!choose(kStatuses, text(document, "Status"), out.informational)) return refused("Status is neither error nor informational");
  if (!choose(kCategories, text(document, "Category"), out.category)) return refused("Category is none of Blank, Wrong format, Bad value, Bad file");
  const std::string index = text(document, "RecordIndex");
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), out.record_index);
  if (!index.empty() && (error != std::errc() || end != index.data() + index.size())) return refused("RecordIndex is no whole number");
  return out;
}

}  // namespace tributary::deliver
