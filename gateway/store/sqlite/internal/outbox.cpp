#include <algorithm>
#include <array>

#include "base/fault_point.h"
#include "base/hash.h"
#include "store/sqlite/internal/engine.h"
#include "store/sqlite/internal/period_sql.h"

namespace tributary::store::sqlite {
namespace {

constexpr std::uint64_t kReadStep = 5'000;  // rows of a submission read on one snapshot

constexpr const char* kSubmissionByIdSql =
    "SELECT id, destination_id, collection_id, window, format, idempotency_key, state, rows, deletes, "
    "accepted, "
    "rejected, file_path, file_hash, file_bytes, transport_id, attempts, next_attempt, reason, created_at, "
    "since, "
    "(SELECT name_id FROM destination WHERE id = destination_id) FROM submission WHERE id = ?";

Submission readRecord(const Rows& rows, const Names& names) {
  Submission submission;
  submission.id = rows->number(0);
  submission.collection = names.text(rows->integer(2));
  submission.window = rows->text(3);
  submission.format = rows->text(4);
  submission.idempotency_key = rows->text(5);
  submission.state = static_cast<SubmissionState>(rows->integer(6));
  submission.rows = rows->number(7);
  submission.deletes = rows->number(8);
  submission.accepted = rows->number(9);
  submission.rejected = rows->number(10);
  submission.file_path = rows->text(11);
  submission.file_hash = rows->text(12);
  submission.file_bytes = rows->number(13);
  submission.transport_id = rows->text(14);
  submission.attempts = static_cast<std::uint32_t>(rows->integer(15));
  if (rows->integer(16) != 0) submission.next_attempt = rows->instant(16);
  submission.reason = rows->text(17);
  submission.created_at = rows->instant(18);
  submission.since = rows->instant(19);
  submission.destination = names.text(rows->integer(20));
  return submission;
}

Result<void> readTables(Database& database, const Names& names, Submission& submission) {
  Rows rows = database.query(
      "SELECT table_id, first_number, rows, deletes FROM submission_table WHERE submission_id = ? ORDER BY "
      "position",
      submission.id);
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    submission.tables.push_back(
        {names.text(rows->integer(0)), rows->number(1), rows->number(2), rows->number(3)});
  }
}

// Opens one submission; on the writing thread.
class Opener {
 public:
  Opener(WriterState& state, const SubmissionRequest& request, const std::string& idempotency_key,
         Instant now)
      : state_(state),
        database_(state.database),
        request_(request),
        idempotency_key_(idempotency_key),
        now_(now) {}

  // The id; 0 when nothing matches.
  Result<std::uint64_t> run() {
    const std::int64_t name = state_.names.find(request_.destination);
    TRY_ASSIGN(collection_, state_.names.intern(database_, request_.collection));
    TRY_ASSIGN(destination_,
               database_.integer(
                   0, "SELECT id FROM destination WHERE name_id = ? AND collection_id = ? AND active = 1",
                   name, collection_));
    if (destination_ == 0) {
      return fail(ErrorCode::kNotFound,
                  "store: no destination " + request_.destination + " for this collection");
    }
    TRY_VOID(wantTables());
    TRY_VOID(wantSubjects());
    TRY_ASSIGN(const std::int64_t wanted, database_.integer(0, "SELECT count(*) FROM wanted_subject"));
    if (wanted == 0) return 0;
    TRY_VOID(database_.run(
        "INSERT INTO submission(destination_id, collection_id, window, format, idempotency_key, state, rows, "
        "deletes, "
        "accepted, rejected, file_path, file_hash, file_bytes, transport_id, attempts, next_attempt, reason, "
        "created_at, since) VALUES(?,?,?,?,?,0,0,0,0,0,'','',0,'',0,0,'',?,?)",
        destination_, collection_, request_.window, request_.format, idempotency_key_, now_, now_));
    id_ = database_.lastId();
    TRY_VOID(fill());
    return id_;
  }

 private:
  Result<void> wantTables() {
    TRY_VOID(database_.run("DELETE FROM wanted_table"));
    if (request_.tables.empty()) {
      return database_.run(
          "INSERT INTO wanted_table SELECT t.table_id, row_number() OVER (ORDER BY n.text) FROM ledger_table "
          "t JOIN "
          "name n ON n.id = t.table_id WHERE t.collection_id = ?",
          collection_);
    }
    std::uint64_t position = 0;
    for (const std::string& table : request_.tables) {
      TRY_ASSIGN(const std::int64_t id, state_.names.intern(database_, table));
      TRY_VOID(database_.run("INSERT OR IGNORE INTO wanted_table VALUES(?,?)", id, ++position));
    }
    return {};
  }

  // Whose rows go in: subjects with pending rows that match, as many as the limit allows; or all with rows.
  Result<void> wantSubjects() {
    TRY_VOID(database_.run("DELETE FROM wanted_subject"));
    const bool everything = request_.scope == SubmissionScope::kEverything;
    if (everything) {
      const std::string companions = idsOf(state_.names, request_.companions);
      return database_.run(
          "INSERT OR IGNORE INTO wanted_subject SELECT l.subject_id FROM ledger l WHERE l.collection_id = ?5 AND l.table_id "
          "IN (SELECT table_id FROM wanted_table) AND l.table_id NOT IN (SELECT value FROM json_each(?6)) AND (l.deleted = 0 "
          "OR EXISTS(SELECT 1 FROM delivery d WHERE d.destination_id = ?7 AND d.row_id = l.id AND d.state = 0)) "
          "AND " PERIOD_MATCHES,
          request_.period_from, request_.period_to, request_.lasting_from, true, collection_, companions, destination_);
    }
    // In the order of the index of pending rows, so that a limit ends the walk early.
    std::vector<std::int64_t> subjects;
    {
      Rows rows = database_.query(
          "SELECT d.subject_id, count(*) FROM delivery d CROSS JOIN ledger l ON l.id = d.row_id CROSS JOIN "
          "wanted_table "
          "w ON w.table_id = l.table_id WHERE d.destination_id = ?5 AND d.state = 0 AND " PERIOD_MATCHES
          " GROUP BY d.subject_id ORDER BY d.subject_id",
          request_.period_from, request_.period_to, request_.lasting_from, false, destination_);
      std::uint64_t found_rows = 0;
      while (request_.max_rows == 0 || found_rows < request_.max_rows) {
        TRY_ASSIGN(const bool more, rows.next());
        if (!more) break;
        if (request_.max_rows != 0 && found_rows > 0 && found_rows + rows->number(1) > request_.max_rows)
          break;
        subjects.push_back(rows->integer(0));
        found_rows += rows->number(1);
      }
    }
    for (const std::int64_t subject : subjects) {
      TRY_VOID(database_.run("INSERT INTO wanted_subject VALUES(?)", subject));
    }
    return {};
  }

  Result<void> fill() {
    std::int64_t last_position = -1, last_table = 0;
    std::uint64_t number = 0, deletes = 0;
    SubmissionTable table;
    const bool with_context = request_.scope != SubmissionScope::kChanges;
    const bool everything = request_.scope == SubmissionScope::kEverything;
    // A refresh also takes what was refused, or went with a submission that failed, as its own: its answer decides anew.
    Rows rows = database_.query(
        "SELECT l.id, d.version, d.deleted, d.state = 0 OR (?4 AND (d.state = 3 OR (d.state = 1 AND p.state IN (6, 8, "
        "9)))), w.position, l.table_id, d.state <> 0 FROM wanted_subject c CROSS JOIN ledger l ON l.subject_id = c.subject_id "
        "CROSS JOIN wanted_table w ON w.table_id = l.table_id CROSS JOIN delivery d ON d.destination_id = ?5 AND "
        "d.row_id = l.id CROSS JOIN subject s ON s.id = l.subject_id CROSS JOIN name n ON n.id = s.source_id LEFT JOIN "
        "submission p ON p.id = d.submission_id WHERE l.collection_id = ?6 AND " PERIOD_MATCHES
        " AND (d.state = 0 OR (?7 AND l.deleted = 0)) ORDER BY w.position, n.text, s.subject_key, l.row_key",
        request_.period_from, request_.period_to, request_.lasting_from, everything, destination_, collection_, with_context);
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      if (rows->integer(4) != last_position) {
        TRY_VOID(writeTable(last_position, last_table, table));
        last_position = rows->integer(4);
        last_table = rows->integer(5);
        table = {};
        table.first_number = number + 1;
      }
      ++number;
      ++table.rows;
      const bool deleted = rows->flag(2), taken = rows->flag(3), context = rows->flag(6);
      table.deletes += deleted ? 1 : 0;
      deletes += deleted ? 1 : 0;
      TRY_VOID(database_.run("INSERT INTO submission_row VALUES(?,?,?,?,?,?,0)", id_, number,
                             rows->integer(0), rows->integer(1), deleted, context));
      if (taken) {
        TRY_VOID(
            database_.run("UPDATE delivery SET state = 1, submission_id = ?, sent_version = version, rule_id = 0, "
                          "reason = '' WHERE destination_id = ? AND row_id = ?",
                          id_, destination_, rows->integer(0)));
      }
    }
    TRY_VOID(writeTable(last_position, last_table, table));
    return database_.run("UPDATE submission SET rows = ?, deletes = ? WHERE id = ?", number, deletes, id_);
  }

  Result<void> writeTable(std::int64_t position, std::int64_t table_id, const SubmissionTable& table) {
    if (position < 0) return {};
    return database_.run("INSERT INTO submission_table VALUES(?,?,?,?,?,?)", id_, position, table_id,
                         table.first_number, table.rows, table.deletes);
  }

  WriterState& state_;
  Database& database_;
  const SubmissionRequest& request_;
  const std::string& idempotency_key_;
  const Instant now_;
  std::int64_t destination_ = 0, collection_ = 0;
  std::uint64_t id_ = 0;
};

// Puts one delivery back to pending. `undelivered`: the receiver cannot have this version from that
// submission, so what it has is what other submissions brought; where that is nothing, a delete needs not
// travel any more.
Result<void> putBack(WriterState& state, std::int64_t destination, std::int64_t row, std::uint64_t submission,
                     bool undelivered) {
  Database& database = state.database;
  if (undelivered) {
    TRY_VOID(database.run(
        "UPDATE delivery SET (sent_version, submission_id) = (SELECT coalesce(max(m.version), 0), "
        "coalesce(m.submission_id, 0) FROM submission_row m JOIN submission s ON s.id = m.submission_id "
        "WHERE m.row_id "
        "= ?2 AND m.submission_id <> ?3 AND s.destination_id = ?1 AND s.state <> 9) WHERE destination_id = "
        "?1 AND "
        "row_id = ?2",
        destination, row, submission));
  }
  TRY_VOID(
      database.run("UPDATE delivery SET state = 0, rule_id = 0, reason = '', version = (SELECT version FROM "
                   "ledger WHERE id = "
                   "row_id), deleted = (SELECT deleted FROM ledger WHERE id = row_id) WHERE destination_id = "
                   "? AND row_id = ?",
                   destination, row));
  TRY_VOID(database.run(
      "DELETE FROM delivery WHERE destination_id = ? AND row_id = ? AND deleted = 1 AND sent_version = 0",
      destination, row));
  if (database.changes() == 0) {
    state.change.pending = true;
    return {};
  }
  TRY_ASSIGN(const std::int64_t left,
             database.integer(
                 0,
                 "SELECT count(*) FROM delivery WHERE destination_id IN (SELECT id FROM destination) AND "
                 "row_id = ?",
                 row));
  if (left > 0) return {};
  TRY_ASSIGN(const std::int64_t key_hash,
             database.integer(0, "SELECT key_hash FROM ledger WHERE id = ?", row));
  TRY_VOID(database.run("DELETE FROM ledger WHERE id = ?", row));
  return wakeDuplicates(state, key_hash);
}

}  // namespace

bool mayMove(SubmissionState from, SubmissionState to) {
  using enum SubmissionState;
  if (from == to) return from != kCancelled;
  switch (to) {
    case kFailed:
      return from != kDone && from != kCancelled && from != kFileRejected;
    case kFileRejected:
      return from == kSending || from == kSent || from == kTransportAccepted || from == kFailed;
    case kCancelled:
      return from != kDone;
    case kAssembling:
      return false;
    case kReady:
    case kSending:
      return from < to || from == kSending;
    default:
      break;
  }
  // A receipt that comes after we gave up is the truth; then the submission did arrive.
  if (from == kFailed) return to >= kSent;
  if (from == kFileRejected || from == kCancelled || from == kDone) return false;
  return from < to;
}

Result<std::optional<Submission>> readSubmissionRecord(Database& database, const Names& names,
                                                       std::uint64_t id) {
  std::optional<Submission> submission;
  {
    Rows rows = database.query(kSubmissionByIdSql, id);
    TRY_ASSIGN(const bool found, rows.next());
    if (!found) return std::nullopt;
    submission = readRecord(rows, names);
  }
  TRY_VOID(readTables(database, names, *submission));
  return submission;
}

Result<std::optional<Submission>> Engine::openSubmission(const SubmissionRequest& request) {
  const std::string idempotency_key = randomUuid();
  const Instant at = now();
  std::optional<Submission> submission;
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    TRY_ASSIGN(const std::uint64_t id, Opener(state, request, idempotency_key, at).run());
    submission.reset();
    if (id == 0) return {};
    TRY_ASSIGN(submission, readSubmissionRecord(state.database, names_, id));
    FAULT_POINT("store.open_submission.before_commit");
    return {};
  }));
  FAULT_POINT("store.open_submission.after_commit");
  return submission;
}

Result<std::uint64_t> Engine::readSubmission(std::uint64_t submission, std::uint64_t after,
                                             const std::function<bool(const SubmissionRow&)>& on_row) {
  std::string table;
  for (;;) {
    // Members and their versions do not change, so each step may have a snapshot of its own: a long read
    // would keep the WAL from being reused.
    TRY_ASSIGN(const Readers::Lease database, readers_.take());
    Rows rows = database->query(
        "SELECT m.number, m.version, m.deleted, m.context, l.table_id, l.row_key, s.source_id, "
        "s.subject_key, l.period, "
        "l.version, l.cells, m.row_id, t.first_number FROM submission_row m CROSS JOIN ledger l ON l.id = "
        "m.row_id "
        "CROSS JOIN subject s ON s.id = l.subject_id LEFT JOIN submission_table t ON t.submission_id = "
        "m.submission_id AND t.table_id = l.table_id WHERE m.submission_id = ? AND m.number > ? ORDER BY "
        "m.number "
        "LIMIT ?",
        submission, after, kReadStep);
    std::uint64_t seen = 0;
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      ++seen;
      SubmissionRow row;
      row.number = rows->number(0);
      row.version = rows->number(1);
      row.deleted = rows->flag(2);
      row.context = rows->flag(3);
      table = names_.text(rows->integer(4));
      row.table = table;
      row.key = rows->bytes(5);
      const std::string source = names_.text(rows->integer(6));
      row.source = source;
      row.subject = rows->bytes(7);
      row.number_in_table = row.number - rows->number(12) + 1;
      after = row.number;
      if (rows->number(9) == row.version) {
        row.period = rows->bytes(8);
        row.cells = rows->bytes(10);
        if (!on_row(row)) return after;
        continue;
      }
      Rows old = database->query("SELECT period, cells FROM ledger_history WHERE row_id = ? AND version = ?",
                                 rows->integer(11), row.version);
      TRY_ASSIGN(const bool found, old.next());
      if (!found) return fail(ErrorCode::kCorrupt, "store: a row of a submission is missing");
      row.period = old->bytes(0);
      row.cells = old->bytes(1);
      if (!on_row(row)) return after;
    }
    if (seen < kReadStep) return after;
  }
}

Result<Submission> Engine::markSubmission(std::uint64_t submission, const SubmissionUpdate& update) {
  std::optional<Submission> found;
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    TRY_ASSIGN(found, readSubmissionRecord(state.database, names_, submission));
    if (!found) return fail(ErrorCode::kNotFound, "store: there is no such submission");
    if (update.state) {
      if (*update.state == SubmissionState::kCancelled || !mayMove(found->state, *update.state)) {
        return fail(ErrorCode::kConflict, "store: a submission cannot go from " +
                                              std::string(submissionStateName(found->state)) + " to " +
                                              std::string(submissionStateName(*update.state)));
      }
      if (found->state != *update.state) found->since = at;
      found->state = *update.state;
      if (found->state == SubmissionState::kDone) found->accepted = found->rows - found->rejected;
      if (found->state >= SubmissionState::kSent) found->next_attempt.reset();
    }
    if (update.file_path) found->file_path = *update.file_path;
    if (update.file_hash) found->file_hash = *update.file_hash;
    if (update.file_bytes) found->file_bytes = *update.file_bytes;
    if (update.transport_id) found->transport_id = *update.transport_id;
    if (update.reason) found->reason = *update.reason;
    if (update.next_attempt) found->next_attempt = *update.next_attempt;
    if (found->next_attempt == Instant{}) found->next_attempt.reset();
    if (update.count_attempt) ++found->attempts;
    TRY_VOID(
        state.database.run("UPDATE submission SET state = ?, accepted = ?, file_path = ?, file_hash = ?, "
                           "file_bytes = ?, transport_id = ?, "
                           "attempts = ?, next_attempt = ?, reason = ?, since = ? WHERE id = ?",
                           static_cast<int>(found->state), found->accepted, found->file_path,
                           found->file_hash, found->file_bytes, found->transport_id, found->attempts,
                           found->next_attempt.value_or(Instant{}), found->reason, found->since, submission));
    FAULT_POINT("store.mark_submission.before_commit");
    return {};
  }));
  FAULT_POINT("store.mark_submission.after_commit");
  return std::move(*found);
}

Result<std::uint64_t> Engine::requeueSubmission(std::uint64_t submission, std::string_view reason) {
  std::uint64_t moved = 0;
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    Database& database = state.database;
    moved = 0;
    TRY_ASSIGN(const std::optional<Submission> found, readSubmissionRecord(database, names_, submission));
    if (!found) return fail(ErrorCode::kNotFound, "store: there is no such submission");
    if (found->state == SubmissionState::kCancelled) return {};
    const bool done = found->state == SubmissionState::kDone;
    const bool undelivered = found->state == SubmissionState::kAssembling ||
                             found->state == SubmissionState::kReady ||
                             found->state == SubmissionState::kFileRejected;
    TRY_ASSIGN(const std::int64_t destination,
               database.integer(0, "SELECT destination_id FROM submission WHERE id = ?", submission));
    // Cancelled first: what remains is judged without it.
    if (!done) {
      TRY_VOID(database.run(
          "UPDATE submission SET state = 9, reason = ?, since = ?, next_attempt = 0 WHERE id = ?", reason, at,
          submission));
    }
    std::uint64_t after = 0;
    for (;;) {
      std::vector<std::int64_t> rows_to_move;
      {
        Rows rows = database.query(
            "SELECT m.number, m.row_id, d.state, d.submission_id FROM submission_row m CROSS JOIN delivery d "
            "ON "
            "d.destination_id = ? AND d.row_id = m.row_id WHERE m.submission_id = ? AND m.number > ? ORDER "
            "BY m.number "
            "LIMIT 10000",
            destination, submission, after);
        std::uint64_t seen = 0;
        for (;;) {
          TRY_ASSIGN(const bool more, rows.next());
          if (!more) break;
          ++seen;
          after = rows->number(0);
          const std::int64_t row_state = rows->integer(2);
          const bool mine = rows->number(3) == submission;
          if (mine && (row_state == 3 || (row_state == 1 && !done))) rows_to_move.push_back(rows->integer(1));
        }
        if (seen == 0) break;
      }
      for (const std::int64_t row : rows_to_move) {
        TRY_VOID(putBack(state, destination, row, submission, undelivered));
        ++moved;
      }
    }
    FAULT_POINT("store.requeue.before_commit");
    return {};
  }));
  return moved;
}

Result<std::uint64_t> Engine::requeueRows(std::string_view destination, std::span<const RowKey> rows) {
  std::uint64_t moved = 0;
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    Database& database = state.database;
    moved = 0;
    TRY_ASSIGN(const std::int64_t id, database.integer(0, "SELECT id FROM destination WHERE name_id = ?",
                                                       state.names.find(destination)));
    for (const RowKey& key : rows) {
      std::int64_t row = 0;
      {
        Rows found = database.query(
            "SELECT l.id FROM ledger l CROSS JOIN delivery d ON d.destination_id = ? AND d.row_id = l.id "
            "LEFT JOIN "
            "submission s ON s.id = d.submission_id WHERE l.key_hash = ? AND l.collection_id = ? AND "
            "l.table_id = ? AND "
            "l.row_key = ? AND (d.state = 3 OR (d.state = 1 AND s.state IN (6, 8, 9)))",
            id, rowKeyHash(key.collection, key.table, key.key), state.names.find(key.collection),
            state.names.find(key.table), key.key);
        TRY_ASSIGN(const bool more, found.next());
        if (!more) continue;
        row = found->integer(0);
      }
      TRY_VOID(putBack(state, id, row, 0, false));
      ++moved;
    }
    FAULT_POINT("store.requeue_rows.before_commit");
    return {};
  }));
  return moved;
}

Result<std::vector<Submission>> Engine::submissions(const SubmissionFilter& filter) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  std::vector<Submission> found;
  std::uint64_t states = 0;  // as a bit set
  for (const SubmissionState state : filter.states)
    states |= std::uint64_t{1} << static_cast<unsigned>(state);
  {
    Rows rows = database->query(
        "SELECT s.id, s.destination_id, s.collection_id, s.window, s.format, s.idempotency_key, s.state, "
        "s.rows, "
        "s.deletes, s.accepted, s.rejected, s.file_path, s.file_hash, s.file_bytes, s.transport_id, "
        "s.attempts, "
        "s.next_attempt, s.reason, s.created_at, s.since, t.name_id FROM submission s CROSS JOIN destination "
        "t ON t.id "
        "= s.destination_id WHERE s.id > ?1 AND (?2 = 0 OR t.name_id = ?2) AND (?3 = 0 OR (?3 >> s.state) & "
        "1) AND (?4 "
        "= '' OR s.transport_id = ?4) AND (?5 = 0 OR s.next_attempt <= ?6) AND (?8 = '' OR s.window = ?8) ORDER BY s.id "
        "LIMIT ?7",
        filter.after, names_.find(filter.destination), states, filter.transport_id, filter.due_at.has_value(),
        filter.due_at.value_or(Instant{}), static_cast<std::uint64_t>(filter.limit), filter.window);
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      found.push_back(readRecord(rows, names_));
    }
  }
  for (Submission& submission : found) TRY_VOID(readTables(*database, names_, submission));
  return found;
}

Result<std::optional<Submission>> Engine::submission(std::uint64_t id) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  return readSubmissionRecord(*database, names_, id);
}

}  // namespace tributary::store::sqlite
