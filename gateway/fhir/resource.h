#pragma once
#include <string_view>

#include "fhir/document.h"

namespace tributary::fhir {

// What every resource has, as it stands in the document; empty when absent or not a string. `resource` is the
// root, or a resource inside (an entry of a Bundle, a contained one).
std::string_view resourceType(const Document& document, NodeIndex resource = 0);
std::string_view resourceId(const Document& document, NodeIndex resource = 0);
std::string_view versionId(const Document& document, NodeIndex resource = 0);  // meta.versionId
std::string_view lastUpdated(const Document& document,
                             NodeIndex resource = 0);  // meta.lastUpdated, an instant

// The content of the string member `name` of an object; empty when absent or not a string, or when `object`
// is kNoNode or no object.
std::string_view stringMember(const Document& document, NodeIndex object, NameId name);
// The same for an object or array member: kNoNode when absent or of another kind.
NodeIndex objectMember(const Document& document, NodeIndex object, NameId name);
NodeIndex arrayMember(const Document& document, NodeIndex object, NameId name);

// Walks the children of an object or array:  for (NodeIndex i : children(document, array)) …
class Children {
 public:
  class Iterator {
   public:
    Iterator(const Node* nodes, NodeIndex at) : nodes_(nodes), at_(at) {}
    NodeIndex operator*() const { return at_; }
    Iterator& operator++() {
      at_ = nodes_[at_].next;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const Node* nodes_;
    NodeIndex at_;
  };
  Children(const Node* nodes, NodeIndex first, NodeIndex end) : nodes_(nodes), first_(first), end_(end) {}
  Iterator begin() const { return {nodes_, first_}; }
  Iterator end() const { return {nodes_, end_}; }

 private:
  const Node* nodes_;
  NodeIndex first_, end_;
};

// None for kNoNode and for scalars.
inline Children children(const Document& document, NodeIndex container) {
  if (container == kNoNode) return {nullptr, 0, 0};
  return {document.data(), container + 1, document[container].next};
}

}  // namespace tributary::fhir
