#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "collection/aggregate.h"
#include "collection/projector.h"

namespace tributary::collection {

// All aggregates of a collection as they stand at a day, counted over rows in memory: for `tributary map`, `coverage` and mapping
// tests.
class Aggregations {
 public:
  struct Counted {
    std::uint16_t table = 0;
    Occasion occasion;
    AggregateResult result;
  };

  // Each aggregate at the latest occasion on `day` ("2026-11-19") or before; one whose calendar starts later is left out.
  Aggregations(std::shared_ptr<const Collection> collection, std::string_view day);

  void add(const Projection& projection);
  std::vector<Counted> finish();

 private:
  struct Run {
    std::uint16_t table = 0;
    Occasion occasion;
    std::unique_ptr<Aggregation> aggregation;
    std::vector<std::uint16_t> reads;
  };
  std::vector<Run> runs_;
};

// The civil day of an instant in the collection's zone, "2026-11-19".
std::string civilDayOf(const Collection& collection, Instant instant);
// One line for people: what was counted, when, for which period.
std::string describeOccasion(const Collection& collection, const Aggregations::Counted& counted);

}  // namespace tributary::collection
