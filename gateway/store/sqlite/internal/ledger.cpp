#include <algorithm>

#include "base/fault_point.h"
#include "base/hash.h"
#include "store/sqlite/internal/engine.h"

namespace tributary::store::sqlite {
namespace {

// Optional parts of a WHERE clause; each kept filter binds one value. Built per call, so not through
// Database's statement cache by address: filters are few and reads of an operator, so all are always bound
// instead:
// "(? = '' OR x = ?)" costs nothing next to the row itself.
constexpr const char* kRowsSql =
    "SELECT l.id, l.collection_id, l.table_id, l.row_key, s.source_id, s.subject_key, l.period, l.version, "
    "l.hash_high, l.hash_low, l.deleted, l.held, l.changed_at, l.cells, l.lineage, l.issues FROM ledger l "
    "CROSS JOIN subject s ON s.id = l.subject_id WHERE l.id > ?1 AND (?2 = 0 OR l.collection_id = ?2) AND "
    "(?3 = 0 OR "
    "l.table_id = ?3) AND (?4 = 0 OR s.source_id = ?4) AND (?5 = '' OR s.subject_key = ?5) ORDER BY l.id";

// By subject there is an index.
constexpr const char* kRowsOfSubjectSql =
    "SELECT l.id, l.collection_id, l.table_id, l.row_key, s.source_id, s.subject_key, l.period, l.version, "
    "l.hash_high, l.hash_low, l.deleted, l.held, l.changed_at, l.cells, l.lineage, l.issues FROM subject s "
    "CROSS JOIN ledger l ON l.subject_id = s.id WHERE l.id > ?1 AND (?2 = 0 OR l.collection_id = ?2) AND (?3 "
    "= 0 OR "
    "l.table_id = ?3) AND (?4 = 0 OR s.source_id = ?4) AND s.subject_key = ?5 ORDER BY l.id";

constexpr const char* kRowByKeySql =
    "SELECT l.id, l.collection_id, l.table_id, l.row_key, s.source_id, s.subject_key, l.period, l.version, "
    "l.hash_high, l.hash_low, l.deleted, l.held, l.changed_at, l.cells, l.lineage, l.issues FROM ledger l "
    "CROSS JOIN subject s ON s.id = l.subject_id WHERE l.key_hash = ?1 AND l.collection_id = ?2 AND "
    "l.table_id = ?3 "
    "AND l.row_key = ?4";

LedgerRow readRow(const Rows& rows, const Names& names) {
  LedgerRow row;
  row.id = rows->number(0);
  row.collection = names.text(rows->integer(1));
  row.table = names.text(rows->integer(2));
  row.key = rows->text(3);
  row.source = names.text(rows->integer(4));
  row.subject = rows->text(5);
  row.period = rows->text(6);
  row.version = rows->number(7);
  row.hash = {rows->number(8), rows->number(9)};
  row.deleted = rows->flag(10);
  row.held = rows->flag(11);
  row.changed_at = rows->instant(12);
  row.cells = rows->text(13);
  row.lineage = rows->text(14);
  row.issues = rows->text(15);
  return row;
}

}  // namespace

RowState rowState(std::int64_t delivery_state, std::int64_t submission_state, bool deleted) {
  const RowState accepted = deleted ? RowState::kWithdrawn : RowState::kAccepted;
  switch (delivery_state) {
    case 0:
      return RowState::kPending;
    case 2:
      return accepted;
    case 3:
      return RowState::kRejected;
    default:
      break;
  }
  switch (static_cast<SubmissionState>(submission_state)) {
    case SubmissionState::kAssembling:
    case SubmissionState::kReady:
    case SubmissionState::kSending:
      return RowState::kAssigned;
    case SubmissionState::kSent:
      return RowState::kSent;
    case SubmissionState::kTransportAccepted:
      return RowState::kTransportAccepted;
    case SubmissionState::kFileAccepted:
      return RowState::kFileAccepted;
    case SubmissionState::kFileRejected:
      return RowState::kRejected;
    case SubmissionState::kDone:
      return accepted;
    case SubmissionState::kFailed:
    case SubmissionState::kCancelled:
      return RowState::kFailed;
  }
  return RowState::kFailed;
}

Result<void> Engine::setDestinations(std::span<const Destination> destinations) {
  return write([&](WriterState& state) -> Result<void> {
    Database& database = state.database;
    TRY_VOID(database.run("UPDATE destination SET active = 0"));
    for (const Destination& destination : destinations) {
      if (destination.name.empty() || destination.collection.empty()) {
        return fail(ErrorCode::kInvalidArgument, "store: a destination needs its name and collection");
      }
      TRY_ASSIGN(const std::int64_t name, state.names.intern(database, destination.name));
      TRY_ASSIGN(const std::int64_t collection, state.names.intern(database, destination.collection));
      TRY_ASSIGN(
          const std::int64_t before,
          database.integer(collection, "SELECT collection_id FROM destination WHERE name_id = ?", name));
      if (before != collection) {
        return fail(ErrorCode::kInvalidArgument, "store: destination " + destination.name +
                                                     " belongs to another collection; give it a new name");
      }
      TRY_VOID(
          database.run("INSERT INTO destination(name_id, collection_id, active) VALUES(?,?,1) ON CONFLICT DO "
                       "UPDATE SET active = 1",
                       name, collection));
      // New here, or back after a pause: what it has not got in its newest version is pending.
      TRY_VOID(
          database.run("INSERT INTO delivery SELECT t.id, l.id, l.subject_id, 0, l.version, 0, 0, 0, 0, '' "
                       "FROM destination t "
                       "CROSS JOIN ledger l ON l.collection_id = t.collection_id WHERE t.name_id = ? AND "
                       "l.deleted = 0 AND l.held = "
                       "0 ON CONFLICT DO UPDATE SET state = 0, subject_id = excluded.subject_id, version = "
                       "excluded.version, "
                       "deleted = 0, rule_id = 0, reason = '' WHERE version <> excluded.version",
                       name));
      state.change.pending = true;
    }
    FAULT_POINT("store.set_destinations.before_commit");
    return state.load();
  });
}

Result<void> Engine::readDeliveries(Database& database, LedgerRow& row) const {
  Rows rows = database.query(
      "SELECT t.name_id, d.state, coalesce(s.state, 0), d.deleted, d.version, d.submission_id, d.rule_id, "
      "d.reason, "
      "coalesce(s.reason, '') FROM destination t CROSS JOIN delivery d ON d.destination_id = t.id AND "
      "d.row_id = ? "
      "LEFT JOIN submission s ON s.id = d.submission_id ORDER BY t.id",
      row.id);
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    RowDelivery& delivery = row.deliveries.emplace_back();
    delivery.destination = names_.text(rows->integer(0));
    delivery.state = rowState(rows->integer(1), rows->integer(2), rows->flag(3));
    delivery.version = rows->number(4);
    delivery.submission = rows->number(5);
    delivery.rule = names_.text(rows->integer(6));
    delivery.reason = rows->text(7);
    const bool by_file = delivery.state == RowState::kRejected || delivery.state == RowState::kFailed;
    if (by_file && delivery.reason.empty()) delivery.reason = rows->text(8);
  }
}

Result<std::optional<LedgerRow>> Engine::row(std::string_view collection, std::string_view table,
                                             std::string_view key) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(kRowByKeySql, rowKeyHash(collection, table, key), names_.find(collection),
                              names_.find(table), key);
  TRY_ASSIGN(const bool found, rows.next());
  if (!found) return std::nullopt;
  LedgerRow row = readRow(rows, names_);
  TRY_VOID(readDeliveries(*database, row));
  return row;
}

Result<std::uint64_t> Engine::readRows(const RowFilter& filter, std::uint64_t after, std::size_t limit,
                                       const std::function<bool(const LedgerRow&)>& on_row) {
  if (filter.state && filter.destination.empty()) {
    return fail(ErrorCode::kInvalidArgument, "store: a row state needs its destination");
  }
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(filter.subject.empty() ? kRowsSql : kRowsOfSubjectSql, after,
                              names_.find(filter.collection), names_.find(filter.table),
                              names_.find(filter.source), filter.subject);
  std::size_t given = 0;
  while (given < limit) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    LedgerRow row = readRow(rows, names_);
    TRY_VOID(readDeliveries(*database, row));
    const auto matches = [&](const RowDelivery& delivery) {
      return delivery.destination == filter.destination && (!filter.state || delivery.state == *filter.state);
    };
    after = row.id;
    if (!filter.destination.empty() && std::ranges::none_of(row.deliveries, matches)) continue;
    ++given;
    if (!on_row(row)) break;
  }
  return after;
}

Result<std::uint64_t> Engine::readQuarantine(const QuarantineFilter& filter, std::uint64_t after,
                                             std::size_t limit,
                                             const std::function<bool(const QuarantineRecord&)>& on_row) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT q.id, q.collection_id, q.table_id, q.row_key, s.source_id, s.subject_key, q.rule_id, q.reason, "
      "q.cause, "
      "q.at, q.cells, q.issues, q.lineage FROM quarantine q CROSS JOIN subject s ON s.id = q.subject_id "
      "WHERE q.id > "
      "?1 AND (?2 = 0 OR q.collection_id = ?2) AND (?3 = 0 OR q.table_id = ?3) AND (?4 = 0 OR s.source_id = "
      "?4) AND "
      "(?5 = '' OR s.subject_key = ?5) AND (?6 = 0 OR q.rule_id = ?6) ORDER BY q.id LIMIT ?7",
      after, names_.find(filter.collection), names_.find(filter.table), names_.find(filter.source),
      filter.subject, names_.find(filter.rule), static_cast<std::uint64_t>(limit));
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return after;
    QuarantineRecord record;
    record.id = rows->number(0);
    record.collection = names_.text(rows->integer(1));
    record.table = names_.text(rows->integer(2));
    record.key = rows->text(3);
    record.source = names_.text(rows->integer(4));
    record.subject = rows->text(5);
    record.rule = names_.text(rows->integer(6));
    record.reason = rows->text(7);
    record.cause = rows->text(8);
    record.at = rows->instant(9);
    record.cells = rows->text(10);
    record.issues = rows->text(11);
    record.lineage = rows->text(12);
    after = record.id;
    if (!on_row(record)) return after;
  }
}

Result<std::uint64_t> Engine::readOutcomes(const OutcomeFilter& filter, std::uint64_t after,
                                           std::size_t limit,
                                           const std::function<bool(const OutcomeRecord&)>& on_outcome) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT r.id, r.source_id, r.type_id, r.resource_id, coalesce(s.subject_key, ''), r.rule_id, r.reason, "
      "r.seq, "
      "CASE WHEN r.used_seq = r.seq THEN 1 ELSE r.outcome END AS stands FROM resource r LEFT JOIN subject s ON "
      "s.id = r.subject_id WHERE r.id > ?1 AND r.seq > 0 AND (?2 = 0 "
      "OR r.source_id = ?2) AND (?3 = 0 OR r.type_id = ?3) AND (?4 = 0 OR r.rule_id = ?4) AND CASE WHEN ?5 < "
      "0 THEN stands IN (2, 3) ELSE stands = ?5 END ORDER BY r.id LIMIT ?6",
      after, names_.find(filter.source), names_.find(filter.type), names_.find(filter.rule),
      filter.outcome ? static_cast<int>(*filter.outcome) : -1, static_cast<std::uint64_t>(limit));
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return after;
    OutcomeRecord record;
    record.id = rows->number(0);
    record.source = names_.text(rows->integer(1));
    record.type = names_.text(rows->integer(2));
    record.resource_id = rows->text(3);
    record.subject = rows->text(4);
    record.rule = names_.text(rows->integer(5));
    record.reason = rows->text(6);
    record.seq = rows->number(7);
    record.outcome = static_cast<ResourceOutcome>(rows->integer(8));
    after = record.id;
    if (!on_outcome(record)) return after;
  }
}

}  // namespace tributary::store::sqlite
