#pragma once

namespace CLI {
class App;
}

namespace tributary::cli {

// tributary mapping docs: the reference pages of a collection
void addMappingCommand(CLI::App& root);

}  // namespace tributary::cli
