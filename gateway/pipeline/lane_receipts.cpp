// What comes back: polling, receipts and the counts that they give.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "base/fault_point.h"
#include "base/file.h"
#include "base/machine_code.h"
#include "pipeline/lane.h"
#include "pipeline/travel_id.h"

namespace tributary::pipeline {

using store::Submission;
using store::SubmissionState;

// A folder that gives no answers: a durable file is all that can be had, so its rows count as accepted.
Result<void> Lane::acceptAtOnce(const Submission& submission) {
  const std::string file_id = travelId(submission) + "/file", rows_id = travelId(submission) + "/rows";
  store::Receipt receipts[2];
  receipts[0] = {config_.name, file_id, submission.id, store::ReceiptKind::kFileAccepted, "the file is in the folder", {}, false, {}};
  receipts[1] = {config_.name, rows_id, submission.id, store::ReceiptKind::kRows, {}, {}, true, {}};
  TRY_ASSIGN([[maybe_unused]] const store::ReceiptResult result, store_.applyReceipts(receipts));
  return countOutcomes(submission.id);
}

// Rows that a final receipt does not name are accepted by it: the store's own count of the submission is what is true.
Result<void> Lane::countOutcomes(std::uint64_t id) {
  TRY_ASSIGN(const auto submission, store_.submission(id));
  if (!submission || submission->state != SubmissionState::kDone) return {};
  if (config_.keep_days == 0) next_sweep_ = Instant{};
  const std::lock_guard lock(mutex_);
  status_.rows_accepted += submission->accepted;
  status_.rows_rejected += submission->rejected;
  return {};
}

Result<bool> Lane::poll() {
  const Instant now = clock_.now();
  if (now < next_poll_) return false;
  TRY_ASSIGN(const auto awaiting, store_.submissions({config_.name, kAwaiting, {}, {}, 0, 1}));
  if (awaiting.empty()) return false;
  if (config_.kind == DestinationKind::kFolder && !config_.expect_receipts) {
    TRY_VOID(acceptAtOnce(awaiting.front()));  // left by a crash between the file and its receipts
    return true;
  }
  next_poll_ = now + destination_->pollInterval();
  auto report = destination_->poll([this](const deliver::Receipt& receipt) { return apply(receipt); });
  if (!report) {
    const std::lock_guard lock(mutex_);
    status_.healthy = false;
    status_.last_error = report.error().text;
    poll_failed_ = true;
    return false;
  }
  if (std::exchange(poll_failed_, false)) {
    const std::lock_guard lock(mutex_);
    status_.healthy = true;
    status_.last_error.clear();
  }
  if (report->more) next_poll_ = now;
  if (now - awaiting.front().since > config_.receipt_patience) {
    const std::lock_guard lock(mutex_);
    status_.healthy = false;
    status_.last_error = "submission " + std::to_string(awaiting.front().id) + " has had no answer since " + formatInstant(awaiting.front().since);
  }
  return report->receipts > 0;
}

// Numbers, within the table, of the rows that stand in the file as upserts (or as deletes), in the order of the file.
Result<std::vector<std::uint64_t>> Lane::deletesOf(std::uint64_t submission, const store::SubmissionTable& table, bool deletes) {
  std::vector<std::uint64_t> numbers;
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t read,
             store_.readSubmission(submission, table.first_number - 1, [&](const store::SubmissionRow& row) {
               if (row.table != table.table) return false;
               if (row.deleted == deletes) numbers.push_back(row.number_in_table);
               return true;
             }));
  return numbers;
}

// What of an answer may stand in log and status: its codes. Its words stay in the store; they may tell of a patient.
static std::string shownReason(const deliver::Receipt& receipt) {
  using Layer = deliver::Receipt::Layer;
  if (receipt.layer == Layer::kUnreadable) return receipt.text;  // ours: why it cannot be read
  constexpr std::size_t kMost = 5;
  std::vector<std::string> codes;
  const auto add = [&](std::string_view text) {
    std::string code = machineCode(text);
    if (!code.empty() && std::ranges::find(codes, code) == codes.end()) codes.push_back(std::move(code));
  };
  add(receipt.code);
  for (const Issue& issue : receipt.diagnostics) add(issue.rule);
  std::string out = receipt.layer == Layer::kTransportRejected ? "the transport could not deliver the file" : "the receiver rejected the file";
  for (std::size_t i = 0; i < codes.size() && i < kMost; ++i) out += (i == 0 ? ": " : ", ") + codes[i];
  return codes.size() > kMost ? out + ", …" : out;
}

// An answer that nobody could read stays beside the outbox for a person to look at, under its own id.
Result<void> Lane::keepUnreadable(const deliver::Receipt& receipt) {
  if (receipt.raw.empty()) return {};
  std::string name = receipt.receipt_id;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  const std::filesystem::path folder = outbox_ / "unreadable";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::kUnavailable, "cannot make " + folder.string() + ": " + error.message());
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return writeFileDurably(folder / (config_.name + "-" + name.substr(0, 120)), receipt.raw);
}

Result<void> Lane::apply(const deliver::Receipt& receipt) {
  std::optional<Submission> submission;
  if (const auto number = submissionNumber(receipt.submission_id)) {
    TRY_ASSIGN(submission, store_.submission(*number));
    if (submission && travelId(*submission) != receipt.submission_id) submission.reset();
  }
  if (!submission && !receipt.transport_id.empty()) {
    TRY_ASSIGN(const auto found, store_.submissions({config_.name, {}, receipt.transport_id, {}, 0, 1}));
    if (!found.empty()) submission = found.front();
  }
  store::Receipt out;
  out.destination = config_.name;
  out.receipt_id = receipt.receipt_id;
  out.submission = submission ? submission->id : 0;
  std::string reason = receipt.code + (receipt.code.empty() || receipt.text.empty() ? "" : ": ") + receipt.text;
  for (const Issue& issue : receipt.diagnostics) reason += (reason.empty() ? "" : "; ") + issue.text;
  out.reason = reason;
  std::vector<store::RowReceipt> rows;
  std::uint64_t unknown = 0;  // rows of the receipt that cannot be found in the submission
  using Layer = deliver::Receipt::Layer;
  switch (receipt.layer) {
    case Layer::kTransportRejected: out.kind = store::ReceiptKind::kTransportFailed; break;
    case Layer::kFileAccepted: out.kind = store::ReceiptKind::kFileAccepted; break;
    case Layer::kFileRejected: out.kind = store::ReceiptKind::kFileRejected; break;
    case Layer::kUnreadable:
      log_.error("receipt-unreadable", shownReason(receipt), {{"destination", config_.name}, {"receipt", shownId(receipt.receipt_id)}});
      return keepUnreadable(receipt);
    case Layer::kRows: {
      out.kind = store::ReceiptKind::kRows;
      out.final = true;
      std::map<std::pair<std::string, bool>, std::vector<std::uint64_t>> order;  // of tables with deletes
      for (const deliver::RowOutcome& row : receipt.rows) {
        if (!row.rejected) continue;
        // A receiver may call a table by its code or by its name.
        const auto known = collection_->findTable(row.table);
        if (!known || !submission) {
          out.final = false;
          ++unknown;
          continue;
        }
        if (collection_->tables()[*known].scope == collection::Scope::kHeader) {
          log_.error("header-row-rejected", "the receiver rejected the header: " + machineCode(row.code) + " " + machineCode(row.field), {{"destination", config_.name}, {"receipt", shownId(receipt.receipt_id)}});
          continue;
        }
        store::RowReceipt one;
        one.table = collection_->tables()[*known].name;
        one.key = row.row_key;
        one.number_in_table = row.row_number;
        one.rule = row.code;
        one.reason = row.text;
        const store::SubmissionTable* table = nullptr;
        for (const store::SubmissionTable& t : submission->tables) table = t.table == one.table ? &t : table;
        // A row that is not in the file: then nothing may be taken for accepted on this receipt's word.
        if (table == nullptr || (row.row_number > 0 ? row.row_number > (row.is_delete ? table->deletes : table->rows) : row.row_key.empty())) {
          out.final = false;
          ++unknown;
          continue;
        }
        if (table->deletes > 0 && row.row_number > 0) {
          auto [at, fresh] = order.try_emplace({std::string(one.table), row.is_delete});
          if (fresh) {
            TRY_ASSIGN(at->second, deletesOf(submission->id, *table, row.is_delete));
          }
          one.number_in_table = row.row_number <= at->second.size() ? at->second[row.row_number - 1] : 0;
        }
        rows.push_back(one);
      }
      out.rows = rows;
    }
  }
  const bool has_text = receipt.layer != Layer::kTransportRejected;
  const std::string raw = has_text ? deliver::writeReceipt(receipt) : std::string();
  out.raw = raw;
  FAULT_POINT("pipeline.lane.before_receipt");
  TRY_ASSIGN(const store::ReceiptResult result, store_.applyReceipts({&out, 1}));
  FAULT_POINT("pipeline.lane.after_receipt");
  unknown += result.rows_unknown;
  if (unknown > 0 || !result.unknown_submissions.empty()) {
    log_.error("receipt-unknown-rows", "a receipt names rows or a submission that were not sent; what it does not name is not taken for accepted",
               {{"destination", config_.name}, {"receipt", shownId(receipt.receipt_id)}, {"rows", std::to_string(unknown)}});
  }
  if (out.final && result.repeated == 0 && submission) TRY_VOID(countOutcomes(submission->id));
  if (config_.keep_days == 0) next_sweep_ = Instant{};
  if (receipt.layer != Layer::kFileRejected && receipt.layer != Layer::kTransportRejected) return {};
  const std::string shown = shownReason(receipt);
  log_.error("file-rejected", shown, {{"destination", config_.name}, {"receipt", shownId(receipt.receipt_id)}, {"submission", std::to_string(out.submission)}});
  const std::lock_guard lock(mutex_);
  status_.healthy = false;
  status_.last_error = shown;
  return {};
}

}  // namespace tributary::pipeline
