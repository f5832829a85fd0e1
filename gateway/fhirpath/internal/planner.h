#pragma once
#include <string>

#include "fhirpath/internal/program_impl.h"

namespace tributary::fhirpath {

// Replaces constant parts by their values.
void foldConstants(Program::Impl& program);
// Compiles constant regular expressions. Malformed ones are left to fail when they run.
void compilePatterns(Program::Impl& program, std::size_t max_memory);
// Finds the paths that run as fused loops over the tape.
void planPaths(Program::Impl& program);
// For people: how the program runs.
std::string describePlan(const Program::Impl& program);

}  // namespace tributary::fhirpath
