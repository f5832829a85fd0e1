#pragma once

namespace CLI {
class App;
}

namespace tributary::cli {

// `tributary package add|list|compile`: the FHIR packages that the definitions are compiled from.
void addPackageCommand(CLI::App& root);

}  // namespace tributary::cli
