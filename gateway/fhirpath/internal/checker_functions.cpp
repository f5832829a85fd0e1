// The checker's knowledge of functions.
#include <algorithm>

#include "fhirpath/internal/checker.h"

namespace tributary::fhirpath {

using terminology::kNoType;

namespace {

std::optional<ValueKind> systemKindOf(ResultKind result) {
  switch (result) {
    case ResultKind::kBoolean:
      return ValueKind::kBoolean;
    case ResultKind::kInteger:
      return ValueKind::kInteger;
    case ResultKind::kLong:
      return ValueKind::kLong;
    case ResultKind::kDecimal:
      return ValueKind::kDecimal;
    case ResultKind::kString:
      return ValueKind::kString;
    case ResultKind::kDate:
      return ValueKind::kDate;
    case ResultKind::kDateTime:
      return ValueKind::kDateTime;
    case ResultKind::kTime:
      return ValueKind::kTime;
    case ResultKind::kQuantity:
      return ValueKind::kQuantity;
    default:
      return std::nullopt;
  }
}

bool needsOrder(FunctionId id) {
  return id == FunctionId::kFirst || id == FunctionId::kLast || id == FunctionId::kTail ||
         id == FunctionId::kSkip || id == FunctionId::kTake;
}

}  // namespace

// The argument of ofType(), is(), as(): a name, or FHIR.name.
bool Checker::takeType(Expr* e) {
  if (e->children.empty()) return true;
  const Expr* argument = e->children[0];
  std::string name;
  if (argument->op == Op::kMember) {
    name = argument->text;
  } else if (argument->op == Op::kPath) {
    for (const Expr* part : argument->children) {
      if (part->op != Op::kMember) {
        error(*argument, "this is no type", "a type name such as Quantity or FHIR.Quantity");
        return false;
      }
      name += (name.empty() ? "" : ".") + part->text;
    }
  } else if (argument->op == Op::kLiteral && argument->value.kind() == ValueKind::kString) {
    name = argument->text;
  } else {
    error(*argument, "this is no type", "a type name such as Quantity or FHIR.Quantity");
    return false;
  }
  e->type = types_.specifier(name);
  e->children.clear();
  return true;
}

TypeSet Checker::checkFunction(Expr* e, const Scope& scope, const TypeSet& input) {
  const FunctionInfo* info = findFunction(e->text, input.service);
  if (info == nullptr) {
    error(*e, "there is no function '" + e->text + "'", {}, std::string(nearestFunction(e->text)));
    return {};
  }
  if (info->national && !options_.national_functions) {
    error(*e, "'" + e->text + "' is not a standard function and is not switched on here");
    return {};
  }
  e->function = info->id;
  const bool taken =
      info->type_arg && !e->type.name.empty();  // seen before: repeat() checks its argument again
  if (!taken && (e->children.size() < info->min_args || e->children.size() > info->max_args)) {
    error(*e, e->text + "() has " + std::to_string(e->children.size()) + " arguments",
          std::string(info->signature));
    return {};
  }
  if (info->input == InputKind::kString && input.known() && !input.never &&
      std::all_of(input.types.begin(), input.types.end(), [&](const TypeRef& t) { return isComplex(t); })) {
    error(*e, e->text + "() wants a string and the input is " + shown(input), "a string");
    return {};
  }
  if (input.unordered && needsOrder(info->id)) {
    warn(*e, e->text + "() on a collection without order (children() and descendants() have none)");
  }
  if (info->type_arg && !taken && !takeType(e)) return {};
  if (info->id == FunctionId::kIs) narrow(e, input);  // that its type is one
  if (info->id == FunctionId::kIif) return checkIif(e, scope, input);
  if (info->id == FunctionId::kRepeat || info->id == FunctionId::kRepeatAll)
    return checkRepeat(e, scope, input);

  Scope item = scope;
  item.self = input;
  item.self.unordered = false;
  item.self.many = info->id == FunctionId::kDefineVariable && input.many;
  TypeSet total;
  if (info->id == FunctionId::kAggregate) item.total = &total;
  std::vector<TypeSet> arguments;
  bool constant = info->pure && info->id != FunctionId::kAggregate;
  for (std::size_t i = 0; i < e->children.size() && !failed_; ++i) {
    const bool lambda = i < 32 && ((info->lambda_args >> i) & 1U) != 0;
    const Scope& where = lambda ? item : scope;
    arguments.push_back(check(e->children[i], where, where.self, true));
    constant = constant && e->children[i]->constant;
  }
  e->constant = constant;
  if (failed_) return {};
  TypeSet set;
  if (info->result == ResultKind::kSpecial) {
    set = checkSpecial(e, scope, input, arguments);
  } else if (info->result == ResultKind::kSame) {
    set = input;
    if (info->id == FunctionId::kSort) set.unordered = false;
  } else if (const auto kind = systemKindOf(info->result)) {
    set = TypeSet::system(*kind);
    set.many = input.many;
  }
  if (info->result != ResultKind::kSpecial) {
    if (info->cardinality == Cardinality::kOne) set.many = false;
    if (info->cardinality == Cardinality::kMany) set.many = true;
  }
  return set;
}

TypeSet Checker::checkSpecial(Expr* e, const Scope& /*scope*/, const TypeSet& input,
                              std::vector<TypeSet>& arguments) {
  using enum FunctionId;
  TypeSet set;
  switch (e->function) {
    case kSelect:
      set = arguments[0];
      set.many = set.many || input.many;
      set.unordered = set.unordered || input.unordered;
      return set;
    case kOfType:
    case kAs:
      return narrow(e, input);
    case kUnion:
    case kCombine:
      set = input;
      set.add(arguments[0]);
      set.many = true;
      return set;
    case kCoalesce:
      set = arguments[0];
      for (std::size_t i = 1; i < arguments.size(); ++i) {
        set.add(arguments[i]);
        set.many = set.many || arguments[i].many;
      }
      return set;
    case kLowBoundary:
    case kHighBoundary:
      set = input;
      set.many = false;
      if (input.types.size() == 1) {
        const TypeRef type = input.types[0];
        ValueKind kind = type.isSystem() ? type.system : TypeModel::systemKind(types_.primitive(type.id));
        if (kind == ValueKind::kInteger || kind == ValueKind::kLong) kind = ValueKind::kDecimal;
        if (kind == ValueKind::kNode && types_.isQuantity(type.id)) kind = ValueKind::kQuantity;
        set.types.clear();
        if (kind != ValueKind::kNode) set.types = {{kNoType, kind}};
      } else {
        set.types.clear();
      }
      return set;
    case kChildren:
    case kDescendants:
      set.unordered = true;
      return set;
    case kExtension:
      if (types_.extension != kNoType) set.types = {{types_.extension, ValueKind::kNode}};
      set.unordered = input.unordered;
      return set;
    case kGetValue:
      set.many = false;
      for (const TypeRef& type : input.types) {
        const ValueKind kind =
            type.isSystem() ? type.system : TypeModel::systemKind(types_.primitive(type.id));
        if (kind == ValueKind::kNode) {
          set.types.clear();
          return set;
        }
        if (!set.has({kNoType, kind})) set.types.push_back({kNoType, kind});
      }
      return set;
    case kElementDefinition:
      if (types_.element_definition != kNoType) set.types = {{types_.element_definition, ValueKind::kNode}};
      set.many = input.many;
      return set;
    case kResolve:
      set.many = input.many;
      return set;
    default:
      return set;
  }
}

TypeSet Checker::checkIif(Expr* e, const Scope& scope, const TypeSet& input) {
  Scope inner = scope;
  inner.self = input;
  const TypeSet criterion = check(e->children[0], inner, inner.self, true);
  if (failed_) return {};
  const bool boolean = !criterion.known() || std::any_of(criterion.types.begin(), criterion.types.end(),
                                                         [&](const TypeRef& t) { return isBoolean(t); });
  if (!boolean && (criterion.many || options_.strict)) {
    error(*e->children[0], "the criterion of iif() is " + shown(criterion), "a boolean");
    return {};
  }
  TypeSet set = check(e->children[1], inner, inner.self, true);
  if (e->children.size() > 2) {
    const TypeSet otherwise = check(e->children[2], inner, inner.self, true);
    set.add(otherwise);
    set.many = set.many || otherwise.many;
  }
  // Its branches see $this, but constants stay constants: iif(true, 1, 2).
  e->constant =
      std::all_of(e->children.begin(), e->children.end(), [](const Expr* c) { return c->constant; });
  return set;
}

TypeSet Checker::checkRepeat(Expr* e, const Scope& scope, const TypeSet& input) {
  Scope inner = scope;
  inner.self = input;
  inner.self.many = false;
  inner.self.unordered = false;
  TypeSet set = check(e->children[0], inner, inner.self, true);
  // What it finds goes in again, until the types are settled.
  for (int round = 0; round < 4 && !failed_; ++round) {
    const std::size_t before = inner.self.types.size();
    if (!inner.self.known()) break;
    inner.self.add(set);
    if (inner.self.types.size() == before) break;
    // Each round checks the repeats within again: nested deeply, they would take for ever.
    constexpr unsigned kMostRounds = 200;
    if (++repeat_rounds_ > kMostRounds) {
      set = {};
      break;
    }
    const std::size_t warnings = program_.warnings.size();
    const auto failed = failed_;
    set.add(check(e->children[0], inner, inner.self, true));
    if (failed_ && !failed) failed_.reset();  // only the first round's input is as written
    program_.warnings.resize(warnings);
  }
  set.many = true;
  return set;
}

}  // namespace tributary::fhirpath
