#pragma once
#include "cli/command.h"

namespace tributary::cli {

// tributary fhirpath EXPR [FILE…]: evaluates an expression on resources; without EXPR, on a terminal, a
// prompt.
void addFhirpathCommand(CLI::App& root);

}  // namespace tributary::cli
