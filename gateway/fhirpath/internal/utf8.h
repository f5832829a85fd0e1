#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::fhirpath {

inline bool isUtf8Continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Code points in a text.
std::size_t utf8Length(std::string_view text);
// Byte offset of the n-th code point; the size when there are fewer.
std::size_t utf8Offset(std::string_view text, std::size_t n);
// Reads the code point at `at` and moves on; a stray byte stands for itself.
std::uint32_t utf8Next(std::string_view text, std::size_t& at);
// Well-formed UTF-8 (Unicode 3.9, D92): no stray byte, no overlong form, no half of a surrogate pair.
bool isUtf8(std::string_view text);
void appendUtf8Checked(std::string& out, std::uint32_t code_point);
// In upper or lower case: the letters of Basic Latin, Latin-1, Latin Extended-A and Additional (Welsh), Greek
// and Cyrillic; all others as they are.
std::uint32_t utf8Case(std::uint32_t code_point, bool upper);

}  // namespace tributary::fhirpath
