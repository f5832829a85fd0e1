#include "tests/views/case_file.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhir/resource.h"

namespace tributary::views::testing {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

// A JSON string, quoted.
std::string jsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
      out += buffer;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// 1.50 and 1.5 are one number.
std::string number(std::string_view text) {
  std::string out(text);
  if (out.find('.') != std::string::npos && out.find_first_of("eE") == std::string::npos) {
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.') out.pop_back();
  }
  return out;
}

// Canonical text of a JSON value, so that equal values have equal texts.
std::string canonicalNode(const Document& d, NodeIndex node) {
  switch (d[node].kind) {
    case Kind::kString:
      return jsonString(d.scalar(node));
    case Kind::kNumber:
      return number(d.scalar(node));
    case Kind::kArray:
    case Kind::kObject:
      break;
    default:
      return std::string(d.scalar(node));
  }
  std::vector<std::string> parts;
  for (NodeIndex i = node + 1; i < d[node].next; i = d[i].next) {
    const bool companion = (d[i].name & fhir::kCompanion) != 0;
    parts.push_back((d[node].kind == Kind::kObject
                         ? jsonString((companion ? "_" : "") + std::string(d.name(i))) + ':'
                         : "") +
                    canonicalNode(d, i));
  }
  if (d[node].kind == Kind::kObject) std::ranges::sort(parts);
  std::string out = d[node].kind == Kind::kArray ? "[" : "{";
  for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : ",") + parts[i];
  return out + (d[node].kind == Kind::kArray ? "]" : "}");
}

std::string canonical(const Cell& cell) {
  switch (cell.kind) {
    case CellKind::kNull:
      return "null";
    case CellKind::kString:
      return jsonString(cell.text);
    case CellKind::kBoolean:
      return std::string(cell.text);
    case CellKind::kNumber:
      return number(cell.text);
    case CellKind::kJson: {
      Document d;
      fhir::JsonReader reader;
      return reader.read(cell.text, d, {.any_value = true}) ? canonicalNode(d, 0) : "broken";
    }
    case CellKind::kList:
      break;
  }
  std::string out = "[";
  for (const Cell& item : cell.items) out += (out.size() == 1 ? "" : ",") + canonical(item);
  return out + ']';
}

struct Rows final : RowSink {
  const View* view = nullptr;
  std::vector<std::string> rows;
  bool row(std::span<const Cell> cells) override {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      parts.push_back(jsonString(view->columns()[i].name) + ':' + canonical(cells[i]));
    }
    std::ranges::sort(parts);
    std::string out = "{";
    for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : ",") + parts[i];
    rows.push_back(out + '}');
    return true;
  }
};

bool CaseFile::load(const std::filesystem::path& file) {
  auto text = readFile(file);
  if (!text) return false;
  text_ = std::move(*text);
  return fhir::JsonReader().read(text_, document_).has_value();
}

std::vector<NodeIndex> CaseFile::cases() const {
  std::vector<NodeIndex> out;
  for (const NodeIndex test : fhir::children(document_, document_.member(0, "tests"))) out.push_back(test);
  return out;
}

std::string CaseFile::title(NodeIndex test) const {
  return std::string(document_.scalar(document_.member(test, "title")));
}

std::string CaseFile::rows(NodeIndex test) const {
  std::vector<std::string> rows, names;
  std::vector<Problem> problems;
  const std::string error = execute(test, rows, names, problems);
  if (!error.empty()) return "error: " + error;
  std::ranges::sort(rows);
  std::string out;
  for (const auto& row : rows) out += row + '\n';
  return out;
}

std::string CaseFile::run(NodeIndex test) const {
  const Document& d = document_;
  std::vector<std::string> rows, names;
  std::vector<Problem> problems;
  const std::string error = execute(test, rows, names, problems);
  if (const NodeIndex wanted = d.member(test, "expectProblem"); wanted != kNoNode) {
    if (problems.empty()) return "a problem was expected";
    const Problem& problem = problems.front();
    const auto field = [&](std::string_view name) {
      const NodeIndex node = d.member(wanted, name);
      return node == kNoNode ? std::string_view{} : d.scalar(node);
    };
    const bool same = (field("rule").empty() || field("rule") == problem.issue.rule) &&
                      (field("path").empty() || field("path") == problem.issue.path) &&
                      problem.render().find(field("text")) != std::string::npos &&
                      !problem.issue.remedy.empty();
    return same ? std::string{} : "another problem: " + problem.issue.rule + " " + problem.render();
  }
  if (d.member(test, "expectError") != kNoNode)
    return error.empty() ? "an error was expected, but it ran" : "";
  if (!error.empty()) return error;
  if (const NodeIndex columns = d.member(test, "expectColumns"); columns != kNoNode) {
    std::vector<std::string> wanted;
    for (const NodeIndex i : fhir::children(d, columns)) wanted.emplace_back(d.scalar(i));
    if (wanted != names) return "the columns have another order";
  }
  if (const NodeIndex count = d.member(test, "expectCount"); count != kNoNode) {
    return std::to_string(rows.size()) == d.scalar(count) ? "" : "the number of rows differs";
  }
  std::vector<std::string> wanted;
  for (const NodeIndex i : fhir::children(d, d.member(test, "expect"))) wanted.push_back(canonicalNode(d, i));
  std::ranges::sort(wanted);
  std::ranges::sort(rows);
  if (rows == wanted) return {};
  std::string out = "rows differ\n      expected:";
  for (const auto& row : wanted) out += "\n        " + row;
  out += "\n      got:";
  for (const auto& row : rows) out += "\n        " + row;
  return out;
}

std::string CaseFile::execute(NodeIndex test, std::vector<std::string>& rows, std::vector<std::string>& names,
                              std::vector<Problem>& problems) const {
  const Document& d = document_;
  const NodeIndex view_node = d.member(test, "view");
  CompileOptions options;
  options.definitions = definitions_;
  options.share_prefixes = share_prefixes;
  options.optimise = optimise;
  if (const NodeIndex wanted = d.member(test, "options"); wanted != kNoNode) {
    options.national_functions = d.member(wanted, "national") != kNoNode;
    options.strict = d.member(wanted, "strict") != kNoNode;
  }
  auto view = compile(d.text().substr(d[view_node].offset, d[view_node].length), options);
  if (!view) {
    problems = std::move(view).error();
    return problems.front().render();
  }
  for (const Column& column : (*view)->columns()) names.push_back(column.name);
  fhirpath::Environment environment;
  environment.definitions = definitions_;
  Runner runner(environment, {.lineage = lineage});
  Rows sink;
  sink.view = view->get();
  fhir::JsonReader reader;
  Document resource;
  for (const NodeIndex i : fhir::children(d, d.member(0, "resources"))) {
    if (auto read = reader.read(d.text().substr(d[i].offset, d[i].length), resource); !read) {
      return "resource: " + read.error().text;
    }
    if (auto outcome = runner.run(**view, resource, sink); !outcome) {
      return outcome.error().rule + ": " + outcome.error().path + ": " + outcome.error().text;
    }
  }
  rows = std::move(sink.rows);
  return {};
}

std::shared_ptr<const terminology::Definitions> installedDefinitions() {
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  const std::filesystem::path folder = cache != nullptr ? cache : TRIBUTARY_SOURCE_DIR "/.cache";
  auto definitions = terminology::Definitions::open(folder / "definitions.bin");
  return definitions ? std::move(*definitions) : nullptr;
}

}  // namespace tributary::views::testing
