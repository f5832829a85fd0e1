#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "collection/internal/arena.h"
#include "collection/internal/civil.h"
#include "collection/internal/follow.h"
#include "collection/internal/plan.h"
#include "collection/internal/text_index.h"
#include "collection/projector.h"
#include "fhirpath/evaluator.h"
#include "views/runner.h"

namespace tributary::collection {

inline constexpr std::uint32_t kNone = ~std::uint32_t{0};

// An element a cell was read from, before it is encoded.
struct Origin {
  const fhir::Document* document = nullptr;
  fhir::NodeIndex node = 0;
  bool condition = false;
};

struct RawCell {
  std::string_view text;
  std::uint32_t origin = 0, origins = 0;  // into origins_
};

// A row as one view gave it from one resource.
struct RawRow {
  std::uint16_t source = 0;
  std::uint32_t document = 0;
  std::uint32_t cells = 0;                       // first of the table's fields in raw_cells_
  std::uint32_t touched = 0, touched_count = 0;  // resources resolved on the way, in touched_
  std::string_view order;
  std::uint32_t next = kNone;  // next with the same key
};

// A row after merging.
struct WorkRow {
  std::uint16_t table = 0, source = 0;
  std::uint32_t document = 0;
  std::uint32_t cells = 0;    // into cells_ and cell_origins_
  std::uint32_t raw = kNone;  // first raw row of its group; all of the group belong to it
  bool alone = false;         // a duplicate: only `raw` itself belongs to it
  bool duplicate = false;
  bool rejected = false;
  std::string_view key;
  std::string_view start, end;
  std::uint32_t parents = 0;  // into parents_: one a link of the table
};

struct CellOrigin {
  std::uint16_t source = 0;
  std::uint32_t origin = 0, origins = 0;
};

struct DocumentState {
  fhirpath::Value root;
  std::string_view name;           // "Type/id"; empty without id
  std::uint16_t type = 0xFFFF;     // index into Impl::types; none of them
  std::uint32_t good = 0;          // good rows it gave something to
  std::uint32_t bad_row = kNone;   // a quarantined row it gave something to
  std::uint32_t last_row = kNone;  // counted for this row already
  std::uint32_t first_row = kNone;
  // The filter that came nearest to letting it through.
  int filter = -1;
  std::uint16_t filter_source = 0;
  std::string_view filter_rule, filter_reason;  // other reasons
  std::uint32_t fault = kNone;                  // index into issues_: a view could not run
};

class DocumentResolver final : public fhirpath::Resolver {
 public:
  std::optional<fhirpath::Value> resolve(std::string_view reference,
                                         const fhirpath::Value& from) const override;

  std::span<const DocumentState> documents;
  const TextIndex* index = nullptr;
  std::vector<std::uint32_t>* touched = nullptr;
  mutable std::string_view missing;  // the first reference of a run that led nowhere
  mutable TextIndex ids;             // by id alone, for urn: references; made when the first one comes
  mutable bool ids_ready = false;

 private:
  void indexIds() const;
};

struct Projector::Impl final : views::RowSink {
  explicit Impl(std::shared_ptr<const Collection> c);

  Result<Projection> project(std::span<const Input> subject, std::span<const Input> shared,
                             const ProjectOptions& options);
  Result<Projection> check(std::span<const GivenRow> rows, const ProjectOptions& options);

  // run.cpp: from resources to raw rows
  void prepare(std::span<const Input> subject, std::span<const Input> shared);
  void runTable(std::uint16_t table);
  void runSource(const SourcePlan& plan, std::span<const std::uint32_t> documents, bool account);
  void suppress(const SourcePlan& plan);
  bool row(std::span<const views::Cell> cells) override;
  RawCell convert(const ColumnPlan& column, const views::Cell& cell, std::span<const views::Cell> cells);
  void foreignKeys();
  std::string_view shorten(std::string_view text, std::size_t limit);

  // given.cpp: raw rows that no view made
  void take(std::span<const GivenRow> rows, std::uint16_t table);

  // watch.cpp: how a cell came to be, for people who ask
  views::Runner* watching();
  void followSource(const SourcePlan& plan, bool account);
  void keepAttempt(std::span<const views::Cell> cells);
  void dropAttempts(std::size_t raw_rows);
  void tellWatch(std::uint32_t row, const Row& out);

  // merge.cpp: from raw rows to rows
  void mergeTable(std::uint16_t table);
  void mergeGroup(std::uint16_t table, std::uint32_t first);
  void addRow(std::uint16_t table, std::uint32_t base, std::uint32_t group, bool alone);
  RawCell pick(const SourcePlan& plan, std::size_t field, std::uint32_t group, std::uint32_t only,
               bool& aggregated);
  std::string_view keyOf(std::uint16_t table, std::span<const std::string_view> cells,
                         std::uint32_t document);

  // check.cpp: national rules
  void checkRow(std::uint32_t row);
  void checkCells(std::uint32_t row);
  void checkSeveral(std::uint32_t row);
  void checkSingles(std::uint16_t table);
  void linkTable(std::uint16_t table);
  void linkRow(std::uint32_t row);
  void checkGroups(std::uint32_t row, bool warnings);
  void checkHeldKeys();
  bool compares(const Check& check, std::string_view cell, std::string_view other) const;
  void broken(std::uint32_t row, const Check& check, std::string_view cell = {});
  RowIssue& report(std::uint32_t row, std::uint32_t rule, Grade grade, std::uint16_t field);

  // finish.cpp
  void periods();
  void finish(const ProjectOptions& options);
  void outcomes();
  void credit(std::uint32_t document, std::uint32_t row, bool good);
  void encodeRow(std::uint32_t row, Row& out, bool lineage);
  std::uint32_t documentOf(const fhir::Document* document, const WorkRow& row) const;

  std::span<std::string_view> cellsOf(const WorkRow& row) {
    return {cells_.data() + row.cells, collection->impl().tables[row.table].fields.size()};
  }
  std::size_t rowsBegin(std::uint16_t table) const { return table_rows_[table].first; }
  std::size_t rowsEnd(std::uint16_t table) const { return table_rows_[table].second; }

  std::shared_ptr<const Collection> collection;
  const Collection::Impl& plan;
  TextArena text;
  CivilClock clock;
  DocumentResolver resolver;
  fhirpath::Environment environment;
  std::unique_ptr<views::Runner> plain, traced, looking;  // without and with lineage; with that of nulls
  views::Runner* runner = nullptr;
  std::vector<fhirpath::Value> setting_values;
  std::vector<fhirpath::NamedValue> settings;

  std::span<const Input> subject_, shared_;
  const ProjectOptions* options_ = nullptr;
  std::vector<DocumentState> documents_;
  TextIndex index_;
  std::vector<std::vector<std::uint32_t>> by_type_, shared_by_type_;
  std::vector<std::uint32_t> suppressed_;  // document → source + 1 that leaves it out
  std::vector<std::uint32_t> touched_;
  std::vector<RawRow> raw_;
  std::vector<RawCell> raw_cells_;
  std::vector<Origin> origins_;
  const SourcePlan* running_ = nullptr;
  std::uint32_t running_document_ = 0;
  std::size_t table_raw_ = 0;  // first raw row of the table at work
  TextIndex groups_;
  std::vector<std::uint32_t> heads_, tails_;
  std::vector<WorkRow> rows_;
  std::vector<std::pair<std::size_t, std::size_t>> table_rows_;
  std::vector<std::string_view> cells_;
  std::vector<CellOrigin> cell_origins_;
  std::vector<std::uint32_t> parents_;
  std::vector<TextIndex> keys_;  // as plan.keys
  std::vector<RowIssue> issues_, sorted_issues_;
  std::vector<Row> out_rows_;
  std::vector<ResourceOutcome> out_outcomes_;
  std::vector<std::uint32_t> shared_rows_;
  std::string scratch_;
  // For ProjectOptions::watch; see watch.cpp.
  Follower follower_;
  std::size_t followed_ = kNotFollowed;                          // column of the source at work
  std::vector<std::pair<std::uint32_t, Attempt>> attempts_;      // by raw row
  std::vector<Attempt> told_;
  std::vector<SeenElement> seen_;
  static constexpr std::size_t kNotFollowed = ~std::size_t{0};
  struct ShortId {
    std::string_view text, id;
  };
  TextIndex short_ids_;
  std::vector<std::string_view> short_texts_;
};

}  // namespace tributary::collection
