#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "terminology/compile.h"
#include "terminology/definitions.h"
#include "terminology/terminology.h"

namespace tributary::terminology::test {

// A folder of its own for a test, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / ("tributary-test-" + randomUuid())) {
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code code;
    std::filesystem::remove_all(path_, code);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path dataFolder() {
  return std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/terminology/data";
}

inline std::filesystem::path cacheFolder() {
  const char* const set = std::getenv("TRIBUTARY_CACHE");
  return set != nullptr ? std::filesystem::path(set) : std::filesystem::path(TRIBUTARY_SOURCE_DIR) / ".cache";
}

// The definitions in tests/terminology/data/package: small, and enough for the rules.
std::shared_ptr<const Definitions> smallDefinitions();
// R4, HL7 terminology and UK Core; null where the packages are not installed.
std::shared_ptr<const Definitions> fullDefinitions();

// Rows of a tab-separated file of tests/terminology/data, without comments.
std::vector<std::vector<std::string>> readTable(const std::string& name);

}  // namespace tributary::terminology::test

#define REQUIRE_FULL_DEFINITIONS(variable)                                 \
  const auto variable = ::tributary::terminology::test::fullDefinitions(); \
  if (variable == nullptr) GTEST_SKIP() << "no compiled definitions in .cache (deploy/install makes them)"
