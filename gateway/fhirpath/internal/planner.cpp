#include "fhirpath/internal/planner.h"

#include <algorithm>
#include <unordered_set>

#include "fhirpath/internal/fused.h"
#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/pattern.h"

namespace tributary::fhirpath {
namespace {

using terminology::Element;
using terminology::kNoType;
using terminology::TypeId;

class Planner;

// A path being planned: the types that may come out of the steps so far.
class PathPlanner {
 public:
  PathPlanner(Planner& planner, const TypeModel& types, const Expr& path, TypeId input)
      : planner_(planner), types_(types), path_(path), current_{input} {
    plan_.input = input;
  }

  std::shared_ptr<const FusedPlan> run() {
    while (at_ < path_.children.size() && !ended_ && step(*path_.children[at_])) plan_.steps_covered = at_;
    plan_.steps.resize(settled_);
    if (plan_.steps_covered == 0 || (plan_.steps.empty() && plan_.end == FusedEnd::kValues)) return nullptr;
    const bool truth = plan_.end == FusedEnd::kExists || plan_.end == FusedEnd::kEmpty;
    while (truth && at_ < path_.children.size() && path_.children[at_]->op == Op::kFunction &&
           path_.children[at_]->function == FunctionId::kNot) {
      plan_.end = plan_.end == FusedEnd::kExists ? FusedEnd::kEmpty : FusedEnd::kExists;
      plan_.steps_covered = ++at_;
    }
    return std::make_shared<const FusedPlan>(std::move(plan_));
  }

 private:
  // Plans one part of the path (or two: a choice and its ofType); false when it does not fuse.
  bool step(const Expr& part) {
    bool done = false;
    switch (part.op) {
      case Op::kThis:
        done = at_ == 0;
        break;
      case Op::kTypeFilter:
        done = at_ == 0 && types_.definitions()->isA(current_[0], part.type.fhir);
        break;
      case Op::kMember:
        done = child(part);
        break;
      case Op::kIndexer:
        done = index(part);
        break;
      case Op::kFunction:
        done = function(part);
        break;
      default:
        break;
    }
    if (!done) return false;
    ++at_;
    settled_ = plan_.steps.size();
    return true;
  }

  TypeId only() const { return current_.size() == 1 ? current_[0] : kNoType; }

  bool child(const Expr& part) {
    if (current_.size() > 1) return variants(part);
    if (only() == kNoType || part.owner != only() || part.elements.empty()) return false;
    if (part.elements.size() == 1 && part.elements[0].choice == fhir::kNoName) {
      pushChild(part.elements[0]);
      return true;
    }
    if (at_ + 1 < path_.children.size()) {
      const Expr& next = *path_.children[at_ + 1];
      const bool narrows = next.op == Op::kFunction && (next.function == FunctionId::kOfType ||
                                                        (next.function == FunctionId::kAs && !part.many));
      if (narrows && next.type.fhir != kNoType) return narrowed(part, next.type.fhir);
    }
    FusedStep step;
    step.op = FusedOp::kChildren;
    step.elements = part.elements;
    current_.clear();
    for (const Element& element : part.elements) {
      if (types_.isAbstractResource(element.type)) return false;
      step.companions = step.companions || types_.primitive(element.type) != Primitive::kNone;
      if (std::find(current_.begin(), current_.end(), element.type) == current_.end())
        current_.push_back(element.type);
    }
    plan_.steps.push_back(std::move(step));
    return true;
  }

  // A choice that ofType() narrows at once to one of its members.
  bool narrowed(const Expr& part, TypeId wanted) {
    const Element* found = nullptr;
    for (const Element& element : part.elements) {
      const bool primitive = types_.primitive(element.type) != Primitive::kNone;
      const bool fits = primitive ? element.type == wanted : types_.definitions()->isA(element.type, wanted);
      if (!fits) continue;
      if (found != nullptr) return false;
      found = &element;
    }
    if (found == nullptr) return false;
    pushChild(*found);
    ++at_;
    return true;
  }

  // A member of items of several types: each type has its own element.
  bool variants(const Expr& part) {
    FusedStep step;
    step.op = FusedOp::kVariants;
    std::vector<TypeId> next;
    for (const TypeId type : current_) {
      const auto found = types_.definitions()->path(type, part.text);
      if (found.empty()) continue;
      if (found.size() > 1 || found[0].choice != fhir::kNoName || found[0].name == fhir::kNoName ||
          types_.isAbstractResource(found[0].type)) {
        return false;
      }
      if (types_.definitions()->typeKind(type) == terminology::TypeKind::kPrimitive && part.text == "value")
        return false;
      step.owners.push_back(type);
      step.elements.push_back(found[0]);
      step.companions = step.companions || types_.primitive(found[0].type) != Primitive::kNone;
      if (std::find(next.begin(), next.end(), found[0].type) == next.end()) next.push_back(found[0].type);
    }
    if (next.empty()) return false;
    plan_.steps.push_back(std::move(step));
    current_ = std::move(next);
    return true;
  }

  void pushChild(const Element& element) {
    FusedStep step;
    step.op = FusedOp::kChild;
    step.name = element.name;
    step.type = element.type;
    step.companions = types_.primitive(element.type) != Primitive::kNone;
    step.abstract = types_.isAbstractResource(element.type);
    plan_.steps.push_back(std::move(step));
    current_ = {element.type};
  }

  bool first(std::uint32_t index) {
    FusedStep step;
    step.op = index == 0 ? FusedOp::kFirst : FusedOp::kIndex;
    step.index = index;
    plan_.has_index = plan_.has_index || index != 0;
    plan_.steps.push_back(std::move(step));
    return plan_.steps.size() < 60;
  }

  bool index(const Expr& part) {
    const Expr& argument = *part.children[0];
    if (argument.op != Op::kLiteral || !argument.has_value || argument.value.kind() != ValueKind::kInteger)
      return false;
    const std::int64_t n = argument.value.asInteger();
    return n >= 0 && n < 1'000'000 && !plan_.steps.empty() && first(static_cast<std::uint32_t>(n));
  }

  bool where(const Expr& criterion) {
    FusedStep step;
    step.op = FusedOp::kWhere;
    if (only() == kNoType || !conditions(criterion, step)) return false;
    plan_.steps.push_back(std::move(step));
    return true;
  }

  bool function(const Expr& part) {
    if (at_ == 0) return false;
    const bool begun = !plan_.steps.empty();
    switch (part.function) {
      case FunctionId::kWhere:
        return begun && where(*part.children[0]);
      case FunctionId::kFirst:
        return begun && first(0);
      case FunctionId::kExtension:
        return extension(part);
      case FunctionId::kOfType: {
        if (!types_.isAbstractResource(only()) || part.type.fhir == kNoType ||
            types_.isAbstractResource(part.type.fhir) || !types_.isResource(part.type.fhir)) {
          return false;
        }
        FusedStep step;
        step.op = FusedOp::kResourceType;
        step.type = part.type.fhir;
        step.type_name = std::string(types_.definitions()->typeName(part.type.fhir));
        plan_.steps.push_back(std::move(step));
        current_ = {part.type.fhir};
        return true;
      }
      case FunctionId::kExists:
        if (!begun || (!part.children.empty() && !where(*part.children[0]))) return false;
        return end(FusedEnd::kExists);
      case FunctionId::kEmpty:
        return begun && end(FusedEnd::kEmpty);
      case FunctionId::kCount:
        return begun && end(FusedEnd::kCount);
      default:
        return false;
    }
  }

  bool end(FusedEnd how) {
    plan_.end = how;
    ended_ = true;
    return true;
  }

  bool extension(const Expr& part) {
    const Expr& url = *part.children[0];
    if (url.op != Op::kLiteral || !url.has_value || url.value.kind() != ValueKind::kString) return false;
    if (only() == kNoType || types_.extension == kNoType) return false;
    Element element;
    element.name = names::kExtension;
    element.type = types_.extension;
    pushChild(element);
    FusedStep step;
    step.op = FusedOp::kWhere;
    FusedCondition condition;
    condition.name = names::kUrl;
    condition.texts.emplace_back(url.value.asString());
    condition.quiet = true;
    step.conditions.push_back(std::move(condition));
    plan_.steps.push_back(std::move(step));
    return true;
  }

  // member = 'text', member = 'a' or member = 'b', member in ('a' | 'b'), path.exists(); any of them joined
  // by `and`
  bool conditions(const Expr& e, FusedStep& step) {
    if (e.op == Op::kAnd) {
      return std::all_of(e.children.begin(), e.children.end(),
                         [&](const Expr* c) { return conditions(*c, step); });
    }
    FusedCondition condition;
    if (e.op == Op::kOr) {
      for (const Expr* child : e.children) {
        if (!equality(*child, condition)) return false;
      }
    } else if (e.op == Op::kEqual) {
      if (!equality(e, condition)) return false;
    } else if (e.op == Op::kIn) {
      if (!member(*e.children[0], condition) || e.children[1]->op != Op::kLiteral) return false;
      for (const Value& v : e.children[1]->literal()) {
        if (v.kind() != ValueKind::kString) return false;
        condition.texts.emplace_back(v.asString());
      }
    } else if (!truth(e, condition)) {
      return false;
    }
    step.conditions.push_back(std::move(condition));
    return true;
  }

  bool equality(const Expr& e, FusedCondition& condition) {
    if (e.op != Op::kEqual) return false;
    const Expr* left = e.children[0];
    const Expr* literal = e.children[1];
    if (left->op == Op::kLiteral) std::swap(left, literal);
    if (literal->op != Op::kLiteral || !literal->has_value || literal->value.kind() != ValueKind::kString)
      return false;
    if (!member(*left, condition)) return false;
    condition.texts.emplace_back(literal->value.asString());
    return true;
  }

  // A single element whose value is a text, the same one in all parts of an `or`.
  bool member(const Expr& e, FusedCondition& condition) {
    const Expr* m = &e;
    if (m->op == Op::kPath && m->children.size() == 2 && m->children[0]->op == Op::kThis) m = m->children[1];
    if (m->op != Op::kMember || m->owner != only() || m->elements.size() != 1) return false;
    const Element& element = m->elements[0];
    if (element.repeats || types_.primitive(element.type) != Primitive::kString) return false;
    if (condition.name != fhir::kNoName && condition.name != element.name) return false;
    condition.name = element.name;
    condition.type = element.type;
    return true;
  }

  bool truth(const Expr& e, FusedCondition& condition);

  Planner& planner_;
  const TypeModel& types_;
  const Expr& path_;
  std::vector<TypeId> current_;
  FusedPlan plan_;
  std::size_t at_ = 0;
  std::size_t settled_ = 0;
  bool ended_ = false;
};

// Plans each path once, inner ones when an outer one asks.
class Planner {
 public:
  explicit Planner(const TypeModel& types) : types_(types) {}

  void plan(Expr& e) {
    if (e.op != Op::kPath || !seen_.insert(&e).second) return;
    const TypeId input = inputOf(e);
    if (input == kNoType || types_.isAbstractResource(input)) return;
    e.plan = PathPlanner(*this, types_, e, input).run();
  }

 private:
  // The type that a path's head is applied to, when it is a single one.
  static TypeId inputOf(const Expr& path) {
    const Expr& head = *path.children[0];
    if (head.op == Op::kMember) return head.owner;
    const bool typed = (head.op == Op::kTypeFilter || head.op == Op::kThis) && head.types.size() == 1;
    return typed && !head.types[0].isSystem() ? head.types[0].id : kNoType;
  }

  const TypeModel& types_;
  std::unordered_set<const Expr*> seen_;
};

bool PathPlanner::truth(const Expr& e, FusedCondition& condition) {
  if (e.op != Op::kPath) return false;
  planner_.plan(const_cast<Expr&>(e));  // the program is still being made
  if (e.plan == nullptr || e.plan->steps_covered != e.children.size() || e.plan->input != only())
    return false;
  if (e.plan->end != FusedEnd::kExists && e.plan->end != FusedEnd::kEmpty) return false;
  condition.truth = e.plan;
  return true;
}

}  // namespace

void planPaths(Program::Impl& program) {
  if (program.types.definitions() == nullptr) return;
  Planner planner(program.types);
  for (Expr& e : program.pool) planner.plan(e);
}

void compilePatterns(Program::Impl& program, std::size_t max_memory) {
  for (Expr& e : program.pool) {
    const bool pattern = e.op == Op::kFunction && !e.children.empty() &&
                         (e.function == FunctionId::kMatches || e.function == FunctionId::kMatchesFull ||
                          e.function == FunctionId::kReplaceMatches);
    if (!pattern) continue;
    Expr& argument = *e.children[0];
    if (argument.op != Op::kLiteral || !argument.has_value || argument.value.kind() != ValueKind::kString)
      continue;
    const std::shared_ptr<const re2::RE2> compiled =
        compilePattern(argument.value.asString(), false, max_memory);
    if (compiled->ok()) argument.regex = compiled;
  }
}

namespace {

// The values move to the program's own memory; false when they are not worth it, or not of a kind that can
// stay.
bool keep(Expr& e, Span values) {
  if (values.size() > 256) return false;
  for (const Value& v : values) {
    const bool simple = !v.isNode() && v.kind() != ValueKind::kService && v.kind() != ValueKind::kTypeInfo;
    if (!simple || (v.kind() == ValueKind::kString && v.asString().size() > 4096)) return false;
    if (v.kind() == ValueKind::kQuantity && values.size() > 1) return false;
  }
  e.has_value = values.size() == 1;
  if (values.size() > 1) {
    for (const Value& v : values) {
      if (v.kind() == ValueKind::kString) {
        e.owned.push_back(std::make_unique<std::string>(v.asString()));
        e.values.push_back(Value::string(*e.owned.back()));
      } else {
        e.values.push_back(v);
      }
    }
    return true;
  }
  if (values.empty()) return true;
  Value v = values[0];
  if (v.kind() == ValueKind::kString) {
    e.text = std::string(v.asString());
    v = Value::string(e.text);
  } else if (v.kind() == ValueKind::kQuantity) {
    const QuantityValue q = v.asQuantity();
    e.text = std::string(q.unit);
    e.quantity = {q.value, e.text, q.calendar};
    v = Value::quantity(&e.quantity);
  }
  e.value = v;
  return true;
}

void fold(Expr* e, Evaluator::Impl& machine, Program::Impl& program) {
  if (e->constant && e->op != Op::kLiteral) {
    Frame frame;
    Collection out = machine.collection();
    machine.steps = 0;
    machine.depth = 0;
    machine.arena.reset();
    if (machine.eval(*e, frame, frame.self, out) && !machine.arena.exhausted()) {
      if (!keep(*e, out.span())) return;
      e->op = Op::kLiteral;
      e->children.clear();
      return;
    }
  }
  for (std::size_t i = 0; i < e->children.size(); ++i) {
    // A step of a path is nothing without its input.
    if (e->op == Op::kPath && i > 0) {
      for (Expr* argument : e->children[i]->children) fold(argument, machine, program);
    } else {
      fold(e->children[i], machine, program);
    }
  }
}

}  // namespace

void foldConstants(Program::Impl& program) {
  Environment environment;
  environment.definitions = program.types.definitions();
  environment.limits.steps = 10'000;
  environment.limits.memory = std::size_t{1} << 20;
  environment.limits.results = 1000;
  Evaluator::Impl machine(environment);
  static const Bindings kNone;
  machine.bindings = &kNone;
  fold(const_cast<Expr*>(program.root), machine, program);
}

std::string describePlan(const Program::Impl& program) {
  const Expr& root = *program.root;
  const auto covered = [&](const Expr& e) {
    std::string out = "fused";
    for (const FusedStep& step : e.plan->steps) {
      switch (step.op) {
        case FusedOp::kChild:
          out += " ." + std::string(fhir::nameText(step.name));
          break;
        case FusedOp::kChildren:
          out += " .choice";
          break;
        case FusedOp::kVariants:
          out += " ." + std::string(fhir::nameText(step.elements[0].name));
          break;
        case FusedOp::kWhere:
          out += " where[" + std::to_string(step.conditions.size()) + "]";
          break;
        case FusedOp::kFirst:
          out += " first";
          break;
        case FusedOp::kIndex:
          out += " [" + std::to_string(step.index) + "]";
          break;
        case FusedOp::kResourceType:
          out += " ofType(" + step.type_name + ")";
          break;
      }
    }
    if (e.plan->end == FusedEnd::kExists) out += " exists";
    if (e.plan->end == FusedEnd::kEmpty) out += " empty";
    if (e.plan->end == FusedEnd::kCount) out += " count";
    if (e.plan->steps_covered < e.children.size()) {
      out += ", then " + std::to_string(e.children.size() - e.plan->steps_covered) + " walked";
    }
    return out;
  };
  if (root.op == Op::kPath && root.plan != nullptr) return covered(root);
  if (root.op == Op::kLiteral) return "constant";
  std::size_t fused = 0;
  for (const Expr& e : program.pool) fused += e.plan != nullptr ? 1 : 0;
  return "walk, " + std::to_string(fused) + " fused paths inside";
}

}  // namespace tributary::fhirpath
