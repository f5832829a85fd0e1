#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

namespace tributary::fhir {

inline std::filesystem::path cacheFolder() {
  const char* const variable = std::getenv("TRIBUTARY_CACHE");
  return variable != nullptr ? std::filesystem::path(variable)
                             : std::filesystem::path(TRIBUTARY_SOURCE_DIR) / ".cache";
}

inline std::filesystem::path sharedFolder() {
  const char* const variable = std::getenv("TRIBUTARY_SHARED");
  return variable != nullptr ? std::filesystem::path(variable)
                             : std::filesystem::path(TRIBUTARY_SOURCE_DIR).parent_path() / "shared";
}

inline std::filesystem::path packageFolder(const std::string& name) {
  return cacheFolder() / "packages" / name / "package";
}

}  // namespace tributary::fhir
