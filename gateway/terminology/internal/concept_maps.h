#pragma once
#include "terminology/internal/json_view.h"
#include "terminology/internal/tables.h"

namespace tributary::terminology::internal {

// Turns ConceptMap resources (R4) into records.
class ConceptMapBuilder {
 public:
  void add(JsonView map, Tables& tables);

 private:
  static void addGroup(JsonView group, Tables& tables);
  static Range addTargets(JsonView targets, Tables& tables);
};

}  // namespace tributary::terminology::internal
