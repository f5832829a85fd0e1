#include "collection/mapping_test.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "collection/internal/model.h"
#include "collection/workbench.h"
#include "fhir/json_writer.h"

namespace tributary::collection {
namespace {

using Cells = std::map<std::string, std::string>;          // field → value
using Tables = std::map<std::string, std::vector<Cells>>;  // table → rows
using Complaint = std::array<std::string, 3>;              // rule, at, grade

struct Seen {
  Tables rows, quarantined;
  std::vector<Complaint> issues;
};

std::string jsonText(std::string_view text) {
  std::string out;
  fhir::writeJsonString(text, out);
  return out;
}

std::string rowText(const Cells& cells) {
  std::string out = "{";
  for (const auto& [field, value] : cells)
    out += (out.size() > 1 ? ", " : "") + jsonText(field) + ": " + jsonText(value);
  return out + "}";
}

std::string tablesText(const Tables& tables) {
  std::string out = "{";
  for (const auto& [table, rows] : tables) {
    out += (out.size() > 1 ? ",\n    " : "\n    ") + jsonText(table) + ": [";
    for (std::size_t i = 0; i < rows.size(); ++i)
      out += (i == 0 ? "\n      " : ",\n      ") + rowText(rows[i]);
    out += "\n    ]";
  }
  return out + (tables.empty() ? "}" : "\n  }");
}

std::string issueText(const Complaint& issue) {
  return "{\"rule\": " + jsonText(issue[0]) + ", \"at\": " + jsonText(issue[1]) +
         ", \"grade\": " + jsonText(issue[2]) + "}";
}

Tables readTables(const Json& tables) {
  Tables out;
  for (const auto& [table, rows] : tables.members()) {
    auto& list = out[std::string(table)];
    for (const Json& row : rows.items()) {
      Cells cells;
      for (const auto& [field, value] : row.members()) cells.emplace(field, value.text());
      list.push_back(std::move(cells));
    }
  }
  return out;
}

void compareTables(const std::string& what, const Tables& expected, const Tables& got,
                   std::string& difference) {
  std::set<std::string> names;
  for (const auto& [name, rows] : expected) names.insert(name);
  for (const auto& [name, rows] : got) names.insert(name);
  for (const std::string& name : names) {
    static const std::vector<Cells> kNone;
    const auto e = expected.find(name);
    const auto g = got.find(name);
    const std::vector<Cells>& wanted = e == expected.end() ? kNone : e->second;
    const std::vector<Cells>& came = g == got.end() ? kNone : g->second;
    for (std::size_t i = 0; i < std::max(wanted.size(), came.size()); ++i) {
      const std::string at = "  " + what + " " + name + "[" + std::to_string(i) + "]";
      if (i >= came.size()) {
        difference += at + " is missing: " + rowText(wanted[i]) + "\n";
      } else if (i >= wanted.size()) {
        difference += at + " is not expected: " + rowText(came[i]) + "\n";
      } else if (wanted[i] != came[i]) {
        std::set<std::string> fields;
        for (const auto& [field, value] : wanted[i]) fields.insert(field);
        for (const auto& [field, value] : came[i]) fields.insert(field);
        for (const std::string& field : fields) {
          const auto w = wanted[i].find(field), c = came[i].find(field);
          const std::string a = w == wanted[i].end() ? "(empty)" : jsonText(w->second);
          const std::string b = c == came[i].end() ? "(empty)" : jsonText(c->second);
          if (a != b) difference += at + "." + field + ": expected " + a + ", got " + b + "\n";
        }
      }
    }
  }
}

class Runner {
 public:
  Runner(std::shared_ptr<const Collection> collection, MappingReport& report)
      : collection_(std::move(collection)), report_(report) {
    const Collection::Impl& impl = collection_->impl();
    for (const SourcePlan& source : impl.source_plans) {
      for (const ColumnPlan& column : source.columns) {
        const Table& table = impl.tables[source.table];
        if (column.field == kNoField || !table.fields[column.field].sent) continue;
        // What only adds to rows names the row by its key; the cell itself comes from another source.
        const bool key = std::find(table.key.begin(), table.key.end(), column.field) != table.key.end();
        if (key && source.mode == Mode::kFill) continue;
        report_.coverage.expressions[{impl.sources[source.index].name,
                                      impl.tables[source.table].fields[column.field].name}] = false;
      }
    }
    for (const Rule& rule : impl.rules) report_.coverage.rules[rule.id] = false;
  }

  Result<void> run(const std::filesystem::path& folder, bool accept) {
    CaseResult result;
    result.name = folder.filename().string();
    Seen seen;
    TRY_VOID(project(folder, seen, result.difference));
    if (accept) {
      TRY_VOID(write(folder, seen));
    } else {
      compare(folder, seen, result.difference);
    }
    result.passed = result.difference.empty();
    report_.cases.push_back(std::move(result));
    return {};
  }

 private:
  Result<void> project(const std::filesystem::path& folder, Seen& seen, std::string& difference) {
    Workbench bench(collection_);
    for (const char* name : {"input.json", "input.ndjson"}) {
      if (std::filesystem::exists(folder / name)) TRY_VOID(bench.add(folder / name));
    }
    for (const Issue& issue : bench.issues()) difference += "  input: " + issue.text + "\n";
    ProjectOptions options;
    Window window;
    if (std::filesystem::exists(folder / "case.json")) {
      std::vector<Issue> issues;
      Reporter reporter(issues);
      const auto file = readJson(folder / "case.json", reporter);
      if (file == nullptr)
        return fail(ErrorCode::kMalformed, (folder / "case.json").string() + " cannot be read");
      const Json at = file->root()["window"];
      window = {at["start"].string(), at["end"].string(), at["created"].string()};
      if (at) options.window = &window;
    }
    TRY_ASSIGN(const BenchTotals totals,
               bench.project([&](const std::string&, std::span<const BenchResource* const>,
                                 const Projection& p) { keep(p, seen); },
                             options));
    if (totals.unaccounted != 0)
      difference += "  " + std::to_string(totals.unaccounted) + " resources are not accounted for\n";
    std::sort(seen.issues.begin(), seen.issues.end());
    return {};
  }

  void keep(const Projection& projection, Seen& seen) {
    const auto tables = collection_->tables();
    std::vector<const Row*> rows;
    for (const Row& row : projection.rows) rows.push_back(&row);
    std::stable_sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) {
      return a->table != b->table ? a->table < b->table : a->key < b->key;
    });
    for (const Row* row : rows) {
      const Table& table = tables[row->table];
      Cells cells;
      for (std::size_t f = 0; f < row->cells.size(); ++f) {
        if (!row->cells[f].empty()) cells.emplace(table.fields[f].name, row->cells[f]);
      }
      (row->state == RowState::kOk ? seen.rows : seen.quarantined)[table.name].push_back(std::move(cells));
      const auto lineage = decodeLineage(row->lineage);
      if (!lineage) continue;
      for (const CellLineage& cell : *lineage) {
        const auto found = report_.coverage.expressions.find(
            {collection_->sources()[cell.source].name, table.fields[cell.field].name});
        if (found != report_.coverage.expressions.end()) found->second = true;
      }
    }
    for (const RowIssue& issue : projection.issues) {
      seen.issues.push_back({issue.issue.rule, issue.issue.path, std::string(gradeName(issue.grade))});
      const auto found = report_.coverage.rules.find(issue.issue.rule);
      if (found != report_.coverage.rules.end()) found->second = true;
    }
  }

  static Result<void> write(const std::filesystem::path& folder, const Seen& seen) {
    const std::string rows = "{\n  \"rows\": " + tablesText(seen.rows) +
                             ",\n  \"quarantined\": " + tablesText(seen.quarantined) + "\n}\n";
    TRY_VOID(writeFileDurably(folder / "expected.json", rows));
    std::string issues = "[";
    for (const Complaint& issue : seen.issues)
      issues += (issues.size() > 1 ? ",\n  " : "\n  ") + issueText(issue);
    issues += seen.issues.empty() ? "]\n" : "\n]\n";
    return writeFileDurably(folder / "expected-issues.json", issues);
  }

  static void compare(const std::filesystem::path& folder, const Seen& seen, std::string& difference) {
    std::vector<Issue> faults;
    Reporter reporter(faults);
    if (const auto file = readJson(folder / "expected.json", reporter); file != nullptr) {
      compareTables("row", readTables(file->root()["rows"]), seen.rows, difference);
      compareTables("quarantined", readTables(file->root()["quarantined"]), seen.quarantined, difference);
    }
    if (std::filesystem::exists(folder / "expected-issues.json")) {
      if (const auto file = readJson(folder / "expected-issues.json", reporter); file != nullptr) {
        std::vector<Complaint> expected;
        for (const Json& issue : file->root().items()) {
          expected.push_back({issue["rule"].string(), issue["at"].string(), issue["grade"].string()});
        }
        std::sort(expected.begin(), expected.end());
        std::vector<Complaint> missing, extra;
        std::set_difference(expected.begin(), expected.end(), seen.issues.begin(), seen.issues.end(),
                            std::back_inserter(missing));
        std::set_difference(seen.issues.begin(), seen.issues.end(), expected.begin(), expected.end(),
                            std::back_inserter(extra));
        for (const Complaint& issue : missing) difference += "  issue is missing: " + issueText(issue) + "\n";
        for (const Complaint& issue : extra)
          difference += "  issue is not expected: " + issueText(issue) + "\n";
      }
    }
    for (const Issue& fault : faults)
      difference += "  " + fault.path + ":" + std::to_string(fault.line) + ": " + fault.text + "\n";
  }

  std::shared_ptr<const Collection> collection_;
  MappingReport& report_;
};

}  // namespace

std::size_t MappingCoverage::reached() const {
  return static_cast<std::size_t>(
      std::count_if(expressions.begin(), expressions.end(), [](const auto& e) { return e.second; }));
}
std::size_t MappingCoverage::broken() const {
  return static_cast<std::size_t>(
      std::count_if(rules.begin(), rules.end(), [](const auto& e) { return e.second; }));
}
std::size_t MappingReport::failed() const {
  return static_cast<std::size_t>(
      std::count_if(cases.begin(), cases.end(), [](const CaseResult& c) { return !c.passed; }));
}

Result<LoadOptions> mappingTestSettings(const std::filesystem::path& tests) {
  std::vector<Issue> issues;
  Reporter reporter(issues);
  const auto file = readJson(tests / "settings.json", reporter);
  if (file == nullptr)
    return fail(ErrorCode::kNotFound, (tests / "settings.json").string() + " cannot be read");
  LoadOptions options;
  for (const auto& [name, value] : file->root().members()) options.settings.emplace(name, value.text());
  return options;
}

Result<MappingReport> runMappingTests(std::shared_ptr<const Collection> collection,
                                      const std::filesystem::path& tests, bool accept) {
  MappingReport report;
  Runner runner(std::move(collection), report);
  std::vector<std::filesystem::path> folders;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(tests, code)) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  if (code) return fail(ErrorCode::kNotFound, "there are no tests in " + tests.string());
  std::sort(folders.begin(), folders.end());
  for (const auto& folder : folders) TRY_VOID(runner.run(folder, accept));
  return report;
}

}  // namespace tributary::collection
