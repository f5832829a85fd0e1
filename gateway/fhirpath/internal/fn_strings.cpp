// Strings (FHIRPath N1 5.6). Positions count characters (code points), as the standard has them.
#include <algorithm>
#include <cstring>

#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/utf8.h"

namespace tributary::fhirpath {
namespace {

bool isBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

// In linear time, whatever the two look like; std::string_view::find is not.
std::size_t findText(std::string_view text, std::string_view what, std::size_t from = 0) {
  const std::string_view rest = text.substr(from);
  const void* const found = ::memmem(rest.data(), rest.size(), what.data(), what.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t findLastText(std::string_view text, std::string_view what) {
  constexpr std::size_t kShort = 32;
  if (what.size() <= kShort) return text.rfind(what);
  const std::string backwards(text.rbegin(), text.rend()), wanted(what.rbegin(), what.rend());
  const std::size_t at = findText(backwards, wanted);
  return at == std::string_view::npos ? at : text.size() - at - what.size();
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string inCase(std::string_view text, bool upper) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) appendUtf8Checked(out, utf8Case(utf8Next(text, at), upper));
  return out;
}

// Ends early, beyond `limit`, when the result is that long.
std::string replaced(std::string_view text, std::string_view what, std::string_view with, std::size_t limit) {
  std::string out;
  std::size_t at = 0;
  if (what.empty()) {  // N1 5.6.10: around every character
    out = with;
    while (at < text.size() && out.size() < limit) {
      const std::size_t from = at;
      utf8Next(text, at);
      out += text.substr(from, at - from);
      out += with;
    }
    return out;
  }
  for (std::size_t found;
       (found = findText(text, what, at)) != std::string_view::npos && out.size() < limit;) {
    out += text.substr(at, found - at);
    out += with;
    at = found + what.size();
  }
  return out += text.substr(at);
}

// `length` without a value: to the end. nullopt: it begins outside of the text.
std::optional<std::string_view> substring(std::string_view text, std::int64_t start,
                                          std::optional<std::int64_t> length) {
  if (start < 0) return std::nullopt;
  const std::size_t from = utf8Offset(text, static_cast<std::size_t>(start));
  if (from >= text.size()) return std::nullopt;
  const std::string_view rest = text.substr(from);
  if (!length) return rest;
  return rest.substr(0, utf8Offset(rest, static_cast<std::size_t>(std::max<std::int64_t>(*length, 0))));
}

}  // namespace

bool Evaluator::Impl::callStrings(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  if (e.function == kJoin) return callJoin(e, frame, input, out);
  std::optional<std::string_view> text;
  if (!inputString(e, input, text)) return false;
  switch (e.function) {
    case kUpper:
    case kLower:
      if (text) out.push(newString(inCase(*text, e.function == kUpper)));
      return true;
    case kLength:
      if (text) out.push(Value::integer(static_cast<std::int64_t>(utf8Length(*text))));
      return true;
    case kTrim:
      if (text) out.push(Value::string(trimmed(*text)));
      return true;
    case kToChars:
      for (std::size_t at = 0; text && at < text->size();) {
        const std::size_t from = at;
        utf8Next(*text, at);
        out.push(Value::string(text->substr(from, at - from)));
      }
      return true;
    case kSubstring: {
      std::optional<std::int64_t> start, length;
      if (!evalInteger(*e.children[0], frame, start)) return false;
      if (e.children.size() > 1 && !evalInteger(*e.children[1], frame, length)) return false;
      if (!text || !start) return true;
      if (const auto part = substring(*text, *start, length)) out.push(Value::string(*part));
      return true;
    }
    default:
      break;
  }
  // The rest looks for another text.
  std::optional<std::string_view> what;
  if (!evalString(*e.children[0], frame, what)) return false;
  return callSearch(e, frame, text, what, out);
}

bool Evaluator::Impl::callSearch(const Expr& e, const Frame& frame, std::optional<std::string_view> text,
                                 std::optional<std::string_view> what, Collection& out) {
  using enum FunctionId;
  std::optional<std::string_view> with;
  if (e.function == kReplace && !evalString(*e.children[1], frame, with)) return false;
  if (!text || !what) return true;
  switch (e.function) {
    case kIndexOf:
    case kLastIndexOf: {
      const std::size_t at = e.function == kIndexOf ? findText(*text, *what) : findLastText(*text, *what);
      out.push(Value::integer(
          at == std::string_view::npos ? -1 : static_cast<std::int64_t>(utf8Length(text->substr(0, at)))));
      return true;
    }
    case kStartsWith:
      out.push(Value::boolean(text->starts_with(*what)));
      return true;
    case kEndsWith:
      out.push(Value::boolean(text->ends_with(*what)));
      return true;
    case kContains:
      out.push(Value::boolean(findText(*text, *what) != std::string_view::npos));
      return true;
    case kReplace: {
      if (!with) return true;
      const std::size_t limit = longestText();
      const std::string changed = replaced(*text, *what, *with, limit);
      if (changed.size() >= limit) return failLimit(e, "the text is too long");
      if (!step(e, changed.size() / 64)) return false;
      out.push(newString(changed));
      return true;
    }
    default: {  // split
      std::size_t at = 0;
      for (std::size_t found;
           !what->empty() && (found = findText(*text, *what, at)) != std::string_view::npos;) {
        out.push(Value::string(text->substr(at, found - at)));
        at = found + what->size();
        if (!step(e)) return false;
      }
      out.push(Value::string(text->substr(at)));
      return true;
    }
  }
}

bool Evaluator::Impl::callJoin(const Expr& e, const Frame& frame, Span input, Collection& out) {
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
    if (joined.size() > longestText()) return failLimit(e, "the text is too long");
  }
  if (!input.empty()) out.push(newString(joined));
  return true;
}

}  // namespace tributary::fhirpath
