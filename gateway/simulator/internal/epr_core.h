#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/civil_time.h"
#include "net/http_server.h"
#include "simulator/epr_server.h"
#include "simulator/internal/notifier.h"
#include "simulator/internal/resource_store.h"
#include "simulator/internal/search_request.h"

namespace tributary::simulator {

struct EprServer::Impl {
  Impl(EprOptions o, const Clock& c)
      : options(std::move(o)), clock(c), notifier(options.notification_waits) {}

  EprOptions options;
  const Clock& clock;
  mutable std::shared_mutex mutex;  // store
  ResourceStore store;
  Notifier notifier;
  std::unique_ptr<net::HttpServer> server;
  std::atomic<std::uint64_t> requests{0};
  std::uint64_t live_events = 0;
  std::jthread live_thread;

  mutable std::mutex fault_mutex;
  std::condition_variable fault_changed;
  EprFaults faults;
  std::uint64_t fault_generation = 0;
  bool stopping = false;
  Millis rate_second = 0;
  int rate_used = 0;

  // epr_server.cpp
  Millis now() const { return clock.now().time_since_epoch().count(); }
  std::string base() const { return server->url() + "/fhir"; }
  net::ServerResponse handle(const net::ServerRequest& request);
  net::ServerResponse route(const net::ServerRequest& request, const EprFaults& active);
  std::optional<net::ServerResponse> misbehave(EprFaults& active);
  net::ServerResponse control(const net::ServerRequest& request);
  net::ServerResponse metadata() const;
  // epr_read.cpp
  net::ServerResponse read(const std::string& type, const std::string& id) const;
  net::ServerResponse versionRead(const std::string& type, const std::string& id,
                                  const std::string& version) const;
  net::ServerResponse search(const std::string& type, const net::QueryParameters& parameters, bool strict,
                             const EprFaults& active) const;
  net::ServerResponse searchPage(const SearchRequest& r, const PageToken& token,
                                 const EprFaults& active) const;
  net::ServerResponse nextPage(std::string_view token, const EprFaults& active) const;
  net::ServerResponse history(const std::string& type, const net::QueryParameters& parameters,
                              const PageToken* resume, const EprFaults& active) const;
  net::ServerResponse instanceHistory(const std::string& type, const std::string& id) const;
  void historyEntry(std::string& out, const Entry& entry, const StoredVersion& version) const;
  // epr_write.cpp
  net::ServerResponse create(const std::string& type, std::string_view body);
  net::ServerResponse update(const std::string& type, const std::string& id, std::string_view body,
                             std::string_view if_match);
  net::ServerResponse erase(const std::string& type, const std::string& id);
  net::ServerResponse bundle(std::string_view body);
  // One write under the lock; the caller tells the notifier.
  std::string subscribe(const std::string& id, std::string_view json);
  void write(std::string_view type, std::string_view id, std::string_view json);
  bool removeOne(std::string_view type, std::string_view id);
  void step(const Caseload& caseload, std::uint64_t events);
};

net::ServerResponse fhirAnswer(int status, std::string body);
net::ServerResponse refusal(int status, std::string_view code, std::string_view text);
bool validId(std::string_view id);
bool validType(std::string_view type);

}  // namespace tributary::simulator
