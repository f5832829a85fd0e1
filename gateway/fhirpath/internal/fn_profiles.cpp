// conformsTo, slice, elementDefinition, htmlChecks, checkModifiers (FHIR R4 2.9.2).
#include <algorithm>

#include "fhirpath/internal/conformance.h"
#include "fhirpath/internal/element_definition.h"
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

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
    case kElementDefinition: {
      if (types.definitions() == nullptr) return fail(e, "there are no definitions to ask here");
      ElementDefinitions found(*this, e);
      for (const Value& v : input) {
        if (const auto definition = found.of(v)) out.push(*definition);
        if (!step(e)) return false;
      }
      return true;
    }
    case kSlice:
      return callSlice(e, frame, input, out);
    default:
      break;
  }
  std::optional<Value> single;
  std::optional<std::string_view> url;
  if (!singleton(e, input, single) || !evalString(*e.children[0], frame, url)) return false;
  if (!single || !url) return true;
  if (types.definitions() == nullptr) return fail(e, "there are no definitions to ask here");
  Conformance conformance(*this, e);
  if (conformance.profile(*url) == nullptr)
    return fail(e, "the profile is not known" + ifWritten(*e.children[0], ": ", *url));
  const auto verdict = conformance.conforms(*url, *single);
  if (conformance.failed()) return false;
  if (verdict != terminology::Verdict::kUnknown)
    out.push(Value::boolean(verdict == terminology::Verdict::kYes));
  return true;
}

// slice(structure, name): the items that belong to the slice of that name. What cannot be told apart here is
// an error: an item left out in silence would be a wrong answer.
bool Evaluator::Impl::callSlice(const Expr& e, const Frame& frame, Span input, Collection& out) {
  std::optional<std::string_view> url, name;
  if (!evalString(*e.children[0], frame, url) || !evalString(*e.children[1], frame, name)) return false;
  if (!url || !name || input.empty()) return true;
  if (types.definitions() == nullptr) return fail(e, "there are no definitions to ask here");
  Conformance conformance(*this, e);
  const Profile* const profile = conformance.profile(*url);
  if (profile == nullptr) return fail(e, "the profile is not known" + ifWritten(*e.children[0], ": ", *url));
  const FoundSlice slice = findSlice(profile->root, *name);
  if (slice.slice == nullptr)
    return fail(e, "the profile has no such slice" + ifWritten(*e.children[1], ": ", *name));
  for (const Value& v : input) {
    if (!step(e)) return false;
    const auto verdict = conformance.belongs(*profile, slice, v);
    if (conformance.failed()) return false;
    if (verdict == terminology::Verdict::kUnknown)
      return fail(e, "whether an item belongs to the slice cannot be told here");
    if (verdict == terminology::Verdict::kYes) out.push(v);
  }
  return true;
}

}  // namespace tributary::fhirpath
