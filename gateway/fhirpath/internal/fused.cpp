// Fused paths: nested loops over the tape, one item at a time, in the order in which the plain walk would
// give them.
#include "fhirpath/internal/fused.h"

#include <array>

namespace tributary::fhirpath {
namespace {

using fhir::Kind;
using fhir::kNoNode;
using fhir::Node;
using fhir::NodeIndex;
using terminology::TypeId;

struct Item {
  NodeIndex node, companion;
  TypeId type;
};

class Run {
 public:
  Run(Evaluator::Impl& machine, const FusedPlan& plan, const fhir::Document& document, Collection& out)
      : machine_(machine),
        document_(document),
        nodes_(document.data()),
        end_(plan.steps.data() + plan.steps.size()),
        how_(plan.end),
        out_(out) {}

  // True: the path has all it needs, stop.
  bool from(const FusedStep* step, const Item& item) {
    if (step == end_) {
      ++count_;
      if (how_ == FusedEnd::kValues) {
        out_.push(Value::node(document_, item.node, item.type, item.companion));
        return false;
      }
      return how_ != FusedEnd::kCount;
    }
    switch (step->op) {
      case FusedOp::kChild:
        return child(step, step->name, step->type, step->companions, step->abstract, item);
      case FusedOp::kChildren:
        for (const terminology::Element& element : step->elements) {
          if (child(step, element.name, element.type, step->companions, false, item)) return true;
        }
        return false;
      case FusedOp::kVariants:
        for (std::size_t i = 0; i < step->owners.size(); ++i) {
          if (step->owners[i] != item.type) continue;
          const terminology::Element& element = step->elements[i];
          return child(step, element.name, element.type, step->companions, false, item);
        }
        return false;
      case FusedOp::kWhere:
        for (const FusedCondition& condition : step->conditions) {
          if (!holds(condition, item)) return false;
        }
        return from(step + 1, item);
      case FusedOp::kFirst:
        from(step + 1, item);
        return true;
      case FusedOp::kIndex: {
        auto& seen = seen_[static_cast<std::size_t>(end_ - step) & (seen_.size() - 1)];
        if (seen++ != step->index) return false;
        from(step + 1, item);
        return true;
      }
      case FusedOp::kResourceType: {
        if (item.node == kNoNode || nodes_[item.node].kind != Kind::kObject) return false;
        const NodeIndex type = document_.member(item.node, names::kResourceType);
        if (type == kNoNode || nodes_[type].kind != Kind::kString ||
            document_.scalar(type) != step->type_name) {
          return false;
        }
        return from(step + 1, {item.node, item.companion, step->type});
      }
    }
    return false;
  }

  std::int64_t count() const { return count_; }
  std::uint64_t visited() const { return visited_; }

 private:
  bool child(const FusedStep* step, fhir::NameId name, TypeId type, bool companions, bool abstract,
             const Item& item) {
    NodeIndex object = item.node;
    if (object == kNoNode || nodes_[object].kind != Kind::kObject) object = item.companion;
    if (object == kNoNode) return false;
    ++visited_;
    const NodeIndex node = document_.member(object, name);
    const bool has_companions = (nodes_[object].flags & fhir::kHasCompanions) != 0;
    if (!has_companions || (!companions && node == kNoNode)) [[likely]] {
      if (node == kNoNode) return false;
      if (nodes_[node].kind < Kind::kArray) {
        return nodes_[node].kind != Kind::kNull && next(step, node, kNoNode, type, abstract);
      }
      if (nodes_[node].kind == Kind::kObject) return next(step, node, kNoNode, type, abstract);
      const NodeIndex end = nodes_[node].next;
      for (NodeIndex i = node + 1; i < end; i = nodes_[i].next) {
        ++visited_;
        if (nodes_[i].kind != Kind::kNull && next(step, i, kNoNode, type, abstract)) return true;
      }
      return false;
    }
    return childWithCompanions(step, object, node, name, type, abstract);
  }

  // As Evaluator::Impl::collect: a value and its "_name", item by item.
  bool childWithCompanions(const FusedStep* step, NodeIndex object, NodeIndex node, fhir::NameId name,
                           TypeId type, bool abstract) {
    const NodeIndex companion = document_.member(object, static_cast<fhir::NameId>(name | fhir::kCompanion));
    const bool node_list = node != kNoNode && nodes_[node].kind == Kind::kArray;
    const bool companion_list = companion != kNoNode && nodes_[companion].kind == Kind::kArray;
    const auto one = [&](NodeIndex value, NodeIndex extra) {
      ++visited_;
      if (value != kNoNode && nodes_[value].kind == Kind::kNull) value = kNoNode;
      if (extra != kNoNode && nodes_[extra].kind != Kind::kObject) extra = kNoNode;
      return (value != kNoNode || extra != kNoNode) && next(step, value, extra, type, abstract);
    };
    if (!node_list && !companion_list) return one(node, companion);
    NodeIndex i = node_list ? node + 1 : node, j = companion_list ? companion + 1 : companion;
    const NodeIndex i_end = node != kNoNode ? nodes_[node].next : 0;
    const NodeIndex j_end = companion != kNoNode ? nodes_[companion].next : 0;
    while (i < i_end || j < j_end) {
      const bool has_value = i < i_end, has_extra = j < j_end;
      if (one(has_value ? i : kNoNode, has_extra ? j : kNoNode)) return true;
      if (has_value) i = nodes_[i].next;
      if (has_extra) j = nodes_[j].next;
    }
    return false;
  }

  bool next(const FusedStep* step, NodeIndex node, NodeIndex companion, TypeId type, bool abstract) {
    if (abstract && node != kNoNode) {
      const TypeId actual = machine_.types.resourceType(document_, node);
      if (actual != terminology::kNoType) type = actual;
    }
    return from(step + 1, {node, companion, type});
  }

  bool holds(const FusedCondition& condition, const Item& item) {
    if (condition.truth != nullptr) [[unlikely]]
      return truth(*condition.truth, item);
    NodeIndex object = item.node;
    if (object == kNoNode || nodes_[object].kind != Kind::kObject) object = item.companion;
    if (object == kNoNode) return false;
    ++visited_;
    NodeIndex node = document_.member(object, condition.name);
    if (node == kNoNode) return false;
    if (machine_.visits != nullptr && !condition.quiet) [[unlikely]]
      visit(condition, object);
    if (nodes_[node].kind >= Kind::kArray || (nodes_[object].flags & fhir::kHasCompanions) != 0)
        [[unlikely]] {
      // Not a plain text as the definition has it: see the items as the tree walk does.
      const ArenaScope scope(machine_.arena);
      Collection items = machine_.collection();
      machine_.collect(document_, object, condition.name, terminology::kNoType, items);
      return items.size() == 1 && items[0].hasScalar() && matches(condition, items[0].view());
    }
    return nodes_[node].kind != Kind::kNull && matches(condition, document_.scalar(node));
  }

  void visit(const FusedCondition& condition, NodeIndex object) {
    const ArenaScope scope(machine_.arena);
    Collection items = machine_.collection();
    machine_.collect(document_, object, condition.name, condition.type, items);
    for (const Value& v : items.span()) machine_.visits->visited(v, VisitListener::Role::kCondition);
  }

  static bool matches(const FusedCondition& condition, std::string_view text) {
    for (const std::string& wanted : condition.texts) {
      if (text == wanted) return true;
    }
    return false;
  }

  bool truth(const FusedPlan& plan, const Item& item) {
    Run inner(machine_, plan, document_, out_);  // gives no values, so nothing reaches `out`
    inner.clearIndexes(plan);
    inner.from(plan.steps.data(), item);
    visited_ += inner.visited_;
    return (inner.count_ > 0) == (plan.end == FusedEnd::kExists);
  }

  Evaluator::Impl& machine_;
  const fhir::Document& document_;
  const Node* const nodes_;
  const FusedStep* const end_;
  const FusedEnd how_;
  Collection& out_;
  std::int64_t count_ = 0;
  std::uint64_t visited_ = 0;
  std::array<std::uint32_t, 64> seen_;

 public:
  void clearIndexes(const FusedPlan& plan) {
    if (plan.has_index) seen_.fill(0);
  }
};

}  // namespace

bool runFused(Evaluator::Impl& machine, const Expr& e, const FusedPlan& plan, const Value& input,
              Collection& out) {
  Run run(machine, plan, input.document(), out);
  run.clearIndexes(plan);
  run.from(plan.steps.data(), {input.nodeIndex(), input.companionIndex(), input.type()});
  switch (plan.end) {
    case FusedEnd::kValues:
      break;
    case FusedEnd::kExists:
      out.push(Value::boolean(run.count() > 0));
      break;
    case FusedEnd::kEmpty:
      out.push(Value::boolean(run.count() == 0));
      break;
    case FusedEnd::kCount:
      out.push(Value::integer(run.count()));
      break;
  }
  machine.steps += run.visited();
  return machine.steps <= machine.environment.limits.steps || machine.step(e, 0);
}

}  // namespace tributary::fhirpath
