// From an element to its children on the tape.
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;
using terminology::Element;
using terminology::kNoType;
using terminology::TypeId;

Value Evaluator::Impl::resourceNode(const fhir::Document& document, NodeIndex node) const {
  return Value::node(document, node, types.resourceType(document, node));
}

Value Evaluator::Impl::rootNode(const fhir::Document& document) {
  const std::string_view name = document.rootType();
  if (name.empty()) return resourceNode(document, document.root());
  if (name != last_type_name) {
    last_type = types.definitions() != nullptr ? types.definitions()->findType(name) : kNoType;
    last_type_name = name;
  }
  return Value::node(document, document.root(), last_type);
}

void Evaluator::Impl::collect(const fhir::Document& document, NodeIndex object, fhir::NameId name,
                              TypeId type, Collection& out) {
  const NodeIndex node = document.member(object, name);
  NodeIndex companion = kNoNode;
  if ((document[object].flags & fhir::kHasCompanions) != 0) {
    companion = document.member(object, static_cast<fhir::NameId>(name | fhir::kCompanion));
  }
  if (node == kNoNode && companion == kNoNode) return;
  const bool abstract = types.isAbstractResource(type);
  const auto push = [&](NodeIndex value, NodeIndex extra) {
    if (value != kNoNode && document[value].kind == Kind::kNull) value = kNoNode;
    if (extra != kNoNode && document[extra].kind != Kind::kObject) extra = kNoNode;
    if (value == kNoNode && extra == kNoNode) return;
    TypeId actual = type;
    if (abstract && value != kNoNode) {
      actual = types.resourceType(document, value);
      if (actual == kNoType) actual = type;
    }
    out.push(Value::node(document, value, actual, extra));
  };
  const bool many = (node != kNoNode && document[node].kind == Kind::kArray) ||
                    (companion != kNoNode && document[companion].kind == Kind::kArray);
  if (!many) {
    push(node, companion);
    return;
  }
  // Not both need be lists in a document that breaks the rules: what is none counts as a list of one.
  NodeIndex item = kNoNode, item_end = 0, extra = kNoNode, extra_end = 0;
  if (node != kNoNode) {
    item = document[node].kind == Kind::kArray ? node + 1 : node;
    item_end = document[node].next;
  }
  if (companion != kNoNode) {
    extra = document[companion].kind == Kind::kArray ? companion + 1 : companion;
    extra_end = document[companion].next;
  }
  while (item < item_end || extra < extra_end) {
    const bool has_item = item < item_end, has_extra = extra < extra_end;
    push(has_item ? item : kNoNode, has_extra ? extra : kNoNode);
    if (has_item) item = document[item].next;
    if (has_extra) extra = document[extra].next;
  }
}

std::span<const Element> Evaluator::Impl::lookup(TypeId type, fhir::NameId name, std::string_view text) {
  if (types.definitions() == nullptr) return {};
  if (name == fhir::kNoName) return types.definitions()->path(type, text);
  LookupSlot& slot = lookups[(type * 31U + name) & (lookups.size() - 1)];
  if (slot.type != type || slot.name != name) slot = {type, name, types.definitions()->path(type, text)};
  return slot.elements;
}

void Evaluator::Impl::memberNamed(const Value& v, fhir::NameId name, std::string_view text, Collection& out) {
  if (!v.isNode()) {
    if (v.kind() == ValueKind::kTypeInfo) {
      typeMember(v, text, out);
    } else if (v.kind() == ValueKind::kQuantity) {
      if (text == "value") out.push(Value::decimal(v.asQuantity().value));
      if (text == "unit") out.push(Value::string(v.asQuantity().unit));
    }
    return;
  }
  const fhir::Document& document = v.document();
  NodeIndex object = v.nodeIndex();
  if (object == kNoNode || document[object].kind != Kind::kObject) {
    object = v.companionIndex();  // id and extension of a primitive
    if (object == kNoNode) return;
  }
  const TypeId type = v.type();
  if (type != kNoType) {
    const auto found = lookup(type, name, text);
    for (const Element& element : found) {
      if (element.name != fhir::kNoName) {
        collect(document, object, element.name, element.type, out);
      } else if (const NodeIndex node = document.member(object, text); node != kNoNode) {
        collect(document, object, document[node].name, element.type, out);
      }
    }
    if (!found.empty()) return;
    if (object != v.companionIndex() &&
        types.definitions()->typeKind(type) != terminology::TypeKind::kLogical)
      return;
  }
  // A type that is not known: what the JSON says.
  if (name != fhir::kNoName) {
    collect(document, object, name, kNoType, out);
  } else if (const NodeIndex node = document.member(object, text); node != kNoNode) {
    collect(document, object, document[node].name, kNoType, out);
  }
}

void Evaluator::Impl::member(const Expr& e, const Value& v, Collection& out) {
  if (v.isNode() && v.type() != kNoType && v.type() == e.owner) {
    const fhir::Document& document = v.document();
    NodeIndex object = v.nodeIndex();
    if (object == kNoNode || document[object].kind != Kind::kObject) object = v.companionIndex();
    if (object == kNoNode) return;
    for (const Element& element : e.elements) collect(document, object, element.name, element.type, out);
    return;
  }
  memberNamed(v, e.name, e.text, out);
}

void Evaluator::Impl::children(const Value& v, Collection& out) {
  if (!v.isNode()) return;
  const fhir::Document& document = v.document();
  const auto members = [&](NodeIndex object, TypeId type) {
    const NodeIndex end = document[object].next;
    for (NodeIndex i = object + 1; i < end; i = document[i].next) {
      fhir::NameId name = document[i].name;
      if (name == names::kResourceType && types.isResource(type)) continue;
      if ((name & fhir::kCompanion) != 0) {
        name = static_cast<fhir::NameId>(name & ~fhir::kCompanion);
        if (document.member(object, name) != kNoNode) continue;  // comes with its value
      }
      const Element* element = type != kNoType && (name & fhir::kLocalName) == 0
                                   ? types.definitions()->element(type, name)
                                   : nullptr;
      collect(document, object, name, element != nullptr ? element->type : kNoType, out);
    }
  };
  if (v.isObject()) members(v.nodeIndex(), v.type());
  if (v.companionIndex() != kNoNode) members(v.companionIndex(), types.element);
}

std::optional<std::string_view> Evaluator::Impl::childText(const Value& v, fhir::NameId name) const {
  if (!v.isObject()) return std::nullopt;
  const NodeIndex node = v.document().member(v.nodeIndex(), name);
  if (node == kNoNode || v.document()[node].kind >= Kind::kArray || v.document()[node].kind == Kind::kNull) {
    return std::nullopt;
  }
  return v.document().scalar(node);
}

TypeId Evaluator::Impl::typeOf(const Value& v) const {
  if (v.type() != kNoType || !v.isObject()) return v.type();
  return types.resourceType(v.document(), v.nodeIndex());
}

bool Evaluator::Impl::isType(const Value& v, const TypeSpecifier& type, bool exact_primitive) const {
  if (!v.isNode()) return v.kind() == type.system;
  const TypeId actual = typeOf(v);
  if (actual == kNoType) {
    // Without a type only the shape of the JSON can tell.
    if (types.definitions() != nullptr || v.nodeIndex() == kNoNode) return false;
    if (v.isObject()) return childText(v, names::kResourceType) == std::string_view(type.name);
    return false;
  }
  if (type.fhir == kNoType) return false;
  if (exact_primitive && types.primitive(actual) != Primitive::kNone) return actual == type.fhir;
  return types.definitions()->isA(actual, type.fhir);
}

}  // namespace tributary::fhirpath
