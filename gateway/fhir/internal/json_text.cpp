#include "fhir/internal/json_text.h"

#include <emmintrin.h>

#include <bit>
#include <cstring>

namespace tributary::fhir::internal {
namespace {

bool isDigit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}

// The character that a one-letter escape stands for, or 0.
char simpleEscape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '/':
      return '/';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// Reads \uXXXX or a surrogate pair at `in` (behind the backslash's 'u'); moves `in` behind it. Negative when
// bad.
std::int32_t readUnicodeEscape(const char*& in, const char* end) {
  if (end - in < 4) return -1;
  const std::int32_t unit = hex4(in);
  in += 4;
  if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return -1;
  if (unit < 0xD800 || unit > 0xDBFF) return unit;
  if (end - in < 6 || in[0] != '\\' || in[1] != 'u') return -1;
  const std::int32_t low = hex4(in + 2);
  if (low < 0xDC00 || low > 0xDFFF) return -1;
  in += 6;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

}  // namespace

bool isJsonNumber(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  if (p != end && *p == '-') ++p;
  if (p == end || !isDigit(*p)) return false;
  if (*p++ != '0') {
    while (p != end && isDigit(*p)) ++p;
  }
  if (p == end) return true;
  if (*p == '.') {
    if (++p == end || !isDigit(*p)) return false;
    while (p != end && isDigit(*p)) ++p;
    if (p == end) return true;
  }
  if (*p != 'e' && *p != 'E') return false;
  if (++p != end && (*p == '+' || *p == '-')) ++p;
  if (p == end) return false;
  while (p != end && isDigit(*p)) ++p;
  return p == end;
}

std::int32_t hex4(const char* text) {
  std::int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text[i];
    const char lower = static_cast<char>(c | 0x20);
    if (isDigit(c)) {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

std::size_t writeUtf8(std::uint32_t c, char* out) {
  if (c < 0x80) {
    out[0] = static_cast<char>(c);
    return 1;
  }
  if (c < 0x800) {
    out[0] = static_cast<char>(0xC0 | (c >> 6));
    out[1] = static_cast<char>(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = static_cast<char>(0xE0 | (c >> 12));
    out[1] = static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out[2] = static_cast<char>(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = static_cast<char>(0xF0 | (c >> 18));
  out[1] = static_cast<char>(0x80 | ((c >> 12) & 0x3F));
  out[2] = static_cast<char>(0x80 | ((c >> 6) & 0x3F));
  out[3] = static_cast<char>(0x80 | (c & 0x3F));
  return 4;
}

std::size_t unescapeJson(std::string_view raw, char* out) {
  const char* in = raw.data();
  const char* const end = in + raw.size();
  char* const begin = out;
  const __m128i backslashes = _mm_set1_epi8('\\');
  while (true) {
    // Plain text up to the next backslash; out never runs ahead of in, so 16 bytes of slack are enough.
    while (end - in >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
      const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, backslashes)));
      if (mask != 0) {
        in += std::countr_zero(mask);
        out += std::countr_zero(mask);
        break;
      }
      in += 16;
      out += 16;
    }
    while (in != end && *in != '\\') *out++ = *in++;
    if (in == end) return static_cast<std::size_t>(out - begin);
    if (++in == end) return kBadEscape;
    if (*in == 'u') {
      ++in;
      const std::int32_t code_point = readUnicodeEscape(in, end);
      if (code_point < 0) return kBadEscape;
      out += writeUtf8(static_cast<std::uint32_t>(code_point), out);
    } else {
      const char c = simpleEscape(*in++);
      if (c == 0) return kBadEscape;
      *out++ = c;
    }
  }
}

std::size_t utf8Length(std::string_view text, std::size_t i) {
  const auto at = [&](std::size_t k) {
    return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : static_cast<unsigned char>(0);
  };
  const auto continues = [&](std::size_t k) { return (at(k) & 0xC0) == 0x80; };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) >= 0xA0)) return 0;
    return 3;
  }
  if (lead > 0xF4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if ((lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) >= 0x90)) return 0;
  return 4;
}

}  // namespace tributary::fhir::internal
