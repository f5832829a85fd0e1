#pragma once
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "terminology/package.h"

namespace tributary::terminology::internal {

// Calls `visit` for every regular file of a gzipped (or plain) tarball, with its path inside: relative,
// without "." and "..", within `limits`. Folders are passed over; anything else (links, devices, paths that
// leave) is an error.
Result<void> readTarball(const std::filesystem::path& file, const PackageLimits& limits,
                         const std::function<Result<void>(std::string_view path, std::string bytes)>& visit);

}  // namespace tributary::terminology::internal
