// The public SQL-on-FHIR v2 suite: conformance_sql_on_fhir FOLDER [REPORT.json]
// Prints what fails, writes the registry's test report, and ends with "sql-on-fhir: P of T".
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "terminology/definitions.h"
#include "views/runner.h"
#include "views/view.h"

namespace {

using tributary::fhir::Document;
using tributary::fhir::Kind;
using tributary::fhir::kNoNode;
using tributary::fhir::NodeIndex;
namespace fs = std::filesystem;
namespace views = tributary::views;

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
std::string canonical(const Document& d, NodeIndex node) {
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
    const bool companion = (d[i].name & tributary::fhir::kCompanion) != 0;
    parts.push_back(
        (d[node].kind == Kind::kObject ? jsonString((companion ? "_" : "") + std::string(d.name(i))) + ':' : "") +
        canonical(d, i));
  }
  if (d[node].kind == Kind::kObject) std::ranges::sort(parts);
  std::string out = d[node].kind == Kind::kArray ? "[" : "{";
  for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : ",") + parts[i];
  return out + (d[node].kind == Kind::kArray ? "]" : "}");
}

std::string canonical(const views::Cell& cell) {
  switch (cell.kind) {
    case views::CellKind::kNull:
      return "null";
    case views::CellKind::kString:
      return jsonString(cell.text);
    case views::CellKind::kBoolean:
      return std::string(cell.text);
    case views::CellKind::kNumber:
      return number(cell.text);
    case views::CellKind::kJson: {
      Document d;
      tributary::fhir::JsonReader reader;
      return reader.read(cell.text, d, {.any_value = true}) ? canonical(d, 0) : "broken";
    }
    case views::CellKind::kList:
      break;
  }
  std::string out = "[";
  for (const views::Cell& item : cell.items) out += (out.size() == 1 ? "" : ",") + canonical(item);
  return out + ']';
}

struct Rows final : views::RowSink {
  const views::View* view = nullptr;
  std::vector<std::string> rows;
  bool row(std::span<const views::Cell> cells) override {
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

class Suite {
 public:
  explicit Suite(const tributary::terminology::Definitions* definitions) : definitions_(definitions) {}

  bool load(const fs::path& file) {
    auto text = tributary::readFile(file);
    if (!text) return false;
    text_ = std::move(*text);
    tributary::fhir::JsonReader reader;
    return reader.read(text_, document_).has_value();
  }

  const Document& document() const { return document_; }

  // Empty: passed; else what was wrong.
  std::string run(NodeIndex test) const {
    const Document& d = document_;
    const NodeIndex view_node = d.member(test, "view");
    const std::string_view view_text = d.text().substr(d[view_node].offset, d[view_node].length);
    const bool wants_error = d.member(test, "expectError") != kNoNode;
    std::vector<std::string> rows;
    std::vector<std::string> names;
    const std::string problem = execute(view_text, rows, names);
    if (wants_error) return problem.empty() ? "an error was expected, but it ran" : std::string{};
    if (!problem.empty()) return problem;
    if (const NodeIndex columns = d.member(test, "expectColumns"); columns != kNoNode) {
      std::vector<std::string> wanted;
      for (NodeIndex i = columns + 1; i < d[columns].next; i = d[i].next) wanted.emplace_back(d.scalar(i));
      if (wanted != names) return "the columns have another order";
    }
    if (const NodeIndex count = d.member(test, "expectCount"); count != kNoNode) {
      return std::to_string(rows.size()) == d.scalar(count) ? "" : "the number of rows differs";
    }
    const NodeIndex expect = d.member(test, "expect");
    std::vector<std::string> wanted;
    for (NodeIndex i = expect + 1; i < d[expect].next; i = d[i].next) wanted.push_back(canonical(d, i));
    std::ranges::sort(wanted);
    std::ranges::sort(rows);
    if (rows == wanted) return {};
    std::string out = "rows differ\n      expected:";
    for (const auto& row : wanted) out += "\n        " + row;
    out += "\n      got:";
    for (const auto& row : rows) out += "\n        " + row;
    return out;
  }

 private:
  std::string execute(std::string_view view_text, std::vector<std::string>& rows,
                      std::vector<std::string>& names) const {
    views::CompileOptions options;
    options.definitions = definitions_;
    auto view = views::compile(view_text, options);
    if (!view) return view.error().front().render();
    for (const views::Column& column : (*view)->columns()) names.push_back(column.name);
    tributary::fhirpath::Environment environment;
    environment.definitions = definitions_;
    views::Runner runner(environment);
    Rows sink;
    sink.view = view->get();
    tributary::fhir::JsonReader reader;
    Document resource;
    const NodeIndex resources = document_.member(0, "resources");
    for (NodeIndex i = resources + 1; i < document_[resources].next; i = document_[i].next) {
      const std::string_view text = document_.text().substr(document_[i].offset, document_[i].length);
      if (auto read = reader.read(text, resource); !read) return "resource: " + read.error().text;
      if (auto outcome = runner.run(**view, resource, sink); !outcome) {
        return outcome.error().path + ": " + outcome.error().text;
      }
    }
    rows = std::move(sink.rows);
    return {};
  }

  const tributary::terminology::Definitions* definitions_;
  std::string text_;
  Document document_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "conformance_sql_on_fhir FOLDER [REPORT.json]\n");
    return 2;
  }
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  const fs::path compiled =
      fs::path(cache != nullptr ? cache : TRIBUTARY_SOURCE_DIR "/.cache") / "definitions.bin";
  auto definitions = tributary::terminology::Definitions::open(compiled);
  if (!definitions) {
    std::fprintf(stderr, "%s\nRun deploy/install first.\n", definitions.error().text.c_str());
    return 3;
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json") && name != "tests.schema.json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  int passed = 0, total = 0;
  std::string report = "{";
  for (const fs::path& file : files) {
    Suite suite(definitions->get());
    if (!suite.load(file)) {
      std::fprintf(stderr, "%s cannot be read\n", file.c_str());
      return 3;
    }
    const Document& d = suite.document();
    report +=
        (report.size() == 1 ? "" : ",") + ("\n  " + jsonString(file.filename().string())) + ": {\"tests\": [";
    const NodeIndex tests = d.member(0, "tests");
    for (NodeIndex test = tests + 1; test < d[tests].next; test = d[test].next) {
      const std::string title(d.scalar(d.member(test, "title")));
      const std::string problem = suite.run(test);
      ++total;
      if (problem.empty())
        ++passed;
      else
        std::printf("FAIL %s: %s\n    %s\n", file.filename().c_str(), title.c_str(), problem.c_str());
      report += test == tests + 1 ? "\n    " : ",\n    ";
      report += "{\"name\": " + jsonString(title) + ", \"result\": {\"passed\": ";
      report += problem.empty() ? "true}}" : "false, \"reason\": " + jsonString(problem) + "}}";
    }
    report += "]}";
  }
  report += "\n}\n";
  const fs::path report_path =
      argc > 2 ? fs::path(argv[2]) : fs::absolute(argv[0]).parent_path() / "sql-on-fhir-test-report.json";
  if (auto written = tributary::writeFileDurably(report_path, report); !written) {
    std::fprintf(stderr, "%s\n", written.error().text.c_str());
    return 3;
  }
  std::printf("report: %s\nsql-on-fhir: %d of %d\n", report_path.c_str(), passed, total);
  return passed == total ? 0 : 1;
}
