#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/names.h"

namespace tributary::terminology {

// A type of the FHIR type system, or of a logical model: "Patient", "HumanName", "Patient.contact" (a backbone
// element), "string", "System.String". 0 is none.
using TypeId = std::uint16_t;
inline constexpr TypeId kNoType = 0;

enum class TypeKind : std::uint8_t { kPrimitive, kComplex, kBackbone, kResource, kLogical, kSystem };

// One concrete JSON member of a type: the choice element value[x] of Observation is here as valueQuantity,
// valueString, … each with its type, all with choice == the id of the name "value".
struct Element {
  fhir::NameId name = fhir::kNoName;    // JSON member
  fhir::NameId choice = fhir::kNoName;  // FHIRPath name of the choice it belongs to; kNoName when it is none
  TypeId type = kNoType;                // type of one value
  bool repeats = false;                 // a JSON array
  std::uint8_t min = 0;
};

// FHIR definitions compiled into one file that is mapped into memory (see compile.h for how it is made): types,
// code systems, value sets, concept maps, profiles. Immutable; shared by all threads; opens in about a millisecond.
class Definitions {
 public:
  static Result<std::shared_ptr<const Definitions>> open(const std::filesystem::path& compiled);
  virtual ~Definitions() = default;

  // ── types ──
  virtual TypeId findType(std::string_view name) const = 0;          // "Patient", "FHIR.Patient", "Patient.contact"
  virtual std::string_view typeName(TypeId type) const = 0;          // without namespace
  virtual TypeKind typeKind(TypeId type) const = 0;
  virtual TypeId baseType(TypeId type) const = 0;                    // kNoType at the top
  virtual bool isA(TypeId type, TypeId ancestor) const = 0;          // includes equality; cheap
  // All members that JSON of this type may have, inherited ones included, sorted by name id.
  virtual std::span<const Element> elements(TypeId type) const = 0;
  // By JSON member name; nullptr when the type has none such.
  virtual const Element* element(TypeId type, fhir::NameId name) const = 0;
  // By FHIRPath name: one Element for `birthDate`, all concrete ones for `value`; empty when there is none.
  virtual std::span<const Element> path(TypeId type, std::string_view name) const = 0;

  // ── conformance resources, by canonical URL (a "|version" behind it is honoured) ──
  // The JSON of a definition as it stood in its package; empty when unknown.
  virtual std::string_view resource(std::string_view canonical) const = 0;
  // Canonical URLs of all resources of a type, such as "StructureDefinition".
  virtual std::vector<std::string_view> canonicals(std::string_view resource_type) const = 0;
};

}  // namespace tributary::terminology
