#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/names.h"

namespace tributary::terminology {

// A type of the FHIR type system, or of a logical model: "Patient", "HumanName", "Patient.contact" (a
// backbone element), "string", "System.String". 0 is none.
using TypeId = std::uint16_t;
inline constexpr TypeId kNoType = 0;

enum class TypeKind : std::uint8_t { kPrimitive, kComplex, kBackbone, kResource, kLogical, kSystem };

// One concrete JSON member of a type: the choice element value[x] of Observation is here as valueQuantity,
// valueString, … each with its type, all with choice == the id of the name "value". Elements live in the
// mapped file: pass them by reference or pointer, never copy one and ask elementName() about the copy.
struct Element {
  fhir::NameId name = fhir::kNoName;    // JSON member; kNoName when the built-in table has no such name (an
                                        // element of a logical model): ask elementName()
  fhir::NameId choice = fhir::kNoName;  // FHIRPath name of the choice it belongs to; kNoName when it is none
  TypeId type = kNoType;                // type of one value
  bool repeats = false;                 // a JSON array
  std::uint8_t min = 0;                 // of a choice: of all its concrete members together
};
static_assert(sizeof(Element) == 8);

struct PackageInfo {
  std::string_view name, version;
  std::uint32_t resources = 0;  // definitions taken from it
};

// FHIR definitions compiled into one file that is mapped into memory (see compile.h for how it is made):
// types, code systems, value sets, concept maps, profiles. Immutable; shared by all threads; opens in about a
// millisecond.
class Definitions {
 public:
  // kNotFound: there is no such file. kCorrupt: truncated, damaged, or made by a build with another format or
  // another names table (compile it again).
  static Result<std::shared_ptr<const Definitions>> open(const std::filesystem::path& compiled);
  // The same for bytes in memory, which the object keeps.
  static Result<std::shared_ptr<const Definitions>> fromBytes(std::string compiled);
  virtual ~Definitions() = default;

  // ── types ──
  // "Patient", "FHIR.Patient", "Patient.contact", "System.String",
  // "http://hl7.org/fhir/StructureDefinition/Patient", and the canonical URL of a logical model. A bare name
  // is looked up in FHIR first, then in System.
  virtual TypeId findType(std::string_view name) const = 0;
  virtual std::string_view typeName(TypeId type) const = 0;  // without namespace: "String" for System.String
  virtual TypeKind typeKind(TypeId type) const = 0;
  virtual TypeId baseType(TypeId type) const = 0;            // kNoType at the top
  virtual bool isA(TypeId type, TypeId ancestor) const = 0;  // includes equality; cheap
  // All members that JSON of this type may have, inherited ones included, sorted by name id. A primitive has
  // `id` and `extension` (of its "_name" companion) and `value`, which stands for the scalar itself and has a
  // System type. Resource.id has type FHIR.id, Element.id FHIR.string, Extension.url FHIR.uri.
  virtual std::span<const Element> elements(TypeId type) const = 0;
  // By JSON member name; nullptr when the type has none such.
  virtual const Element* element(TypeId type, fhir::NameId name) const = 0;
  // By FHIRPath name: one Element for `birthDate`, all concrete ones for `value`; empty when there is none.
  virtual std::span<const Element> path(TypeId type, std::string_view name) const = 0;

  // The JSON member name of an element that came from elements(), element() or path(); also of one outside
  // the table.
  virtual std::string_view elementName(const Element& element) const = 0;
  // The System type behind a FHIR primitive ("System.String" for code); kNoType for any other type.
  virtual TypeId systemType(TypeId primitive) const = 0;
  // All types are 1 … typeCount()-1; a type's ancestors have smaller ids.
  virtual TypeId typeCount() const = 0;

  // ── conformance resources, by canonical URL (a "|version" behind it is honoured) ──
  // The JSON of a definition of its package, without white space and without its narrative (`text`); empty
  // when unknown. Held are StructureDefinition, ValueSet, CodeSystem, ConceptMap, SearchParameter,
  // CompartmentDefinition, OperationDefinition, StructureMap and ViewDefinition. Lives as long as this
  // object.
  virtual std::string_view resource(std::string_view canonical) const = 0;
  // Canonical URLs of all resources of a type, such as "StructureDefinition".
  virtual std::vector<std::string_view> canonicals(std::string_view resource_type) const = 0;

  // ── where it all came from ──
  virtual std::vector<PackageInfo> packages() const = 0;
};

}  // namespace tributary::terminology
