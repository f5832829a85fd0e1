#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "base/issue.h"
#include "fhir/document.h"
#include "fhir/internal/document_builder.h"
#include "fhir/internal/json_diagnosis.h"
#include "fhir/xml_reader.h"

namespace tributary::fhir::internal {

// An attribute of FHIR's: where its value stands, in the XML or (when it holds references) unescaped in the
// arena.
struct XmlValue {
  enum class Place : std::uint8_t { kAbsent, kText, kArena };
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  Place place = Place::kAbsent;

  bool present() const { return place != Place::kAbsent; }
};

// An element as expat reported it. Children are linked in their order; index 0 is the root, so 0 ends a
// chain.
struct XmlElement {
  std::uint32_t first_child = 0, last_child = 0, next_sibling = 0;
  std::uint32_t begin = 0, end = 0;  // in the text, both tags included
  std::uint32_t name_begin = 0;
  NameId name = kNoName;
  bool is_resource = false;  // stands for itself in JSON, with a resourceType
  ElementShape shape;
  XmlValue value, id, url;
  std::uint32_t type_length = 0;  // of a resource: length of its type name at name_begin
};

// Writes the tape of the JSON form from the tree. `max_nodes` bounds it.
class XmlEmitter {
 public:
  XmlEmitter(const std::vector<XmlElement>& elements, DocumentBuilder& out, std::uint32_t max_nodes,
             const TextOrigin& origin)
      : elements_(elements), out_(out), max_nodes_(max_nodes), origin_(origin) {}

  std::expected<void, Issue> emit();

 private:
  using Group = std::vector<std::uint32_t>;

  NodeIndex add(Kind kind, NameId name, std::uint32_t offset, std::uint32_t length);
  void close(NodeIndex container);
  void addString(NameId name, const XmlValue& value);
  void addPrimitive(NameId name, const XmlElement& element);
  void addNull(std::uint32_t offset);
  void addXhtml(NameId name, const XmlElement& element);
  void emitObject(NameId name, std::uint32_t element);
  void emitMembers(NodeIndex object, std::uint32_t element);
  void emitGroup(NodeIndex object, const Group& group);
  void emitPrimitives(NodeIndex object, const Group& group, bool array);
  void emitComplex(NameId name, std::uint32_t element);
  NodeIndex openArray(NameId name, const Group& group);
  void refuse(const XmlElement& element, const char* rule, const char* text, const char* remedy);

  const std::vector<XmlElement>& elements_;
  DocumentBuilder& out_;
  std::uint32_t max_nodes_;
  const TextOrigin& origin_;
  bool failed_ = false;
  Issue issue_;
};

}  // namespace tributary::fhir::internal
