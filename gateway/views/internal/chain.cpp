#include "views/internal/chain.h"

#include <algorithm>
#include <array>

namespace tributary::views::internal {
namespace {

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool wordCharacter(char c) {
  return letter(c) || (c >= '0' && c <= '9');
}

// The end of a quoted string or delimited identifier that begins at i; npos when it does not end.
std::size_t skipQuoted(std::string_view s, std::size_t i) {
  const char quote = s[i];
  for (++i; i < s.size(); ++i) {
    if (s[i] == '\\') {
      ++i;
    } else if (s[i] == quote) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// Whether the %name at the beginning means the same from any focus: a constant, a variable from outside. Not
// sure of a name in quotes.
bool sameFromAnywhere(std::string_view s) {
  std::size_t end = 1;
  while (end < s.size() && wordCharacter(s[end])) ++end;
  const std::string_view name = s.substr(1, end - 1);
  return !name.empty() && name != "context" && name != "resource" && name != "rootResource";
}

// The end of a parenthesis that begins at i. npos: not closed, or it holds something that looks at the outer
// focus.
std::size_t skipArguments(std::string_view s, std::size_t i) {
  int depth = 0;
  while (i < s.size()) {
    const char c = s[i];
    if (c == '\'' || c == '"' || c == '`') {
      i = skipQuoted(s, i);
      if (i == std::string_view::npos) return i;
      continue;
    }
    if (c == '$' || (c == '%' && !sameFromAnywhere(s.substr(i))) || s.substr(i).starts_with("//") ||
        s.substr(i).starts_with("/*")) {
      return std::string_view::npos;
    }
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) return i + 1;
    ++i;
  }
  return std::string_view::npos;
}

StepKind functionKind(std::string_view name, std::string_view arguments) {
  constexpr std::array<std::string_view, 5> kMaps = {"where", "ofType", "extension", "resolve",
                                                     "getReferenceKey"};
  if (std::ranges::count(kMaps, name) != 0) return StepKind::kMap;
  return name == "first" && arguments == "()" ? StepKind::kFirst : StepKind::kOther;
}

}  // namespace

std::vector<Step> splitPath(std::string_view s) {
  std::vector<Step> steps;
  std::size_t i = 0;
  while (i < s.size()) {
    const std::size_t begin = i;
    if (!letter(s[i]) || (s[i] >= 'A' && s[i] <= 'Z')) return {};
    while (i < s.size() && wordCharacter(s[i])) ++i;
    const std::string_view name = s.substr(begin, i - begin);
    StepKind kind = StepKind::kName;
    if (i < s.size() && s[i] == '(') {
      const std::size_t open = i;
      i = skipArguments(s, i);
      if (i == std::string_view::npos) return {};
      // What stands behind it may mean another %name than it would alone.
      if (name == "defineVariable") return {};
      kind = functionKind(name, s.substr(open, i - open));
    }
    steps.push_back({kind, i});
    if (i == s.size()) return steps;
    if (s[i] == '[') {  // an index looks at the whole collection
      i = s.find(']', i);
      if (i == std::string_view::npos) return {};
      const std::string_view index = s.substr(steps.back().end + 1, i - steps.back().end - 1);
      if (index.empty() || !std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; }))
        return {};
      steps.back() = {StepKind::kOther, ++i};
      if (i == s.size()) return steps;
    }
    if (s[i] != '.') return {};
    if (++i == s.size()) return {};
  }
  return {};
}

}  // namespace tributary::views::internal
