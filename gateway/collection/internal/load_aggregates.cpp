#include <algorithm>

#include "collection/internal/load.h"

// The section `aggregates` of collection.json: tables that are counted over rows of others.
namespace tributary::collection {
namespace {

bool isTimeOfDay(std::string_view text) {
  return text.size() == 8 && text[2] == ':' && text[5] == ':' && text.substr(0, 2) < "24" && text.substr(3, 2) < "60" &&
         text.substr(6, 2) < "60" &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == ':' || (c >= '0' && c <= '9'); });
}

}  // namespace

void Loader::aggregates(const Json& list) {
  for (const Json& entry : list.items()) aggregate(entry);
  for (std::size_t t = 0; t < impl_.tables.size(); ++t) {
    if (impl_.tables[t].scope != Scope::kAggregate) continue;
    if (std::none_of(impl_.aggregates.begin(), impl_.aggregates.end(), [&](const AggregatePlan& a) { return a.table == t; })) {
      reporter_.fault(manifest_->path, manifest_->root(), "nothing says how " + impl_.tables[t].name + " is counted",
                      "Describe the table under aggregates.");
    }
  }
}

void Loader::aggregate(const Json& entry) {
  AggregatePlan plan;
  plan.table = table(entry["table"]);
  if (plan.table == kNoTable) return;
  if (impl_.tables[plan.table].scope != Scope::kAggregate) {
    reporter_.fault(manifest_->path, entry["table"], "the table is not counted: its scope is another", "Give it the scope aggregate.");
    return;
  }
  if (!calendar(entry["calendar"], plan.calendar)) return;
  for (const Json& name : entry["group"].items()) {
    const std::uint16_t at = field(plan.table, name);
    if (at == kNoField) return;
    plan.group.push_back(at);
  }
  for (const Json& item : entry["tallies"].items()) {
    TallyPlan tally_plan;
    if (!tally(item, tally_plan, plan.table)) return;
    for (const std::uint16_t at : plan.group) {
      const std::string& name = impl_.tables[plan.table].fields[at].name;
      const Json from = item["group"][name];
      FieldPath where;
      if (!from) {
        reporter_.fault(manifest_->path, item, "the tally does not say what its rows have for " + name, "Name a field under group.");
        return;
      }
      if (!path(from, from.text(), tally_plan.from, where)) return;
      tally_plan.group.push_back(where);
    }
    plan.tallies.push_back(std::move(tally_plan));
  }
  if (plan.tallies.empty()) {
    reporter_.fault(manifest_->path, entry, "the aggregate counts nothing", "List tallies.");
    return;
  }
  plan.cells.resize(impl_.tables[plan.table].fields.size());
  for (const auto& [name, cell] : entry["cells"].members()) {
    const auto& fields = impl_.tables[plan.table].fields;
    const auto found = std::find_if(fields.begin(), fields.end(), [name = name](const Field& f) { return f.name == name; });
    if (found == fields.end()) {
      reporter_.fault(manifest_->path, cell, "there is no field '" + std::string(name) + "' in the aggregate", "Name a field of the table.");
      continue;
    }
    AggregateCell& out = plan.cells[static_cast<std::size_t>(found - fields.begin())];
    const std::string_view which = cell["occasion"].text();
    if (cell["setting"]) {
      out = {AggregateCell::From::kSetting, cell["setting"].string()};
      if (!impl_.settings.contains(out.text))
        reporter_.fault(manifest_->path, cell, "there is no setting '" + out.text + "'", "Name one of the settings.");
    } else if (cell["value"]) {
      out = {AggregateCell::From::kValue, cell["value"].string()};
    } else if (which == "number") {
      out.from = AggregateCell::From::kNumber;
    } else if (which == "start") {
      out.from = AggregateCell::From::kStart;
    } else if (which == "end") {
      out.from = AggregateCell::From::kEnd;
    } else if (which == "at") {
      out.from = AggregateCell::From::kAt;
    } else {
      reporter_.fault(manifest_->path, cell, "the cell has no origin", "Give value, setting or occasion (number, start, end, at).");
    }
  }
  impl_.aggregates.push_back(std::move(plan));
}

bool Loader::calendar(const Json& entry, CalendarPlan& plan) {
  const auto first = dayNumber(entry["first"].text());
  plan.every = static_cast<std::int32_t>(entry["every"].integer(0));
  if (!first || plan.every < 1 || plan.every > 36'600) {
    reporter_.fault(manifest_->path, entry, "the calendar has no first day, or no number of days after which it repeats",
                    "Write first (a date) and every (days).");
    return false;
  }
  plan.first = *first;
  const auto time = [&](const Json& at, std::string& out) {
    if (!at) return true;
    out = at.string();
    if (isTimeOfDay(out)) return true;
    reporter_.fault(manifest_->path, at, "this is no time of day", "Write hh:mm:ss.");
    return false;
  };
  plan.period_start = static_cast<std::int32_t>(entry["period"]["start"].integer(0));
  plan.period_end = static_cast<std::int32_t>(entry["period"]["end"].integer(0));
  plan.opens = static_cast<std::int32_t>(entry["opens"]["day"].integer(0));
  plan.closes = static_cast<std::int32_t>(entry["closes"]["day"].integer(plan.opens));
  if (!time(entry["at"], plan.at) || !time(entry["opens"]["time"], plan.opens_at) || !time(entry["closes"]["time"], plan.closes_at))
    return false;
  const auto day = [](const Json& at) { return at.integer(0) >= -36'600 && at.integer(0) <= 36'600; };
  if (!day(entry["period"]["start"]) || !day(entry["period"]["end"]) || !day(entry["opens"]["day"]) || !day(entry["closes"]["day"]) ||
      plan.period_start > plan.period_end || plan.closes < plan.opens || plan.closes - plan.opens >= plan.every) {
    reporter_.fault(manifest_->path, entry, "the days of the calendar are out of order, or two occasions would be open at once",
                    "Periods end after they start; an occasion closes before the next one opens.");
    return false;
  }
  return true;
}

bool Loader::tally(const Json& entry, TallyPlan& plan, std::uint16_t aggregate_table) {
  plan.from = table(entry["from"]);
  if (plan.from == kNoTable) return false;
  if (const Json during = entry["during"]) {
    plan.always = false;
    plan.start = field(plan.from, during["start"]);
    plan.end = field(plan.from, during["end"]);
    if (plan.start == kNoField && plan.end == kNoField) {
      reporter_.fault(manifest_->path, during, "the interval has no bounds", "Name start, end or both.");
      return false;
    }
  }
  for (const Json& item : entry["where"].items()) {
    PathCondition condition;
    if (!path(item, item["field"].text(), plan.from, condition.path)) return false;
    for (const Json& value : item["in"].items()) condition.in.push_back(value.string());
    plan.where.push_back(std::move(condition));
  }
  Json what = entry["sum"];
  plan.function = TallyPlan::Function::kSum;
  if (!what) {
    plan.function = entry["distinct"] ? TallyPlan::Function::kDistinct : TallyPlan::Function::kRows;
    what = entry["distinct"] ? entry["distinct"] : entry["rows"];
  }
  if (!what) {
    reporter_.fault(manifest_->path, entry, "the tally does not say what it does", "Give sum, distinct or rows.");
    return false;
  }
  plan.target = field(aggregate_table, what["field"]);
  if (plan.target == kNoField) return false;
  return plan.function == TallyPlan::Function::kRows || path(what, what["of"].text(), plan.from, plan.of);
}

bool Loader::path(const Json& at, std::string_view text, std::uint16_t from, FieldPath& out) {
  const auto indexIn = [&](std::uint16_t of, std::string_view name) {
    const auto& fields = impl_.tables[of].fields;
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
    return found == fields.end() ? kNoField : static_cast<std::uint16_t>(found - fields.begin());
  };
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) {
    out.field = indexIn(from, text);
  } else {
    const auto& links = impl_.table_plans[from].links;
    for (std::size_t i = 0; i < links.size() && out.field == kNoField; ++i) {
      const Table& parent = impl_.tables[links[i].other_table];
      if (parent.name != text.substr(0, dot) && parent.code != text.substr(0, dot)) continue;
      out.link = static_cast<std::uint16_t>(i);
      out.field = indexIn(links[i].other_table, text.substr(dot + 1));
    }
  }
  if (out.field != kNoField) return true;
  reporter_.fault(manifest_->path, at, "'" + std::string(text) + "' is no field of " + impl_.tables[from].name + " or of a parent of it",
                  "Write Field, or Table.Field where a parent rule leads to the table.");
  return false;
}

}  // namespace tributary::collection
