// conformsTo, htmlChecks, elementDefinition, slice, checkModifiers (FHIR R4 2.9.2).
#include <algorithm>

#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

constexpr std::string_view kBase = "http://hl7.org/fhir/StructureDefinition/";

// Does the XHTML hold only what FHIR R4 2.4.0 (narrative) allows? A scan of the tags; the document reader has
// seen to it that XML input is well-formed.
bool plainXhtml(std::string_view html) {
  static constexpr std::string_view kForbidden[] = {
      "script", "form", "base", "iframe", "frame", "frameset", "object", "embed", "applet",
      "input",  "head", "body", "link",   "meta",  "button",   "select", "style", "xlink"};
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (html.find("<div") == std::string_view::npos) return false;
  for (std::size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at + 1)) {
    if (html.substr(at).starts_with("<!--")) {
      at = html.find("-->", at);
      if (at == std::string_view::npos) return false;
      continue;
    }
    std::size_t from = at + 1;
    if (from < html.size() && html[from] == '/') ++from;
    std::size_t end = from;
    while (end < html.size() && letter(html[end])) ++end;
    const std::string_view tag = html.substr(from, end - from);
    if (tag.empty() || std::find(std::begin(kForbidden), std::end(kForbidden), tag) != std::end(kForbidden))
      return false;
    const std::size_t close = html.find('>', end);
    if (close == std::string_view::npos) return false;
    // Attributes for events run code.
    const std::string_view attributes = html.substr(end, close - end);
    for (std::size_t on = attributes.find(" on"); on != std::string_view::npos;
         on = attributes.find(" on", on + 1)) {
      if (on + 3 < attributes.size() && letter(attributes[on + 3])) return false;
    }
    at = close;
  }
  return true;
}

bool hasContent(std::string_view html) {
  bool tag = false;
  for (const char c : html) {
    if (c == '<') tag = true;
    if (!tag && c != ' ' && c != '\n' && c != '\t' && c != '\r') return true;
    if (c == '>') tag = false;
  }
  return html.find("<img") != std::string_view::npos;
}

// One rule of a profile's element: its path below the type, least and most.
bool cardinalityHolds(Evaluator::Impl& machine, const Value& on, std::string_view path, std::uint64_t least,
                      bool none) {
  Collection level = machine.collection();
  level.push(on);
  while (!path.empty()) {
    const auto dot = path.find('.');
    std::string_view name = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    if (name.ends_with("[x]")) name.remove_suffix(3);
    Collection next = machine.collection();
    bool holds = true;
    for (const Value& v : level.span()) {
      const std::size_t start = next.size();
      machine.memberNamed(v, fhir::findName(name), name, next);
      // The last part is counted in each parent; parents that are missing are their own rule's matter.
      if (path.empty()) holds = holds && next.size() - start >= least && !(none && next.size() > start);
    }
    if (path.empty()) return holds;
    level = next;
  }
  return true;
}

}  // namespace

bool Evaluator::Impl::callProfiles(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  switch (e.function) {
    case kHtmlChecks: {
      for (const Value& v : input) {
        const std::string_view html = v.view();
        out.push(Value::boolean(plainXhtml(html) && hasContent(html)));
      }
      return true;
    }
    case kCheckModifiers: {
      std::vector<std::string_view> known;
      for (const Expr* argument : e.children) {
        std::optional<std::string_view> url;
        if (!evalString(*argument, frame, url)) return false;
        if (url) known.push_back(*url);
      }
      for (const Value& v : input) {
        if (v.isObject()) {
          Collection modifiers = collection();
          collect(v.document(), v.nodeIndex(), names::kModifierExtension, types.extension, modifiers);
          for (const Value& modifier : modifiers.span()) {
            const auto url = childText(modifier, names::kUrl).value_or("");
            if (std::find(known.begin(), known.end(), url) == known.end()) {
              return fail(e, "an element has a modifier extension that is not known");
            }
          }
        }
        out.push(v);
      }
      return true;
    }
    case kElementDefinition:
    case kSlice:
      return fail(e, std::string(functionInfo(e.function).name) + "() is not supported here");
    default:
      break;
  }
  // conformsTo: the type; for a profile also the cardinalities of its elements that are not slices. Slices,
  // bindings and invariants are the validator's matter.
  std::optional<Value> single;
  std::optional<std::string_view> url;
  if (!singleton(e, input, single) || !evalString(*e.children[0], frame, url)) return false;
  if (!single || !url) return true;
  if (types.definitions() == nullptr) return fail(e, "there are no definitions to ask here");
  const auto actual = typeOf(*single);
  const std::string_view plain = url->substr(0, url->find('|'));
  if (plain.starts_with(kBase)) {
    if (const auto base = types.definitions()->findType(plain.substr(kBase.size()));
        base != terminology::kNoType) {
      out.push(Value::boolean(actual != terminology::kNoType && types.definitions()->isA(actual, base)));
      return true;
    }
  }
  const std::string_view json = types.definitions()->resource(*url);
  if (json.empty()) return fail(e, "the profile is not known: " + std::string(url->substr(0, 200)));
  Value profile;
  if (!makeDocument(e, json, profile)) return false;
  const fhir::Document& document = profile.document();
  const auto wanted = types.definitions()->findType(childText(profile, names::kType).value_or(""));
  bool holds = actual != terminology::kNoType && wanted != terminology::kNoType &&
               types.definitions()->isA(actual, wanted);
  fhir::NodeIndex elements = document.member(document.root(), "snapshot");
  if (elements == fhir::kNoNode) elements = document.member(document.root(), "differential");
  if (elements != fhir::kNoNode) elements = document.member(elements, "element");
  if (holds && elements != fhir::kNoNode) {
    const fhir::NameId min = fhir::findName("min"), max = fhir::findName("max"),
                       path = fhir::findName("path");
    for (auto i = elements + 1; i < document[elements].next && holds; i = document[i].next) {
      if (!step(e)) return false;
      const Value definition = Value::node(document, i, terminology::kNoType);
      if (childText(definition, names::kId).value_or("").find(':') != std::string_view::npos) continue;
      std::string_view where = childText(definition, path).value_or("");
      const auto dot = where.find('.');
      if (dot == std::string_view::npos) continue;
      const auto least = Decimal::parse(childText(definition, min).value_or("0"));
      const bool none = childText(definition, max) == "0";
      const ArenaScope scope(arena);
      holds = cardinalityHolds(*this, *single, where.substr(dot + 1),
                               static_cast<std::uint64_t>(least ? least->toInteger().value_or(0) : 0), none);
    }
  }
  out.push(Value::boolean(holds));
  return true;
}

}  // namespace tributary::fhirpath
