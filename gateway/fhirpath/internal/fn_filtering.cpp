// Filtering and projection (FHIRPath N1 5.2).
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::callFiltering(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  Frame inner = frame;
  const auto focusOn = [&](std::size_t i) {
    inner.self = input.subspan(i, 1);
    inner.index = static_cast<std::int64_t>(i);
  };
  switch (e.function) {
    case kWhere: {
      const ConditionScope condition(*this);
      for (std::size_t i = 0; i < input.size(); ++i) {
        focusOn(i);
        std::optional<bool> keep;
        {
          const ArenaScope scope(arena);
          if (!evalTruth(*e.children[0], inner, keep)) return false;
        }
        if (keep == true) out.push(input[i]);
      }
      return true;
    }
    case kSelect:
      for (std::size_t i = 0; i < input.size(); ++i) {
        focusOn(i);
        if (!eval(*e.children[0], inner, inner.self, out)) return false;
        if (arena.exhausted()) return failLimit(e, "the result is too large");
      }
      return true;
    case kRepeat:
    case kRepeatAll: {
      const bool unique = e.function == kRepeat;
      ValueSet seen(*this);
      Collection round = collection();
      round.append(input);
      while (!round.empty()) {
        Collection found = collection();
        for (std::size_t i = 0; i < round.size(); ++i) {
          if (!step(e)) return false;
          inner.self = round.span().subspan(i, 1);
          inner.index = static_cast<std::int64_t>(i);
          if (!eval(*e.children[0], inner, inner.self, found)) return false;
          if (arena.exhausted()) break;
        }
        if (arena.exhausted()) return failLimit(e, "repeat() does not end, or its result is too large");
        Collection next = collection();
        for (const Value& v : found.span()) {
          if (!step(e)) return false;
          if (unique && !seen.insert(v)) continue;
          out.push(v);
          next.push(v);
        }
        round = next;
      }
      return true;
    }
    default:  // ofType()
      if (!e.type.known()) return fail(e, "there is no type '" + e.type.name + "'");
      for (const Value& v : input) {
        if (isType(v, e.type, true)) out.push(v);
      }
      return true;
  }
}

}  // namespace tributary::fhirpath
