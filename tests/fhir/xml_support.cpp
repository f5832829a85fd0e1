#include "tests/fhir/xml_support.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhir/resource.h"
#include "tests/fhir/support.h"

namespace tributary::fhir {

PackageShapes::PackageShapes(const std::string& package) {
  names_.emplace_back();
  const auto folder = packageFolder(package);
  if (!std::filesystem::exists(folder)) return;
  JsonReader reader;
  Document document;
  elements_.emplace_back();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with("StructureDefinition-")) continue;
    const auto text = readFile(entry.path());
    if (text && reader.read(*text, document)) addDefinition(document);
  }
}

ShapeType PackageShapes::number(const std::string& type) {
  const auto [entry, fresh] = numbers_.try_emplace(type, static_cast<ShapeType>(elements_.size()));
  if (fresh) {
    elements_.emplace_back();
    names_.push_back(type);
  }
  return entry->second;
}

void PackageShapes::addDefinition(const Document& document) {
  if (stringMember(document, 0, findName("derivation")) == "constraint") return;
  kinds_[std::string(stringMember(document, 0, names::kType))] = stringMember(document, 0, findName("kind"));
  const NodeIndex snapshot = objectMember(document, 0, findName("snapshot"));
  for (const NodeIndex element : children(document, arrayMember(document, snapshot, findName("element")))) {
    const std::string path(stringMember(document, element, findName("path")));
    const std::size_t dot = path.rfind('.');
    if (dot == std::string::npos) continue;
    const std::string name = path.substr(dot + 1);
    const bool repeats = [&] {
      const NodeIndex base = objectMember(document, element, findName("base"));
      const std::string_view max = stringMember(document, base, findName("max"));
      return max != "1" && max != "0";
    }();
    const auto add = [&](const std::string& member, std::string type) {
      const ShapeType owner = number(path.substr(0, dot));
      elements_[owner][member] = {std::move(type), repeats};
    };
    const std::string_view same_as = stringMember(document, element, findName("contentReference"));
    if (!same_as.empty()) add(name, std::string(same_as.substr(same_as.find('#') + 1)));
    for (const NodeIndex type : children(document, arrayMember(document, element, names::kType))) {
      std::string code(stringMember(document, type, names::kCode));
      if (code.starts_with("http")) code = "string";
      const bool inner = code == "BackboneElement" || code == "Element";
      if (!name.ends_with("[x]")) {
        add(name, inner ? path : code);
        continue;
      }
      std::string capital = code;
      capital[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(capital[0])));
      add(name.substr(0, name.size() - 3) + capital, code);
    }
  }
  number(std::string(stringMember(document, 0, names::kType)));
}

ShapeType PackageShapes::resource(std::string_view type) const {
  const auto kind = kinds_.find(type);
  const auto found = numbers_.find(type);
  return kind != kinds_.end() && kind->second == "resource" && found != numbers_.end() ? found->second
                                                                                       : kNoShape;
}

ElementShape PackageShapes::element(ShapeType type, std::string_view name) const {
  if (type == kNoShape || type >= elements_.size()) return {};
  const auto found = elements_[type].find(name);
  if (found == elements_[type].end()) return {};
  const auto& [target, repeats] = found->second;
  const auto kind = kinds_.find(target);
  const auto number = numbers_.find(target);
  ElementShape shape{ElementShape::Form::kComplex, repeats,
                     number == numbers_.end() ? kNoShape : number->second};
  if (kind == kinds_.end()) return shape;
  if (kind->second == "resource") {
    shape.form = ElementShape::Form::kResource;
  } else if (target == "xhtml") {
    shape.form = ElementShape::Form::kXhtml;
  } else if (kind->second == "primitive-type") {
    const bool numeric =
        target == "decimal" || target == "integer" || target == "positiveInt" || target == "unsignedInt";
    shape.form = numeric               ? ElementShape::Form::kNumber
                 : target == "boolean" ? ElementShape::Form::kBoolean
                                       : ElementShape::Form::kString;
  }
  return shape;
}

namespace {

class XmlWriter {
 public:
  XmlWriter(const Document& document, const ElementShapes& shapes) : document_(document), shapes_(shapes) {}

  std::string write() {
    resource(0, " xmlns=\"http://hl7.org/fhir\"");
    return std::move(out_);
  }

 private:
  void resource(NodeIndex node, const char* attributes) {
    const std::string type(resourceType(document_, node));
    out_ += "<" + type + attributes + ">";
    members(node, shapes_.resource(type), false);
    out_ += "</" + type + ">";
  }

  void members(NodeIndex object, ShapeType type, bool element_id) {
    for (const NodeIndex i : children(document_, object)) {
      const NameId name = document_[i].name;
      const auto base = static_cast<NameId>(name & ~kCompanion);
      if (element_id ? base == names::kId : name == names::kResourceType) continue;
      if (element_id && name == names::kUrl && extension_) continue;
      const std::string text(document_.name(i));
      const ElementShape shape = shapes_.element(type, text);
      const NodeIndex companion = document_.member(object, static_cast<NameId>(name | kCompanion));
      if ((name & kCompanion) != 0) {
        if (document_.member(object, base) == kNoNode) values(text, shape, kNoNode, i);
      } else {
        values(text, shape, i, companion);
      }
    }
  }

  void values(const std::string& name, const ElementShape& shape, NodeIndex value, NodeIndex companion) {
    const auto isArray = [&](NodeIndex i) { return i != kNoNode && document_[i].kind == Kind::kArray; };
    if (!isArray(value) && !isArray(companion)) return one(name, shape, value, companion);
    std::vector<NodeIndex> items, companions;
    for (const NodeIndex i : children(document_, value)) items.push_back(i);
    for (const NodeIndex i : children(document_, companion)) companions.push_back(i);
    items.resize(std::max(items.size(), companions.size()), kNoNode);
    companions.resize(items.size(), kNoNode);
    for (std::size_t i = 0; i < items.size(); ++i) one(name, shape, items[i], companions[i]);
  }

  void one(const std::string& name, const ElementShape& shape, NodeIndex value, NodeIndex companion) {
    if (shape.form == ElementShape::Form::kXhtml) {
      out_ += document_.scalar(value);
      return;
    }
    if (shape.form == ElementShape::Form::kResource) {
      out_ += "<" + name + ">";
      resource(value, "");
      out_ += "</" + name + ">";
      return;
    }
    const bool complex = value != kNoNode && document_[value].kind == Kind::kObject;
    const NodeIndex inner = complex ? value : companion;
    out_ += "<" + name;
    const bool extension = name == "extension" || name == "modifierExtension";
    if (inner != kNoNode && document_[inner].kind == Kind::kObject) {
      attribute("id", stringMember(document_, inner, names::kId));
      if (extension) attribute("url", stringMember(document_, inner, names::kUrl));
    }
    if (value != kNoNode && !complex && document_[value].kind != Kind::kNull) {
      attribute("value", document_.scalar(value), true);
    }
    out_ += ">";
    if (inner != kNoNode && document_[inner].kind == Kind::kObject) {
      const bool before = std::exchange(extension_, extension);
      members(inner, shape.type, true);
      extension_ = before;
    }
    out_ += "</" + name + ">";
  }

  void attribute(const char* name, std::string_view value, bool always = false) {
    if (value.empty() && !always) return;
    out_ += std::string(" ") + name + "=\"";
    for (const char c : value) {
      if (c == '&' || c == '<' || c == '"' || static_cast<unsigned char>(c) < 0x20) {
        out_ += "&#" + std::to_string(static_cast<int>(c)) + ";";
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  const Document& document_;
  const ElementShapes& shapes_;
  std::string out_;
  bool extension_ = false;
};

std::string withoutSpace(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return c != ' ' && c != '\n' && c != '\r' && c != '\t'; });
  return out;
}

}  // namespace

std::string toXml(const Document& document, const ElementShapes& shapes) {
  return XmlWriter(document, shapes).write();
}

std::string difference(const Document& left, const Document& right, NodeIndex a, NodeIndex b) {
  const Node& x = left[a];
  const Node& y = right[b];
  if (x.kind != y.kind) return ": kinds differ";
  if (x.kind < Kind::kArray) {
    if (left.scalar(a) == right.scalar(b)) return {};
    if (x.name == names::kDiv && withoutSpace(left.scalar(a)) == withoutSpace(right.scalar(b))) return {};
    return ": values differ";
  }
  std::vector<NodeIndex> left_children, right_children;
  for (const NodeIndex i : children(left, a)) left_children.push_back(i);
  for (const NodeIndex i : children(right, b)) right_children.push_back(i);
  if (left_children.size() != right_children.size()) return ": numbers of children differ";
  for (std::size_t i = 0; i < left_children.size(); ++i) {
    NodeIndex other = right_children[i];
    std::string step = "[" + std::to_string(i) + "]";
    if (x.kind == Kind::kObject) {
      const std::string name = ((left[left_children[i]].name & kCompanion) != 0 ? "_" : "") +
                               std::string(left.name(left_children[i]));
      step = "." + name;
      other = right.member(b, name);
      if (other == kNoNode) return step + " is missing";
    }
    const std::string inner = difference(left, right, left_children[i], other);
    if (!inner.empty()) return step + inner;
  }
  return {};
}

}  // namespace tributary::fhir
