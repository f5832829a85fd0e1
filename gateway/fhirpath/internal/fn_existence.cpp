// Existence functions (FHIRPath N1 5.1).
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {
namespace {

// Are all items of `part` in `whole`?
bool within(Evaluator::Impl& machine, const Expr& e, Span part, Span whole, bool& result) {
  ValueSet set(machine);
  for (const Value& v : whole) {
    if (!machine.step(e)) return false;
    set.insert(v);
  }
  result = true;
  for (const Value& v : part) {
    if (!machine.step(e)) return false;
    if (!set.contains(v)) {
      result = false;
      break;
    }
  }
  return true;
}

}  // namespace

bool Evaluator::Impl::callExistence(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  const auto push = [&](bool b) { out.push(Value::boolean(b)); };
  switch (e.function) {
    case kEmpty:
      push(input.empty());
      return true;
    case kCount:
      out.push(Value::integer(static_cast<std::int64_t>(input.size())));
      return true;
    case kExists:
      if (e.children.empty()) {
        push(!input.empty());
        return true;
      }
      [[fallthrough]];
    case kAll: {
      const bool all = e.function == kAll;
      const ConditionScope condition(*this);
      Frame inner = frame;
      for (std::size_t i = 0; i < input.size(); ++i) {
        inner.self = input.subspan(i, 1);
        inner.index = static_cast<std::int64_t>(i);
        std::optional<bool> truth_value;
        {  // the result must not stand in what is given back here
          const ArenaScope scope(arena);
          if (!evalTruth(*e.children[0], inner, truth_value)) return false;
        }
        if ((truth_value == true) != all) {
          push(!all);
          return true;
        }
      }
      push(all);
      return true;
    }
    case kAllTrue:
    case kAnyTrue:
    case kAllFalse:
    case kAnyFalse: {
      const bool wanted = e.function == kAllTrue || e.function == kAnyTrue;
      const bool all = e.function == kAllTrue || e.function == kAllFalse;
      bool result = all;
      for (const Value& item : input) {
        const Value v = atom(item, false);
        if (v.kind() != ValueKind::kBoolean && !noValue(v))
          return fail(e, "an item is no boolean", "booleans");
        const bool is = v.kind() == ValueKind::kBoolean && v.asBoolean() == wanted;
        if (is != all) result = !all;
      }
      push(result);
      return true;
    }
    case kSubsetOf:
    case kSupersetOf: {
      Span other;
      if (!evalSpan(*e.children[0], frame, other)) return false;
      bool result = false;
      const bool ok = e.function == kSubsetOf ? within(*this, e, input, other, result)
                                              : within(*this, e, other, input, result);
      if (ok) push(result);
      return ok;
    }
    case kDistinct:
    case kIsDistinct: {
      ValueSet seen(*this);
      for (const Value& v : input) {
        if (!step(e)) return false;
        const bool fresh = seen.insert(v);
        if (e.function == kDistinct) {
          if (fresh) out.push(v);
        } else if (!fresh) {
          push(false);
          return true;
        }
      }
      if (e.function == kIsDistinct) push(true);
      return true;
    }
    default: {  // not()
      std::optional<bool> value;
      if (!truth(e, input, value)) return false;
      if (value) push(!*value);
      return true;
    }
  }
}

}  // namespace tributary::fhirpath
