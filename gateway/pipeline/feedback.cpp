#include "pipeline/feedback.h"

#include <algorithm>

#include "fhir/document.h"
#include "fhir/json_reader.h"

namespace tributary::pipeline {

using collection::Grade;
using deliver::Finding;

namespace {

// By kind of rule (collection/internal/rules.h); those not named look at a value that has its form.
constexpr struct {
  std::string_view kind;
  Finding::Category category;
} kCategories[] = {
    {"mandatory", Finding::Category::kBlank},
    {"format", Finding::Category::kWrongFormat},
    {"pattern", Finding::Category::kWrongFormat},
};

std::string_view fieldOf(std::string_view path) { return path.substr(path.find('.') + 1); }

// What a person knows the row by: the ledger's own key may end in a digest (decision 0001).
std::string keyOf(const collection::Table& table, std::span<const std::string_view> cells) {
  std::string out;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    if (i != 0) out += '|';
    if (table.key[i] < cells.size()) out += cells[table.key[i]];
  }
  return out;
}

std::string member(const fhir::Document& document, fhir::NodeIndex object, std::string_view name) {
  const fhir::NodeIndex at = document.member(object, name);
  return at == fhir::kNoNode ? std::string() : std::string(document.scalar(at));
}

}  // namespace

Finding::Category feedbackCategory(std::string_view rule_kind, bool empty_cell) {
  if (empty_cell) return Finding::Category::kBlank;
  for (const auto& one : kCategories) {
    if (one.kind == rule_kind) return one.category;
  }
  return Finding::Category::kBadValue;
}

Feedback::Feedback(const collection::Collection& collection) : collection_(collection), rows_(collection.tables().size()) {
  for (const collection::Rule& rule : collection.rules()) rules_.emplace(rule.id, &rule);
}

void Feedback::append(const std::string& rule_id, const collection::Rule* rule, Grade grade, const Issue& issue,
                      const collection::Table* table, std::string_view key, std::span<const std::string_view> cells, std::uint64_t index,
                      std::string& out) {
  Finding finding;
  const bool in_field = issue.path.find('.') != std::string::npos;
  if (table != nullptr) finding.entity = table->name;
  finding.key = table != nullptr ? keyOf(*table, cells) : std::string();
  if (finding.key.empty()) finding.key = key;
  finding.informational = grade == Grade::kWarning;
  finding.type = rule != nullptr ? rule->kind : rule_id;
  finding.message = issue.text;
  finding.code = rule_id;
  finding.record_index = index;
  if (table == nullptr) finding.location = issue.path;  // of a resource: its FHIRPath
  bool empty = false;
  if (table != nullptr && in_field) {
    finding.location = finding.field = fieldOf(issue.path);
    const auto field = std::find_if(table->fields.begin(), table->fields.end(), [&](const auto& f) { return f.name == finding.field; });
    const auto place = static_cast<std::size_t>(field - table->fields.begin());
    if (place < cells.size()) {
      finding.value = cells[place];
      empty = finding.value.empty();
    }
  }
  finding.category = feedbackCategory(finding.type, empty);
  if (grade == Grade::kRejectFile) {
    finding.failure = in_field ? Finding::Failure::kSubmission : Finding::Failure::kIntegrity;
    if (!in_field) finding.category = Finding::Category::kBadFile;
  }
  deliver::appendFinding(out, finding);
  ++findings_;
}

void Feedback::add(const collection::Projection& projection, std::string& out) {
  const auto one = [&](const collection::RowIssue& found, const collection::Table* table, std::string_view key,
                       std::span<const std::string_view> cells, std::uint64_t index) {
    const collection::Rule* rule = found.rule == collection::RowIssue::kNoRule ? nullptr : &collection_.rules()[found.rule];
    append(rule != nullptr ? rule->id : found.issue.rule, rule, found.grade, found.issue, table, key, cells, index, out);
  };
  for (const collection::Row& row : projection.rows) {
    const std::uint64_t index = ++rows_[row.table];
    for (const auto& found : projection.issues.subspan(row.first_issue, row.issue_count)) {
      one(found, &collection_.tables()[row.table], row.key, row.cells, index);
    }
  }
  for (const auto& found : projection.issues) {
    if (found.row == collection::RowIssue::kNoRow) one(found, nullptr, {}, {}, 0);
  }
}

Result<void> Feedback::add(std::string_view table_name, std::string_view key, std::string_view cells, std::string_view issues,
                           std::uint64_t index, std::string& out) {
  if (issues.empty() || issues == "[]") return {};
  const auto table = collection_.findTable(table_name);
  TRY_ASSIGN(const std::vector<std::string> texts, collection::decodeCells(cells));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  fhir::JsonReader reader;
  fhir::Document document;
  fhir::ReadOptions options;
  options.any_value = true;
  if (auto read = reader.read(issues, document, options); !read) {
    return fail(ErrorCode::kCorrupt, "the findings of a row of " + std::string(table_name) + " cannot be read: " + read.error().text);
  }
  for (fhir::NodeIndex i = 1; i < document[document.root()].next; i = document[i].next) {
    if (document[i].kind != fhir::Kind::kObject) continue;
    const std::string id = member(document, i, "rule"), grade = member(document, i, "grade");
    Issue issue;
    issue.path = member(document, i, "field");
    issue.text = member(document, i, "text");
    const auto rule = rules_.find(id);
    append(id, rule == rules_.end() ? nullptr : rule->second,
           grade == gradeName(Grade::kWarning)      ? Grade::kWarning
           : grade == gradeName(Grade::kRejectFile) ? Grade::kRejectFile
                                                    : Grade::kRejectRecord,
           issue, table ? &collection_.tables()[*table] : nullptr, key, views, index, out);
  }
  return {};
}

}  // namespace tributary::pipeline
