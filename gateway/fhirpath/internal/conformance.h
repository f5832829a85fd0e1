#pragma once
#include <string_view>

#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/profile.h"

namespace tributary::fhirpath {

// Holds values against profiles (FHIR R4 5.1): type, cardinality, fixed values and patterns, required
// bindings on the local terminology, slices by value, pattern, type or existence, the profiles of types, and
// invariants. The definition of the type that a profile builds on counts as well, and those of the types of
// its elements. What cannot be told here is kUnknown. Of
// what a reference names only the type counts.
class Conformance {
 public:
  using Verdict = terminology::Verdict;
  Conformance(Evaluator::Impl& machine, const Expr& call) : machine_(machine), call_(call) {}

  Verdict conforms(std::string_view canonical, const Value& value);
  // Does the value belong to the slice?
  Verdict belongs(const Profile& profile, const FoundSlice& slice, const Value& value);
  // A limit was met or the evaluation has failed; the machine has the diagnostic.
  bool failed() const { return failed_; }

  // nullptr when it is not held; kept by the machine.
  const Profile* profile(std::string_view canonical);

 private:
  Verdict check(const Profile& profile, const ProfileNode& node, const Value& value);
  Verdict checkSelf(const Profile& profile, const ProfileNode& node, const Value& value);
  Verdict checkTypes(const ProfileNode& node, const Value& value);
  Verdict checkTarget(const ProfileNode& node, const Value& value);
  Verdict checkBinding(const ProfileNode& node, const Value& value);
  Verdict checkInvariant(const ProfileInvariant& invariant, const Value& value);
  Verdict checkChild(const Profile& profile, const ProfileNode& child, const Value& parent);
  Verdict checkSlices(const Profile& profile, const ProfileNode& element, Span values);
  Verdict checkOwnType(const Value& value);
  Verdict discriminated(const Profile& profile, const ProfileNode& slice,
                        const ProfileSlicing::Discriminator& by, const Value& value);
  void members(const Value& parent, std::string_view name, Collection& out);

  Evaluator::Impl& machine_;
  const Expr& call_;
  unsigned depth_ = 0;
  bool failed_ = false;
};

}  // namespace tributary::fhirpath
