#include "terminology/internal/type_builder.h"

#include <algorithm>
#include <charconv>

#include "fhir/names.h"

namespace tributary::terminology::internal {

namespace {

constexpr std::string_view kFhirBase = "http://hl7.org/fhir/StructureDefinition/";
constexpr std::string_view kSystemBase = "http://hl7.org/fhirpath/";
constexpr std::string_view kFhirType =
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
// FHIRPath N1 §Types. Any is the base of them all.
constexpr std::string_view kSystemTypes[] = {"System.Any",      "System.Boolean", "System.Date",
                                             "System.DateTime", "System.Decimal", "System.Integer",
                                             "System.Quantity", "System.String",  "System.Time"};
constexpr std::size_t kMaxTypes = 30'000;

std::string_view lastSegment(std::string_view text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

std::string_view parentPath(std::string_view path) {
  return path.substr(0, path.rfind('.'));
}

TypeKind kindOf(std::string_view kind) {
  if (kind == "primitive-type") return TypeKind::kPrimitive;
  if (kind == "resource") return TypeKind::kResource;
  if (kind == "logical") return TypeKind::kLogical;
  return TypeKind::kComplex;
}

}  // namespace

TypeBuilder::RawElement TypeBuilder::readElement(JsonView element, bool of_resource) {
  RawElement raw;
  raw.path = element.text("path");
  const std::string_view min = element.text("min");
  std::from_chars(min.data(), min.data() + min.size(), raw.min);
  // A restricted maximum (FHIR R4 ElementDefinition.base) does not change the JSON form of the element.
  const std::string_view base_max = element["base"].text("max");
  const std::string_view max = base_max.empty() ? element.text("max") : base_max;
  raw.repeats = max != "1" && max != "0" && !max.empty();
  raw.prohibited = element.text("max") == "0";
  if (const std::string_view reference = element.text("contentReference"); !reference.empty()) {
    raw.content_reference = lastSegment(reference, '#');
  }
  const bool value_of_primitive = raw.path.ends_with(".value");
  for (const JsonView type : element["type"]) {
    std::string_view code = type.text("code");
    if (code.starts_with(kSystemBase) && !value_of_primitive) {
      // Element.id, Resource.id and Extension.url are given as System.String with the FHIR type in an
      // extension; for Resource.id that says "string" in 4.0.1, though the specification (2.28.1) says id.
      std::string_view fhir_type = "string";
      for (const JsonView extension : type["extension"]) {
        if (extension.text("url") == kFhirType) {
          fhir_type = extension[extension["valueUrl"] ? "valueUrl" : "valueUri"].text();
        }
      }
      code = fhir_type;
      if (of_resource && raw.path.ends_with(".id") && std::ranges::count(raw.path, '.') == 1) code = "id";
    }
    if (!code.empty()) raw.types.emplace_back(code);
  }
  return raw;
}

bool TypeBuilder::add(JsonView definition, std::string_view file) {
  if (definition.text("derivation") == "constraint") return false;
  Definition made;
  made.kind = kindOf(definition.text("kind"));
  made.url = definition.text("url");
  made.base = lastSegment(definition.text("baseDefinition"), '/');
  made.file = file;
  JsonView elements = definition["snapshot"]["element"];
  made.snapshot = static_cast<bool>(elements);
  if (!elements) {
    if (made.kind != TypeKind::kLogical) return false;
    elements = definition["differential"]["element"];
  }
  for (const JsonView element : elements) {
    RawElement raw = readElement(element, made.kind == TypeKind::kResource);
    if (element["sliceName"] || raw.path.empty()) continue;
    made.elements.push_back(std::move(raw));
  }
  if (made.elements.empty()) return false;
  // The root's path is the type's name; `type` is a URL for a logical model (R4 5.4.6.5).
  const std::string& first = made.elements.front().path;
  made.name = first.substr(0, first.find('.'));
  if (first != made.name)
    made.elements.insert(made.elements.begin(),
                         RawElement{.path = made.name, .types = {}, .content_reference = {}});
  std::string name = made.name;
  definitions_.insert_or_assign(std::move(name), std::move(made));
  return true;
}

// One Pending for each definition and for each element that has children of its own.
void TypeBuilder::collectPending() {
  for (const std::string_view name : kSystemTypes) {
    pending_.push_back({.name = std::string(name),
                        .kind = TypeKind::kSystem,
                        .base = name == kSystemTypes[0] ? "" : std::string(kSystemTypes[0])});
  }
  for (const auto& [name, definition] : definitions_) {
    pending_.push_back(
        {.name = name, .kind = definition.kind, .base = definition.base, .definition = &definition});
    for (std::size_t i = 1; i + 1 < definition.elements.size(); ++i) {
      const RawElement& element = definition.elements[i];
      if (parentPath(definition.elements[i + 1].path) != element.path) continue;
      std::string base = element.types.empty() ? "" : element.types.front();
      if (base != "Element" || definition.kind == TypeKind::kLogical) base = "BackboneElement";
      pending_.push_back({.name = element.path,
                          .kind = TypeKind::kBackbone,
                          .base = base,
                          .definition = &definition,
                          .first = i});
    }
  }
}

// Numbers types depth first along the base relation, so that a subtree is an interval of ids.
void TypeBuilder::numberTypes() {
  std::map<std::string_view, std::vector<std::size_t>> derived;
  std::map<std::string_view, bool> known;
  for (const Pending& type : pending_) known[type.name] = true;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const bool rooted =
        pending_[i].base.empty() || !known.contains(pending_[i].base) || pending_[i].base == pending_[i].name;
    derived[rooted ? std::string_view() : std::string_view(pending_[i].base)].push_back(i);
  }
  std::vector<Pending> ordered(1);
  last_.assign(1, kNoType);
  const auto visit = [&](const auto& self, std::string_view base) -> void {
    for (const std::size_t i : derived[base]) {
      if (ordered.size() >= kMaxTypes) return;
      const auto id = static_cast<TypeId>(ordered.size());
      ordered.push_back(pending_[i]);
      ordered.back().id = id;
      by_name_[pending_[i].name] = id;
      last_.push_back(id);
      self(self, pending_[i].name);
      last_[id] = static_cast<TypeId>(ordered.size() - 1);
    }
  };
  visit(visit, {});  // a loop of bases is reachable from no root and stays out
  pending_ = std::move(ordered);
}

TypeId TypeBuilder::typeByName(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? kNoType : it->second;
}

TypeId TypeBuilder::elementType(const Pending& owner, const RawElement& element,
                                std::string_view code) const {
  if (!element.content_reference.empty()) return typeByName(element.content_reference);
  if (const TypeId own = typeByName(element.path); own != kNoType && owner.definition != nullptr) return own;
  if (code.starts_with(kSystemBase)) return typeByName(code.substr(kSystemBase.size()));
  return typeByName(lastSegment(code, '/'));
}

std::vector<TypeBuilder::Member> TypeBuilder::ownMembers(const Pending& type,
                                                         std::vector<CompileWarning>& warnings) const {
  std::vector<Member> members;
  const std::vector<RawElement>& all = type.definition->elements;
  const auto unknown = [&](const RawElement& element, std::string_view code) {
    warnings.push_back(
        {type.definition->file, element.path + ": type '" + std::string(code) + "' is not known"});
  };
  for (std::size_t i = type.first + 1; i < all.size(); ++i) {
    const RawElement& element = all[i];
    if (!element.path.starts_with(type.name + ".")) break;
    if (parentPath(element.path) != type.name || element.prohibited) continue;
    std::string name(lastSegment(element.path, '.'));
    if (!name.ends_with("[x]")) {
      const std::string_view code = element.types.empty() ? std::string_view() : element.types.front();
      const TypeId id = elementType(type, element, code);
      if (id == kNoType && !code.empty()) unknown(element, code);
      members.push_back({name, name, id, element.repeats, false, element.min});
      continue;
    }
    name.resize(name.size() - 3);
    for (const std::string& code : element.types) {
      std::string suffix(lastSegment(code, '/'));
      suffix[0] = static_cast<char>(suffix[0] >= 'a' && suffix[0] <= 'z' ? suffix[0] - 'a' + 'A' : suffix[0]);
      const TypeId id = typeByName(lastSegment(code, '/'));
      if (id == kNoType) unknown(element, code);
      members.push_back({name + suffix, name, id, element.repeats, true, element.min});
    }
  }
  return members;
}

// A differential leaves out what the base has, and so does a backbone element written by hand.
void TypeBuilder::inheritMembers(const Pending& type, std::vector<Member>& members) const {
  const auto base = members_.find(typeByName(type.base));
  if (base == members_.end()) return;
  for (const Member& inherited : base->second) {
    const auto same = [&](const Member& member) { return member.path_name == inherited.path_name; };
    if (std::ranges::none_of(members, same)) members.push_back(inherited);
  }
}

// The definitions of derived primitives (positiveInt.value) say System.String; what a code or positiveInt
// holds is what its base holds. Leaves `value` as the last member.
void TypeBuilder::fixPrimitive(const Pending& type, std::vector<Member>& members) const {
  Member value{"value", "value", typeByName("System.String")};
  std::erase_if(members, [&](const Member& member) {
    if (member.name != "value") return false;
    if (member.type != kNoType) value.type = member.type;
    return true;
  });
  if (const auto base = members_.find(typeByName(type.base)); base != members_.end()) {
    for (const Member& member : base->second) {
      if (member.name == "value") value.type = member.type;
    }
  }
  members.push_back(std::move(value));
}

void TypeBuilder::writeType(Tables& tables, const Pending& type, const std::vector<Member>& members) const {
  TypeRecord& record = tables.types[type.id];
  const auto append = [&](const Member& member) {
    tables.elements.push_back({.name = fhir::findName(member.name),
                               .choice = member.choice ? fhir::findName(member.path_name) : fhir::kNoName,
                               .type = member.type,
                               .repeats = member.repeats,
                               .min = member.min});
    tables.element_names.push_back(tables.strings.add(member.name));
  };
  std::vector<Member> sorted = members;
  std::ranges::stable_sort(sorted, [](const Member& a, const Member& b) {
    return std::pair(fhir::findName(a.name), std::string_view(a.name)) <
           std::pair(fhir::findName(b.name), std::string_view(b.name));
  });
  record.elements.begin = static_cast<std::uint32_t>(tables.elements.size());
  for (const Member& member : sorted) append(member);
  record.elements.count = static_cast<std::uint32_t>(tables.elements.size()) - record.elements.begin;

  std::ranges::stable_sort(sorted, {}, &Member::path_name);
  record.paths.begin = static_cast<std::uint32_t>(tables.paths.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || sorted[i].path_name != sorted[i - 1].path_name) {
      tables.paths.push_back({.name = tables.strings.add(sorted[i].path_name),
                              .elements = {static_cast<std::uint32_t>(tables.elements.size()), 0}});
    }
    append(sorted[i]);
    ++tables.paths.back().elements.count;
  }
  record.paths.count = static_cast<std::uint32_t>(tables.paths.size()) - record.paths.begin;
}

void TypeBuilder::finish(Tables& tables, std::vector<CompileWarning>& warnings) {
  collectPending();
  numberTypes();
  tables.types.resize(pending_.size());
  for (std::size_t i = 1; i < pending_.size(); ++i) {
    const Pending& type = pending_[i];
    std::vector<Member> members;
    if (type.definition != nullptr) {
      members = ownMembers(type, warnings);
      if (!type.definition->snapshot) inheritMembers(type, members);
    }
    const bool is_system = type.kind == TypeKind::kSystem;
    TypeRecord& record = tables.types[i];
    record.name =
        tables.strings.add(is_system ? std::string_view(type.name).substr(7) : std::string_view(type.name));
    record.base = typeByName(type.base) == type.id ? kNoType : typeByName(type.base);
    record.last = last_[i];
    record.kind = type.kind;
    if (type.kind == TypeKind::kPrimitive) {
      fixPrimitive(type, members);
      record.system = members.back().type;
    }
    writeType(tables, type, members);
    members_[type.id] = std::move(members);
    tables.type_names.push_back({tables.strings.add(type.name), type.id});
    if (type.definition != nullptr && type.first == 0) {
      const std::string url =
          type.definition->url.empty() ? std::string(kFhirBase) + type.name : type.definition->url;
      tables.type_names.push_back({tables.strings.add(url), type.id});
    }
  }
  tables.indexTypes();
}

}  // namespace tributary::terminology::internal
