#pragma once
#include <string>
#include <string_view>

#include "fhir/document.h"

namespace tributary::fhir {

// A canonical text of a JSON value as RapidJSON reads it: every event of its SAX reader, numbers as their
// characters, strings by length. Two texts are the same JSON value, member order included, when these are
// equal. Knows nothing of our own reader and writer. "!" and an error code when RapidJSON refuses the text.
std::string canonical(std::string_view json);

// The rules of the tape that writing back does not show: subtrees nest, items have no name and members have
// one, the content of each node lies in its parent's, flags tell the truth. Empty, or what is wrong.
std::string tapeFault(const Document& document);

}  // namespace tributary::fhir
