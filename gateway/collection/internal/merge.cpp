#include <algorithm>

#include "collection/internal/session.h"

namespace tributary::collection {

// Rows of one key stand in the order of the table's sources, and within a source in the order of the
// resources.
void Projector::Impl::mergeTable(std::uint16_t table) {
  const Table& described = plan.tables[table];
  table_rows_[table].first = rows_.size();
  groups_.reset(raw_.size() - table_raw_);
  heads_.clear();
  tails_.clear();
  std::vector<std::string_view>& key_cells = cells_;  // a scratch tail of cells_, cut again below
  const std::size_t scratch = key_cells.size();
  for (std::size_t r = table_raw_; r < raw_.size(); ++r) {
    key_cells.resize(scratch + described.fields.size());
    for (std::size_t f = 0; f < described.fields.size(); ++f)
      key_cells[scratch + f] = raw_cells_[raw_[r].cells + f].text;
    const std::string_view key = keyOf(table, std::span(key_cells).subspan(scratch), raw_[r].document);
    const auto next = static_cast<std::uint32_t>(heads_.size());
    const std::uint32_t group = groups_.at(key, next);
    const auto index = static_cast<std::uint32_t>(r);
    if (group == next) {
      heads_.push_back(index);
      tails_.push_back(index);
    } else {
      raw_[tails_[group]].next = index;
      tails_[group] = index;
    }
  }
  cells_.resize(scratch);
  for (const std::uint32_t head : heads_) mergeGroup(table, head);
  table_rows_[table].second = rows_.size();
}

// Key columns joined with '|'. Without its first column there is no key: such a row stands alone, under its
// resource.
std::string_view Projector::Impl::keyOf(std::uint16_t table, std::span<const std::string_view> cells,
                                        std::uint32_t document) {
  const auto& key = plan.tables[table].key;
  scratch_.clear();
  if (cells[key.front()].empty()) {
    scratch_ = "?";
    scratch_ += documents_[document].name;
  } else {
    for (const std::uint16_t field : key) {
      if (!scratch_.empty()) scratch_ += '|';
      scratch_ += cells[field];
    }
  }
  return text.keep(scratch_);
}

void Projector::Impl::mergeGroup(std::uint16_t table, std::uint32_t first) {
  const std::size_t fields = plan.tables[table].fields.size();
  // The first source that makes rows is the base; more rows of it are duplicates.
  std::uint32_t base = kNone;
  for (std::uint32_t r = first; r != kNone && base == kNone; r = raw_[r].next) {
    if (plan.source_plans[raw_[r].source].mode != Mode::kFill) base = r;
  }
  if (base == kNone) {
    for (std::uint32_t r = first; r != kNone; r = raw_[r].next) {
      DocumentState& state = documents_[raw_[r].document];
      if (state.filter_rule.empty()) {
        state.filter_rule = "fill-without-row";
        state.filter_reason = "it adds to a row that nothing else gives";
      }
    }
    return;
  }
  const std::size_t begin = rows_.size();
  addRow(table, base, first, false);
  if (plan.source_plans[raw_[base].source].mode == Mode::kCombine) return;
  unsigned copies = 1;
  for (std::uint32_t r = raw_[base].next; r != kNone; r = raw_[r].next) {
    if (raw_[r].source != raw_[base].source) continue;
    bool same = true;
    for (std::size_t f = 0; f < fields && same; ++f) {
      same = raw_cells_[raw_[r].cells + f].text == raw_cells_[raw_[base].cells + f].text;
    }
    if (same && (plan.table_plans[table].uniques.empty() || raw_[r].document == raw_[base].document))
      continue;
    addRow(table, r, first, true);
    scratch_.assign(rows_[begin].key);
    scratch_ += '#';
    scratch_ += std::to_string(++copies);
    rows_.back().key = text.keep(scratch_);
    rows_.back().duplicate = rows_[begin].duplicate = true;
  }
}

// The cell of a source in a group: the first that is filled, newest first, or as the column's merge rule
// says. With `only`, that row alone speaks for its source.
RawCell Projector::Impl::pick(const SourcePlan& source, std::size_t field, std::uint32_t group,
                              std::uint32_t only, bool& aggregated) {
  Merge merge = Merge::kFirst;
  for (const ColumnPlan& column : source.columns) {
    if (column.field == field) merge = column.merge;
  }
  RawCell best;
  std::string_view best_order;
  for (std::uint32_t r = group; r != kNone; r = raw_[r].next) {
    if (raw_[r].source != source.index || (only != kNone && r != only)) continue;
    const RawCell& cell = raw_cells_[raw_[r].cells + field];
    if (cell.text.empty()) {
      if (best.text.empty() && best.origins == 0) best = cell;
      if (merge != Merge::kMostIfAll) continue;
      aggregated = true;
      return cell;
    }
    const bool better = best.text.empty() || (merge == Merge::kFirst   ? raw_[r].order > best_order
                                              : merge == Merge::kLeast ? cell.text < best.text
                                                                       : cell.text > best.text);
    if (!better) continue;
    best = cell;
    best_order = raw_[r].order;
  }
  return best;
}

void Projector::Impl::addRow(std::uint16_t table, std::uint32_t base, std::uint32_t group, bool alone) {
  const std::size_t fields = plan.tables[table].fields.size();
  const Table& described = plan.tables[table];
  WorkRow row;
  row.table = table;
  row.source = raw_[base].source;
  row.document = raw_[base].document;
  row.cells = static_cast<std::uint32_t>(cells_.size());
  row.raw = alone ? base : group;
  row.alone = alone;
  cells_.resize(cells_.size() + fields);
  cell_origins_.resize(cells_.size());
  const bool single = alone || raw_[group].next == kNone;
  for (std::size_t f = 0; f < fields; ++f) {
    if (!described.fields[f].sent) continue;
    if (single) {
      const RawCell& cell = raw_cells_[raw_[base].cells + f];
      cells_[row.cells + f] = cell.text;
      cell_origins_[row.cells + f] = {raw_[base].source, cell.origin, cell.origins};
      continue;
    }
    for (const std::uint16_t source : plan.table_plans[table].sources) {
      const SourcePlan& source_plan = plan.source_plans[source];
      const bool own = source == raw_[base].source && source_plan.mode == Mode::kCreate;
      bool aggregated = false;
      const RawCell cell = pick(source_plan, f, group, own ? base : kNone, aggregated);
      if (cell.text.empty() && cell_origins_[row.cells + f].origins != 0) continue;
      cells_[row.cells + f] = cell.text;
      cell_origins_[row.cells + f] = {source, cell.origin, cell.origins};
      if (!cell.text.empty() || aggregated) break;
    }
  }
  row.key = keyOf(table, cellsOf(row), row.document);
  rows_.push_back(row);
}

}  // namespace tributary::collection
