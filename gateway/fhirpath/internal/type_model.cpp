#include "fhirpath/internal/type_model.h"

#include <array>
#include <utility>

namespace tributary::fhirpath {

namespace names {
const fhir::NameId kResourceType = fhir::findName("resourceType");
const fhir::NameId kId = fhir::findName("id");
const fhir::NameId kExtension = fhir::findName("extension");
const fhir::NameId kModifierExtension = fhir::findName("modifierExtension");
const fhir::NameId kUrl = fhir::findName("url");
const fhir::NameId kValue = fhir::findName("value");
const fhir::NameId kUnit = fhir::findName("unit");
const fhir::NameId kSystem = fhir::findName("system");
const fhir::NameId kCode = fhir::findName("code");
const fhir::NameId kVersion = fhir::findName("version");
const fhir::NameId kDisplay = fhir::findName("display");
const fhir::NameId kCoding = fhir::findName("coding");
const fhir::NameId kReference = fhir::findName("reference");
const fhir::NameId kType = fhir::findName("type");
const fhir::NameId kContained = fhir::findName("contained");
const fhir::NameId kEntry = fhir::findName("entry");
const fhir::NameId kResource = fhir::findName("resource");
const fhir::NameId kFullUrl = fhir::findName("fullUrl");
const fhir::NameId kDiv = fhir::findName("div");
const fhir::NameId kCompose = fhir::findName("compose");
const fhir::NameId kName = fhir::findName("name");
const fhir::NameId kComparator = fhir::findName("comparator");
const fhir::NameId kMeta = fhir::findName("meta");
const fhir::NameId kVersionId = fhir::findName("versionId");
}  // namespace names

namespace {

// FHIR R4 2.24.0.1 (primitive types) and the System types that stand for their values.
constexpr std::array<std::pair<std::string_view, Primitive>, 29> kPrimitives = {{
    {"boolean", Primitive::kBoolean},
    {"integer", Primitive::kInteger},
    {"unsignedInt", Primitive::kInteger},
    {"positiveInt", Primitive::kInteger},
    {"integer64", Primitive::kLong},
    {"decimal", Primitive::kDecimal},
    {"string", Primitive::kString},
    {"uri", Primitive::kString},
    {"url", Primitive::kString},
    {"canonical", Primitive::kString},
    {"code", Primitive::kString},
    {"id", Primitive::kString},
    {"oid", Primitive::kString},
    {"uuid", Primitive::kString},
    {"markdown", Primitive::kString},
    {"base64Binary", Primitive::kString},
    {"xhtml", Primitive::kString},
    {"date", Primitive::kDate},
    {"dateTime", Primitive::kDateTime},
    {"instant", Primitive::kDateTime},
    {"time", Primitive::kTime},
    {"System.Boolean", Primitive::kBoolean},
    {"System.Integer", Primitive::kInteger},
    {"System.Decimal", Primitive::kDecimal},
    {"System.String", Primitive::kString},
    {"System.Date", Primitive::kDate},
    {"System.DateTime", Primitive::kDateTime},
    {"System.Time", Primitive::kTime},
    {"System.Long", Primitive::kLong},
}};

constexpr std::array<std::pair<std::string_view, ValueKind>, 10> kSystemTypes = {{
    {"Boolean", ValueKind::kBoolean},
    {"Integer", ValueKind::kInteger},
    {"Long", ValueKind::kLong},
    {"Decimal", ValueKind::kDecimal},
    {"String", ValueKind::kString},
    {"Date", ValueKind::kDate},
    {"DateTime", ValueKind::kDateTime},
    {"Time", ValueKind::kTime},
    {"Quantity", ValueKind::kQuantity},
    {"SimpleTypeInfo", ValueKind::kTypeInfo},
}};

}  // namespace

TypeModel::TypeModel(const terminology::Definitions* definitions) : definitions_(definitions) {
  if (definitions_ == nullptr) return;
  for (const auto& [name, primitive] : kPrimitives) {
    const auto id = definitions_->findType(name);
    if (id == terminology::kNoType) continue;
    if (id >= primitives_.size()) primitives_.resize(std::size_t{id} + 1, Primitive::kNone);
    primitives_[id] = primitive;
  }
  resource = definitions_->findType("Resource");
  domain_resource = definitions_->findType("DomainResource");
  quantity = definitions_->findType("Quantity");
  element = definitions_->findType("Element");
  backbone = definitions_->findType("BackboneElement");
  extension = definitions_->findType("Extension");
  reference = definitions_->findType("Reference");
  coding = definitions_->findType("Coding");
  codeable_concept = definitions_->findType("CodeableConcept");
  boolean = definitions_->findType("boolean");
  integer = definitions_->findType("integer");
  string = definitions_->findType("string");
  element_definition = definitions_->findType("ElementDefinition");
}

terminology::TypeId TypeModel::resourceType(const fhir::Document& document, fhir::NodeIndex object) const {
  if (definitions_ == nullptr || document[object].kind != fhir::Kind::kObject) return terminology::kNoType;
  const auto type = document.member(object, names::kResourceType);
  if (type == fhir::kNoNode || document[type].kind != fhir::Kind::kString) return terminology::kNoType;
  return definitions_->findType(document.scalar(type));
}

TypeSpecifier TypeModel::specifier(std::string_view name) const {
  TypeSpecifier out;
  out.name = std::string(name);
  const bool only_fhir = name.starts_with("FHIR.");
  const bool only_system = name.starts_with("System.");
  if (only_fhir) name.remove_prefix(5);
  if (only_system) name.remove_prefix(7);
  if (!only_system && definitions_ != nullptr) {
    out.fhir = definitions_->findType(name);
    if (out.fhir != terminology::kNoType &&
        definitions_->typeKind(out.fhir) == terminology::TypeKind::kSystem) {
      out.fhir = terminology::kNoType;
    }
  }
  if (!only_fhir) {
    for (const auto& [text, kind] : kSystemTypes) {
      if (text == name) out.system = kind;
    }
  }
  return out;
}

ValueKind TypeModel::systemKind(Primitive primitive) {
  switch (primitive) {
    case Primitive::kBoolean:
      return ValueKind::kBoolean;
    case Primitive::kInteger:
      return ValueKind::kInteger;
    case Primitive::kLong:
      return ValueKind::kLong;
    case Primitive::kDecimal:
      return ValueKind::kDecimal;
    case Primitive::kString:
      return ValueKind::kString;
    case Primitive::kDate:
      return ValueKind::kDate;
    case Primitive::kDateTime:
      return ValueKind::kDateTime;
    case Primitive::kTime:
      return ValueKind::kTime;
    case Primitive::kNone:
      break;
  }
  return ValueKind::kNode;
}

std::string_view TypeModel::name(const TypeRef& type) const {
  if (type.isSystem()) return systemTypeName(type.system);
  return definitions_ != nullptr && type.id != terminology::kNoType ? definitions_->typeName(type.id)
                                                                    : std::string_view{};
}

terminology::TypeId TypeModel::systemId(ValueKind kind) const {
  if (definitions_ == nullptr) return terminology::kNoType;
  return definitions_->findType("System." + std::string(systemTypeName(kind)));
}

}  // namespace tributary::fhirpath
