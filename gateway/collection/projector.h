#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/issue.h"
#include "base/result.h"
#include "collection/collection.h"
#include "collection/lineage.h"
#include "fhir/document.h"

namespace tributary::collection {

// One resource that goes in. The document must live until the next project().
struct Input {
  const fhir::Document* document = nullptr;
  std::uint64_t journal = 0;  // sequence number of its version, for lineage; 0 is none
};

enum class RowState : std::uint8_t { kOk, kQuarantined };

// A row of a table. Views and spans live until the next project().
struct Row {
  std::uint16_t table = 0;  // index into Collection::tables()
  std::string_view key;     // unique within the table in one source; key columns joined with '|'
  std::span<const std::string_view> cells;    // as Table::fields; unsent ones are empty
  std::string_view encoded;                   // encodeCells(cells)
  std::string_view period_start, period_end;  // effective period: civil dates, empty: open or unknown
  std::string_view lineage;                   // encodeLineage form; empty when turned off
  std::uint32_t resource = 0;  // index of the resource that made it: subject inputs first, then shared ones
  RowState state = RowState::kOk;
  std::uint32_t first_issue = 0, issue_count = 0;  // into Projection::issues
};

// A finding on a row, or (row == kNoRow) on a resource or the whole subject.
struct RowIssue {
  static constexpr std::uint32_t kNoRow = ~std::uint32_t{0};
  std::uint32_t row = kNoRow;
  std::uint32_t rule = kNoRule;  // index into Collection::rules(); kNoRule: one of the engine's own
  static constexpr std::uint32_t kNoRule = ~std::uint32_t{0};
  Grade grade = Grade::kWarning;
  std::uint32_t cause =
      kNoRow;   // a cascade: the row that pulled this one down; of no row: index of the subject input
  Issue issue;  // path "table.field"; offset in the resource where that is known
};

enum class Outcome : std::uint8_t { kUsed, kFiltered, kQuarantined };

// What became of one subject input.
struct ResourceOutcome {
  Outcome outcome = Outcome::kFiltered;
  std::string_view rule;    // kFiltered, kQuarantined: the rule that did it
  std::string_view reason;  // plain English, no patient data
  std::uint32_t rows = 0;   // good rows it gave something to
};

struct Projection {
  std::span<const Row> rows;                  // good and quarantined ones, tables in order
  std::span<const RowIssue> issues;           // grouped by row; those of no row at the end
  std::span<const ResourceOutcome> outcomes;  // one for each subject input, in order
  std::span<const std::uint32_t> shared_rows = {};  // of each shared input: good rows it gave something to
};

// A row that is there already: made elsewhere, or written down to try the rules.
struct GivenRow {
  std::uint16_t table = 0;
  std::vector<std::string> cells;  // as Table::fields; those of unsent fields are left out
};

// A row's key that rows outside this subject hold: the row is quarantined under kKeyHeldRule, with what hangs on it.
struct HeldKey {
  std::uint16_t table = 0;
  std::string key;  // Row::key
};
inline constexpr std::string_view kKeyHeldRule = "ledger-duplicate-key";
struct CellWatch;  // cell_watch.h

struct ProjectOptions {
  Scope scope = Scope::kPatient;
  bool lineage = true;
  Instant now{};                   // for now() in expressions
  std::span<const HeldKey> held_keys = {};
  const Window* window = nullptr;  // also check the rules that speak of the window or of the file's creation
  const CellWatch* watch = nullptr;  // hears how cells come to be; slow
};

// Projects subjects to checked rows. One a thread; keeps its memory between calls, so make it once a worker.
class Projector {
 public:
  explicit Projector(std::shared_ptr<const Collection> collection);
  ~Projector();
  Projector(Projector&&) noexcept;
  Projector& operator=(Projector&&) noexcept;

  // `subject`: all current resources of one patient (or, kProvider, resources of no patient).
  // `shared`: what they refer to outside the subject (Organization, Practitioner, Location, CareTeam, …);
  // they give no rows and have no outcome here. An Error means machinery; what is wrong with data is an
  // issue.
  Result<Projection> project(std::span<const Input> subject, std::span<const Input> shared,
                             const ProjectOptions& options = {});

  // Rows that no view made, through everything that comes after the views: keys, duplicates, national rules, links
  // between tables and the cascade. Tables of all scopes may stand together; Row::resource is the index of the given
  // row. There are no outcomes and there is no lineage. Rows of the header are not looked at (Collection::checkHeader).
  Result<Projection> check(std::span<const GivenRow> rows, const ProjectOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::collection
