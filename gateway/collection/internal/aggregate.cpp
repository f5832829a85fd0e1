#include "collection/aggregate.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <unordered_map>

#include "collection/internal/plan.h"

namespace tributary::collection {
namespace {

std::string civilDay(std::int32_t number) {
  const std::chrono::year_month_day day{std::chrono::sys_days{std::chrono::days{number}}};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                static_cast<unsigned>(day.day()));
  return text;
}

Occasion occasionNumber(const CalendarPlan& plan, std::int64_t number) {
  const auto day = static_cast<std::int32_t>(plan.first + (number - 1) * plan.every);
  Occasion out;
  out.number = number;
  out.day = civilDay(day);
  out.at = out.day + "T" + plan.at;
  out.period_start = civilDay(day + plan.period_start);
  out.period_end = civilDay(day + plan.period_end);
  out.opens = civilDay(day + plan.opens) + "T" + plan.opens_at;
  out.closes = civilDay(day + plan.closes) + "T" + plan.closes_at;
  return out;
}

bool isMoment(std::string_view bound) { return bound.size() >= 19 && isDate(bound.substr(0, 10)) && bound[10] == 'T'; }

// See the class: closed at the start, open at the end, a date alone is its whole day. A bound that is neither date nor date-time
// leaves its side open (only quarantined rows have one).
bool holdsMoment(std::string_view start, std::string_view end, std::string_view at) {
  const std::string_view day = at.substr(0, 10);
  if (isMoment(start) ? start > at : start.size() == 10 && isDate(start) && start > day) return false;
  return isMoment(end) ? end > at : end.size() != 10 || !isDate(end) || end >= day;
}

// A cell of a tally's row as people see it: "T001Ward.Type", or the field alone where it is the row's own.
std::string pathText(const Collection::Impl& impl, const TallyPlan& tally, const FieldPath& path) {
  if (path.link == kNoField) return impl.tables[tally.from].fields[path.field].name;
  const Table& other = impl.tables[impl.table_plans[tally.from].links[path.link].other_table];
  return other.name + "." + other.fields[path.field].name;
}

std::string tallyText(const Collection::Impl& impl, const TallyPlan& tally) {
  const Table& from = impl.tables[tally.from];
  std::string out = tally.function == TallyPlan::Function::kSum        ? "the sum of " + pathText(impl, tally, tally.of) + " over the rows of "
                    : tally.function == TallyPlan::Function::kDistinct ? "the number of different " + pathText(impl, tally, tally.of) + " in the rows of "
                                                                       : "the number of rows of ";
  out += from.name;
  if (!tally.always) {
    out += " that hold the moment of the count";
    if (tally.start != kNoField) out += " (from " + from.fields[tally.start].name;
    if (tally.end != kNoField) out += (tally.start == kNoField ? " (" : " ") + ("up to " + from.fields[tally.end].name);
    if (tally.start != kNoField || tally.end != kNoField) out += ")";
  }
  for (const PathCondition& condition : tally.where) {
    out += ", only where " + pathText(impl, tally, condition.path) + " is ";
    for (std::size_t i = 0; i < condition.in.size(); ++i) out += (i == 0 ? "" : " or ") + condition.in[i];
  }
  return out;
}

}  // namespace

std::string aggregateOrigin(const Collection& collection, std::uint16_t table, std::size_t field) {
  const Collection::Impl& impl = collection.impl();
  const auto plan = std::find_if(impl.aggregates.begin(), impl.aggregates.end(), [&](const AggregatePlan& a) { return a.table == table; });
  if (plan == impl.aggregates.end() || field >= plan->cells.size()) return {};
  for (const TallyPlan& tally : plan->tallies) {
    if (tally.target == field) return tallyText(impl, tally);
  }
  const auto group = std::find(plan->group.begin(), plan->group.end(), field);
  if (group != plan->group.end()) {
    std::set<std::string> from;
    for (const TallyPlan& tally : plan->tallies) from.insert(pathText(impl, tally, tally.group[static_cast<std::size_t>(group - plan->group.begin())]));
    std::string out;
    for (const std::string& path : from) out += (out.empty() ? "" : " or ") + path;
    return out + " of the rows that are counted: one row for each value";
  }
  const AggregateCell& cell = plan->cells[field];
  switch (cell.from) {
    case AggregateCell::From::kNone:
      return "nothing";
    case AggregateCell::From::kValue:
      return "the collection itself: always " + cell.text;
    case AggregateCell::From::kSetting:
      return "the setting '" + cell.text + "'";
    case AggregateCell::From::kNumber:
      return "the number of the count in the calendar";
    case AggregateCell::From::kStart:
      return "the first day of the period";
    case AggregateCell::From::kEnd:
      return "the last day of the period";
    case AggregateCell::From::kAt:
      return "the moment of the count";
  }
  return {};
}

std::vector<AggregateTable> aggregateTables(const Collection& collection) {
  std::vector<AggregateTable> out;
  const Collection::Impl& impl = collection.impl();
  for (const AggregatePlan& plan : impl.aggregates) {
    AggregateTable table{plan.table, {}};
    std::set<std::uint16_t> reads;
    for (const TallyPlan& tally : plan.tallies) {
      reads.insert(tally.from);
      const auto& links = impl.table_plans[tally.from].links;
      const auto through = [&](const FieldPath& path) {
        if (path.link != kNoField) reads.insert(links[path.link].other_table);
      };
      for (const FieldPath& path : tally.group) through(path);
      for (const PathCondition& condition : tally.where) through(condition.path);
      through(tally.of);
    }
    table.reads.assign(reads.begin(), reads.end());
    out.push_back(std::move(table));
  }
  return out;
}

std::optional<Occasion> occasionOn(const Collection& collection, std::size_t aggregate, std::string_view day) {
  const CalendarPlan& plan = collection.impl().aggregates[aggregate].calendar;
  const auto number = dayNumber(day);
  if (!number || *number < plan.first) return std::nullopt;
  return occasionNumber(plan, (*number - plan.first) / plan.every + 1);
}

std::optional<Occasion> openOccasion(const Collection& collection, std::size_t aggregate, std::string_view civil) {
  const CalendarPlan& plan = collection.impl().aggregates[aggregate].calendar;
  const auto today = dayNumber(civil);
  if (!today) return std::nullopt;
  // The one whose opening day is today or the last before; an earlier one where it opens later today.
  std::int64_t number = (*today - plan.opens - plan.first) / plan.every + 1;
  for (; number >= 1; --number) {
    Occasion out = occasionNumber(plan, number);
    if (out.opens > civil) continue;
    if (out.closes < civil) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

struct Aggregation::Impl {
  std::shared_ptr<const Collection> collection;
  const Collection::Impl& all;
  const AggregatePlan& plan;
  Occasion occasion;

  // Rows that tallies look up, by table and the field that links name: key -> cells.
  using Rows = std::unordered_map<std::string, std::vector<std::string>>;
  std::map<std::pair<std::uint16_t, std::uint16_t>, Rows> parents;
  struct Held {
    std::size_t tally;
    std::vector<std::string> cells;
  };
  std::vector<Held> counted;  // rows that hold the moment
  std::map<std::uint16_t, std::uint64_t> quarantined, orphans;

  struct Group {
    std::map<std::uint16_t, std::int64_t> sums;
    std::map<std::uint16_t, std::set<std::string>> distinct;
  };

  Impl(std::shared_ptr<const Collection> c, std::size_t aggregate, Occasion when)
      : collection(std::move(c)), all(collection->impl()), plan(all.aggregates[aggregate]), occasion(std::move(when)) {
    for (const TallyPlan& tally : plan.tallies) {
      const auto need = [&](const FieldPath& path) {
        if (path.link == kNoField) return;
        const Check& link = all.table_plans[tally.from].links[path.link];
        parents[{link.other_table, link.other}];
      };
      for (const FieldPath& path : tally.group) need(path);
      for (const PathCondition& condition : tally.where) need(condition.path);
      need(tally.of);
    }
  }

  // nullptr: the row names a parent that is not held.
  const std::string* cell(const TallyPlan& tally, const FieldPath& path, const std::vector<std::string>& cells) const {
    if (path.link == kNoField) return &cells[path.field];
    const Check& link = all.table_plans[tally.from].links[path.link];
    const Rows& rows = parents.at({link.other_table, link.other});
    const auto found = rows.find(cells[link.field]);
    return found == rows.end() ? nullptr : &found->second[path.field];
  }

  void tallyRow(const Held& held, std::map<std::vector<std::string>, Group>& groups) {
    const TallyPlan& tally = plan.tallies[held.tally];
    for (const PathCondition& condition : tally.where) {
      const std::string* value = cell(tally, condition.path, held.cells);
      if (value == nullptr) return void(++orphans[tally.from]);
      if (std::find(condition.in.begin(), condition.in.end(), *value) == condition.in.end()) return;
    }
    std::vector<std::string> key;
    for (const FieldPath& path : tally.group) {
      const std::string* value = cell(tally, path, held.cells);
      if (value == nullptr) return void(++orphans[tally.from]);
      key.push_back(*value);
    }
    Group& group = groups[std::move(key)];
    if (tally.function == TallyPlan::Function::kRows) return void(++group.sums[tally.target]);
    const std::string* value = cell(tally, tally.of, held.cells);
    if (value == nullptr) return void(++orphans[tally.from]);
    if (tally.function == TallyPlan::Function::kDistinct) {
      if (!value->empty()) group.distinct[tally.target].insert(*value);
      return;
    }
    std::int64_t& sum = group.sums[tally.target];
    if (const auto number = wholeNumber(*value); number && __builtin_add_overflow(sum, *number, &sum)) sum = INT64_MAX;
  }

  AggregateRow row(const std::vector<std::string>& key, const Group& group) const {
    const Table& table = all.tables[plan.table];
    AggregateRow out;
    out.cells.resize(table.fields.size());
    for (std::size_t f = 0; f < plan.cells.size(); ++f) {
      switch (plan.cells[f].from) {
        case AggregateCell::From::kNone:
          break;
        case AggregateCell::From::kValue:
          out.cells[f] = plan.cells[f].text;
          break;
        case AggregateCell::From::kSetting:
          out.cells[f] = all.settings.at(plan.cells[f].text);
          break;
        case AggregateCell::From::kNumber:
          out.cells[f] = std::to_string(occasion.number);
          break;
        case AggregateCell::From::kStart:
          out.cells[f] = occasion.period_start;
          break;
        case AggregateCell::From::kEnd:
          out.cells[f] = occasion.period_end;
          break;
        case AggregateCell::From::kAt:
          out.cells[f] = occasion.at;
          break;
      }
      if (table.fields[f].type == CellType::kDateTime && out.cells[f].size() == 10) out.cells[f] += "T00:00:00";
    }
    for (std::size_t g = 0; g < plan.group.size(); ++g) out.cells[plan.group[g]] = key[g];
    // What nothing was counted for is none, not unknown.
    for (const TallyPlan& tally : plan.tallies) out.cells[tally.target] = "0";
    for (const auto& [field, sum] : group.sums) out.cells[field] = std::to_string(sum);
    for (const auto& [field, values] : group.distinct) out.cells[field] = std::to_string(values.size());
    for (std::size_t f = 0; f < table.fields.size(); ++f) {
      if (!table.fields[f].sent) out.cells[f].clear();
    }
    for (const std::uint16_t field : table.key) out.key += (out.key.empty() ? "" : "|") + out.cells[field];
    check(out);
    const std::vector<std::string_view> views(out.cells.begin(), out.cells.end());
    out.encoded = encodeCells(views);
    return out;
  }

  void check(AggregateRow& row) const {
    const std::vector<std::string_view> cells(row.cells.begin(), row.cells.end());
    const auto complain = [&](const Check& check) {
      const Rule& rule = all.rules[check.rule];
      const bool warning = check.grade == Grade::kWarning;
      row.good = row.good && warning;
      row.issues.push_back(Issue{warning ? Severity::kWarning : Severity::kError, rule.id, all.tables[plan.table].name + "." + rule.field,
                                 Issue::kNoOffset, 0, 0, rule.text, "Look at the rows that are counted, and at the settings."});
    };
    for (const Check& check : all.table_plans[plan.table].cells) {
      const std::string_view cell = cells[check.field];
      if (cell.empty() ? check.kind == RuleKind::kMandatory : !cellFits(check, cell)) complain(check);
    }
    for (const Check& check : all.table_plans[plan.table].rows) {
      const auto all_hold = [&](const std::vector<Condition>& list) {
        return std::all_of(list.begin(), list.end(), [&](const Condition& c) { return holds(c, cells); });
      };
      if (check.kind == RuleKind::kImplies && all_hold(check.when) && !all_hold(check.then)) complain(check);
      if ((check.kind == RuleKind::kSum || check.kind == RuleKind::kAtMost) && !numbersFit(check, cells)) complain(check);
    }
  }
};

Aggregation::Aggregation(std::shared_ptr<const Collection> collection, std::size_t aggregate, Occasion occasion)
    : impl_(std::make_unique<Impl>(std::move(collection), aggregate, std::move(occasion))) {}
Aggregation::~Aggregation() = default;

void Aggregation::add(std::uint16_t table, std::span<const std::string_view> cells, bool good) {
  Impl& self = *impl_;
  if (cells.size() != self.all.tables[table].fields.size()) return;
  if (good) {
    for (auto& [at, rows] : self.parents) {
      if (at.first == table) rows.emplace(cells[at.second], std::vector<std::string>(cells.begin(), cells.end()));
    }
  }
  bool told = false;
  for (std::size_t t = 0; t < self.plan.tallies.size(); ++t) {
    const TallyPlan& tally = self.plan.tallies[t];
    if (tally.from != table) continue;
    const auto bound = [&](std::uint16_t field) { return field == kNoField ? std::string_view{} : cells[field]; };
    if (!tally.always && !holdsMoment(bound(tally.start), bound(tally.end), self.occasion.at)) continue;
    if (good) {
      self.counted.push_back({t, std::vector<std::string>(cells.begin(), cells.end())});
    } else if (!std::exchange(told, true)) {
      ++self.quarantined[table];
    }
  }
}

void Aggregation::add(std::uint16_t table, std::span<const std::string> cells, bool good) {
  const std::vector<std::string_view> views(cells.begin(), cells.end());
  add(table, std::span<const std::string_view>(views), good);
}

AggregateResult Aggregation::finish() {
  Impl& self = *impl_;
  std::map<std::vector<std::string>, Impl::Group> groups;
  self.orphans.clear();
  for (const Impl::Held& held : self.counted) self.tallyRow(held, groups);
  AggregateResult out;
  for (const auto& [key, group] : groups) out.rows.push_back(self.row(key, group));
  std::sort(out.rows.begin(), out.rows.end(), [](const AggregateRow& a, const AggregateRow& b) { return a.key < b.key; });
  const std::string& name = self.all.tables[self.plan.table].name;
  const auto note = [&](const char* rule, std::uint64_t count, std::uint16_t table, const char* why, const char* remedy) {
    out.notes.push_back(Issue{Severity::kWarning, rule, name, Issue::kNoOffset, 0, 0,
                              std::to_string(count) + (count == 1 ? " row of " : " rows of ") + self.all.tables[table].name + why, remedy});
  };
  for (const auto& [table, count] : self.quarantined)
    note("aggregate-quarantined", count, table, " would count at this moment but are quarantined: not counted", "Correct what their rules say.");
  for (const auto& [table, count] : self.orphans)
    note("aggregate-parent-missing", count, table, " name a row that is not held: not counted", "Send the resource that they refer to.");
  return out;
}

}  // namespace tributary::collection
