#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "ingest/intake.h"
#include "ingest/source.h"
#include "net/http_client.h"
#include "net/retry.h"

namespace tributary::ingest {

struct SearchOptions {
  std::string name = "search";
  std::string url;                       // base of the FHIR server
  std::vector<std::string> types;
  Duration interval{5'000};
  Duration overlap{10'000};              // every window reaches back this far behind the last one
  Duration window = std::chrono::hours(24);  // longest span of one window, where there is a lower bound
  std::uint32_t page_size = 500;
  std::optional<Instant> since;          // start of the first window; none: all there is
  std::string bearer_token;
  net::ClientOptions client;
  std::uint32_t page_limit = 1'000'000;  // pages of one window; more is a server that never ends
  net::RetryPolicy retry;
};

// Polls a FHIR R4 server (FHIR R4 3.1.1). For each type, windows over _lastUpdated follow each other; each reaches back
// by the overlap, and what comes twice is dropped by version and hash. Every page is journalled as it comes; the cursor
// moves in the transaction that ends the window, so a crash or a failed page means that the window is read again. The
// matches of a window are counted against Bundle.total where the server tells it; too few fail the window. Deletes come
// from the type's _history where the server offers it. All types are looked at every `interval`; a hint (wake) is a look at
// its type alone, in between.
class SearchSource final : public Source {
 public:
  SearchSource(IntakeContext context, SearchOptions options, const Clock& clock, LogLine log);

  void run(std::stop_token stop) override;
  void wake() override { wake({}); }
  // Asks for a look at resources of this type alone; of one that is not polled here (or none) for a look at all. Any thread.
  void wake(std::string_view type);
  SourceStatus status() const override { return board_.get(); }

 private:
  struct Page {
    std::string next;                    // absolute; empty at the end
    std::optional<std::uint64_t> total;
    std::uint64_t matches = 0;
    std::uint64_t fresh = 0;             // ids not seen before in this window
  };
  struct WindowResult {
    std::uint64_t matches = 0;
    IntakeCounts counts;
  };

  Result<void> learnServer(std::stop_token stop);
  // The types of the hints since the last call; nullopt: one was about all.
  std::optional<std::set<std::string, std::less<>>> hints();
  Result<bool> cycle(std::span<const std::string> types, std::stop_token stop);  // true: something new was stored
  Result<bool> pollType(const std::string& type, std::stop_token stop);
  Result<WindowResult> readWindow(const std::string& type, const std::string& first_url, std::span<const store::CursorMove> cursors,
                                  bool count, std::stop_token stop);
  Result<Page> fetch(const std::string& type, const std::string& url, std::unordered_set<std::string>& seen, std::stop_token stop);
  Instant serverNow() const { return clock_.now() + skew_; }

  IntakeContext context_;
  SearchOptions options_;
  const Clock& clock_;
  LogLine log_;
  StatusBoard board_;
  Sleeper sleeper_;
  std::mutex hints_mutex_;
  std::set<std::string, std::less<>> hints_;  // types that a subscription has told of
  bool look_at_all_ = false;
  net::HttpClient client_;
  Intake intake_;
  std::string page_;                     // text of the page that is staged
  std::set<std::string> history_types_;  // types whose _history the server offers
  bool learned_ = false;
  Instant learned_at_{};
  Duration skew_{0};                     // server clock minus ours
  std::optional<Duration> retry_after_;  // of the last refused request
  std::uint32_t failures_ = 0;
  Instant first_failure_{};
};

}  // namespace tributary::ingest
