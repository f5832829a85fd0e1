// The program. What it can do is registered in cli/app.cpp.
#include "cli/app.h"

int main(int argc, char** argv) { return tributary::cli::runCommandLine(argc, argv); }
