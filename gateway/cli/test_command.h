#pragma once
#include "cli/command.h"

namespace tributary::cli {

// tributary test FOLDER: the mapping tests beside the collections below it, with their coverage.
void addTestCommand(CLI::App& root);

}  // namespace tributary::cli
