#include <algorithm>

#include "collection/codes.h"
#include "collection/internal/session.h"

namespace tributary::collection {
namespace {

std::int32_t shifted(std::int32_t day, std::int32_t days, std::int32_t years) {
  return day + days + years * 365 +
         (years >= 0 ? years : years - 3) / 4;  // leap days, near enough for an age limit
}

}  // namespace

RowIssue& Projector::Impl::report(std::uint32_t row, std::uint32_t rule, Grade grade, std::uint16_t field) {
  RowIssue issue;
  issue.row = row;
  issue.rule = rule;
  issue.grade = grade;
  issue.issue.severity = grade == Grade::kWarning ? Severity::kWarning : Severity::kError;
  if (rule != RowIssue::kNoRule) issue.issue.rule = plan.rules[rule].id;
  const WorkRow& at = rows_[row];
  const Table& table = plan.tables[at.table];
  issue.issue.path = table.name;
  if (field != kNoField) {
    issue.issue.path += "." + table.fields[field].name;
    const CellOrigin& origin = cell_origins_[at.cells + field];
    if (origin.origins != 0) {
      const Origin& element = origins_[origin.origin];
      issue.issue.offset = element.document->sourceOffset(element.node);
    }
  }
  if (grade != Grade::kWarning) rows_[row].rejected = true;
  issues_.push_back(std::move(issue));
  return issues_.back();
}

void Projector::Impl::broken(std::uint32_t row, const Check& check, std::string_view cell) {
  RowIssue& out = report(row, check.rule, check.grade, check.field);
  out.issue.text = plan.rules[check.rule].text;
  if (check.kind == RuleKind::kCode && tellableCode(cell))
    out.issue.text += " ('" + std::string(cell) + "' is not)";
  const SourcePlan& source = plan.source_plans[rows_[row].source];
  for (std::size_t i = 0; i < source.columns.size(); ++i) {
    if (source.columns[i].field != check.field) continue;
    out.issue.remedy = std::string(cell.empty() ? "Fill" : "Correct") + " " +
                       std::string(source.view->resource()) + ": " + source.view->columns()[i].path;
    return;
  }
  out.issue.remedy =
      "No expression of " + std::string(source.view->resource()) + " fills it: see the mapping of the table.";
}

void Projector::Impl::checkRow(std::uint32_t row) {
  checkCells(row);
  checkSeveral(row);
  if (rows_[row].duplicate) {
    for (const Check& check : plan.table_plans[rows_[row].table].uniques) broken(row, check, rows_[row].key);
  }
}

void Projector::Impl::checkCells(std::uint32_t row) {
  const TablePlan& table = plan.table_plans[rows_[row].table];
  const auto cells = cellsOf(rows_[row]);
  for (const Check& check : table.cells) {
    const std::string_view cell = cells[check.field];
    if (cell.empty() ? check.kind == RuleKind::kMandatory : !cellFits(check, cell)) broken(row, check, cell);
  }
}

bool Projector::Impl::compares(const Check& check, std::string_view cell, std::string_view other) const {
  if (cell.empty() || other.empty()) return true;
  if (check.days == 0 && check.years == 0) {
    // Civil texts of one form order as they read; a date against a dateTime compares the dates.
    const std::size_t length = std::min(cell.size(), other.size());
    const auto order = cell.substr(0, length) <=> other.substr(0, length);
    return check.not_before ? order >= 0 : order <= 0;
  }
  const auto a = dayNumber(cell), b = dayNumber(other);
  if (!a || !b) return true;
  const std::int32_t limit = shifted(*b, check.days, check.years);
  return check.not_before ? *a >= limit : *a <= limit;
}

void Projector::Impl::checkSeveral(std::uint32_t row) {
  const TablePlan& table = plan.table_plans[rows_[row].table];
  const auto cells = cellsOf(rows_[row]);
  const auto all = [&](const std::vector<Condition>& conditions) {
    return std::all_of(conditions.begin(), conditions.end(),
                       [&](const Condition& c) { return holds(c, cells); });
  };
  for (const Check& check : table.rows) {
    const std::string_view cell = cells[check.field];
    bool fine = true;
    if (check.kind == RuleKind::kImplies) fine = !all(check.when) || all(check.then);
    if (check.kind == RuleKind::kDomain) fine = cell.empty() || scoreFits(check, cells[check.other], cell);
    if (check.kind == RuleKind::kCompare) fine = compares(check, cell, cells[check.other]);
    if (check.kind == RuleKind::kSum || check.kind == RuleKind::kAtMost) fine = numbersFit(check, cells);
    if (!fine) broken(row, check, cell);
  }
  if (options_->window == nullptr) return;
  for (const Check& check : table.windows) {
    const Window& window = *options_->window;
    const std::string_view other = check.anchor == Anchor::kWindowStart ? window.start
                                   : check.anchor == Anchor::kWindowEnd ? window.end
                                                                        : window.created;
    if (!compares(check, cells[check.field], other)) broken(row, check, cells[check.field]);
  }
}

// At most one row of a group may fulfil the conditions: the first one stays.
void Projector::Impl::checkSingles(std::uint16_t table) {
  for (const Check& check : plan.table_plans[table].singles) {
    groups_.reset(rowsEnd(table) - rowsBegin(table));
    for (std::size_t r = rowsBegin(table); r < rowsEnd(table); ++r) {
      const auto cells = cellsOf(rows_[r]);
      if (rows_[r].rejected || !std::all_of(check.when.begin(), check.when.end(),
                                            [&](const Condition& c) { return holds(c, cells); })) {
        continue;
      }
      scratch_.clear();
      for (const std::uint16_t field : check.by) (scratch_ += cells[field]) += '|';
      const auto index = static_cast<std::uint32_t>(r);
      if (groups_.at(text.keep(scratch_), index) != index) broken(index, check);
    }
  }
}

void Projector::Impl::linkTable(std::uint16_t table) {
  const TablePlan& table_plan = plan.table_plans[table];
  for (std::size_t r = rowsBegin(table); r < rowsEnd(table); ++r) linkRow(static_cast<std::uint32_t>(r));
  for (std::size_t r = rowsBegin(table); r < rowsEnd(table); ++r) {
    if (!table_plan.groups.empty() && !rows_[r].rejected) checkGroups(static_cast<std::uint32_t>(r), false);
  }
  // Whoever comes later finds this table's rows here; a good row is found before a rejected one.
  for (const std::uint16_t slot : table_plan.slots) {
    const std::uint16_t field = plan.keys[slot].field;
    for (std::size_t r = rowsBegin(table); r < rowsEnd(table); ++r) {
      const std::string_view key = cellsOf(rows_[r])[field];
      if (key.empty()) continue;
      std::uint32_t& held = keys_[slot].at(key, static_cast<std::uint32_t>(r));
      if (held < rows_.size() && rows_[held].rejected && !rows_[r].rejected)
        held = static_cast<std::uint32_t>(r);
    }
  }
}

void Projector::Impl::linkRow(std::uint32_t row) {
  const TablePlan& table = plan.table_plans[rows_[row].table];
  rows_[row].parents = static_cast<std::uint32_t>(parents_.size());
  parents_.resize(parents_.size() + table.links.size(), kNone);
  const auto cells = cellsOf(rows_[row]);
  for (std::size_t i = 0; i < table.links.size(); ++i) {
    const Check& check = table.links[i];
    const std::string_view cell = cells[check.field];
    if (cell.empty()) continue;  // a mandatory link has its own rule
    const std::uint32_t parent = keys_[table.link_slots[i]].find(cell);
    if (parent == TextIndex::kNone) {
      broken(row, check, cell);
      continue;
    }
    if (parent >= rows_.size()) continue;  // held by another subject
    parents_[rows_[row].parents + i] = parent;
    if (!rows_[parent].rejected || check.grade == Grade::kWarning) continue;
    RowIssue& out = report(row, RowIssue::kNoRule, Grade::kRejectRecord, check.field);
    out.cause = parent;
    out.issue.rule = "parent-quarantined";
    out.issue.text = "its " + plan.tables[check.other_table].name + " row is quarantined";
    out.issue.remedy = "Correct that row; this one follows by itself.";
  }
  for (const Check& check : table.compares) {
    const std::uint32_t parent = parents_[rows_[row].parents + check.parent_check];
    if (parent == kNone) continue;
    if (!compares(check, cells[check.field], cellsOf(rows_[parent])[check.other]))
      broken(row, check, cells[check.field]);
  }
}

void Projector::Impl::checkHeldKeys() {
  for (const HeldKey& held : options_->held_keys) {
    for (std::size_t r = rowsBegin(held.table); r < rowsEnd(held.table); ++r) {
      if (rows_[r].key != held.key) continue;
      RowIssue& out = report(static_cast<std::uint32_t>(r), RowIssue::kNoRule, Grade::kRejectRecord, kNoField);
      out.issue.rule = kKeyHeldRule;
      out.issue.text = "another row holds the same key in this table; only one of them can be delivered";
      out.issue.remedy = "Give one of the two another identifier; this row goes by itself when the other one has gone.";
    }
  }
}

// Some child row that stands by itself must name this row. Groups that reject are checked before the children look for their
// parents (a rejected parent takes them along), those that warn when it is known which children stand.
void Projector::Impl::checkGroups(std::uint32_t row, bool warnings) {
  for (const GroupPlan& group : plan.table_plans[rows_[row].table].groups) {
    if ((group.grade == Grade::kWarning) != warnings) continue;
    const Check& link = plan.table_plans[group.needs].links[group.link];
    const std::string_view key = cellsOf(rows_[row])[link.other];
    bool found = false;
    for (std::size_t r = rowsBegin(group.needs); r < rowsEnd(group.needs) && !found; ++r) {
      found = !rows_[r].rejected && cellsOf(rows_[r])[link.field] == key;
    }
    if (found) continue;
    RowIssue& out = report(row, group.rule, group.grade, link.other);
    out.issue.text = plan.rules[group.rule].text;
    out.issue.remedy = "Give it a good " + plan.tables[group.needs].name + " row.";
  }
}

}  // namespace tributary::collection
