#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "fhirpath/internal/ast.h"
#include "terminology/definitions.h"

namespace tributary::fhirpath {

// How the text of a FHIR primitive becomes a System value.
enum class Primitive : std::uint8_t {
  kNone,  // complex, or not known
  kBoolean,
  kInteger,
  kLong,
  kDecimal,
  kString,
  kDate,
  kDateTime,
  kTime,
};

// The types the engine itself must know, looked up once in the Definitions. Cheap to make; copyable.
class TypeModel {
 public:
  explicit TypeModel(const terminology::Definitions* definitions);

  const terminology::Definitions* definitions() const { return definitions_; }

  Primitive primitive(terminology::TypeId type) const {
    return type < primitives_.size() ? primitives_[type] : Primitive::kNone;
  }
  bool isAbstractResource(terminology::TypeId type) const {
    return type != terminology::kNoType && (type == resource || type == domain_resource);
  }
  bool isQuantity(terminology::TypeId type) const {
    return type != terminology::kNoType && quantity != terminology::kNoType &&
           definitions_->isA(type, quantity);
  }
  bool isResource(terminology::TypeId type) const {
    return type != terminology::kNoType && resource != terminology::kNoType &&
           definitions_->isA(type, resource);
  }

  // The type that a resource node says it has; kNoType when unknown.
  terminology::TypeId resourceType(const fhir::Document& document, fhir::NodeIndex object) const;

  // "Patient", "FHIR.Patient", "System.String", "String", …; see TypeSpecifier::known().
  TypeSpecifier specifier(std::string_view name) const;
  // The System type that a primitive's value has.
  static ValueKind systemKind(Primitive primitive);
  std::string_view name(const TypeRef& type) const;
  terminology::TypeId systemId(ValueKind kind) const;

  terminology::TypeId resource = 0, domain_resource = 0, quantity = 0, element = 0, backbone = 0,
                      extension = 0, reference = 0, coding = 0, codeable_concept = 0, boolean = 0,
                      integer = 0, string = 0, element_definition = 0;

 private:
  const terminology::Definitions* definitions_;
  std::vector<Primitive> primitives_;
};

// Ids of the element names that the engine itself uses.
namespace names {
extern const fhir::NameId kResourceType, kId, kExtension, kModifierExtension, kUrl, kValue, kUnit, kSystem,
    kCode, kVersion, kDisplay, kCoding, kReference, kType, kContained, kEntry, kResource, kFullUrl, kDiv,
    kCompose, kName, kComparator, kMeta, kVersionId;
}

}  // namespace tributary::fhirpath
