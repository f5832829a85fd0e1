#pragma once
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

// CLI11 is fenced in this library; a command's header shows only `void addXCommand(CLI::App& root)`.
namespace CLI {
class App;
}

namespace tributary::cli {

// Exit codes of every command.
inline constexpr int kExitData = 1;   // it ran, and the data or the counts are not as they should be
inline constexpr int kExitUsage = 2;  // arguments or configuration are wrong
inline constexpr int kExitFault = 3;  // a file, a server or the machine failed

// Ends the command with this code; what is wrong has been printed on stderr by then.
[[noreturn]] void exitWith(int code);

// Prints "error: …" on stderr and ends the command.
[[noreturn]] void failWith(const Error& error, int code = kExitFault);

// Where the compiled definitions and the shipped mappings lie: --definitions or TRIBUTARY_CACHE/definitions.bin,
// else beside the installed program (share/), else the source tree the program was built from.
std::filesystem::path definitionsPath();
std::filesystem::path shareFolder(std::string_view name);  // "fhir-mappings" or "profiles"

// The program that fills Access databases (deploy/idb): share/idb/fill, or deploy/idb/fill of the source tree.
std::filesystem::path accessTool();

bool stderrIsTerminal();
bool stdoutIsTerminal();

}  // namespace tributary::cli
