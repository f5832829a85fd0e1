// matches, matchesFull, replaceMatches (FHIRPath N1 5.6.8 …) on RE2: linear time, bounded memory.
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/utf8.h"

namespace tributary::fhirpath {
namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

// FHIRPath writes $1 and ${name} for groups, RE2 \1. A name that the pattern does not have is left as it
// stands.
std::string substitution(std::string_view text, const re2::RE2& pattern) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest[0] == '\\') {
      out += "\\\\";
    } else if (rest[0] == '$' && rest.size() > 1 && rest[1] >= '0' && rest[1] <= '9') {
      out += '\\';
    } else if (const auto end = rest.find('}'); rest.starts_with("${") && end != std::string_view::npos) {
      const auto& groups = pattern.NamedCapturingGroups();
      const auto group = groups.find(std::string(rest.substr(2, end - 2)));
      if (group != groups.end() && group->second <= 9) {  // RE2 knows \0 to \9
        out += '\\' + std::to_string(group->second);
      } else {
        out += rest.substr(0, end + 1);
      }
      i += end;
    } else {
      out += rest[0];
    }
  }
  return out;
}

}  // namespace

// As RE2::GlobalReplace does it; but each search may look at all that is left of the text, and that is
// counted.
bool Evaluator::Impl::replaceAll(const Expr& e, std::string_view text, const re2::RE2& pattern,
                                 std::string_view rewrite, std::string& out) {
  constexpr int kGroups = 10;  // what a substitution can name
  std::array<re2::StringPiece, kGroups> groups;
  const int count = std::min(kGroups, 1 + pattern.NumberOfCapturingGroups());
  std::size_t at = 0, last_end = std::string_view::npos;
  while (at <= text.size()) {
    if (!step(e, 1 + (text.size() - at) / 256)) return false;
    if (out.size() > longestText()) return failLimit(e, "the text is too long");
    if (!pattern.Match(piece(text), at, text.size(), re2::RE2::UNANCHORED, groups.data(), count)) break;
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    out += text.substr(at, begin - at);
    if (groups[0].empty() && begin == last_end) {  // no empty match right behind another
      if (begin >= text.size()) return true;
      at = begin;
      utf8Next(text, at);
      out += text.substr(begin, at - begin);
      continue;
    }
    pattern.Rewrite(&out, piece(rewrite), groups.data(), count);
    at = last_end = begin + groups[0].size();
  }
  if (at < text.size()) out += text.substr(at);
  return true;
}

bool Evaluator::Impl::callRegex(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  std::optional<std::string_view> text, pattern, with, flags;
  if (!inputString(e, input, text)) return false;
  if (!evalString(*e.children[0], frame, pattern)) return false;
  const bool replaces = e.function == kReplaceMatches;
  if (replaces && !evalString(*e.children[1], frame, with)) return false;
  const std::size_t flags_at = replaces ? 2 : 1;
  if (e.children.size() > flags_at && !evalString(*e.children[flags_at], frame, flags)) return false;
  if (!text || !pattern || (replaces && !with)) return true;
  const bool ignore_case = flags && flags->find('i') != std::string_view::npos;
  if (replaces && pattern->empty()) {
    out.push(Value::string(*text));
    return true;
  }
  const re2::RE2* const compiled = regex(e, *e.children[0], *pattern, ignore_case);
  if (compiled == nullptr || !step(e, text->size() / 64)) return false;
  if (e.function == kMatches) {
    out.push(Value::boolean(re2::RE2::PartialMatch(piece(*text), *compiled)));
  } else if (e.function == kMatchesFull) {
    out.push(Value::boolean(re2::RE2::FullMatch(piece(*text), *compiled)));
  } else {
    const std::string rewrite = substitution(*with, *compiled);
    std::string problem;
    if (!compiled->CheckRewriteString(piece(rewrite), &problem)) {
      return fail(*e.children[1], "the substitution names a group that the pattern does not have");
    }
    std::string replaced;
    if (!replaceAll(e, *text, *compiled, rewrite, replaced)) return false;
    out.push(newString(replaced));
  }
  return true;
}

}  // namespace tributary::fhirpath
