#pragma once
#include <atomic>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collection/collection.h"
#include "ingest/files/file_source.h"
#include "ingest/push/push.h"
#include "ingest/search/search_source.h"
#include "ingest/subscription/subscription_keeper.h"
#include "net/http_server.h"
#include "pipeline/config.h"
#include "pipeline/counting.h"
#include "pipeline/lane.h"
#include "pipeline/log.h"
#include "pipeline/shared_gate.h"
#include "pipeline/worker.h"
#include "store/store.h"
#include "terminology/definitions.h"

namespace tributary::pipeline {

// A point in the life of the whole, for `tributary status`, the demo and the metrics.
struct GatewayStatus {
  std::string collection, collection_title, generation;
  Instant started;
  std::vector<ingest::SourceStatus> sources;
  std::vector<ingest::SubscriptionStatus> subscriptions;
  std::vector<LaneStatus> lanes;
  store::StoreStatus store;
  std::uint64_t subjects = 0, resources = 0, rows = 0, changed_rows = 0, quarantined = 0, failures = 0;
  std::uint64_t load_ns = 0, parse_ns = 0, project_ns = 0, commit_ns = 0, intake_ns = 0, assemble_ns = 0;
  bool drained = false;
};

// The stages put together from a configuration. Everything runs on threads of its own between start() and stop().
class Gateway {
 public:
  static Result<std::unique_ptr<Gateway>> create(Config config, GatewayPaths paths, const Clock& clock);
  ~Gateway();

  // Listens, then starts sources, workers and lanes. What a crash left unfinished is finished first by the same code.
  Result<void> start();
  // Sources first, then workers, then lanes; each finishes the step it is in, but waits for no remote end.
  void stop();

  GatewayStatus status() const;
  // All sources are caught up, no subject is dirty, every row has its answer.
  bool drained() const;
  // All sources are caught up and no subject is dirty: what is left is delivery.
  bool projected() const;
  // What is pending goes at once, without waiting for company.
  void hurry();
  Result<store::Reconciliation> reconcile() { return store_->reconcile(); }
  store::Store& store() { return *store_; }
  const collection::Collection& collection() const { return *collection_; }
  std::string adminUrl() const;
  std::string listenUrl() const;

 private:
  Gateway(Config config, const Clock& clock);
  Result<void> build(const GatewayPaths& paths);
  Result<void> placeAgain();
  Result<void> addSource(const SourceConfig& source);
  Result<void> addDestination(const DestinationConfig& destination);
  void addAdminRoutes(net::Router& router);
  void addAgainRoutes(net::Router& router);
  bool recordAction(const net::ServerRequest& request, std::string_view action, std::string_view target);
  // Puts rows that the destination rejected, under the rule (empty: any), back to pending. Returns how many.
  Result<std::uint64_t> requeueRejected(const std::string& destination, const std::string& rule);
  void work(std::stop_token stop);
  bool takesWork() const;

  Config config_;
  const Clock& clock_;
  Log log_;
  Instant started_;
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<const terminology::Definitions> definitions_;
  std::shared_ptr<const collection::Collection> collection_;
  std::shared_ptr<const ingest::CompartmentIndex> compartments_;
  SharedGate gate_;
  WorkerCounters counters_;
  ingest::IntakeContext intake_;

  std::vector<std::unique_ptr<ingest::Source>> sources_;
  std::vector<std::unique_ptr<ingest::PushReceiver>> pushes_;
  std::vector<std::unique_ptr<ingest::SubscriptionKeeper>> keepers_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<Counting> counting_;
  std::unique_ptr<net::HttpServer> listener_, admin_;
  ingest::Sleeper work_;                         // wakes workers
  std::vector<std::jthread> source_threads_, worker_threads_, lane_threads_;
  std::atomic<bool> ready_{false};
};

// GatewayStatus as JSON; what /status answers and `tributary status` reads.
std::string statusJson(const GatewayStatus& status);
// Prometheus text format.
std::string metricsText(const GatewayStatus& status);
// What was refused before it was a resource: where, by which rule, how often. Never the bytes themselves.
std::string refusedJson(std::span<const store::RejectRecord> rejects);
std::string previewJson(const MonthPreview& preview);
std::string reconciliationJson(const store::Reconciliation& reconciliation);

}  // namespace tributary::pipeline
