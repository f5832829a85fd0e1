// compile_definitions OUT SOURCE…: compiles FHIR packages and folders into a definitions file. With
// --packages FOLDER the installed packages of that folder come first, in their order. Used where there is no
// `tributary` command yet.
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "terminology/compile.h"
#include "terminology/package.h"

namespace {

int run(int argc, char** argv) {
  using namespace tributary;
  std::vector<std::filesystem::path> sources;
  std::filesystem::path out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--packages" && i + 1 < argc) {
      auto installed = terminology::listPackages(argv[++i]);
      if (!installed) {
        std::fprintf(stderr, "compile_definitions: %s\n", installed.error().text.c_str());
        return 1;
      }
      for (auto& path : terminology::compileOrder(std::move(*installed))) sources.push_back(std::move(path));
    } else if (argument == "--format") {
      std::printf("%s\n", terminology::definitionsFormat().c_str());
      return 0;
    } else if (out.empty()) {
      out = argument;
    } else {
      sources.emplace_back(argument);
    }
  }
  if (out.empty() || sources.empty()) {
    std::fputs("usage: compile_definitions [--packages FOLDER] OUT [SOURCE…]\n", stderr);
    return 2;
  }
  terminology::CompileReport report;
  auto bytes = terminology::compileDefinitions(sources, &report);
  auto written = bytes ? writeFileDurably(out, *bytes) : Result<void>(std::unexpected(bytes.error()));
  if (!written) {
    std::fprintf(stderr, "compile_definitions: %s\n", written.error().text.c_str());
    return 1;
  }
  for (const auto& warning : report.warnings)
    std::fprintf(stderr, "%s: %s\n", warning.file.c_str(), warning.text.c_str());
  std::printf(
      "%s: %zu types, %zu elements, %zu definitions, %zu code systems with %zu concepts, %zu value sets with "
      "%zu "
      "codes, %zu concept maps, %.1f MB\n",
      out.c_str(), report.types, report.elements, report.resources, report.code_systems, report.concepts,
      report.value_sets, report.members, report.concept_maps, static_cast<double>(report.bytes) / 1e6);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compile_definitions: %s\n", error.what());
    return 1;
  }
}
