#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string_view>

#include "base/issue.h"
#include "fhir/document.h"
#include "fhirpath/evaluator.h"
#include "views/view.h"

namespace tributary::views {

// How a cell would be written in JSON.
enum class CellKind : std::uint8_t {
  kNull,
  kBoolean,  // text "true" or "false"
  kNumber,   // text as in the resource, or the canonical decimal of a computed value
  kString,   // also dates, times, codes: everything that JSON writes with quotes; text is unescaped
  kJson,     // a complex element: text is its JSON, on one line
  kList,     // a collection column: `items` (may be empty); text is empty
};

// An element that a cell came from.
struct Source {
  enum class Role : std::uint8_t {
    kResult,
    kValue,
    kCondition
  };  // the last two as in fhirpath::VisitListener
  const fhir::Document* document = nullptr;
  fhir::NodeIndex node = fhir::kNoNode;
  Role role = Role::kResult;
};

// One value of a row. Everything it points to is good until RowSink::row() returns.
struct Cell {
  std::string_view text;
  std::span<const Cell> items;  // kList only
  std::span<const Source>
      sources;  // lineage; empty unless RunOptions::lineage. Also of a null: what was looked at
  CellKind kind = CellKind::kNull;

  bool isNull() const { return kind == CellKind::kNull; }
};

class RowSink {
 public:
  virtual ~RowSink() = default;
  // The cells in the order of View::columns(). false: stop, no more rows of this resource.
  virtual bool row(std::span<const Cell> cells) = 0;
};

struct RunOptions {
  bool lineage = false;  // fill Cell::sources; slower, and costs nothing when off
  // With lineage: only of cells with a value. An element that is the value is its own source; the expression
  // is listened to only where it computed one. Much quicker; conditions and nulls have no sources.
  bool results_only = false;
  bool nulls = false;  // with results_only: a null has what was looked at in vain, by a second evaluation
  std::size_t rows = 1U << 20;       // most rows of one resource
  std::uint32_t repeat_depth = 128;  // most nesting that `repeat` follows
};

// What became of one resource.
struct Outcome {
  static constexpr int kNone = -1;
  std::size_t rows = 0;
  bool other_type = false;  // not of View::resource(): nothing was done
  int filtered_by = kNone;  // index into View::where() of the filter that did not hold
};

// Runs Views over resources. One a thread, for any number of Views; reuse it: warm, it allocates nothing.
class Runner {
 public:
  explicit Runner(const fhirpath::Environment& environment, const RunOptions& options = {});
  ~Runner();
  Runner(Runner&&) noexcept;
  Runner& operator=(Runner&&) noexcept;

  // `resource`: an object node of a Document that is a resource (root, Bundle entry or contained; its type
  // need not be told). Rows reach the sink as they are made; on an Issue drop those of this resource.
  // Issue.path is "view.column" (or the view's where or forEach), offset that of the resource. Rules:
  // "view-column-many" (several values in a column that is no collection), "view-column-complex",
  // "view-where-type", "view-execution", "view-limit".
  std::expected<Outcome, Issue> run(const View& view, const fhirpath::Value& resource, RowSink& sink);
  std::expected<Outcome, Issue> run(const View& view, const fhir::Document& document, RowSink& sink);

  // Values of CompileOptions::variables, by name; kept by reference until changed.
  void setVariables(std::span<const fhirpath::NamedValue> variables);
  // Follows one column (an index into View::columns()) step by step, by a second evaluation before that of
  // the row; nullptr: none. For people who ask why, not for production paths.
  void follow(std::size_t column, fhirpath::TraceListener* listener);
  fhirpath::Evaluator& evaluator();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::views
