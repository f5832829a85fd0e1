#include "terminology/compile.h"

#include "terminology/internal/definition_set.h"
#include "terminology/package.h"

namespace tributary::terminology {

namespace {

Result<void> addSource(const std::filesystem::path& source, const CompileOptions& options,
                       internal::DefinitionSet& set) {
  PackageManifest manifest;
  TRY_ASSIGN(manifest, readManifest(source));
  const bool expansions = manifest.type == "fhir.expansions";
  const std::string label = manifest.version.empty() ? "" : manifest.name + "#" + manifest.version + "/";
  const std::size_t before = set.resources();
  const PackageLimits limits{.file_bytes = std::size_t{256} << 20, .total_bytes = options.package_bytes};
  TRY_ASSIGN(manifest, readPackage(
                           source,
                           [&](std::string_view file, std::string_view bytes) -> Result<void> {
                             // Bundles in a package repeat its definitions, and are by far its largest files.
                             if (file.starts_with("Bundle-")) return {};
                             const std::string name = label + std::string(file);
                             if (expansions)
                               set.addExpansions(name, bytes);
                             else
                               set.addFile(name, bytes);
                             return {};
                           },
                           limits));
  set.countPackage({.name = set.text(manifest.name),
                    .version = set.text(manifest.version),
                    .resources = static_cast<std::uint32_t>(set.resources() - before)});
  return {};
}

}  // namespace

Result<std::string> compileDefinitions(std::span<const std::filesystem::path> sources, CompileReport* report,
                                       const CompileOptions& options) {
  internal::DefinitionSet set(options);
  for (const std::filesystem::path& source : sources) TRY_VOID(addSource(source, options, set));
  const internal::Tables& tables = set.finish(nullptr, true);
  std::string bytes = tables.serialise();
  if (bytes.size() > options.output_bytes || tables.strings.bytes().size() > 0xFFFF'FFFFU) {
    return fail(ErrorCode::kLimit, "compiled definitions would be larger than the limit");
  }
  if (report != nullptr) {
    *report = {.types = tables.types.size() - 1,
               .elements = tables.elements.size() / 2,
               .resources = tables.resources.size(),
               .code_systems = tables.systems.size(),
               .concepts = tables.concepts.size(),
               .value_sets = tables.value_sets.size(),
               .members = tables.members.size(),
               .concept_maps = tables.maps.size(),
               .bytes = bytes.size(),
               .warnings = std::move(set.warnings())};
  }
  return bytes;
}

std::string definitionsFormat() {
  return std::to_string(internal::kFormatVersion) + "-" + std::to_string(internal::namesHash());
}

}  // namespace tributary::terminology
