#include "pipeline/gateway.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>

#include "deliver/file/folder_destination.h"
#include "deliver/mesh/mesh_destination.h"
#include "pipeline/forms.h"
#include "pipeline/travel_id.h"
#include "pipeline/mesh_options.h"
#include "store/sqlite/sqlite_store.h"
#include "terminology/terminology.h"

namespace tributary::pipeline {
namespace {

net::ServerResponse jsonResponse(std::string body, int status = 200) { return net::ServerResponse::json(status, std::move(body)); }

}  // namespace

Gateway::Gateway(Config config, const Clock& clock)
    : config_(std::move(config)), clock_(clock), log_(config_.log_level, config_.log_format), started_(clock.now()) {}

Gateway::~Gateway() { stop(); }

Result<std::unique_ptr<Gateway>> Gateway::create(Config config, GatewayPaths paths, const Clock& clock) {
  std::unique_ptr<Gateway> gateway(new Gateway(std::move(config), clock));
  TRY_VOID(gateway->build(paths));
  return gateway;
}

Result<void> Gateway::build(const GatewayPaths& paths) {
  auto definitions = terminology::Definitions::open(paths.definitions);
  if (!definitions) {
    definitions.error().text += "; deploy/install makes it, as does `tributary package compile`";
    return std::unexpected(definitions.error());
  }
  definitions_ = std::move(*definitions);
  const auto folder = (config_.mappings.empty() ? paths.mappings : config_.mappings) / config_.collection;
  TRY_ASSIGN(const auto overlays, collection::Collection::terminologyFolders(folder));
  TRY_ASSIGN(auto terms, terminology::Terminology::load(definitions_, overlays));
  std::vector<Issue> issues;
  auto loaded = collection::Collection::load(folder, definitions_, std::move(terms), {config_.settings, config_.calendar}, issues);
  for (const Issue& issue : issues) {
    log_.write(severityName(issue.severity), issue.rule, issue.text + (issue.remedy.empty() ? "" : " " + issue.remedy),
               {{"file", issue.path}, {"line", std::to_string(issue.line)}});
  }
  if (!loaded) return std::unexpected(loaded.error());
  collection_ = std::move(*loaded);
  std::vector<ingest::ProviderSubject> provider;
  for (const collection::ProviderResource& one : collection_->providerResources()) provider.push_back({one.type, one.with});
  TRY_ASSIGN(compartments_, ingest::CompartmentIndex::load(*definitions_, "Patient", provider));

  std::error_code error;
  std::filesystem::create_directories(config_.state / "outbox", error);
  if (error) return fail(ErrorCode::kUnavailable, "cannot make the state folder " + config_.state.string() + ": " + error.message());
  store::SqliteOptions sqlite;
  sqlite.path = config_.state / "tributary.db";
  sqlite.clock = &clock_;
  TRY_ASSIGN(store_, store::openSqliteStore(sqlite));
  store_->setListener([this](const store::StoreChange& change) {
    if (change.dirty) work_.wake();
    if (change.pending) {
      for (const auto& lane : lanes_) lane->wake();
    }
  });

  intake_.store = store_.get();
  intake_.append = [this](const store::AppendBatch& batch) {
    const bool shared = std::any_of(batch.entries.begin(), batch.entries.end(), [](const auto& entry) { return entry.shared || entry.subject.empty(); });
    return shared ? gate_.change([&] { return store_->append(batch); }) : store_->append(batch);
  };
  intake_.busy_ns = &counters_.intake_ns;
  intake_.definitions = definitions_;
  intake_.compartments = compartments_;
  intake_.options.max_resource_bytes = config_.max_resource_bytes;
  intake_.options.wants = [collection = collection_](std::string_view type) { return collection->uses(type); };

  for (const SourceConfig& source : config_.sources) TRY_VOID(addSource(source));
  std::vector<store::Destination> destinations;
  for (DestinationConfig& destination : config_.destinations) {
    TRY_VOID(completeForm(destination, folder, paths.access_tool));
    destinations.push_back({destination.name, std::string(collection_->id())});
  }
  TRY_VOID(store_->setDestinations(destinations));
  for (const DestinationConfig& destination : config_.destinations) TRY_VOID(addDestination(destination));
  counting_ = std::make_unique<Counting>(*store_, collection_, counters_.subjects, clock_, log_);

  TRY_VOID(placeAgain());
  // Another generation of the mappings: everything is projected again.
  TRY_ASSIGN(const auto generation, store_->cursor("gateway", "generation"));
  if (!generation || *generation != collection_->contentHash()) {
    if (generation) {
      TRY_ASSIGN(const std::uint64_t dirty, store_->markDirty("", {}));
      log_.info("mappings-changed", "the collection has changed; subjects are projected again", {{"subjects", std::to_string(dirty)}});
    }
    TRY_VOID(store_->setCursor("gateway", "generation", collection_->contentHash()));
  }
  return {};
}

// Another collection, or another program, has other subjects of the provider: what the journal holds is given to them.
Result<void> Gateway::placeAgain() {
  std::string subjects;
  for (const collection::ProviderResource& one : collection_->providerResources()) subjects += one.type + ":" + one.with + " ";
  TRY_ASSIGN(const auto known, store_->cursor("gateway", "provider-subjects"));
  if (known && *known == subjects) return {};
  // Without the bodies first: few of many are no patient's.
  std::map<std::string, std::vector<store::ResourceKey>> wanted;  // by source
  std::uint64_t after = 0;
  constexpr std::size_t kRecords = 10'000;
  for (std::size_t read = kRecords; read == kRecords;) {
    read = 0;
    TRY_ASSIGN(after, store_->readJournal(after, kRecords, false, [&](const store::JournalRecord& record) {
      ++read;
      if (record.current && record.operation == store::Operation::kUpsert && !record.subject.starts_with("Patient/")) {
        wanted[std::string(record.source)].push_back({std::string(record.type), std::string(record.id)});
      }
      return true;
    }));
  }
  std::uint64_t moved = 0;
  constexpr std::size_t kKeys = 256;
  for (const auto& [source, keys] : wanted) {
    ingest::Intake intake(intake_, source);
    for (std::size_t first = 0; first < keys.size(); first += kKeys) {
      std::deque<std::string> bodies;
      TRY_ASSIGN([[maybe_unused]] const store::LoadResult loaded,
                 store_->load(source, std::span(keys).subspan(first, std::min(kKeys, keys.size() - first)), SIZE_MAX,
                              [&](const store::StoredResource& resource) {
                                intake.add(bodies.emplace_back(resource.body), "journal");
                                return true;
                              }));
      TRY_ASSIGN(const std::uint64_t some, intake.place());
      moved += some;
    }
  }
  if (moved > 0) log_.info("subjects-changed", "resources of the provider have other subjects now", {{"resources", std::to_string(moved)}});
  return store_->setCursor("gateway", "provider-subjects", subjects);
}

Result<void> Gateway::addSource(const SourceConfig& source) {
  const auto log = [this, name = source.name](std::string_view level, std::string_view event, std::string_view text) {
    log_.write(level, event, text, {{"source", name}});
  };
  if (source.kind == SourceKind::kFiles) {
    ingest::FileOptions options;
    options.name = source.name;
    options.folder = source.folder;
    options.remove_done = source.remove_done;
    sources_.push_back(std::make_unique<ingest::FileSource>(intake_, options, clock_, log));
    return {};
  }
  if (source.kind == SourceKind::kPush) {
    ingest::PushOptions options;
    options.name = source.name;
    options.token = source.token;
    pushes_.push_back(std::make_unique<ingest::PushReceiver>(intake_, options, clock_));
    return {};
  }
  ingest::SearchOptions options;
  options.name = source.name;
  options.url = source.url;
  options.types = source.types;
  if (options.types.empty()) {
    for (const std::string& type : collection_->resourceTypes()) options.types.push_back(type);
    // What others refer to first: fewer subjects are projected before they are whole.
    std::stable_sort(options.types.begin(), options.types.end(), [this](const std::string& a, const std::string& b) {
      const auto rank = [this](const std::string& type) { return type == "Patient" ? 1 : compartments_->inCompartment(type) ? 2 : 0; };
      return rank(a) < rank(b);
    });
  }
  options.interval = source.interval;
  options.overlap = source.overlap;
  options.window = source.window;
  options.page_size = source.page_size;
  if (!source.since.empty()) {
    options.since = parseInstant(source.since);
    if (!options.since) return fail(ErrorCode::kInvalidArgument, "source " + source.name + ": 'since' is no instant, such as 2026-11-01T00:00:00Z");
  }
  options.bearer_token = source.bearer_token;
  options.client.tls = {source.ca_file, source.certificate_file, source.key_file, {}, true};
  options.client.limits.body_bytes = std::uint64_t{256} << 20;
  const auto client = options.client;
  const auto types = options.types;
  auto made = std::make_unique<ingest::SearchSource>(intake_, std::move(options), clock_, log);
  ingest::SearchSource* const search = made.get();
  sources_.push_back(std::move(made));
  if (source.subscribe) {
    ingest::SubscriptionOptions subscription;
    subscription.source = source.name;
    subscription.url = source.url;
    subscription.types = types;
    subscription.notify_url = source.notify_url.empty() ? "http://" + config_.listen : source.notify_url;
    subscription.bearer_token = source.bearer_token;
    subscription.client = client;
    keepers_.push_back(std::make_unique<ingest::SubscriptionKeeper>(intake_, subscription, clock_, log, [search](std::string_view type) { search->wake(type); }));
  }
  return {};
}

Result<void> Gateway::addDestination(const DestinationConfig& destination) {
  std::unique_ptr<deliver::Destination> made;
  if (destination.kind == DestinationKind::kFolder) {
    deliver::FolderOptions options;
    options.name = destination.name;
    options.folder = destination.folder;
    options.poll_interval = std::min<Duration>(destination.poll, std::chrono::seconds(10));
    TRY_ASSIGN(auto folder, deliver::FolderDestination::open(options));
    made = std::make_unique<deliver::FolderDestination>(std::move(folder));
  } else {
    TRY_ASSIGN(auto mesh, deliver::MeshDestination::create(meshOptions(destination, config_.state), clock_));
    made = std::move(mesh);
  }
  lanes_.push_back(std::make_unique<Lane>(*store_, collection_, destination, std::move(made), config_.state / "outbox", clock_, log_));
  lanes_.back()->setReadiness([this] { return projected(); });
  return {};
}

bool Gateway::takesWork() const { return ready_.load(); }

void Gateway::addAdminRoutes(net::Router& router) {
  using net::Method;
  router.add(Method::kGet, "/healthz", [](const net::ServerRequest&) { return net::ServerResponse::text(200, "ok\n"); });
  router.add(Method::kGet, "/readyz", [this](const net::ServerRequest&) {
    return takesWork() ? net::ServerResponse::text(200, "ready\n") : net::ServerResponse::text(503, "starting or stopping\n");
  });
  router.add(Method::kGet, "/metrics", [this](const net::ServerRequest&) {
    net::ServerResponse response = net::ServerResponse::text(200, metricsText(status()));
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
  });
  router.add(Method::kGet, "/status", [this](const net::ServerRequest&) { return jsonResponse(statusJson(status())); });
  // Oldest first, 500 at a time: ?after=ID for those that follow.
  router.add(Method::kGet, "/refused", [this](const net::ServerRequest& request) {
    const std::string_view after = request.queryParameter("after");
    if (!after.empty() && !isNumber(after)) return jsonResponse("{\"error\":\"'after' is no number\"}", 400);
    auto found = store_->rejects(after.empty() ? 0 : std::stoull(std::string(after)), 500, false);
    if (!found) return jsonResponse("{\"error\":\"the store cannot be read now\"}", 503);
    return jsonResponse(refusedJson(*found));
  });
  addAgainRoutes(router);
  router.add(Method::kGet, "/reconcile", [this](const net::ServerRequest&) {
    auto counted = store_->reconcile();
    if (!counted) return jsonResponse("{\"error\":\"the store cannot be counted now\"}", 503);
    return jsonResponse(reconciliationJson(*counted));
  });
}

Result<void> Gateway::start() {
  TRY_ASSIGN(const Address admin_address, parseAddress(config_.admin));
  net::ServerOptions admin;
  admin.address = admin_address.host;
  admin.port = admin_address.port;
  admin.workers = 2;
  net::Router admin_routes;
  addAdminRoutes(admin_routes);
  const auto fault = [this](std::string_view text) { log_.error("request-failed", text); };
  admin_ = std::make_unique<net::HttpServer>(admin, net::Router::handler(std::move(admin_routes)), fault);
  TRY_VOID(admin_->start());

  if (!config_.listen.empty() && (!pushes_.empty() || !keepers_.empty())) {
    TRY_ASSIGN(const Address address, parseAddress(config_.listen));
    net::ServerOptions options;
    options.address = address.host;
    options.port = address.port;
    options.body_bytes = std::uint64_t{256} << 20;
    net::Router routes;
    for (const auto& push : pushes_) push->addRoutes(routes);
    for (const auto& keeper : keepers_) keeper->addRoutes(routes);
    listener_ = std::make_unique<net::HttpServer>(options, net::Router::handler(std::move(routes)), fault);
    TRY_VOID(listener_->start());
  }

  if (!config_.journal_only) {
    for (const auto& lane : lanes_) lane_threads_.emplace_back([&lane = *lane](std::stop_token stop) { lane.run(stop); });
    const unsigned workers = config_.workers != 0 ? config_.workers : std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < workers; ++i) worker_threads_.emplace_back([this](std::stop_token stop) { work(stop); });
    worker_threads_.emplace_back([this](std::stop_token stop) { counting_->run(stop); });
  }
  for (const auto& source : sources_) source_threads_.emplace_back([&source = *source](std::stop_token stop) { source.run(stop); });
  for (const auto& keeper : keepers_) source_threads_.emplace_back([&keeper = *keeper](std::stop_token stop) { keeper.run(stop); });
  ready_ = true;
  log_.info("started", "the gateway runs", {{"collection", std::string(collection_->id())}, {"admin", adminUrl()}, {"listen", listenUrl()}});
  return {};
}

void Gateway::stop() {
  if (!ready_.exchange(false)) return;
  log_.info("stopping", "the gateway finishes what it has begun");
  if (listener_) listener_->stop();
  const auto end = [](std::vector<std::jthread>& threads) {
    for (std::jthread& thread : threads) thread.request_stop();
    threads.clear();  // joins
  };
  end(source_threads_);
  end(worker_threads_);
  end(lane_threads_);
  if (admin_) admin_->stop();
  log_.info("stopped", "all is journalled; the next start goes on from here");
}

void Gateway::work(std::stop_token stop) {
  WorkerOptions options;
  options.lineage = config_.lineage;
  Worker worker(*store_, collection_, compartments_, gate_, clock_, counters_, options);
  while (!stop.stop_requested()) {
    auto took = worker.runOnce();
    if (!took) {
      log_.error("projection-fault", took.error().text);
      if (!work_.wait(stop, Duration{1000})) return;
    } else if (*took == 0) {
      // The listener wakes it; the bound covers subjects that were put off until later.
      if (!work_.wait(stop, Duration{200})) return;
    }
  }
}

GatewayStatus Gateway::status() const {
  GatewayStatus out;
  out.collection = collection_->id();
  out.collection_title = collection_->title();
  out.generation = collection_->contentHash();
  out.started = started_;
  for (const auto& source : sources_) out.sources.push_back(source->status());
  for (const auto& push : pushes_) out.sources.push_back(push->status());
  for (const auto& keeper : keepers_) {
    for (auto& one : keeper->status()) out.subscriptions.push_back(std::move(one));
  }
  for (const auto& lane : lanes_) out.lanes.push_back(lane->status());
  if (auto store = store_->status()) out.store = *store;
  out.subjects = counters_.subjects;
  out.resources = counters_.resources;
  out.rows = counters_.rows;
  out.changed_rows = counters_.changed_rows;
  out.quarantined = counters_.quarantined;
  out.failures = counters_.failures;
  out.load_ns = counters_.load_ns;
  out.parse_ns = counters_.parse_ns;
  out.project_ns = counters_.project_ns;
  out.commit_ns = counters_.commit_ns;
  out.intake_ns = counters_.intake_ns;
  for (const auto& lane : lanes_) out.assemble_ns += lane->assembleTime();
  out.drained = drained();
  return out;
}

bool Gateway::projected() const {
  for (const auto& source : sources_) {
    if (!source->status().caught_up) return false;
  }
  if (config_.journal_only) return true;
  const auto store = store_->status();
  return store && store->dirty_subjects == 0 && store->leased_subjects == 0;
}

bool Gateway::drained() const {
  if (!projected()) return false;
  if (config_.journal_only) return true;
  std::uint64_t kept = 0;
  for (const auto& lane : lanes_) {
    const LaneStatus status = lane->status();
    if (!status.idle) return false;
    kept += status.kept;
  }
  const auto store = store_->status();
  return counting_->idle() && store && store->pending_rows <= kept;
}

void Gateway::hurry() {
  counting_->hurry();
  for (const auto& lane : lanes_) lane->hurry();
}

std::string Gateway::adminUrl() const { return admin_ ? admin_->url() : ""; }
std::string Gateway::listenUrl() const { return listener_ ? listener_->url() : ""; }

}  // namespace tributary::pipeline
