#include "fhirpath/internal/checker.h"

#include <algorithm>

#include "fhirpath/internal/checker_constants.h"

namespace tributary::fhirpath {

using terminology::Element;
using terminology::kNoType;
using terminology::TypeId;

bool TypeSet::has(TypeRef type) const {
  return std::find(types.begin(), types.end(), type) != types.end();
}

void TypeSet::add(const TypeSet& other) {
  unordered = unordered || other.unordered;
  if (other.never) return;
  if (never) {
    types = other.types;
    never = false;
    return;
  }
  if (!other.known() || !known()) {
    types.clear();
    return;
  }
  for (const TypeRef& type : other.types) {
    if (!has(type)) types.push_back(type);
  }
}

Checker::Checker(Program::Impl& program, const CompileOptions& options)
    : program_(program), options_(options), types_(program.types) {}

void Checker::error(const Expr& e, std::string message, std::string expected, std::string suggestion) {
  if (failed_) return;
  Diagnostic d;
  d.phase = Phase::kSemantic;
  d.offset = e.offset;
  d.length = e.length;
  d.message = std::move(message);
  d.expected = std::move(expected);
  d.suggestion = std::move(suggestion);
  failed_ = std::move(d);
}

void Checker::warn(const Expr& e, std::string message, std::string suggestion) {
  if (options_.strict) {
    error(e, std::move(message), {}, std::move(suggestion));
    return;
  }
  Diagnostic d;
  d.phase = Phase::kSemantic;
  d.offset = e.offset;
  d.length = e.length;
  d.message = std::move(message);
  d.suggestion = std::move(suggestion);
  program_.warnings.push_back(std::move(d));
}

std::string Checker::nearestElement(TypeId type, std::string_view name) const {
  if (types_.definitions() == nullptr) return {};
  std::string best;
  unsigned best_distance = name.size() < 4 ? 2 : 3;
  for (const Element& element : types_.definitions()->elements(type)) {
    const std::string_view candidate =
        fhir::nameText(element.choice != fhir::kNoName ? element.choice : element.name);
    const unsigned distance = editDistance(name, candidate, best_distance);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string Checker::shown(const TypeSet& set) const {
  std::string out;
  for (const TypeRef& type : set.types) {
    if (!out.empty()) out += " or ";
    out += types_.name(type);
    if (out.size() > 60) return out + " …";
  }
  return out.empty() ? "the input" : out;
}

bool Checker::isBoolean(const TypeRef& type) const {
  return type.system == ValueKind::kBoolean || types_.primitive(type.id) == Primitive::kBoolean;
}
bool Checker::isNumber(const TypeRef& type) const {
  if (type.isSystem()) {
    return type.system == ValueKind::kInteger || type.system == ValueKind::kLong ||
           type.system == ValueKind::kDecimal;
  }
  const Primitive p = types_.primitive(type.id);
  return p == Primitive::kInteger || p == Primitive::kLong || p == Primitive::kDecimal;
}
bool Checker::isComplex(const TypeRef& type) const {
  return !type.isSystem() && types_.primitive(type.id) == Primitive::kNone &&
         !types_.isAbstractResource(type.id) && type.id != types_.element;
}

std::expected<void, Diagnostic> Checker::run(Expr* root) {
  Scope scope;
  if (program_.context_type != kNoType) {
    scope.self = TypeSet::one({program_.context_type, ValueKind::kNode});
  } else {
    scope.self.many = false;
  }
  const TypeSet result = check(root, scope, scope.self, true);
  if (failed_) return std::unexpected(*failed_);
  for (const TypeRef& type : result.types) {
    program_.result.types.push_back(type.isSystem() ? types_.systemId(type.system) : type.id);
  }
  program_.result.many = result.many;
  program_.result.never = result.never;
  return {};
}

TypeSet Checker::check(Expr* e, const Scope& scope, const TypeSet& input, bool head) {
  if (failed_) return {};
  TypeSet set;
  switch (e->op) {
    case Op::kLiteral:
      set.many = false;
      set.never = !e->has_value;
      if (e->has_value) set = TypeSet::system(e->value.kind());
      e->constant = true;
      break;
    case Op::kLiteralError:
      set = TypeSet::system(ValueKind::kTime);
      break;
    case Op::kThis:
      set = scope.self;
      break;
    case Op::kIndex:
      set = TypeSet::system(ValueKind::kInteger);
      break;
    case Op::kTotal:
      if (scope.total != nullptr) set = *scope.total;
      break;
    case Op::kVariable:
      set = checkVariable(e);
      break;
    case Op::kMember:
    case Op::kTypeFilter:
      set = checkMember(e, input, head);
      break;
    case Op::kFunction:
      set = checkFunction(e, scope, input);
      // At the head of a path its input is $this, which is not constant; iif() alone looks at its arguments
      // only.
      if (head && e->function != FunctionId::kIif) e->constant = false;
      break;
    case Op::kIndexer:
      check(e->children[0], scope, scope.self, true);
      if (input.unordered) warn(*e, "an index into a collection without order");
      set = input;
      set.many = false;
      e->constant = e->children[0]->constant;
      break;
    case Op::kPath:
      set = checkPath(e, scope, input, head);
      break;
    case Op::kIs:
    case Op::kAs: {
      const TypeSet operand = check(e->children[0], scope, scope.self, true);
      e->type = types_.specifier(e->type.name);
      set = narrow(e, operand);
      e->constant = e->children[0]->constant && e->type.known();
      break;
    }
    default:
      set = checkOperator(e, scope);
      break;
  }
  e->types = set.types;
  e->many = set.many;
  e->never = set.never;
  e->unordered = set.unordered;
  return set;
}

TypeSet Checker::checkPath(Expr* e, const Scope& scope, const TypeSet& input, bool head) {
  const std::size_t defined_before = defined_.size();
  TypeSet set = input;
  bool constant = true;
  for (std::size_t i = 0; i < e->children.size() && !failed_; ++i) {
    Expr* step = e->children[i];
    TypeSet next = check(step, scope, set, i == 0 && head);
    if (i > 0 && set.never && !next.known()) next.never = next.never || step->op == Op::kMember;
    constant = constant && step->constant;
    if (failed_) break;  // its arguments may not be what they have to be
    if (step->op == Op::kFunction && step->function == FunctionId::kDefineVariable &&
        step->children[0]->op == Op::kLiteral && step->children[0]->value.kind() == ValueKind::kString) {
      const std::string& name = step->children[0]->text;
      const auto named = [&](const auto& one) { return one.name == name; };
      if (std::ranges::any_of(options_.constants, named) || std::ranges::any_of(options_.variables, named)) {
        error(*step->children[0], "%" + name + " is a variable of the environment", "another name");
      }
      TypeSet type = set;
      if (step->children.size() > 1) {
        type.types = step->children[1]->types;
        type.many = step->children[1]->many;
      }
      defined_.push_back({name, type});
    }
    set = next;
  }
  defined_.resize(defined_before);
  e->constant = constant;
  return set;
}

TypeSet Checker::checkMember(Expr* e, const TypeSet& input, bool head) {
  e->name = fhir::findName(e->text);
  const bool upper = !e->text.empty() && e->text[0] >= 'A' && e->text[0] <= 'Z';
  if (!head || !upper || types_.definitions() == nullptr) return checkElement(e, input);
  // A type at the head of a path stands for the focus when that is of the type.
  e->type = types_.specifier(e->text);
  if (e->type.fhir == kNoType) return checkElement(e, input);
  e->op = Op::kTypeFilter;
  TypeSet set = input;
  if (!input.known()) {
    set.types = {{e->type.fhir, ValueKind::kNode}};
    return set;
  }
  set.types.clear();
  for (const TypeRef& type : input.types) {
    if (type.isSystem()) continue;
    if (types_.definitions()->isA(type.id, e->type.fhir)) {
      set.types.push_back(type);
    } else if (types_.definitions()->isA(e->type.fhir, type.id)) {
      set.types.push_back({e->type.fhir, ValueKind::kNode});
    }
  }
  if (set.types.empty()) {
    warn(*e, "the focus is " + shown(input) + ", never " + e->text);
    set.never = true;
  }
  return set;
}

TypeSet Checker::checkElement(Expr* e, const TypeSet& input) {
  TypeSet set;
  set.many = input.many;
  set.unordered = input.unordered;
  if (!input.known() || types_.definitions() == nullptr) {
    set.many = true;
    set.never = input.never;
    return set;
  }
  bool open = false;  // some input type may have elements that are not known here
  for (const TypeRef& type : input.types) {
    if (type.system == ValueKind::kQuantity && (e->text == "value" || e->text == "unit")) {
      set.types.push_back({kNoType, e->text == "value" ? ValueKind::kDecimal : ValueKind::kString});
    } else if (type.system == ValueKind::kTypeInfo &&
               (e->text == "name" || e->text == "namespace" || e->text == "baseType")) {
      set.types.push_back({kNoType, ValueKind::kString});
    }
    open = open || (type.system == ValueKind::kTypeInfo && e->text == "element");
    if (type.isSystem()) continue;
    const auto found = types_.definitions()->path(type.id, e->text);
    for (const Element& element : found) {
      const TypeRef ref{element.type, ValueKind::kNode};
      if (!set.has(ref)) set.types.push_back(ref);
      set.many = set.many || element.repeats;
      if (element.type == kNoType) open = true;
    }
    const bool named =
        std::all_of(found.begin(), found.end(), [](const Element& x) { return x.name != fhir::kNoName; });
    if (input.types.size() == 1 && !found.empty() && named) {
      e->owner = type.id;
      e->elements.assign(found.begin(), found.end());
    }
    open = open || (found.empty() && (types_.isAbstractResource(type.id) || type.id == types_.element ||
                                      type.id == types_.backbone));
  }
  if (open) {
    set.types.clear();
    set.many = true;
    return set;
  }
  if (!set.types.empty()) return set;
  set.never = true;
  for (const TypeRef& type : input.types) {
    const Element* element = type.isSystem() || e->name == fhir::kNoName
                                 ? nullptr
                                 : types_.definitions()->element(type.id, e->name);
    if (element != nullptr && element->choice != fhir::kNoName) {
      const std::string choice(fhir::nameText(element->choice));
      error(*e, "'" + e->text + "' is how JSON names the choice element '" + choice + "'", {},
            choice + ".ofType(" + std::string(types_.definitions()->typeName(element->type)) + ")");
      return set;
    }
  }
  std::string near;
  for (const TypeRef& type : input.types) {
    if (near.empty() && !type.isSystem()) near = nearestElement(type.id, e->text);
  }
  // Double quotes enclose a name, as backticks do, and single ones a text: often taken for each other.
  const bool quoted = e->offset < program_.source.size() && program_.source[e->offset] == '"';
  warn(*e,
       shown(input) + " has no element '" + e->text + "'" +
           (quoted ? " (a text is enclosed in single quotes)" : ""),
       near);
  return set;
}

TypeSet Checker::narrow(Expr* e, const TypeSet& input) {
  const bool is = e->op == Op::kIs || (e->op == Op::kFunction && e->function == FunctionId::kIs);
  if (!e->type.known() && options_.strict)
    error(*e, "there is no type '" + e->type.name + "'", "a type name");
  TypeSet set;
  if (is) {
    set = TypeSet::system(ValueKind::kBoolean);
    return set;
  }
  set.many = input.many && e->op == Op::kFunction && e->function == FunctionId::kOfType;
  set.unordered = input.unordered;
  const auto related = [&](const TypeRef& type) {
    if (type.isSystem()) return type.system == e->type.system;
    if (e->type.fhir == kNoType || types_.definitions() == nullptr) return false;
    return types_.definitions()->isA(type.id, e->type.fhir) ||
           types_.definitions()->isA(e->type.fhir, type.id);
  };
  if (input.known() && e->type.known() && std::ranges::none_of(input.types, related))
    warn(*e, shown(input) + " is never of type " + e->type.name);
  const bool all_system = input.known() && std::all_of(input.types.begin(), input.types.end(),
                                                       [](const TypeRef& t) { return t.isSystem(); });
  if (e->type.fhir != kNoType && !all_system) {
    set.types.push_back({e->type.fhir, ValueKind::kNode});
  } else if (e->type.system != ValueKind::kNode) {
    set.types.push_back({kNoType, e->type.system});
  }
  return set;
}

TypeSet Checker::checkVariable(Expr* e) {
  TypeSet set;
  set.many = false;
  const auto context = program_.context_type;
  if (e->text == "resource" || e->text == "rootResource") {
    e->variable = e->text == "resource" ? VariableKind::kResource : VariableKind::kRootResource;
    TypeId type = types_.definitions() == nullptr || options_.resource_type.empty()
                      ? kNoType
                      : types_.definitions()->findType(options_.resource_type);
    if (type == kNoType && types_.isResource(context)) type = context;
    if (e->variable == VariableKind::kRootResource) type = kNoType;  // may be a Bundle or a container
    if (type != kNoType) set = TypeSet::one({type, ValueKind::kNode});
    return set;
  }
  if (e->text == "context") {
    e->variable = VariableKind::kContext;
    if (context != kNoType) set = TypeSet::one({context, ValueKind::kNode});
    return set;
  }
  if (e->text == "rowIndex") {
    e->variable = VariableKind::kRowIndex;
    return TypeSet::system(ValueKind::kInteger);
  }
  if (e->text == "terminologies") {
    e->variable = VariableKind::kTerminologies;
    set.service = true;
    return set;
  }
  for (auto it = defined_.rbegin(); it != defined_.rend(); ++it) {
    if (it->name == e->text) return it->type;
  }
  for (const VariableDeclaration& declared : options_.variables) {
    if (declared.name != e->text) continue;
    if (std::find(program_.variables.begin(), program_.variables.end(), e->text) ==
        program_.variables.end()) {
      program_.variables.push_back(e->text);
    }
    const TypeSpecifier type = types_.specifier(declared.type);
    if (type.fhir != kNoType) set.types = {{type.fhir, ValueKind::kNode}};
    if (type.fhir == kNoType && type.system != ValueKind::kNode) set.types = {{kNoType, type.system}};
    set.many = declared.many;
    return set;
  }
  for (const Constant& constant : options_.constants) {
    if (constant.name != e->text) continue;
    if (!makeConstant(*e, constant.text, constant.type)) {
      error(*e, "the constant %" + constant.name + " is no " + constant.type);
      return set;
    }
    return TypeSet::system(e->value.kind());
  }
  if (const std::string text = wellKnownVariable(e->text); !text.empty()) {
    makeConstant(*e, text, "string");
    return TypeSet::system(ValueKind::kString);
  }
  std::string near;
  for (const VariableDeclaration& declared : options_.variables) {
    if (near.empty() && editDistance(e->text, declared.name, 3) < 3) near = "%" + declared.name;
  }
  for (const Constant& constant : options_.constants) {
    if (near.empty() && editDistance(e->text, constant.name, 3) < 3) near = "%" + constant.name;
  }
  program_.variables_unknown.push_back({e->text, e->offset, e->length});
  warn(*e, "the variable %" + e->text + " is not known", near);
  set.many = true;
  return set;
}

TypeSet Checker::checkOperator(Expr* e, const Scope& scope) {
  std::vector<TypeSet> operands;
  operands.reserve(e->children.size());
  e->constant = true;
  for (Expr* child : e->children) {
    operands.push_back(check(child, scope, scope.self, true));
    e->constant = e->constant && child->constant;
  }
  if (failed_) return {};
  switch (e->op) {
    case Op::kUnion: {
      TypeSet set = operands[0];
      for (std::size_t i = 1; i < operands.size(); ++i) set.add(operands[i]);
      set.many = true;
      set.service = false;
      return set;
    }
    case Op::kConcatenate:
      return TypeSet::system(ValueKind::kString);
    case Op::kNegate:
    case Op::kPlus: {
      TypeSet set = operands[0];
      set.many = false;
      return set;
    }
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kDiv:
    case Op::kMod:
      return checkArithmetic(e, operands[0], operands[1]);
    case Op::kLess:
    case Op::kLessOrEqual:
    case Op::kGreater:
    case Op::kGreaterOrEqual:
      checkOrder(*e, operands[0], operands[1]);
      return TypeSet::system(ValueKind::kBoolean);
    default:
      return TypeSet::system(ValueKind::kBoolean);
  }
}

// The System type that the one type of a set stands for; kNode when it is not known, or complex.
ValueKind Checker::kindOf(const TypeSet& set) const {
  if (set.types.size() != 1) return ValueKind::kNode;
  const TypeRef& type = set.types[0];
  if (!type.isSystem() && types_.isQuantity(type.id)) return ValueKind::kQuantity;
  return type.isSystem() ? type.system : TypeModel::systemKind(types_.primitive(type.id));
}

namespace {

bool isNumberKind(ValueKind k) {
  return k == ValueKind::kInteger || k == ValueKind::kLong || k == ValueKind::kDecimal;
}
bool isMeasure(ValueKind k) {
  return isNumberKind(k) || k == ValueKind::kQuantity;
}
bool isDay(ValueKind k) {
  return k == ValueKind::kDate || k == ValueKind::kDateTime;
}

}  // namespace

// That the two can be ordered at all (N1 6.2); what is not known can.
void Checker::checkOrder(const Expr& e, const TypeSet& left, const TypeSet& right) {
  const ValueKind a = kindOf(left), b = kindOf(right);
  if (a == ValueKind::kNode || b == ValueKind::kNode) return;
  const bool fits = (isMeasure(a) && isMeasure(b)) || (isDay(a) && isDay(b)) ||
                    (a == b && (a == ValueKind::kString || a == ValueKind::kTime));
  if (!fits) warn(e, shown(left) + " and " + shown(right) + " cannot be ordered");
}

// That an operator has something to work on (N1 6.6).
void Checker::checkOperands(const Expr& e, const TypeSet& left, const TypeSet& right) {
  const ValueKind a = kindOf(left), b = kindOf(right);
  if (a == ValueKind::kNode || b == ValueKind::kNode) return;
  const bool additive = e.op == Op::kAdd || e.op == Op::kSubtract;
  const bool fits = (isMeasure(a) && isMeasure(b)) ||
                    (additive && (isDay(a) || a == ValueKind::kTime) && b == ValueKind::kQuantity) ||
                    (e.op == Op::kAdd && a == ValueKind::kString && b == ValueKind::kString);
  if (!fits) warn(e, "this operator does not work on " + shown(left) + " and " + shown(right));
}

TypeSet Checker::checkArithmetic(Expr* e, const TypeSet& left, const TypeSet& right) {
  const ValueKind a = kindOf(left), b = kindOf(right);
  constexpr auto number = isNumberKind;
  const bool date = a == ValueKind::kDate || a == ValueKind::kDateTime || a == ValueKind::kTime;
  if ((e->op == Op::kAdd || e->op == Op::kSubtract) && date) {
    if (number(b))
      error(*e->children[1], "a number without a unit cannot be added to a date",
            "a quantity such as 7 days");
    return TypeSet::system(a);
  }
  checkOperands(*e, left, right);
  TypeSet set;
  set.many = false;
  if (a == ValueKind::kString && b == ValueKind::kString && e->op == Op::kAdd) return TypeSet::system(a);
  if (!number(a) || !number(b)) return set;
  if (e->op == Op::kDivide) return TypeSet::system(ValueKind::kDecimal);
  if (e->op == Op::kDiv) return TypeSet::system(ValueKind::kInteger);
  if (a == ValueKind::kDecimal || b == ValueKind::kDecimal) return TypeSet::system(ValueKind::kDecimal);
  return TypeSet::system(a == ValueKind::kLong || b == ValueKind::kLong ? ValueKind::kLong
                                                                        : ValueKind::kInteger);
}

}  // namespace tributary::fhirpath
