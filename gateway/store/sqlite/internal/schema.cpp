#include "store/sqlite/internal/schema.h"

#include <array>
#include <string>

#include "base/fault_point.h"

namespace tributary::store::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x54524942;  // "TRIB" in the header of the file

// One entry a schema version, never changed once released: a change of the schema is a new entry.
constexpr std::array kMigrations = {
    R"sql(
-- Interned names: sources, resource types, collections, tables, rules, destinations.
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

-- zstd dictionaries; the frame names the one it needs by its id.
CREATE TABLE dictionary(id INTEGER PRIMARY KEY, type_id INTEGER NOT NULL, data BLOB NOT NULL);

-- Every received version, in order of arrival. Rows are never changed.
CREATE TABLE journal(
  seq INTEGER PRIMARY KEY, source_id INTEGER NOT NULL, resource_id INTEGER NOT NULL, operation INTEGER NOT NULL,
  stale INTEGER NOT NULL, version_id TEXT NOT NULL, last_updated TEXT NOT NULL,
  hash_high INTEGER NOT NULL, hash_low INTEGER NOT NULL, received_at INTEGER NOT NULL,
  body_seq INTEGER NOT NULL,      -- the row of `body`: own or that of an equal earlier version; 0 for a delete
  previous_seq INTEGER NOT NULL,  -- the version that was newest in the journal before, 0 for the first
  subject_id INTEGER NOT NULL);
CREATE TABLE body(seq INTEGER PRIMARY KEY, data BLOB NOT NULL);

-- One row a (source, type, id): the current version, and the newest in the journal (they differ by stale ones).
-- seq 0: only referred to, not received yet. subject_id 0: shared.
CREATE TABLE resource(
  id INTEGER PRIMARY KEY, key_hash INTEGER NOT NULL, source_id INTEGER NOT NULL, type_id INTEGER NOT NULL,
  resource_id TEXT NOT NULL, subject_id INTEGER NOT NULL, seq INTEGER NOT NULL, newest_seq INTEGER NOT NULL,
  deleted INTEGER NOT NULL, referenced INTEGER NOT NULL, version_id TEXT NOT NULL, last_updated TEXT NOT NULL,
  hash_high INTEGER NOT NULL, hash_low INTEGER NOT NULL, body_seq INTEGER NOT NULL,
  outcome INTEGER NOT NULL, rule_id INTEGER NOT NULL, reason TEXT NOT NULL);
-- The hash alone keeps the index small; the text is compared in the row.
CREATE INDEX resource_key ON resource(key_hash);
CREATE INDEX resource_subject ON resource(subject_id) WHERE subject_id > 0;
CREATE INDEX resource_outcome ON resource(outcome, rule_id) WHERE outcome IN (2, 3);

-- queue_position: NULL when clean, else the place in the queue of dirty subjects.
CREATE TABLE subject(
  id INTEGER PRIMARY KEY, source_id INTEGER NOT NULL, subject_key TEXT NOT NULL, generation INTEGER NOT NULL,
  queue_position INTEGER, not_before INTEGER NOT NULL, attempts INTEGER NOT NULL, reason TEXT NOT NULL,
  UNIQUE(source_id, subject_key));
CREATE INDEX subject_queue ON subject(queue_position) WHERE queue_position IS NOT NULL;

-- Who must look again when a resource changes: subjects, and shared resources that refer to it in turn.
CREATE TABLE reference_subject(target_id INTEGER NOT NULL, subject_id INTEGER NOT NULL,
  PRIMARY KEY(target_id, subject_id)) WITHOUT ROWID;
CREATE TABLE reference_resource(target_id INTEGER NOT NULL, resource_id INTEGER NOT NULL,
  PRIMARY KEY(target_id, resource_id)) WITHOUT ROWID;
-- Changed resources whose referrers are not all marked yet; worked off by takeDirty.
CREATE TABLE fanout(target_id INTEGER PRIMARY KEY, after_subject INTEGER NOT NULL);

CREATE TABLE reject(
  id INTEGER PRIMARY KEY, source_id INTEGER NOT NULL, hash_high INTEGER NOT NULL, hash_low INTEGER NOT NULL,
  rule_id INTEGER NOT NULL, place TEXT NOT NULL, line INTEGER NOT NULL, text TEXT NOT NULL,
  first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, times INTEGER NOT NULL, raw_bytes INTEGER NOT NULL,
  truncated INTEGER NOT NULL, raw BLOB NOT NULL, UNIQUE(source_id, hash_high, hash_low, rule_id));
CREATE TABLE cursor(source_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, moved_at INTEGER NOT NULL,
  PRIMARY KEY(source_id, name)) WITHOUT ROWID;
-- Counted as things come, to be compared with what the tables hold.
CREATE TABLE source_count(source_id INTEGER PRIMARY KEY, received INTEGER NOT NULL, duplicates INTEGER NOT NULL,
  rejected INTEGER NOT NULL, rejected_again INTEGER NOT NULL);

CREATE TABLE destination(id INTEGER PRIMARY KEY, name_id INTEGER NOT NULL UNIQUE, collection_id INTEGER NOT NULL,
  active INTEGER NOT NULL);
CREATE TABLE ledger_table(collection_id INTEGER NOT NULL, table_id INTEGER NOT NULL,
  PRIMARY KEY(collection_id, table_id)) WITHOUT ROWID;

-- The newest good version of each row. side_hash covers period, issues and lineage.
CREATE TABLE ledger(
  id INTEGER PRIMARY KEY, key_hash INTEGER NOT NULL, collection_id INTEGER NOT NULL, table_id INTEGER NOT NULL,
  row_key TEXT NOT NULL, subject_id INTEGER NOT NULL, version INTEGER NOT NULL,
  hash_high INTEGER NOT NULL, hash_low INTEGER NOT NULL, side_hash INTEGER NOT NULL,
  deleted INTEGER NOT NULL, held INTEGER NOT NULL, period TEXT NOT NULL, changed_at INTEGER NOT NULL,
  cells BLOB NOT NULL, issues BLOB NOT NULL, lineage BLOB NOT NULL);
CREATE INDEX ledger_key ON ledger(key_hash);
CREATE INDEX ledger_subject ON ledger(subject_id);
-- Older versions that went into a submission.
CREATE TABLE ledger_history(row_id INTEGER NOT NULL, version INTEGER NOT NULL, deleted INTEGER NOT NULL,
  period TEXT NOT NULL, cells BLOB NOT NULL, issues BLOB NOT NULL, lineage BLOB NOT NULL,
  PRIMARY KEY(row_id, version)) WITHOUT ROWID;
CREATE TABLE quarantine(
  id INTEGER PRIMARY KEY, subject_id INTEGER NOT NULL, collection_id INTEGER NOT NULL, table_id INTEGER NOT NULL,
  row_key TEXT NOT NULL, key_hash INTEGER NOT NULL, duplicate INTEGER NOT NULL, rule_id INTEGER NOT NULL,
  reason TEXT NOT NULL, cause TEXT NOT NULL, hash_high INTEGER NOT NULL, hash_low INTEGER NOT NULL,
  at INTEGER NOT NULL, cells BLOB NOT NULL, issues BLOB NOT NULL, lineage BLOB NOT NULL);
CREATE INDEX quarantine_subject ON quarantine(subject_id);
CREATE INDEX quarantine_duplicate ON quarantine(key_hash) WHERE duplicate = 1;

-- state: 0 pending, 1 as its submission, 2 accepted, 3 rejected. sent_version: the newest version that went into
-- a submission, 0 for none: then nothing needs to be withdrawn.
CREATE TABLE delivery(
  destination_id INTEGER NOT NULL, row_id INTEGER NOT NULL, subject_id INTEGER NOT NULL, state INTEGER NOT NULL,
  version INTEGER NOT NULL, sent_version INTEGER NOT NULL, submission_id INTEGER NOT NULL, deleted INTEGER NOT NULL,
  rule_id INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(destination_id, row_id)) WITHOUT ROWID;
CREATE INDEX delivery_pending ON delivery(destination_id, subject_id) WHERE state = 0;

CREATE TABLE submission(
  id INTEGER PRIMARY KEY, destination_id INTEGER NOT NULL, collection_id INTEGER NOT NULL, window TEXT NOT NULL,
  format TEXT NOT NULL, idempotency_key TEXT NOT NULL, state INTEGER NOT NULL, rows INTEGER NOT NULL,
  deletes INTEGER NOT NULL, accepted INTEGER NOT NULL, rejected INTEGER NOT NULL, file_path TEXT NOT NULL,
  file_hash TEXT NOT NULL, file_bytes INTEGER NOT NULL, transport_id TEXT NOT NULL, attempts INTEGER NOT NULL,
  next_attempt INTEGER NOT NULL, reason TEXT NOT NULL, created_at INTEGER NOT NULL, since INTEGER NOT NULL);
CREATE INDEX submission_transport ON submission(transport_id) WHERE transport_id <> '';
CREATE TABLE submission_table(submission_id INTEGER NOT NULL, position INTEGER NOT NULL, table_id INTEGER NOT NULL,
  first_number INTEGER NOT NULL, rows INTEGER NOT NULL, deletes INTEGER NOT NULL,
  PRIMARY KEY(submission_id, position)) WITHOUT ROWID;
-- outcome: 0 none of its own, 1 accepted, 2 rejected.
CREATE TABLE submission_row(submission_id INTEGER NOT NULL, number INTEGER NOT NULL, row_id INTEGER NOT NULL,
  version INTEGER NOT NULL, deleted INTEGER NOT NULL, context INTEGER NOT NULL, outcome INTEGER NOT NULL,
  PRIMARY KEY(submission_id, number)) WITHOUT ROWID;
CREATE INDEX submission_row_row ON submission_row(row_id, submission_id);

CREATE TABLE receipt(id INTEGER PRIMARY KEY, destination_id INTEGER NOT NULL, receipt_id TEXT NOT NULL,
  submission_id INTEGER NOT NULL, kind INTEGER NOT NULL, reason TEXT NOT NULL, rows INTEGER NOT NULL,
  final INTEGER NOT NULL, at INTEGER NOT NULL, raw BLOB NOT NULL, UNIQUE(destination_id, receipt_id));
CREATE TABLE audit(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  target TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL);
)sql",
    R"sql(
-- The version that rows of other subjects were made with: while it is current the resource is delivered, whatever
-- `outcome` says of the rows of its own subject.
ALTER TABLE resource ADD COLUMN used_seq INTEGER NOT NULL DEFAULT 0;
UPDATE resource SET used_seq = seq WHERE subject_id = 0 AND outcome = 1;
)sql",
};

Result<std::int64_t> foundVersion(Database& database) {
  TRY_ASSIGN(const std::int64_t version, database.integer(0, "PRAGMA user_version"));
  TRY_ASSIGN(const std::int64_t application, database.integer(0, "PRAGMA application_id"));
  TRY_ASSIGN(const std::int64_t tables, database.integer(0, "SELECT count(*) FROM sqlite_schema"));
  if (application != kApplicationId && (tables > 0 || version != 0)) {
    return fail(ErrorCode::kInvalidArgument, "store: the file is a database of another program");
  }
  if (version > schemaVersion()) {
    return fail(ErrorCode::kInvalidArgument, "store: the database has schema " + std::to_string(version) +
                                                 ", newer than this program knows (" +
                                                 std::to_string(schemaVersion()) +
                                                 "); use a newer tributary");
  }
  return version;
}

}  // namespace

int schemaVersion() {
  return static_cast<int>(kMigrations.size());
}

Result<void> migrate(Database& database) {
  TRY_ASSIGN(const std::int64_t found, foundVersion(database));
  for (std::int64_t step = found; step < schemaVersion(); ++step) {
    const std::string script = std::string("BEGIN IMMEDIATE;") +
                               kMigrations.at(static_cast<std::size_t>(step)) +
                               "PRAGMA application_id=" + std::to_string(kApplicationId) +
                               ";PRAGMA user_version=" + std::to_string(step + 1) + ";";
    Result<void> done = database.execute(script);
    if (done) {
      FAULT_POINT("store.migrate.before_commit");
      done = database.execute("COMMIT");
    }
    if (!done) {
      if (database.inTransaction()) static_cast<void>(database.execute("ROLLBACK"));
      return done;
    }
    FAULT_POINT("store.migrate.after_commit");
  }
  return {};
}

Result<void> checkSchema(Database& database) {
  TRY_ASSIGN(const std::int64_t found, foundVersion(database));
  if (found < schemaVersion()) {
    return fail(ErrorCode::kInvalidArgument,
                "store: the database has an older schema; start the gateway once to bring it up to date");
  }
  return {};
}

}  // namespace tributary::store::sqlite
