#include <filesystem>

#include "base/fault_point.h"
#include "base/hash.h"
#include "store/sqlite/internal/engine.h"

namespace tributary::store::sqlite {
namespace {

std::string_view asText(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Sha256 auditHash(std::string_view previous, std::uint64_t seq, Instant at, const AuditEntry& entry) {
  std::string bytes(previous);
  for (const std::string& part : {std::to_string(seq), std::to_string(at.time_since_epoch().count()),
                                  entry.actor, entry.action, entry.target, entry.detail}) {
    bytes.append(std::to_string(part.size())).append(1, ':').append(part);
  }
  return sha256(bytes);
}

AuditRecord readAuditRecord(const Rows& rows) {
  AuditRecord record;
  record.seq = rows->number(0);
  record.at = rows->instant(1);
  record.entry = {rows->text(2), rows->text(3), rows->text(4), rows->text(5)};
  const std::string_view hash = rows->bytes(6);
  record.hash = toHex(std::as_bytes(std::span(hash.data(), hash.size())));
  return record;
}

// Counts the tables on one snapshot.
class Counter {
 public:
  Counter(Database& database, const Names& names) : database_(database), names_(names) {}

  Result<Reconciliation> run() {
    TRY_VOID(countSources());
    TRY_VOID(countRows());
    TRY_VOID(countDeliveries());
    compare();
    return std::move(result_);
  }

 private:
  // Calls `on_row` for each row of a query.
  Result<void> each(Rows rows, const std::function<void(const Rows&)>& on_row) {
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) return {};
      on_row(rows);
    }
  }

  Result<void> countSources() {
    TRY_VOID(each(
        database_.query("SELECT source_id, received, duplicates, rejected, rejected_again FROM source_count"),
        [&](const Rows& rows) {
          SourceCounts& counts = result_.sources[names_.text(rows->integer(0))];
          counts.received = rows->number(1);
          counts.duplicates = rows->number(2);
          counts.rejected = rows->number(3);
          counts.rejected_again = rows->number(4);
        }));
    TRY_VOID(each(
        database_.query("SELECT j.source_id, count(*), sum(j.stale), sum(j.stale = 0 AND r.seq IS NOT j.seq) "
                        "FROM journal j LEFT JOIN resource r ON r.id = j.resource_id GROUP BY j.source_id"),
        [&](const Rows& rows) {
          SourceCounts& counts = result_.sources[names_.text(rows->integer(0))];
          counts.journalled = rows->number(1);
          counts.stale = rows->number(2);
          counts.superseded = rows->number(3);
        }));
    TRY_VOID(each(
        database_.query(
            "SELECT r.source_id, CASE WHEN r.used_seq = r.seq THEN 1 ELSE r.outcome END AS stands, r.rule_id, "
            "count(*), sum(r.outcome = 0 AND r.used_seq <> r.seq AND (r.subject_id = 0 OR s.queue_position IS "
            "NOT NULL)), min(r.reason) FROM resource r LEFT JOIN subject s ON s.id = r.subject_id WHERE r.seq > 0 "
            "GROUP BY r.source_id, stands, r.rule_id"),
        [&](const Rows& rows) {
          SourceCounts& counts = result_.sources[names_.text(rows->integer(0))];
          const std::uint64_t count = rows->number(3);
          counts.current += count;
          counts.waiting += rows->number(4);
          switch (static_cast<ResourceOutcome>(rows->integer(1))) {
            case ResourceOutcome::kJournalled:
              break;
            case ResourceOutcome::kDelivered:
              counts.delivered += count;
              break;
            case ResourceOutcome::kFiltered:
              counts.filtered += count;
              countRule(result_.filtered_by_rule, rows->integer(2), count, rows->text(5));
              break;
            case ResourceOutcome::kQuarantined:
              counts.quarantined += count;
              countRule(result_.resources_quarantined_by_rule, rows->integer(2), count, rows->text(5));
              break;
            case ResourceOutcome::kDeleted:
              counts.deleted += count;
              break;
          }
        }));
    TRY_VOID(
        each(database_.query("SELECT source_id, rule_id, count(*), min(text) FROM reject GROUP BY 1, 2"), [&](const Rows& rows) {
          rejects_kept_[names_.text(rows->integer(0))] += rows->number(2);
          countRule(result_.rejected_by_rule, rows->integer(1), rows->number(2), rows->text(3));
        }));
    TRY_ASSIGN(const std::int64_t dirty,
               database_.integer(0, "SELECT count(*) FROM subject WHERE queue_position IS NOT NULL"));
    result_.dirty_subjects = static_cast<std::uint64_t>(dirty);
    return {};
  }

  void countRule(std::map<std::string, std::uint64_t>& counts, std::int64_t rule, std::uint64_t count,
                 std::string_view reason) {
    const std::string name = names_.text(rule);
    counts[name] += count;
    result_.rule_texts.try_emplace(name, reason);
  }

  Result<void> countRows() {
    TRY_VOID(each(
        database_.query("SELECT collection_id, table_id, deleted, count(*) FROM ledger GROUP BY 1, 2, 3"),
        [&](const Rows& rows) {
          const std::string table = names_.text(rows->integer(0)) + "/" + names_.text(rows->integer(1));
          if (rows->flag(2)) {
            result_.withdrawn_rows += rows->number(3);
          } else {
            result_.rows_by_table[table] += rows->number(3);
            result_.rows += rows->number(3);
          }
        }));
    return each(database_.query("SELECT rule_id, count(*), min(reason) FROM quarantine GROUP BY rule_id"),
                [&](const Rows& rows) {
                  countRule(result_.quarantined_by_rule, rows->integer(0), rows->number(1), rows->text(2));
                  result_.quarantined_rows += rows->number(1);
                });
  }

  Result<void> countDeliveries() {
    TRY_VOID(each(
        database_.query(
            "SELECT t.name_id, t.collection_id, d.state, coalesce(s.state, -1), d.deleted, count(d.row_id) "
            "FROM destination t LEFT JOIN delivery d ON d.destination_id = t.id LEFT JOIN submission s ON "
            "s.id = d.submission_id GROUP BY 1, 2, 3, 4, 5"),
        [&](const Rows& rows) {
          const std::string name = names_.text(rows->integer(0));
          DestinationCounts& counts = result_.destinations[name];
          counts.collection = names_.text(rows->integer(1));
          const std::uint64_t count = rows->number(5);
          if (count == 0) return;
          counts.rows += count;
          if (rows->integer(2) == 1 && rows->integer(3) < 0) {
            differ(count, "rows at destination " + name + " belong to no submission");
            return;
          }
          counts.by_state[rowState(rows->integer(2), rows->integer(3), rows->flag(4))] += count;
        }));
    // A live row that is not held must have its place at each active destination, and nothing else has one.
    TRY_VOID(
        each(database_.query(
                 "SELECT t.name_id, count(*) FROM destination t CROSS JOIN ledger l ON l.collection_id = "
                 "t.collection_id LEFT JOIN delivery d ON d.destination_id = t.id AND d.row_id = l.id WHERE "
                 "t.active = 1 AND l.deleted = 0 AND l.held = 0 AND d.row_id IS NULL GROUP BY 1"),
             [&](const Rows& rows) {
               differ(rows->number(1), "rows have no place at destination " + names_.text(rows->integer(0)));
             }));
    return each(
        database_.query("SELECT count(*) FROM delivery d LEFT JOIN ledger l ON l.id = d.row_id WHERE l.id IS "
                        "NULL OR (d.deleted = 1) <> (l.deleted = 1)"),
        [&](const Rows& rows) { differ(rows->number(0), "deliveries do not fit their rows"); });
  }

  void compare() {
    for (const auto& [source, counts] : result_.sources) {
      const auto balance = [&, &name = source](std::uint64_t whole, std::uint64_t parts,
                                               const std::string& what) {
        const std::uint64_t difference = whole > parts ? whole - parts : parts - whole;
        differ(difference, what + " of source " + name + ": " + std::to_string(whole) + " against " +
                               std::to_string(parts));
      };
      balance(counts.received, counts.duplicates + counts.journalled,
              "received against duplicates and journalled");
      balance(counts.journalled, counts.stale + counts.superseded + counts.current,
              "journalled against stale, superseded and current");
      balance(counts.current,
              counts.waiting + counts.delivered + counts.filtered + counts.quarantined + counts.deleted,
              "current resources against their outcomes");
      balance(counts.rejected, rejects_kept_[source], "refused against the refusals on record");
    }
  }

  void differ(std::uint64_t count, const std::string& what) {
    if (count == 0) return;
    result_.unaccounted += count;
    result_.differences.push_back(std::to_string(count) + " unaccounted: " + what);
  }

  Database& database_;
  const Names& names_;
  Reconciliation result_;
  std::map<std::string, std::uint64_t> rejects_kept_;  // by source
};

}  // namespace

Result<void> Engine::audit(std::span<const AuditEntry> entries) {
  const Instant at = now();
  return write([&](WriterState& state) -> Result<void> {
    std::uint64_t seq = 0;
    std::string previous;
    {
      Rows rows = state.database.query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
      TRY_ASSIGN(const bool found, rows.next());
      if (found) {
        seq = rows->number(0);
        previous = rows->text(1);
      }
    }
    for (const AuditEntry& entry : entries) {
      const Sha256 hash = auditHash(previous, ++seq, at, entry);
      TRY_VOID(state.database.run("INSERT INTO audit VALUES(?,?,?,?,?,?,?)", seq, at, entry.actor,
                                  entry.action, entry.target, entry.detail, Blob{asText(hash)}));
      previous = asText(hash);
    }
    FAULT_POINT("store.audit.before_commit");
    return {};
  });
}

Result<std::vector<AuditRecord>> Engine::readAudit(std::uint64_t after, std::size_t limit) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  std::vector<AuditRecord> records;
  Rows rows = database->query(
      "SELECT seq, at, actor, action, target, detail, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
      after, static_cast<std::uint64_t>(limit));
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return records;
    records.push_back(readAuditRecord(rows));
  }
}

Result<std::optional<std::uint64_t>> Engine::verifyAudit() {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  std::string previous;
  std::uint64_t expected = 0;
  Rows rows = database->query("SELECT seq, at, actor, action, target, detail, hash FROM audit ORDER BY seq");
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return std::nullopt;
    const AuditRecord record = readAuditRecord(rows);
    const Sha256 hash = auditHash(previous, record.seq, record.at, record.entry);
    if (record.seq != ++expected || asText(hash) != rows->bytes(6)) return record.seq;
    previous = asText(hash);
  }
}

Result<Reconciliation> Engine::reconcile() {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  return Counter(*database, names_).run();
}

Result<StoreStatus> Engine::status() {
  StoreStatus status;
  {
    TRY_ASSIGN(const Readers::Lease database, readers_.take());
    Rows rows = database->query(
        "SELECT (SELECT max(seq) FROM journal), (SELECT total(received) FROM source_count), (SELECT "
        "total(duplicates) "
        "FROM source_count), (SELECT total(rejected) FROM source_count), (SELECT count(*) FROM subject WHERE "
        "queue_position IS NOT NULL), (SELECT count(*) FROM delivery WHERE state = 0), (SELECT count(*) FROM "
        "fanout)");
    TRY_ASSIGN(const bool found, rows.next());
    if (!found) return fail(ErrorCode::kInternal, "store: no status");
    status.last_seq = rows->number(0);
    status.received = rows->number(1);
    status.duplicates = rows->number(2);
    status.rejected = rows->number(3);
    status.dirty_subjects = rows->number(4);
    status.pending_rows = rows->number(5);
    status.pending_fanout = rows->number(6);
  }
  if (writer_ != nullptr) {
    status.leased_subjects = writer_->leased();
    status.commits = writer_->commits();
    status.writes = writer_->writes();
  }
  std::error_code ignored;
  const auto size = [&](const std::filesystem::path& path) -> std::uint64_t {
    const std::uintmax_t bytes = std::filesystem::file_size(path, ignored);
    return ignored ? 0 : bytes;
  };
  status.file_bytes = size(options_.path);
  std::filesystem::path wal = options_.path;
  wal += "-wal";
  status.wal_bytes = size(wal);
  return status;
}

Result<std::vector<std::string>> Engine::checkIntegrity() {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  std::vector<std::string> problems;
  Rows rows = database->query("PRAGMA integrity_check(100)");
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    if (rows->bytes(0) != "ok") problems.push_back(rows->text(0));
  }
  return problems;
}

}  // namespace tributary::store::sqlite
