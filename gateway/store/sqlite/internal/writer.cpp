#include "store/sqlite/internal/writer.h"

#include "base/fault_point.h"

namespace tributary::store::sqlite {

Result<void> WriterState::load() {
  TRY_ASSIGN(const std::int64_t seq, database.integer(0, "SELECT max(seq) FROM journal"));
  last_seq = static_cast<std::uint64_t>(seq);
  TRY_ASSIGN(last_queue_position,
             database.integer(0, "SELECT max(queue_position) FROM subject WHERE queue_position IS NOT NULL"));
  destinations.clear();
  Rows rows = database.query("SELECT collection_id, id FROM destination WHERE active = 1 ORDER BY id");
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    destinations[rows->integer(0)].push_back(rows->integer(1));
  }
}

void WriterState::forget() {
  subjects.clear();
  targets.clear();
  seen_references.clear();
  known_tables.clear();
  leases.rollback();
  names.rollback();
  change = {};
}

Writer::Writer(std::unique_ptr<Database> database, Names& names)
    : database_(std::move(database)), state_(*database_, names) {}

Writer::~Writer() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_ready_.notify_one();
  thread_.join();
  // All of the WAL into the file, so that a copy of the file alone is whole. Best effort: the WAL is as good.
  sqlite3_wal_checkpoint_v2(database_->handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

Result<void> Writer::start() {
  TRY_VOID(state_.load());
  thread_ = std::thread([this] { loop(); });
  return {};
}

Result<void> Writer::run(const Work& work) {
  Job job;
  job.work = &work;
  std::unique_lock lock(mutex_);
  if (stopping_) return fail(ErrorCode::kUnavailable, "store: closing");
  queue_.push_back(&job);
  work_ready_.notify_one();
  work_done_.wait(lock, [&job] { return job.done; });
  return std::move(job.result);
}

void Writer::setListener(std::function<void(const StoreChange&)> listener) {
  const std::lock_guard lock(listener_mutex_);
  listener_ = std::move(listener);
}

void Writer::loop() {
  std::vector<Job*> group;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      work_ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      group.swap(queue_);
    }
    process(group);
    group.clear();
  }
}

void Writer::process(std::vector<Job*>& group) {
  const Result<void> together = transaction(group);
  if (together || group.size() == 1) {
    if (!together) group.front()->result = together;
    finish(group);
    return;
  }
  for (Job*& job : group) {
    const std::span<Job* const> alone(&job, 1);
    job->result = transaction(alone);
    finish(alone);
  }
}

Result<void> Writer::transaction(std::span<Job* const> group) {
  Result<void> result = database_->run("BEGIN IMMEDIATE");
  for (std::size_t index = 0; result && index < group.size(); ++index) result = (*group[index]->work)(state_);
  if (result) {
    FAULT_POINT("store.before_commit");
    result = database_->run("COMMIT");
  }
  if (!result) {
    if (database_->inTransaction()) static_cast<void>(database_->run("ROLLBACK"));
    state_.forget();
    // The counters follow the tables again; when even reading fails the next transaction fails as well.
    static_cast<void>(state_.load());
    return result;
  }
  FAULT_POINT("store.after_commit");
  state_.leases.commit();
  state_.names.commit();
  commits_.fetch_add(1, std::memory_order_relaxed);
  writes_.fetch_add(group.size(), std::memory_order_relaxed);
  return {};
}

void Writer::finish(std::span<Job* const> group) {
  const StoreChange change = std::exchange(state_.change, {});
  if (change.dirty || change.pending) {
    const std::lock_guard lock(listener_mutex_);
    if (listener_) listener_(change);
  }
  {
    const std::lock_guard lock(mutex_);
    for (Job* job : group) job->done = true;
  }
  work_done_.notify_all();
}

}  // namespace tributary::store::sqlite
