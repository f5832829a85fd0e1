#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "ingest/intake.h"

namespace tributary::ingest {

// What an operator is shown of a source.
struct SourceStatus {
  std::string name, kind;
  std::string doing;                       // "waiting", "reading page 3 of Encounter", …
  bool healthy = true;                     // false: the last attempt failed
  std::string last_error;                  // no patient data
  std::optional<Instant> last_progress;    // last time something was journalled, or seen to be unchanged
  std::optional<Instant> next_attempt;
  bool caught_up = false;                  // everything the source had at the last look is in the journal
  IntakeCounts counts;                     // since the start of the process
};

// What connectors write to besides the journal. Lines hold no patient data.
using LogLine = std::function<void(std::string_view level, std::string_view event, std::string_view text)>;

// One connector: a loop on a thread of its own that ends when asked to. Every sibling has the same form.
class Source {
 public:
  virtual ~Source() = default;
  // Works until `stop`; returns only then. Never throws for what a source does.
  virtual void run(std::stop_token stop) = 0;
  // Asks for a look now instead of at the next interval. Any thread.
  virtual void wake() = 0;
  virtual SourceStatus status() const = 0;
};

// The status of a source under its lock; what the siblings share.
class StatusBoard {
 public:
  StatusBoard(std::string name, std::string kind) {
    status_.name = std::move(name);
    status_.kind = std::move(kind);
  }
  SourceStatus get() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  template <class Change>
  void update(Change change) {
    const std::lock_guard lock(mutex_);
    change(status_);
  }

 private:
  mutable std::mutex mutex_;
  SourceStatus status_;
};

// Waits for a time, a wake-up or the end, whichever comes first.
class Sleeper {
 public:
  // False when it was stopped.
  bool wait(std::stop_token stop, Duration time);
  void wake();

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool awake_ = false;
};

}  // namespace tributary::ingest
