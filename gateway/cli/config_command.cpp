#include "cli/config_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"

namespace tributary::cli {

namespace {

void printIssues(const std::string& path, const std::vector<Issue>& issues) {
  for (const Issue& issue : issues) {
    // What is not in the file has no line.
    const std::string place = issue.line == 0 ? path : path + ":" + std::to_string(issue.line) + ":" + std::to_string(issue.column);
    std::fprintf(stderr, "%s: %s: %s%s%s\n", place.c_str(), std::string(severityName(issue.severity)).c_str(),
                 issue.path.empty() ? "" : (issue.path + ": ").c_str(), issue.text.c_str(),
                 issue.remedy.empty() ? "" : ("\n    " + issue.remedy).c_str());
  }
}

[[noreturn]] void giveUp(const std::string& path, std::size_t errors) {
  std::fprintf(stderr, "%zu error%s in %s\n", errors, errors == 1 ? "" : "s", path.c_str());
  exitWith(kExitUsage);
}

}  // namespace

pipeline::Config requireConfig(const std::string& path, bool secrets) {
  pipeline::ConfigResult result = pipeline::loadConfig(path, secrets);
  printIssues(path, result.issues);
  if (!result.config) giveUp(path, result.issues.size());
  return std::move(*result.config);
}

void addConfigCommand(CLI::App& root) {
  CLI::App* config = root.add_subcommand("config", "Check a configuration file, or list its keys");
  config->require_subcommand(1);
  auto path = std::make_shared<std::string>();
  CLI::App* check = config->add_subcommand("check", "Check a configuration file; all errors at once");
  check->add_option("file", *path, "Configuration file (TOML)")->required();
  check->callback([path] {
    const pipeline::Config loaded = requireConfig(*path, true);
    if (const auto issues = pipeline::checkConfig(loaded, {definitionsPath(), shareFolder("fhir-mappings")}); !issues.empty()) {
      printIssues(*path, issues);
      giveUp(*path, issues.size());
    }
    std::printf("%s is good: %zu source%s, %zu destination%s, collection %s\n", path->c_str(), loaded.sources.size(),
                loaded.sources.size() == 1 ? "" : "s", loaded.destinations.size(), loaded.destinations.size() == 1 ? "" : "s",
                loaded.collection.c_str());
  });
  config->add_subcommand("keys", "All keys of the file with type and meaning")->callback([] {
    std::fputs(pipeline::describeConfig().c_str(), stdout);
  });
}

}  // namespace tributary::cli
