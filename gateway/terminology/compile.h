#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tributary::terminology {

// What the compiler could not use, with where it stands. A warning does not stop the compilation.
struct CompileWarning {
  std::string file;  // package and file
  std::string text;
};

struct CompileOptions {
  std::size_t resource_bytes = std::size_t{64} << 20;  // one file of a package
  std::size_t package_bytes = std::size_t{1} << 30;    // one package, unpacked
  std::size_t output_bytes = std::size_t{1} << 30;     // the compiled file
  bool bodies = true;  // keep the JSON of the definitions (Definitions::resource)
};

struct CompileReport {
  std::size_t types = 0, elements = 0, resources = 0, code_systems = 0, concepts = 0, value_sets = 0,
              members = 0, concept_maps = 0, bytes = 0;
  std::vector<CompileWarning> warnings;
};

// Compiles FHIR packages into the bytes of one definitions file. A source is an NPM tarball (.tgz), an
// unpacked package (a folder with package/package.json or package.json), or a plain folder of JSON resources,
// searched through. Later sources win where canonical URL and version are equal, and are what a canonical
// without a version means; a package of pre-computed expansions (package.json type "fhir.expansions") only
// lends its expansions. Same input, same bytes.
Result<std::string> compileDefinitions(std::span<const std::filesystem::path> sources,
                                       CompileReport* report = nullptr, const CompileOptions& options = {});

// Names the format and the element names of this build: files that were compiled under another one do not
// open.
std::string definitionsFormat();

}  // namespace tributary::terminology
