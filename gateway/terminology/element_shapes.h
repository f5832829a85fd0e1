#pragma once
#include <memory>

#include "fhir/xml_reader.h"
#include "terminology/definitions.h"

namespace tributary::terminology {

// What the XML reader needs to know of the types (fhir/xml_reader.h), from the compiled definitions.
// Thread-safe.
std::unique_ptr<fhir::ElementShapes> makeElementShapes(std::shared_ptr<const Definitions> definitions);

}  // namespace tributary::terminology
