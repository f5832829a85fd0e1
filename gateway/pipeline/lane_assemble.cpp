// From the rows of a submission to its file: rules over the whole file first, then the header and the tables in order.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/fault_point.h"
#include "pipeline/forms.h"
#include "pipeline/lane.h"
#include "pipeline/month_file.h"
#include "pipeline/travel_id.h"

namespace tributary::pipeline {

using store::Submission;
using store::SubmissionState;
using store::SubmissionUpdate;

namespace {

constexpr Duration kRefusedPause = std::chrono::hours(1);

// Labels of whole months hold a slash: "2026-09/primary", "2026-09/rebuild-…".
bool isWholeMonth(const Submission& submission) { return submission.window.find('/') != std::string::npos; }

}  // namespace

// Rows that break a rule over the whole file are left out with their reason, and a month without its mandatory tables is
// not sent. False: there is no file to write. Runs again unchanged after a crash.
Result<bool> Lane::checkFile(Submission& submission) {
  FileRules rules(collection_);
  for (const store::SubmissionTable& part : submission.tables) {
    const auto table = collection_->findTable(part.table);
    if (!table || !rules.watches(*table)) continue;
    Result<void> fault;
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t read,
               store_.readSubmission(submission.id, part.first_number - 1, [&](const store::SubmissionRow& row) {
                 if (row.table != part.table) return false;
                 if (!row.deleted) fault = rules.add(*table, row);
                 return fault.has_value();
               }));
    TRY_VOID(fault);
  }
  if (!rules.leftOut().empty()) {
    for (const auto& [rule, text] : rules.broken()) {
      log_.error("file-rule", text + ": the later ones, with all that hangs on them, are left out and marked rejected with this rule",
                 {{"destination", config_.name}, {"rule", rule}, {"submission", std::to_string(submission.id)},
                  {"subjects", std::to_string(rules.leftOut().size())}});
    }
    FAULT_POINT("pipeline.lane.before_leave_out");
    TRY_ASSIGN(submission, store_.leaveOut(submission.id, rules.leftOut()));
    FAULT_POINT("pipeline.lane.after_leave_out");
    if (submission.state == SubmissionState::kCancelled) return false;
  }
  if (!isWholeMonth(submission)) return true;
  const auto empty = emptyTables(*collection_, submission.tables);
  if (empty.empty()) return true;
  std::string reason = submission.window + " cannot be sent: ";
  for (const std::string& text : empty) reason += (&text == &empty.front() ? "" : "; ") + text;
  TRY_VOID(refuseFile(submission, reason));
  return false;
}

// The rows go back to pending; it is tried again in an hour, or at once when the gateway starts.
Result<void> Lane::refuseFile(const Submission& submission, const std::string& reason) {
  refused_[submission.window] = clock_.now() + kRefusedPause;
  alarm(submission.window, reason);
  FAULT_POINT("pipeline.lane.before_refuse");
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t rows, store_.requeueSubmission(submission.id, reason));
  return {};
}

Result<void> Lane::assemble(Submission submission) {
  {
    const std::lock_guard lock(mutex_);
    status_.doing = "writing submission " + std::to_string(submission.id);
  }
  const auto begin = std::chrono::steady_clock::now();
  TRY_ASSIGN(const bool goes, checkFile(submission));
  if (!goes) return {};
  deliver::AssemblyOptions options;
  TRY_VOID(chooseForm(submission.format, config_, options));
  options.submission_id = travelId(submission);
  options.collection = submission.collection;
  options.window_from = options.window_to = submission.created_at;
  options.continuous = config_.mode == DeliveryMode::kContinuous && !isWholeMonth(submission);
  options.whole_month = isWholeMonth(submission);
  options.generated = submission.created_at;
  options.folder = outbox_;
  options.compression_level = 1;  // the national files are small and the wire is not the bottleneck
  const FileLayout layout = layoutOf(*collection_);
  TRY_ASSIGN(deliver::Assembler assembler, deliver::Assembler::create(options, layout.tables));
  std::vector<std::string_view> cells;
  for (const std::size_t t : deliver::tableOrder(options, layout.tables)) {
    const collection::Table& table = collection_->tables()[t];
    if (table.scope == collection::Scope::kHeader) {
      const collection::HeaderRow header = collection_->header(windowOf(submission.window, submission.created_at));
      for (const Issue& issue : header.issues) {
        // Told once: a flow within the month it speaks of breaks the same rule in each file.
        if (!told_.insert(issue.rule).second) continue;
        const bool expected = config_.mode == DeliveryMode::kContinuous;
        log_.write(expected ? std::string_view("info") : severityName(issue.severity), issue.rule, issue.text, {{"destination", config_.name}});
      }
      columnsOf(layout, t, header.cells, cells);
      TRY_ASSIGN([[maybe_unused]] const std::uint64_t number, assembler.add(t, cells));
      continue;
    }
    const auto part = std::find_if(submission.tables.begin(), submission.tables.end(),
                                   [&](const store::SubmissionTable& one) { return one.table == table.name; });
    if (part == submission.tables.end()) continue;
    // Deletes stand behind the other rows of their table.
    for (const bool deletes : {false, true}) {
      if ((deletes ? part->deletes : part->rows) == 0) continue;
      Result<void> added;
      const std::uint64_t last = part->first_number + part->rows + part->deletes;
      TRY_ASSIGN([[maybe_unused]] const std::uint64_t read,
                 store_.readSubmission(submission.id, part->first_number - 1, [&](const store::SubmissionRow& row) {
                   if (row.number >= last || row.table != table.name) return false;
                   if (row.deleted != deletes) return true;
                   auto decoded = collection::decodeCells(row.cells);
                   if (!decoded) {
                     added = std::unexpected(decoded.error());
                     return false;
                   }
                   columnsOf(layout, t, *decoded, cells);
                   if (auto number = assembler.add(t, cells, deletes); !number) {
                     added = std::unexpected(number.error());
                     return false;
                   }
                   return true;
                 }));
      TRY_VOID(added);
    }
  }
  FAULT_POINT("pipeline.lane.before_file");
  TRY_ASSIGN(const deliver::AssembledFile file, assembler.finish());
  for (const Issue& issue : file.issues) {
    log_.write(severityName(issue.severity), issue.rule, issue.path + ": " + issue.text,
               {{"destination", config_.name}, {"submission", std::to_string(submission.id)}});
  }
  FAULT_POINT("pipeline.lane.after_file");
  assemble_ns_ += static_cast<std::uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  SubmissionUpdate update;
  update.state = SubmissionState::kReady;
  update.file_path = file.submission.file.string();
  update.file_hash = file.submission.sha256;
  update.file_bytes = file.submission.bytes;
  TRY_ASSIGN([[maybe_unused]] const Submission ready, store_.markSubmission(submission.id, update));
  FAULT_POINT("pipeline.lane.after_ready");
  return {};
}

}  // namespace tributary::pipeline
