#include "cli/collection_bench.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>

#include "base/file.h"
#include "collection/aggregations.h"
#include "collection/mapping_test.h"

namespace tributary::cli {

std::filesystem::path collectionFolder(const CollectionInput& input) {
  const auto mappings = input.mappings.empty() ? shareFolder("fhir-mappings") : std::filesystem::path(input.mappings);
  if (!input.collection.empty()) return mappings / input.collection;
  auto named = readFile(mappings / "default");
  if (!named) failWith(fail(ErrorCode::kInvalidArgument, "name the collection with --collection: there is no file " + (mappings / "default").string()).error(), kExitUsage);
  named->erase(std::remove_if(named->begin(), named->end(), [](unsigned char c) { return std::isspace(c) != 0; }), named->end());
  return mappings / *named;
}

std::vector<std::filesystem::path> collectionsBelow(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, code)) {
    if (entry.path().filename() == "collection.json") out.push_back(entry.path().parent_path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void addCollectionOptions(CLI::App& command, CollectionInput& input, bool files_required) {
  command.add_option("files", input.files, "FHIR resources: JSON, NDJSON (also .gz), or folders of them")
      ->required(files_required);
  command.add_option("--collection", input.collection, "folder of the mappings; default: the one that the file `default` beside them names");
  command.add_option("--mappings", input.mappings, "folder that holds collections; default: the shipped one");
  command.add_option("--set", input.settings,
                     "a setting of the collection, NAME=VALUE; default: those of its tests");
}

void printCollectionIssues(const std::vector<Issue>& issues) {
  for (const Issue& issue : issues) {
    const std::string place = issue.line == 0 ? "" : ":" + std::to_string(issue.line) + ":" + std::to_string(issue.column);
    std::fprintf(stderr, "%s%s: %s: %s\n", issue.path.c_str(), place.c_str(), std::string(severityName(issue.severity)).c_str(),
                 issue.text.c_str());
    if (!issue.remedy.empty()) std::fprintf(stderr, "    %s\n", issue.remedy.c_str());
  }
}

CollectionTerms requireTerms(const std::filesystem::path& folder) {
  auto definitions = terminology::Definitions::open(definitionsPath());
  if (!definitions) failWith(definitions.error());
  const auto overlays = collection::Collection::terminologyFolders(folder);
  if (!overlays) failWith(overlays.error(), kExitUsage);
  auto terms = terminology::Terminology::load(*definitions, *overlays);
  if (!terms) failWith(terms.error(), kExitUsage);
  return {*definitions, *terms};
}

std::shared_ptr<const collection::Collection> loadCollection(const std::filesystem::path& folder,
                                                             const collection::LoadOptions& options) {
  const CollectionTerms terms = requireTerms(folder);
  std::vector<Issue> issues;
  auto loaded = collection::Collection::load(folder, terms.definitions, terms.terminology, options, issues);
  printCollectionIssues(issues);
  if (!loaded) failWith(loaded.error(), kExitUsage);
  return *loaded;
}

std::shared_ptr<const collection::Collection> requireCollection(const CollectionInput& input) {
  return requireCollectionIn(collectionFolder(input), input);
}

std::shared_ptr<const collection::Collection> requireCollectionIn(const std::filesystem::path& folder,
                                                                  const CollectionInput& input) {
  collection::LoadOptions options;
  if (auto defaults = collection::mappingTestSettings(folder / "tests")) options = std::move(*defaults);
  for (const std::string& setting : input.settings) {
    const std::size_t sign = setting.find('=');
    if (sign == std::string::npos)
      failWith(fail(ErrorCode::kInvalidArgument, "--set takes NAME=VALUE").error(), kExitUsage);
    options.settings[setting.substr(0, sign)] = setting.substr(sign + 1);
  }
  return loadCollection(folder, options);
}

std::string practiceSettings(const CollectionInput& input) {
  std::string out;
  const auto defaults = collection::mappingTestSettings(collectionFolder(input) / "tests");
  if (!defaults) return out;
  for (const auto& [name, value] : defaults->settings) {
    const bool given = std::any_of(input.settings.begin(), input.settings.end(), [&](const std::string& one) { return one.starts_with(name + "="); });
    if (!given) out += (out.empty() ? "" : ", ") + name + " = " + value;
  }
  return out;
}

std::filesystem::path xmlLayoutOf(const CollectionInput& input) {
  const auto path = collectionFolder(input) / "forms" / "xml.json";
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? path : std::filesystem::path();
}

std::unique_ptr<collection::Workbench> requireResources(
    const CollectionInput& input, std::shared_ptr<const collection::Collection> collection) {
  auto bench = std::make_unique<collection::Workbench>(std::move(collection));
  for (const std::string& file : input.files) {
    if (auto added = bench->add(file); !added) failWith(added.error());
  }
  for (const Issue& issue : bench->issues()) {
    std::fprintf(stderr, "%s:%u:%u: error: %s\n", issue.path.c_str(), issue.line, issue.column,
                 issue.text.c_str());
  }
  if (bench->resources().empty()) {
    std::fprintf(stderr, "error: nothing to work on: no FHIR resource could be read from %s%s\n", input.files.front().c_str(),
                 input.files.size() > 1 ? " and the other files" : "");
    exitWith(kExitData);
  }
  return bench;
}

void addCountingDay(CLI::App& command, std::string& day) {
  command.add_option("--at", day,
                     "count aggregate tables at the latest day of their calendar that is this day (2026-11-19) or before; default: today");
}

std::string countingDay(const collection::Collection& collection, const std::string& given) {
  if (given.empty()) return collection::civilDayOf(collection, std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()));
  const auto counted = collection::aggregateTables(collection);
  for (std::size_t i = 0; i < counted.size(); ++i) {
    if (given.size() == 10 && collection::occasionOn(collection, i, given)) continue;
    failWith(fail(ErrorCode::kInvalidArgument, "--at: '" + given + "' is no day, such as 2026-11-19, or the calendar of " +
                                                   collection.tables()[counted[i].table].name + " starts later")
                 .error(),
             kExitUsage);
  }
  return given;
}

void printTotals(const collection::BenchTotals& totals) {
  std::printf(
      "%llu resources: %llu used by rows, %llu filtered with rule, %llu quarantined, %llu unaccounted\n",
      static_cast<unsigned long long>(totals.resources), static_cast<unsigned long long>(totals.used),
      static_cast<unsigned long long>(totals.filtered), static_cast<unsigned long long>(totals.quarantined),
      static_cast<unsigned long long>(totals.unaccounted));
}

}  // namespace tributary::cli
