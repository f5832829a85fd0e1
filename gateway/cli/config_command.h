#pragma once
#include <string>

#include "pipeline/config.h"

namespace CLI {
class App;
}

namespace tributary::cli {

// tributary config check|keys
void addConfigCommand(CLI::App& root);

// The configuration, or every error printed as file:line:column and the end of the command.
// `secrets`: as loadConfig; what only looks at a gateway does without.
pipeline::Config requireConfig(const std::string& path, bool secrets = false);

}  // namespace tributary::cli
