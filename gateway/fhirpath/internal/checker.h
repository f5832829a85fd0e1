#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "fhirpath/internal/ast.h"
#include "fhirpath/internal/program_impl.h"
#include "fhirpath/internal/type_model.h"

namespace tributary::fhirpath {

// What is known of a collection before it is there.
struct TypeSet {
  std::vector<TypeRef> types;  // empty: not known
  bool many = true;
  bool never = false;
  bool unordered = false;
  bool service = false;  // %terminologies

  static TypeSet one(TypeRef type) {
    TypeSet set;
    set.types = {type};
    set.many = false;
    return set;
  }
  static TypeSet system(ValueKind kind) { return one({terminology::kNoType, kind}); }
  bool known() const { return !types.empty(); }
  bool has(TypeRef type) const;
  void add(const TypeSet& other);  // union of types; unknown makes unknown
};

// Gives every part of the tree its types, resolves names to elements, functions and variables, and finds the
// errors of the semantic phase.
class Checker {
 public:
  Checker(Program::Impl& program, const CompileOptions& options);
  std::expected<void, Diagnostic> run(Expr* root);

 private:
  struct Scope {
    TypeSet self;
    const TypeSet* total = nullptr;
  };
  struct Defined {
    std::string name;
    TypeSet type;
  };

  TypeSet check(Expr* e, const Scope& scope, const TypeSet& input, bool head);
  TypeSet checkPath(Expr* e, const Scope& scope, const TypeSet& input, bool head);
  TypeSet checkMember(Expr* e, const TypeSet& input, bool head);
  TypeSet checkElement(Expr* e, const TypeSet& input);
  TypeSet checkFunction(Expr* e, const Scope& scope, const TypeSet& input);
  TypeSet checkSpecial(Expr* e, const Scope& scope, const TypeSet& input, std::vector<TypeSet>& arguments);
  TypeSet checkIif(Expr* e, const Scope& scope, const TypeSet& input);
  TypeSet checkRepeat(Expr* e, const Scope& scope, const TypeSet& input);
  TypeSet checkVariable(Expr* e);
  TypeSet checkOperator(Expr* e, const Scope& scope);
  TypeSet checkArithmetic(Expr* e, const TypeSet& left, const TypeSet& right);
  TypeSet narrow(Expr* e, const TypeSet& input);
  void checkOrder(const Expr& e, const TypeSet& left, const TypeSet& right);
  void checkOperands(const Expr& e, const TypeSet& left, const TypeSet& right);
  ValueKind kindOf(const TypeSet& set) const;
  bool takeType(Expr* e);

  void error(const Expr& e, std::string message, std::string expected = {}, std::string suggestion = {});
  void warn(const Expr& e, std::string message, std::string suggestion = {});
  std::string nearestElement(terminology::TypeId type, std::string_view name) const;
  std::string shown(const TypeSet& set) const;
  bool isBoolean(const TypeRef& type) const;
  bool isNumber(const TypeRef& type) const;
  bool isComplex(const TypeRef& type) const;

  Program::Impl& program_;
  const CompileOptions& options_;
  const TypeModel& types_;
  std::vector<Defined> defined_;
  std::optional<Diagnostic> failed_;
  unsigned repeat_rounds_ = 0;  // of checkRepeat(), in the whole expression
};

}  // namespace tributary::fhirpath
