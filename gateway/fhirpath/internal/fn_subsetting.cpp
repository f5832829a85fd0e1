// Subsetting and combining (FHIRPath N1 5.3, 5.4).
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::callSubsetting(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  switch (e.function) {
    case kSingle: {
      std::optional<Value> single;
      if (!singleton(e, input, single)) return false;
      if (single) out.push(*single);
      return true;
    }
    case kFirst:
      if (!input.empty()) out.push(input.front());
      return true;
    case kLast:
      if (!input.empty()) out.push(input.back());
      return true;
    case kTail:
      if (!input.empty()) out.append(input.subspan(1));
      return true;
    case kSkip:
    case kTake: {
      std::optional<std::int64_t> count;
      if (!evalInteger(*e.children[0], frame, count)) return false;
      if (!count) return true;
      const std::size_t n = *count <= 0 ? 0 : std::min(input.size(), static_cast<std::size_t>(*count));
      out.append(e.function == kSkip ? input.subspan(n) : input.first(n));
      return true;
    }
    default: {  // intersect, exclude
      Span other;
      if (!evalSpan(*e.children[0], frame, other)) return false;
      ValueSet set(*this), seen(*this);
      for (const Value& v : other) {
        if (!step(e)) return false;
        set.insert(v);
      }
      const bool intersect = e.function == kIntersect;
      for (const Value& v : input) {
        if (!step(e)) return false;
        if (set.contains(v) != intersect) continue;
        if (!intersect || seen.insert(v)) out.push(v);
      }
      return true;
    }
  }
}

bool Evaluator::Impl::callCombining(const Expr& e, const Frame& frame, Span input, Collection& out) {
  using enum FunctionId;
  if (e.function == kCoalesce) {
    for (const Expr* argument : e.children) {
      Span values;
      if (!evalSpan(*argument, frame, values)) return false;
      if (values.empty()) continue;
      out.append(values);
      return true;
    }
    return true;
  }
  Span other;
  if (!evalSpan(*e.children[0], frame, other)) return false;
  if (e.function == kCombine) {
    out.append(input);
    out.append(other);
    return step(e, other.size());
  }
  ValueSet seen(*this);
  for (const Span values : {input, other}) {
    for (const Value& v : values) {
      if (!step(e)) return false;
      if (seen.insert(v)) out.push(v);
    }
  }
  return true;
}

}  // namespace tributary::fhirpath
