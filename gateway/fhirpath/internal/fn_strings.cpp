// Strings (FHIRPath N1 5.6). Positions count characters (code points), as the standard has them.
#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/utf8.h"

namespace tributary::fhirpath {
namespace {

bool isBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

}  // namespace

bool Evaluator::Impl::callStrings(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  if (e.function == kJoin) {
    std::optional<std::string_view> separator;
    if (!e.children.empty() && !evalString(*e.children[0], frame, separator)) return false;
    std::string joined;
    bool first = true;
    for (std::size_t i = 0; i < input.size(); ++i) {
      std::optional<std::string_view> text;
      if (!inputString(e, input.subspan(i, 1), text)) return false;
      if (!text) continue;
      if (!first) joined += separator.value_or("");
      first = false;
      joined += *text;
      if (joined.size() > environment.limits.memory) return failLimit(e, "the text is too long");
    }
    if (!input.empty()) out.push(newString(joined));
    return true;
  }
  std::optional<std::string_view> text;
  if (!inputString(e, input, text)) return false;
  const auto argument = [&](std::size_t i, std::optional<std::string_view>& value) {
    return evalString(*e.children[i], frame, value);
  };
  std::optional<std::string_view> first;
  switch (e.function) {
    case kIndexOf:
    case kLastIndexOf: {
      if (!argument(0, first)) return false;
      if (!text || !first) return true;
      const std::size_t at = e.function == kIndexOf ? text->find(*first) : text->rfind(*first);
      out.push(Value::integer(
          at == std::string_view::npos ? -1 : static_cast<std::int64_t>(utf8Length(text->substr(0, at)))));
      return true;
    }
    case kSubstring: {
      std::optional<std::int64_t> start, length;
      if (!evalInteger(*e.children[0], frame, start)) return false;
      const bool limited = e.children.size() > 1;
      if (limited && !evalInteger(*e.children[1], frame, length)) return false;
      if (!text || !start || *start < 0) return true;
      if (limited && length && *length < 0) length = 0;
      const std::size_t from = utf8Offset(*text, static_cast<std::size_t>(*start));
      if (from >= text->size()) return true;
      std::string_view rest = text->substr(from);
      if (limited && length) rest = rest.substr(0, utf8Offset(rest, static_cast<std::size_t>(*length)));
      out.push(Value::string(rest));
      return true;
    }
    case kStartsWith:
    case kEndsWith:
    case kContains: {
      if (!argument(0, first)) return false;
      if (!text || !first) return true;
      const bool yes = e.function == kStartsWith ? text->starts_with(*first)
                       : e.function == kEndsWith ? text->ends_with(*first)
                                                 : text->find(*first) != std::string_view::npos;
      out.push(Value::boolean(yes));
      return true;
    }
    case kUpper:
    case kLower: {
      if (!text) return true;
      std::string changed;
      changed.reserve(text->size());
      for (std::size_t at = 0; at < text->size();) {
        appendUtf8Checked(changed, utf8Case(utf8Next(*text, at), e.function == kUpper));
      }
      out.push(newString(changed));
      return true;
    }
    case kReplace: {
      std::optional<std::string_view> with;
      if (!argument(0, first) || !argument(1, with)) return false;
      if (!text || !first || !with) return true;
      std::string replaced;
      const std::size_t limit = environment.limits.memory;
      if (first->empty()) {  // N1 5.6.10: around every character
        replaced = *with;
        for (std::size_t at = 0; at < text->size() && replaced.size() < limit;) {
          const std::size_t from = at;
          utf8Next(*text, at);
          replaced += text->substr(from, at - from);
          replaced += *with;
        }
      } else {
        std::size_t at = 0;
        for (std::size_t found;
             (found = text->find(*first, at)) != std::string_view::npos && replaced.size() < limit;) {
          replaced += text->substr(at, found - at);
          replaced += *with;
          at = found + first->size();
        }
        replaced += text->substr(at);
      }
      if (replaced.size() >= limit) return failLimit(e, "the text is too long");
      if (!step(e, replaced.size() / 64)) return false;
      out.push(newString(replaced));
      return true;
    }
    case kLength:
      if (text) out.push(Value::integer(static_cast<std::int64_t>(utf8Length(*text))));
      return true;
    case kToChars:
      if (text) {
        for (std::size_t at = 0; at < text->size();) {
          const std::size_t from = at;
          utf8Next(*text, at);
          out.push(Value::string(text->substr(from, at - from)));
        }
      }
      return true;
    case kTrim:
      if (text) {
        std::string_view rest = *text;
        while (!rest.empty() && isBlank(rest.front())) rest.remove_prefix(1);
        while (!rest.empty() && isBlank(rest.back())) rest.remove_suffix(1);
        out.push(Value::string(rest));
      }
      return true;
    default: {  // split
      if (!argument(0, first)) return false;
      if (!text || !first) return true;
      if (first->empty()) {
        out.push(Value::string(*text));
        return true;
      }
      std::size_t at = 0;
      for (std::size_t found; (found = text->find(*first, at)) != std::string_view::npos;) {
        out.push(Value::string(text->substr(at, found - at)));
        at = found + first->size();
        if (!step(e)) return false;
      }
      out.push(Value::string(text->substr(at)));
      return true;
    }
  }
}

}  // namespace tributary::fhirpath
