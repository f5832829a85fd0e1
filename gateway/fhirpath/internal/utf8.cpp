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

bool isUtf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    if (length == 0 || text.size() - at < length) return false;
    for (std::size_t i = 1; i < length; ++i) {
      if (!isUtf8Continuation(text[at + i])) return false;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0U;
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
      return false;
    }
    at += length;
  }
  return true;
}

void appendUtf8Checked(std::string& out, std::uint32_t code_point) {
  appendUtf8(out, code_point);
}

std::uint32_t utf8Case(std::uint32_t c, bool upper) {
  const auto within = [&](std::uint32_t from, std::uint32_t to) { return c >= from && c <= to; };
  if (upper) {
    if (within('a', 'z')) return c - 32;
    if ((within(0xE0, 0xFE) && c != 0xF7) || within(0x3B1, 0x3C9) || within(0x430, 0x44F)) {
      return c == 0x3C2 ? 0x3A3 : c - 32;
    }
    if (c == 0xFF) return 0x178;
    if (within(0x450, 0x45F)) return c - 80;
  } else {
    if (within('A', 'Z')) return c + 32;
    if ((within(0xC0, 0xDE) && c != 0xD7) || within(0x391, 0x3A9) || within(0x410, 0x42F)) return c + 32;
    if (c == 0x178) return 0xFF;
    if (within(0x400, 0x40F)) return c + 80;
  }
  const bool even_upper = within(0x100, 0x137) || within(0x14A, 0x177) || within(0x460, 0x481) ||
                          within(0x48A, 0x4BF) || within(0x1E00, 0x1E95) || within(0x1EA0, 0x1EFF);
  const bool odd_upper = within(0x139, 0x148) || within(0x179, 0x17E);
  if (even_upper && c != 0x130 && c != 0x131) return upper ? c & ~1U : c | 1U;
  if (odd_upper) return upper ? (c % 2 == 0 ? c - 1 : c) : (c % 2 == 1 ? c + 1 : c);
  return c;
}

}  // namespace tributary::fhirpath
