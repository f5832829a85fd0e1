#pragma once

namespace CLI {
class App;
}

namespace tributary::cli {

// tributary run -c FILE: the gateway.
void addRunCommand(CLI::App& root);

}  // namespace tributary::cli
