#pragma once
#include <cstdint>
#include <string_view>

#include "fhir/document.h"

namespace tributary::fhir {

// A reference string taken apart (FHIR R4 2.3.0.1, Reference.reference). All views into the string.
struct ReferenceParts {
  enum class Form : std::uint8_t {
    kNone,      // empty
    kRelative,  // Patient/1, Patient/1/_history/2
    kAbsolute,  // https://server/fhir/Patient/1: type and id are set where the URL has that form
    kUuid,      // urn:uuid:… (id is the UUID)
    kOid,       // urn:oid:…  (id is the OID)
    kFragment,  // #id, a contained resource; "#" alone is the container, with an empty id
    kOther,     // anything else: a conditional reference (Patient?identifier=…), another scheme, malformed
  };
  Form form = Form::kNone;
  std::string_view base;  // of an absolute one, without the slash before the type
  std::string_view type;  // "Patient"; empty when not known
  std::string_view id;
  std::string_view version;  // behind /_history/
};

ReferenceParts parseReference(std::string_view reference);

// Calls visit(NodeIndex of the string, its text) for each member called "reference" that is a string, below
// `root` (the whole document by default), in document order. One pass along the tape.
template <class Visit>
void forEachReference(const Document& document, Visit visit, NodeIndex root = 0) {
  if (document.empty()) return;
  const Node* const nodes = document.data();
  const NodeIndex end = nodes[root].next;
  for (NodeIndex i = root; i < end; ++i) {
    if (nodes[i].name == names::kReference && nodes[i].kind == Kind::kString) visit(i, document.scalar(i));
  }
}

}  // namespace tributary::fhir
