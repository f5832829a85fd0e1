#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "store/delivery.h"
#include "store/journal.h"
#include "store/ledger.h"
#include "store/report.h"

namespace tributary::store {

// Something that waits for work changed; see Store::setListener.
struct StoreChange {
  bool dirty = false;    // a subject may have become dirty
  bool pending = false;  // a row may have become pending for a destination
};

// The durable state of a gateway: journal, subjects, ledger, outbox, receipts, cursors, audit.
//
// Every method may be called from any thread. A writing method returns when its effect is durable (fsync),
// in one transaction: wholly done or not at all. Writes of several threads are committed together (group
// commit), so many small writers cost one fsync. Reads run beside the writer on a consistent snapshot.
//
// Errors (machinery): kLimit/retryable = no space left; kConflict/retryable = locked by somebody else;
// kUnauthorised = read-only; kCorrupt = the file is damaged; kUnavailable/retryable = input/output failed;
// kInvalidArgument, kNotFound as they say. After any error nothing of that call is stored.
//
// Callbacks run on the calling thread, on a read snapshot; return false to stop. They may call writing
// methods of the store, but not wait for other threads that read: the number of readers is bounded.
class Store {
 public:
  virtual ~Store() = default;

  // ---- journal (journal.h) ----
  virtual Result<AppendResult> append(const AppendBatch& batch) = 0;
  // Gives resources that are current another subject, references and outcome, as append() would by now
  // (another collection has other subjects). An entry counts while its body is the current one, and changes
  // nothing where the subject is the same. Old and new subjects become dirty. Rejects and cursors must be
  // empty. Returns how many resources moved.
  virtual Result<std::uint64_t> place(const AppendBatch& batch) = 0;
  virtual Result<std::optional<std::string>> cursor(std::string_view source, std::string_view name) = 0;
  virtual Result<void> setCursor(std::string_view source, std::string_view name, std::string_view value) = 0;
  // Journal rows with seq > `after`, in order, at most `limit`; bodies only where asked.
  virtual Result<std::uint64_t> readJournal(std::uint64_t after, std::size_t limit, bool with_bodies,
                                            const std::function<bool(const JournalRecord&)>& on_record) = 0;
  // The versions of one resource, newest first.
  virtual Result<std::vector<JournalVersion>> history(std::string_view source, std::string_view type,
                                                      std::string_view id) = 0;
  // The body of one journal row (for lineage: row → resource version → text); nullopt for a delete.
  virtual Result<std::optional<std::string>> body(std::uint64_t seq) = 0;
  // Rejected input with id > `after`, oldest first; raw bytes only where asked (patient data!).
  virtual Result<std::vector<RejectRecord>> rejects(std::uint64_t after, std::size_t limit,
                                                    bool with_raw) = 0;

  // ---- subjects ----
  // Leases up to `limit` dirty subjects, those waiting longest first. Empty: nothing to do now.
  // A subject is leased to one worker at a time; a lease ends with commitProjections, releaseSubject, after
  // `lease_for`, or with the process.
  virtual Result<std::vector<SubjectLease>> takeDirty(std::size_t limit, Duration lease_for) = 0;
  // All current (not deleted) resources of the subject, ordered by type and id. Stops when `max_bytes` of
  // bodies have been handed out; LoadResult::complete tells. A view handed out lives until the callback
  // returns.
  virtual Result<LoadResult> loadSubject(const SubjectLease& lease, std::size_t max_bytes,
                                         const std::function<bool(const StoredResource&)>& on_resource) = 0;
  // Subjects with id > `after` in the order of their ids, at most `limit`, whether dirty or not; an empty source or
  // subject matches all. What is handed out is good for loadSubject() only. Returns how many were handed out.
  virtual Result<std::uint64_t> readSubjects(std::string_view source, std::string_view subject, std::uint64_t after,
                                             std::size_t limit,
                                             const std::function<bool(const SubjectLease&)>& on_subject) = 0;
  // Current resources by key (shared ones), in the order asked; missing and deleted keys are left out.
  virtual Result<LoadResult> load(std::string_view source, std::span<const ResourceKey> keys,
                                  std::size_t max_bytes,
                                  const std::function<bool(const StoredResource&)>& on_resource) = 0;
  // Gives a lease back without a result: the subject goes to the end of the queue and is not taken before
  // `not_before`. `reason` is kept for the operator (no patient data).
  virtual Result<void> releaseSubject(const SubjectLease& lease, Instant not_before,
                                      std::string_view reason) = 0;
  // Leases a subject of rows that are counted over other rows ("counted/…"), making it when it is new, so that commitProjections()
  // can replace its rows. kConflict/retryable: somebody holds it.
  virtual Result<SubjectLease> leaseCounted(std::string_view subject, Duration lease_for) = 0;
  // Marks subjects for projection again (mapping changed, replay). An empty list is every subject of the
  // source; an empty source is every source. Returns how many are dirty by it.
  virtual Result<std::uint64_t> markDirty(std::string_view source, std::span<const std::string> subjects) = 0;

  // ---- ledger (ledger.h) ----
  // Declares where rows of a collection go; call at start-up, before any commit. A destination that is new
  // gets every live row as pending; one that is no longer named keeps its history and gets nothing new.
  virtual Result<void> setDestinations(std::span<const Destination> destinations) = 0;
  // Replaces the rows of each projection's subject by the given ones; all projections in ONE transaction, so
  // pass many. One result a projection, in order.
  virtual Result<std::vector<ProjectionResult>> commitProjections(
      std::span<const Projection> projections) = 0;
  virtual Result<std::optional<LedgerRow>> row(std::string_view collection, std::string_view table,
                                               std::string_view key) = 0;
  // Rows by filter, in the order of their ids, from `after` on; with per-destination states.
  virtual Result<std::uint64_t> readRows(const RowFilter& filter, std::uint64_t after, std::size_t limit,
                                         const std::function<bool(const LedgerRow&)>& on_row) = 0;
  virtual Result<std::uint64_t> readQuarantine(
      const QuarantineFilter& filter, std::uint64_t after, std::size_t limit,
      const std::function<bool(const QuarantineRecord&)>& on_row) = 0;
  // Filtered and quarantined resources with rule and reason.
  virtual Result<std::uint64_t> readOutcomes(const OutcomeFilter& filter, std::uint64_t after,
                                             std::size_t limit,
                                             const std::function<bool(const OutcomeRecord&)>& on_outcome) = 0;

  // ---- outbox (delivery.h) ----
  // Moves pending rows into a new submission, in one transaction; nullopt when none match. See
  // SubmissionRequest.
  virtual Result<std::optional<Submission>> openSubmission(const SubmissionRequest& request) = 0;
  // What openSubmission would take with this request, in the same order and numbering, without taking it.
  virtual Result<std::uint64_t> previewSubmission(const SubmissionRequest& request,
                                                  const std::function<bool(const SubmissionRow&)>& on_row) = 0;
  // Takes subjects out of a submission that is still assembling: their rows that were to be written (deletes stay) count as
  // rejected by that rule, those that had already been sent stay as they were, and the others are numbered anew.
  virtual Result<Submission> leaveOut(std::uint64_t submission, std::span<const LeftOut> subjects) = 0;
  // Pending rows whose period ended before that day, by the month in which it ended, oldest first. An empty day: all
  // pending rows (those without a period under the month "").
  virtual Result<std::vector<PendingMonth>> pendingBefore(std::string_view destination, std::string_view day) = 0;
  // The members in file order, from row number `after` + 1 on; cells as they were when the submission was
  // opened, whatever happened to the row since.
  virtual Result<std::uint64_t> readSubmission(std::uint64_t submission, std::uint64_t after,
                                               const std::function<bool(const SubmissionRow&)>& on_row) = 0;
  // Moves a submission on and records what is given; kConflict when the state machine does not allow it.
  virtual Result<Submission> markSubmission(std::uint64_t submission, const SubmissionUpdate& update) = 0;
  // Puts the rows of a submission that are not accepted back to pending (file rejected, failed, abandoned)
  // and closes it as kCancelled. A row that has a newer version meanwhile is pending already. Returns rows
  // moved.
  virtual Result<std::uint64_t> requeueSubmission(std::uint64_t submission, std::string_view reason) = 0;
  // Puts single rejected rows back to pending (after the receiver corrected itself).
  virtual Result<std::uint64_t> requeueRows(std::string_view destination, std::span<const RowKey> rows) = 0;
  virtual Result<std::vector<Submission>> submissions(const SubmissionFilter& filter) = 0;
  virtual Result<std::optional<Submission>> submission(std::uint64_t id) = 0;
  // Applies receipts, each once: a receipt id known at that destination changes nothing (counted as
  // repeated).
  virtual Result<ReceiptResult> applyReceipts(std::span<const Receipt> receipts) = 0;
  virtual Result<std::vector<ReceiptRecord>> receipts(std::string_view destination, std::uint64_t after,
                                                      std::size_t limit, bool with_raw) = 0;

  // ---- audit and reconciliation (report.h) ----
  virtual Result<void> audit(std::span<const AuditEntry> entries) = 0;
  virtual Result<std::vector<AuditRecord>> readAudit(std::uint64_t after, std::size_t limit) = 0;
  // Walks the hash chain; the seq of the first record that does not fit, nullopt when it is whole.
  virtual Result<std::optional<std::uint64_t>> verifyAudit() = 0;
  // Counts everything with SQL and compares: the numbers that must balance. Full scans; seconds on millions.
  virtual Result<Reconciliation> reconcile() = 0;
  // Figures for metrics; milliseconds at most.
  virtual Result<StoreStatus> status() = 0;
  // Checks the file(s) thoroughly; a list of what is wrong, empty when all is well.
  virtual Result<std::vector<std::string>> checkIntegrity() = 0;

  // `listener` runs on an internal thread after each commit that made work; it must return at once (set a
  // flag).
  virtual void setListener(std::function<void(const StoreChange&)> listener) = 0;
};

}  // namespace tributary::store
