#include "deliver/receipts.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "deliver/feedback.h"
#include "deliver/internal/text_forms.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"

namespace tributary::deliver {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

constexpr std::size_t kTextBytes = 4096;  // of one remark; a receiver's novel is cut

Issue issue(std::string rule, std::string path, std::string text) {
  Issue out;
  out.rule = std::move(rule);
  out.path = std::move(path);
  out.text = std::move(text);
  return out;
}

// Reads members of one object of the acknowledgement.
class Members {
 public:
  Members(const Document& document, NodeIndex object) : document_(document), object_(object) {}

  NodeIndex find(std::string_view name) const { return document_.member(object_, name); }
  // A string, or a number as its text; "" for anything else.
  std::string text(std::string_view name) const {
    const NodeIndex i = find(name);
    if (i == kNoNode) return {};
    const Kind kind = document_[i].kind;
    if (kind != Kind::kString && kind != Kind::kNumber) return {};
    return std::string(document_.scalar(i).substr(0, kTextBytes));
  }
  std::optional<std::uint64_t> count(std::string_view name) const {
    const std::string digits = text(name);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  }

 private:
  const Document& document_;
  NodeIndex object_;
};

template <class Visit>
void forEachObject(const Document& document, NodeIndex array, Visit visit) {
  if (array == kNoNode || document[array].kind != Kind::kArray) return;
  for (NodeIndex i = array + 1; i < document[array].next; i = document[i].next) {
    if (document[i].kind == Kind::kObject) visit(Members(document, i));
  }
}

std::expected<void, Issue> readFileOutcome(const Document& document, const Members& root, Receipt& out) {
  const std::string outcome = root.text("outcome");
  if (outcome != "accepted" && outcome != "rejected") {
    return std::unexpected(issue("receipt-outcome", "outcome", "an InfAck must say accepted or rejected"));
  }
  out.layer = outcome == "accepted" ? Receipt::Layer::kFileAccepted : Receipt::Layer::kFileRejected;
  forEachObject(document, root.find("diagnostics"), [&](const Members& item) {
    const std::string severity = item.text("severity");
    Issue found = issue(item.text("code"), item.text("field"), item.text("text"));
    found.severity = severity == "warning"       ? Severity::kWarning
                     : severity == "information" ? Severity::kInformation
                     : severity == "fatal"       ? Severity::kFatal
                                                 : Severity::kError;
    out.diagnostics.push_back(std::move(found));
  });
  return {};
}

std::expected<void, Issue> readRow(const Members& item, Receipt& out) {
  RowOutcome row;
  row.table = item.text("table");
  row.row_key = item.text("rowKey");
  row.row_number = item.count("rowNumber").value_or(0);
  const std::string action = item.text("action");
  row.is_delete = action == "delete";
  const std::string outcome = item.text("outcome");
  row.rejected = outcome.empty() || outcome == "rejected";
  if (row.table.empty() || (row.row_number == 0 && row.row_key.empty())) {
    return std::unexpected(issue("receipt-row", "failures", "a row outcome names no row"));
  }
  if (!row.rejected && outcome != "warning" && outcome != "accepted") {
    return std::unexpected(issue("receipt-outcome", "failures.outcome", "an outcome that is not known"));
  }
  if (!action.empty() && action != "delete" && action != "upsert") {
    return std::unexpected(issue("receipt-row", "failures.action", "an action that is not known"));
  }
  row.code = item.text("responseCode");
  row.severity = item.text("severity");
  row.field = item.text("field");
  row.text = item.text("diagnostics");
  if (row.text.empty()) row.text = item.text("responseDisplay");
  out.rows.push_back(std::move(row));
  return {};
}

std::expected<void, Issue> readRows(const Document& document, const Members& root,
                                    const ReceiptLimits& limits, Receipt& out) {
  out.layer = Receipt::Layer::kRows;
  const NodeIndex summary_node = root.find("summary");
  if (summary_node == kNoNode || document[summary_node].kind != Kind::kObject) {
    return std::unexpected(issue("receipt-summary", "summary", "a BusAck needs a summary"));
  }
  const Members summary(document, summary_node);
  const auto total = summary.count("totalRecords"), succeeded = summary.count("succeeded"),
             failed = summary.count("failed");
  if (!total || !succeeded || !failed) {
    return std::unexpected(
        issue("receipt-summary", "summary", "totalRecords, succeeded and failed must be counts"));
  }
  out.total = *total;
  out.succeeded = *succeeded;
  out.failed = *failed;
  NodeIndex failures = root.find("failures");
  if (failures == kNoNode) failures = root.find("rows");
  std::expected<void, Issue> good;
  forEachObject(document, failures, [&](const Members& item) {
    if (!good) return;
    if (out.rows.size() >= limits.rows) {
      good = std::unexpected(issue("receipt-size", "failures", "more row outcomes than allowed"));
    } else {
      good = readRow(item, out);
    }
  });
  if (!good) return good;
  // The rows that are not named count as accepted, so the summary must bear that out.
  std::set<std::tuple<std::string_view, bool, std::uint64_t, std::string_view>> rejected;
  for (const RowOutcome& row : out.rows) {
    if (row.rejected) rejected.emplace(row.table, row.is_delete, row.row_number, row.row_key);
  }
  if (out.succeeded > out.total || out.total - out.succeeded != out.failed || rejected.size() != out.failed) {
    return std::unexpected(issue("receipt-summary", "summary",
                                 "the counts do not agree: " + std::to_string(out.total) + " rows, " +
                                     std::to_string(out.succeeded) + " succeeded, " +
                                     std::to_string(out.failed) + " failed, " +
                                     std::to_string(rejected.size()) + " rejected rows named"));
  }
  return {};
}

void member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.back() != '{') out.push_back(',');
  appendJsonString(out, name);
  out.push_back(':');
  appendJsonString(out, value);
}

void number(std::string& out, std::string_view name, std::uint64_t value) {
  if (out.back() != '{') out.push_back(',');
  appendJsonString(out, name);
  out += ":" + std::to_string(value);
}

void writeRow(std::string& out, const RowOutcome& row) {
  out.push_back('{');
  member(out, "table", row.table);
  if (row.row_number != 0) number(out, "rowNumber", row.row_number);
  member(out, "rowKey", row.row_key);
  member(out, "action", row.is_delete ? "delete" : "upsert");
  member(out, "outcome", row.rejected ? "rejected" : "warning");
  member(out, "responseCode", row.code);
  member(out, "severity", row.severity);
  member(out, "field", row.field);
  member(out, "diagnostics", row.text);
  out.push_back('}');
}

}  // namespace

std::expected<Receipt, Issue> parseReceipt(std::string_view json, const ReceiptLimits& limits) {
  fhir::JsonReader reader;
  Document document;
  fhir::ReadOptions options;
  options.limits = {.bytes = limits.bytes, .depth = 32, .nodes = ~0U};
  if (auto read = reader.read(json, document, options); !read)
    return std::unexpected(std::move(read).error());
  const Members root(document, document.root());
  Receipt out;
  out.submission_id = root.text("submissionId");
  out.transport_id = root.text("messageHeaderId");
  out.system = root.text("system");
  out.provider = root.text("provider");
  out.file_name = root.text("filename");
  out.generated = root.text("generatedDate");
  out.code = root.text("responseCode");
  out.text = root.text("responseDisplay");
  const std::string version = root.text("version");
  if (!version.empty() && version != "1") {
    return std::unexpected(
        issue("receipt-version", "version", "a version of the acknowledgement that is not known"));
  }
  if (out.submission_id.empty() && out.transport_id.empty()) {
    return std::unexpected(
        issue("receipt-reference", "submissionId", "the acknowledgement names no submission"));
  }
  const std::string type = root.text("type");
  std::expected<void, Issue> filled;
  if (type == "InfAck") {
    filled = readFileOutcome(document, root, out);
  } else if (type == "BusAck") {
    filled = readRows(document, root, limits, out);
  } else {
    filled = std::unexpected(issue("receipt-type", "type", "neither InfAck nor BusAck"));
  }
  if (!filled) return std::unexpected(std::move(filled).error());
  return out;
}

std::expected<Receipt, Issue> parseFeedback(std::string_view lines, std::string submission_id, const ReceiptLimits& limits) {
  if (lines.size() > limits.bytes) return std::unexpected(issue("receipt-size", {}, "larger than allowed"));
  Receipt out;
  out.layer = Receipt::Layer::kRows;
  out.system = "data-validation-engine";
  out.submission_id = std::move(submission_id);
  for (std::uint32_t number = 1; !lines.empty(); ++number) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto finding = parseFinding(line);
    const bool of_a_row = finding && finding->failure == Finding::Failure::kRecord;
    if (of_a_row && (finding->entity.empty() || (finding->record_index == 0 && finding->key.empty()))) {
      finding = std::unexpected(issue("feedback-line", {}, "it names no record: Entity with RecordIndex or Key is wanted"));
    }
    if (!finding) {
      finding.error().line = number;
      finding.error().text = "line " + std::to_string(number) + ": " + finding.error().text;
      return std::unexpected(std::move(finding).error());
    }
    if (!of_a_row) {
      if (finding->informational) continue;
      out.layer = Receipt::Layer::kFileRejected;
      out.diagnostics.push_back(issue(finding->code, finding->field, finding->message));
      continue;
    }
    if (out.rows.size() >= limits.rows) return std::unexpected(issue("receipt-rows", {}, "more rows than allowed"));
    RowOutcome& row = out.rows.emplace_back();
    row.table = finding->entity;
    row.row_number = finding->record_index;
    if (row.row_number == 0) row.row_key = finding->key;
    row.rejected = !finding->informational;
    row.code = finding->code;
    row.severity = finding->informational ? "warning" : "error";
    row.field = finding->field;
    row.text = finding->message;
  }
  if (out.layer == Receipt::Layer::kFileRejected) out.rows.clear();
  return out;
}

std::string writeReceipt(const Receipt& receipt) {
  const bool rows = receipt.layer == Receipt::Layer::kRows;
  if (!rows && receipt.layer != Receipt::Layer::kFileAccepted &&
      receipt.layer != Receipt::Layer::kFileRejected)
    return {};
  std::string out = "{";
  member(out, "type", rows ? "BusAck" : "InfAck");
  member(out, "system", receipt.system);
  number(out, "version", 1);
  member(out, "generatedDate", receipt.generated);
  member(out, "provider", receipt.provider);
  member(out, "filename", receipt.file_name);
  member(out, "submissionId", receipt.submission_id);
  member(out, "messageHeaderId", receipt.transport_id);
  if (!rows) member(out, "outcome", receipt.layer == Receipt::Layer::kFileAccepted ? "accepted" : "rejected");
  member(out, "responseCode", receipt.code);
  member(out, "responseDisplay", receipt.text);
  if (!rows) {
    if (receipt.diagnostics.empty()) return out + "}";
    out += ",\"diagnostics\":[";
    for (std::size_t i = 0; i < receipt.diagnostics.size(); ++i) {
      const Issue& found = receipt.diagnostics[i];
      out += i == 0 ? "{" : ",{";
      member(out, "code", found.rule);
      member(out, "severity", severityName(found.severity));
      member(out, "field", found.path);
      member(out, "text", found.text);
      out.push_back('}');
    }
    return out + "]}";
  }
  out += ",\"summary\":{";
  number(out, "totalRecords", receipt.total);
  number(out, "succeeded", receipt.succeeded);
  number(out, "failed", receipt.failed);
  out += "},\"failures\":[";
  for (std::size_t i = 0; i < receipt.rows.size(); ++i) {
    if (i != 0) out.push_back(',');
    writeRow(out, receipt.rows[i]);
  }
  return out + "]}";
}

Result<void> locateRows(Receipt& receipt, const std::function<Result<bool>(SubmittedRow& row)>& next) {
  std::map<std::tuple<std::string, bool, std::uint64_t>, std::vector<RowOutcome*>> wanted;
  for (RowOutcome& row : receipt.rows) {
    row.position = 0;
    if (row.row_number != 0) wanted[{row.table, row.is_delete, row.row_number}].push_back(&row);
  }
  struct Counts {
    std::uint64_t upserts = 0, deletes = 0;
  };
  std::map<std::string, Counts, std::less<>> counts;
  SubmittedRow row;
  while (!wanted.empty()) {
    TRY_ASSIGN(const bool more, next(row));
    if (!more) break;
    auto at = counts.find(row.table);
    if (at == counts.end()) at = counts.emplace(std::string(row.table), Counts{}).first;
    const std::uint64_t file_number = row.is_delete ? ++at->second.deletes : ++at->second.upserts;
    const auto found = wanted.find({at->first, row.is_delete, file_number});
    if (found == wanted.end()) continue;
    for (RowOutcome* outcome : found->second) outcome->position = at->second.upserts + at->second.deletes;
    wanted.erase(found);
  }
  return {};
}

}  // namespace tributary::deliver
