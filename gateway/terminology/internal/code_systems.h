#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "terminology/internal/json_view.h"
#include "terminology/internal/tables.h"

namespace tributary::terminology::internal {

// Turns CodeSystem resources into records: concepts with parents (from nesting and from parent and child
// properties) and properties.
class CodeSystemBuilder {
 public:
  void add(JsonView system, Tables& tables);

 private:
  struct Parent {
    std::uint32_t concept_index;
    std::uint32_t parent;  // kNone: by code
    std::string parent_code;
  };
  struct Child {
    std::uint32_t parent;
    std::string code;
  };

  void readHierarchyProperties(JsonView system);
  void addConcepts(JsonView concepts, std::uint32_t system, std::uint32_t parent, Tables& tables);
  void addProperties(JsonView properties, std::uint32_t concept_index, Tables& tables);
  void linkParents(Range concepts, Tables& tables);

  std::vector<std::string> parent_properties_, child_properties_;  // codes, in this system
  std::vector<Parent> parents_;
  std::vector<Child> children_;
};

}  // namespace tributary::terminology::internal
