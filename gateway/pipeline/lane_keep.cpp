// How long files that were sent are kept in the outbox.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "base/fault_point.h"
#include "pipeline/lane.h"
#include "pipeline/travel_id.h"

namespace tributary::pipeline {

using store::Submission;
using store::SubmissionState;

namespace fs = std::filesystem;

namespace {

constexpr Duration kSweepPause = std::chrono::hours(1);

// Nothing more can become of it. One that has failed still waits for a person, and keeps its file.
bool isFinal(SubmissionState state) {
  return state == SubmissionState::kDone || state == SubmissionState::kFileRejected || state == SubmissionState::kCancelled;
}

}  // namespace

// Deletes files, and halves of files that a crash left, whose submission came to its end `keep_days` ago. First the audit,
// then the record, then the file: a crash in between leaves a file that the next look deletes.
Result<void> Lane::sweep() {
  const Instant now = clock_.now();
  if (now < next_sweep_) return {};
  next_sweep_ = now + kSweepPause;
  const Duration keep = std::chrono::hours(24) * static_cast<int>(config_.keep_days);
  std::vector<std::pair<std::uint64_t, fs::path>> files;
  std::error_code error;
  for (fs::directory_iterator it(outbox_, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.starts_with('.')) name.erase(0, 1);
    if (const auto number = submissionNumber(name); number && it->symlink_status(error).type() == fs::file_type::regular) files.emplace_back(*number, it->path());
  }
  std::ranges::sort(files);
  std::uint64_t deleted = 0, bytes = 0;
  for (const auto& [number, path] : files) {
    TRY_ASSIGN(const auto submission, store_.submission(number));
    if (!submission || submission->destination != config_.name) continue;
    if (submission->created_at + keep > now) break;  // those behind it are younger still
    const std::string name = path.filename().string();
    if (!isFinal(submission->state) || submission->since + keep > now || name.find(submission->idempotency_key) == std::string::npos) continue;
    if (submission->file_path == path.string()) {
      TRY_VOID(store_.audit(std::vector<store::AuditEntry>{
          {"gateway", "delete-sent-file", config_.name + "/" + std::to_string(number),
           std::string(store::submissionStateName(submission->state)) + " since " + formatInstant(submission->since) + ", " +
               std::to_string(submission->file_bytes) + " bytes, sha256 " + submission->file_hash}}));
      FAULT_POINT("pipeline.lane.before_forget");
      store::SubmissionUpdate update;
      update.file_path = "";
      TRY_ASSIGN([[maybe_unused]] const Submission forgotten, store_.markSubmission(number, update));
    }
    FAULT_POINT("pipeline.lane.before_delete");
    const auto size = fs::file_size(path, error);
    if (!fs::remove(path, error) && error) {
      log_.warning("outbox-file-stays", "a file that is no longer needed cannot be deleted: " + error.message(), {{"destination", config_.name}, {"submission", std::to_string(number)}});
      continue;
    }
    ++deleted;
    bytes += size;
  }
  if (deleted > 0) {
    log_.info("outbox-swept", "files that were sent are deleted, as keep_days says",
              {{"destination", config_.name}, {"files", std::to_string(deleted)}, {"bytes", std::to_string(bytes)}});
  }
  return {};
}

}  // namespace tributary::pipeline
