#pragma once

namespace CLI {
class App;
}

namespace tributary::cli {

// tributary synth: writes a synthetic caseload to files.
void addSynthCommand(CLI::App& root);

}  // namespace tributary::cli
