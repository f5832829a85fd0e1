#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/sqlite/internal/database.h"
#include "store/sqlite/internal/leases.h"
#include "store/sqlite/internal/names.h"
#include "store/store.h"

namespace tributary::store::sqlite {

// What the writing thread knows besides the tables. Everything here is a copy of the tables or is undone with
// the transaction, so a failed transaction leaves no trace.
struct WriterState {
  struct Subject {
    std::int64_t id = 0;
    bool queued = false;  // known to be dirty and due at once; false: not known
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  explicit WriterState(Database& connection, Names& shared_names)
      : database(connection), names(shared_names) {}

  Database& database;
  Names& names;
  Leases leases;
  std::uint64_t last_seq = 0;
  std::int64_t last_queue_position = 0;
  // Bounded caches; forgotten whole when full or when a transaction fails.
  std::unordered_map<std::string, Subject, TextHash, std::equal_to<>> subjects;      // source id + NUL + key
  std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>> targets;  // referenced resources
  std::unordered_set<std::uint64_t> seen_references;  // target << 32 | referrer
  std::unordered_set<std::uint64_t> known_tables;     // rows of ledger_table: collection << 32 | table
  std::unordered_map<std::int64_t, std::vector<std::int64_t>>
      destinations;    // collection → active destinations
  StoreChange change;  // what the running transaction made

  Result<void> load();
  void forget();
};

// The one thread that writes. Work given by several threads while a transaction runs goes into the next one
// together, so that one fsync serves all (group commit). Work must be repeatable: when a group fails it is
// rolled back and each piece is tried in a transaction of its own, so that one bad piece fails alone.
class Writer {
 public:
  using Work = std::function<Result<void>(WriterState&)>;

  Writer(std::unique_ptr<Database> database, Names& names);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Result<void> start();
  // Blocks until the work is durable or has failed.
  Result<void> run(const Work& work);

  void setListener(std::function<void(const StoreChange&)> listener);
  std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }
  std::uint64_t writes() const { return writes_.load(std::memory_order_relaxed); }
  std::uint64_t leased() const { return state_.leases.count(); }

 private:
  struct Job {
    const Work* work = nullptr;
    Result<void> result;
    bool done = false;
  };

  void loop();
  void process(std::vector<Job*>& group);
  Result<void> transaction(std::span<Job* const> group);
  void finish(std::span<Job* const> group);

  std::unique_ptr<Database> database_;
  WriterState state_;
  std::mutex mutex_;
  std::condition_variable work_ready_, work_done_;
  std::vector<Job*> queue_;
  bool stopping_ = false;
  std::mutex listener_mutex_;
  std::function<void(const StoreChange&)> listener_;
  std::atomic<std::uint64_t> commits_ = 0, writes_ = 0;
  std::thread thread_;
};

}  // namespace tributary::store::sqlite
