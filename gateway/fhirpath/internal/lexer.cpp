#include "fhirpath/internal/lexer.h"

namespace tributary::fhirpath {
namespace {

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}
bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

int hexValue(char c) {
  if (isDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void appendUtf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::unexpected<Diagnostic> Lexer::error(std::size_t at, std::size_t length, std::string message,
                                         std::string expected) const {
  Diagnostic d;
  d.phase = Phase::kSyntax;
  d.offset = at;
  d.length = length;
  d.message = std::move(message);
  d.expected = std::move(expected);
  return std::unexpected(std::move(d));
}

std::expected<void, Diagnostic> Lexer::skipBlanks() {
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at_;
    } else if (c == '/' && peek(1) == '/') {
      while (at_ < source_.size() && source_[at_] != '\n' && source_[at_] != '\r') ++at_;
    } else if (c == '/' && peek(1) == '*') {
      const std::size_t end = source_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return error(at_, 2, "this comment does not end", "'*/'");
      at_ = end + 2;
    } else {
      break;
    }
  }
  return {};
}

bool Lexer::digits(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!isDigit(peek(i))) return false;
  }
  at_ += count;
  return true;
}

std::expected<void, Diagnostic> Lexer::escape(std::string& out, std::size_t start) {
  const std::size_t at = at_++;  // the backslash
  const char c = peek();
  if (at_ >= source_.size()) return error(start, 1, "this text does not end", "a closing quote");
  ++at_;
  switch (c) {
    case 'f':
      out += '\f';
      return {};
    case 'n':
      out += '\n';
      return {};
    case 'r':
      out += '\r';
      return {};
    case 't':
      out += '\t';
      return {};
    case '\\':
    case '/':
    case '"':
    case '\'':
    case '`':
      out += c;
      return {};
    case 'u':
      break;
    default:
      return error(at, 2, "unknown escape", "one of \\\\ \\/ \\f \\n \\r \\t \\\" \\' \\` \\uXXXX");
  }
  const auto unit = [&]() -> int {
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const int digit = hexValue(peek(i));
      if (digit < 0) return -1;
      value = value * 16 + digit;
    }
    at_ += 4;
    return value;
  };
  const int high = unit();
  if (high < 0) return error(at, 2, "malformed escape", "four hexadecimal digits");
  auto code = static_cast<std::uint32_t>(high);
  if (code >= 0xD800 && code < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
    at_ += 2;
    const int low = unit();
    if (low < 0xDC00 || low > 0xDFFF) return error(at, 6, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<std::uint32_t>(low) - 0xDC00);
  }
  if (code >= 0xD800 && code < 0xE000) return error(at, 6, "half of a surrogate pair");
  appendUtf8(out, code);
  return {};
}

std::expected<Lexeme, Diagnostic> Lexer::quoted(char quote, Token kind, std::size_t start) {
  Lexeme lexeme;
  lexeme.kind = kind;
  ++at_;
  for (;;) {
    if (at_ >= source_.size())
      return error(start, 1, "this text does not end", std::string("a closing ") + quote);
    const char c = source_[at_];
    if (c == quote) break;
    if (c == '\\') {
      if (auto ok = escape(lexeme.text, start); !ok) return std::unexpected(ok.error());
    } else {
      lexeme.text += c;
      ++at_;
    }
  }
  ++at_;
  return lexeme;
}

Lexeme Lexer::number() {
  Lexeme lexeme;
  lexeme.kind = Token::kInteger;
  const std::size_t start = at_;
  while (isDigit(peek())) ++at_;
  if (peek() == '.' && isDigit(peek(1))) {
    lexeme.kind = Token::kDecimal;
    ++at_;
    while (isDigit(peek())) ++at_;
  }
  lexeme.text = std::string(source_.substr(start, at_ - start));
  if (lexeme.kind == Token::kInteger && peek() == 'L' && !isLetter(peek(1)) && !isDigit(peek(1))) {
    lexeme.kind = Token::kLong;
    ++at_;
  }
  return lexeme;
}

std::expected<Lexeme, Diagnostic> Lexer::temporal() {
  const std::size_t start = at_++;
  Lexeme lexeme;
  std::size_t from = at_;
  const auto timeOfDay = [&] {
    if (!digits(2)) return false;
    for (int part = 0; part < 2 && peek() == ':' && isDigit(peek(1)) && isDigit(peek(2)); ++part) {
      at_ += 3;
      if (part == 1 && peek() == '.' && isDigit(peek(1))) {
        ++at_;
        while (isDigit(peek())) ++at_;
      }
    }
    return true;
  };
  const auto zone = [&] {
    if (peek() == 'Z') {
      ++at_;
      return true;
    }
    if ((peek() == '+' || peek() == '-') && isDigit(peek(1)) && isDigit(peek(2)) && peek(3) == ':' &&
        isDigit(peek(4)) && isDigit(peek(5))) {
      at_ += 6;
      return true;
    }
    return false;
  };
  if (peek() == 'T') {
    from = ++at_;
    lexeme.kind = Token::kTime;
    if (!timeOfDay()) return error(start, 2, "malformed time", "@Thh:mm:ss");
    lexeme.text = std::string(source_.substr(from, at_ - from));
    if (zone()) lexeme.kind = Token::kZonedTime;
    return lexeme;
  }
  lexeme.kind = Token::kDate;
  if (!digits(4)) return error(start, 1, "malformed date", "@YYYY-MM-DD or @Thh:mm:ss");
  for (int part = 0; part < 2 && peek() == '-' && isDigit(peek(1)) && isDigit(peek(2)); ++part) at_ += 3;
  if (peek() == 'T') {
    lexeme.kind = Token::kDateTime;
    ++at_;
    if (isDigit(peek())) {
      if (!timeOfDay()) return error(start, at_ - start, "malformed date and time", "@YYYY-MM-DDThh:mm:ss");
      zone();
    }
  }
  lexeme.text = std::string(source_.substr(from, at_ - from));
  return lexeme;
}

std::size_t Lexer::wordEnd(std::size_t from) const {
  while (from < source_.size() && (isLetter(source_[from]) || isDigit(source_[from]))) ++from;
  return from;
}

Lexeme Lexer::taken(Token kind, std::size_t end) {
  Lexeme lexeme;
  lexeme.kind = kind;
  lexeme.text = std::string(source_.substr(at_, end - at_));
  at_ = end;
  return lexeme;
}

std::expected<Lexeme, Diagnostic> Lexer::variable() {
  const std::size_t start = at_++;  // the '%'
  if (const char quote = peek(); quote == '`' || quote == '\'' || quote == '"')
    return quoted(quote, Token::kVariable, start);
  const std::size_t end = wordEnd(at_);
  if (end == at_) return error(start, 1, "'%' without a name", "a variable name");
  return taken(Token::kVariable, end);
}

std::expected<Lexeme, Diagnostic> Lexer::next() {
  if (auto ok = skipBlanks(); !ok) return std::unexpected(ok.error());
  const std::size_t start = at_;
  const auto finish = [&](std::expected<Lexeme, Diagnostic> lexeme) {
    if (lexeme) {
      lexeme->offset = static_cast<std::uint32_t>(start);
      lexeme->length = static_cast<std::uint32_t>(at_ - start);
    }
    return lexeme;
  };
  const char c = peek();
  if (start >= source_.size()) return finish(Lexeme{});
  if (isLetter(c)) return finish(taken(Token::kIdentifier, wordEnd(start)));
  if (isDigit(c)) return finish(number());
  switch (c) {
    case '\'':
      return finish(quoted('\'', Token::kString, start));
    case '`':
      return finish(quoted('`', Token::kDelimited, start));
    case '"':
      return finish(quoted('"', Token::kDelimited, start));
    case '@':
      return finish(temporal());
    case '$':
      return finish(taken(Token::kSpecial, wordEnd(start + 1)));
    case '%':
      return finish(variable());
    case '!':
      if (peek(1) == '=' || peek(1) == '~') return finish(taken(Token::kSymbol, start + 2));
      break;
    case '<':
    case '>':
      return finish(taken(Token::kSymbol, start + (peek(1) == '=' ? 2 : 1)));
    default:
      if (std::string_view("()[]{}.,|=~+-*/&").find(c) != std::string_view::npos)
        return finish(taken(Token::kSymbol, start + 1));
      break;
  }
  // A whole UTF-8 sequence is one character to the reader of the message.
  std::size_t length = 1;
  while (start + length < source_.size() &&
         (static_cast<unsigned char>(source_[start + length]) & 0xC0) == 0x80) {
    ++length;
  }
  const bool printable = static_cast<unsigned char>(c) > 0x20 && c != 0x7F;
  return error(start, length,
               printable ? "unexpected character '" + std::string(source_.substr(start, length)) + "'"
                         : "unexpected control character");
}

}  // namespace tributary::fhirpath
