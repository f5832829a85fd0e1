#include "collection/mapping_test.h"

#include <algorithm>

#include "collection/aggregations.h"
#include "collection/file_check.h"
#include "collection/internal/case_file.h"
#include "collection/internal/model.h"
#include "collection/internal/recorder.h"
#include "collection/workbench.h"

namespace tributary::collection {
namespace {

class Runner {
 public:
  Runner(const MappingTestInput& input, MappingReport& report, std::vector<Issue>& issues)
      : input_(input),
        recorder_(std::make_shared<RecordingTerminology>(input.terminology)),
        report_(report),
        issues_(issues) {}

  Result<void> load(const std::filesystem::path& tests) {
    TRY_ASSIGN(settings_, mappingTestSettings(tests));
    TRY_ASSIGN(report_.collection, load(settings_));
    listExpressions();
    listRules();
    Reporter reporter(issues_);
    const auto manifest = readJson(input_.folder / "collection.json", reporter);
    if (manifest != nullptr)
      report_.coverage.entries = mapEntries(input_.folder / manifest->root()["maps"].string(), issues_);
    return {};
  }

  Result<void> run(const std::filesystem::path& folder, bool accept) {
    CaseResult result;
    result.name = folder.filename().string();
    const CaseInput given = readCase(folder, *report_.collection, result.difference);
    collection_ = report_.collection;
    if (!given.settings.empty()) {
      LoadOptions options = settings_;
      for (const auto& [name, value] : given.settings) options.settings[name] = value;
      TRY_ASSIGN(collection_, load(options));
    }
    CaseOutput seen;
    FileCheck file(collection_);
    file_ = given.file ? &file : nullptr;
    TRY_VOID(resources(folder, given, seen, result.difference));
    TRY_VOID(rows(given, seen, result.difference));
    if (given.file) whole(given, file, seen);
    std::sort(seen.issues.begin(), seen.issues.end());
    if (accept) {
      TRY_VOID(writeExpected(folder, seen));
    } else {
      compareExpected(folder, seen, result.difference);
    }
    result.passed = result.difference.empty();
    report_.cases.push_back(std::move(result));
    return {};
  }

  void finish() { recorder_->mark(report_.coverage.entries); }

 private:
  Result<std::shared_ptr<const Collection>> load(const LoadOptions& options) {
    return Collection::load(input_.folder, input_.definitions, recorder_, options, issues_);
  }

  void listExpressions() {
    const Collection::Impl& impl = report_.collection->impl();
    for (const SourcePlan& source : impl.source_plans) {
      for (const ColumnPlan& column : source.columns) {
        const Table& table = impl.tables[source.table];
        if (column.field == kNoField || !table.fields[column.field].sent) continue;
        // What only adds to rows names the row by its key; the cell itself comes from another source.
        const bool key = std::find(table.key.begin(), table.key.end(), column.field) != table.key.end();
        if (key && source.mode == Mode::kFill) continue;
        report_.coverage.expressions[{impl.sources[source.index].name, table.fields[column.field].name}] =
            false;
      }
    }
    if (impl.header_table == kNoTable) return;
    const Table& header = impl.tables[impl.header_table];
    for (const Field& field : header.fields) {
      if (field.sent) report_.coverage.expressions[{header.name, field.name}] = false;
    }
  }

  void listRules() {
    for (const Rule& rule : report_.collection->rules()) {
      const auto& fields = report_.collection->tables()[rule.table].fields;
      const bool held = std::any_of(fields.begin(), fields.end(),
                                    [&](const Field& f) { return f.name == rule.field && !f.sent; });
      if (!held) report_.coverage.rules[rule.id] = Reached::kNo;
    }
  }

  Result<void> resources(const std::filesystem::path& folder, const CaseInput& given, CaseOutput& seen,
                         std::string& difference) {
    Workbench bench(collection_);
    for (const char* name : {"input.json", "input.ndjson"}) {
      if (std::filesystem::exists(folder / name)) TRY_VOID(bench.add(folder / name));
    }
    for (const Issue& issue : bench.issues()) difference += "  input: " + issue.text + "\n";
    ProjectOptions options;
    options.window = given.window ? &*given.window : nullptr;
    Aggregations aggregations(collection_, given.day);
    TRY_ASSIGN(const BenchTotals totals,
               bench.project([&](const std::string&, std::span<const BenchResource* const>,
                                 const Projection& p) {
                               keep(p, Reached::kByResources, seen);
                               aggregations.add(p);
                             },
                             options));
    for (const auto& counted : aggregations.finish()) keepCounted(counted, seen);
    if (totals.unaccounted != 0)
      difference += "  " + std::to_string(totals.unaccounted) + " resources are not accounted for\n";
    return {};
  }

  Result<void> rows(const CaseInput& given, CaseOutput& seen, std::string& difference) {
    if (given.rows.empty()) return {};
    Projector projector(collection_);
    ProjectOptions options;
    options.window = given.window ? &*given.window : nullptr;
    TRY_ASSIGN(const Projection projection, projector.check(given.rows, options));
    keep(projection, Reached::kByRows, seen);
    for (std::size_t i = 0; i < given.rows.size(); ++i) {
      const CaseInput::Claim& claim = given.claims[i];
      if (!claim.rule.empty() && !breaks(projection, i, claim.rule))
        difference += "  rows.json: " + claim.at + " does not break " + claim.rule + "\n";
    }
    return {};
  }

  static bool breaks(const Projection& projection, std::size_t given, const std::string& rule) {
    for (const Row& row : projection.rows) {
      if (row.resource != given) continue;
      for (const RowIssue& issue : projection.issues.subspan(row.first_issue, row.issue_count)) {
        if (issue.issue.rule == rule) return true;
      }
    }
    return false;
  }

  // The header row, and what no row shows alone.
  void whole(const CaseInput& given, FileCheck& file, CaseOutput& seen) {
    const auto tables = collection_->tables();
    HeaderRow header;
    if (given.window) header = collection_->header(*given.window);
    if (given.header) {
      header.cells = *given.header;
      header.issues =
          collection_->checkHeader(std::vector<std::string_view>(header.cells.begin(), header.cells.end()));
    }
    const auto table =
        std::find_if(tables.begin(), tables.end(), [](const Table& t) { return t.scope == Scope::kHeader; });
    if (table != tables.end()) {
      bool good = true;
      for (const Issue& issue : header.issues) {
        const auto rule = std::find_if(collection_->rules().begin(), collection_->rules().end(),
                                       [&](const Rule& r) { return r.id == issue.rule; });
        good = good && issue.severity > Severity::kError;
        complain(issue.rule, issue.path, rule->grade, given.header ? Reached::kByRows : Reached::kByResources,
                 seen);
      }
      CaseCells cells;
      for (std::size_t f = 0; f < header.cells.size(); ++f) {
        if (header.cells[f].empty()) continue;
        cells.emplace(table->fields[f].name, header.cells[f]);
        if (!given.header) report_.coverage.expressions[{table->name, table->fields[f].name}] = true;
      }
      (good ? seen.rows : seen.quarantined)[table->name].push_back(std::move(cells));
    }
    const Reached how = given.rows.empty() ? Reached::kByResources : Reached::kByRows;
    for (const FileFinding& finding : file.finish()) {
      const std::string& name = tables[finding.table].name;
      if (finding.rule == FileFinding::kNoRule) {
        complain("empty-table", name, finding.grade, how, seen);
      } else {
        const Rule& rule = collection_->rules()[finding.rule];
        complain(rule.id, name + "." + rule.field, finding.grade, how, seen);
      }
    }
  }

  void keep(const Projection& projection, Reached how, CaseOutput& seen) {
    const auto tables = collection_->tables();
    std::vector<const Row*> rows;
    for (const Row& row : projection.rows) rows.push_back(&row);
    std::stable_sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) {
      return a->table != b->table ? a->table < b->table : a->key < b->key;
    });
    for (const Row* row : rows) {
      const Table& table = tables[row->table];
      CaseCells cells;
      for (std::size_t f = 0; f < row->cells.size(); ++f) {
        if (!row->cells[f].empty()) cells.emplace(table.fields[f].name, row->cells[f]);
      }
      const bool good =
          row->state == RowState::kOk && (file_ == nullptr || file_->add(row->table, row->key, row->cells));
      (good ? seen.rows : seen.quarantined)[table.name].push_back(std::move(cells));
      const auto lineage = decodeLineage(row->lineage);
      if (how != Reached::kByResources || !lineage) continue;
      for (const CellLineage& cell : *lineage) {
        const auto found = report_.coverage.expressions.find(
            {collection_->sources()[cell.source].name, table.fields[cell.field].name});
        if (found != report_.coverage.expressions.end()) found->second = true;
      }
    }
    for (const RowIssue& issue : projection.issues)
      complain(issue.issue.rule, issue.issue.path, issue.grade, how, seen);
  }

  void complain(const std::string& rule, const std::string& at, Grade grade, Reached how, CaseOutput& seen) {
    seen.issues.push_back({rule, at, std::string(gradeName(grade))});
    const auto found = report_.coverage.rules.find(rule);
    if (found != report_.coverage.rules.end()) found->second = std::max(found->second, how);
  }

  void keepCounted(const Aggregations::Counted& counted, CaseOutput& seen) {
    const Table& table = collection_->tables()[counted.table];
    for (const AggregateRow& row : counted.result.rows) {
      CaseCells cells;
      for (std::size_t f = 0; f < row.cells.size(); ++f) {
        if (!row.cells[f].empty()) cells.emplace(table.fields[f].name, row.cells[f]);
      }
      (row.good ? seen.rows : seen.quarantined)[table.name].push_back(std::move(cells));
      for (const Issue& issue : row.issues) {
        complain(issue.rule, issue.path,
                 issue.severity == Severity::kWarning ? Grade::kWarning : Grade::kRejectRecord,
                 Reached::kByResources, seen);
      }
    }
    for (const Issue& note : counted.result.notes)
      complain(note.rule, note.path, Grade::kWarning, Reached::kByResources, seen);
  }

  const MappingTestInput& input_;
  std::shared_ptr<const RecordingTerminology> recorder_;
  MappingReport& report_;
  std::vector<Issue>& issues_;
  LoadOptions settings_;
  std::shared_ptr<const Collection> collection_;  // with the settings of the case at work
  FileCheck* file_ = nullptr;                     // of the case at work, when it is a whole file
};

template <class Map>
std::size_t countTrue(const Map& map) {
  return static_cast<std::size_t>(
      std::count_if(map.begin(), map.end(), [](const auto& e) { return e.second; }));
}

}  // namespace

std::size_t MappingCoverage::reached() const {
  return countTrue(expressions);
}
std::size_t MappingCoverage::translated() const {
  return countTrue(entries);
}
std::size_t MappingCoverage::broken(Reached at_least) const {
  return static_cast<std::size_t>(
      std::count_if(rules.begin(), rules.end(), [&](const auto& e) { return e.second >= at_least; }));
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

Result<MappingReport> runMappingTests(const MappingTestInput& input, std::vector<Issue>& issues,
                                      bool accept) {
  const std::filesystem::path tests = input.tests.empty() ? input.folder / "tests" : input.tests;
  MappingReport report;
  Runner runner(input, report, issues);
  TRY_VOID(runner.load(tests));
  std::vector<std::filesystem::path> folders;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(tests, code)) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  if (code) return fail(ErrorCode::kNotFound, "there are no tests in " + tests.string());
  std::sort(folders.begin(), folders.end());
  for (const auto& folder : folders) TRY_VOID(runner.run(folder, accept));
  runner.finish();
  return report;
}

}  // namespace tributary::collection
