#include "cli/map_command.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "cli/collection_bench.h"
#include "cli/compare_command.h"
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
  CompareOptions compare;
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

// Characters a line; 120 where the output is no terminal.
std::size_t screenWidth() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return known ? std::max<std::size_t>(size.ws_col, 60) : 120;
}

// Characters of a UTF-8 text.
std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Cut, or filled up with blanks, to a number of characters.
std::string fitted(std::string_view text, std::size_t width) {
  std::string out;
  std::size_t count = 0;
  const bool cut = length(text) > width;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts && count + (cut ? 1 : 0) == width) break;
    count += starts ? 1 : 0;
    out += c;
  }
  if (cut) out += "…";
  return out + std::string(width - count - (cut ? 1 : 0), ' ');
}

using Rows = std::vector<std::vector<std::string>>;

// A table that is wider than the screen comes in blocks, each with its key in front.
void printTable(const collection::Table& table, const Rows& rows) {
  std::printf("\n%s  (%zu rows)\n", table.name.c_str(), rows.size());
  constexpr std::size_t kWidest = 28, kMost = 50;
  const std::size_t screen = screenWidth();
  std::vector<std::size_t> width(table.fields.size());
  std::vector<std::size_t> keys, rest;
  // What tells the rows apart comes in front of each block; a column that says the same in all of them does not.
  const auto differs = [&](std::size_t f) {
    return rows.size() < 2 || std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row[f] != rows.front()[f]; });
  };
  for (std::size_t f = 0; f < table.fields.size(); ++f) {
    for (std::size_t r = 0; r < std::min(rows.size(), kMost); ++r) width[f] = std::max(width[f], length(rows[r][f]));
    if (width[f] == 0) continue;
    width[f] = std::min(kWidest, std::max(width[f], table.fields[f].name.size()));
    const bool key = std::find(table.key.begin(), table.key.end(), f) != table.key.end();
    (key && keys.size() < 2 && differs(f) ? keys : rest).push_back(f);
  }
  const auto block = [&](const std::vector<std::size_t>& fields) {
    std::string line;
    for (const std::size_t f : fields) line += fitted(table.fields[f].name, width[f]) + "  ";
    std::printf("  %s\n", line.c_str());
    for (std::size_t r = 0; r < std::min(rows.size(), kMost); ++r) {
      line.clear();
      for (const std::size_t f : fields) line += fitted(rows[r][f], width[f]) + "  ";
      std::printf("  %s\n", line.c_str());
    }
  };
  std::size_t next = 0;
  do {
    std::vector<std::size_t> fields = keys;
    std::size_t used = 2;
    for (const std::size_t f : keys) used += width[f] + 2;
    for (bool first = true; next < rest.size() && (first || used + width[rest[next]] <= screen); first = false) {
      used += width[rest[next]] + 2;
      fields.push_back(rest[next++]);
    }
    block(fields);
  } while (next < rest.size());
  if (rows.size() > kMost) std::printf("  … %zu more; -o DIR writes them all\n", rows.size() - kMost);
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
  if (const std::string practice = practiceSettings(options.input); !practice.empty())
    std::printf("Settings of its tests, for practice (--set gives yours): %s\n", practice.c_str());
  for (const std::string& occasion : collected.occasions) std::printf("%s\n", occasion.c_str());
  if (!options.folder.empty()) {
    writeMapped(*collection, collected.rows, options.folder, options.format,
                options.layout.empty() ? xmlLayoutOf(options.input) : std::filesystem::path(options.layout));
    for (const auto& table : collection->tables()) {
      if (table.scope != collection::Scope::kHeader) continue;
      std::printf("%s is not written: its row tells a window of submission, which a gateway's destination has and files have not\n", table.name.c_str());
    }
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
  if (const std::size_t unread = bench->issues().size(); unread != 0) {
    std::printf("! %zu %s not be read, and %s not counted here: see stderr\n", unread, unread == 1 ? "text could" : "texts could", unread == 1 ? "is" : "are");
    exitWith(kExitData);
  }
  if (totals->unaccounted != 0) exitWith(kExitData);
}

}  // namespace

void addMapCommand(CLI::App& root) {
  auto options = std::make_shared<MapOptions>();
  CLI::App* const command = root.add_subcommand("map", "Show the national rows that FHIR resources give");
  addCollectionOptions(*command, options->input, false);
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
  command->add_option("--compare", options->compare.other,
                      "other mappings (a folder with collection.json): show what they would change");
  command->add_option("-c,--config", options->compare.config,
                      "with --compare: the current resources of this gateway instead of files, read beside it")
      ->check(CLI::ExistingFile);
  command->add_option("--examples", options->compare.examples, "with --compare: examples to show a field")
      ->capture_default_str();
  command->footer(
      "Ends with 0; with 1 when a resource is unaccounted for, a text in a file is no FHIR, or --compare finds a difference; with 2 "
      "when the arguments or the mappings are wrong (file and line are told); with 3 when a file cannot be read.");
  command->callback([options] { map(*options); });
}

}  // namespace tributary::cli
