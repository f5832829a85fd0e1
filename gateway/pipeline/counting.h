#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/civil_time.h"
#include "base/clock.h"
#include "base/result.h"
#include "collection/aggregate.h"
#include "ingest/source.h"
#include "pipeline/log.h"
#include "store/store.h"

namespace tributary::pipeline {

// Counts the aggregate tables of a collection over the ledger while their occasions are open, and puts the rows into the ledger
// as those of a subject that no resource makes ("counted/<table>/<day>"). The ledger tells what is new: counting again changes
// nothing where nothing has changed, so a crash costs nothing and late rows correct what has been sent. When an occasion has
// closed, its rows stay as they are.
//
// Rows are counted when no subject waits for projection, or at the latest ten minutes after a change; after that once a minute
// while rows change. One thread runs it.
class Counting {
 public:
  // `projected` counts the subjects projected since the start; another number means that rows may have changed.
  Counting(store::Store& store, std::shared_ptr<const collection::Collection> collection, const std::atomic<std::uint64_t>& projected,
           const Clock& clock, Log& log);

  void run(std::stop_token stop);
  // Counts what is due. True: something was counted.
  Result<bool> runOnce();
  // Nothing is due and nothing will be until rows change or an occasion opens.
  bool idle() const;
  // From now on nothing waits (draining).
  void hurry() {
    hurry_ = true;
    sleeper_.wake();
  }

 private:
  struct Due {
    std::size_t aggregate;
    collection::Occasion occasion;
  };
  std::vector<Due> open() const;
  Result<void> count(const Due& due);
  Result<void> feed(std::uint16_t table, collection::Aggregation& aggregation);
  Result<void> commit(const Due& due, const collection::AggregateResult& result);

  store::Store& store_;
  std::shared_ptr<const collection::Collection> collection_;
  std::vector<collection::AggregateTable> tables_;
  const std::atomic<std::uint64_t>& projected_;
  const Clock& clock_;
  Log& log_;
  TimeZone zone_;
  ingest::Sleeper sleeper_;
  std::atomic<bool> hurry_{false};
  mutable std::mutex mutex_;
  // What has been counted: the occasions, and the number of projected subjects before it began.
  std::string counted_;
  std::uint64_t counted_at_ = 0;
  bool counted_once_ = false;
  Instant last_{}, changed_since_{};
};

}  // namespace tributary::pipeline
