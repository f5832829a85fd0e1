#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/issue.h"
#include "base/result.h"
#include "collection/collection.h"

namespace tributary::collection {

// One time at which an aggregate is taken, by the calendar of collection.json. All civil, of the collection's
// zone.
struct Occasion {
  std::int64_t number = 1;  // 1 is the calendar's first
  std::string day;          // "2026-11-19"
  std::string at;           // the moment that counts, "2026-11-19T08:00:00"
  std::string period_start, period_end;  // whole days, both included
  std::string opens, closes;  // it is reported, and corrected, from `opens` to `closes`
};

// A table that is counted over rows of other tables.
struct AggregateTable {
  std::uint16_t table = 0;           // index into Collection::tables()
  std::vector<std::uint16_t> reads;  // tables whose rows it needs
};
std::vector<AggregateTable> aggregateTables(const Collection& collection);
// How a cell of an aggregate table comes about, for people: "the setting 'provider'", "the sum of …". Empty: it is no such table.
std::string aggregateOrigin(const Collection& collection, std::uint16_t table, std::size_t field);

// The latest occasion whose day is `day` or before it ("2026-11-19"); nullopt when the calendar starts later or `day` is no date.
std::optional<Occasion> occasionOn(const Collection& collection, std::size_t aggregate, std::string_view day);
// The occasion that is open for reporting at a civil date-time; nullopt when none is.
std::optional<Occasion> openOccasion(const Collection& collection, std::size_t aggregate, std::string_view civil);

struct AggregateRow {
  std::string key;  // key columns joined with '|'
  std::vector<std::string> cells;
  std::string encoded;  // encodeCells(cells)
  bool good = true;     // false: a rejecting rule of the table is broken
  std::vector<Issue> issues;
};

struct AggregateResult {
  std::vector<AggregateRow> rows;  // in order of keys
  std::vector<Issue> notes;        // rows that could not be counted: how many, of which table, why
};

// Counts one aggregate at one occasion. Feed it the current rows of the tables it reads, in any order, each once; memory grows
// with the rows that a tally looks up or that fall into the moment, not with all of them. Not for several threads.
//
// A row counts when its interval holds the moment: from its start on, up to but without its end. A bound that is a date alone is
// the whole day (FHIR R4 Period: "inclusive"): a start of that date begins at 00:00, an end of that date is after the day's
// last second. An empty end is open. Civil texts are compared, which is exact as long as the moment is none of the hour that
// occurs twice when clocks go back.
class Aggregation {
 public:
  Aggregation(std::shared_ptr<const Collection> collection, std::size_t aggregate, Occasion occasion);
  ~Aggregation();
  Aggregation(const Aggregation&) = delete;
  Aggregation& operator=(const Aggregation&) = delete;

  // `good`: false for a quarantined row. It is not counted; if it would have been, a note says so.
  void add(std::uint16_t table, std::span<const std::string_view> cells, bool good);
  void add(std::uint16_t table, std::span<const std::string> cells, bool good);
  AggregateResult finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::collection
