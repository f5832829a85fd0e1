#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fhir/document.h"
#include "views/internal/problems.h"

namespace tributary::views::internal {

struct ColumnDefinition {
  Text path;
  Text name;
  std::string type;
  fhir::NodeIndex type_node = fhir::kNoNode;
  std::string description;
  std::string location;  // "select[0].column[2]"
  bool collection = false;
  std::vector<std::pair<std::string, std::string>> tags;
};

struct SelectDefinition {
  std::string location;  // "select[0]"
  fhir::NodeIndex node = fhir::kNoNode;
  std::optional<Text> for_each, for_each_or_null;
  std::vector<Text> repeat;
  std::vector<ColumnDefinition> columns;
  std::vector<SelectDefinition> selects;
  std::vector<SelectDefinition> unions;
};

struct ConstantDefinition {
  Text name;
  std::string type;  // FHIR primitive type name
  std::string text;
  Text value;  // the place of the text
};

// A ViewDefinition as read: the shape is right, the expressions are not looked at yet.
struct Definition {
  std::string name, url, title, status, resource;
  fhir::NodeIndex resource_node = fhir::kNoNode;
  bool shareable = false;  // it claims the profile ShareableViewDefinition
  std::vector<ConstantDefinition> constants;
  std::vector<Text> where;
  std::vector<SelectDefinition> selects;
};

inline constexpr std::size_t kMaxColumns = 4096;
inline constexpr unsigned kMaxSelectDepth = 64;

// Reads the shape. What is wrong goes to `problems`; the Definition then holds what could be read.
Definition readDefinition(const fhir::Document& document, Problems& problems);

}  // namespace tributary::views::internal
