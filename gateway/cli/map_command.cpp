#include "cli/map_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/collection_bench.h"
#include "cli/compare_command.h"

namespace tributary::cli {
namespace {

using collection::Collection;
using collection::Projection;
using collection::Row;
using collection::RowState;

struct MapOptions {
  CollectionInput input;
  CompareOptions compare;
  std::string folder;
  bool summary = false, resources = false;
};

struct Collected {
  std::map<std::uint16_t, std::vector<std::vector<std::string>>> rows;  // good ones
  std::map<std::string, std::size_t> quarantined;                       // "Table: rule text" → rows
  std::map<std::string, std::size_t> warnings, refused, filtered;
};

std::string csvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

void keep(const Collection& collection, const Projection& projection, Collected& out) {
  for (const Row& row : projection.rows) {
    const auto& table = collection.tables()[row.table];
    if (row.state == RowState::kOk) out.rows[row.table].emplace_back(row.cells.begin(), row.cells.end());
    bool told = false;
    for (const auto& issue : projection.issues.subspan(row.first_issue, row.issue_count)) {
      const std::string text = issue.issue.rule + "  " + issue.issue.path + ": " + issue.issue.text;
      if (issue.grade == collection::Grade::kWarning) {
        ++out.warnings[text];
      } else if (!std::exchange(told, true)) {
        ++out.quarantined[text];
      }
    }
    if (row.state == RowState::kQuarantined && !told) ++out.quarantined["?  " + table.name];
  }
}

void printTable(const collection::Table& table, const std::vector<std::vector<std::string>>& rows) {
  std::printf("\n%s  (%zu rows)\n", table.name.c_str(), rows.size());
  std::vector<std::size_t> shown;
  std::vector<std::size_t> width(table.fields.size());
  constexpr std::size_t kWidest = 24, kMost = 50;
  for (std::size_t f = 0; f < table.fields.size(); ++f) {
    for (const auto& row : rows) width[f] = std::max(width[f], row[f].size());
    if (width[f] == 0) continue;
    width[f] = std::min(kWidest, std::max(width[f], table.fields[f].name.size()));
    shown.push_back(f);
  }
  const auto print = [&](std::size_t f, const std::string& text) {
    std::printf("%-*.*s  ", static_cast<int>(width[f]), static_cast<int>(width[f]), text.c_str());
  };
  for (const std::size_t f : shown) print(f, table.fields[f].name);
  std::printf("\n");
  for (std::size_t r = 0; r < std::min(rows.size(), kMost); ++r) {
    for (const std::size_t f : shown) print(f, rows[r][f]);
    std::printf("\n");
  }
  if (rows.size() > kMost) std::printf("… %zu more; -o DIR writes them all\n", rows.size() - kMost);
}

void printCounts(const char* title, const std::map<std::string, std::size_t>& counts) {
  if (counts.empty()) return;
  std::printf("\n%s\n", title);
  for (const auto& [text, count] : counts) std::printf("%7zu  %s\n", count, text.c_str());
}

void writeFiles(const Collection& collection, const Collected& rows, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const auto& [index, list] : rows.rows) {
    const auto& table = collection.tables()[index];
    std::string text;
    for (const auto& field : table.fields) {
      if (field.sent) text += (text.empty() ? "" : ",") + field.name;
    }
    for (const auto& row : list) {
      text += "\r\n";
      bool first = true;
      for (std::size_t f = 0; f < row.size(); ++f) {
        if (!table.fields[f].sent) continue;
        if (!std::exchange(first, false)) text += ',';
        text += csvCell(row[f]);
      }
    }
    text += "\r\n";
    const auto path = folder / (table.name + ".csv");
    if (auto written = writeFileDurably(path, text); !written) failWith(written.error());
    std::printf("%s: %zu rows\n", path.c_str(), list.size());
  }
}

void map(const MapOptions& options) {
  const bool gateway = !options.compare.config.empty();
  if (options.input.files.empty() == !gateway) {
    failWith(fail(ErrorCode::kInvalidArgument, gateway ? "give files, or a gateway with -c, not both"
                                                       : "name files with FHIR resources")
                 .error(),
             kExitUsage);
  }
  if (!options.compare.other.empty()) return compareMappings(options.input, options.compare);
  if (gateway) {
    failWith(fail(ErrorCode::kInvalidArgument, "-c goes with --compare; rows of a gateway are in its ledger").error(),
             kExitUsage);
  }
  const auto collection = requireCollection(options.input);
  const auto bench = requireResources(options.input, collection);
  Collected collected;
  const auto totals =
      bench->project([&](const std::string&, std::span<const collection::BenchResource* const> resources,
                         const Projection& projection) {
        keep(*collection, projection, collected);
        for (std::size_t i = 0; i < projection.outcomes.size(); ++i) {
          const auto& outcome = projection.outcomes[i];
          const std::string text = std::string(resources[i]->document.resourceType()) + "  " +
                                   std::string(outcome.rule) + ": " + std::string(outcome.reason);
          if (outcome.outcome == collection::Outcome::kFiltered) ++collected.filtered[text];
          if (outcome.outcome == collection::Outcome::kQuarantined) ++collected.refused[text];
          if (options.resources && outcome.outcome != collection::Outcome::kUsed) {
            std::printf("%s:%u  %s\n", resources[i]->file.c_str(), resources[i]->line, text.c_str());
          }
        }
      });
  if (!totals) failWith(totals.error());
  if (!options.folder.empty()) {
    writeFiles(*collection, collected, options.folder);
  } else if (!options.summary) {
    for (const auto& [table, rows] : collected.rows) printTable(collection->tables()[table], rows);
  } else {
    for (const auto& [table, rows] : collected.rows)
      std::printf("%7zu  %s\n", rows.size(), collection->tables()[table].name.c_str());
  }
  printCounts("Quarantined rows, by rule", collected.quarantined);
  printCounts("Warnings", collected.warnings);
  printCounts("Quarantined resources", collected.refused);
  printCounts("Filtered resources", collected.filtered);
  std::printf("\n");
  printTotals(*totals);
  if (totals->unaccounted != 0) exitWith(kExitData);
}

}  // namespace

void addMapCommand(CLI::App& root) {
  auto options = std::make_shared<MapOptions>();
  CLI::App* const command = root.add_subcommand("map", "Show the national rows that FHIR resources give");
  addCollectionOptions(*command, options->input, false);
  command->add_option("-o,--output", options->folder, "write a CSV file a table to this folder instead");
  command->add_flag("--summary", options->summary, "only counts");
  command->add_flag("--resources", options->resources,
                    "one line for each resource that gives no row, with the reason");
  command->add_option("--compare", options->compare.other,
                      "other mappings (a folder with collection.json): show what they would change");
  command->add_option("-c,--config", options->compare.config,
                      "with --compare: the current resources of this gateway instead of files, read beside it")
      ->check(CLI::ExistingFile);
  command->add_option("--examples", options->compare.examples, "with --compare: examples to show a field")
      ->capture_default_str();
  command->footer(
      "Ends with 0; with 1 when a resource is unaccounted for or --compare finds a difference; with 2 when the "
      "arguments or the mappings are wrong (file and line are told); with 3 when a file cannot be read.");
  command->callback([options] { map(*options); });
}

}  // namespace tributary::cli
