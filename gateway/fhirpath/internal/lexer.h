#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "fhirpath/diagnostic.h"

namespace tributary::fhirpath {

enum class Token : std::uint8_t {
  kEnd,
  kIdentifier,
  kDelimited,  // `name`
  kString,
  kInteger,
  kLong,
  kDecimal,
  kDate,  // text without "@"
  kDateTime,
  kTime,       // text without "@T"
  kZonedTime,  // a time with a zone: reads well, has no value
  kVariable,   // %name
  kSpecial,    // $this, $index, $total
  kSymbol,     // one of ( ) [ ] { } . , | = ~ != !~ < <= > >= + - * / &
};

struct Lexeme {
  Token kind = Token::kEnd;
  std::uint32_t offset = 0, length = 0;
  std::string text;  // decoded
  bool is(std::string_view symbol) const { return kind == Token::kSymbol && text == symbol; }
  bool isWord(std::string_view word) const { return kind == Token::kIdentifier && text == word; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}
  std::expected<Lexeme, Diagnostic> next();

 private:
  std::expected<void, Diagnostic> skipBlanks();
  std::expected<Lexeme, Diagnostic> quoted(char quote, Token kind, std::size_t start);
  Lexeme number();
  // What stands between here and `end`.
  Lexeme taken(Token kind, std::size_t end);
  std::expected<Lexeme, Diagnostic> variable();
  std::size_t wordEnd(std::size_t from) const;
  std::expected<Lexeme, Diagnostic> temporal();
  std::expected<void, Diagnostic> escape(std::string& out, std::size_t start);
  std::unexpected<Diagnostic> error(std::size_t at, std::size_t length, std::string message,
                                    std::string expected = {}) const;
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  bool digits(std::size_t count);

  std::string_view source_;
  std::size_t at_ = 0;
};

void appendUtf8(std::string& out, std::uint32_t code_point);

}  // namespace tributary::fhirpath
