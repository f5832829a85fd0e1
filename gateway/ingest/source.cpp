#include "ingest/source.h"

namespace tributary::ingest {

bool Sleeper::wait(std::stop_token stop, Duration time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, time, [&] { return awake_; });
  awake_ = false;
  return !stop.stop_requested();
}

void Sleeper::wake() {
  const std::lock_guard lock(mutex_);
  awake_ = true;
  changed_.notify_all();
}

}  // namespace tributary::ingest
