#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "simulator/caseload.h"

namespace tributary::simulator {

// What the server does wrong, for tests. Everything off: a well-behaved server.
struct EprFaults {
  int status = 0;                 // answer this (429, 503, 500, …) instead
  int retry_after = 1;            // seconds, with `status`; below 0: no Retry-After
  bool retry_after_date = false;  // as an HTTP-date
  int rate_per_second = 0;        // more requests in one second are answered with 429
  int times = -1;                 // the faults hold for so many requests; below 0: until changed
  bool hang = false;              // no answer before the faults change or `hang_for` is over
  Duration hang_for = std::chrono::seconds(30);
  bool reset = false;          // closes the connection without an answer
  bool html = false;           // 200 with a login page
  bool truncate = false;       // half of the JSON
  bool endless_pages = false;  // every page has a next link, the last page repeats
  int wrong_total = 0;         // added to Bundle.total
  bool skip_equal_times =
      false;  // a page ends between rows with equal lastUpdated, and the next page leaves the rest out
  bool expire_pages = false;  // 410 for every next link
  bool no_total = false;
};

struct EprOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::size_t workers = 4;
  std::size_t page_size = 100;  // where the client gives no _count
  std::size_t max_page_size = 1000;
  Duration page_lifetime = std::chrono::minutes(10);
  // Waits before the second, third, … attempt of a notification; after the last one the subscription is in
  // error.
  std::vector<Duration> notification_waits = {std::chrono::seconds(1), std::chrono::seconds(4),
                                              std::chrono::seconds(15)};
};

struct EprCounts {
  std::uint64_t resources = 0;  // there now
  std::uint64_t versions = 0;   // written, deletes included
  std::uint64_t deletes = 0;
  std::uint64_t requests = 0;
  std::uint64_t notifications_sent = 0, notifications_failed = 0;
  std::map<std::string, std::uint64_t> by_type;
};

// A FHIR R4 server in memory, at <url>/fhir:
//   GET metadata; GET {type}/{id}, {type}/{id}/_history[/{vid}]; GET|POST {type}[/_search] with _id,
//   _lastUpdated (eq ge gt le lt sa eb), patient, subject, identifier, _count, _sort (_lastUpdated,
//   -_lastUpdated; otherwise the order of creation), _total=none, _summary=count; next links are opaque and
//   expire (410); GET [{type}/]_history with _since, _count, deletes; POST / (transaction, batch), POST
//   {type}, PUT {type}/{id} (If-Match), DELETE {type}/{id}; Subscription (rest-hook): PUT
//   <endpoint>/{type}/{id} with a payload, POST <endpoint> without.
// POST <url>/_simulator/faults sets EprFaults from JSON members of the same names; GET
// <url>/_simulator/counts. Safe from any number of threads.
class EprServer {
 public:
  EprServer(EprOptions options, const Clock& clock);
  ~EprServer();
  EprServer(const EprServer&) = delete;
  EprServer& operator=(const EprServer&) = delete;

  // Fills the server; lastUpdated and versions are the caseload's. Before start().
  void load(const Caseload& caseload);

  Result<void> start();
  void stop();
  std::string url() const;   // http://127.0.0.1:PORT
  std::string fhir() const;  // url() + "/fhir"
  std::uint16_t port() const;

  // As a client would. lastUpdated is the clock's.
  Result<void> put(std::string_view type, std::string_view id, std::string_view json);
  bool remove(std::string_view type, std::string_view id);
  // Lets the caseload's day go on by so many events; true events, not requests.
  void step(const Caseload& caseload, std::uint64_t events = 1);
  // step() in a thread of its own, `rate` events a second, until stop().
  void live(const Caseload& caseload, double rate);

  void setFaults(const EprFaults& faults);
  EprCounts counts() const;
  // The current body; empty when there is none.
  std::string body(std::string_view type, std::string_view id) const;
  // Until every notification is sent or given up.
  void drainNotifications();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::simulator
