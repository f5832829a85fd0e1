#pragma once
#include "cli/command.h"

namespace tributary::cli {

// tributary map FILES… [-o DIR]: the rows of a national collection that resources give, on the screen or as
// CSV.
void addMapCommand(CLI::App& root);

}  // namespace tributary::cli
