#pragma once
#include "cli/command.h"

namespace tributary::cli {

// tributary view VIEW.json [FILE…] -o csv|ndjson|table: the rows that a ViewDefinition makes of resources.
void addViewCommand(CLI::App& root);

}  // namespace tributary::cli
