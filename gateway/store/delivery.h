#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "store/ledger.h"

namespace tributary::store {

// assembling → ready → sending → sent → transport_accepted → file_accepted → done, in that order; steps may
// be skipped forward. sending → ready or sending again is a retry. Any state but done → failed;
// assembling…failed → cancelled by requeueSubmission. sent, transport_accepted → file_rejected.
enum class SubmissionState : std::uint8_t {
  kAssembling,         // the file is being written; after a crash write it again with readSubmission
  kReady,              // the file is complete and durable
  kSending,            // a transfer began; after a crash its outcome is unknown: ask before sending again
  kSent,               // handed over
  kTransportAccepted,  // the transport says the receiver has it
  kFileAccepted,       // the receiver read the file as a whole
  kFileRejected,       // the receiver refused the file as a whole
  kDone,               // row outcomes are known: rows without one of their own are accepted
  kFailed,             // given up, with the reason
  kCancelled,          // its rows went back to pending
};
std::string_view submissionStateName(SubmissionState state);

enum class SubmissionScope : std::uint8_t {
  kChanges,        // pending rows only
  kWholeSubjects,  // and every other live row of their subjects (so that parents are in the file)
  kEverything,     // every live row of the window, pending or not (a refresh), and pending deletes
};

struct SubmissionRequest {
  std::string destination;
  std::string collection;
  std::string window;  // label, such as "2026-11-23" or "continuous"
  std::string format;  // "csv-zip", "ndjson"
  // File order: by this list, then subject (source, key), then row key. Tables not named are not taken;
  // an empty list takes all, in the order of their names.
  std::vector<std::string> tables;
  SubmissionScope scope = SubmissionScope::kChanges;
  // Rows with a period in [period_from, period_to) only, compared as text; empty: no bound. Rows without a
  // period always match. What lasted ("from/to", ProjectedRow::period): for kEverything when it touches the
  // window; else in any window, unless it ended before `lasting_from`.
  std::string period_from, period_to, lasting_from;
  // kEverything: rows of these tables go only with a row of another table that matches, of the same subject
  // (a patient with nothing in the month is not in the month's file).
  std::vector<std::string> companions;
  // About this many rows at most. A subject is never cut: the last one may go over. 0: no limit.
  std::uint64_t max_rows = 0;
};

struct SubmissionTable {
  std::string table;
  std::uint64_t first_number = 0;  // number of its first row in the submission, from 1
  std::uint64_t rows = 0, deletes = 0;
};

struct Submission {
  std::uint64_t id = 0;
  std::string destination, collection, window, format;
  std::string idempotency_key;  // a UUID, the same through all attempts and restarts
  SubmissionState state = SubmissionState::kAssembling;
  std::uint64_t rows = 0, deletes = 0, accepted = 0, rejected = 0;
  std::vector<SubmissionTable> tables;  // in file order
  std::string file_path, file_hash;
  std::uint64_t file_bytes = 0;
  std::string transport_id;  // such as the MESH message id
  std::uint32_t attempts = 0;
  std::optional<Instant> next_attempt;
  std::string reason;         // why it waits or failed
  Instant created_at, since;  // `since`: in this state
};

// Only what is given is changed.
struct SubmissionUpdate {
  std::optional<SubmissionState> state;
  std::optional<std::string> file_path, file_hash, transport_id, reason;
  std::optional<std::uint64_t> file_bytes;
  std::optional<Instant> next_attempt;  // Instant{} clears it
  bool count_attempt = false;
};

struct SubmissionFilter {
  std::string destination;              // empty: all
  std::vector<SubmissionState> states;  // empty: all
  std::string transport_id;             // empty: any
  std::optional<Instant> due_at;        // next_attempt not set or not after this
  std::uint64_t after = 0;              // ids above this
  std::size_t limit = 1000;
  std::string window = {};              // empty: any
};

struct SubmissionRow {
  std::uint64_t number = 0;           // from 1, in file order
  std::uint64_t number_in_table = 0;  // from 1
  std::string_view table, key, source, subject, period;
  std::uint64_t version = 0;
  bool deleted = false;  // a withdrawal: the row must be deleted at the destination
  bool context = false;  // had no change; in the file for its subject's sake
  std::string_view cells;
};

// A subject whose rows must not travel with a submission that was opened.
struct LeftOut {
  std::string source, subject;
  std::string rule, reason;  // plain English, no patient data
};

// Pending rows whose period ended in one month.
struct PendingMonth {
  std::string month;  // "2026-07"
  std::uint64_t rows = 0;
};

enum class ReceiptKind : std::uint8_t {
  kTransportAccepted,
  kTransportFailed,  // undelivered for good: the submission fails
  kFileAccepted,
  kFileRejected,
  kRows,  // outcomes of single rows; `final` closes the submission
};

struct RowReceipt {
  // By row number in the submission, or (number 0) by table and number in that table, or by table and key.
  std::uint64_t number = 0;
  std::string_view table;
  std::uint64_t number_in_table = 0;
  std::string_view key;
  bool accepted = false;
  std::string_view rule, reason;  // no patient data
};

struct Receipt {
  std::string_view destination;
  std::string_view
      receipt_id;  // the receiver's own id, or one derived from its bytes; unique at the destination
  std::uint64_t submission = 0;
  ReceiptKind kind = ReceiptKind::kTransportAccepted;
  std::string_view reason;  // of a failure or rejection
  std::span<const RowReceipt> rows;
  bool final = false;    // kRows: the rows not named, now or before, are accepted; the submission is done
  std::string_view raw;  // as received, kept (compressed)
};

struct ReceiptResult {
  std::uint64_t applied = 0, repeated = 0;
  std::uint64_t rows_accepted = 0, rows_rejected = 0;
  std::uint64_t rows_outdated = 0;  // spoke of a version that is not the newest: recorded, row not moved
  std::uint64_t rows_unknown = 0;   // no such row in the submission: an alarm
  std::vector<std::uint32_t>
      unknown_submissions;  // indexes of receipts that fit no submission (logged all the same)
};

struct ReceiptRecord {
  std::uint64_t id = 0;
  std::string destination, receipt_id, reason, raw;
  std::uint64_t submission = 0;
  ReceiptKind kind = ReceiptKind::kTransportAccepted;
  std::uint64_t rows = 0;
  bool final = false;
  Instant at;
};

}  // namespace tributary::store
