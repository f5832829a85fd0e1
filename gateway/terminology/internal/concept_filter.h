#pragma once
#include <memory>
#include <vector>

#include "terminology/internal/value_sets.h"

namespace re2 {
class RE2;
}

namespace tributary::terminology::internal {

// The filters of one include (FHIR R4 4.9.7.2, http://hl7.org/fhir/filter-operator) over the concepts of one
// system.
class ConceptFilter {
 public:
  ConceptFilter(const View& view, std::uint32_t system, const std::vector<Selection::Filter>& filters);
  ~ConceptFilter();

  // False when an operator, a property or an expression is not one that can be worked out here.
  bool supported() const { return supported_; }
  bool matches(std::uint32_t concept_index) const;

 private:
  struct Test;
  void prepare(const Selection::Filter& filter);
  bool passes(const Test& test, std::uint32_t concept_index) const;
  bool hasProperty(std::string_view code) const;

  const View& view_;
  std::uint32_t system_;
  std::vector<Test> tests_;
  bool supported_ = true;
};

}  // namespace tributary::terminology::internal
