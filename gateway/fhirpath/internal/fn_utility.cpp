// trace(), sort() and aggregates.
#include <algorithm>

#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

// One item of sort() with its keys.
struct Sorted {
  Value item;
  Span keys;  // one a key: the first value of the key's result, or a service value that stands for "none"
};

bool isNone(const Value& v) {
  return v.kind() == ValueKind::kService;
}

}  // namespace

bool Evaluator::Impl::callUtility(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  if (e.function == kTrace) {
    std::optional<std::string_view> name;
    if (!evalString(*e.children[0], frame, name)) return false;
    if (trace != nullptr) {
      Collection shown = collection();
      if (e.children.size() > 1) {
        Frame inner = frame;
        for (std::size_t i = 0; i < input.size(); ++i) {
          inner.self = input.subspan(i, 1);
          inner.index = static_cast<std::int64_t>(i);
          if (!eval(*e.children[1], inner, inner.self, shown)) return false;
        }
      } else {
        shown.append(input);
      }
      trace->traced(name.value_or(""), shown.span());
    }
    out.append(input);
    return true;
  }
  if (e.function == kDefineVariable) {  // at the head of a path: nothing behind it can see the variable
    std::optional<std::string_view> name;
    if (!newVariable(e, frame, name)) return false;
    out.append(input);
    return true;
  }
  // sort: by each key in turn; -key is descending; what has no key stands last (first when descending).
  std::vector<Sorted> items;
  items.reserve(input.size());
  const std::size_t key_count = std::max<std::size_t>(1, e.children.size());
  Frame inner = frame;
  for (std::size_t i = 0; i < input.size(); ++i) {
    inner.self = input.subspan(i, 1);
    inner.index = static_cast<std::int64_t>(i);
    Collection keys = collection();
    for (std::size_t k = 0; k < key_count; ++k) {
      Span values = inner.self;
      if (!e.children.empty()) {
        const Expr& key = *e.children[k];
        const bool descending = key.op == Op::kNegate && !key.parenthesised;
        if (!evalSpan(descending ? *key.children[0] : key, inner, values)) return false;
      }
      if (values.size() > 1) return fail(e, "a sort key has several items", "one item or none");
      const Value found = values.empty() ? Value::service(-1) : atom(values[0]);
      keys.push(noValue(found) ? Value::service(-1) : found);
    }
    items.push_back({input[i], keys.span()});
    if (arena.exhausted()) return failLimit(e, "the result is too large");
  }
  bool ok = true;
  const auto before = [&](const Sorted& a, const Sorted& b) {
    if (!ok) return false;
    if (!step(e)) return ok = false;
    for (std::size_t k = 0; k < key_count; ++k) {
      const bool descending =
          !e.children.empty() && e.children[k]->op == Op::kNegate && !e.children[k]->parenthesised;
      const Value &x = a.keys[k], &y = b.keys[k];
      std::optional<int> order;
      if (isNone(x) || isNone(y)) {
        order = static_cast<int>(isNone(x)) - static_cast<int>(isNone(y));
      } else if (!compare(e, x, y, order)) {
        return ok = false;
      }
      if (order && *order != 0) return (*order < 0) != descending;
    }
    return false;
  };
  std::stable_sort(items.begin(), items.end(), before);
  if (!ok) return false;
  for (const Sorted& item : items) out.push(item.item);
  return true;
}

bool Evaluator::Impl::callAggregates(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  if (e.function == kAggregate) {
    Span total;
    if (e.children.size() > 1 && !evalSpan(*e.children[1], frame, total)) return false;
    Frame inner = frame;
    for (std::size_t i = 0; i < input.size(); ++i) {
      inner.self = input.subspan(i, 1);
      inner.index = static_cast<std::int64_t>(i);
      inner.total = &total;
      Collection next = collection();
      if (!eval(*e.children[0], inner, inner.self, next)) return false;
      if (arena.exhausted()) return failLimit(e, "the result is too large");
      total = next.span();
    }
    out.append(total);
    return true;
  }
  if (input.empty()) return true;
  if (e.function == kMin || e.function == kMax) {
    std::optional<Value> best;
    for (const Value& v : input) {
      std::optional<int> order;
      if (noValue(atomQuiet(v, true))) continue;
      if (!step(e) || (best && !compare(e, v, *best, order))) return false;
      if (!best || (order && (e.function == kMin ? *order < 0 : *order > 0))) best = v;
    }
    if (best) out.push(*best);
    return true;
  }
  Expr plus;  // borrowed place for messages
  plus.op = Op::kAdd;
  plus.offset = e.offset;
  plus.length = e.length;
  Value sum = atom(input[0]);
  for (const Value& v : input.subspan(1)) {
    Collection next = collection();
    if (!step(e) || !arithmetic(plus, sum, atom(v), next)) return false;
    if (next.empty()) return true;
    sum = next[0];
  }
  if (e.function == kSum) {
    if (!noValue(sum)) out.push(sum);
    return true;
  }
  plus.op = Op::kDivide;
  return arithmetic(plus, sum, Value::integer(static_cast<std::int64_t>(input.size())), out);
}

}  // namespace tributary::fhirpath
