#include "fhirpath/internal/utf8.h"

#include "fhirpath/internal/lexer.h"

namespace tributary::fhirpath {

std::size_t utf8Length(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += isUtf8Continuation(c) ? 0 : 1;
  return count;
}

std::size_t utf8Offset(std::string_view text, std::size_t n) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (isUtf8Continuation(text[at])) continue;
    if (n == 0) return at;
    --n;
  }
  return at;
}

std::uint32_t utf8Next(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0xC0) return first;
  std::uint32_t code = first >= 0xF0 ? first & 0x07U : first >= 0xE0 ? first & 0x0FU : first & 0x1FU;
  while (at < text.size() && isUtf8Continuation(text[at])) {
    code = (code << 6) | (static_cast<unsigned char>(text[at++]) & 0x3FU);
  }
  return code & 0x1FFFFF;
}

void appendUtf8Checked(std::string& out, std::uint32_t code_point) {
  appendUtf8(out, code_point);
}

}  // namespace tributary::fhirpath
