#include <algorithm>
#include <string>

#include "collection/internal/session.h"

namespace tributary::collection {

// Each given row of the table as a raw row of the table's first source that makes rows, from a document of
// its own that is not there: so they merge, clash and are told like rows of that source.
void Projector::Impl::take(std::span<const GivenRow> rows, std::uint16_t table) {
  table_raw_ = raw_.size();
  std::uint16_t source = 0;
  for (const std::uint16_t candidate : plan.table_plans[table].sources) {
    source = candidate;
    if (plan.source_plans[candidate].mode == Mode::kCreate) break;
  }
  const std::size_t fields = plan.tables[table].fields.size();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].table != table) continue;
    RawRow raw;
    raw.source = source;
    raw.document = static_cast<std::uint32_t>(r);
    raw.cells = static_cast<std::uint32_t>(raw_cells_.size());
    raw_cells_.resize(raw_cells_.size() + fields);
    for (std::size_t f = 0; f < std::min(fields, rows[r].cells.size()); ++f)
      raw_cells_[raw.cells + f].text = text.keep(rows[r].cells[f]);
    documents_[r].name = text.keep("row/" + std::to_string(r));
    raw_.push_back(raw);
  }
}

Result<Projection> Projector::Impl::check(std::span<const GivenRow> rows, const ProjectOptions& options) {
  ProjectOptions mine = options;
  mine.lineage = false;
  options_ = &mine;
  runner = plain.get();
  const std::vector<Input> nothing(rows.size());
  prepare(nothing, {});
  foreignKeys();
  for (std::size_t t = 0; t < plan.tables.size(); ++t) {
    table_rows_[t] = {rows_.size(), rows_.size()};
    const auto table = static_cast<std::uint16_t>(t);
    if (plan.tables[t].scope == Scope::kHeader) continue;
    take(rows, table);
    mergeTable(table);
    for (std::size_t r = rowsBegin(table); r < rowsEnd(table); ++r) checkRow(static_cast<std::uint32_t>(r));
    if (!plan.table_plans[t].singles.empty()) checkSingles(table);
  }
  // What the provider's own tables hold first: patients' rows refer to it.
  for (const Scope scope : {Scope::kProvider, Scope::kPatient}) {
    for (std::size_t t = 0; t < plan.tables.size(); ++t) {
      if (plan.tables[t].scope == scope) linkTable(static_cast<std::uint16_t>(t));
    }
  }
  periods();
  finish(mine);
  subject_ = {};
  return Projection{out_rows_, sorted_issues_, {}};
}

Result<Projection> Projector::check(std::span<const GivenRow> rows, const ProjectOptions& options) {
  return impl_->check(rows, options);
}

}  // namespace tributary::collection
