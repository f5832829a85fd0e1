#include "deliver/file/folder_destination.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/fault_point.h"
#include "base/file.h"
#include "deliver/internal/output_file.h"

namespace tributary::deliver {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kReceiptSuffix = ".receipt.json";
constexpr std::string_view kFeedbackSuffix = ".feedback.jsonl";  // behind the submission's id

bool isAnswer(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(kReceiptSuffix) || name.ends_with(kFeedbackSuffix));
}

std::expected<Receipt, Issue> parseAnswer(std::string_view name, std::string_view text, const ReceiptLimits& limits) {
  if (!name.ends_with(kFeedbackSuffix)) return parseReceipt(text, limits);
  return parseFeedback(text, std::string(name.substr(0, name.size() - kFeedbackSuffix.size())), limits);
}

SubmitOutcome outcome(SubmitVerdict verdict, std::string reason, std::string transport_id = {}) {
  SubmitOutcome out;
  out.verdict = verdict;
  out.reason = std::move(reason);
  out.transport_id = std::move(transport_id);
  return out;
}

Result<std::string> copyDurably(const fs::path& from, const fs::path& to) {
  TRY_ASSIGN(auto file, OutputFile::create(to));
  const int fd = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(ErrorCode::kNotFound, "cannot open " + from.string());
  std::array<char, 64 << 10> buffer;
  Result<void> copied;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      copied = fail(ErrorCode::kUnavailable, "cannot read " + from.string(), RetryClass::kRetryable);
    if (got <= 0) break;
    copied = file->write({buffer.data(), static_cast<std::size_t>(got)});
    if (!copied) break;
  }
  ::close(fd);
  TRY_VOID(std::move(copied));
  FAULT_POINT("deliver.folder.before-rename");
  return file->commit();
}

Result<void> move(const fs::path& from, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::rename(from, folder / from.filename(), error);
  if (error)
    return fail(ErrorCode::kUnavailable, "cannot move " + from.string() + ": " + error.message(),
                RetryClass::kRetryable);
  return {};
}

}  // namespace

Result<FolderDestination> FolderDestination::open(FolderOptions options) {
  if (options.folder.empty()) return fail(ErrorCode::kInvalidArgument, "a folder destination needs a folder");
  if (options.receipts.empty()) options.receipts = options.folder / "receipts";
  for (const fs::path& folder : {options.folder, options.receipts}) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
      return fail(ErrorCode::kInvalidArgument,
                  "cannot make the folder " + folder.string() + ": " + error.message());
  }
  return FolderDestination(std::move(options));
}

SubmitOutcome FolderDestination::submit(const Submission& submission, const std::string&) {
  if (!isSubmissionId(submission.id)) return outcome(SubmitVerdict::kRefused, "not a submission id");
  SubmitOutcome before = resolve(submission);
  if (before.verdict != SubmitVerdict::kRetryLater) return before;
  const std::string name = submissionFileName(submission);
  auto copied = copyDurably(submission.file, options_.folder / name);
  if (!copied) {
    const bool permanent = copied.error().code == ErrorCode::kNotFound;
    return outcome(permanent ? SubmitVerdict::kRefused : SubmitVerdict::kRetryLater, copied.error().text);
  }
  FAULT_POINT("deliver.folder.after-rename");
  if (*copied != submission.sha256) {
    // The payload changed under our hands: it must not be taken for the submission.
    std::error_code ignored;
    fs::remove(options_.folder / name, ignored);
    return outcome(SubmitVerdict::kRefused,
                   "the payload is not the one that was assembled (SHA-256 differs)");
  }
  return outcome(SubmitVerdict::kTransportAccepted, "written", name);
}

SubmitOutcome FolderDestination::resolve(const Submission& submission, const std::string&) {
  const std::string name = submissionFileName(submission);
  auto held = fileSha256(options_.folder / name);
  if (!held) {
    if (held.error().code == ErrorCode::kNotFound)
      return outcome(SubmitVerdict::kRetryLater, "not there yet");
    return outcome(SubmitVerdict::kUnknown, held.error().text, name);
  }
  if (*held == submission.sha256) return outcome(SubmitVerdict::kTransportAccepted, "there already", name);
  return outcome(SubmitVerdict::kRefused, "a file of this name with other contents is there", name);
}

Result<PollReport> FolderDestination::poll(const ReceiptSink& sink) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(options_.receipts, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!isAnswer(name)) continue;
    if (std::error_code kind; it->is_regular_file(kind)) found.push_back(it->path());
  }
  if (error) {
    return fail(ErrorCode::kUnavailable, "cannot read " + options_.receipts.string() + ": " + error.message(),
                RetryClass::kRetryable);
  }
  std::sort(found.begin(), found.end());
  PollReport report;
  if (found.size() > options_.receipts_per_poll) {
    found.resize(options_.receipts_per_poll);
    report.more = true;
  }
  for (const fs::path& path : found) {
    auto text = readFile(path, options_.receipt_limits.bytes);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;  // another poll took it
    if (!text && text.error().code != ErrorCode::kLimit) return std::unexpected(std::move(text).error());
    std::expected<Receipt, Issue> receipt =
        text ? parseAnswer(path.filename().string(), *text, options_.receipt_limits)
             : std::unexpected(
                   Issue{.rule = "receipt-size", .path = {}, .text = "larger than allowed", .remedy = {}});
    const bool readable = receipt.has_value();
    if (!readable) {
      Receipt unreadable;
      unreadable.text = "cannot be understood: " + receipt.error().text;
      unreadable.diagnostics.push_back(std::move(receipt).error());
      receipt = std::move(unreadable);
    }
    receipt->receipt_id = path.filename().string();
    TRY_VOID(sink(*receipt));
    FAULT_POINT("deliver.folder.receipt-stored");
    TRY_VOID(move(path, options_.receipts / (readable ? "done" : "failed")));
    ++(readable ? report.receipts : report.unreadable);
  }
  return report;
}

Result<ProbeReport> FolderDestination::probe() {
  ProbeReport report;
  report.ready = ::access(options_.folder.c_str(), W_OK | X_OK) == 0 &&
                 ::access(options_.receipts.c_str(), W_OK | X_OK) == 0;
  report.text =
      report.ready ? "folder can be written" : "folder cannot be written: " + options_.folder.string();
  return report;
}

}  // namespace tributary::deliver
