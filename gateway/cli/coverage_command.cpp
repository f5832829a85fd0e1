#include "cli/coverage_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "cli/collection_bench.h"
#include "collection/aggregations.h"

namespace tributary::cli {
namespace {

using collection::Collection;
using collection::Projection;

struct FieldCount {
  std::size_t filled = 0;
  std::map<std::string, std::size_t> problems;
};
struct TableCount {
  std::size_t rows = 0, quarantined = 0;
  std::vector<FieldCount> fields;
};

const char* mandationText(collection::Mandation mandation) {
  switch (mandation) {
    case collection::Mandation::kMandatory:
      return "M";
    case collection::Mandation::kRequired:
      return "R";
    case collection::Mandation::kOptional:
      return "O";
    case collection::Mandation::kPilot:
      return "P";
    case collection::Mandation::kRemoved:
      return "-";
    case collection::Mandation::kUnknown:
      return "?";
  }
  return "?";
}

void count(const Collection& collection, const Projection& projection, std::vector<TableCount>& counts) {
  for (const auto& row : projection.rows) {
    TableCount& table = counts[row.table];
    ++table.rows;
    table.quarantined += row.state == collection::RowState::kQuarantined ? 1 : 0;
    for (std::size_t f = 0; f < row.cells.size(); ++f) table.fields[f].filled += row.cells[f].empty() ? 0 : 1;
    for (const auto& issue : projection.issues.subspan(row.first_issue, row.issue_count)) {
      if (issue.rule == collection::RowIssue::kNoRule) continue;
      const std::string& name = collection.rules()[issue.rule].field;
      const auto& fields = collection.tables()[row.table].fields;
      for (std::size_t f = 0; f < fields.size(); ++f) {
        if (fields[f].name == name) ++table.fields[f].problems[issue.issue.rule + " " + issue.issue.text];
      }
    }
  }
}

void count(const std::vector<collection::Aggregations::Counted>& all, std::vector<TableCount>& counts) {
  for (const auto& counted : all) {
    TableCount& table = counts[counted.table];
    for (const auto& row : counted.result.rows) {
      ++table.rows;
      table.quarantined += row.good ? 0 : 1;
      for (std::size_t f = 0; f < row.cells.size(); ++f) table.fields[f].filled += row.cells[f].empty() ? 0 : 1;
    }
  }
}

void print(const Collection& collection, const std::vector<TableCount>& counts) {
  std::size_t sent = 0, filled = 0;
  for (std::size_t t = 0; t < counts.size(); ++t) {
    const auto& table = collection.tables()[t];
    if (table.scope == collection::Scope::kHeader) {
      for (const auto& field : table.fields) sent += field.sent ? 1 : 0, filled += field.sent ? 1 : 0;
      continue;
    }
    std::printf("\n%s  %zu rows, %zu quarantined\n", table.name.c_str(), counts[t].rows,
                counts[t].quarantined);
    for (std::size_t f = 0; f < table.fields.size(); ++f) {
      const FieldCount& field = counts[t].fields[f];
      if (!table.fields[f].sent) {
        std::printf("  %-40s %s  not sent\n", table.fields[f].name.c_str(),
                    mandationText(table.fields[f].mandation));
        continue;
      }
      ++sent;
      filled += field.filled != 0 ? 1 : 0;
      const double share = counts[t].rows == 0 ? 0.0
                                               : 100.0 * static_cast<double>(field.filled) /
                                                     static_cast<double>(counts[t].rows);
      std::printf("  %-40s %s  %8zu filled  %8zu empty  %5.1f %%\n", table.fields[f].name.c_str(),
                  mandationText(table.fields[f].mandation), field.filled, counts[t].rows - field.filled,
                  share);
      for (const auto& [text, number] : field.problems) std::printf("      %7zu  %s\n", number, text.c_str());
    }
  }
  std::printf("\ncoverage: %zu of %zu fields filled at least once\n", filled, sent);
}

void coverage(const CollectionInput& input, const std::string& at) {
  const auto collection = requireCollection(input);
  const auto bench = requireResources(input, collection);
  std::vector<TableCount> counts(collection->tables().size());
  for (std::size_t t = 0; t < counts.size(); ++t)
    counts[t].fields.resize(collection->tables()[t].fields.size());
  collection::Aggregations aggregations(collection, countingDay(*collection, at));
  collection::ProjectOptions options;
  options.lineage = false;
  const auto totals =
      bench->project([&](const std::string&, std::span<const collection::BenchResource* const>,
                         const Projection& projection) {
                       count(*collection, projection, counts);
                       aggregations.add(projection);
                     },
                     options);
  if (!totals) failWith(totals.error());
  count(aggregations.finish(), counts);
  std::printf("%s\n", std::string(collection->title()).c_str());
  print(*collection, counts);
  printTotals(*totals);
}

}  // namespace

void addCoverageCommand(CLI::App& root) {
  auto input = std::make_shared<CollectionInput>();
  auto at = std::make_shared<std::string>();
  CLI::App* const command = root.add_subcommand(
      "coverage", "Show which national fields FHIR resources fill, and which codes do not fit");
  addCollectionOptions(*command, *input);
  addCountingDay(*command, *at);
  command->callback([input, at] { coverage(*input, *at); });
}

}  // namespace tributary::cli
