#include "cli/mapping_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/collection_bench.h"
#include "cli/mapping_docs.h"
#include "collection/mapping_test.h"
#include "pipeline/config.h"
#include "terminology/terminology.h"

namespace tributary::cli {
namespace {

struct Options {
  std::string mappings, out = "docs/reference";
  bool check = false;
};

using Pages = std::map<std::filesystem::path, std::string>;  // by path below the reference folder

void addCollection(const std::filesystem::path& folder, Pages& pages) {
  const auto settings = collection::mappingTestSettings(folder / "tests");
  if (!settings) failWith(settings.error(), kExitUsage);
  const auto collection = loadCollection(folder, *settings);
  const CollectionTerms terms = requireTerms(folder);
  const auto made = mappingPages(*collection, *terms.terminology, folder);
  if (!made) failWith(made.error());
  for (const auto& [name, text] : *made) pages[std::filesystem::path("mapping") / std::string(collection->id()) / name] = text;
}

void addCommand(const CLI::App& command, const std::string& prefix, std::string& out) {
  const std::string name = prefix + command.get_name();
  if (command.get_group().empty()) return;
  const auto below = command.get_subcommands([](const CLI::App*) { return true; });
  if (below.empty()) {
    out += "\n## tributary " + name + "\n" + command.get_description() + ".\n\n| | |\n|---|---|\n";
    for (const CLI::Option* option : command.get_options()) {
      if (option->get_group().empty() || option->get_name() == "--help") continue;
      std::string text = option->get_description();
      std::string shown = option->get_name(false, true);
      std::string escaped;
      for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
      out += "| `" + shown + "` | " + escaped + " |\n";
    }
    if (!command.get_footer().empty()) out += "\n" + command.get_footer() + "\n";
  }
  for (const CLI::App* one : below) addCommand(*one, name + " ", out);
}

std::string commandsPage(const CLI::App& root) {
  std::string out =
      "# Commands\n\n<!-- Made by `tributary mapping docs`. -->\n\n"
      "Every command ends with 0 when all is well, 1 when it ran and the data or the counts are not as they should be, 2 "
      "when arguments or configuration are wrong, 3 when a file, a server or the machine failed.\n";
  for (const CLI::App* command : root.get_subcommands([](const CLI::App*) { return true; })) addCommand(*command, "", out);
  return out;
}

// The first line in which two texts differ.
std::string firstDifference(std::string_view held, std::string_view made) {
  std::size_t line = 1;
  while (!held.empty() || !made.empty()) {
    const std::string_view a = held.substr(0, held.find('\n')), b = made.substr(0, made.find('\n'));
    if (a != b)
      return ":" + std::to_string(line) + "\n  committed: " + std::string(a) + "\n  now:       " + std::string(b) + "\n";
    held.remove_prefix(std::min(held.size(), a.size() + 1));
    made.remove_prefix(std::min(made.size(), b.size() + 1));
    ++line;
  }
  return {};
}

// Pages of tables that are there no longer.
std::vector<std::filesystem::path> strays(const std::filesystem::path& folder, const Pages& pages) {
  std::vector<std::filesystem::path> out;
  std::error_code code;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "mapping", code)) {
    if (entry.path().extension() == ".md" && !pages.contains(entry.path().lexically_relative(folder)))
      out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void check(const std::filesystem::path& folder, const Pages& pages) {
  std::size_t stale = 0;
  for (const auto& [name, text] : pages) {
    const auto held = readFile(folder / name);
    if (held && *held == text) continue;
    ++stale;
    std::printf("%s%s", (folder / name).c_str(), held ? firstDifference(*held, text).c_str() : ": is not there\n");
  }
  for (const auto& path : strays(folder, pages)) {
    ++stale;
    std::printf("%s: nothing makes this page any more\n", path.c_str());
  }
  std::printf("docs: %zu passed, %zu failed\n", pages.size() - std::min(stale, pages.size()), stale);
  if (stale == 0) return;
  std::printf("Run `tributary mapping docs` and commit what it writes.\n");
  exitWith(kExitData);
}

void docs(const Options& options, const CLI::App& root) {
  const std::filesystem::path mappings = options.mappings.empty() ? shareFolder("fhir-mappings") : std::filesystem::path(options.mappings);
  const auto collections = collectionsBelow(mappings);
  if (collections.empty())
    failWith(fail(ErrorCode::kNotFound, "there is no collection below " + mappings.string()).error(), kExitUsage);
  Pages pages;
  for (const auto& folder : collections) addCollection(folder, pages);
  pages["configuration.md"] = "# Configuration\n\n<!-- Made by `tributary mapping docs`. -->\n\n" + pipeline::describeConfig();
  pages["commands.md"] = commandsPage(root);
  if (options.check) return check(options.out, pages);
  for (const auto& [name, text] : pages) {
    const std::filesystem::path path = std::filesystem::path(options.out) / name;
    std::filesystem::create_directories(path.parent_path());
    if (auto written = writeFileDurably(path, text); !written) failWith(written.error());
  }
  for (const auto& path : strays(options.out, pages)) std::filesystem::remove(path);
  std::printf("%zu pages in %s\n", pages.size(), options.out.c_str());
}

}  // namespace

void addMappingCommand(CLI::App& root) {
  CLI::App* const group = root.add_subcommand("mapping", "What the mappings say, for people");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* const command = group->add_subcommand("docs", "Write the reference pages: a page a table, configuration, commands");
  command->add_option("--mappings", options->mappings, "folder that holds collections; default: the shipped one");
  command->add_option("-o,--output", options->out, "folder to write to")->capture_default_str();
  command->add_flag("--check", options->check, "write nothing; fail when what is there is not what would be written");
  command->callback([options, &root] { docs(*options, root); });
}

}  // namespace tributary::cli
