// Which family of functions answers a call.
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

bool Evaluator::Impl::call(const Expr& e, const Frame& frame, Span input, Collection& out) {
  if ((steps += input.size()) > environment.limits.steps) return step(e, 0);
  const FunctionId f = e.function;
  if (f <= FunctionId::kNot) return callExistence(e, frame, input, out);
  if (f <= FunctionId::kOfType) return callFiltering(e, frame, input, out);
  if (f <= FunctionId::kExclude) return callSubsetting(e, frame, input, out);
  if (f <= FunctionId::kCoalesce) return callCombining(e, frame, input, out);
  if (f <= FunctionId::kConvertsToTime) return callConversion(e, frame, input, out);
  if (f == FunctionId::kMatches || f == FunctionId::kMatchesFull || f == FunctionId::kReplaceMatches) {
    return callRegex(e, frame, input, out);
  }
  if (f >= FunctionId::kEncode && f <= FunctionId::kUnescape) return callEncoding(e, frame, input, out);
  if (f <= FunctionId::kJoin) return callStrings(e, frame, input, out);
  if (f <= FunctionId::kTruncate) return callMath(e, frame, input, out);
  if (f >= FunctionId::kLowBoundary && f <= FunctionId::kPrecision)
    return callBoundaries(e, frame, input, out);
  if (f <= FunctionId::kTimeOf) return callDates(e, frame, input, out);
  if (f <= FunctionId::kDescendants) return callTree(e, frame, input, out);
  if (f <= FunctionId::kSort) return callUtility(e, frame, input, out);
  if (f <= FunctionId::kAvg) return callAggregates(e, frame, input, out);
  if (f <= FunctionId::kType) return callTypes(e, frame, input, out);
  switch (f) {
    case FunctionId::kResolve:
    case FunctionId::kGetResourceKey:
    case FunctionId::kGetReferenceKey:
      return callReferences(e, frame, input, out);
    case FunctionId::kMemberOf:
    case FunctionId::kSubsumes:
    case FunctionId::kSubsumedBy:
    case FunctionId::kTranslate:
      return callTerminology(e, frame, input, out);
    case FunctionId::kConformsTo:
    case FunctionId::kElementDefinition:
    case FunctionId::kSlice:
    case FunctionId::kCheckModifiers:
    case FunctionId::kHtmlChecks:
      return callProfiles(e, frame, input, out);
    default:
      break;
  }
  if (f >= FunctionId::kExpand && f <= FunctionId::kServiceTranslate)
    return callService(e, frame, input, out);
  return callFhir(e, frame, input, out);
}

}  // namespace tributary::fhirpath
