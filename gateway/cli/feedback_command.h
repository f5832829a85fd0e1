#pragma once
#include "cli/command.h"

namespace tributary::cli {

void addFeedbackCommand(CLI::App& root);

}  // namespace tributary::cli
