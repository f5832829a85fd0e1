#include "cli/test_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "cli/collection_bench.h"
#include "collection/mapping_test.h"

namespace tributary::cli {
namespace {

struct TestOptions {
  std::string folder;
  bool accept = false, watch = false, verbose = false;
};

std::vector<std::filesystem::path> collectionsBelow(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, code)) {
    if (entry.path().filename() == "collection.json") out.push_back(entry.path().parent_path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The newest change below a folder, for --watch.
std::filesystem::file_time_type newest(const std::filesystem::path& folder) {
  std::filesystem::file_time_type out{};
  std::error_code code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, code)) {
    if (entry.is_regular_file(code)) out = std::max(out, entry.last_write_time(code));
  }
  return out;
}

std::size_t runOne(const std::filesystem::path& folder, const TestOptions& options) {
  const auto settings = collection::mappingTestSettings(folder / "tests");
  if (!settings) failWith(settings.error(), kExitUsage);
  const auto collection = loadCollection(folder, *settings);
  const auto report = collection::runMappingTests(collection, folder / "tests", options.accept);
  if (!report) failWith(report.error());
  for (const auto& result : report->cases) {
    if (result.passed) {
      if (options.verbose) std::printf("ok      %s\n", result.name.c_str());
    } else {
      std::printf("FAILED  %s\n%s", result.name.c_str(), result.difference.c_str());
    }
  }
  if (options.verbose) {
    for (const auto& [expression, reached] : report->coverage.expressions) {
      if (!reached)
        std::printf("no test reaches %s: %s\n", expression.first.c_str(), expression.second.c_str());
    }
  }
  std::printf("%s: expressions reached %zu of %zu, rules broken %zu of %zu\n",
              std::string(collection->id()).c_str(), report->coverage.reached(),
              report->coverage.expressions.size(), report->coverage.broken(), report->coverage.rules.size());
  std::printf("%s: %zu passed, %zu failed\n", std::string(collection->id()).c_str(),
              report->cases.size() - report->failed(), report->failed());
  return report->failed();
}

void test(const TestOptions& options) {
  const auto folder =
      options.folder.empty() ? shareFolder("fhir-mappings") : std::filesystem::path(options.folder);
  const auto run = [&] {
    std::size_t failed = 0;
    const auto collections = collectionsBelow(folder);
    if (collections.empty())
      failWith(fail(ErrorCode::kNotFound, "there is no collection below " + folder.string()).error(),
               kExitUsage);
    for (const auto& collection : collections) failed += runOne(collection, options);
    return failed;
  };
  std::size_t failed = 0;
  if (!options.watch) {
    failed = run();
  } else {
    for (auto seen = newest(folder);; std::this_thread::sleep_for(std::chrono::milliseconds(200))) {
      try {
        run();
      } catch (const CLI::RuntimeError&) {  // told already; the next change may mend it
      }
      std::printf("watching %s\n", folder.c_str());
      std::fflush(stdout);
      while (newest(folder) == seen) std::this_thread::sleep_for(std::chrono::milliseconds(200));
      seen = newest(folder);
    }
  }
  if (failed != 0) exitWith(kExitData);
}

}  // namespace

void addTestCommand(CLI::App& root) {
  auto options = std::make_shared<TestOptions>();
  CLI::App* const command = root.add_subcommand("test", "Run the mapping tests beside the collections");
  command->add_option("folder", options->folder, "folder with collections; default: the shipped ones");
  command->add_flag("--accept", options->accept,
                    "write what comes as what is expected (then read the difference in git)");
  command->add_flag("--watch", options->watch, "run again whenever a file changes");
  command->add_flag("-v,--verbose", options->verbose, "also name what passed and what no test reaches");
  command->callback([options] { test(*options); });
}

}  // namespace tributary::cli
