#include "terminology/package.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <system_error>

#include "base/file.h"
#include "base/hash.h"
#include "fhir/json_reader.h"
#include "terminology/internal/json_view.h"
#include "terminology/internal/tarball.h"

namespace tributary::terminology {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kManifestPath = "package/package.json";

bool validName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && name.front() != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == '+';
  });
}

Result<PackageManifest> parseManifest(std::string_view json, const std::string& where) {
  fhir::JsonReader reader;
  fhir::Document document;
  if (auto read = reader.read(json, document); !read) {
    return fail(ErrorCode::kMalformed, where + ":" + std::to_string(read.error().line) + ":" +
                                           std::to_string(read.error().column) + ": " + read.error().text);
  }
  const internal::JsonView root(document);
  PackageManifest manifest{std::string(root.text("name")), std::string(root.text("version")),
                           std::string(root.text("type"))};
  if (!validName(manifest.name) || !validName(manifest.version)) {
    return fail(ErrorCode::kMalformed, where + ": no usable name and version");
  }
  return manifest;
}

// The folder that holds package.json; empty for a plain folder.
fs::path packageFolder(const fs::path& source) {
  std::error_code code;
  if (fs::is_regular_file(source / kManifestPath, code)) return source / "package";
  if (fs::is_regular_file(source / "package.json", code)) return source;
  return {};
}

// JSON files below (or straight in) a folder, by path, relative. Links are not followed.
Result<std::vector<fs::path>> jsonFiles(const fs::path& folder, bool deep, const PackageLimits& limits) {
  std::vector<fs::path> files;
  std::error_code code;
  fs::recursive_directory_iterator it(folder, code);
  if (code) return fail(ErrorCode::kNotFound, folder.string() + ": " + code.message());
  for (; it != fs::recursive_directory_iterator(); it.increment(code)) {
    if (code) return fail(ErrorCode::kUnavailable, folder.string() + ": " + code.message());
    if (it->is_directory(code) && (!deep || it.depth() > 16)) it.disable_recursion_pending();
    if (!it->is_regular_file(code) || it->path().extension() != ".json") continue;
    files.push_back(it->path().lexically_relative(folder));
    if (files.size() > limits.files) return fail(ErrorCode::kLimit, folder.string() + ": too many files");
  }
  std::ranges::sort(files);
  return files;
}

bool skipped(std::string_view file) {
  return file == "package.json" || file.starts_with('.');
}

Result<PackageManifest> readFolder(const fs::path& source, const PackageVisitor& visit,
                                   const PackageLimits& limits) {
  const fs::path inner = packageFolder(source);
  const bool plain = inner.empty();
  PackageManifest manifest;
  TRY_ASSIGN(manifest, readManifest(source));
  const fs::path& folder = plain ? source : inner;
  std::vector<fs::path> files;
  TRY_ASSIGN(files, jsonFiles(folder, plain, limits));
  std::size_t total = 0;
  for (const fs::path& file : files) {
    if (skipped(file.filename().string())) continue;
    std::string bytes;
    TRY_ASSIGN(bytes, readFile(folder / file, limits.file_bytes));
    total += bytes.size();
    if (total > limits.total_bytes)
      return fail(ErrorCode::kLimit, source.string() + ": larger than the limit");
    TRY_VOID(visit(plain ? (source / file).string() : file.string(), bytes));
  }
  return manifest;
}

Result<PackageManifest> readPackageTarball(const fs::path& source, const PackageVisitor& visit,
                                           const PackageLimits& limits) {
  std::map<std::string, std::string, std::less<>> files;
  std::string manifest_json;
  TRY_VOID(
      internal::readTarball(source, limits, [&](std::string_view path, std::string bytes) -> Result<void> {
        if (path == kManifestPath)
          manifest_json = std::move(bytes);
        else if (path.starts_with("package/") && path.find('/', 8) == std::string_view::npos &&
                 path.ends_with(".json")) {
          files.insert_or_assign(std::string(path.substr(8)), std::move(bytes));
        }
        return {};
      }));
  if (manifest_json.empty())
    return fail(ErrorCode::kMalformed, source.string() + ": no package/package.json");
  PackageManifest manifest;
  TRY_ASSIGN(manifest, parseManifest(manifest_json, source.string() + ": package.json"));
  for (const auto& [file, bytes] : files) {
    if (!skipped(file)) TRY_VOID(visit(file, bytes));
  }
  return manifest;
}

}  // namespace

Result<PackageManifest> readPackage(const fs::path& source, const PackageVisitor& visit,
                                    const PackageLimits& limits) {
  std::error_code code;
  return fs::is_directory(source, code) ? readFolder(source, visit, limits)
                                        : readPackageTarball(source, visit, limits);
}

Result<PackageManifest> readManifest(const fs::path& source) {
  std::error_code code;
  if (!fs::is_directory(source, code)) {
    return readPackageTarball(source, [](std::string_view, std::string_view) -> Result<void> { return {}; },
                              {});
  }
  const fs::path folder = packageFolder(source);
  if (folder.empty()) {
    fs::path name = source.lexically_normal();
    if (!name.has_filename()) name = name.parent_path();
    return PackageManifest{name.filename().string(), "", "folder"};
  }
  std::string json;
  TRY_ASSIGN(json, readFile(folder / "package.json", std::size_t{1} << 20));
  return parseManifest(json, (folder / "package.json").string());
}

namespace {

constexpr std::string_view kHashFile = "sha256";

// The resource type as it stands near the start of a file, else "other". For counting only: files are not
// parsed.
std::string kindOf(const fs::path& file) {
  std::array<char, 2048> buffer{};
  std::ifstream(file, std::ios::binary).read(buffer.data(), buffer.size() - 1);
  std::string_view head(buffer.data());
  constexpr std::string_view kMember = "\"resourceType\"";
  const std::size_t at = head.find(kMember);
  if (at == std::string_view::npos) return "other";
  head.remove_prefix(at + kMember.size());
  const std::size_t open = head.find('"');
  const std::size_t close = open == std::string_view::npos ? open : head.find('"', open + 1);
  return close == std::string_view::npos ? "other" : std::string(head.substr(open + 1, close - open - 1));
}

Result<InstalledPackage> describe(const fs::path& path) {
  InstalledPackage package;
  package.path = path;
  TRY_ASSIGN(package.manifest, readManifest(path));
  std::vector<fs::path> files;
  TRY_ASSIGN(files, jsonFiles(path / "package", false, {}));
  for (const fs::path& file : files) {
    if (!skipped(file.string())) ++package.kinds[kindOf(path / "package" / file)];
  }
  if (auto hash = readFile(path / kHashFile, 256); hash) package.sha256 = hash->substr(0, 64);
  return package;
}

Result<void> writeUnpacked(const fs::path& folder, std::string_view path, std::string_view bytes) {
  const fs::path target = folder / path;
  std::error_code code;
  fs::create_directories(target.parent_path(), code);
  std::FILE* const file = code ? nullptr : std::fopen(target.c_str(), "wb");
  if (file == nullptr) return fail(ErrorCode::kUnavailable, "cannot write " + target.string());
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (std::fclose(file) != 0 || !written)
    return fail(ErrorCode::kUnavailable, "cannot write " + target.string());
  return {};
}

Result<void> unpack(const fs::path& source, const fs::path& target, const PackageLimits& limits) {
  std::error_code code;
  if (!fs::is_directory(source, code)) {
    return internal::readTarball(source, limits,
                                 [&](std::string_view path, std::string bytes) -> Result<void> {
                                   if (!path.starts_with("package/")) return {};
                                   return writeUnpacked(target, path, bytes);
                                 });
  }
  const fs::path folder = packageFolder(source);
  std::vector<fs::path> files;
  TRY_ASSIGN(files, jsonFiles(folder, true, limits));
  std::size_t total = 0;
  for (const fs::path& file : files) {
    std::string bytes;
    TRY_ASSIGN(bytes, readFile(folder / file, limits.file_bytes));
    total += bytes.size();
    if (total > limits.total_bytes)
      return fail(ErrorCode::kLimit, source.string() + ": larger than the limit");
    TRY_VOID(writeUnpacked(target, "package/" + file.string(), bytes));
  }
  return {};
}

}  // namespace

Result<InstalledPackage> addPackage(const fs::path& source, const fs::path& packages,
                                    const PackageLimits& limits) {
  std::error_code code;
  const bool folder = fs::is_directory(source, code);
  if (folder && packageFolder(source).empty()) {
    return fail(ErrorCode::kInvalidArgument, source.string() + ": no package.json, so it is no FHIR package");
  }
  PackageManifest manifest;
  TRY_ASSIGN(manifest, readManifest(source));
  fs::create_directories(packages, code);
  const fs::path aside = packages / (".adding-" + randomUuid());
  const fs::path target = packages / (manifest.name + "#" + manifest.version);
  const auto install = [&]() -> Result<void> {
    TRY_VOID(unpack(source, aside, limits));
    if (!folder) {
      std::string tarball;
      TRY_ASSIGN(tarball, readFile(source));
      TRY_VOID(writeUnpacked(aside, kHashFile, sha256Hex(tarball) + "\n"));
    }
    fs::remove_all(target, code);
    fs::rename(aside, target, code);
    if (code)
      return fail(ErrorCode::kUnavailable, "cannot create " + target.string() + ": " + code.message());
    return {};
  };
  if (auto installed = install(); !installed) {
    fs::remove_all(aside, code);
    return std::unexpected(std::move(installed).error());
  }
  return describe(target);
}

Result<std::vector<InstalledPackage>> listPackages(const fs::path& packages) {
  std::vector<InstalledPackage> all;
  std::error_code code;
  for (fs::directory_iterator it(packages, code); !code && it != fs::directory_iterator();
       it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.') || packageFolder(it->path()).empty()) continue;
    auto package = describe(it->path());
    if (!package) return std::unexpected(std::move(package).error());
    all.push_back(std::move(*package));
  }
  std::ranges::sort(all, {}, [](const InstalledPackage& package) {
    return std::pair(package.manifest.name, package.manifest.version);
  });
  return all;
}

std::vector<fs::path> compileOrder(std::vector<InstalledPackage> packages) {
  // What everything else builds on goes first, so that later packages win.
  constexpr std::array<std::string_view, 6> kFirst = {"hl7.fhir.r4.core",          "hl7.fhir.r4.examples",
                                                      "hl7.fhir.r4.expansions",    "hl7.terminology.r4",
                                                      "hl7.fhir.uv.extensions.r4", "hl7.fhir.uv.tools.r4"};
  const auto rank = [&](const InstalledPackage& package) {
    return std::ranges::find(kFirst, package.manifest.name);
  };
  std::ranges::stable_sort(packages, {}, rank);
  std::vector<fs::path> paths;
  for (const InstalledPackage& package : packages) paths.push_back(package.path);
  return paths;
}

}  // namespace tributary::terminology
