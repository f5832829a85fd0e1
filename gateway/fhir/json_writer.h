#pragma once
#include <string>

#include "fhir/document.h"

namespace tributary::fhir {

// Appends the JSON of a node and all below it to `out`: the same JSON value as was read, numbers character by
// character as they stood, members in their order. `indent` is the number of spaces a level; 0 writes one
// line without spaces.
void writeJson(const Document& document, NodeIndex node, std::string& out, unsigned indent = 0);
std::string toJson(const Document& document, NodeIndex node = 0, unsigned indent = 0);

// Appends `text` as a JSON string with its quotes. `text` must be UTF-8.
void writeJsonString(std::string_view text, std::string& out);

}  // namespace tributary::fhir
