#pragma once
#include <string_view>
#include <vector>

#include "fhir/document.h"

namespace tributary::collection {

// A code in a resource. Views point into the document. A code is no patient data.
struct Code {
  std::string_view system;  // empty: a `code` element
  std::string_view code;
};

// The codes that an element is: itself (a `code`), a Coding, the codings of a CodeableConcept.
std::vector<Code> codesAt(const fhir::Document& document, fhir::NodeIndex node);

// The Coding that `node` is, or is the system or the code of; its code is empty when there is none.
Code codingAround(const fhir::Document& document, fhir::NodeIndex node);

// May a cell stand in a message as a code? When it looks like one, and not like a person's number.
bool tellableCode(std::string_view cell);

}  // namespace tributary::collection
