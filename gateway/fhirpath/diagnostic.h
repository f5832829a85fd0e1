#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tributary::fhirpath {

enum class Phase : std::uint8_t { kSyntax, kSemantic, kExecution };

// What is wrong with an expression, and where. Never holds values of a document.
struct Diagnostic {
  Phase phase = Phase::kSyntax;
  bool limit = false;                // a limit was reached, rather than the expression being wrong
  std::size_t offset = 0;            // in the expression, bytes
  std::size_t length = 0;            // of the part meant; may be 0
  std::uint32_t line = 1;            // from 1
  std::uint32_t column = 1;          // from 1, in code points
  std::string message;               // "Patient has no element 'given1'"
  std::string expected;              // "an expression"; empty when nothing can be said
  std::string suggestion;            // nearest element or function name; empty when none is near
  std::string source_name;           // as in CompileOptions
  std::string source_line;           // the line meant, or the part of a very long one around the place
  std::uint32_t column_in_line = 1;  // of the place in source_line

  // source:line:column: phase error: message (expected …; did you mean …?)
  //   the line
  //      ^~~~
  std::string render() const;
  // The first line of render() only.
  std::string summary() const;
};

}  // namespace tributary::fhirpath
