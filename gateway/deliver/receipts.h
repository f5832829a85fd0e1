#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/issue.h"
#include "base/result.h"

namespace tributary::deliver {

// One finding about one row. The row is named by table, action and number as in README.md, or by its key.
struct RowOutcome {
  std::string table = {};
  bool is_delete = false;
  std::uint64_t row_number = 0;  // from 1; 0: named by `row_key`
  std::string row_key = {};
  std::uint64_t position = 0;  // from 1, in the table in the order of assembly; filled by locateRows()
  bool rejected = true;        // false: accepted, with a warning
  std::string code = {};
  std::string severity = {};
  std::string field = {};  // "" when it is about the whole row
  std::string text = {};   // the receiver's words; may hold patient data, so not for logs
};

// What a receiver said about one submission.
struct Receipt {
  enum class Layer : std::uint8_t {
    kTransportRejected,  // the transport gave up after it had accepted (MESH REPORT)
    kFileAccepted,
    kFileRejected,
    kRows,        // row outcomes; rows not named are accepted
    kUnreadable,  // an answer that cannot be understood; it settles nothing
  };
  Layer layer = Layer::kUnreadable;
  std::string receipt_id =
      {};  // unique at the destination (MESH message id, file name): the key against doubles
  std::string submission_id = {};  // "" when only the transport id is known
  std::string transport_id = {};   // of the submission's message, "" when unknown
  std::string system, provider, file_name = {};
  std::string code = {};  // of the whole file
  std::string text = {};
  std::string generated = {};  // as the receiver wrote it
  std::vector<Issue> diagnostics =
      {};  // kFileRejected: why; kUnreadable: what is wrong with the receipt itself

  // kUnreadable: as it came, where the destination does not keep it itself. To be kept before poll() goes on: MESH has
  // no other copy.
  std::string raw = {};

  // kRows only.
  std::uint64_t total = 0, succeeded = 0, failed = 0;
  std::vector<RowOutcome> rows = {};
};

struct ReceiptLimits {
  std::size_t bytes = std::size_t{256} << 20;
  std::size_t rows = 5'000'000;
};

// Parses an InfAck or BusAck. A malformed or self-contradicting one is an Issue (rules "receipt-…").
std::expected<Receipt, Issue> parseReceipt(std::string_view json, const ReceiptLimits& limits = {});
// The lines of a Data Validation Engine (feedback.h) on one submission, as a receipt: a finding that is an error and fails the
// submission or its integrity rejects the file, other errors their rows, informational ones are warnings; rows without a
// finding are accepted. No line at all: nothing is wrong. One line that cannot be read makes all of it unreadable.
std::expected<Receipt, Issue> parseFeedback(std::string_view lines, std::string submission_id, const ReceiptLimits& limits = {});
// Receivers count rows in the file, where upserts and deletes of a table are numbered apart; a ledger counts
// them in the order in which it gave them out. `next` names the rows of the submission once more in that
// order (table and whether it is a delete; false at the end), and each RowOutcome that has a row number gets
// its position in its table. One that names a row that is not there keeps 0.
struct SubmittedRow {
  std::string_view table = {};  // lives until the next call
  bool is_delete = false;
};
Result<void> locateRows(Receipt& receipt, const std::function<Result<bool>(SubmittedRow& row)>& next);

// The other direction, for simulators and tests: the JSON of README.md. kTransportRejected and kUnreadable
// have none.
std::string writeReceipt(const Receipt& receipt);

}  // namespace tributary::deliver
