#pragma once
#include <re2/re2.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace tributary::fhirpath {

// A pattern as FHIRPath has it (N1 5.6.8: single line mode, groups named as (?<name>…)) in RE2; ask ok().
std::unique_ptr<re2::RE2> compilePattern(std::string_view pattern, bool ignore_case, std::size_t max_memory);

}  // namespace tributary::fhirpath
