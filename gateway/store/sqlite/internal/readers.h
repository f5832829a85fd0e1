#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "store/sqlite/internal/database.h"

namespace tributary::store::sqlite {

// Connections for reading beside the writer; a thread waits when all are in use.
class Readers {
 public:
  // One connection for as long as it lives, with a snapshot: all it reads is of one moment.
  class Lease {
   public:
    Lease(Readers& pool, std::unique_ptr<Database> database) : pool_(&pool), database_(std::move(database)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (database_ != nullptr) pool_->giveBack(std::move(database_));
    }
    Database& operator*() const { return *database_; }
    Database* operator->() const { return database_.get(); }

   private:
    Readers* pool_;
    std::unique_ptr<Database> database_;
  };

  void add(std::unique_ptr<Database> database) { free_.push_back(std::move(database)); }
  Result<Lease> take() {
    std::unique_ptr<Database> database;
    {
      std::unique_lock lock(mutex_);
      returned_.wait(lock, [this] { return !free_.empty(); });
      database = std::move(free_.back());
      free_.pop_back();
    }
    Lease lease(*this, std::move(database));
    TRY_VOID(lease->run("BEGIN"));
    return lease;
  }

 private:
  void giveBack(std::unique_ptr<Database> database) {
    if (database->inTransaction()) static_cast<void>(database->run("COMMIT"));
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(database));
    }
    returned_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Database>> free_;
};

}  // namespace tributary::store::sqlite
