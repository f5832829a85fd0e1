#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collection/collection.h"
#include "ingest/compartment.h"
#include "pipeline/shared_gate.h"
#include "store/store.h"

namespace tributary::pipeline {

// Counters of all workers, for metrics and progress.
struct WorkerCounters {
  std::atomic<std::uint64_t> subjects{0}, resources{0}, rows{0}, changed_rows{0}, quarantined{0}, failures{0};
  // Time spent by stage, in nanoseconds over all threads.
  std::atomic<std::uint64_t> load_ns{0}, parse_ns{0}, project_ns{0}, commit_ns{0}, intake_ns{0};
};

struct WorkerOptions {
  std::size_t batch_subjects = 64;
  std::size_t batch_bytes = std::size_t{8} << 20;     // a batch is committed once its bodies reach this
  std::size_t subject_bytes = std::size_t{64} << 20;  // a larger subject is quarantined as a whole
  std::size_t shared_cache_bytes = std::size_t{16} << 20;
  bool lineage = true;
  Duration lease{300'000};
};

// Takes dirty subjects, projects them, and commits the rows. One a thread; any number may run.
class Worker {
 public:
  Worker(store::Store& store, std::shared_ptr<const collection::Collection> collection,
         std::shared_ptr<const ingest::CompartmentIndex> compartments, SharedGate& gate, const Clock& clock,
         WorkerCounters& counters, WorkerOptions options);
  ~Worker();

  // Projects one batch. Returns how many subjects it took; 0 when nothing was dirty.
  Result<std::size_t> runOnce();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::pipeline
