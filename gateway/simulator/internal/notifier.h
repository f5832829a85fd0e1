#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"

namespace tributary::simulator {

// Sends rest-hook notifications (FHIR R4 Subscription, channel rest-hook) in order, one thread, with retries.
class Notifier {
 public:
  explicit Notifier(std::vector<Duration> waits);
  ~Notifier();

  // Reads status, criteria and channel of a Subscription; empty text when it is one we serve, else why not.
  std::string set(const std::string& id, std::string_view subscription);
  void remove(const std::string& id);
  // A resource came, changed or went. `json` is empty for a delete.
  void onChange(std::string_view type, std::string_view id, std::string_view json);
  // "active", "error" or "off"; and the error's text.
  std::string status(const std::string& id, std::string& error) const;
  void drain();
  void stop();
  std::uint64_t sent() const;
  std::uint64_t failed() const;

 private:
  struct Subscription {
    std::string type;                                          // of the criteria
    std::vector<std::pair<std::string, std::string>> filters;  // name=value of the criteria
    std::string endpoint, payload;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string status = "active", error;
  };
  struct Job {
    std::string subscription, type, id, json;
  };
  void run();
  bool matches(const Subscription& s, std::string_view type, std::string_view json) const;
  net::Request request(const Subscription& s, const Job& job) const;

  std::vector<Duration> waits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::map<std::string, Subscription> subscriptions_;
  std::deque<Job> queue_;
  bool busy_ = false, stopping_ = false;
  std::stop_source cancel_;
  std::uint64_t sent_ = 0, failed_ = 0;
  net::HttpClient client_;
  std::thread thread_;
};

}  // namespace tributary::simulator
