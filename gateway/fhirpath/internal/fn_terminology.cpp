// memberOf, subsumes, subsumedBy, translate and %terminologies, on the local terminology. What cannot be told
// here is empty, never a guess.
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

using terminology::Coding;
using terminology::Verdict;

void appendJson(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[(c >> 4) & 15];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void appendMember(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.back() != '{') out += ',';
  appendJson(out, name);
  out += ':';
  appendJson(out, value);
}

Coding codingOf(const Evaluator::Impl& machine, const Value& v) {
  Coding coding;
  coding.system = machine.childText(v, names::kSystem).value_or("");
  coding.code = machine.childText(v, names::kCode).value_or("");
  coding.version = machine.childText(v, names::kVersion).value_or("");
  coding.display = machine.childText(v, names::kDisplay).value_or("");
  return coding;
}

// The canonical URL that an argument names: a text, or a conformance resource.
std::optional<std::string_view> canonicalOf(const Evaluator::Impl& machine, Span values) {
  if (values.size() != 1) return std::nullopt;
  if (values[0].isObject()) return machine.childText(values[0], names::kUrl);
  const std::string_view text = values[0].view();
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string booleanParameters(bool result) {
  return std::string(R"({"resourceType":"Parameters","parameter":[{"name":"result","valueBoolean":)") +
         (result ? "true" : "false") + "}]}";
}

}  // namespace

std::vector<Coding> Evaluator::Impl::codingsOf(const Value& v) {
  if (!v.isObject()) {
    const std::string_view code = v.view();
    return code.empty() ? std::vector<Coding>{} : std::vector<Coding>{{{}, code, {}, {}}};
  }
  const auto coding = v.document().member(v.nodeIndex(), names::kCoding);
  if (coding == fhir::kNoNode) {
    Coding one = codingOf(*this, v);
    return one.code.empty() ? std::vector<Coding>{} : std::vector<Coding>{one};
  }
  Collection items = collection();
  collect(v.document(), v.nodeIndex(), names::kCoding, types.coding, items);
  std::vector<Coding> out;
  for (const Value& item : items.span()) {
    if (Coding one = codingOf(*this, item); !one.code.empty()) out.push_back(one);
  }
  return out;
}

bool Evaluator::Impl::callTerminology(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  std::optional<Value> single;
  if (e.function != kTranslate && !singleton(e, input, single)) return false;
  Span argument;
  if (!evalSpan(*e.children[0], frame, argument)) return false;
  if (environment.terminology == nullptr) return fail(e, "there is no terminology to ask here");
  const terminology::Terminology& terms = *environment.terminology;

  if (e.function == kMemberOf) {
    const auto url = canonicalOf(*this, argument);
    if (!single || !url) return true;
    if (visits != nullptr) atom(*single, false);
    Verdict verdict = Verdict::kNo;
    for (const Coding& coding : codingsOf(*single)) {
      const Verdict one = terms.memberOf(*url, coding);
      if (one == Verdict::kYes || verdict == Verdict::kNo) verdict = one;
      if (verdict == Verdict::kYes) break;
    }
    if (verdict != Verdict::kUnknown) out.push(Value::boolean(verdict == Verdict::kYes));
    return true;
  }
  if (e.function == kTranslate) {
    const auto url = canonicalOf(*this, argument);
    return !url || callTranslate(e, frame, input, *url, out);
  }
  // subsumes, subsumedBy: one coding in the system of the other
  std::optional<Value> other;
  if (!singleton(*e.children[0], argument, other)) return false;
  if (!single || !other) return true;
  bool unknown = false;
  for (const Coding& a : codingsOf(*single)) {
    for (const Coding& b : codingsOf(*other)) {
      if (a.system != b.system) continue;
      const bool up = e.function == kSubsumes;
      const Verdict verdict = terms.subsumes(a.system, up ? a.code : b.code, up ? b.code : a.code);
      if (verdict == Verdict::kYes) {
        out.push(Value::boolean(true));
        return true;
      }
      unknown = unknown || verdict == Verdict::kUnknown;
    }
  }
  if (!unknown) out.push(Value::boolean(false));
  return true;
}

bool Evaluator::Impl::callTranslate(const Expr& e, const Frame& frame, Span input, std::string_view map,
                                    Collection& out) {
  std::optional<std::string_view> part;
  if (e.children.size() > 1 && !evalString(*e.children[1], frame, part)) return false;
  ValueSet seen(*this);
  std::vector<Value> fallback;
  for (const Value& v : input) {
    if (visits != nullptr) atom(v, false);
    // A coding with an entry of its own goes before what the map says of anything else (`unmapped`).
    fallback.clear();
    bool any = false;
    for (const Coding& coding : codingsOf(v)) {
      if (!step(e)) return false;
      bool found = false;
      const auto translations = environment.terminology->translate(map, coding, &found);
      if (!translations)
        return fail(e, "the concept map is not known" + ifWritten(*e.children[0], ": ", map));
      for (const auto& t : *translations) {
        if (t.equivalence == "unmatched" || t.equivalence == "disjoint") continue;
        const std::string_view text = part == "display" ? t.display : part == "system" ? t.system : t.code;
        if (text.empty()) continue;
        const Value result = newString(text);
        if (!found) {
          fallback.push_back(result);
          continue;
        }
        any = true;
        if (seen.insert(result)) out.push(result);
      }
    }
    if (any) continue;
    for (const Value& result : fallback) {
      if (seen.insert(result)) out.push(result);
    }
  }
  return true;
}

bool Evaluator::Impl::callService(const Expr& e, const Frame& frame, Span /*input*/, Collection& out) {
  using enum FunctionId;
  std::vector<Span> arguments(e.children.size());
  for (std::size_t i = 0; i < e.children.size(); ++i) {
    if (!evalSpan(*e.children[i], frame, arguments[i])) return false;
  }
  if (environment.terminology == nullptr) return fail(e, "there is no terminology to ask here");
  const terminology::Terminology& terms = *environment.terminology;
  const auto canonical = canonicalOf(*this, arguments[0]);
  const auto coded = [&](std::size_t i) {
    return i < arguments.size() && arguments[i].size() == 1 ? codingsOf(arguments[i][0])
                                                            : std::vector<Coding>{};
  };
  switch (e.function) {
    case kExpand:
      return !canonical || expandService(e, *canonical, out);
    case kLookup:
      for (const Coding& coding : coded(0)) {
        if (terms.validateCode(coding.system, coding.code) != Verdict::kYes) continue;
        std::string json = R"({"resourceType":"Parameters","parameter":[{"name":"display","valueString":)";
        appendJson(json, terms.display(coding.system, coding.code));
        return pushDocument(e, json + "}]}", out);
      }
      return true;
    case kValidateVS:
    case kValidateCS: {
      if (!canonical) return true;
      Verdict verdict = Verdict::kNo;
      for (const Coding& coding : coded(1)) {
        const Verdict one = e.function == kValidateVS ? terms.memberOf(*canonical, coding)
                            : !coding.system.empty() && coding.system != *canonical
                                ? Verdict::kNo
                                : terms.validateCode(*canonical, coding.code);
        if (one == Verdict::kYes || verdict == Verdict::kNo) verdict = one;
        if (verdict == Verdict::kYes) break;
      }
      return verdict == Verdict::kUnknown ||
             pushDocument(e, booleanParameters(verdict == Verdict::kYes), out);
    }
    case kServiceSubsumes: {
      const auto a = coded(1), b = coded(2);
      if (!canonical || a.empty() || b.empty()) return true;
      const Verdict down = terms.subsumes(*canonical, a[0].code, b[0].code);
      const Verdict up = terms.subsumes(*canonical, b[0].code, a[0].code);
      if (down == Verdict::kUnknown || up == Verdict::kUnknown) return true;
      out.push(Value::string(down == Verdict::kYes ? (up == Verdict::kYes ? "equivalent" : "subsumes")
                                                   : (up == Verdict::kYes ? "subsumed-by" : "not-subsumed")));
      return true;
    }
    default:
      return !canonical || translateService(e, *canonical, arguments[1], out);
  }
}

bool Evaluator::Impl::expandService(const Expr& e, std::string_view value_set, Collection& out) {
  const auto codings = environment.terminology->expand(value_set);
  if (codings.empty()) return true;
  std::string json = R"({"resourceType":"ValueSet","url":)";
  appendJson(json, value_set);
  json += R"(,"expansion":{"contains":[)";
  for (const Coding& coding : codings) {
    if (!step(e)) return false;
    json += json.back() == '[' ? "{" : ",{";
    appendMember(json, "system", coding.system);
    appendMember(json, "code", coding.code);
    appendMember(json, "display", coding.display);
    json += '}';
  }
  return pushDocument(e, json + "]}}", out);
}

bool Evaluator::Impl::translateService(const Expr& e, std::string_view map, Span coded, Collection& out) {
  std::string matches;
  for (const Coding& coding : coded.size() == 1 ? codingsOf(coded[0]) : std::vector<Coding>{}) {
    const auto translations = environment.terminology->translate(map, coding);
    if (!translations) return fail(e, "the concept map is not known" + ifWritten(*e.children[0], ": ", map));
    for (const auto& t : *translations) {
      if (!step(e)) return false;
      matches += R"(,{"name":"match","part":[{"name":"equivalence","valueCode":)";
      appendJson(matches, t.equivalence.empty() ? "relatedto" : t.equivalence);
      matches += R"(},{"name":"concept","valueCoding":{)";
      appendMember(matches, "system", t.system);
      appendMember(matches, "code", t.code);
      appendMember(matches, "display", t.display);
      matches += "}}]}";
    }
  }
  return pushDocument(
      e,
      std::string(R"({"resourceType":"Parameters","parameter":[{"name":"result","valueBoolean":)") +
          (matches.empty() ? "false}" : "true}") + matches + "]}",
      out);
}

}  // namespace tributary::fhirpath
