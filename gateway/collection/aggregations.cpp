#include "collection/aggregations.h"

#include <algorithm>
#include <cstdio>

#include "base/civil_time.h"

namespace tributary::collection {

Aggregations::Aggregations(std::shared_ptr<const Collection> collection, std::string_view day) {
  const auto tables = aggregateTables(*collection);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    auto occasion = occasionOn(*collection, i, day);
    if (!occasion) continue;
    runs_.push_back({tables[i].table, *occasion, std::make_unique<Aggregation>(collection, i, *occasion), tables[i].reads});
  }
}

void Aggregations::add(const Projection& projection) {
  for (const Run& run : runs_) {
    for (const Row& row : projection.rows) {
      if (std::find(run.reads.begin(), run.reads.end(), row.table) == run.reads.end()) continue;
      run.aggregation->add(row.table, row.cells, row.state == RowState::kOk);
    }
  }
}

std::vector<Aggregations::Counted> Aggregations::finish() {
  std::vector<Counted> out;
  for (const Run& run : runs_) out.push_back({run.table, run.occasion, run.aggregation->finish()});
  return out;
}

std::string civilDayOf(const Collection& collection, Instant instant) {
  const auto zone = TimeZone::find(collection.timeZone());
  if (!zone) return {};  // a collection whose zone is not known does not load
  const CivilTime civil = zone->toCivil(instant);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(civil.year), static_cast<unsigned>(civil.month),
                static_cast<unsigned>(civil.day));
  return text;
}

std::string describeOccasion(const Collection& collection, const Aggregations::Counted& counted) {
  const Occasion& o = counted.occasion;
  return collection.tables()[counted.table].name + " is counted at " + o.at + " (" + std::string(collection.timeZone()) + "), number " +
         std::to_string(o.number) + ", for " + o.period_start + " to " + o.period_end + ", reported from " + o.opens + " to " + o.closes;
}

}  // namespace tributary::collection
