#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fhir/document.h"
#include "views/view.h"

namespace tributary::views::internal {

// A string of the ViewDefinition with the place it stands at, for messages.
struct Text {
  std::string value;
  std::string path;  // "select[0].column[2].path"
  fhir::NodeIndex node = fhir::kNoNode;
};

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
  std::vector<ConstantDefinition> constants;
  std::vector<Text> where;
  std::vector<SelectDefinition> selects;
};

// Collects problems with the place they are at.
class Problems {
 public:
  Problems(const fhir::Document& document, std::string file) : document_(document), file_(std::move(file)) {}

  void add(Severity severity, std::string rule, std::string path, fhir::NodeIndex node, std::string text,
           std::string remedy);
  // Of an expression in the string at `where`.
  // `remedy`: empty for that of the diagnostic.
  void addDiagnostic(Severity severity, const Text& where, const fhirpath::Diagnostic& diagnostic,
                     std::string remedy = {});
  bool failed() const { return failed_; }
  std::vector<Problem>& all() { return all_; }

 private:
  const fhir::Document& document_;
  std::string file_;
  std::vector<Problem> all_;
  bool failed_ = false;
};

inline constexpr std::size_t kMaxColumns = 4096;
inline constexpr unsigned kMaxSelectDepth = 64;

// Reads the shape. What is wrong goes to `problems`; the Definition then holds what could be read.
Definition readDefinition(const fhir::Document& document, Problems& problems);

// The nearest of `names` to a misspelt one, or empty.
std::string_view nearestName(std::string_view wrong, std::span<const std::string_view> names);

}  // namespace tributary::views::internal
