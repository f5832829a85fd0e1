#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace tributary::deliver {

struct ChildOutcome {
  int exit_code = 0;   // 128 + signal when a signal ended it
  std::string output;  // stdout and stderr together, the last bytes of it
};

// Runs a program and waits for it: no shell, no input, a small environment (PATH, HOME, TMPDIR, LANG, JAVA_HOME) so that
// our secrets stay here. When `limit` is over, it and what it started are killed: kTimeout. kNotFound: no such program.
Result<ChildOutcome> runChild(const std::vector<std::string>& command, Duration limit, std::size_t output_bytes = 64 << 10);

}  // namespace tributary::deliver
