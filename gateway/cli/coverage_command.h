#pragma once
#include "cli/command.h"

namespace tributary::cli {

// tributary coverage FILES…: for each table and field, how often it is filled, and which codes have no
// national one.
void addCoverageCommand(CLI::App& root);

}  // namespace tributary::cli
