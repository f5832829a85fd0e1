#include "cli/package_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <numeric>

#include "base/file.h"
#include "cli/command.h"
#include "terminology/compile.h"
#include "terminology/package.h"

namespace tributary::cli {

namespace {

namespace fs = std::filesystem;

struct PackageOptions {
  std::string source, packages, out;
  std::vector<std::string> folders;

  fs::path packagesFolder() const {
    return packages.empty() ? definitionsPath().parent_path() / "packages" : fs::path(packages);
  }
  fs::path output() const { return out.empty() ? definitionsPath() : fs::path(out); }
};

void compile(const PackageOptions& options) {
  auto installed = terminology::listPackages(options.packagesFolder());
  if (!installed) failWith(installed.error());
  std::vector<fs::path> sources = terminology::compileOrder(std::move(*installed));
  if (sources.empty()) {
    Error error;
    error.code = ErrorCode::kNotFound;
    error.text = "no FHIR package in " + options.packagesFolder().string() +
                 " (deploy/install fetches them; `tributary package add` adds one)";
    failWith(error);
  }
  if (options.folders.empty()) {
    if (const fs::path profiles = shareFolder("profiles"); fs::is_directory(profiles))
      sources.push_back(profiles);
  }
  for (const std::string& folder : options.folders) sources.emplace_back(folder);
  terminology::CompileReport report;
  auto bytes = terminology::compileDefinitions(sources, &report);
  if (!bytes) failWith(bytes.error());
  if (auto written = writeFileDurably(options.output(), *bytes); !written) failWith(written.error());
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < std::min(report.warnings.size(), kShown); ++i) {
    std::fprintf(stderr, "warning: %s: %s\n", report.warnings[i].file.c_str(),
                 report.warnings[i].text.c_str());
  }
  if (report.warnings.size() > kShown) {
    std::fprintf(stderr, "warning: and %zu more\n", report.warnings.size() - kShown);
  }
  std::printf(
      "%s: %zu types, %zu definitions, %zu code systems with %zu concepts, %zu value sets, %zu concept maps, "
      "%.1f MB\n",
      options.output().c_str(), report.types, report.resources, report.code_systems, report.concepts,
      report.value_sets, report.concept_maps, static_cast<double>(report.bytes) / 1e6);
}

void printPackage(const terminology::InstalledPackage& package) {
  const auto count = [&](const char* kind) {
    const auto it = package.kinds.find(kind);
    return it == package.kinds.end() ? std::size_t{0} : it->second;
  };
  const std::size_t all =
      std::accumulate(package.kinds.begin(), package.kinds.end(), std::size_t{0},
                      [](std::size_t sum, const auto& kind) { return sum + kind.second; });
  const std::size_t named = count("StructureDefinition") + count("ValueSet") + count("CodeSystem") +
                            count("ConceptMap") + count("SearchParameter");
  std::printf("%-28s %-18s %8zu %8zu %8zu %8zu %8zu %8zu  %s\n", package.manifest.name.c_str(),
              package.manifest.version.c_str(), count("StructureDefinition"), count("ValueSet"),
              count("CodeSystem"), count("ConceptMap"), count("SearchParameter"), all - named,
              package.sha256.empty() ? "from a folder" : package.sha256.substr(0, 12).c_str());
}

void list(const PackageOptions& options) {
  auto installed = terminology::listPackages(options.packagesFolder());
  if (!installed) failWith(installed.error());
  std::printf("%-28s %-18s %8s %8s %8s %8s %8s %8s  %s\n", "NAME", "VERSION", "STRUCTS", "VALSETS", "CODESYS",
              "MAPS", "SEARCH", "OTHER", "SHA256");
  for (const terminology::InstalledPackage& package : *installed) printPackage(package);
}

void add(const PackageOptions& options) {
  auto added = terminology::addPackage(options.source, options.packagesFolder());
  if (!added) failWith(added.error());
  std::printf("added %s %s\n", added->manifest.name.c_str(), added->manifest.version.c_str());
  compile(options);
}

}  // namespace

void addPackageCommand(CLI::App& root) {
  CLI::App* package = root.add_subcommand("package", "The FHIR packages that definitions are compiled from");
  package->require_subcommand(1);
  auto options = std::make_shared<PackageOptions>();
  const auto common = [&](CLI::App* command) {
    command->add_option("--packages", options->packages,
                        "Folder of the installed packages (default: beside the definitions)");
  };
  CLI::App* add_command =
      package->add_subcommand("add", "Install a package (tarball or folder) and compile all again");
  add_command->add_option("package", options->source, "An NPM tarball (.tgz) or an unpacked package")
      ->required();
  CLI::App* list_command =
      package->add_subcommand("list", "Installed packages: name, version, what they hold, hash");
  CLI::App* compile_command =
      package->add_subcommand("compile", "Compile the installed packages and the profiles");
  for (CLI::App* command : {add_command, compile_command}) {
    command->add_option("-o,--out", options->out,
                        "The compiled file (default: where the other commands look for it)");
    command->add_option("--with", options->folders,
                        "Folders of definitions to compile as well (default: profiles/)");
  }
  for (CLI::App* command : {add_command, list_command, compile_command}) common(command);
  add_command->callback([options] { add(*options); });
  list_command->callback([options] { list(*options); });
  compile_command->callback([options] { compile(*options); });
}

}  // namespace tributary::cli
