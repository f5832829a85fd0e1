#pragma once
#include "cli/command.h"

namespace tributary::cli {

void addRebuildCommand(CLI::App& root);

}  // namespace tributary::cli
