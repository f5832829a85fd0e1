#pragma once

namespace CLI {
class App;
}

namespace tributary::cli {

// tributary status -c FILE [--watch] [--json]: what a running gateway is doing, and whether its counts agree.
void addStatusCommand(CLI::App& root);

}  // namespace tributary::cli
