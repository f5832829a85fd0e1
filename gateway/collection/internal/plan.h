#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/civil_time.h"
#include "collection/collection.h"
#include "collection/internal/rules.h"
#include "fhir/names.h"
#include "views/view.h"

namespace tributary::collection {

// What a column's tags ask of its value.
enum class Convert : std::uint8_t { kNone, kDate, kTime, kDateTime, kShortId, kMinutes };
// How rows of one source with one key become one.
enum class Merge : std::uint8_t { kFirst, kLeast, kMost, kMostIfAll };

struct ColumnPlan {
  std::uint16_t field = kNoField;  // kNoField: a helper ("helper_start")
  Convert convert = Convert::kNone;
  Merge merge = Merge::kFirst;
  std::uint16_t limit = 0;           // kShortId: most characters
  std::uint16_t start = 0, end = 0;  // kMinutes: the columns to measure between
};

// create: makes rows. combine: makes rows, those with one key are one. fill: only adds to rows of other
// sources.
enum class Mode : std::uint8_t { kCreate, kCombine, kFill };

// Rows of resources that such an element of a resource with rows in the same table refers to are left out.
struct Suppression {
  std::string resource;
  fhir::NameId element = fhir::kNoName;
};

struct SourcePlan {
  std::shared_ptr<const views::View> view;
  std::uint16_t index = 0, table = 0;
  Mode mode = Mode::kCreate;
  std::uint16_t type = 0;           // index into Impl::types
  std::vector<ColumnPlan> columns;  // as View::columns()
  std::uint16_t order_column = kNoField;
  std::vector<std::string> filter_ids, filter_reasons;  // as View::where()
  std::string suppressed_id;
  bool uses_settings = false;  // some expression names %provider or another setting
  std::vector<Suppression> suppressions;
};

enum class PeriodKind : std::uint8_t { kAlways, kOn, kOpen, kParent, kHull };

struct PeriodPlan {
  PeriodKind kind = PeriodKind::kAlways;
  std::uint16_t start = kNoField, end = kNoField;
  std::uint16_t of = kNoTable;  // hull: the child table
};

// A parent row needs at least one good child row.
struct GroupPlan {
  std::uint32_t rule = 0;
  Grade grade = Grade::kRejectRecord;
  std::uint16_t needs = kNoTable;
  std::uint16_t link = 0;  // which link of the child table leads here
};

struct TablePlan {
  std::vector<std::uint16_t> sources;
  std::vector<Check> cells;               // one cell each, in order of fields
  std::vector<Check> rows;                // several cells of a row
  std::vector<Check> windows;             // need a window
  std::vector<Check> links;               // kParent
  std::vector<std::uint16_t> link_slots;  // as links
  std::vector<Check> compares;            // with a parent's cell
  std::vector<Check> uniques, singles;
  std::vector<Check> distincts;      // over the whole file: FileCheck
  std::vector<std::uint16_t> slots;  // keys that other tables look up here
  std::vector<GroupPlan> groups;
  PeriodPlan period;
  std::uint16_t period_link = kNoField;  // kParent: the link whose row lends its period
};

// Values of one field that other tables refer to.
struct KeySlot {
  std::uint16_t table = 0, field = 0;
};

struct HeaderCell {
  enum class From : std::uint8_t { kValue, kSetting, kStart, kEnd, kCreated } from = From::kValue;
  std::string text;  // value or name of the setting
};

// A cell of a row, or of the row that it names by one of its parent rules.
struct FieldPath {
  std::uint16_t link = kNoField;  // index into TablePlan::links; kNoField: the row's own
  std::uint16_t field = kNoField;
};

struct PathCondition {
  FieldPath path;
  std::vector<std::string> in;
};

// What rows of one table add to an aggregate.
struct TallyPlan {
  enum class Function : std::uint8_t { kSum, kDistinct, kRows } function = Function::kRows;
  std::uint16_t from = kNoTable;
  std::uint16_t start = kNoField, end = kNoField;  // bounds of the row's interval; kNoField: open
  bool always = true;                              // no interval: every row counts
  std::vector<PathCondition> where;
  std::vector<FieldPath> group;     // as AggregatePlan::group
  std::uint16_t target = kNoField;  // field of the aggregate table
  FieldPath of;                     // sum, distinct
};

// When an aggregate is taken: a civil day, and the same again every so many days.
struct CalendarPlan {
  std::int32_t first = 0;  // days since 1970-01-01
  std::int32_t every = 1;
  std::string at = "00:00:00";
  std::int32_t period_start = 0, period_end = 0;  // days from the day
  std::int32_t opens = 0, closes = 0;             // days from the day
  std::string opens_at = "00:00:00", closes_at = "23:59:59";
};

struct AggregateCell {
  enum class From : std::uint8_t { kNone, kValue, kSetting, kNumber, kStart, kEnd, kAt } from = From::kNone;
  std::string text;  // value or name of the setting
};

struct AggregatePlan {
  std::uint16_t table = kNoTable;
  CalendarPlan calendar;
  std::vector<std::uint16_t> group;  // fields of the aggregate table
  std::vector<TallyPlan> tallies;
  std::vector<AggregateCell> cells;  // as the table's fields
};

struct Collection::Impl {
  std::string id, title, zone_name, hash;
  TimeZone zone;
  std::vector<Table> tables;
  std::vector<Rule> rules;
  std::vector<Source> sources;
  std::vector<std::string> resource_types;   // sorted
  std::vector<std::string> reference_types;  // sorted: only referred to
  std::vector<ProviderResource> provider_resources;
  std::map<std::string, std::string> settings;

  std::vector<TablePlan> table_plans;
  std::vector<SourcePlan> source_plans;
  std::vector<std::string> types;  // types that some view reads
  std::vector<KeySlot> keys;
  std::uint16_t header_table = kNoTable;
  std::vector<HeaderCell> header;
  std::vector<AggregatePlan> aggregates;
  std::shared_ptr<const Calendar> calendar;

  std::shared_ptr<const terminology::Definitions> definitions;
  std::shared_ptr<const terminology::Terminology> terminology;

  explicit Impl(TimeZone z) : zone(z) {}
};

}  // namespace tributary::collection
