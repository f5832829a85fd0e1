#include "pipeline/month_file.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/civil_date.h"
#include "pipeline/forms.h"

namespace tributary::pipeline {

FileLayout layoutOf(const collection::Collection& collection) {
  FileLayout out;
  for (const collection::Table& table : collection.tables()) {
    deliver::TableLayout layout{table.name, {}};
    std::vector<std::uint16_t> fields;
    for (std::uint16_t f = 0; f < table.fields.size(); ++f) {
      if (!table.fields[f].sent) continue;
      layout.columns.push_back(table.fields[f].name);
      fields.push_back(f);
    }
    out.tables.push_back(std::move(layout));
    out.fields.push_back(std::move(fields));
  }
  return out;
}

void columnsOf(const FileLayout& layout, std::size_t t, const std::vector<std::string>& cells, std::vector<std::string_view>& out) {
  out.clear();
  for (const std::uint16_t field : layout.fields[t]) {
    out.push_back(field < cells.size() ? std::string_view(cells[field]) : std::string_view{});
  }
}

FileRules::FileRules(std::shared_ptr<const collection::Collection> collection) : collection_(std::move(collection)), check_(collection_) {}

Result<void> FileRules::add(std::uint16_t table, const store::SubmissionRow& row) {
  TRY_ASSIGN(const auto cells, collection::decodeCells(row.cells));
  const std::size_t fields = collection_->tables()[table].fields.size();
  std::vector<std::string_view> views(cells.begin(), cells.end());
  views.resize(fields);
  if (check_.add(table, row.key, views)) return {};
  const collection::Rule& rule = collection_->rules()[check_.findings().back().rule];
  left_out_.push_back({std::string(row.source), std::string(row.subject), rule.id, "left out before sending: " + rule.text});
  return {};
}

std::vector<std::pair<std::string, std::string>> FileRules::broken() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const collection::FileFinding& finding : check_.findings()) {
    const collection::Rule& rule = collection_->rules()[finding.rule];
    if (std::none_of(out.begin(), out.end(), [&](const auto& one) { return one.first == rule.id; })) out.emplace_back(rule.id, rule.text);
  }
  return out;
}

std::vector<std::string> headerFaults(const collection::Collection& collection, const collection::Window& window, bool whole_month) {
  std::vector<std::string> out;
  const collection::HeaderRow header = collection.header(window);
  for (const Issue& issue : header.issues) {
    if (issue.severity > Severity::kError) continue;
    const auto rules = collection.rules();
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const collection::Rule& one) { return one.id == issue.rule; });
    // Within the month that it speaks of, a file of changes breaks rules about the period by its nature.
    const bool of_period = rule != rules.end() && (rule->kind == "compare" || rule->kind == "calendar");
    if (whole_month || !of_period) out.push_back(issue.path + ": " + issue.text + " (" + issue.rule + ")");
  }
  return out;
}

std::vector<std::string> emptyTables(const collection::Collection& collection, const std::vector<store::SubmissionTable>& tables) {
  std::vector<std::string> out;
  for (const collection::Table& table : collection.tables()) {
    if (!table.mandatory || table.scope == collection::Scope::kHeader) continue;
    const auto part = std::find_if(tables.begin(), tables.end(), [&](const auto& one) { return one.table == table.name; });
    if (part == tables.end() || part->rows == part->deletes) out.push_back("the mandatory table " + table.name + " has no row");
  }
  return out;
}

store::SubmissionRequest wholeMonth(const collection::Collection& collection, const DestinationConfig& destination,
                                    const std::string& month, std::string label) {
  store::SubmissionRequest out;
  out.destination = destination.name;
  out.collection = std::string(collection.id());
  out.window = std::move(label);
  out.format = deliver::formName(destination.format);
  const auto tables = collection.tables();
  for (std::uint16_t t = 0; t < tables.size(); ++t) {
    out.tables.push_back(tables[t].name);
    if (collection.companion(t)) out.companions.push_back(tables[t].name);
  }
  out.scope = store::SubmissionScope::kEverything;
  out.period_from = firstDay(month);
  out.period_to = firstDay(addMonths(month, 1));
  return out;
}

collection::Window monthWindow(std::string_view month, std::string created) { return {firstDay(month), lastDay(month), std::move(created)}; }

Result<MonthFile> writeMonthFile(store::Store& store, std::shared_ptr<const collection::Collection> collection,
                                 const DestinationConfig& destination, const std::string& month, Instant now, std::string created,
                                 const std::filesystem::path& folder) {
  MonthFile out;
  store::SubmissionRequest request = wholeMonth(*collection, destination, month, month);
  const collection::Window window = monthWindow(month, std::move(created));
  FileRules rules(collection);
  std::vector<store::SubmissionTable> counts;
  Result<void> fault;
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t seen, store.previewSubmission(request, [&](const store::SubmissionRow& row) {
    const auto table = collection->findTable(row.table);
    if (counts.empty() || counts.back().table != row.table) counts.push_back({std::string(row.table), row.number, 0, 0});
    ++counts.back().rows;
    counts.back().deletes += row.deleted ? 1 : 0;
    if (table && !row.deleted && rules.watches(*table)) fault = rules.add(*table, row);
    return fault.has_value();
  }));
  TRY_VOID(fault);
  std::set<std::pair<std::string, std::string>> without;
  for (const store::LeftOut& one : rules.leftOut()) without.emplace(one.source, one.subject);
  out.faults = headerFaults(*collection, window, true);
  for (std::string& empty : emptyTables(*collection, counts)) out.faults.push_back(std::move(empty));

  deliver::AssemblyOptions options;
  TRY_VOID(chooseForm(request.format, destination, options));
  options.submission_id = month + "-not-sent";
  options.collection = std::string(collection->id());
  options.window_from = options.window_to = options.generated = now;
  options.whole_month = true;
  options.folder = folder;
  const FileLayout layout = layoutOf(*collection);
  request.tables.clear();
  for (const std::size_t t : deliver::tableOrder(options, layout.tables)) request.tables.push_back(layout.tables[t].name);
  TRY_ASSIGN(deliver::Assembler assembler, deliver::Assembler::create(options, layout.tables));
  std::vector<std::string_view> columns;
  const auto tables = collection->tables();
  if (!tables.empty() && tables[0].scope == collection::Scope::kHeader) {
    const collection::HeaderRow header = collection->header(window);
    columnsOf(layout, 0, header.cells, columns);
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t number, assembler.add(0, columns));
  }
  // A month that is written for people to look at holds what stands, not what is withdrawn.
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t read, store.previewSubmission(request, [&](const store::SubmissionRow& row) {
    const auto table = collection->findTable(row.table);
    if (!table || row.deleted) return true;
    if (without.contains({std::string(row.source), std::string(row.subject)})) {
      ++out.left_out;
      return true;
    }
    const auto cells = collection::decodeCells(row.cells);
    if (!cells) {
      fault = std::unexpected(cells.error());
      return false;
    }
    columnsOf(layout, *table, *cells, columns);
    if (auto number = assembler.add(*table, columns); !number) fault = std::unexpected(number.error());
    ++out.rows;
    return fault.has_value();
  }));
  TRY_VOID(fault);
  TRY_ASSIGN(const deliver::AssembledFile file, assembler.finish());
  out.file = file.submission.file;
  return out;
}

}  // namespace tributary::pipeline
