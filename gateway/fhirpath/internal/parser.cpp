#include "fhirpath/internal/parser.h"

#include <array>
#include <charconv>
#include <utility>

#include "fhirpath/internal/lexer.h"

namespace tributary::fhirpath {
namespace {

using Parsed = std::expected<Expr*, Diagnostic>;

struct Operator {
  Op op;
  int precedence;
};

// FHIRPath N1 6.8 (operator precedence): higher binds tighter.
constexpr int kTypePrecedence = 8;
constexpr int kLowest = 1;

class Parser {
 public:
  Parser(std::string_view source, const CompileOptions& options, ExprPool& pool)
      : lexer_(source), options_(options), pool_(pool) {}

  Parsed run() {
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    auto result = expression(kLowest);
    if (!result) return result;
    if (token_.kind != Token::kEnd) return unexpectedToken("an operator or the end of the expression");
    return result;
  }

 private:
  std::expected<void, Diagnostic> advance() {
    previous_end_ = token_.offset + token_.length;
    auto next = lexer_.next();
    if (!next) return std::unexpected(next.error());
    token_ = std::move(*next);
    return {};
  }

  std::unexpected<Diagnostic> fail(std::size_t offset, std::size_t length, std::string message,
                                   std::string expected = {}, bool limit = false) const {
    Diagnostic d;
    d.phase = Phase::kSyntax;
    d.offset = offset;
    d.length = length;
    d.message = std::move(message);
    d.expected = std::move(expected);
    d.limit = limit;
    return std::unexpected(std::move(d));
  }
  std::unexpected<Diagnostic> unexpectedToken(std::string expected) const {
    if (token_.kind == Token::kEnd) {
      return fail(token_.offset, 0, "the expression ends too early", std::move(expected));
    }
    const std::string shown = token_.text.size() > 40 ? token_.text.substr(0, 40) + "…" : token_.text;
    return fail(token_.offset, token_.length, "unexpected '" + shown + "'", std::move(expected));
  }

  Expr* make(Op op, std::size_t offset, std::vector<Expr*> children = {}) {
    Expr& e = pool_.emplace_back();
    e.op = op;
    e.offset = static_cast<std::uint32_t>(offset);
    e.children = std::move(children);
    finish(&e);
    return &e;
  }
  void finish(Expr* e) const {
    e->length = static_cast<std::uint32_t>(previous_end_ > e->offset ? previous_end_ - e->offset : 0);
    for (const Expr* child : e->children) e->height = std::max(e->height, child->height + 1);
  }

  // One more child. Looks at that one only: a long chain must not cost the square of its length.
  void append(Expr* e, Expr* child) const {
    e->children.push_back(child);
    e->length = static_cast<std::uint32_t>(previous_end_ > e->offset ? previous_end_ - e->offset : 0);
    e->height = std::max(e->height, child->height + 1);
  }

  std::expected<void, Diagnostic> expect(std::string_view symbol) {
    if (!token_.is(symbol)) return unexpectedToken("'" + std::string(symbol) + "'");
    return advance();
  }

  std::optional<Operator> binaryOperator() const {
    if (token_.kind == Token::kSymbol) {
      static constexpr std::array<std::pair<std::string_view, Operator>, 16> kSymbols = {{
          {"=", {Op::kEqual, 5}},
          {"!=", {Op::kNotEqual, 5}},
          {"~", {Op::kEquivalent, 5}},
          {"!~", {Op::kNotEquivalent, 5}},
          {"<", {Op::kLess, 6}},
          {"<=", {Op::kLessOrEqual, 6}},
          {">", {Op::kGreater, 6}},
          {">=", {Op::kGreaterOrEqual, 6}},
          {"|", {Op::kUnion, 7}},
          {"+", {Op::kAdd, 9}},
          {"-", {Op::kSubtract, 9}},
          {"&", {Op::kConcatenate, 9}},
          {"*", {Op::kMultiply, 10}},
          {"/", {Op::kDivide, 10}},
          {"", {}},
          {"", {}},
      }};
      for (const auto& [symbol, found] : kSymbols) {
        if (!symbol.empty() && token_.text == symbol) return found;
      }
    } else if (token_.kind == Token::kIdentifier) {
      static constexpr std::array<std::pair<std::string_view, Operator>, 10> kWords = {{
          {"implies", {Op::kImplies, 1}},
          {"or", {Op::kOr, 2}},
          {"xor", {Op::kXor, 2}},
          {"and", {Op::kAnd, 3}},
          {"in", {Op::kIn, 4}},
          {"contains", {Op::kContains, 4}},
          {"is", {Op::kIs, kTypePrecedence}},
          {"as", {Op::kAs, kTypePrecedence}},
          {"div", {Op::kDiv, 10}},
          {"mod", {Op::kMod, 10}},
      }};
      for (const auto& [word, found] : kWords) {
        if (token_.text == word) return found;
      }
    }
    return std::nullopt;
  }

  Parsed expression(int lowest) {
    if (++depth_ > options_.max_depth) {
      return fail(token_.offset, token_.length, "the expression is nested too deeply", {}, true);
    }
    auto left = operand();
    while (left) {
      const auto found = binaryOperator();
      if (!found || found->precedence < lowest) break;
      left = operation(*left, *found);
    }
    --depth_;
    return left;
  }

  Parsed operation(Expr* left, Operator found) {
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    if (found.op == Op::kIs || found.op == Op::kAs) {
      Expr* e = make(found.op, left->offset, {left});
      if (auto ok = typeSpecifier(e->type.name); !ok) return std::unexpected(ok.error());
      finish(e);
      return e;
    }
    auto right = expression(found.precedence + 1);
    if (!right) return right;
    const bool flat = found.op == Op::kUnion || found.op == Op::kAnd || found.op == Op::kOr;
    if (flat && left->op == found.op && !left->parenthesised) {
      append(left, *right);
      return left;
    }
    Expr* e = make(found.op, left->offset, {left, *right});
    if (e->height > 4 * options_.max_depth) {
      return fail(e->offset, 0, "the expression is nested too deeply", {}, true);
    }
    return e;
  }

  // Signs bind looser than '.' and '[', tighter than '*': -1.abs() is -(1.abs()).
  Parsed operand() {
    if (!token_.is("-") && !token_.is("+")) return path();
    const Lexeme sign = token_;
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    if (++depth_ > options_.max_depth) {
      return fail(sign.offset, 1, "the expression is nested too deeply", {}, true);
    }
    negated_ = sign.text == "-" && token_.kind == Token::kInteger;
    auto inner = operand();
    --depth_;
    if (!inner) return inner;
    return make(sign.text == "-" ? Op::kNegate : Op::kPlus, sign.offset, {*inner});
  }

  Parsed path() {
    auto head = term();
    if (!head) return head;
    Expr* result = *head;
    Expr* chain = nullptr;
    while (token_.is(".") || token_.is("[")) {
      Parsed step = token_.is(".") ? member() : indexer();
      if (!step) return step;
      if (chain == nullptr) {
        chain = make(Op::kPath, result->offset, {result});
        result = chain;
      }
      append(chain, *step);
    }
    return result;
  }

  Parsed member() {
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    if (token_.kind == Token::kSpecial) return term();
    if (token_.kind != Token::kIdentifier && token_.kind != Token::kDelimited) {
      return unexpectedToken("the name of an element or a function");
    }
    return invocation();
  }

  Parsed indexer() {
    const std::size_t offset = token_.offset;
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    auto index = expression(kLowest);
    if (!index) return index;
    if (auto ok = expect("]"); !ok) return std::unexpected(ok.error());
    return make(Op::kIndexer, offset, {*index});
  }

  // name, or name(argument, …)
  Parsed invocation() {
    const Lexeme name = token_;
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    if (!token_.is("(") || name.kind == Token::kDelimited) {
      Expr* e = make(Op::kMember, name.offset);
      e->text = name.text;
      e->delimited = name.kind == Token::kDelimited;
      return e;
    }
    std::vector<Expr*> arguments;
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    if (!token_.is(")")) {
      for (;;) {
        auto argument = expression(kLowest);
        if (!argument) return argument;
        // sort(name desc): the STU form of -name
        if (name.text == "sort" && (token_.isWord("asc") || token_.isWord("desc"))) {
          if (token_.text == "desc") *argument = make(Op::kNegate, (*argument)->offset, {*argument});
          if (auto ok = advance(); !ok) return std::unexpected(ok.error());
        }
        arguments.push_back(*argument);
        if (!token_.is(",")) break;
        if (auto ok = advance(); !ok) return std::unexpected(ok.error());
      }
    }
    if (!token_.is(")")) return unexpectedToken("',' or ')'");
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    Expr* e = make(Op::kFunction, name.offset, std::move(arguments));
    e->text = name.text;
    return e;
  }

  std::expected<void, Diagnostic> typeSpecifier(std::string& out) {
    for (;;) {
      if (token_.kind != Token::kIdentifier && token_.kind != Token::kDelimited) {
        return unexpectedToken("a type name");
      }
      out += token_.text;
      if (auto ok = advance(); !ok) return ok;
      if (!token_.is(".")) return {};
      out += '.';
      if (auto ok = advance(); !ok) return ok;
    }
  }

  Parsed term() {
    const Lexeme token = token_;
    switch (token.kind) {
      case Token::kSymbol:
        break;
      case Token::kIdentifier:
        if (token.text == "true" || token.text == "false") {
          return literal(Value::boolean(token.text == "true"));
        }
        return headName();
      case Token::kDelimited:
        return invocation();
      case Token::kString:
        return stringLiteral();
      case Token::kInteger:
      case Token::kLong:
      case Token::kDecimal:
        return number();
      case Token::kDate:
      case Token::kDateTime:
      case Token::kTime:
      case Token::kZonedTime:
        return temporal();
      case Token::kSpecial:
        return special();
      case Token::kVariable: {
        if (auto ok = advance(); !ok) return std::unexpected(ok.error());
        Expr* e = make(Op::kVariable, token.offset);
        e->text = token.text;
        return e;
      }
      case Token::kEnd:
        return unexpectedToken("an expression");
    }
    if (token.is("(")) {
      if (auto ok = advance(); !ok) return std::unexpected(ok.error());
      auto inner = expression(kLowest);
      if (!inner) return inner;
      if (auto ok = expect(")"); !ok) return std::unexpected(ok.error());
      (*inner)->parenthesised = true;
      return inner;
    }
    if (token.is("{")) {
      if (auto ok = advance(); !ok) return std::unexpected(ok.error());
      if (auto ok = expect("}"); !ok) return std::unexpected(ok.error());
      return make(Op::kLiteral, token.offset);
    }
    return unexpectedToken("an expression");
  }

  // An operator's word cannot begin an expression, but as, contains, in and is may be names.
  Parsed headName() {
    static constexpr std::array<std::string_view, 6> kReserved = {"and",     "or",  "xor",
                                                                  "implies", "div", "mod"};
    for (const auto word : kReserved) {
      if (token_.text == word) return unexpectedToken("an expression");
    }
    return invocation();
  }

  Parsed literal(Value value) {
    const std::size_t offset = token_.offset;
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    Expr* e = make(Op::kLiteral, offset);
    e->value = value;
    e->has_value = true;
    return e;
  }

  Parsed stringLiteral() {
    std::string characters = std::move(token_.text);
    auto e = literal(Value());
    if (!e) return e;
    (*e)->text = std::move(characters);
    (*e)->value = Value::string((*e)->text);
    return e;
  }

  Parsed number() {
    const Lexeme token = token_;
    Value value;
    const auto decimal = Decimal::parse(token.text);
    if (!decimal)
      return fail(token.offset, token.length, "the number has too many digits", "at most 38 digits");
    if (token.kind == Token::kDecimal) {
      value = Value::decimal(*decimal);
    } else {
      const auto integer = decimal->toInteger();
      if (!integer) return fail(token.offset, token.length, "the integer is out of range");
      value = token.kind == Token::kLong ? Value::longInteger(*integer) : Value::integer(*integer);
    }
    // N1 5.2: an Integer has 32 bits, so its least one can only be written with the sign before it.
    const bool too_large =
        token.kind == Token::kInteger && value.asInteger() > std::int64_t{2147483647} + (negated_ ? 1 : 0);
    negated_ = false;
    auto e = literal(value);
    if (!e || token.kind == Token::kLong) return e;
    // A unit behind the number makes a quantity.
    std::string_view unit =
        token_.kind == Token::kString ? std::string_view(token_.text) : std::string_view{};
    const bool calendar = token_.kind == Token::kIdentifier && !calendarUnit(token_.text).empty();
    if (calendar) unit = calendarUnit(token_.text);
    if (!calendar && token_.kind != Token::kString) {
      if (!too_large) return e;
      return fail(token.offset, token.length, "an Integer goes from -2147483648 to 2147483647",
                  "a Long (" + token.text + "L)");
    }
    (*e)->text = std::string(unit);
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    (*e)->quantity = {*decimal, (*e)->text, calendar};
    (*e)->value = Value::quantity(&(*e)->quantity);
    finish(*e);
    return e;
  }

  Parsed temporal() {
    const Lexeme token = token_;
    std::optional<Temporal> parsed;
    ValueKind kind = ValueKind::kDate;
    if (token.kind == Token::kDate) {
      parsed = Temporal::parseDate(token.text);
    } else if (token.kind == Token::kDateTime) {
      kind = ValueKind::kDateTime;
      parsed = Temporal::parseDateTime(token.text);
    } else {
      kind = ValueKind::kTime;
      parsed = Temporal::parseTime(token.text);
    }
    if (!parsed) return fail(token.offset, token.length, "there is no such date or time");
    auto e = literal(Value::temporal(kind, *parsed));
    if (e && token.kind == Token::kZonedTime) {
      (*e)->op = Op::kLiteralError;
      (*e)->text = "a time has no time zone";
    }
    return e;
  }

  Parsed special() {
    const Lexeme token = token_;
    Op op = Op::kThis;
    if (token.text == "$index") {
      op = Op::kIndex;
    } else if (token.text == "$total") {
      op = Op::kTotal;
    } else if (token.text != "$this") {
      return unexpectedToken("$this, $index or $total");
    }
    if (auto ok = advance(); !ok) return std::unexpected(ok.error());
    return make(op, token.offset);
  }

  Lexer lexer_;
  const CompileOptions& options_;
  ExprPool& pool_;
  Lexeme token_;
  std::size_t previous_end_ = 0;
  std::uint32_t depth_ = 0;
  bool negated_ = false;  // a minus stands right before this number
};

}  // namespace

std::string_view calendarUnit(std::string_view word) {
  static constexpr std::array<std::string_view, 8> kUnits = {"year", "month",  "week",   "day",
                                                             "hour", "minute", "second", "millisecond"};
  for (const auto unit : kUnits) {
    if (word == unit) return unit;
    if (word.size() == unit.size() + 1 && word.back() == 's' && word.substr(0, unit.size()) == unit)
      return unit;
  }
  return {};
}

std::expected<Expr*, Diagnostic> parse(std::string_view source, const CompileOptions& options,
                                       ExprPool& pool) {
  return Parser(source, options, pool).run();
}

}  // namespace tributary::fhirpath
