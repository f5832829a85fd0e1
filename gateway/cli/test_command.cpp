#include "cli/test_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "cli/collection_bench.h"
#include "cli/mapping_report.h"
#include "collection/mapping_test.h"

namespace tributary::cli {
namespace {

struct TestOptions {
  std::string folder;
  bool accept = false, watch = false, verbose = false, json = false;
};

// What stands below the folders, for --watch: any file that is written, added or removed changes it.
std::size_t stateOf(const std::vector<std::filesystem::path>& folders) {
  std::size_t out = 0;
  std::error_code code;
  for (const auto& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, code)) {
      if (!entry.is_regular_file(code)) continue;
      // Summed, since a folder lists its files in no order.
      out +=
          std::hash<std::string>{}(entry.path().string() + ' ' + std::to_string(entry.file_size(code)) + ' ' +
                                   std::to_string(entry.last_write_time(code).time_since_epoch().count()));
    }
  }
  return out;
}

void printCases(const collection::MappingReport& report, bool verbose) {
  for (const auto& result : report.cases) {
    if (result.passed) {
      if (verbose) std::printf("ok      %s\n", result.name.c_str());
    } else {
      std::printf("FAILED  %s\n%s", result.name.c_str(), result.difference.c_str());
    }
  }
}

void printUnreached(const collection::MappingCoverage& coverage) {
  for (const auto& [expression, reached] : coverage.expressions) {
    if (!reached)
      std::printf("no test reaches %s: %s\n", expression.first.c_str(), expression.second.c_str());
  }
  for (const auto& [entry, reached] : coverage.entries) {
    if (!reached)
      std::printf("no test is translated by %s: %s%s%s\n", entry.map.c_str(), entry.system.c_str(),
                  entry.system.empty() ? "" : "|", entry.code.c_str());
  }
  for (const auto& [rule, reached] : coverage.rules) {
    if (reached == collection::Reached::kNo) std::printf("no test breaks %s\n", rule.c_str());
  }
}

void printSummary(const collection::MappingReport& report) {
  const std::string id(report.collection->id());
  const collection::MappingCoverage& coverage = report.coverage;
  const std::size_t broken = coverage.broken();
  const std::size_t by_resources = coverage.broken(collection::Reached::kByResources);
  std::printf("%s: expressions reached %zu of %zu, map entries reached %zu of %zu\n", id.c_str(),
              coverage.reached(), coverage.expressions.size(), coverage.translated(),
              coverage.entries.size());
  std::printf("%s: rules broken %zu of %zu (%zu by FHIR resources, %zu only by rows written for it)\n",
              id.c_str(), broken, coverage.rules.size(), by_resources, broken - by_resources);
  std::printf("%s: %zu passed, %zu failed\n", id.c_str(), report.cases.size() - report.failed(),
              report.failed());
}

struct Counts {
  std::size_t passed = 0, failed = 0;
};

void runOne(const std::filesystem::path& folder, const TestOptions& options, Counts& counts, std::string& json) {
  const CollectionTerms terms = requireTerms(folder);
  std::vector<Issue> issues;
  const auto report =
      collection::runMappingTests({folder, {}, terms.definitions, terms.terminology}, issues, options.accept);
  printCollectionIssues(issues);
  if (!report) failWith(report.error(), kExitUsage);
  counts.failed += report->failed();
  counts.passed += report->cases.size() - report->failed();
  if (options.json) {
    json += (json.empty() ? "" : ",\n") + mappingReportJson(*report);
    return;
  }
  printCases(*report, options.verbose);
  if (options.verbose) printUnreached(report->coverage);
  printSummary(*report);
}

// Runs again whenever a file of the collections, or of their profiles, changes.
[[noreturn]] void watch(const std::filesystem::path& folder, const std::function<std::size_t()>& run) {
  using std::chrono::milliseconds;
  std::vector<std::filesystem::path> folders = {folder};
  for (const auto& collection : collectionsBelow(folder)) {
    if (const auto overlays = collection::Collection::terminologyFolders(collection))
      folders.insert(folders.end(), overlays->begin(), overlays->end());
  }
  while (true) {
    const std::size_t seen = stateOf(folders);
    try {
      run();
    } catch (const CLI::RuntimeError&) {  // told already; the next change may mend it
    }
    std::printf("watching %s\n", folder.c_str());
    std::fflush(stdout);
    while (stateOf(folders) == seen) std::this_thread::sleep_for(milliseconds(200));
    std::this_thread::sleep_for(milliseconds(50));  // an editor may write in several steps
  }
}

void test(const TestOptions& options) {
  const auto folder =
      options.folder.empty() ? shareFolder("fhir-mappings") : std::filesystem::path(options.folder);
  const auto run = [&] {
    Counts counts;
    const auto collections = collectionsBelow(folder);
    if (collections.empty())
      failWith(fail(ErrorCode::kNotFound, "there is no collection below " + folder.string()).error(),
               kExitUsage);
    std::string json;
    for (const auto& collection : collections) runOne(collection, options, counts, json);
    if (options.json) {
      std::printf("[%s]\n", json.c_str());
    } else if (collections.size() > 1) {
      std::printf("%zu passed, %zu failed\n", counts.passed, counts.failed);
    }
    return counts.failed;
  };
  std::size_t failed = 0;
  if (!options.watch) {
    failed = run();
  } else {
    watch(folder, run);
  }
  if (failed != 0) exitWith(kExitData);
}

}  // namespace

void addTestCommand(CLI::App& root) {
  auto options = std::make_shared<TestOptions>();
  CLI::App* const command = root.add_subcommand("test", "Run the mapping tests beside the collections");
  command->add_option("folder", options->folder, "folder with collections; default: the shipped ones");
  CLI::Option* const accept =
      command->add_flag("--accept", options->accept,
                        "write what comes as what is expected (then read the difference in git)");
  command->add_flag("--watch", options->watch, "run again whenever a file changes")->excludes(accept);
  command->add_flag(
      "--json", options->json,
      "for programs: cases, tables, rules, expressions and map entries, and what the tests reached");
  command->add_flag("-v,--verbose", options->verbose, "also name what passed and what no test reaches");
  command->callback([options] { test(*options); });
}

}  // namespace tributary::cli
