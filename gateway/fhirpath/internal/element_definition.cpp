#include "fhirpath/internal/element_definition.h"

#include <algorithm>

namespace tributary::fhirpath {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;
using terminology::Element;
using terminology::kNoType;
using terminology::TypeId;

namespace {

const ProfileNode* childNamed(const ProfileNode& parent, std::string_view name) {
  const auto found =
      std::ranges::find_if(parent.children, [&](const auto& child) { return child->name == name; });
  return found == parent.children.end() ? nullptr : found->get();
}

}  // namespace

std::optional<Value> ElementDefinitions::of(const Value& element) {
  if (!element.isNode()) return std::nullopt;
  const Document& document = element.document();
  const NodeIndex target = element.anyIndex();
  if (target == kNoNode) return std::nullopt;
  if (document_ != &document || path_.empty()) {
    document_ = &document;
    Place root{.node = document.root(), .type = machine_.rootNode(document).type()};
    atRootOf(root.type, root);
    path_.assign(1, root);
  }
  // Back up to a place that holds the element.
  while (path_.size() > 1 && (target < path_.back().node || target >= document[path_.back().node].next)) {
    path_.pop_back();
  }
  while (path_.back().node != target) {
    if (!down(target)) return std::nullopt;
  }
  const Place& found = path_.back();
  if (found.rules == nullptr || found.rules->definition == kNoNode) return std::nullopt;
  return Value::node(*found.profile->document, found.rules->definition, machine_.types.element_definition);
}

// One step towards the target; false when it is not below.
bool ElementDefinitions::down(NodeIndex target) {
  const Document& document = *document_;
  Place& at = path_.back();
  if (document[at.node].kind < Kind::kArray) return false;
  NodeIndex child = at.child != kNoNode && at.child <= target ? at.child : at.node + 1;
  for (; child < document[at.node].next && document[child].next <= target; child = document[child].next) {
    ++machine_.steps;
  }
  if (child > target || child >= document[at.node].next) return false;
  at.child = child;
  const Place next = enter(at, child);
  path_.push_back(next);
  return true;
}

ElementDefinitions::Place ElementDefinitions::enter(const Place& parent, NodeIndex child) {
  const Document& document = *document_;
  Place place{.node = child};
  if (document[parent.node].kind == Kind::kArray) {  // an item is what its list is
    place.type = parent.type;
    place.profile = parent.profile;
    place.rules = parent.rules;
  } else if (parent.type != kNoType && (document[child].name & fhir::kLocalName) == 0) {
    const auto id = static_cast<fhir::NameId>(document[child].name & ~fhir::kCompanion);
    // What stands in the companion of a primitive are members of any element.
    const Element* const element = machine_.types.definitions()->element(parent.type, id);
    if (element == nullptr) return place;
    place.type = element->type;
    const std::string_view name = fhir::nameText(element->choice != fhir::kNoName ? element->choice : id);
    if (parent.rules != nullptr) {
      const Profile* profile = parent.profile;
      const ProfileNode* rules = childNamed(*parent.rules, name);
      if (rules == nullptr && !parent.rules->content.empty()) {
        const ProfileNode* const other = findElement(*profile, parent.rules->content);
        rules = other == nullptr ? nullptr : childNamed(*other, name);
      }
      if (rules == nullptr) {
        Place own;
        atRootOf(parent.type, own);
        profile = own.profile;
        rules = own.rules == nullptr ? nullptr : childNamed(*own.rules, name);
      }
      place.profile = rules == nullptr ? nullptr : profile;
      place.rules = rules;
    }
  }
  // A resource inside another (contained, Bundle.entry.resource) begins anew.
  if (machine_.types.isAbstractResource(place.type) && document[child].kind == Kind::kObject) {
    place.type = machine_.types.resourceType(document, child);
    atRootOf(place.type, place);
  }
  return place;
}

void ElementDefinitions::atRootOf(TypeId type, Place& place) {
  place.profile = nullptr;
  place.rules = nullptr;
  if (type == kNoType) return;
  constexpr std::string_view kBase = "http://hl7.org/fhir/StructureDefinition/";
  const std::string_view name = machine_.types.definitions()->typeName(type);
  place.profile =
      conformance_.profile(name.starts_with("http") ? std::string(name) : std::string(kBase).append(name));
  if (place.profile != nullptr) place.rules = &place.profile->root;
}

}  // namespace tributary::fhirpath
