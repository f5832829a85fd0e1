#include <algorithm>
#include <cstring>
#include <utility>

#include "fhir/internal/json_text.h"
#include "fhir/internal/xml_tree.h"

namespace tributary::fhir::internal {
namespace {

using Form = ElementShape::Form;

bool hasCompanion(const XmlElement& element) {
  return element.id.present() || element.first_child != 0;
}

bool isPrimitive(const XmlElement& element) {
  switch (element.shape.form) {
    case Form::kString:
    case Form::kNumber:
    case Form::kBoolean:
      return true;
    case Form::kUnknown:
      return element.value.present();
    default:
      return false;
  }
}

}  // namespace

std::expected<void, Issue> XmlEmitter::emit() {
  emitObject(kNoName, 0);
  if (failed_) return std::unexpected(std::move(issue_));
  return {};
}

void XmlEmitter::refuse(const XmlElement& element, const char* rule, const char* text, const char* remedy) {
  if (!failed_) issue_ = issueAt(out_.text(), element.begin, origin_, rule, text, remedy);
  failed_ = true;
}

NodeIndex XmlEmitter::add(Kind kind, NameId name, std::uint32_t offset, std::uint32_t length) {
  Buffer<Node>& nodes = out_.nodes();
  if (nodes.size() >= max_nodes_) {
    if (!failed_) {
      issue_ = issueAt(out_.text(), offset, origin_, "xml-size",
                       "The document has more than " + std::to_string(max_nodes_) + " values.",
                       "Send it as several smaller resources or Bundles.");
    }
    failed_ = true;
    return 0;
  }
  nodes.reserveMore(1);
  const auto index = static_cast<NodeIndex>(nodes.size());
  nodes.setSize(index + std::size_t{1});
  nodes[index] = {index + 1, offset, length, name, kind, 0};
  return index;
}

void XmlEmitter::close(NodeIndex container) {
  if (!failed_) out_.nodes()[container].next = static_cast<NodeIndex>(out_.nodes().size());
}

void XmlEmitter::addString(NameId name, const XmlValue& value) {
  const NodeIndex node = add(Kind::kString, name, value.offset, value.length);
  if (!failed_ && value.place == XmlValue::Place::kArena) out_.nodes()[node].flags = kEscaped;
}

// What is no number or boolean although it should be is kept as a string: the rules of the type say so later
// on.
void XmlEmitter::addPrimitive(NameId name, const XmlElement& element) {
  const XmlValue& value = element.value;
  addString(name, value);
  if (failed_ || value.place != XmlValue::Place::kText) return;
  Node& node = out_.nodes()[out_.nodes().size() - 1];
  const std::string_view text = out_.text().substr(value.offset, value.length);
  if (element.shape.form == Form::kNumber && isJsonNumber(text)) {
    node.kind = Kind::kNumber;
  } else if (element.shape.form == Form::kBoolean && (text == "true" || text == "false")) {
    node.kind = text == "true" ? Kind::kTrue : Kind::kFalse;
  }
}

// Text that stands nowhere in the XML: in the arena, with the place that it stands for before it.
static std::uint32_t addToArena(Buffer<char>& arena, std::uint32_t source, std::string_view text) {
  arena.reserveMore(text.size() + sizeof source);
  std::memcpy(arena.data() + arena.size(), &source, sizeof source);
  const auto offset = static_cast<std::uint32_t>(arena.size() + sizeof source);
  std::memcpy(arena.data() + offset, text.data(), text.size());
  arena.setSize(offset + text.size());
  return offset;
}

void XmlEmitter::addNull(std::uint32_t offset) {
  const NodeIndex node = add(Kind::kNull, kNoName, addToArena(out_.arena(), offset, "null"), 4);
  if (!failed_) out_.nodes()[node].flags = kEscaped;
}

// The element as it stands in the XML. Line ends become \n, as XML 1.0 section 2.11 has every reader do.
void XmlEmitter::addXhtml(NameId name, const XmlElement& element) {
  const std::string_view raw = out_.text().substr(element.begin, element.end - element.begin);
  if (raw.find('\r') == std::string_view::npos) {
    add(Kind::kString, name, element.begin, element.end - element.begin);
    return;
  }
  std::string text;
  text.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\r') {
      text += raw[i];
    } else if (i + 1 == raw.size() || raw[i + 1] != '\n') {
      text += '\n';
    }
  }
  const std::uint32_t offset = addToArena(out_.arena(), element.begin, text);
  const NodeIndex node = add(Kind::kString, name, offset, static_cast<std::uint32_t>(text.size()));
  if (!failed_) out_.nodes()[node].flags = kEscaped;
}

void XmlEmitter::emitObject(NameId name, std::uint32_t index) {
  const XmlElement& element = elements_[index];
  const NodeIndex object = add(Kind::kObject, name, element.begin, element.end - element.begin);
  if (element.is_resource) add(Kind::kString, names::kResourceType, element.name_begin, element.type_length);
  emitMembers(object, index);
  close(object);
}

void XmlEmitter::emitMembers(NodeIndex object, std::uint32_t index) {
  const XmlElement& element = elements_[index];
  if (element.id.present()) addString(names::kId, element.id);
  if (element.url.present()) addString(names::kUrl, element.url);
  // FHIR has repetitions of an element stand together; where they do not, they are brought together.
  std::vector<std::pair<NameId, std::uint32_t>> children;
  for (std::uint32_t child = element.first_child; child != 0; child = elements_[child].next_sibling) {
    children.emplace_back(elements_[child].name, child);
  }
  std::vector<Group> groups;
  std::vector<std::pair<NameId, std::uint32_t>>
      group_of;  // sorted copy: name → group, in order of first appearance
  if (children.size() > 1) {
    group_of = children;
    std::sort(group_of.begin(), group_of.end());
    group_of.erase(std::unique(group_of.begin(), group_of.end(),
                               [](const auto& a, const auto& b) { return a.first == b.first; }),
                   group_of.end());
    for (auto& entry : group_of) entry.second = ~std::uint32_t{0};
  } else if (!children.empty()) {
    group_of.emplace_back(children.front().first, ~std::uint32_t{0});
  }
  for (const auto& [name, child] : children) {
    const auto found = std::lower_bound(group_of.begin(), group_of.end(), std::pair(name, std::uint32_t{0}));
    if (found->second == ~std::uint32_t{0}) {
      found->second = static_cast<std::uint32_t>(groups.size());
      groups.emplace_back();
    }
    groups[found->second].push_back(child);
  }
  for (const Group& group : groups) {
    if (failed_) return;
    const XmlElement& first = elements_[group.front()];
    if ((first.name == names::kId && element.id.present()) ||
        (first.name == names::kUrl && element.url.present())) {
      refuse(first, "xml-attribute", "An element has this both as an attribute and as a child.",
             "Write it once, in the form that FHIR R4 2.6.1 gives.");
      return;
    }
    if (first.name == names::kResourceType && element.is_resource) {
      refuse(first, "xml-resource",
             "A resource has no element resourceType: in XML its own name says its type.",
             "Leave the element out.");
      return;
    }
    emitGroup(object, group);
  }
}

NodeIndex XmlEmitter::openArray(NameId name, const Group& group) {
  const XmlElement& first = elements_[group.front()];
  return add(Kind::kArray, name, first.begin, elements_[group.back()].end - first.begin);
}

void XmlEmitter::emitGroup(NodeIndex object, const Group& group) {
  const XmlElement& first = elements_[group.front()];
  const bool array = first.shape.repeats || group.size() > 1;
  if (std::any_of(group.begin(), group.end(), [&](std::uint32_t i) { return isPrimitive(elements_[i]); })) {
    emitPrimitives(object, group, array);
    return;
  }
  if (first.name == names::kContained && !failed_) out_.nodes()[object].flags |= kHasContained;
  if (!array) {
    emitComplex(first.name, group.front());
    return;
  }
  const NodeIndex list = openArray(first.name, group);
  for (const std::uint32_t child : group) {
    if (failed_) return;
    emitComplex(kNoName, child);
  }
  close(list);
}

void XmlEmitter::emitComplex(NameId name, std::uint32_t index) {
  const XmlElement& element = elements_[index];
  if (element.shape.form == Form::kXhtml) {
    addXhtml(name, element);
  } else if (element.value.present()) {
    refuse(element, "xml-attribute", "This element has a value attribute, but it is no primitive.",
           "Put the value into the child elements that FHIR R4 defines for it.");
  } else if (element.shape.form == Form::kResource) {
    if (element.first_child == 0) {
      refuse(element, "xml-resource", "There is no resource where one belongs.",
             "Put one resource in, or leave it out.");
    } else {
      emitObject(name, element.first_child);
    }
  } else {
    emitObject(name, index);
  }
}

// A primitive's value is the member, its id and extensions are the "_name" companion (FHIR R4 2.6.2.3); of a
// repeating one both are arrays of the same length, with null where there is nothing.
void XmlEmitter::emitPrimitives(NodeIndex object, const Group& group, bool array) {
  const NameId name = elements_[group.front()].name;
  const auto companion = static_cast<NameId>(name | kCompanion);
  const auto any = [&](auto test) {
    return std::any_of(group.begin(), group.end(), [&](std::uint32_t i) { return test(elements_[i]); });
  };
  if (any([](const XmlElement& element) { return element.value.present(); })) {
    const NodeIndex list = array ? openArray(name, group) : 0;
    for (const std::uint32_t i : group) {
      if (failed_) return;
      if (elements_[i].value.present()) {
        addPrimitive(array ? kNoName : name, elements_[i]);
      } else {
        addNull(elements_[i].begin);
      }
    }
    if (array) close(list);
  }
  if (!any(hasCompanion)) return;
  if (!failed_) out_.nodes()[object].flags |= kHasCompanions;
  const NodeIndex list = array ? openArray(companion, group) : 0;
  for (const std::uint32_t i : group) {
    if (failed_) return;
    if (hasCompanion(elements_[i])) {
      emitObject(array ? kNoName : companion, i);
    } else {
      addNull(elements_[i].begin);
    }
  }
  if (array) close(list);
}

}  // namespace tributary::fhir::internal
