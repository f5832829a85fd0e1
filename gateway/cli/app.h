#pragma once

namespace tributary::cli {

// The whole command line. Returns the exit code.
int runCommandLine(int argc, char** argv);

}  // namespace tributary::cli
