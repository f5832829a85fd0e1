#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tributary::terminology {

struct PackageLimits {
  std::size_t file_bytes = std::size_t{64} << 20;  // one file; a larger one is refused
  std::size_t total_bytes = std::size_t{1} << 30;  // unpacked
  std::size_t files = 200'000;
};

// package.json of an NPM-form FHIR package. A plain folder has its own name, no version, and type "folder".
struct PackageManifest {
  std::string name, version, type;
};

// Called for each JSON file straight in package/ (or, for a plain folder, at any depth), in the order of the
// file names. `bytes` live for the call. An Error ends the reading.
using PackageVisitor = std::function<Result<void>(std::string_view file, std::string_view bytes)>;

// Reads a package: NPM tarball (held in memory meanwhile), unpacked package, or plain folder. Tarballs are
// hostile input: sizes are bounded, and names that would leave the package, links and devices are refused.
Result<PackageManifest> readPackage(const std::filesystem::path& source, const PackageVisitor& visit,
                                    const PackageLimits& limits = {});
Result<PackageManifest> readManifest(const std::filesystem::path& source);

// An installed package: <packages folder>/<name>#<version>/package/…
struct InstalledPackage {
  PackageManifest manifest;
  std::filesystem::path path;
  std::map<std::string, std::size_t> kinds;  // files by resource type; "other" is none
  std::string sha256;                        // of the tarball it came from; empty when it came from a folder
};

// Installs a tarball or folder below `packages`; unpacked aside and renamed, so that it is there whole or not
// at all.
Result<InstalledPackage> addPackage(const std::filesystem::path& source,
                                    const std::filesystem::path& packages, const PackageLimits& limits = {});
// Sorted by name and version. A missing folder is an empty list.
Result<std::vector<InstalledPackage>> listPackages(const std::filesystem::path& packages);
// The order in which installed packages are compiled: FHIR core first, then what builds on it, others by
// name.
std::vector<std::filesystem::path> compileOrder(std::vector<InstalledPackage> packages);

}  // namespace tributary::terminology
