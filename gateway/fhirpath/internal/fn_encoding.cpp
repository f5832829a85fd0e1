// encode, decode, escape, unescape (FHIRPath 2.1 STU).
#include <charconv>
#include <optional>

#include "base/hash.h"
#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/utf8.h"

namespace tributary::fhirpath {
namespace {

bool encode(std::string_view text, std::string_view format, std::string& out) {
  if (format == "hex") {
    out = toHex(std::as_bytes(std::span(text.data(), text.size())));
  } else if (format == "base64" || format == "urlbase64") {
    out = base64Encode(text);
    if (format == "urlbase64") {
      for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
  } else {
    return false;
  }
  return true;
}

// False for an unknown format; a malformed text gives `ok` false.
bool decode(std::string_view text, std::string_view format, std::string& out, bool& ok) {
  ok = true;
  if (format == "hex") {
    const auto digit = [](char c) {
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    ok = text.size() % 2 == 0;
    for (std::size_t i = 0; ok && i < text.size(); i += 2) {
      const int high = digit(text[i]), low = digit(text[i + 1]);
      ok = high >= 0 && low >= 0;
      if (ok) out += static_cast<char>(high * 16 + low);
    }
  } else if (format == "base64") {
    out = base64Decode(text, ok);
  } else if (format == "urlbase64") {
    std::string standard(text);
    for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
    while (standard.size() % 4 != 0) standard += '=';
    out = base64Decode(standard, ok);
  } else {
    return false;
  }
  return true;
}

void escapeHtml(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

void escapeJson(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[(c >> 4) & 15];
          out += kHex[c & 15];
        } else {
          out += c;
        }
    }
  }
}

constexpr std::uint32_t kReplacement = 0xFFFD;  // for half of a pair, which no UTF-8 can hold

bool isSurrogate(std::uint32_t code) {
  return code >= 0xD800 && code < 0xE000;
}

std::optional<std::uint32_t> fourHex(std::string_view text, std::size_t at) {
  if (at > text.size() || text.size() - at < 4) return std::nullopt;
  std::uint32_t code = 0;
  const auto [stop, error] = std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
  return error == std::errc() && stop == text.data() + at + 4 ? std::optional(code) : std::nullopt;
}

void unescapeHtml(std::string_view text, std::string& out) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
  for (std::size_t i = 0; i < text.size();) {
    bool found = false;
    if (text[i] == '&') {
      for (const auto& [entity, c] : kEntities) {
        if (!text.substr(i).starts_with(entity)) continue;
        out += c;
        i += entity.size();
        found = true;
        break;
      }
      if (!found && text.substr(i).starts_with("&#")) {
        const std::size_t end = i + text.substr(i, 11).find(';');
        if (end >= i + 3) {
          const bool hex = text[i + 2] == 'x' || text[i + 2] == 'X';
          const std::string digits(text.substr(i + (hex ? 3 : 2), end - i - (hex ? 3 : 2)));
          std::uint32_t code = 0;
          const auto [stop, error] =
              std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
          const bool whole = error == std::errc() && stop == digits.data() + digits.size();
          if (whole && code > 0 && code < 0x110000 && !isSurrogate(code)) {
            appendUtf8Checked(out, code);
            i = end + 1;
            found = true;
          }
        }
      }
    }
    if (!found) out += text[i++];
  }
}

void unescapeJson(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    switch (c) {
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'f':
        out += '\f';
        break;
      case 'b':
        out += '\b';
        break;
      case 'u': {
        auto code = fourHex(text, i + 1);
        if (!code) {
          out += c;
          break;
        }
        i += 4;
        if (*code >= 0xD800 && *code < 0xDC00 && text.substr(i + 1).starts_with("\\u")) {
          if (const auto low = fourHex(text, i + 3); low && *low >= 0xDC00 && *low < 0xE000) {
            code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
            i += 6;
          }
        }
        appendUtf8Checked(out, isSurrogate(*code) ? kReplacement : *code);
        break;
      }
      default:
        out += c;
    }
  }
}

}  // namespace

bool Evaluator::Impl::callEncoding(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  std::optional<std::string_view> text, format;
  if (!inputString(e, input, text) || !evalString(*e.children[0], frame, format)) return false;
  if (!text || !format) return true;
  if (text->size() > longestText()) return failLimit(e, "the text is too long");
  std::string result;
  bool known = true, ok = true;
  switch (e.function) {
    case kEncode:
      known = encode(*text, *format, result);
      break;
    case kDecode:
      known = decode(*text, *format, result, ok);
      ok = ok && isUtf8(result);  // a String is text: other bytes make none
      break;
    case kEscape:
    case kUnescape:
      known = *format == "html" || *format == "json";
      if (known) {
        const bool html = *format == "html";
        const auto run =
            e.function == kEscape ? (html ? escapeHtml : escapeJson) : (html ? unescapeHtml : unescapeJson);
        run(*text, result);
      }
      break;
    default:
      break;
  }
  if (!known) {
    const bool code = e.function == kEncode || e.function == kDecode;
    return fail(*e.children[0], "unknown format",
                code ? "'hex', 'base64' or 'urlbase64'" : "'html' or 'json'");
  }
  if (ok) out.push(newString(result));
  return true;
}

}  // namespace tributary::fhirpath
