#include "fhirpath/internal/planner.h"

#include <re2/re2.h>

#include "fhirpath/internal/fused.h"
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

using terminology::Element;
using terminology::kNoType;
using terminology::TypeId;

// A path being planned: the type of what comes out of the steps so far.
class PathPlanner {
 public:
  PathPlanner(const TypeModel& types, const Expr& path, TypeId input) : types_(types), path_(path), current_(input) {
    plan_.input = input;
  }

  std::shared_ptr<const FusedPlan> run() {
    while (at_ < path_.children.size() && !ended_ && step(*path_.children[at_])) plan_.steps_covered = at_;
    plan_.steps.resize(settled_);
    if (plan_.steps_covered == 0 || (plan_.steps.empty() && plan_.end == FusedEnd::kValues)) return nullptr;
    return std::make_shared<const FusedPlan>(std::move(plan_));
  }

 private:
  // Plans one part of the path (or two: a choice and its ofType); false when it does not fuse.
  bool step(const Expr& part) {
    bool done = false;
    switch (part.op) {
      case Op::kThis: done = at_ == 0; break;
      case Op::kTypeFilter: done = at_ == 0 && types_.definitions()->isA(current_, part.type.fhir); break;
      case Op::kMember: done = child(part); break;
      case Op::kIndexer: done = index(part); break;
      case Op::kFunction: done = function(part); break;
      default: break;
    }
    if (!done) return false;
    ++at_;
    settled_ = plan_.steps.size();
    return true;
  }

  bool child(const Expr& part) {
    if (current_ == kNoType || part.owner != current_ || part.elements.empty()) return false;
    if (part.elements.size() == 1 && part.elements[0].choice == fhir::kNoName) {
      pushChild(part.elements[0]);
      return true;
    }
    // A choice: narrowed at once by ofType(), or all of its members and nothing but an end behind them.
    if (at_ + 1 < path_.children.size()) {
      const Expr& next = *path_.children[at_ + 1];
      const bool narrows = next.op == Op::kFunction &&
                           (next.function == FunctionId::kOfType || (next.function == FunctionId::kAs && !part.many));
      if (narrows && next.type.fhir != kNoType) {
        const Element* only = nullptr;
        for (const Element& element : part.elements) {
          const bool primitive = types_.primitive(element.type) != Primitive::kNone;
          const bool fits = primitive ? element.type == next.type.fhir
                                      : types_.definitions()->isA(element.type, next.type.fhir);
          if (!fits) continue;
          if (only != nullptr) return false;
          only = &element;
        }
        if (only == nullptr) return false;
        pushChild(*only);
        ++at_;
        return true;
      }
    }
    FusedStep step;
    step.op = FusedOp::kChildren;
    step.elements = part.elements;
    for (const Element& element : part.elements) {
      step.companions = step.companions || types_.primitive(element.type) != Primitive::kNone;
      if (types_.isAbstractResource(element.type)) return false;
    }
    plan_.steps.push_back(std::move(step));
    current_ = kNoType;
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
    current_ = element.type;
  }

  bool first(std::uint32_t index) {
    FusedStep step;
    step.op = index == 0 ? FusedOp::kFirst : FusedOp::kIndex;
    step.index = index;
    plan_.has_index = plan_.has_index || index != 0;
    plan_.steps.push_back(std::move(step));
    return true;
  }

  bool index(const Expr& part) {
    const Expr& argument = *part.children[0];
    if (argument.op != Op::kLiteral || argument.value.kind() != ValueKind::kInteger) return false;
    const std::int64_t n = argument.value.asInteger();
    return n >= 0 && n < 1'000'000 && !plan_.steps.empty() && first(static_cast<std::uint32_t>(n));
  }

  bool function(const Expr& part) {
    switch (part.function) {
      case FunctionId::kWhere: {
        FusedStep step;
        step.op = FusedOp::kWhere;
        if (at_ == 0 || current_ == kNoType || !conditions(*part.children[0], step)) return false;
        plan_.steps.push_back(std::move(step));
        return true;
      }
      case FunctionId::kFirst: return at_ > 0 && !plan_.steps.empty() && first(0);
      case FunctionId::kExtension: return extension(part);
      case FunctionId::kOfType: {
        if (at_ == 0 || !types_.isAbstractResource(current_) || part.type.fhir == kNoType ||
            types_.isAbstractResource(part.type.fhir) || !types_.isResource(part.type.fhir)) {
          return false;
        }
        FusedStep step;
        step.op = FusedOp::kResourceType;
        step.type = part.type.fhir;
        step.type_name = std::string(types_.definitions()->typeName(part.type.fhir));
        plan_.steps.push_back(std::move(step));
        current_ = part.type.fhir;
        return true;
      }
      case FunctionId::kExists:
        if (at_ == 0 || plan_.steps.empty()) return false;
        if (!part.children.empty()) {
          FusedStep step;
          step.op = FusedOp::kWhere;
          if (current_ == kNoType || !conditions(*part.children[0], step)) return false;
          plan_.steps.push_back(std::move(step));
        }
        return end(FusedEnd::kExists);
      case FunctionId::kEmpty: return at_ > 0 && !plan_.steps.empty() && end(FusedEnd::kEmpty);
      case FunctionId::kCount: return at_ > 0 && !plan_.steps.empty() && end(FusedEnd::kCount);
      default: return false;
    }
  }

  bool end(FusedEnd how) {
    plan_.end = how;
    ended_ = true;
    return true;
  }

  bool extension(const Expr& part) {
    const Expr& url = *part.children[0];
    if (at_ == 0 || url.op != Op::kLiteral || url.value.kind() != ValueKind::kString || current_ == kNoType) return false;
    if (types_.extension == kNoType) return false;
    Element element;
    element.name = names::kExtension;
    element.type = types_.extension;
    pushChild(element);
    FusedStep step;
    step.op = FusedOp::kWhere;
    step.conditions.push_back({names::kUrl, std::string(url.value.asString())});
    plan_.steps.push_back(std::move(step));
    return true;
  }

  // member = 'text' [and …]
  bool conditions(const Expr& e, FusedStep& step) {
    if (e.op == Op::kAnd) {
      for (const Expr* child : e.children) {
        if (!conditions(*child, step)) return false;
      }
      return true;
    }
    if (e.op != Op::kEqual) return false;
    const Expr* member = e.children[0];
    const Expr* literal = e.children[1];
    if (member->op == Op::kLiteral) std::swap(member, literal);
    if (member->op == Op::kPath && member->children.size() == 2 && member->children[0]->op == Op::kThis) {
      member = member->children[1];
    }
    if (member->op != Op::kMember || member->owner != current_ || member->elements.size() != 1) return false;
    if (literal->op != Op::kLiteral || !literal->has_value || literal->value.kind() != ValueKind::kString) return false;
    const Element& element = member->elements[0];
    if (element.repeats || types_.primitive(element.type) != Primitive::kString) return false;
    step.conditions.push_back({element.name, std::string(literal->value.asString())});
    return true;
  }

  const TypeModel& types_;
  const Expr& path_;
  TypeId current_;
  FusedPlan plan_;
  std::size_t at_ = 0;
  std::size_t settled_ = 0;
  bool ended_ = false;
};

// The type that a path's head is applied to, when it is a single one.
TypeId inputOf(const TypeModel& types, const Expr& path) {
  const Expr& head = *path.children[0];
  if (head.op == Op::kMember) return head.owner;
  if (head.op == Op::kTypeFilter && head.types.size() == 1 && !head.types[0].isSystem()) return head.types[0].id;
  if (head.op == Op::kThis && head.types.size() == 1 && !head.types[0].isSystem()) return head.types[0].id;
  (void)types;
  return kNoType;
}

}  // namespace

void planPaths(Program::Impl& program) {
  if (program.types.definitions() == nullptr) return;
  for (Expr& e : program.pool) {
    if (e.op != Op::kPath) continue;
    const TypeId input = inputOf(program.types, e);
    if (input == kNoType || program.types.isAbstractResource(input)) continue;
    e.plan = PathPlanner(program.types, e, input).run();
  }
}

void compilePatterns(Program::Impl& program, std::size_t max_memory) {
  for (Expr& e : program.pool) {
    const bool pattern = e.op == Op::kFunction && !e.children.empty() &&
                         (e.function == FunctionId::kMatches || e.function == FunctionId::kMatchesFull ||
                          e.function == FunctionId::kReplaceMatches);
    if (!pattern) continue;
    Expr& argument = *e.children[0];
    if (argument.op != Op::kLiteral || !argument.has_value || argument.value.kind() != ValueKind::kString) continue;
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_max_mem(static_cast<std::int64_t>(max_memory));
    const std::string_view text = argument.value.asString();
    auto compiled = std::make_shared<const re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
    if (compiled->ok()) argument.regex = compiled;
  }
}

namespace {

void fold(Expr* e, Evaluator::Impl& machine, Program::Impl& program) {
  if (e->constant && e->op != Op::kLiteral) {
    Frame frame;
    Collection out = machine.collection();
    machine.steps = 0;
    machine.depth = 0;
    machine.arena.reset();
    if (machine.eval(*e, frame, frame.self, out) && out.size() <= 1 && !machine.arena.exhausted()) {
      // The value moves to the program's own memory.
      if (out.empty()) {
        e->has_value = false;
      } else {
        Value v = out[0];
        if (v.isNode() || v.kind() == ValueKind::kService || v.kind() == ValueKind::kTypeInfo) return;
        if (v.kind() == ValueKind::kString) {
          if (v.asString().size() > 4096) return;
          e->text = std::string(v.asString());
          v = Value::string(e->text);
        } else if (v.kind() == ValueKind::kQuantity) {
          e->text = std::string(v.asQuantity().unit);
          e->quantity = v.asQuantity();
          e->quantity.unit = e->text;
          v = Value::quantity(&e->quantity);
        }
        e->value = v;
        e->has_value = true;
      }
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
        case FusedOp::kChild: out += " ." + std::string(fhir::nameText(step.name)); break;
        case FusedOp::kChildren: out += " .choice"; break;
        case FusedOp::kWhere: out += " where[" + std::to_string(step.conditions.size()) + "]"; break;
        case FusedOp::kFirst: out += " first"; break;
        case FusedOp::kIndex: out += " [" + std::to_string(step.index) + "]"; break;
        case FusedOp::kResourceType: out += " ofType(" + step.type_name + ")"; break;
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
