#pragma once
#include <optional>
#include <string>
#include <vector>

#include "pipeline/gateway.h"

namespace tributary::cli {

// What a person watches while the gateway runs: redrawn in place on a terminal, a line now and then elsewhere. On stderr.
class Progress {
 public:
  Progress(pipeline::Gateway& gateway, bool terminal) : gateway_(gateway), terminal_(terminal) {}
  void draw(bool last = false);

 private:
  void count(Instant now);
  void addAccount(std::vector<std::string>& lines, std::size_t width, std::size_t height) const;

  pipeline::Gateway& gateway_;
  bool terminal_;
  int lines_ = 0;                 // drawn the last time
  std::uint64_t last_received_ = 0;
  Instant last_at_{};
  Instant last_line_{};
  double rate_ = 0;
  std::optional<store::Reconciliation> account_;  // counted now and then: it reads the whole store
  Instant next_count_{};
};

// The final account of a drained gateway: tables of rows and reasons on stdout. `kept`: pending rows that wait for their day or month, or
// are held back. Returns what could not be accounted for.
std::uint64_t printAccount(const store::Reconciliation& counts, const std::string& closing_name, std::uint64_t kept);

// Where the time of a run went, by stage, over all threads.
void printTimings(const pipeline::GatewayStatus& status, double seconds);

}  // namespace tributary::cli
