// What a window would take, what waits before it, and what is taken out of a submission before its file is written.
#include "base/fault_point.h"
#include "store/sqlite/internal/engine.h"
#include "store/sqlite/internal/period_sql.h"

namespace tributary::store::sqlite {
namespace {

constexpr std::uint64_t kStep = 10'000;  // rows renumbered between two reads

// Takes subjects out of one submission; on the writing thread.
class LeavingOut {
 public:
  LeavingOut(WriterState& state, std::uint64_t submission, std::int64_t destination)
      : state_(state), database_(state.database), submission_(submission), destination_(destination) {}

  Result<void> subject(const LeftOut& out) {
    TRY_ASSIGN(const std::int64_t rule, state_.names.intern(database_, out.rule));
    std::vector<std::pair<std::uint64_t, std::int64_t>> members;  // number, row
    {
      Rows rows = database_.query(
          "SELECT m.number, m.row_id FROM subject s CROSS JOIN ledger l ON l.subject_id = s.id CROSS JOIN submission_row m "
          "ON m.row_id = l.id AND m.submission_id = ?1 WHERE s.source_id = ?2 AND s.subject_key = ?3 AND m.deleted = 0",
          submission_, state_.names.find(out.source), out.subject);
      for (;;) {
        TRY_ASSIGN(const bool more, rows.next());
        if (!more) break;
        members.emplace_back(rows->number(0), rows->integer(1));
      }
    }
    for (const auto& [number, row] : members) {
      TRY_VOID(database_.run("DELETE FROM submission_row WHERE submission_id = ? AND number = ?", submission_, number));
      // What the receiver has is what other submissions brought.
      TRY_VOID(database_.run(
          "UPDATE delivery SET state = 3, rule_id = ?4, reason = ?5, (sent_version, submission_id) = (SELECT "
          "coalesce(max(m.version), 0), coalesce(m.submission_id, 0) FROM submission_row m JOIN submission s ON s.id = "
          "m.submission_id WHERE m.row_id = ?2 AND m.submission_id <> ?3 AND s.destination_id = ?1 AND s.state <> 9) WHERE "
          "destination_id = ?1 AND row_id = ?2 AND submission_id = ?3 AND state = 1",
          destination_, row, submission_, rule, out.reason));
    }
    return {};
  }

  Result<void> renumber() {
    std::uint64_t last = 0, next = 0;
    for (;;) {
      std::vector<std::uint64_t> numbers;
      {
        Rows rows = database_.query(
            "SELECT number FROM submission_row WHERE submission_id = ? AND number > ? ORDER BY number LIMIT ?", submission_,
            last, kStep);
        for (;;) {
          TRY_ASSIGN(const bool more, rows.next());
          if (!more) break;
          numbers.push_back(rows->number(0));
        }
      }
      if (numbers.empty()) break;
      for (const std::uint64_t number : numbers) {
        last = number;
        if (++next == number) continue;
        TRY_VOID(database_.run("UPDATE submission_row SET number = ? WHERE submission_id = ? AND number = ?", next, submission_,
                               number));
      }
    }
    TRY_VOID(database_.run(
        "UPDATE submission_table SET (first_number, rows, deletes) = (SELECT coalesce(min(m.number), 0), count(m.number), "
        "coalesce(sum(m.deleted), 0) FROM submission_row m JOIN ledger l ON l.id = m.row_id WHERE m.submission_id = ?1 AND "
        "l.table_id = submission_table.table_id) WHERE submission_id = ?1",
        submission_));
    TRY_VOID(database_.run("DELETE FROM submission_table WHERE submission_id = ? AND rows = 0", submission_));
    return database_.run(
        "UPDATE submission SET (rows, deletes) = (SELECT count(*), coalesce(sum(deleted), 0) FROM submission_row WHERE "
        "submission_id = ?1) WHERE id = ?1",
        submission_);
  }

 private:
  WriterState& state_;
  Database& database_;
  const std::uint64_t submission_;
  const std::int64_t destination_;
};

}  // namespace

std::string idsOf(const Names& names, std::span<const std::string> texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    const std::int64_t id = names.find(text);
    if (id < 0) continue;
    out += (out.size() > 1 ? "," : "") + std::to_string(id);
  }
  return out + "]";
}

Result<std::uint64_t> Engine::previewSubmission(const SubmissionRequest& request,
                                                const std::function<bool(const SubmissionRow&)>& on_row) {
  if (request.tables.empty() || request.scope == SubmissionScope::kWholeSubjects) {
    return fail(ErrorCode::kInvalidArgument, "store: a preview names its tables, and takes changes or everything");
  }
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  const bool everything = request.scope == SubmissionScope::kEverything;
  // Bound by address: they live until the last row.
  const std::string tables = idsOf(names_, request.tables), companions = idsOf(names_, request.companions);
  Rows rows = database->query(
      "WITH wanted AS MATERIALIZED (SELECT value AS table_id, key AS position FROM json_each(?5)), here AS (SELECT d.id FROM "
      "destination d WHERE d.name_id = ?6 AND d.collection_id = ?7 AND d.active = 1), anchored AS MATERIALIZED (SELECT DISTINCT "
      "l.subject_id FROM ledger l JOIN wanted w ON w.table_id = l.table_id WHERE ?8 AND l.collection_id = ?7 AND l.table_id NOT IN "
      "(SELECT value FROM json_each(?9)) AND (l.deleted = 0 OR EXISTS(SELECT 1 FROM delivery d WHERE d.destination_id = (SELECT "
      "id FROM here) AND d.row_id = l.id AND d.state = 0)) AND " PERIOD_MATCHES
      ") SELECT l.version, l.deleted, d.state <> 0, l.table_id, l.row_key, s.source_id, s.subject_key, l.period, l.cells FROM "
      "ledger l CROSS JOIN wanted w ON w.table_id = l.table_id CROSS JOIN delivery d ON d.destination_id = (SELECT id FROM here) "
      "AND d.row_id = l.id CROSS JOIN subject s ON s.id = l.subject_id CROSS JOIN name n ON n.id = s.source_id WHERE "
      "l.collection_id = ?7 AND " PERIOD_MATCHES
      " AND (d.state = 0 OR (?8 AND l.deleted = 0)) AND (NOT ?8 OR l.subject_id IN (SELECT subject_id FROM anchored)) ORDER BY "
      "w.position, n.text, s.subject_key, l.row_key",
      request.period_from, request.period_to, request.lasting_from, everything, tables,
      names_.find(request.destination), names_.find(request.collection), everything, companions);
  std::string table, source;
  std::uint64_t number = 0, first = 0;
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return number;
    SubmissionRow row;
    row.number = ++number;
    row.version = rows->number(0);
    row.deleted = rows->flag(1);
    row.context = rows->flag(2);
    if (std::string name = names_.text(rows->integer(3)); name != table) {
      table = std::move(name);
      first = number;
    }
    row.number_in_table = number - first + 1;
    row.table = table;
    row.key = rows->bytes(4);
    source = names_.text(rows->integer(5));
    row.source = source;
    row.subject = rows->bytes(6);
    row.period = rows->bytes(7);
    row.cells = rows->bytes(8);
    if (!on_row(row)) return number;
  }
}

Result<Submission> Engine::leaveOut(std::uint64_t submission, std::span<const LeftOut> subjects) {
  std::optional<Submission> found;
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    TRY_ASSIGN(found, readSubmissionRecord(state.database, names_, submission));
    if (!found) return fail(ErrorCode::kNotFound, "store: there is no such submission");
    if (found->state != SubmissionState::kAssembling) {
      return fail(ErrorCode::kConflict, "store: rows can be left out of a submission only while it is assembling");
    }
    TRY_ASSIGN(const std::int64_t destination,
               state.database.integer(0, "SELECT destination_id FROM submission WHERE id = ?", submission));
    LeavingOut leaving(state, submission, destination);
    for (const LeftOut& subject : subjects) TRY_VOID(leaving.subject(subject));
    TRY_VOID(leaving.renumber());
    TRY_VOID(state.database.run(
        "UPDATE submission SET state = 9, since = ?, reason = 'every row was left out' WHERE id = ? AND rows = 0", at, submission));
    TRY_ASSIGN(found, readSubmissionRecord(state.database, names_, submission));
    FAULT_POINT("store.leave_out.before_commit");
    return {};
  }));
  FAULT_POINT("store.leave_out.after_commit");
  return std::move(*found);
}

Result<std::vector<PendingMonth>> Engine::pendingBefore(std::string_view destination, std::string_view day) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT substr(" PERIOD_END
      ", 1, 7), count(*) FROM destination t CROSS JOIN delivery d ON d.destination_id = t.id AND d.state = 0 CROSS JOIN ledger "
      "l ON l.id = d.row_id WHERE t.name_id = ?1 AND (?2 = '' OR (l.period <> '' AND " PERIOD_END
      " < ?2)) GROUP BY 1 ORDER BY 1",
      names_.find(destination), day);
  std::vector<PendingMonth> out;
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back({rows->text(0), rows->number(1)});
  }
}

}  // namespace tributary::store::sqlite
