#pragma once
#include "cli/command.h"

namespace tributary::cli {

// tributary explain TABLE.FIELD FILES…: where a cell comes from: expression, elements, code translation,
// rules; or why it is empty.
void addExplainCommand(CLI::App& root);

}  // namespace tributary::cli
