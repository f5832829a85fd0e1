#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace tributary::store::sqlite {

// Which subjects are in whose hands. In memory, since one process owns the database: leases end with it. Used
// by the writer only; changes of a transaction that fails are taken back.
class Leases {
 public:
  struct Lease {
    std::uint64_t token = 0;
    Instant expires;
    bool bumped = false;  // the subject has a newer generation than the lease already
  };

  Lease* find(std::int64_t subject) {
    const auto found = leases_.find(subject);
    return found == leases_.end() ? nullptr : &found->second;
  }
  void set(std::int64_t subject, Lease lease) {
    remember(subject);
    leases_[subject] = lease;
  }
  void erase(std::int64_t subject) {
    remember(subject);
    leases_.erase(subject);
  }
  // Every leased subject has a newer generation by now.
  void markAllBumped() {
    for (auto& [subject, lease] : leases_) {
      undo_.emplace_back(subject, lease);
      lease.bumped = true;
    }
  }
  std::uint64_t nextToken() { return ++last_token_; }
  std::size_t size() const { return leases_.size(); }

  void commit() {
    undo_.clear();
    count_.store(leases_.size(), std::memory_order_relaxed);
  }
  void rollback() {
    for (auto change = undo_.rbegin(); change != undo_.rend(); ++change) {
      if (change->second) {
        leases_[change->first] = *change->second;
      } else {
        leases_.erase(change->first);
      }
    }
    undo_.clear();
  }
  // For other threads.
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  void remember(std::int64_t subject) {
    const Lease* before = find(subject);
    undo_.emplace_back(subject, before == nullptr ? std::nullopt : std::optional(*before));
  }

  std::unordered_map<std::int64_t, Lease> leases_;
  std::vector<std::pair<std::int64_t, std::optional<Lease>>> undo_;
  std::uint64_t last_token_ = 0;
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace tributary::store::sqlite
