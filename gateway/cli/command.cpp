#include "cli/command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace tributary::cli {
namespace {

// The folder that holds the program: DIR/bin/tributary has its data in DIR/share.
std::filesystem::path programFolder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

// build/<preset>/tributary lies two folders below the source tree.
std::filesystem::path sourceTree() { return programFolder().parent_path().parent_path(); }

}  // namespace

void exitWith(int code) { throw CLI::RuntimeError(code); }

void failWith(const Error& error, int code) {
  std::fprintf(stderr, "error: %s\n", error.text.c_str());
  exitWith(code);
}

std::filesystem::path definitionsPath() {
  if (const char* named = std::getenv("TRIBUTARY_DEFINITIONS"); named != nullptr && *named != '\0') return named;
  if (const char* cache = std::getenv("TRIBUTARY_CACHE"); cache != nullptr && *cache != '\0') {
    return std::filesystem::path(cache) / "definitions.bin";
  }
  const auto installed = programFolder().parent_path() / "share" / "definitions.bin";
  if (std::filesystem::exists(installed)) return installed;
  return sourceTree() / ".cache" / "definitions.bin";
}

std::filesystem::path shareFolder(std::string_view name) {
  const auto installed = programFolder().parent_path() / "share" / name;
  if (std::filesystem::exists(installed)) return installed;
  return sourceTree() / name;
}

std::filesystem::path accessTool() {
  const auto installed = programFolder().parent_path() / "share" / "idb" / "fill";
  if (std::filesystem::exists(installed)) return installed;
  return sourceTree() / "deploy" / "idb" / "fill";
}

bool stderrIsTerminal() { return ::isatty(STDERR_FILENO) == 1; }
bool stdoutIsTerminal() { return ::isatty(STDOUT_FILENO) == 1; }

}  // namespace tributary::cli
