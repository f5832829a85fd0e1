#include "fhir/resource.h"

namespace tributary::fhir {
namespace {

NodeIndex memberOfKind(const Document& document, NodeIndex object, NameId name, Kind kind) {
  if (object == kNoNode || document.empty() || document[object].kind != Kind::kObject) return kNoNode;
  const NodeIndex found = document.member(object, name);
  return found != kNoNode && document[found].kind == kind ? found : kNoNode;
}

}  // namespace

std::string_view stringMember(const Document& document, NodeIndex object, NameId name) {
  const NodeIndex found = memberOfKind(document, object, name, Kind::kString);
  return found == kNoNode ? std::string_view{} : document.scalar(found);
}

NodeIndex objectMember(const Document& document, NodeIndex object, NameId name) {
  return memberOfKind(document, object, name, Kind::kObject);
}

NodeIndex arrayMember(const Document& document, NodeIndex object, NameId name) {
  return memberOfKind(document, object, name, Kind::kArray);
}

std::string_view resourceType(const Document& document, NodeIndex resource) {
  return stringMember(document, resource, names::kResourceType);
}

std::string_view resourceId(const Document& document, NodeIndex resource) {
  return stringMember(document, resource, names::kId);
}

std::string_view versionId(const Document& document, NodeIndex resource) {
  return stringMember(document, objectMember(document, resource, names::kMeta), names::kVersionId);
}

std::string_view lastUpdated(const Document& document, NodeIndex resource) {
  return stringMember(document, objectMember(document, resource, names::kMeta), names::kLastUpdated);
}

}  // namespace tributary::fhir
