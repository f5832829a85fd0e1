#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite/internal/codec.h"
#include "store/sqlite/internal/lock_file.h"
#include "store/sqlite/internal/names.h"
#include "store/sqlite/internal/readers.h"
#include "store/sqlite/internal/writer.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store.h"

namespace tributary::store::sqlite {

// The store on SQLite. The methods lie in the file of their theme: journal.cpp, subjects.cpp, projection.cpp,
// ledger.cpp, outbox.cpp, receipts.cpp, report.cpp.
class Engine final : public Store {
 public:
  static Result<std::unique_ptr<Store>> open(const SqliteOptions& options);
  ~Engine() override;

  Result<AppendResult> append(const AppendBatch& batch) override;
  Result<std::uint64_t> place(const AppendBatch& batch) override;
  Result<std::optional<std::string>> cursor(std::string_view source, std::string_view name) override;
  Result<void> setCursor(std::string_view source, std::string_view name, std::string_view value) override;
  Result<std::uint64_t> readJournal(std::uint64_t after, std::size_t limit, bool with_bodies,
                                    const std::function<bool(const JournalRecord&)>& on_record) override;
  Result<std::vector<JournalVersion>> history(std::string_view source, std::string_view type,
                                              std::string_view id) override;
  Result<std::optional<std::string>> body(std::uint64_t seq) override;
  Result<std::vector<RejectRecord>> rejects(std::uint64_t after, std::size_t limit, bool with_raw) override;

  Result<std::vector<SubjectLease>> takeDirty(std::size_t limit, Duration lease_for) override;
  Result<LoadResult> loadSubject(const SubjectLease& lease, std::size_t max_bytes,
                                 const std::function<bool(const StoredResource&)>& on_resource) override;
  Result<LoadResult> load(std::string_view source, std::span<const ResourceKey> keys, std::size_t max_bytes,
                          const std::function<bool(const StoredResource&)>& on_resource) override;
  Result<std::uint64_t> readSubjects(std::string_view source, std::string_view subject, std::uint64_t after,
                                     std::size_t limit,
                                     const std::function<bool(const SubjectLease&)>& on_subject) override;
  Result<void> releaseSubject(const SubjectLease& lease, Instant not_before,
                              std::string_view reason) override;
  Result<std::uint64_t> markDirty(std::string_view source, std::span<const std::string> subjects) override;

  Result<void> setDestinations(std::span<const Destination> destinations) override;
  Result<SubjectLease> leaseCounted(std::string_view subject, Duration lease_for) override;
  Result<std::vector<ProjectionResult>> commitProjections(std::span<const Projection> projections) override;
  Result<std::optional<LedgerRow>> row(std::string_view collection, std::string_view table,
                                       std::string_view key) override;
  Result<std::uint64_t> readRows(const RowFilter& filter, std::uint64_t after, std::size_t limit,
                                 const std::function<bool(const LedgerRow&)>& on_row) override;
  Result<std::uint64_t> readQuarantine(const QuarantineFilter& filter, std::uint64_t after, std::size_t limit,
                                       const std::function<bool(const QuarantineRecord&)>& on_row) override;
  Result<std::uint64_t> readOutcomes(const OutcomeFilter& filter, std::uint64_t after, std::size_t limit,
                                     const std::function<bool(const OutcomeRecord&)>& on_outcome) override;

  Result<std::optional<Submission>> openSubmission(const SubmissionRequest& request) override;
  Result<std::uint64_t> readSubmission(std::uint64_t submission, std::uint64_t after,
                                       const std::function<bool(const SubmissionRow&)>& on_row) override;
  Result<std::uint64_t> previewSubmission(const SubmissionRequest& request,
                                          const std::function<bool(const SubmissionRow&)>& on_row) override;
  Result<Submission> leaveOut(std::uint64_t submission, std::span<const LeftOut> subjects) override;
  Result<std::vector<PendingMonth>> pendingBefore(std::string_view destination, std::string_view day) override;
  Result<Submission> markSubmission(std::uint64_t submission, const SubmissionUpdate& update) override;
  Result<std::uint64_t> requeueSubmission(std::uint64_t submission, std::string_view reason) override;
  Result<std::uint64_t> requeueRows(std::string_view destination, std::span<const RowKey> rows) override;
  Result<std::vector<Submission>> submissions(const SubmissionFilter& filter) override;
  Result<std::optional<Submission>> submission(std::uint64_t id) override;
  Result<ReceiptResult> applyReceipts(std::span<const Receipt> receipts) override;
  Result<std::vector<ReceiptRecord>> receipts(std::string_view destination, std::uint64_t after,
                                              std::size_t limit, bool with_raw) override;

  Result<void> audit(std::span<const AuditEntry> entries) override;
  Result<std::vector<AuditRecord>> readAudit(std::uint64_t after, std::size_t limit) override;
  Result<std::optional<std::uint64_t>> verifyAudit() override;
  Result<Reconciliation> reconcile() override;
  Result<StoreStatus> status() override;
  Result<std::vector<std::string>> checkIntegrity() override;
  void setListener(std::function<void(const StoreChange&)> listener) override;

 private:
  explicit Engine(const SqliteOptions& options) : options_(options) {}

  // In a transaction of the writer; kUnauthorised where the store was opened for reading only.
  Result<void> write(const Writer::Work& work);
  Result<void> openFiles();
  Result<std::unique_ptr<Database>> connect(int flags, std::size_t cache_bytes) const;
  Result<void> loadDictionaries(Database& database);
  void collectSamples(const AppendBatch& batch);
  Result<void> readDeliveries(Database& database, LedgerRow& row) const;
  Result<bool> handOut(Database& database, const Rows& rows, std::size_t max_bytes, LoadResult& result,
                       const std::function<bool(const StoredResource&)>& on_resource) const;
  Instant now() const { return options_.clock->now(); }

  SqliteOptions options_;
  std::optional<LockFile> lock_;
  Names names_;
  Codec codec_;
  Readers readers_;
  std::unique_ptr<Writer> writer_;
};

// ---- shared by the files of the engine; all on the writing thread ----

// Of a resource, within one source.
std::int64_t resourceKeyHash(std::string_view source, std::string_view type, std::string_view id);
// Of a row, within one collection.
std::int64_t rowKeyHash(std::string_view collection, std::string_view table, std::string_view key);
// 0 for the empty subject.
Result<std::int64_t> internSubject(WriterState& state, std::int64_t source, std::string_view subject);
Result<void> markSubjectDirty(WriterState& state, std::int64_t subject);
// Marks the subject as the cache knows it; the fast way for append.
Result<std::int64_t> internDirtySubject(WriterState& state, std::int64_t source, std::string_view subject);
// The subject's state in the cache is not known any more.
void forgetSubject(WriterState& state, std::int64_t source, std::string_view subject);
// A key became free: subjects whose row was quarantined as its duplicate look again.
Result<void> wakeDuplicates(WriterState& state, std::int64_t key_hash);
// Moves a submission's state on; false when the state machine does not allow it.
bool mayMove(SubmissionState from, SubmissionState to);
// `d.state`, `s.state` and `d.deleted` together.
RowState rowState(std::int64_t delivery_state, std::int64_t submission_state, bool deleted);
Result<std::optional<Submission>> readSubmissionRecord(Database& database, const Names& names,
                                                       std::uint64_t id);

}  // namespace tributary::store::sqlite
