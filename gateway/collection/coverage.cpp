#include "collection/coverage.h"

#include <algorithm>
#include <cstdio>

#include "collection/codes.h"
#include "collection/internal/plan.h"
#include "views/view.h"

namespace tributary::collection {
namespace {

void appendString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

void member(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{') out += ',';
  appendString(out, name);
  out += ':';
  appendString(out, text);
}

void member(std::string& out, std::string_view name, std::uint64_t number) {
  if (out.back() != '{') out += ',';
  appendString(out, name);
  out += ':' + std::to_string(number);
}

void open(std::string& out, std::string_view name, char bracket) {
  if (out.back() != '{') out += ',';
  appendString(out, name);
  out += ':';
  out += bracket;
}

void appendField(std::string& out, const Field& field, const FieldCoverage& count) {
  out += '{';
  member(out, "field", field.name);
  member(out, "mandation", mandationName(field.mandation));
  member(out, "confidence", field.mandation_confidence);
  out += field.sent ? ",\"sent\":true" : ",\"sent\":false";
  if (!field.sent) member(out, "reason", field.unsent_reason);
  member(out, "filled", count.all.filled);
  member(out, "empty", count.all.empty);
  open(out, "by", '{');
  for (const auto& [name, by] : count.by) {
    open(out, name, '{');
    member(out, "filled", by.filled);
    member(out, "empty", by.empty);
    out += '}';
  }
  out += '}';
  open(out, "problems", '[');
  for (const auto& [text, problem] : count.problems) {
    const std::size_t space = text.find(' ');
    if (out.back() != '[') out += ',';
    out += '{';
    member(out, "rule", text.substr(0, space));
    member(out, "grade", gradeName(problem.first));
    member(out, "text", space == std::string::npos ? std::string() : text.substr(space + 1));
    member(out, "count", problem.second);
    out += '}';
  }
  out += ']';
  open(out, "codes", '[');
  for (const auto& [code, number] : count.codes) {
    if (out.back() != '[') out += ',';
    out += '{';
    member(out, "code", code);
    member(out, "count", number);
    out += '}';
  }
  out += "]}";
}

}  // namespace

Coverage::Coverage(std::shared_ptr<const Collection> collection)
    : collection_(std::move(collection)), tables_(collection_->tables().size()) {
  for (std::size_t t = 0; t < tables_.size(); ++t)
    tables_[t].fields.resize(collection_->tables()[t].fields.size());
  watch_.on_empty = [this](const Row& row, std::uint16_t field, std::uint16_t source,
                           std::span<const SeenElement> seen) {
    const views::Column* const column = collection_->column(source, field);
    const bool translates = column != nullptr && column->path.find("translate(") != std::string::npos;
    // Where no code is asked for, codes are only read to find something else.
    if (!translates && collection_->tables()[row.table].fields[field].value_set.empty()) return;
    std::vector<std::string> codes;  // each once a cell
    const auto note = [&](const Code& code) {
      if (code.code.empty() || code.code.size() > 100) return;
      std::string text = code.system.empty() ? std::string(code.code)
                                             : std::string(code.system) + "|" + std::string(code.code);
      if (std::find(codes.begin(), codes.end(), text) == codes.end()) codes.push_back(std::move(text));
    };
    for (const SeenElement& element : seen) {
      if (const Code code = codingAround(*element.document, element.node); !code.code.empty()) {
        // A good code of a system that some view reads is another field's.
        const auto& terms = collection_->impl().terminology;
        const bool known = terms != nullptr && terms->validateCode(code.system, code.code) == terminology::Verdict::kYes;
        if (!element.condition || !known || !systems_.contains(code.system)) note(code);
      } else if (translates && !element.condition) {
        for (const Code& one : codesAt(*element.document, element.node)) note(one);
      }
    }
    for (std::string& code : codes) countCode(tables_[row.table].fields[field], std::move(code));
  };
  for (std::size_t s = 0; s < collection_->sources().size(); ++s) {
    for (const views::Constant& constant : collection_->view(s).constants()) systems_.insert(constant.text);
  }
  countHeader();
}

// The header is filled by the settings and the window: any window tells whether it is.
void Coverage::countHeader() {
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    if (collection_->tables()[t].scope != Scope::kHeader) continue;
    const HeaderRow header = collection_->header({"2026-01-01", "2026-01-31", "2026-02-01T00:00:00"});
    tables_[t].rows = 1;
    for (std::size_t f = 0; f < std::min(header.cells.size(), tables_[t].fields.size()); ++f) {
      ++(header.cells[f].empty() ? tables_[t].fields[f].all.empty : tables_[t].fields[f].all.filled);
    }
  }
}

void Coverage::countCode(FieldCoverage& field, std::string code) {
  if (field.codes.size() >= kMostCodes && !field.codes.contains(code)) code = kFurtherCodes;
  ++field.codes[code];
}

void Coverage::add(const Projection& projection, const std::function<std::string(const Row&)>& source_of) {
  for (const Row& row : projection.rows) {
    TableCoverage& table = tables_[row.table];
    const auto& fields = collection_->tables()[row.table].fields;
    const std::string source = source_of(row);
    ++table.rows;
    ++table.rows_by[source];
    table.quarantined += row.state == RowState::kQuarantined ? 1 : 0;
    for (std::size_t f = 0; f < row.cells.size(); ++f) {
      FieldCoverage& field = table.fields[f];
      FilledCount& by = field.by[source];
      ++(row.cells[f].empty() ? field.all.empty : field.all.filled);
      ++(row.cells[f].empty() ? by.empty : by.filled);
    }
    for (const RowIssue& issue : projection.issues.subspan(row.first_issue, row.issue_count)) {
      if (issue.rule == RowIssue::kNoRule) continue;
      const Rule& rule = collection_->rules()[issue.rule];
      const auto at = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == rule.field; });
      if (at == fields.end()) continue;
      const auto f = static_cast<std::size_t>(at - fields.begin());
      auto& problem = table.fields[f].problems[rule.id + " " + rule.text];
      problem.first = issue.grade;
      ++problem.second;
      const std::string_view cell = row.cells[f];
      if (rule.kind == "code" && tellableCode(cell))
        countCode(table.fields[f], at->value_set + "|" + std::string(cell));
    }
  }
}

void Coverage::add(const Aggregations::Counted& counted) {
  TableCoverage& table = tables_[counted.table];
  for (const AggregateRow& row : counted.result.rows) {
    ++table.rows;
    table.quarantined += row.good ? 0 : 1;
    for (std::size_t f = 0; f < row.cells.size(); ++f) {
      ++(row.cells[f].empty() ? table.fields[f].all.empty : table.fields[f].all.filled);
    }
  }
}

std::uint64_t Coverage::sentFields() const {
  std::uint64_t out = 0;
  for (const Table& table : collection_->tables()) {
    for (const Field& field : table.fields) out += field.sent ? 1 : 0;
  }
  return out;
}

std::uint64_t Coverage::filledFields() const {
  std::uint64_t out = 0;
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    for (std::size_t f = 0; f < tables_[t].fields.size(); ++f) {
      out += collection_->tables()[t].fields[f].sent && tables_[t].fields[f].all.filled != 0 ? 1 : 0;
    }
  }
  return out;
}

std::string Coverage::json() const {
  static constexpr std::string_view kScopes[] = {"header", "patient", "provider"};
  std::string out = "{";
  member(out, "collection", collection_->id());
  member(out, "sentFields", sentFields());
  member(out, "filledFields", filledFields());
  open(out, "tables", '[');
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    const Table& table = collection_->tables()[t];
    if (out.back() != '[') out += ',';
    out += '{';
    member(out, "table", table.name);
    member(out, "code", table.code);
    member(out, "scope", kScopes[static_cast<std::size_t>(table.scope)]);
    member(out, "rows", tables_[t].rows);
    member(out, "quarantined", tables_[t].quarantined);
    open(out, "fields", '[');
    for (std::size_t f = 0; f < table.fields.size(); ++f) {
      if (f != 0) out += ',';
      appendField(out, table.fields[f], tables_[t].fields[f]);
    }
    out += "]}";
  }
  return out + "]}";
}

}  // namespace tributary::collection
