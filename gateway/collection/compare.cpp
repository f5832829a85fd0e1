#include "collection/compare.h"

#include <algorithm>
#include <unordered_map>

namespace tributary::collection {
namespace {

std::span<const Row> rowsOf(const Projection& projection, std::optional<std::uint16_t> table) {
  if (!table) return {};
  const auto first = std::find_if(projection.rows.begin(), projection.rows.end(),
                                  [&](const Row& row) { return row.table == *table; });
  auto last = first;
  while (last != projection.rows.end() && last->table == *table) ++last;
  return {first, last};
}

std::map<std::string, std::int64_t> changes(const std::map<std::string, std::int64_t>& counts) {
  std::map<std::string, std::int64_t> out;
  for (const auto& [text, count] : counts) {
    if (count != 0) out.emplace(text, count);
  }
  return out;
}

}  // namespace

Comparison::Comparison(std::shared_ptr<const Collection> before, std::shared_ptr<const Collection> after,
                       std::size_t examples)
    : before_(std::move(before)), after_(std::move(after)), examples_(examples) {
  for (const auto* side : {before_.get(), after_.get()}) {
    for (const Table& table : side->tables()) {
      if (table.scope != Scope::kHeader) tables_.try_emplace(table.name);
    }
  }
}

void Comparison::count(const Projection& projection, std::int64_t by) {
  for (const RowIssue& issue : projection.issues) {
    if (issue.row == RowIssue::kNoRow) continue;
    issues_[issue.issue.rule + "  " + issue.issue.path + ": " + issue.issue.text] += by;
  }
  for (const ResourceOutcome& outcome : projection.outcomes) {
    if (outcome.outcome == Outcome::kUsed) continue;
    outcomes_[std::string(outcome.outcome == Outcome::kFiltered ? "filtered  " : "quarantined  ") +
              std::string(outcome.rule) + ": " + std::string(outcome.reason)] += by;
  }
}

void Comparison::add(const Projection& before, const Projection& after) {
  ++subjects_;
  count(before, -1);
  count(after, 1);
  for (auto& [name, difference] : tables_)
    compareTable(name, rowsOf(before, before_->findTable(name)), rowsOf(after, after_->findTable(name)));
}

void Comparison::compareTable(const std::string& name, std::span<const Row> before, std::span<const Row> after) {
  TableDifference& out = tables_[name];
  std::unordered_map<std::string_view, const Row*> by_key;
  for (const Row& row : before) by_key.emplace(row.key, &row);
  for (const Row& row : after) {
    const auto found = by_key.find(row.key);
    if (found == by_key.end()) {
      ++out.added;
      if (out.added_keys.size() < examples_) out.added_keys.emplace_back(row.key);
      continue;
    }
    compareRow(out, *found->second, row);
    by_key.erase(found);
  }
  out.removed += by_key.size();
  for (const Row& row : before) {  // in the order of the rows, so that two runs show the same examples
    if (by_key.contains(row.key) && out.removed_keys.size() < examples_) out.removed_keys.emplace_back(row.key);
  }
}

void Comparison::compareRow(TableDifference& out, const Row& before, const Row& after) {
  bool same = before.state == after.state;
  if (!same) ++(after.state == RowState::kOk ? out.now_good : out.now_quarantined);
  const auto& old_fields = before_->tables()[before.table].fields;
  const auto& new_fields = after_->tables()[after.table].fields;
  const auto differs = [&](const std::string& field, std::string_view old_cell, std::string_view new_cell) {
    if (old_cell == new_cell) return;
    same = false;
    FieldDifference& difference = out.fields[field];
    ++difference.changed;
    if (difference.examples.size() < examples_)
      difference.examples.push_back({std::string(after.key), std::string(old_cell), std::string(new_cell)});
  };
  const auto cellOf = [](const Row& row, const std::vector<Field>& fields, const std::string& name) {
    for (std::size_t f = 0; f < fields.size(); ++f) {
      if (fields[f].name == name) return row.cells[f];
    }
    return std::string_view{};
  };
  for (std::size_t f = 0; f < new_fields.size(); ++f) {
    const bool in_place = f < old_fields.size() && old_fields[f].name == new_fields[f].name;
    differs(new_fields[f].name, in_place ? before.cells[f] : cellOf(before, old_fields, new_fields[f].name), after.cells[f]);
  }
  for (std::size_t f = 0; f < old_fields.size(); ++f) {
    const auto known = std::any_of(new_fields.begin(), new_fields.end(),
                                   [&](const Field& field) { return field.name == old_fields[f].name; });
    if (!known) differs(old_fields[f].name, before.cells[f], {});
  }
  ++(same ? out.same : out.changed);
}

std::map<std::string, std::int64_t> Comparison::issues() const { return changes(issues_); }
std::map<std::string, std::int64_t> Comparison::outcomes() const { return changes(outcomes_); }

bool Comparison::same() const {
  return issues().empty() && outcomes().empty() &&
         std::all_of(tables_.begin(), tables_.end(), [](const auto& table) {
           return table.second.changed + table.second.added + table.second.removed == 0;
         });
}

}  // namespace tributary::collection
