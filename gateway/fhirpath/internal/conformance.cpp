#include "fhirpath/internal/conformance.h"

#include <algorithm>
#include <array>

#include "fhirpath/internal/program_impl.h"

namespace tributary::fhirpath {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;
using terminology::kNoType;
using terminology::TypeKind;
using terminology::Verdict;
using enum terminology::Verdict;

constexpr std::string_view kBase = "http://hl7.org/fhir/StructureDefinition/";
constexpr unsigned kMostDepth = 64;  // of elements and of the profiles that they name

Verdict both(Verdict a, Verdict b) {
  if (a == kNo || b == kNo) return kNo;
  return a == kYes && b == kYes ? kYes : kUnknown;
}
Verdict either(Verdict a, Verdict b) {
  if (a == kYes || b == kYes) return kYes;
  return a == kNo && b == kNo ? kNo : kUnknown;
}
Verdict verdict(bool holds) {
  return holds ? kYes : kNo;
}

std::uint32_t childCount(const Document& d, NodeIndex container) {
  std::uint32_t count = 0;
  for (NodeIndex i = container + 1; i < d[container].next; i = d[i].next) ++count;
  return count;
}

// Is `b` what `a` says: all of it (`exact`, fixed[x]), or at least what is in `a` (pattern[x], FHIR
// R4 2.24.0.1)? The reader has bounded the depth of both.
bool fits(const Document& a, NodeIndex x, const Document& b, NodeIndex y, bool exact) {
  if (a[x].kind != b[y].kind) return false;
  if (a[x].kind == Kind::kObject) {
    if (exact && childCount(a, x) != childCount(b, y)) return false;
    for (NodeIndex i = x + 1; i < a[x].next; i = a[i].next) {
      const bool companion = (a[i].name & fhir::kCompanion) != 0 && (a[i].name & fhir::kLocalName) == 0;
      const NodeIndex other = companion ? b.member(y, a[i].name) : b.member(y, a.name(i));
      if (other == kNoNode || !fits(a, i, b, other, exact)) return false;
    }
    return true;
  }
  if (a[x].kind == Kind::kArray) {
    NodeIndex other = y + 1;
    for (NodeIndex i = x + 1; i < a[x].next; i = a[i].next) {
      if (exact) {
        if (other >= b[y].next || !fits(a, i, b, other, true)) return false;
        other = b[other].next;
        continue;
      }
      bool any = false;
      for (NodeIndex j = y + 1; j < b[y].next && !any; j = b[j].next) any = fits(a, i, b, j, false);
      if (!any) return false;
    }
    return !exact || other >= b[y].next;
  }
  if (a[x].kind == Kind::kNumber) {
    const auto p = Decimal::parse(a.scalar(x)), q = Decimal::parse(b.scalar(y));
    return p && q ? *p == *q : a.scalar(x) == b.scalar(y);
  }
  return a.scalar(x) == b.scalar(y);
}

// The fixed value and the pattern of an element, where it has them.
bool fitsStated(const Document& profile, const ProfileNode& node, const Value& value) {
  if (node.fixed == kNoNode && node.pattern == kNoNode) return true;
  if (!value.isNode() || value.nodeIndex() == kNoNode) return false;
  const Document& document = value.document();
  return (node.fixed == kNoNode || fits(profile, node.fixed, document, value.nodeIndex(), true)) &&
         (node.pattern == kNoNode || fits(profile, node.pattern, document, value.nodeIndex(), false));
}

std::string_view withoutVersion(std::string_view canonical) {
  return canonical.substr(0, canonical.find('|'));
}

// Does a differential say anything of this element, or does it only name it?
bool hasRules(const ProfileNode& node) {
  const auto below = [](const auto& nodes) {
    return std::ranges::any_of(nodes, [](const auto& child) { return hasRules(*child); });
  };
  return node.min > 0 || node.max != ProfileNode::kMany || node.fixed != kNoNode || node.pattern != kNoNode ||
         !node.binding.empty() || !node.types.empty() || !node.invariants.empty() || below(node.children) ||
         below(node.slices);
}

// Takes the first name off a path.
std::string_view firstName(std::string_view& path) {
  const auto dot = path.find('.');
  const std::string_view name = path.substr(0, dot);
  path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  return name;
}

bool states(const ProfileNode& node, ProfileSlicing::By by) {
  using enum ProfileSlicing::By;
  if (by == kExists) return node.min > 0 || node.max == 0;
  if (by == kType) return !node.types.empty();
  return node.fixed != kNoNode || node.pattern != kNoNode || !node.binding.empty();
}

// What a slice says at the path of a discriminator: there, in a slice on the way (code.coding:systolic.code),
// or for values above it, in a pattern of the whole. `rest` is the part of the path that was not walked.
const ProfileNode* findStated(const ProfileNode& node, std::string_view path, ProfileSlicing::By by,
                              std::string_view& rest) {
  const bool whole = by == ProfileSlicing::By::kValue && (node.fixed != kNoNode || node.pattern != kNoNode);
  if (path.empty() ? states(node, by) : whole) {
    rest = path;
    return &node;
  }
  if (path.empty()) return nullptr;
  std::string_view below = path;
  const std::string_view name = firstName(below);
  const auto among = [&](const ProfileNode& parent) -> const ProfileNode* {
    for (const auto& child : parent.children) {
      if (child->name != name) continue;
      if (const ProfileNode* const found = findStated(*child, below, by, rest); found != nullptr)
        return found;
    }
    return nullptr;
  };
  if (const ProfileNode* const found = among(node); found != nullptr) return found;
  for (const auto& slice : node.slices) {
    if (const ProfileNode* const found = among(*slice); found != nullptr) return found;
  }
  return nullptr;
}

// Counts how deep the check has gone.
class Depth {
 public:
  explicit Depth(unsigned& depth) : depth_(depth) { ++depth_; }
  ~Depth() { --depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  unsigned& depth_;
};

}  // namespace

const Profile* Conformance::profile(std::string_view canonical) {
  const auto known = machine_.profiles.find(std::string(canonical));
  if (known != machine_.profiles.end()) return known->second.get();
  const std::string_view json = machine_.types.definitions()->resource(canonical);
  if (json.empty()) return nullptr;
  auto read = readProfile(json, *machine_.types.definitions());
  return machine_.profiles.emplace(std::string(canonical), std::move(read)).first->second.get();
}

Verdict Conformance::conforms(std::string_view canonical, const Value& value) {
  const Profile* const wanted = profile(canonical);
  const terminology::Definitions& definitions = *machine_.types.definitions();
  if (wanted == nullptr || depth_ > kMostDepth) return kUnknown;
  const Depth deeper(depth_);
  const auto type = definitions.findType(wanted->type);
  const auto actual = machine_.typeOf(value);
  if (type == kNoType || actual == kNoType) return kUnknown;
  if (!definitions.isA(actual, type)) return kNo;
  const Verdict own = check(*wanted, wanted->root, value);
  return wanted->base.empty() || own == kNo ? own : both(own, conforms(wanted->base, value));
}

Verdict Conformance::check(const Profile& profile, const ProfileNode& node, const Value& value) {
  if (failed_ || !machine_.step(call_)) {
    failed_ = true;
    return kUnknown;
  }
  if (depth_ > kMostDepth) return kUnknown;
  const Depth deeper(depth_);
  Verdict result = checkSelf(profile, node, value);
  for (const auto& child : node.children) {
    if (result == kNo) return kNo;
    result = both(result, checkChild(profile, *child, value));
  }
  if (!node.content.empty() && result != kNo) {
    const ProfileNode* const other = findElement(profile, node.content);
    result = both(result, other == nullptr ? kUnknown : check(profile, *other, value));
  }
  // A type's own definition names the types of its elements; each has rules of its own.
  if (result != kNo && profile.base.empty() && &node != &profile.root)
    result = both(result, checkOwnType(value));
  return result;
}

Verdict Conformance::checkSelf(const Profile& profile, const ProfileNode& node, const Value& value) {
  Verdict result = checkTypes(node, value);
  result = both(result, verdict(fitsStated(*profile.document, node, value)));
  if (!node.binding.empty() && result != kNo) result = both(result, checkBinding(node, value));
  if (!node.targets.empty() && result != kNo) result = both(result, checkTarget(node, value));
  for (const ProfileInvariant& invariant : node.invariants) {
    if (result == kNo) return kNo;
    result = both(result, checkInvariant(invariant, value));
  }
  return result;
}

Verdict Conformance::checkTypes(const ProfileNode& node, const Value& value) {
  const terminology::Definitions& definitions = *machine_.types.definitions();
  const auto actual = machine_.typeOf(value);
  Verdict result = kYes;
  if (actual != kNoType && !node.types.empty()) {
    result = kNo;
    for (const std::string& code : node.types) {
      const auto type = definitions.findType(code);
      // "http://hl7.org/fhirpath/System.String" is how R4 writes the type of ids and of values of primitives.
      const bool own = type == kNoType || definitions.typeKind(type) == TypeKind::kSystem;
      result = either(result, own ? kUnknown : verdict(definitions.isA(actual, type)));
    }
    if (result == kUnknown) result = kYes;
  }
  if (result == kNo || node.type_profiles.empty()) return result;
  Verdict any = kNo;
  for (const std::string& canonical : node.type_profiles) {
    if (any != kYes) any = either(any, conforms(canonical, value));
  }
  return both(result, any);
}

// May a reference name what it names? By the type only, from what stands in the same document or else from
// its text; a reference that tells no type may.
Verdict Conformance::checkTarget(const ProfileNode& node, const Value& value) {
  const terminology::Definitions& definitions = *machine_.types.definitions();
  if (!value.isObject() || machine_.typeOf(value) != machine_.types.reference) return kYes;
  const std::string_view reference = machine_.childText(value, names::kReference).value_or("");
  const auto inside = machine_.resolveInside(value, reference);
  const auto actual =
      inside ? machine_.typeOf(*inside) : definitions.findType(machine_.targetType(value, reference));
  if (!machine_.types.isResource(actual)) return kYes;
  return verdict(std::ranges::any_of(node.targets, [&](std::string_view canonical) {
    auto type = definitions.findType(canonical);
    if (type == kNoType) {
      const Profile* const wanted = profile(canonical);
      if (wanted != nullptr) type = definitions.findType(wanted->type);
    }
    return type == kNoType || definitions.isA(actual, type);
  }));
}

Verdict Conformance::checkBinding(const ProfileNode& node, const Value& value) {
  if (!value.isObject() && !value.hasScalar())
    return kYes;  // only extensions: its own rules say whether it may
  const terminology::Definitions& definitions = *machine_.types.definitions();
  if (value.isObject() &&
      std::ranges::none_of(std::array<std::string_view, 3>{"Coding", "CodeableConcept", "Quantity"},
                           [&](std::string_view type) {
                             return definitions.isA(machine_.typeOf(value), definitions.findType(type));
                           })) {
    return kYes;  // FHIR R4 4.1.5: nothing else is bound, whatever the profile says
  }
  if (machine_.environment.terminology == nullptr) return kUnknown;
  Verdict any = kNo;
  for (const terminology::Coding& coding : machine_.codingsOf(value)) {
    any = either(any, machine_.environment.terminology->memberOf(node.binding, coding));
    if (any == kYes) break;
  }
  return any;
}

Verdict Conformance::checkInvariant(const ProfileInvariant& invariant, const Value& value) {
  if (invariant.program == nullptr) return kUnknown;
  std::optional<bool> holds;
  if (!machine_.nested(*invariant.program, value, holds)) {
    failed_ = failed_ || machine_.diagnostic.limit;
    return kUnknown;
  }
  // R4's own are written so that what is not there does not break them, and are then empty: ref-1 on a
  // reference that has only a display.
  if (!holds) return invariant.asks ? kUnknown : kYes;
  return verdict(*holds);
}

// By FHIRPath name, or by the JSON name that a differential may use for one type of a choice (valueQuantity).
void Conformance::members(const Value& parent, std::string_view name, Collection& out) {
  const terminology::Definitions& definitions = *machine_.types.definitions();
  const fhir::NameId id = fhir::findName(name);
  if (parent.isObject() && parent.type() != kNoType && definitions.path(parent.type(), name).empty()) {
    if (const auto* element = definitions.element(parent.type(), id); element != nullptr) {
      machine_.collect(parent.document(), parent.nodeIndex(), id, element->type, out);
      return;
    }
  }
  machine_.memberNamed(parent, id, name, out);
}

Verdict Conformance::checkChild(const Profile& profile, const ProfileNode& child, const Value& parent) {
  // The value of a primitive is an element of its definition; the reader has seen to it.
  if (!parent.isObject() && child.name == "value") return kYes;
  const ArenaScope scope(machine_.arena);
  Collection found = machine_.collection();
  members(parent, child.name, found);
  const Span values = found.span();
  if (values.size() < child.min || values.size() > child.max) return kNo;
  Verdict result = kYes;
  for (const Value& value : values) {
    if (result == kNo) return kNo;
    result = both(result, check(profile, child, value));
  }
  return child.slices.empty() || result == kNo ? result : both(result, checkSlices(profile, child, values));
}

Verdict Conformance::checkSlices(const Profile& profile, const ProfileNode& element, Span values) {
  const ProfileSlicing& slicing = element.slicing;
  std::vector<std::uint32_t> counts(element.slices.size()), doubtful(element.slices.size());
  Verdict result = kYes;
  std::size_t furthest = 0;
  bool past_slices = false;
  for (const Value& value : values) {
    Verdict any = kNo;
    for (std::size_t i = 0; i < element.slices.size() && any != kYes; ++i) {
      const ProfileNode& slice = *element.slices[i];
      if (slicing.rules == ProfileSlicing::Rules::kOpen && !hasRules(slice)) continue;
      const Verdict one = belongs(profile, {&element, &slice}, value);
      any = either(any, one);
      if (one == kUnknown) ++doubtful[i];
      if (one != kYes) continue;
      ++counts[i];
      result = both(result, check(profile, slice, value));
      if (slicing.rules == ProfileSlicing::Rules::kOpenAtEnd && past_slices) result = kNo;
      if (slicing.ordered && i < furthest) result = kNo;
      furthest = std::max(furthest, i);
    }
    if (any == kNo && slicing.rules == ProfileSlicing::Rules::kClosed) return kNo;
    if (any == kUnknown) result = both(result, kUnknown);
    past_slices = past_slices || any == kNo;
  }
  for (std::size_t i = 0; i < element.slices.size(); ++i) {
    const ProfileNode& slice = *element.slices[i];
    if (counts[i] > slice.max || counts[i] + doubtful[i] < slice.min) return kNo;
    if (doubtful[i] > 0) result = both(result, kUnknown);
  }
  return result;
}

Verdict Conformance::belongs(const Profile& profile, const FoundSlice& found, const Value& value) {
  using enum ProfileSlicing::By;
  const ProfileNode& slice = *found.slice;
  std::vector<ProfileSlicing::Discriminator> implied;
  const auto* discriminators = &found.element->slicing.discriminators;
  if (discriminators->empty()) {
    // FHIR R4 5.1.0.15: extensions are always sliced by url; a choice by its type.
    if (slice.name == "extension" || slice.name == "modifierExtension")
      implied.push_back({kValue, "url"});
    else if (!slice.types.empty())
      implied.push_back({kType, "$this"});
    discriminators = &implied;
  }
  if (discriminators->empty()) return kUnknown;
  Verdict result = kYes;
  for (const auto& by : *discriminators) {
    if (result != kNo) result = both(result, discriminated(profile, slice, by, value));
  }
  return result;
}

Verdict Conformance::discriminated(const Profile& profile, const ProfileNode& slice,
                                   const ProfileSlicing::Discriminator& by, const Value& value) {
  using enum ProfileSlicing::By;
  if (by.by == kOther || by.path.find('(') != std::string::npos) return kUnknown;
  const std::string_view path = by.path == "$this" ? std::string_view{} : std::string_view(by.path);
  std::string_view rest;
  const ProfileNode* const node = findStated(slice, path, by.by, rest);
  if (node == nullptr) {
    // The url of an extension stands in the extension's own profile.
    if (by.by != kValue || path != "url" || slice.type_profiles.empty()) return kUnknown;
    const auto url = machine_.childText(value, names::kUrl).value_or("");
    return verdict(std::ranges::any_of(slice.type_profiles,
                                       [&](const std::string& p) { return withoutVersion(p) == url; }));
  }
  const ArenaScope scope(machine_.arena);
  Collection level = machine_.collection();
  level.push(value);
  for (std::string_view left = path; left.size() > rest.size();) {
    const std::string_view name = firstName(left);
    Collection below = machine_.collection();
    for (const Value& v : level.span()) members(v, name, below);
    level = below;
  }
  if (by.by == kExists) return verdict(level.empty() == (node->max == 0));
  Verdict any = kNo;
  for (const Value& v : level.span()) {
    if (by.by == kType) {
      const auto& definitions = *machine_.types.definitions();
      const auto actual = machine_.typeOf(v);
      for (const std::string& code : node->types) {
        const auto type = definitions.findType(code);
        any = either(
            any, type == kNoType || actual == kNoType ? kUnknown : verdict(definitions.isA(actual, type)));
      }
      continue;
    }
    const Verdict one = node->binding.empty() ? kYes : checkBinding(*node, v);
    any = either(any, both(one, verdict(fitsStated(*profile.document, *node, v))));
  }
  return any;
}

// The definition of the value's own type, for complex types and for resources that stand in others.
Verdict Conformance::checkOwnType(const Value& value) {
  const terminology::Definitions& definitions = *machine_.types.definitions();
  const auto type = machine_.typeOf(value);
  if (!value.isObject() || type == kNoType) return kYes;
  const TypeKind kind = definitions.typeKind(type);
  if (kind != TypeKind::kComplex && kind != TypeKind::kResource) return kYes;
  return conforms(std::string(kBase) + std::string(definitions.typeName(type)), value);
}

}  // namespace tributary::fhirpath
