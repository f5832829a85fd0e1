#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>

#include "base/issue.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"

namespace tributary::fhir {

// A type as ElementShapes numbers it; 0 is "not known". The Definitions' TypeId fits.
using ShapeType = std::uint32_t;
inline constexpr ShapeType kNoShape = 0;

// What the FHIR XML form does not say and the JSON form needs (FHIR R4 2.6.2): whether an element is a JSON
// array, and what a primitive's value is in JSON.
struct ElementShape {
  enum class Form : std::uint8_t {
    kUnknown,  // not defined: read by its looks (repeats when it stands more than once, value as a string)
    kString,   // primitive whose value is a JSON string
    kNumber,   // integer, decimal, positiveInt, unsignedInt (integer64 is a string)
    kBoolean,
    kXhtml,     // Narrative.div: the XHTML as one string
    kComplex,   // children as defined by `type`
    kResource,  // holds one resource: contained, Bundle.entry.resource, Parameters.parameter.resource, …
  };
  Form form = Form::kUnknown;
  bool repeats = false;
  ShapeType type = kNoShape;
};

// Implemented over terminology's Definitions (gateway/terminology); thread-safe.
class ElementShapes {
 public:
  virtual ~ElementShapes() = default;
  // The type of a resource by name ("Patient"), kNoShape when there is none such.
  virtual ShapeType resource(std::string_view type) const = 0;
  // The element `name` (as in XML and JSON: a concrete choice such as valueQuantity) of a type. Elements that
  // refer to the content of another (contentReference) come back with that one's type.
  virtual ElementShape element(ShapeType type, std::string_view name) const = 0;
};

// Reads FHIR XML (R4 2.6.1) onto the tape, as the JSON form of the same resource. Text, names and values
// point into the XML where they stand there unchanged; what differs is in the arena. Positions are those of
// the XML.
//
// Refused, by rule id: "xml-syntax" (not well-formed), "xml-doctype" (a document type declaration, so that
// there are no entities but XML's own five), "xml-encoding" (another encoding than UTF-8), "xml-namespace"
// (an element that is neither FHIR's nor XHTML in Narrative.div), "xml-text" (text between elements),
// "xml-attribute", "xml-resource" (an unknown resource type, or not exactly one resource where one belongs),
// "xml-size", "xml-depth" (over the limits).
class XmlReader {
 public:
  explicit XmlReader(const ElementShapes& shapes);
  ~XmlReader();
  XmlReader(XmlReader&&) noexcept;
  XmlReader& operator=(XmlReader&&) noexcept;

  std::expected<void, Issue> read(std::string_view xml, Document& out, const ReadOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::fhir
