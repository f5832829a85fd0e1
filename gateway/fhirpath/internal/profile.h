#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/document.h"
#include "fhirpath/program.h"

namespace tributary::fhirpath {

// A rule in FHIRPath (ElementDefinition.constraint of severity error). Without a program where it does not
// compile here: then nobody can tell whether it holds.
struct ProfileInvariant {
  std::string key;
  std::shared_ptr<const Program> program;
  bool asks = false;  // it asks terminology, profiles or references, whose "cannot be told" is empty
};

// How the slices of an element are told apart (ElementDefinition.slicing, FHIR R4 5.1.0.14).
struct ProfileSlicing {
  enum class By : std::uint8_t { kValue, kType, kExists, kOther };  // kValue: also the older "pattern"
  enum class Rules : std::uint8_t { kOpen, kOpenAtEnd, kClosed };
  struct Discriminator {
    By by = By::kOther;
    std::string path;
  };
  std::vector<Discriminator> discriminators;
  Rules rules = Rules::kOpen;
  bool ordered = false;
};

// What a profile says of one element, or of one slice of it, and of what stands below.
struct ProfileNode {
  static constexpr std::uint32_t kMany = std::numeric_limits<std::uint32_t>::max();

  std::string name;                            // below its parent; "value" for value[x]
  std::string slice;                           // of a slice
  fhir::NodeIndex definition = fhir::kNoNode;  // its ElementDefinition in Profile::document
  std::uint32_t min = 0, max = kMany;
  fhir::NodeIndex fixed = fhir::kNoNode, pattern = fhir::kNoNode;  // in Profile::document
  std::string binding;                                             // value set of a required binding
  std::string
      content;  // contentReference without its "#": the rules of another element count, "Questionnaire.item"
  std::vector<std::string> types;          // codes; empty: not narrowed
  std::vector<std::string> type_profiles;  // one of these; canonical URLs
  std::vector<std::string> targets;        // what a Reference may name: canonical URLs of types and profiles
  std::vector<ProfileInvariant> invariants;
  ProfileSlicing slicing;
  std::vector<std::unique_ptr<ProfileNode>> children;
  std::vector<std::unique_ptr<ProfileNode>> slices;
};

// A StructureDefinition made ready to hold values against.
struct Profile {
  std::unique_ptr<fhir::Document> document;  // fixed values and patterns point into it
  std::string type;                          // "Patient"
  std::string base;  // canonical URL of what it builds on; empty for a type's own definition
  ProfileNode root;
};

// Reads the JSON of a StructureDefinition: its snapshot, or without one its differential, whose `base` then
// has to be looked at as well. nullptr when it is none.
std::unique_ptr<Profile> readProfile(std::string_view json, const terminology::Definitions& definitions);

// The element that a contentReference names; nullptr when there is none such.
const ProfileNode* findElement(const Profile& profile, std::string_view id);

// The first sliced element that has a slice of this name, and the slice; nullptr when there is none.
struct FoundSlice {
  const ProfileNode* element = nullptr;
  const ProfileNode* slice = nullptr;
};
FoundSlice findSlice(const ProfileNode& below, std::string_view name, unsigned depth = 0);

}  // namespace tributary::fhirpath
