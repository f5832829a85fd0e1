#include "fhirpath/diagnostic.h"

#include <algorithm>

namespace tributary::fhirpath {

std::string Diagnostic::summary() const {
  static constexpr const char* kPhases[] = {"syntax error", "semantic error", "error"};
  std::string out;
  out += source_name.empty() ? "expression" : source_name;
  out += ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
  out += kPhases[static_cast<std::size_t>(phase)];
  out += ": " + message;
  if (!expected.empty()) out += " (expected " + expected + ")";
  if (!suggestion.empty()) out += "; did you mean '" + suggestion + "'?";
  return out;
}

std::string Diagnostic::render() const {
  std::string out = summary();
  if (source_line.empty()) return out;
  out += "\n  " + source_line + "\n  ";
  // Tabs stay tabs, so that the caret stands under its character.
  std::size_t at = 0;
  std::uint32_t written = 1;
  while (written < column_in_line && at < source_line.size()) {
    const auto c = static_cast<unsigned char>(source_line[at++]);
    if ((c & 0xC0) == 0x80) continue;  // inside a UTF-8 sequence
    out += c == '\t' ? '\t' : ' ';
    ++written;
  }
  out += '^';
  const std::size_t rest = at < source_line.size() ? source_line.size() - at : 0;
  if (length > 1 && rest > 0) out.append(std::min(length, rest) - 1, '~');
  return out;
}

}  // namespace tributary::fhirpath
