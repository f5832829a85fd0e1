#include "cli/map_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "cli/collection_bench.h"
#include "cli/map_files.h"
#include "cli/private_file.h"
#include "collection/aggregations.h"
#include "pipeline/feedback.h"

namespace tributary::cli {
namespace {

using collection::Collection;
using collection::Projection;
using collection::Row;
using collection::RowState;

struct MapOptions {
  CollectionInput input;
  std::string folder, format = "csv", layout, feedback, at;
  bool summary = false, resources = false;
};

struct Collected {
  MappedRows rows;                                // good ones
  std::map<std::string, std::size_t> quarantined;                       // "Table: rule text" → rows
  std::map<std::string, std::size_t> warnings, refused, filtered;
  std::vector<std::string> occasions;  // of tables that are counted
};

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

// Tables that are counted over the others.
void keepCounted(const Collection& collection, collection::Aggregations& aggregations, Collected& out) {
  for (const auto& counted : aggregations.finish()) {
    out.occasions.push_back(collection::describeOccasion(collection, counted));
    auto& rows = out.rows[counted.table];
    for (const auto& row : counted.result.rows) {
      if (row.good) rows.push_back(row.cells);
      bool told = false;
      for (const Issue& issue : row.issues) {
        const std::string text = issue.rule + "  " + issue.path + ": " + issue.text;
        if (issue.severity == Severity::kWarning) {
          ++out.warnings[text];
        } else if (!std::exchange(told, true)) {
          ++out.quarantined[text];
        }
      }
    }
    for (const Issue& note : counted.result.notes) ++out.warnings[note.rule + "  " + note.path + ": " + note.text];
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

void writeFeedback(const std::filesystem::path& path, const std::string& findings, std::uint64_t count) {
  auto file = PrivateFile::create(path);
  if (!file) failWith(file.error());
  if (auto written = file->write(findings); !written) failWith(written.error());
  if (auto kept = file->commit(); !kept) failWith(kept.error());
  std::printf("%s: %llu findings\n", path.c_str(), static_cast<unsigned long long>(count));
}

void map(const MapOptions& options) {
  const auto collection = requireCollection(options.input);
  const auto bench = requireResources(options.input, collection);
  Collected collected;
  collection::Aggregations aggregations(collection, countingDay(*collection, options.at));
  pipeline::Feedback feedback(*collection);
  std::string findings;
  const bool with_feedback = !options.feedback.empty() || !options.folder.empty();
  const auto totals =
      bench->project([&](const std::string&, std::span<const collection::BenchResource* const> resources,
                         const Projection& projection) {
        keep(*collection, projection, collected);
        aggregations.add(projection);
        if (with_feedback) feedback.add(projection, findings);
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
  keepCounted(*collection, aggregations, collected);
  std::printf("%s\n", std::string(collection->title()).c_str());
  for (const std::string& occasion : collected.occasions) std::printf("%s\n", occasion.c_str());
  if (!options.folder.empty()) {
    writeMapped(*collection, collected.rows, options.folder, options.format,
                options.layout.empty() ? xmlLayoutOf(options.input) : std::filesystem::path(options.layout));
  } else if (!options.summary) {
    for (const auto& [table, rows] : collected.rows) printTable(collection->tables()[table], rows);
  } else {
    for (const auto& [table, rows] : collected.rows)
      std::printf("%7zu  %s\n", rows.size(), collection->tables()[table].name.c_str());
  }
  if (with_feedback) {
    writeFeedback(options.feedback.empty() ? std::filesystem::path(options.folder) / "feedback.jsonl" : std::filesystem::path(options.feedback),
                  findings, feedback.findings());
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
  addCollectionOptions(*command, options->input);
  command->add_option("-o,--output", options->folder, "write files to this folder instead");
  command->add_option("--format", options->format, "of the files: csv (one a table), csv-zip, ndjson or xml")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kMapFormats), std::end(kMapFormats))))
      ->capture_default_str();
  command->add_option("--layout", options->layout, "with --format xml: file that says how rows become XML; default: the collection's")
      ->check(CLI::ExistingFile);
  command->add_option("--feedback", options->feedback,
                      "file for what is wrong with rows, in the shape of the Data Validation Engine (JSONL, mode 0600: patient data); "
                      "with -o: feedback.jsonl there");
  addCountingDay(*command, options->at);
  command->add_flag("--summary", options->summary, "only counts");
  command->add_flag("--resources", options->resources,
                    "one line for each resource that gives no row, with the reason");
  command->callback([options] { map(*options); });
}

}  // namespace tributary::cli
