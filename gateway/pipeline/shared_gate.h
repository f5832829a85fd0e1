#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace tributary::pipeline {

// Lets workers keep parsed shared resources (organisations, staff, places) between subjects without ever projecting
// with an outdated one. A commit that brings shared resources is made inside change(), which moves the generation on;
// a worker takes its leases inside lease() and learns the generation that they see. A kept copy that was loaded under
// an older generation than the lease's is loaded again. So either the lease is older than the change (and the change
// made the subject dirty once more), or the copy is fresh.
class SharedGate {
 public:
  template <class Commit>
  auto change(Commit&& commit) {
    const std::unique_lock lock(mutex_);
    generation_.fetch_add(1, std::memory_order_relaxed);
    return std::forward<Commit>(commit)();
  }
  template <class Take>
  auto lease(std::uint64_t& generation, Take&& take) {
    const std::shared_lock lock(mutex_);
    generation = generation_.load(std::memory_order_relaxed);
    return std::forward<Take>(take)();
  }

 private:
  std::shared_mutex mutex_;
  std::atomic<std::uint64_t> generation_{1};
};

}  // namespace tributary::pipeline
