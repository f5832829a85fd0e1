// is(), as(), type() (FHIRPath N1 6.3, 10.2).
#include "fhir/json_reader.h"
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

using terminology::Element;
using terminology::TypeId;

std::string qualifiedName(const terminology::Definitions& definitions, TypeId type) {
  if (type == terminology::kNoType) return "System.Any";
  const bool system = definitions.typeKind(type) == terminology::TypeKind::kSystem;
  return (system ? "System." : "FHIR.") + std::string(definitions.typeName(type));
}

// The ClassInfoElements of a type as JSON. A choice is one element, as FHIRPath has it; its type names all
// that it may be.
std::string classElements(const terminology::Definitions& definitions, TypeId type) {
  std::string json = "[";
  std::string_view last;
  for (const Element& element : definitions.elements(type)) {
    const bool choice = element.choice != fhir::kNoName;
    const std::string_view name = choice ? fhir::nameText(element.choice) : definitions.elementName(element);
    if (name == last) continue;
    last = name;
    std::string of;
    for (const Element& one : definitions.path(type, name)) {
      of += (of.empty() ? "" : ", ") + qualifiedName(definitions, one.type);
    }
    if (choice) of = "Choice<" + of + ">";
    if (element.repeats) of = "List<" + of + ">";
    // Names of elements and types are letters, digits, '.' and '-': nothing to escape.
    json += std::string(json.size() > 1 ? "," : "") + R"({"name":")" + std::string(name) + R"(","type":")" +
            of + R"(","isOneBased":false})";
  }
  return json + "]";
}

}  // namespace

// namespace, name, baseType, and for a class its elements.
void Evaluator::Impl::typeMember(const Value& info, std::string_view member, Collection& out) {
  const bool system = info.typeInfoIsSystem();
  if (member == "name") out.push(Value::string(info.typeInfoName()));
  if (member == "namespace") out.push(Value::string(system ? "System" : "FHIR"));
  if (member == "baseType" && system) out.push(Value::string("System.Any"));
  if (system || types.definitions() == nullptr) return;
  const terminology::Definitions& definitions = *types.definitions();
  if (member == "baseType") {
    if (const TypeId base = definitions.baseType(info.type()); base != terminology::kNoType)
      out.push(newString(qualifiedName(definitions, base)));
  } else if (member == "element" && types.primitive(info.type()) == Primitive::kNone) {
    auto& elements = class_elements[info.type()];
    if (elements == nullptr) {
      elements = std::make_unique<fhir::Document>();
      fhir::ReadOptions options;
      options.own_text = true;
      options.any_value = true;
      if (!fhir::JsonReader().read(classElements(definitions, info.type()), *elements, options)) return;
    }
    const fhir::Document& list = *elements;
    if (list.empty()) return;
    for (fhir::NodeIndex i = list.root() + 1; i < list[list.root()].next; i = list[i].next)
      out.push(Value::node(list, i, terminology::kNoType));
  }
}

bool Evaluator::Impl::callTypes(const Expr& e, const Frame& /*frame*/, Span input, Collection& out) {
  if (e.function == FunctionId::kType) {
    for (const Value& v : input) {
      if (!v.isNode()) {
        out.push(Value::typeInfo(terminology::kNoType, systemTypeName(v.kind()), true));
      } else if (const auto type = typeOf(v); type != terminology::kNoType) {
        out.push(Value::typeInfo(type, types.name({type, ValueKind::kNode}), false));
      }
    }
    return true;
  }
  if (input.empty()) return true;
  if (input.size() > 1)
    return fail(e, "there are " + std::to_string(input.size()) + " items", "a single item");
  if (e.function == FunctionId::kIs) {
    out.push(Value::boolean(isType(input[0], e.type, false)));
    return true;
  }
  if (!e.type.known()) return fail(e, "there is no type '" + e.type.name + "'");
  if (isType(input[0], e.type, true)) out.push(input[0]);
  return true;
}

}  // namespace tributary::fhirpath
