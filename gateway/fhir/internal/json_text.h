#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tributary::fhir::internal {

inline bool isJsonSpace(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// RFC 8259 section 6: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?, the whole of `text`.
bool isJsonNumber(std::string_view text);

// Writes the unescaped form of what stands between the quotes of a JSON string to `out`, which has room for
// raw.size() + 16 bytes. The unescaped length, or kBadEscape for an unknown escape, a lone surrogate or
// U+0000.
inline constexpr std::size_t kBadEscape = ~std::size_t{0};
std::size_t unescapeJson(std::string_view raw, char* out);

// The length in bytes of the well-formed UTF-8 sequence at `text[i]` (RFC 3629: no overlong form, no
// surrogate, nothing over U+10FFFF), or 0.
std::size_t utf8Length(std::string_view text, std::size_t i);

// The UTF-8 form of a code point that is no surrogate; returns the bytes written (1 to 4).
std::size_t writeUtf8(std::uint32_t code_point, char* out);

// Four hexadecimal digits at `text`, or a negative number.
std::int32_t hex4(const char* text);

}  // namespace tributary::fhir::internal
