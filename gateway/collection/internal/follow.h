#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "collection/cell_watch.h"
#include "fhirpath/evaluator.h"
#include "terminology/terminology.h"

namespace tributary::collection {

// Keeps the steps of one expression's evaluation as a tree, and reads from it which part gave nothing.
class Follower final : public fhirpath::TraceListener {
 public:
  void clear() { begins({}); }
  bool steps() const override { return true; }
  void begins(std::string_view expression) override;
  void traced(std::string_view, std::span<const fhirpath::Value>) override {}
  void step(const Step& step) override;

  // Adds what happened in the newest evaluation to an attempt. May be called again for a further row that the
  // same evaluation serves.
  void tell(const terminology::Terminology* terms, Attempt& out);

 private:
  using Values = std::span<const fhirpath::Value>;
  struct Part {
    std::size_t offset = 0, length = 0;
    unsigned depth = 0;
    StepKind kind = StepKind::kOther;
    std::vector<fhirpath::Value> values;
    std::vector<std::size_t> children;  // indexes into parts_
  };

  bool calls(const Part& part, std::string_view function) const;
  void why(const Part& part, Values input, Attempt& out, unsigned nesting) const;
  void whyCall(const Part& part, Values input, Attempt& out, unsigned nesting) const;
  void stop(const Part& part, Values input, Attempt& out) const;
  void translate(const Part& part, Values input, const terminology::Terminology& terms, Attempt& out) const;

  std::string_view expression_;
  std::vector<Part> parts_;        // in the order in which they ended
  std::vector<std::size_t> open_;  // those without a parent yet
};

}  // namespace tributary::collection
