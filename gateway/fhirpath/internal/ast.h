#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/names.h"
#include "fhirpath/internal/functions.h"
#include "fhirpath/value.h"
#include "terminology/definitions.h"

namespace tributary::fhirpath {

enum class Op : std::uint8_t {
  kLiteral,       // `value`, `values` (several, folded), or nothing at all for {}
  kLiteralError,  // a literal that reads well but has no value: @T10:00Z
  kThis,
  kIndex,
  kTotal,
  kVariable,    // %name
  kMember,      // name, of the input
  kTypeFilter,  // Patient at the head of a path: the input when it is of that type
  kFunction,    // name(…), on the input
  kIndexer,     // [child 0], on the input
  kPath,        // children: head, step, step …: each step's input is what stands before it
  kUnion,       // n-ary
  kAnd,         // n-ary
  kOr,          // n-ary
  kXor,
  kImplies,
  kEqual,
  kNotEqual,
  kEquivalent,
  kNotEquivalent,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kIn,
  kContains,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kDiv,
  kMod,
  kConcatenate,
  kNegate,
  kPlus,  // unary
  kIs,    // child 0, type
  kAs,
};

// A type as the checker and the evaluator see it: a FHIR type of the Definitions, or a System type.
struct TypeRef {
  terminology::TypeId id = terminology::kNoType;
  ValueKind system = ValueKind::kNode;  // kNode: a FHIR type, `id`
  bool isSystem() const { return system != ValueKind::kNode; }
  friend bool operator==(const TypeRef&, const TypeRef&) = default;
};

// A type specifier as written: "Quantity" may mean FHIR.Quantity or System.Quantity.
struct TypeSpecifier {
  std::string name;  // as written
  terminology::TypeId fhir = terminology::kNoType;
  ValueKind system = ValueKind::kNode;  // kNode: no System type of that name
  bool known() const { return fhir != terminology::kNoType || system != ValueKind::kNode; }
};

enum class VariableKind : std::uint8_t {
  kBound,  // given at evaluation, or by defineVariable
  kResource,
  kRootResource,
  kContext,
  kRowIndex,
  kTerminologies,
};

struct FusedPlan;

// A node of the compiled tree. Built by the parser, completed by the checker and the planner, then immutable.
struct Expr {
  Op op = Op::kLiteral;
  std::uint32_t offset = 0, length = 0;  // in the source
  std::uint32_t height = 1;
  bool parenthesised = false;
  std::vector<Expr*> children;

  std::string text;  // name of a member, function or variable; characters of a string literal
  bool delimited = false;
  bool has_value = false;  // literals
  Value value;
  QuantityValue quantity;                           // what a quantity literal's value points to
  std::vector<Value> values;                        // a folded collection; has_value is false then
  std::vector<std::unique_ptr<std::string>> owned;  // texts that `values` point to
  std::span<const Value> literal() const {
    return has_value ? std::span<const Value>(&value, 1) : std::span<const Value>(values);
  }

  FunctionId function = FunctionId::kEmpty;
  fhir::NameId name = fhir::kNoName;
  VariableKind variable = VariableKind::kBound;
  TypeSpecifier type;                 // kIs, kAs, kTypeFilter, and functions that take a type
  std::shared_ptr<const void> regex;  // compiled constant pattern

  // A member of an input of type `owner`: its concrete elements, found once.
  terminology::TypeId owner = terminology::kNoType;
  std::vector<terminology::Element> elements;

  // Filled by the checker.
  std::vector<TypeRef> types;  // empty: not known
  bool many = true;
  bool never = false;  // always empty
  bool unordered = false;
  bool constant = false;  // depends on nothing outside

  std::shared_ptr<const FusedPlan> plan;  // of a path
};

using ExprPool = std::deque<Expr>;

}  // namespace tributary::fhirpath
