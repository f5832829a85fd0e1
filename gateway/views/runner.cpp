#include "views/runner.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "fhir/json_writer.h"
#include "fhir/names.h"
#include "views/internal/arena.h"
#include "views/internal/plan.h"

namespace tributary::views {

using fhirpath::Value;
using fhirpath::ValueKind;
using internal::Iteration;
using internal::PlanColumn;
using internal::PlanNode;

struct Runner::Impl final : fhirpath::VisitListener {
  // What is still to be done for a row once a select is done: the parts of the selects around it.
  struct Continuation {
    const PlanNode* node;
    std::size_t part;
    const Value* focus;
    std::int64_t row;
    const Continuation* next;
  };
  using Values = std::span<const Value>;
  // What the shared part of some columns has given, and (lineage) what was looked at for it.
  struct Shared {
    Values values;
    std::span<const Source> visits;
  };

  Impl(const fhirpath::Environment& environment, const RunOptions& run_options)
      : evaluator(environment), options(run_options) {
    if (listens()) evaluator.setVisitListener(this);
  }

  // Whether every evaluation is listened to.
  bool listens() const { return options.lineage && !options.results_only; }

  void visited(const Value& node, Role role) override {
    if (!node.isNode()) return;
    visits.push_back({&node.document(), node.anyIndex(),
                      role == Role::kValue ? Source::Role::kValue : Source::Role::kCondition});
  }

  std::expected<Outcome, Issue> run(const View::Impl& compiled, const Value& from, RowSink& to);
  bool filtered(Outcome& outcome);

  // Each of these gives false to stop: the sink has had enough, or `issue` is set.
  bool select(const PlanNode& node, const Value& focus, std::int64_t row_index, const Continuation* next);
  // `row_index`: that of the focus; `count`: of the items found so far, which is the next one's.
  bool repeat(const PlanNode& node, const std::vector<internal::ProgramPtr>& programs, const Value& focus,
              std::int64_t row_index, std::int64_t& count, std::uint32_t depth, const Continuation* next);
  bool nullRow(const PlanNode& node, const Continuation* next);
  bool body(const PlanNode& node, const Value& focus, std::int64_t row_index, const Continuation* next);
  bool parts(const PlanNode& node, std::size_t part, const Value& focus, std::int64_t row_index,
             const Continuation* next);
  bool emit();

  bool evaluate(const fhirpath::Program& program, const Value& focus, std::int64_t row_index, bool bound,
                Values& out, const std::string& place);
  bool fill(const PlanColumn& column, const Value& focus, std::int64_t row_index,
            std::span<const Shared> shared);
  bool rest(const PlanColumn& column, Values items, Values& out, const std::string& place);
  bool list(Values values, Cell& cell, const std::string& place);
  void element(const Value& value, Cell& cell);
  bool scalar(const Value& value, Cell& cell, const std::string& place);
  std::span<const Source> sources(Values results, const Value& focus);
  std::span<const Source> takeVisits();
  bool listenIfComputed(const PlanColumn& column, const Value& focus, std::int64_t row_index, Values& values);
  bool fail(const char* rule, const std::string& place, std::string text, std::string remedy);

  fhirpath::Evaluator evaluator;
  RunOptions options;
  internal::Arena arena;
  std::vector<Cell> cells;
  std::vector<Value> gathered;
  std::vector<Source> visits;
  std::string json;
  std::span<const fhirpath::NamedValue> variables;
  std::size_t followed = 0;
  fhirpath::TraceListener* follower = nullptr;

  const View::Impl* view = nullptr;
  RowSink* sink = nullptr;
  Value resource;
  std::size_t rows = 0;
  std::optional<Issue> issue;
};

bool Runner::Impl::fail(const char* rule, const std::string& place, std::string text, std::string remedy) {
  Issue out;
  out.rule = rule;
  const auto& definition = view->plan.definition;
  out.path = (definition.name.empty() ? definition.resource : definition.name) + '.' + place;
  out.offset = resource.document().sourceOffset(resource.anyIndex());
  out.text = std::move(text);
  out.remedy = std::move(remedy);
  issue = std::move(out);
  return false;
}

bool Runner::Impl::evaluate(const fhirpath::Program& program, const Value& focus, std::int64_t row_index,
                            bool bound, Values& out, const std::string& place) {
  std::optional<fhirpath::Bindings> bindings;
  const bool computed = !focus.isNode();
  if (bound || !variables.empty() || computed) [[unlikely]] {
    bindings.emplace();
    if (computed) {  // of which the evaluator cannot tell the resource
      bindings->resource = resource;
      bindings->root_resource = evaluator.root(resource.document());
    }
    bindings->row_index = row_index;
    bindings->variables = variables;
  }
  auto result = bindings ? evaluator.evaluate(program, focus, *bindings) : evaluator.evaluate(program, focus);
  if (!result) [[unlikely]] {
    const bool limit = result.error().code == ErrorCode::kLimit;
    return fail(limit ? "view-limit" : "view-execution", place, result.error().text,
                limit ? "The resource is too large for this expression, or the expression too costly."
                      : "Look at the expression with `tributary fhirpath --trace` on this resource.");
  }
  out = *result;
  return true;
}

void Runner::Impl::element(const Value& value, Cell& cell) {
  const fhir::Document& document = value.document();
  cell.kind = CellKind::kNull;
  cell.text = {};
  if (value.nodeIndex() == fhir::kNoNode) return;  // only extensions
  switch (document[value.nodeIndex()].kind) {
    case fhir::Kind::kString:
      cell.kind = CellKind::kString;
      break;
    case fhir::Kind::kNumber:
      cell.kind = CellKind::kNumber;
      break;
    case fhir::Kind::kTrue:
    case fhir::Kind::kFalse:
      cell.kind = CellKind::kBoolean;
      break;
    case fhir::Kind::kNull:
      return;
    case fhir::Kind::kObject:
    case fhir::Kind::kArray:
      cell.kind = CellKind::kJson;
      json.clear();
      fhir::writeJson(document, value.nodeIndex(), json);
      cell.text = arena.copy(json);
      return;
  }
  cell.text = document.scalar(value.nodeIndex());
}

bool Runner::Impl::scalar(const Value& value, Cell& cell, const std::string& place) {
  fhirpath::TextBuffer buffer;
  switch (value.kind()) {
    case ValueKind::kNode:
      element(value, cell);
      return true;
    case ValueKind::kBoolean:
      cell.kind = CellKind::kBoolean;
      cell.text = value.asBoolean() ? "true" : "false";
      return true;
    case ValueKind::kString:
      cell.kind = CellKind::kString;
      cell.text = value.asString();
      return true;
    case ValueKind::kInteger:
    case ValueKind::kLong:
    case ValueKind::kDecimal:
      cell.kind = CellKind::kNumber;
      break;
    case ValueKind::kDate:
    case ValueKind::kDateTime:
    case ValueKind::kTime:
    case ValueKind::kQuantity:
      cell.kind = CellKind::kString;
      break;
    case ValueKind::kTypeInfo:
      cell.kind = CellKind::kString;
      cell.text = value.typeInfoName();
      return true;
    case ValueKind::kService:
      return fail("view-column-complex", place, "the column gives a service, not a value",
                  "Call one of its functions.");
  }
  cell.text = arena.copy(fhirpath::text(value, buffer));
  return true;
}

// What follows the shared part of a path, for each of its items.
bool Runner::Impl::rest(const PlanColumn& column, Values items, Values& out, const std::string& place) {
  if (!column.rest) {
    out = column.first && !items.empty() ? items.first(1) : items;
    return true;
  }
  if (items.size() == 1) {
    if (!evaluate(*column.rest, items[0], 0, false, out, place)) return false;
    if (column.first && !out.empty()) out = out.first(1);
    return true;
  }
  gathered.clear();
  for (const Value& item : items) {
    Values some;
    if (!evaluate(*column.rest, item, 0, false, some, place)) return false;
    gathered.insert(gathered.end(), some.begin(), some.end());
    if (column.first && !gathered.empty()) {
      gathered.resize(1);
      break;
    }
  }
  out = gathered;
  return true;
}

std::span<const Source> Runner::Impl::sources(Values results, const Value& focus) {
  for (const Value& value : results) {
    if (value.isNode()) visits.push_back({&value.document(), value.anyIndex(), Source::Role::kResult});
  }
  // Of an empty cell: at least the element that was looked into.
  if (visits.empty() && results.empty() && focus.isNode()) {
    visits.push_back({&focus.document(), focus.anyIndex(), Source::Role::kCondition});
  }
  return takeVisits();
}

std::span<const Source> Runner::Impl::takeVisits() {
  const std::span<Source> out = arena.array<Source>(visits.size());
  std::ranges::copy(visits, out.begin());
  visits.clear();
  return out;
}

// Evaluates once more, with an ear open, when a value is none of the document's elements.
bool Runner::Impl::listenIfComputed(const PlanColumn& column, const Value& focus, std::int64_t row_index,
                                    Values& values) {
  const bool found = std::ranges::all_of(values, [](const Value& value) { return value.isNode(); });
  if (found && !(values.empty() && options.nulls)) return true;
  evaluator.setVisitListener(this);
  const bool done = evaluate(*column.program, focus, row_index, column.row_index, values,
                             view->plan.columns[column.slot].name);
  evaluator.setVisitListener(nullptr);
  return done;
}

bool Runner::Impl::list(Values values, Cell& cell, const std::string& place) {
  const std::span<Cell> items = arena.array<Cell>(values.size());
  std::size_t count = 0;
  for (const Value& value : values) {
    if (!scalar(value, items[count], place)) return false;
    if (!items[count].isNull()) ++count;
  }
  cell.kind = CellKind::kList;
  cell.text = {};
  cell.items = items.first(count);
  return true;
}

bool Runner::Impl::fill(const PlanColumn& column, const Value& focus, std::int64_t row_index,
                        std::span<const Shared> shared) {
  const std::string& place = view->plan.columns[column.slot].name;
  Cell& cell = cells[column.slot];
  Values values;
  if (follower != nullptr && column.slot == followed) [[unlikely]] {
    evaluator.setTraceListener(follower);
    const bool done = evaluate(*column.program, focus, row_index, column.row_index, values, place);
    evaluator.setTraceListener(nullptr);
    if (!done) return false;
  }
  if (column.prefix != PlanColumn::kNoPrefix && !shared.empty()) {
    const Shared& before = shared[static_cast<std::size_t>(column.prefix)];
    if (options.lineage) [[unlikely]]
      visits.assign(before.visits.begin(), before.visits.end());
    if (!rest(column, before.values, values, place)) return false;
  } else if (!evaluate(*column.program, focus, row_index, column.row_index, values, place)) {
    return false;
  }
  if (options.lineage) [[unlikely]] {
    if (options.results_only && !listenIfComputed(column, focus, row_index, values)) return false;
    cell.sources = options.results_only && !options.nulls && values.empty() ? std::span<const Source>{}
                                                                            : sources(values, focus);
  }
  if (column.collection) return list(values, cell, place);
  if (values.empty()) {
    cell.kind = column.joins ? CellKind::kString : CellKind::kNull;
    cell.text = {};
    return true;
  }
  if (values.size() > 1) [[unlikely]] {
    return fail("view-column-many", place,
                "the column gives " + std::to_string(values.size()) + " values, but holds one",
                "Pick one (.first(), .where(...)), set \"collection\": true, or use forEach.");
  }
  return scalar(values[0], cell, place);
}

bool Runner::Impl::emit() {
  if (++rows > options.rows) {
    return fail("view-limit", "select",
                "the resource gives more than " + std::to_string(options.rows) + " rows",
                "Narrow forEach or repeat.");
  }
  return sink->row(cells);
}

bool Runner::Impl::parts(const PlanNode& node, std::size_t part, const Value& focus, std::int64_t row_index,
                         const Continuation* next) {
  if (part < node.children.size()) {
    const Continuation then{&node, part + 1, &focus, row_index, next};
    return select(node.children[part], focus, row_index, &then);
  }
  if (part == node.children.size() && !node.unions.empty()) {
    const Continuation then{&node, part + 1, &focus, row_index, next};
    for (const PlanNode& branch : node.unions) {
      if (!select(branch, focus, row_index, &then)) return false;
    }
    return true;
  }
  if (next == nullptr) return emit();
  return parts(*next->node, next->part, *next->focus, next->row, next->next);
}

bool Runner::Impl::body(const PlanNode& node, const Value& focus, std::int64_t row_index,
                        const Continuation* next) {
  const fhirpath::Evaluator::Scope scope(evaluator);
  const internal::Arena::Mark mark = arena.mark();
  const std::span<Shared> shared = arena.array<Shared>(node.prefixes.size());
  for (std::size_t i = 0; i < shared.size(); ++i) {
    if (!evaluate(*node.prefixes[i], focus, 0, false, shared[i].values, node.location)) return false;
    if (options.lineage) [[unlikely]]
      shared[i].visits = takeVisits();
  }
  for (const PlanColumn& column : node.columns) {
    if (!fill(column, focus, row_index, shared)) return false;
  }
  const bool more = parts(node, 0, focus, row_index, next);
  arena.release(mark);
  return more;
}

bool Runner::Impl::nullRow(const PlanNode& node, const Continuation* next) {
  for (const std::uint32_t slot : node.slots) cells[slot] = Cell{};
  // %rowIndex is 0 in a row of nulls, and has a value there.
  for (const PlanColumn& column : node.row_index_columns) {
    if (!fill(column, Value::boolean(false), 0, {})) return false;
  }
  if (next == nullptr) return emit();
  return parts(*next->node, next->part, *next->focus, next->row, next->next);
}

bool Runner::Impl::repeat(const PlanNode& node, const std::vector<internal::ProgramPtr>& programs,
                          const Value& focus, std::int64_t row_index, std::int64_t& count,
                          std::uint32_t depth, const Continuation* next) {
  if (depth > options.repeat_depth) {
    return fail("view-limit", node.location,
                "repeat goes deeper than " + std::to_string(options.repeat_depth),
                "A path such as $this never ends; name the element that nests.");
  }
  for (const internal::ProgramPtr& program : programs) {
    const fhirpath::Evaluator::Scope scope(evaluator);
    Values items;
    if (!evaluate(*program, focus, row_index, node.row_index, items, node.location)) return false;
    visits.clear();
    for (const Value& item : items) {
      if (static_cast<std::size_t>(count) >= options.rows) {
        return fail("view-limit", node.location, "repeat finds too many elements", "Narrow its paths.");
      }
      const std::int64_t own = count++;
      if (!body(node, item, own, next)) return false;
      if (!repeat(node, node.repeat_next, item, own, count, depth + 1, next)) return false;
    }
  }
  return true;
}

bool Runner::Impl::select(const PlanNode& node, const Value& focus, std::int64_t row_index,
                          const Continuation* next) {
  switch (node.iteration) {
    case Iteration::kNone:
      return body(node, focus, row_index, next);
    case Iteration::kRepeat: {
      std::int64_t count = 0;
      return repeat(node, node.repeat_first, focus, row_index, count, 1, next);
    }
    case Iteration::kForEach:
    case Iteration::kForEachOrNull:
      break;
  }
  const fhirpath::Evaluator::Scope scope(evaluator);
  Values items;
  if (!evaluate(*node.for_each, focus, row_index, node.row_index, items, node.location)) return false;
  visits.clear();
  if (items.empty()) return node.iteration == Iteration::kForEach || nullRow(node, next);
  std::int64_t i = 0;
  for (const Value& item : items) {
    if (!body(node, item, i++, next)) return false;
  }
  return true;
}

bool Runner::Impl::filtered(Outcome& outcome) {
  const auto& where = view->plan.where;
  for (std::size_t i = 0; i < where.size(); ++i) {
    Values values;
    const std::string place = "where[" + std::to_string(i) + ']';
    if (!evaluate(*where[i], resource, 0, false, values, place)) return true;
    visits.clear();
    std::optional<bool> holds;
    if (values.empty()) {
      holds = false;
    } else if (values.size() == 1 && values[0].kind() == ValueKind::kBoolean) {
      holds = values[0].asBoolean();
    } else if (values.size() == 1 && values[0].isNode() && values[0].hasScalar()) {
      const fhir::Kind kind = values[0].document()[values[0].nodeIndex()].kind;
      if (kind == fhir::Kind::kTrue || kind == fhir::Kind::kFalse) holds = kind == fhir::Kind::kTrue;
    }
    if (!holds && values.size() == 1 && values[0].isNode() && values[0].nodeIndex() == fhir::kNoNode) {
      holds = false;  // only extensions: it has no value
    }
    if (!holds) {
      fail("view-where-type", place, "the filter does not give a boolean",
           "Compare it with something, or put .exists() behind it.");
      return true;
    }
    if (!*holds) {
      outcome.filtered_by = static_cast<int>(i);
      return true;
    }
  }
  return false;
}

std::expected<Outcome, Issue> Runner::Impl::run(const View::Impl& compiled, const Value& from, RowSink& to) {
  Outcome outcome;
  const fhir::Document& document = from.document();
  const fhir::NodeIndex type = document.member(from.nodeIndex(), fhir::names::kResourceType);
  const std::string& wanted = compiled.plan.definition.resource;
  if (type == fhir::kNoNode ||
      (document.scalar(type) != wanted && wanted != "Resource" && wanted != "DomainResource")) {
    outcome.other_type = true;
    return outcome;
  }
  view = &compiled;
  sink = &to;
  resource = from;
  rows = 0;
  issue.reset();
  arena.release({});
  cells.assign(compiled.plan.columns.size(), Cell{});
  const fhirpath::Evaluator::Scope scope(evaluator);
  if (!filtered(outcome)) parts(compiled.plan.root, 0, resource, 0, nullptr);
  visits.clear();
  if (issue) return std::unexpected(*std::move(issue));
  outcome.rows = rows;
  return outcome;
}

Runner::Runner(const fhirpath::Environment& environment, const RunOptions& options)
    : impl_(std::make_unique<Impl>(environment, options)) {}
Runner::~Runner() = default;
Runner::Runner(Runner&&) noexcept = default;
Runner& Runner::operator=(Runner&&) noexcept = default;

std::expected<Outcome, Issue> Runner::run(const View& view, const Value& resource, RowSink& sink) {
  if (!resource.isObject()) {
    Outcome outcome;
    outcome.other_type = true;
    return outcome;
  }
  if (resource.type() != terminology::kNoType) return impl_->run(view.impl(), resource, sink);
  // Without its type the choice elements of a resource are not found.
  return impl_->run(view.impl(), impl_->evaluator.resource(resource.document(), resource.nodeIndex()), sink);
}

std::expected<Outcome, Issue> Runner::run(const View& view, const fhir::Document& document, RowSink& sink) {
  if (document.empty()) {
    Outcome outcome;
    outcome.other_type = true;
    return outcome;
  }
  return run(view, impl_->evaluator.root(document), sink);
}

void Runner::setVariables(std::span<const fhirpath::NamedValue> variables) {
  impl_->variables = variables;
}
void Runner::follow(std::size_t column, fhirpath::TraceListener* listener) {
  impl_->followed = column;
  impl_->follower = listener;
}
fhirpath::Evaluator& Runner::evaluator() {
  return impl_->evaluator;
}

}  // namespace tributary::views
