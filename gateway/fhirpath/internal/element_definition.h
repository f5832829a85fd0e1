#pragma once
#include <span>
#include <vector>

#include "fhirpath/internal/conformance.h"
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

// Finds the ElementDefinition of elements in the definitions of their types (FHIR R4 2.9.2,
// elementDefinition()): that of Patient.name in the definition of Patient, that of Patient.name.given in that
// of HumanName, that of a resource at the root of its own. Profiles that a resource claims do not count.
//
// It walks from the root of the document down to the element. Elements asked for in document order cost no
// more together than one walk over the document.
class ElementDefinitions {
 public:
  ElementDefinitions(Evaluator::Impl& machine, const Expr& call)
      : conformance_(machine, call), machine_(machine) {}

  // An ElementDefinition; nothing for a value that is no element, or that the definitions do not know.
  std::optional<Value> of(const Value& element);

 private:
  // A node on the way to the element, and what the definitions say of it.
  struct Place {
    fhir::NodeIndex node = fhir::kNoNode;
    fhir::NodeIndex child = fhir::kNoNode;  // the child that was looked at last
    terminology::TypeId type = terminology::kNoType;
    const Profile* profile = nullptr;  // with `rules`: the definition it stands in
    const ProfileNode* rules = nullptr;
  };
  bool down(fhir::NodeIndex target);
  Place enter(const Place& parent, fhir::NodeIndex child);
  void atRootOf(terminology::TypeId type, Place& place);

  Conformance conformance_;
  Evaluator::Impl& machine_;
  const fhir::Document* document_ = nullptr;
  std::vector<Place> path_;  // from the root
};

}  // namespace tributary::fhirpath
