#include "fhir/internal/json_diagnosis.h"

#include <algorithm>
#include <vector>

#include "fhir/internal/json_text.h"

namespace tributary::fhir::internal {
namespace {

constexpr char kSyntax[] = "json-syntax";
constexpr char kEncoding[] = "json-encoding";
constexpr char kFixSender[] = "Correct the system that wrote this text, then send it again.";
constexpr char kSaveAsUtf8[] = "Write the text as UTF-8 and send it again.";

// One pass, no recursion: a bit a level says whether it is an object.
class Diagnosis {
 public:
  Diagnosis(std::string_view text, const TextOrigin& origin, Issue& issue)
      : text_(text), origin_(origin), issue_(issue) {}

  bool run() {
    if (text_.starts_with("\xEF\xBB\xBF")) {
      return fail(0, kEncoding, "The text begins with a byte order mark, which JSON does not allow.",
                  "Write the text as UTF-8 without a byte order mark.");
    }
    skipSpace();
    if (at_ == text_.size())
      return fail(at_, kSyntax, "The text is empty: there is no JSON value in it.", kFixSender);
    if (value()) return true;
    while (!levels_.empty()) {
      if (levels_.back() ? objectStep() : arrayStep()) return true;
    }
    skipSpace();
    if (at_ < text_.size()) {
      return fail(at_, kSyntax, "There is text behind the end of the JSON value.",
                  "Send one JSON value a document (one a line in NDJSON).");
    }
    return false;
  }

 private:
  bool fail(std::size_t at, const char* rule, std::string message, const char* remedy) {
    issue_ = issueAt(text_, at, origin_, rule, std::move(message), remedy);
    return true;
  }
  bool failSyntax(std::string message) {
    if (at_ >= text_.size()) {
      return fail(text_.size(), kSyntax, "The text ends too early. " + message,
                  "The text was probably cut off on its way: send it again in full.");
    }
    return fail(at_, kSyntax, std::move(message), kFixSender);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skipSpace() {
    while (at_ < text_.size() && isJsonSpace(text_[at_])) ++at_;
  }

  // Behind a value in an object, or at its beginning (fresh_).
  bool objectStep() {
    skipSpace();
    if (peek() == '}') return close();
    if (!fresh_) {
      if (peek() != ',') return failSyntax("Expected a comma or a closing brace.");
      ++at_;
      skipSpace();
      if (peek() == '}') return failSyntax("There is a comma before the closing brace.");
    }
    fresh_ = false;
    if (peek() != '"') return failSyntax("Expected the name of a member in double quotes.");
    if (string()) return true;
    skipSpace();
    if (peek() != ':') return failSyntax("Expected a colon behind the name of a member.");
    ++at_;
    skipSpace();
    return value();
  }
  bool arrayStep() {
    skipSpace();
    if (peek() == ']') return close();
    if (!fresh_) {
      if (peek() != ',') return failSyntax("Expected a comma or a closing bracket.");
      ++at_;
      skipSpace();
      if (peek() == ']') return failSyntax("There is a comma before the closing bracket.");
    }
    fresh_ = false;
    return value();
  }
  bool close() {
    ++at_;
    levels_.pop_back();
    fresh_ = false;
    return false;
  }

  bool value() {
    switch (peek()) {
      case '{':
      case '[':
        levels_.push_back(text_[at_] == '{');
        fresh_ = true;
        ++at_;
        return false;
      case '"':
        return string();
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      default:
        return number();
    }
  }
  bool literal(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return failSyntax("Expected a JSON value.");
    at_ += word.size();
    return endOfScalar();
  }
  bool number() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::string_view("+-.eE").find(text_[at_]) != std::string_view::npos ||
                                  (text_[at_] >= '0' && text_[at_] <= '9'))) {
      ++at_;
    }
    const std::string_view token = text_.substr(begin, at_ - begin);
    if (!isJsonNumber(token)) {
      const bool cut = at_ == text_.size();
      at_ = cut ? at_ : begin;
      return failSyntax(token.empty() ? "Expected a JSON value." : "This is not a number as JSON writes it.");
    }
    return endOfScalar();
  }
  bool endOfScalar() {
    const char c = peek();
    if (at_ == text_.size() || isJsonSpace(c) || c == ',' || c == ']' || c == '}') return false;
    return failSyntax(std::string("Expected a comma or ") +
                      (levels_.empty() ? "the end of the text" : "a closing bracket") +
                      " behind this value.");
  }

  bool string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return false;
      }
      if (c < 0x20) {
        return fail(
            at_, kSyntax,
            "There is an unescaped control character (a line break, a tab or the like) in a string.",
            "Write control characters as escapes, such as \\n; mind closing quotes that are missing.");
      }
      if (c == '\\') {
        if (escape()) return true;
      } else if (const std::size_t length = utf8Length(text_, at_); length != 0) {
        at_ += length;
      } else {
        return fail(at_, kEncoding, "The text is not valid UTF-8 here.", kSaveAsUtf8);
      }
    }
    return fail(begin, kSyntax, "The string that begins here has no closing quote.",
                "The text was probably cut off on its way: send it again in full.");
  }
  bool escape() {
    const std::size_t begin = at_++;
    if (at_ == text_.size()) return failSyntax("A string is not closed.");
    if (text_[at_] != 'u') {
      if (std::string_view("\"\\/bfnrt").find(text_[at_]) == std::string_view::npos) {
        return fail(begin, kSyntax, "JSON knows no such escape in a string.",
                    "Write a backslash itself as two.");
      }
      ++at_;
      return false;
    }
    const auto unit = [&](std::size_t at) { return at + 4 <= text_.size() ? hex4(text_.data() + at) : -1; };
    const std::int32_t first = unit(at_ + 1);
    if (first < 0)
      return fail(begin, kSyntax, "\\u must be followed by four hexadecimal digits.", kFixSender);
    if (first == 0) {
      return fail(begin, kEncoding, "The character U+0000 is not allowed in a FHIR string.",
                  "Leave the character out (FHIR R4 2.24.0.1).");
    }
    at_ += 5;
    if (first < 0xD800 || first > 0xDFFF) return false;
    const bool pair = first < 0xDC00 && text_.substr(at_, 2) == "\\u";
    const std::int32_t second = pair ? unit(at_ + 2) : -1;
    if (second < 0xDC00 || second > 0xDFFF) {
      return fail(begin, kEncoding, "Half of a surrogate pair stands alone: it is no character.",
                  "Write a character above U+FFFF as both halves of its pair, or as UTF-8.");
    }
    at_ += 6;
    return false;
  }

  std::string_view text_;
  const TextOrigin& origin_;
  Issue& issue_;
  std::size_t at_ = 0;
  std::vector<bool> levels_;
  bool fresh_ = false;
};

}  // namespace

Issue issueAt(std::string_view text, std::size_t at, const TextOrigin& origin, std::string rule,
              std::string message, std::string remedy) {
  const std::string_view before = text.substr(0, at);
  Issue issue;
  issue.rule = std::move(rule);
  issue.offset = origin.offset + before.size();
  issue.line = origin.line + static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n'));
  issue.column = static_cast<std::uint32_t>(before.size() - (before.rfind('\n') + 1) + 1);
  issue.text = std::move(message);
  issue.remedy = std::move(remedy);
  return issue;
}

bool diagnoseJson(std::string_view text, const TextOrigin& origin, Issue& issue) {
  return Diagnosis(text, origin, issue).run();
}

}  // namespace tributary::fhir::internal
