#pragma once
#include <cstdint>

#include "cli/resource_input.h"

namespace tributary::cli {

// One line on stderr about a command that reads a long input, drawn again four times a second when stderr is a
// terminal. Says nothing otherwise.
class ProgressLine {
 public:
  // `wanted` false: never, as where every resource prints something anyway.
  explicit ProgressLine(bool wanted = true);
  // Once a resource. Cheap: looks at the clock about every millisecond, at most every 256th call.
  void tick(const ResourceInput& input, std::uint64_t resources, std::uint64_t problems);
  // Before anything else is written on the terminal: to stderr, or to stdout when that is a terminal too.
  void clear();

 private:
  void draw(const ResourceInput& input, std::uint64_t resources, std::uint64_t problems);

  bool shown_;
  bool drawn_ = false;
  unsigned calls_ = 0, every_ = 1;
  std::int64_t start_ns_, drawn_ns_, asked_ns_;
};

}  // namespace tributary::cli
