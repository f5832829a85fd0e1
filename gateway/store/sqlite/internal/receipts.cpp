#include "base/fault_point.h"
#include "store/sqlite/internal/engine.h"

namespace tributary::store::sqlite {
namespace {

// Applies receipts in the order given; on the writing thread.
class Applier {
 public:
  Applier(WriterState& state, Instant now, ReceiptResult& result)
      : state_(state), database_(state.database), now_(now), result_(result) {}

  Result<void> apply(std::uint32_t index, const Receipt& receipt, std::string_view raw) {
    const std::int64_t name = state_.names.find(receipt.destination);
    TRY_ASSIGN(destination_, database_.integer(0, "SELECT id FROM destination WHERE name_id = ?", name));
    if (destination_ == 0) return fail(ErrorCode::kNotFound, "store: a receipt of an unknown destination");
    TRY_VOID(database_.run(
        "INSERT OR IGNORE INTO receipt(destination_id, receipt_id, submission_id, kind, reason, rows, final, "
        "at, raw) "
        "VALUES(?,?,?,?,?,?,?,?,?)",
        destination_, receipt.receipt_id, receipt.submission, static_cast<int>(receipt.kind), receipt.reason,
        static_cast<std::uint64_t>(receipt.rows.size()), receipt.final, now_, Blob{raw}));
    if (database_.changes() == 0) {
      ++result_.repeated;
      return {};
    }
    ++result_.applied;
    {
      Rows rows =
          database_.query("SELECT state, collection_id FROM submission WHERE id = ? AND destination_id = ?",
                          receipt.submission, destination_);
      TRY_ASSIGN(const bool found, rows.next());
      if (!found) {
        result_.unknown_submissions.push_back(index);
        return {};
      }
      submission_state_ = static_cast<SubmissionState>(rows->integer(0));
      collection_ = rows->integer(1);
    }
    submission_ = receipt.submission;
    for (const RowReceipt& row : receipt.rows) TRY_VOID(applyRow(row));
    return moveSubmission(receipt);
  }

 private:
  Result<void> moveSubmission(const Receipt& receipt) {
    SubmissionState to = SubmissionState::kTransportAccepted;
    switch (receipt.kind) {
      case ReceiptKind::kTransportAccepted:
        break;
      case ReceiptKind::kTransportFailed:
        to = SubmissionState::kFailed;
        break;
      case ReceiptKind::kFileAccepted:
        to = SubmissionState::kFileAccepted;
        break;
      case ReceiptKind::kFileRejected:
        to = SubmissionState::kFileRejected;
        break;
      case ReceiptKind::kRows:
        // Row outcomes prove that the file was taken.
        to = receipt.final ? SubmissionState::kDone : SubmissionState::kFileAccepted;
        break;
    }
    // Receipts come late and out of order: one that says less than what is known changes nothing.
    if (to == submission_state_ || !mayMove(submission_state_, to)) return countRows();
    TRY_VOID(
        database_.run("UPDATE submission SET state = ?, since = ?, next_attempt = 0, reason = ? WHERE id = ?",
                      static_cast<int>(to), now_, receipt.reason, submission_));
    submission_state_ = to;
    return countRows();
  }

  Result<void> countRows() {
    return database_.run(
        "UPDATE submission SET accepted = CASE WHEN state = 7 THEN rows - rejected ELSE accepted END WHERE "
        "id = ?",
        submission_);
  }

  struct Member {
    std::int64_t row = 0;
    std::uint64_t number = 0, version = 0;
    std::int64_t outcome = 0;
  };

  // The member a row receipt speaks of; number 0 when there is none.
  Result<Member> findMember(const RowReceipt& receipt) {
    std::uint64_t number = receipt.number;
    if (number == 0 && receipt.number_in_table != 0) {
      Rows rows = database_.query(
          "SELECT first_number + ? - 1 FROM submission_table WHERE submission_id = ? AND table_id = ? AND "
          "rows >= ?",
          receipt.number_in_table, submission_, state_.names.find(receipt.table), receipt.number_in_table);
      TRY_ASSIGN(const bool found, rows.next());
      if (!found) return Member{};
      number = rows->number(0);
    }
    if (number != 0) {
      Rows rows = database_.query(
          "SELECT number, row_id, version, outcome FROM submission_row WHERE submission_id = ? AND number = "
          "?",
          submission_, number);
      return readMember(rows);
    }
    const std::string collection = state_.names.text(collection_);
    Rows rows = database_.query(
        "SELECT m.number, m.row_id, m.version, m.outcome FROM ledger l CROSS JOIN submission_row m ON "
        "m.row_id = l.id "
        "AND m.submission_id = ? WHERE l.key_hash = ? AND l.collection_id = ? AND l.table_id = ? AND "
        "l.row_key = ?",
        submission_, rowKeyHash(collection, receipt.table, receipt.key), collection_,
        state_.names.find(receipt.table), receipt.key);
    return readMember(rows);
  }

  static Result<Member> readMember(Rows& rows) {
    TRY_ASSIGN(const bool found, rows.next());
    if (!found) return Member{};
    return Member{rows->integer(1), rows->number(0), rows->number(2), rows->integer(3)};
  }

  Result<void> applyRow(const RowReceipt& receipt) {
    TRY_ASSIGN(const Member member, findMember(receipt));
    if (member.number == 0) {
      ++result_.rows_unknown;
      return {};
    }
    const int outcome = receipt.accepted ? 1 : 2;
    ++(receipt.accepted ? result_.rows_accepted : result_.rows_rejected);
    TRY_VOID(database_.run("UPDATE submission_row SET outcome = ? WHERE submission_id = ? AND number = ?",
                           outcome, submission_, member.number));
    const int accepted_change = (outcome == 1 ? 1 : 0) - (member.outcome == 1 ? 1 : 0);
    const int rejected_change = (outcome == 2 ? 1 : 0) - (member.outcome == 2 ? 1 : 0);
    TRY_VOID(
        database_.run("UPDATE submission SET accepted = accepted + ?, rejected = rejected + ? WHERE id = ?",
                      accepted_change, rejected_change, submission_));
    TRY_ASSIGN(const std::int64_t rule, state_.names.intern(database_, receipt.rule));
    // Only the version that was sent is judged; a newer one that waits, waits on.
    TRY_VOID(database_.run(
        "UPDATE delivery SET state = ?, rule_id = ?, reason = ? WHERE destination_id = ? AND row_id = ? AND "
        "version = ? "
        "AND state <> 0",
        receipt.accepted ? 2 : 3, rule, receipt.reason, destination_, member.row, member.version));
    if (database_.changes() == 0) ++result_.rows_outdated;
    return {};
  }

  WriterState& state_;
  Database& database_;
  const Instant now_;
  ReceiptResult& result_;
  std::int64_t destination_ = 0, collection_ = 0;
  std::uint64_t submission_ = 0;
  SubmissionState submission_state_ = SubmissionState::kAssembling;
};

}  // namespace

Result<ReceiptResult> Engine::applyReceipts(std::span<const Receipt> receipts) {
  std::vector<std::string> raw(receipts.size());
  for (std::size_t index = 0; index < receipts.size(); ++index) {
    if (receipts[index].receipt_id.empty()) {
      return fail(ErrorCode::kInvalidArgument, "store: a receipt needs its id");
    }
    codec_.encode({}, receipts[index].raw.substr(0, options_.max_raw_bytes), raw[index]);
  }
  ReceiptResult result;
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    result = {};
    Applier applier(state, at, result);
    for (std::size_t index = 0; index < receipts.size(); ++index) {
      TRY_VOID(applier.apply(static_cast<std::uint32_t>(index), receipts[index], raw[index]));
    }
    FAULT_POINT("store.apply_receipts.before_commit");
    return {};
  }));
  FAULT_POINT("store.apply_receipts.after_commit");
  return result;
}

Result<std::vector<ReceiptRecord>> Engine::receipts(std::string_view destination, std::uint64_t after,
                                                    std::size_t limit, bool with_raw) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT r.id, t.name_id, r.receipt_id, r.submission_id, r.kind, r.reason, r.rows, r.final, r.at, CASE "
      "WHEN ?1 "
      "THEN r.raw END FROM receipt r CROSS JOIN destination t ON t.id = r.destination_id WHERE r.id > ?2 AND "
      "(?3 = 0 OR "
      "t.name_id = ?3) ORDER BY r.id LIMIT ?4",
      with_raw, after, names_.find(destination), static_cast<std::uint64_t>(limit));
  std::vector<ReceiptRecord> records;
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return records;
    ReceiptRecord& record = records.emplace_back();
    record.id = rows->number(0);
    record.destination = names_.text(rows->integer(1));
    record.receipt_id = rows->text(2);
    record.submission = rows->number(3);
    record.kind = static_cast<ReceiptKind>(rows->integer(4));
    record.reason = rows->text(5);
    record.rows = rows->number(6);
    record.final = rows->flag(7);
    record.at = rows->instant(8);
    if (with_raw) TRY_VOID(codec_.decode(rows->bytes(9), record.raw));
  }
}

}  // namespace tributary::store::sqlite
