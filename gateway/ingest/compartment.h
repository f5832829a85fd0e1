#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/document.h"
#include "terminology/definitions.h"

namespace tributary::ingest {

// Where a resource belongs. Keys are "Type/id" within one source.
struct Placement {
  std::string subject;                  // key of the compartment's owner; empty: shared by all
  bool shared = false;                  // others refer to it although it has a subject: one by ProviderSubject
  std::vector<std::string> references;  // keys of resources outside the compartment that it points to, each once
};

// Resources of `type` that belong to nobody's compartment have a subject of their own all the same, since rows are made
// of them: "Practitioner/7". With `with`, an element that refers to a resource of another such type, they belong to the
// subject of that one: a PractitionerRole with "practitioner".
struct ProviderSubject {
  std::string type;
  std::string with;
};

// Finds the subject of a resource: the owner of the compartment (FHIR R4 CompartmentDefinition) that it belongs to.
// Compiled from the CompartmentDefinition and its SearchParameters into plain member paths. Immutable, thread-safe.
class CompartmentIndex {
 public:
  // `owner` is "Patient". kNotFound when the definitions hold no such compartment.
  static Result<std::shared_ptr<const CompartmentIndex>> load(const terminology::Definitions& definitions,
                                                              std::string_view owner,
                                                              std::span<const ProviderSubject> provider = {});
  virtual ~CompartmentIndex() = default;

  // `resource` is the resource's object; `id` its logical id. A resource of a type that belongs to compartments but
  // names no owner (or only a logical one) is its own subject, "Encounter/12": it can then be explained, never lost.
  virtual Placement place(const fhir::Document& document, fhir::NodeIndex resource, std::string_view type,
                          std::string_view id) const = 0;
  // Whether resources of this type belong to compartments at all.
  virtual bool inCompartment(std::string_view type) const = 0;
};

// "Type/id" of a literal reference: relative, absolute (its last two segments) and versioned ones; empty for
// fragments, URNs, conditional references and anything else.
std::string_view referenceKey(std::string_view reference);

}  // namespace tributary::ingest
