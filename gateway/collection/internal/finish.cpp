#include <algorithm>

#include "collection/internal/session.h"
#include "collection/internal/varint.h"

namespace tributary::collection {
namespace {

// Nothing below it dates the row: it belongs to no window.
constexpr std::string_view kNever = "9999-12-31";

}  // namespace

void Projector::Impl::periods() {
  for (WorkRow& row : rows_) {
    const PeriodPlan& period = plan.table_plans[row.table].period;
    if (period.kind != PeriodKind::kOn && period.kind != PeriodKind::kOpen) continue;
    const auto cells = cellsOf(row);
    row.start = cells[period.start].substr(0, 10);
    row.end = period.kind == PeriodKind::kOn ? row.start
              : period.end == kNoField       ? std::string_view{}
                                             : cells[period.end].substr(0, 10);
  }
  for (std::size_t t = 0; t < plan.tables.size(); ++t) {
    const PeriodPlan& period = plan.table_plans[t].period;
    if (period.kind != PeriodKind::kHull) continue;
    const auto& links = plan.table_plans[period.of].links;
    const auto link =
        std::find_if(links.begin(), links.end(), [&](const Check& c) { return c.other_table == t; });
    for (std::size_t r = rowsBegin(static_cast<std::uint16_t>(t)); r < rowsEnd(static_cast<std::uint16_t>(t));
         ++r) {
      rows_[r].start = rows_[r].end = kNever;
    }
    if (link == links.end()) continue;
    const auto which = static_cast<std::size_t>(link - links.begin());
    for (std::size_t c = rowsBegin(period.of); c < rowsEnd(period.of); ++c) {
      const std::uint32_t parent = parents_[rows_[c].parents + which];
      if (parent == kNone || rows_[c].rejected) continue;
      WorkRow& row = rows_[parent];
      const bool first = row.start == kNever;
      if (first || rows_[c].start < row.start) row.start = rows_[c].start;
      if (first || rows_[c].end.empty() || (!row.end.empty() && rows_[c].end > row.end))
        row.end = rows_[c].end;
    }
  }
  for (WorkRow& row : rows_) {
    const TablePlan& table = plan.table_plans[row.table];
    if (table.period.kind != PeriodKind::kParent) continue;
    const std::uint32_t parent = parents_[row.parents + table.period_link];
    if (parent == kNone) continue;
    row.start = rows_[parent].start;
    row.end = rows_[parent].end;
    // An end of its own, where that comes earlier.
    if (table.period.end == kNoField) continue;
    const std::string_view own = cellsOf(row)[table.period.end].substr(0, 10);
    if (!own.empty() && (row.end.empty() || own < row.end)) row.end = own;
  }
}

std::uint32_t Projector::Impl::documentOf(const fhir::Document* document, const WorkRow& row) const {
  const auto is = [&](std::uint32_t i) {
    return (i < subject_.size() ? subject_[i] : shared_[i - subject_.size()]).document == document;
  };
  if (is(row.document)) return row.document;
  for (std::uint32_t r = row.raw; r != kNone; r = row.alone ? kNone : raw_[r].next) {
    if (is(raw_[r].document)) return raw_[r].document;
    for (std::uint32_t t = 0; t < raw_[r].touched_count; ++t) {
      if (is(touched_[raw_[r].touched + t])) return touched_[raw_[r].touched + t];
    }
  }
  return kNone;
}

// The same bytes as encodeLineage(), without the vectors in between.
void Projector::Impl::encodeRow(std::uint32_t index, Row& out, bool lineage) {
  const WorkRow& row = rows_[index];
  const auto cells = cellsOf(row);
  scratch_.clear();
  appendVarint(scratch_, cells.size());
  for (const std::string_view cell : cells) {
    appendVarint(scratch_, cell.size());
    scratch_ += cell;
  }
  out.encoded = text.keep(scratch_);
  if (!lineage) return;
  std::array<std::uint64_t, 32> journals;
  std::size_t known = 0;
  std::string& body = scratch_;
  body.clear();
  for (std::size_t f = 0; f < cells.size(); ++f) {
    if (cells[f].empty()) continue;
    const CellOrigin& cell = cell_origins_[row.cells + f];

    appendVarint(body, f);
    appendVarint(body, cell.source);
    const std::size_t count_at = body.size();
    body.push_back('\0');
    unsigned count = 0;
    for (std::uint32_t o = 0; o < cell.origins && count < 100; ++o) {
      const Origin& origin = origins_[cell.origin + o];
      if (origin.condition) continue;
      const std::uint32_t document = documentOf(origin.document, row);
      if (document == kNone) continue;
      const std::uint64_t journal =
          (document < subject_.size() ? subject_[document] : shared_[document - subject_.size()]).journal;
      std::size_t at = 0;
      while (at < known && journals[at] != journal) ++at;
      if (at == known) {
        if (known == journals.size()) continue;
        journals[known++] = journal;
      }
      const fhir::Document& tape = *origin.document;
      const std::uint64_t base = tape.sourceOffset(tape.root()) - tape[tape.root()].offset;
      appendVarint(body, at << 1);
      appendVarint(body, tape.sourceOffset(origin.node) - base);
      ++count;
    }
    body[count_at] = static_cast<char>(count);
  }

  std::string prefix;

  appendVarint(prefix, known);
  for (std::size_t i = 0; i < known; ++i) appendVarint(prefix, journals[i]);
  char* const at = text.take(prefix.size() + body.size());
  std::copy(prefix.begin(), prefix.end(), at);
  std::copy(body.begin(), body.end(), at + prefix.size());
  out.lineage = {at, prefix.size() + body.size()};
}

void Projector::Impl::credit(std::uint32_t document, std::uint32_t row, bool good) {
  DocumentState& state = documents_[document];
  if (state.last_row == row) return;
  state.last_row = row;
  if (good)
    ++state.good;
  else if (state.bad_row == kNone)
    state.bad_row = row;
}

void Projector::Impl::outcomes() {
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const WorkRow& row = rows_[r];
    for (std::uint32_t raw = row.raw; raw != kNone; raw = row.alone ? kNone : raw_[raw].next) {
      credit(raw_[raw].document, static_cast<std::uint32_t>(r), !row.rejected);
      if (row.rejected) continue;  // what a bad row merely looked at is not to blame
      for (std::uint32_t t = 0; t < raw_[raw].touched_count; ++t) {
        credit(touched_[raw_[raw].touched + t], static_cast<std::uint32_t>(r), true);
      }
    }
  }
  shared_rows_.clear();
  for (std::size_t i = subject_.size(); i < documents_.size(); ++i) shared_rows_.push_back(documents_[i].good);
  for (std::size_t n = sorted_issues_.size(); n-- > 0 && sorted_issues_[n].row == kNone;) {
    if (sorted_issues_[n].cause < documents_.size())
      documents_[sorted_issues_[n].cause].fault = static_cast<std::uint32_t>(n);
  }
  out_outcomes_.assign(subject_.size(), ResourceOutcome{});
  for (std::size_t i = 0; i < subject_.size(); ++i) {
    const DocumentState& state = documents_[i];
    ResourceOutcome& out = out_outcomes_[i];
    out.rows = state.good;
    if (state.good != 0) {
      out.outcome = Outcome::kUsed;
    } else if (state.bad_row != kNone) {
      out.outcome = Outcome::kQuarantined;
      const Row& row = out_rows_[state.bad_row];
      for (std::uint32_t n = 0; n < row.issue_count; ++n) {
        const RowIssue& issue = sorted_issues_[row.first_issue + n];
        if (issue.grade == Grade::kWarning) continue;
        out.rule = issue.issue.rule;
        out.reason = issue.issue.text;
        break;
      }
    } else if (state.fault != kNone) {
      out.outcome = Outcome::kQuarantined;
      out.rule = sorted_issues_[state.fault].issue.rule;
      out.reason = sorted_issues_[state.fault].issue.text;
    } else if (!state.filter_rule.empty()) {
      out.rule = state.filter_rule;
      out.reason = state.filter_reason;
    } else if (state.filter >= 0) {
      const SourcePlan& source = plan.source_plans[state.filter_source];
      out.rule = source.filter_ids[static_cast<std::size_t>(state.filter)];
      out.reason = source.filter_reasons[static_cast<std::size_t>(state.filter)];
    } else {
      const fhir::Document* document = subject_[i].document;
      const std::string_view type = document == nullptr ? std::string_view{} : document->resourceType();
      if (std::binary_search(plan.reference_types.begin(), plan.reference_types.end(), type)) {
        out.rule = "shared-reference";
        out.reason = "used where other resources refer to it; it gives no row of its own";
      } else if (state.type != 0xFFFF && options_->scope == Scope::kProvider) {
        out.rule = "no-patient";
        out.reason = "it names no patient, and the collection takes such resources of patients only";
      } else if (state.type != 0xFFFF) {
        out.rule = "no-row";
        out.reason = "no view makes a row of it";
      } else {
        out.rule = "no-view";
        out.reason = "the collection has no use for this type of resource";
      }
    }
  }
}

void Projector::Impl::finish(const ProjectOptions& options) {
  // Issues of documents go to the first row of the document, if there is one.
  for (std::size_t r = rows_.size(); r-- > 0;)
    documents_[rows_[r].document].first_row = static_cast<std::uint32_t>(r);
  for (RowIssue& issue : issues_) {
    if (issue.row == kNone || issue.row < rows_.size()) continue;
    issue.row = documents_[kNone - 1 - issue.row].first_row;
  }
  for (std::size_t d = 0; d < documents_.size(); ++d) {
    if (documents_[d].fault != kNone) issues_[documents_[d].fault].cause = static_cast<std::uint32_t>(d);
  }
  out_rows_.assign(rows_.size(), Row{});
  sorted_issues_.clear();
  std::stable_sort(issues_.begin(), issues_.end(),
                   [](const RowIssue& a, const RowIssue& b) { return a.row < b.row; });
  std::size_t next = 0;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const WorkRow& row = rows_[r];
    Row& out = out_rows_[r];
    out.table = row.table;
    out.key = row.key;
    out.cells = cellsOf(row);
    out.period_start = row.start;
    out.period_end = row.end;
    out.resource = row.document;
    out.state = row.rejected ? RowState::kQuarantined : RowState::kOk;
    out.first_issue = static_cast<std::uint32_t>(next);
    while (next < issues_.size() && issues_[next].row == r) ++next;
    out.issue_count = static_cast<std::uint32_t>(next) - out.first_issue;
    encodeRow(static_cast<std::uint32_t>(r), out, options.lineage);
  }
  sorted_issues_.swap(issues_);
  outcomes();
}

Result<Projection> Projector::Impl::project(std::span<const Input> subject, std::span<const Input> shared,
                                            const ProjectOptions& options) {
  if (subject.size() + shared.size() >= (std::size_t{1} << 24)) {
    return fail(ErrorCode::kLimit, "a subject has too many resources to project at once");
  }
  options_ = &options;
  runner = options.watch != nullptr ? watching() : options.lineage ? traced.get() : plain.get();
  runner->evaluator().setNow(options.now, static_cast<std::int16_t>(plan.zone.offsetMinutes(options.now)));
  prepare(subject, shared);
  foreignKeys();
  for (std::size_t t = 0; t < plan.tables.size(); ++t) {
    table_rows_[t] = {rows_.size(), rows_.size()};
    if (plan.tables[t].scope != options.scope) continue;
    runTable(static_cast<std::uint16_t>(t));
    mergeTable(static_cast<std::uint16_t>(t));
    for (std::size_t r = table_rows_[t].first; r < table_rows_[t].second; ++r)
      checkRow(static_cast<std::uint32_t>(r));
    if (!plan.table_plans[t].singles.empty()) checkSingles(static_cast<std::uint16_t>(t));
  }
  checkHeldKeys();
  for (std::size_t t = 0; t < plan.tables.size(); ++t) {
    if (plan.tables[t].scope == options.scope) linkTable(static_cast<std::uint16_t>(t));
  }
  for (std::uint32_t r = 0; r < rows_.size(); ++r) {
    if (!rows_[r].rejected) checkGroups(r, true);
  }
  periods();
  finish(options);
  if (options.watch != nullptr) [[unlikely]] {
    for (std::size_t r = 0; r < out_rows_.size(); ++r) tellWatch(static_cast<std::uint32_t>(r), out_rows_[r]);
    followed_ = kNotFollowed;  // the next subject may have no watch
    runner->follow(0, nullptr);
  }
  return Projection{out_rows_, sorted_issues_, out_outcomes_, shared_rows_};
}

Projector::Projector(std::shared_ptr<const Collection> collection)
    : impl_(std::make_unique<Impl>(std::move(collection))) {}
Projector::~Projector() = default;
Projector::Projector(Projector&&) noexcept = default;
Projector& Projector::operator=(Projector&&) noexcept = default;

Result<Projection> Projector::project(std::span<const Input> subject, std::span<const Input> shared,
                                      const ProjectOptions& options) {
  return impl_->project(subject, shared, options);
}

}  // namespace tributary::collection
