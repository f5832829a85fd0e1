#pragma once
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/issue.h"
#include "fhirpath/program.h"
#include "terminology/definitions.h"

namespace tributary::views {

// One column, in the order of the output (SQL-on-FHIR v2: column, then select, then unionAll).
struct Column {
  std::string name;
  std::string type;         // FHIR type name as declared ("code"), else as inferred ("string"), else empty
  bool collection = false;  // a list of values a cell, instead of at most one value
  std::string description;
  std::string path;      // the FHIRPath expression; of the first branch when it stands in a unionAll
  std::string location;  // where that is in the ViewDefinition: "select[0].column[2]"
  std::vector<std::pair<std::string, std::string>> tags;  // column.tag, as name and value
};

// ViewDefinition.constant: %name in the expressions.
struct Constant {
  std::string name, type, text;  // type: a FHIR primitive, such as "string"
};

// What is wrong with a ViewDefinition, or odd about it. issue.path is the JSON path
// ("select[0].column[2].path"), line and column are those of the file, issue.text says what, issue.remedy
// what to do. Rule ids: "view-json", "view-structure", "view-name", "view-constant", "view-union",
// "view-where", "view-fhirpath".
struct Problem {
  Issue issue;
  std::string file;     // CompileOptions::source_name
  std::string excerpt;  // of an expression: its line and, below it, the caret

  // file:line:column: error: text (select[0].column[2].path)
  //   excerpt
  //   remedy
  std::string render() const;
};

struct CompileOptions {
  // Must outlive the View. Without definitions expressions are not typed.
  const terminology::Definitions* definitions = nullptr;
  // Unknown elements and types in expressions are errors; otherwise they are warnings and give nothing.
  bool strict = false;
  // Beyond SQL-on-FHIR: translate() and the other functions of fhirpath's national_functions;
  // resolve().
  bool national_functions = false;
  // Columns that begin with the same path evaluate it once. false: each by itself, for comparison.
  bool share_prefixes = true;
  // Passed to fhirpath::compile; false: plain tree walk, for comparison.
  bool optimise = true;
  std::size_t max_regex_memory = 1U << 20;  // bytes of a compiled regular expression
  std::vector<fhirpath::VariableDeclaration>
      variables;            // %names given at run time, besides the view's constants
  std::string source_name;  // file name, for messages
};

// A compiled ViewDefinition: immutable, shared by all threads. Run it with a Runner (runner.h).
class View {
 public:
  struct Impl;
  explicit View(std::unique_ptr<const Impl> impl);
  ~View();
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  std::string_view name() const;  // ViewDefinition.name; may be empty
  std::string_view url() const;   // ViewDefinition.url; may be empty
  std::string_view title() const;
  std::string_view status() const;
  std::string_view resource() const;  // "Patient"
  std::span<const Column> columns() const;
  // The filters, as written; Outcome::filtered_by indexes them.
  std::span<const std::string> where() const;
  std::vector<Constant> constants() const;
  std::span<const Problem> warnings() const;
  // How it will run, for people: one line a column.
  std::string describe() const;

  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<const Impl> impl_;
};

using CompileResult = std::expected<std::shared_ptr<const View>, std::vector<Problem>>;

// From the JSON text of a ViewDefinition. All problems are told, not just the first.
CompileResult compile(std::string_view json, const CompileOptions& options);
// From a file; source_name becomes its path unless it is set. Rule "view-file" when it cannot be read.
CompileResult compileFile(const std::filesystem::path& path, CompileOptions options);

}  // namespace tributary::views
