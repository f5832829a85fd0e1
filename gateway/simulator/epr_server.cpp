#include "simulator/epr_server.h"

#include <algorithm>

#include "simulator/internal/epr_core.h"
#include "simulator/internal/json_text.h"
#include "simulator/internal/text.h"

namespace tributary::simulator {

EprServer::EprServer(EprOptions options, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}
EprServer::~EprServer() {
  stop();
}

void EprServer::load(const Caseload& caseload) {
  const std::unique_lock lock(impl_->mutex);
  caseload.writeAll([&](const Change& c) {
    impl_->store.load(c.type, c.id, c.version, c.at.time_since_epoch().count(), c.deleted, c.json);
  });
  impl_->store.finishLoad();
}

Result<void> EprServer::start() {
  net::ServerOptions options;
  options.address = impl_->options.address;
  options.port = impl_->options.port;
  options.workers = impl_->options.workers;
  impl_->server = std::make_unique<net::HttpServer>(
      options, [impl = impl_.get()](const net::ServerRequest& request) { return impl->handle(request); });
  return impl_->server->start();
}

void EprServer::stop() {
  impl_->live_thread.request_stop();
  if (impl_->live_thread.joinable()) impl_->live_thread.join();
  {
    const std::lock_guard lock(impl_->fault_mutex);
    impl_->stopping = true;
    impl_->fault_changed.notify_all();
  }
  if (impl_->server) impl_->server->stop(std::chrono::seconds(1));
  impl_->notifier.stop();
}

std::string EprServer::url() const {
  return impl_->server->url();
}
std::string EprServer::fhir() const {
  return impl_->base();
}
std::uint16_t EprServer::port() const {
  return impl_->server->port();
}

Result<void> EprServer::put(std::string_view type, std::string_view id, std::string_view json) {
  if (!validType(type) || !validId(id) || !wellFormed(json)) {
    return fail(ErrorCode::kInvalidArgument, "not a resource with type and id");
  }
  impl_->write(type, id, json);
  return {};
}

bool EprServer::remove(std::string_view type, std::string_view id) {
  return impl_->removeOne(type, id);
}

void EprServer::Impl::step(const Caseload& caseload, std::uint64_t events) {
  for (; events > 0; --events) {
    caseload.writeLive(live_events++, clock.now(), [&](const Change& c) {
      if (c.deleted) {
        removeOne(c.type, c.id);
      } else {
        write(c.type, c.id, c.json);
      }
    });
  }
}

void EprServer::step(const Caseload& caseload, std::uint64_t events) {
  impl_->step(caseload, events);
}

void EprServer::live(const Caseload& caseload, double rate) {
  impl_->live_thread = std::jthread([impl = impl_.get(), &caseload, rate](const std::stop_token& stop) {
    std::mutex m;
    std::condition_variable_any wait;
    double due = 0;
    while (!stop.stop_requested()) {
      std::unique_lock lock(m);
      wait.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
      due += rate / 10;
      const auto events = static_cast<std::uint64_t>(due);
      due -= static_cast<double>(events);
      impl->step(caseload, events);
    }
  });
}

void EprServer::setFaults(const EprFaults& faults) {
  const std::lock_guard lock(impl_->fault_mutex);
  impl_->faults = faults;
  ++impl_->fault_generation;
  impl_->fault_changed.notify_all();
}

EprCounts EprServer::counts() const {
  EprCounts c;
  {
    const std::shared_lock lock(impl_->mutex);
    c.by_type = impl_->store.countsByType();
    c.versions = impl_->store.versions();
    c.deletes = impl_->store.deletes();
  }
  for (const auto& [type, n] : c.by_type) c.resources += n;
  c.requests = impl_->requests;
  c.notifications_sent = impl_->notifier.sent();
  c.notifications_failed = impl_->notifier.failed();
  return c;
}

std::string EprServer::body(std::string_view type, std::string_view id) const {
  const std::shared_lock lock(impl_->mutex);
  const Entry* entry = impl_->store.find(type, id);
  return entry == nullptr ? std::string() : entry->current().json;
}

void EprServer::drainNotifications() {
  impl_->notifier.drain();
}

// Applies the faults that stand in front of every request; what is left in `active` concerns the answer's
// content.
std::optional<net::ServerResponse> EprServer::Impl::misbehave(EprFaults& active) {
  std::unique_lock lock(fault_mutex);
  active = faults;
  if (faults.times == 0) active = EprFaults{};
  if (faults.times > 0) --faults.times;
  net::ServerResponse r;
  const auto throttle = [&](int status) {
    r = refusal(status, "throttled", "please wait");
    if (active.retry_after >= 0) {
      const Instant when = clock.now() + std::chrono::seconds(active.retry_after);
      r.headers.set("Retry-After",
                    active.retry_after_date ? formatHttpDate(when) : std::to_string(active.retry_after));
    }
    return r;
  };
  if (active.hang) {
    const auto generation = fault_generation;
    fault_changed.wait_for(lock, active.hang_for, [&] { return stopping || fault_generation != generation; });
    r.drop = true;
    return r;
  }
  if (active.reset) {
    r.drop = true;
    return r;
  }
  if (active.status != 0) return throttle(active.status);
  if (active.rate_per_second > 0) {
    const Millis second = now() / 1000;
    rate_used = second == rate_second ? rate_used + 1 : 1;
    rate_second = second;
    if (rate_used > active.rate_per_second) return throttle(429);
  }
  if (active.html) {
    r = net::ServerResponse::text(200, "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>");
    r.headers.set("Content-Type", "text/html");
    return r;
  }
  return std::nullopt;
}

net::ServerResponse EprServer::Impl::handle(const net::ServerRequest& request) {
  if (request.path.starts_with("/_simulator/")) return control(request);
  ++requests;
  EprFaults active;
  if (auto bad = misbehave(active)) return std::move(*bad);
  net::ServerResponse r = route(request, active);
  if (active.truncate) r.body.resize(r.body.size() / 2);
  return r;
}

net::ServerResponse EprServer::Impl::route(const net::ServerRequest& request, const EprFaults& active) {
  std::string_view path = request.path;
  if (!path.starts_with("/fhir")) return refusal(404, "not-found", "this server lives at /fhir");
  path.remove_prefix(5);
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    const auto slash = path.find('/');
    if (!path.substr(0, slash).empty()) parts.push_back(net::percentDecode(path.substr(0, slash)));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
  }
  const net::Method m = request.method;
  const bool get = m == net::Method::kGet || m == net::Method::kHead;
  const bool strict = request.headers.get("Prefer").find("handling=strict") != std::string_view::npos;
  if (parts.empty()) {
    if (get && !request.queryParameter("_page").empty())
      return nextPage(request.queryParameter("_page"), active);
    if (m == net::Method::kPost) return bundle(request.body);
    return refusal(400, "not-supported", "search a type");
  }
  if (parts.size() == 1 && get && parts[0] == "metadata") return metadata();
  if (parts.size() == 1 && get && parts[0] == "_history") return history("", request.query, nullptr, active);
  if (!validType(parts[0])) return refusal(404, "not-found", "not a resource type");
  if (parts.size() == 1) {
    if (get) return search(parts[0], request.query, strict, active);
    if (m == net::Method::kPost) return create(parts[0], request.body);
  } else if (parts.size() == 2) {
    if (parts[1] == "_history" && get) return history(parts[0], request.query, nullptr, active);
    if (parts[1] == "_search" && m == net::Method::kPost) {
      return search(parts[0], net::parseQuery(request.body), strict, active);
    }
    if (get) return read(parts[0], parts[1]);
    if (m == net::Method::kPut)
      return update(parts[0], parts[1], request.body, request.headers.get("If-Match"));
    if (m == net::Method::kDelete) return erase(parts[0], parts[1]);
  } else if (parts[2] == "_history" && get) {
    return parts.size() == 3 ? instanceHistory(parts[0], parts[1])
                             : versionRead(parts[0], parts[1], parts[3]);
  }
  return refusal(405, "not-supported", "not served here");
}

net::ServerResponse EprServer::Impl::metadata() const {
  std::string out;
  add(out, R"({"resourceType":"CapabilityStatement","status":"active","date":")", Utc{now()},
      R"(","kind":"instance","software":{"name":"tributary simulator"},"implementation":{"description":"A synthetic record system","url":)",
      quote(base()),
      R"(},"fhirVersion":"4.0.1","format":["application/fhir+json"],"rest":[{"mode":"server","interaction":[{"code":"transaction"},)"
      R"({"code":"batch"},{"code":"history-system"}],"resource":[)");
  const std::shared_lock lock(mutex);
  bool first = true;
  auto types = store.countsByType();
  types.try_emplace("Subscription", 0);
  types.try_emplace("Patient", 0);
  for (const auto& [type, n] : types) {
    add(out, first ? "" : ",", R"({"type":")", type,
        R"(","interaction":[{"code":"read"},{"code":"vread"},{"code":"update"},{"code":"delete"},{"code":"create"},)"
        R"({"code":"search-type"},{"code":"history-type"},{"code":"history-instance"}],"versioning":"versioned","readHistory":true,)"
        R"("updateCreate":true,"searchParam":[{"name":"_id","type":"token"},{"name":"_lastUpdated","type":"date"},)"
        R"({"name":"patient","type":"reference"},{"name":"subject","type":"reference"},{"name":"identifier","type":"token"}]})");
    first = false;
  }
  out += "]}]}";
  return fhirAnswer(200, std::move(out));
}

// Test controls, outside FHIR.
net::ServerResponse EprServer::Impl::control(const net::ServerRequest& request) {
  if (request.path == "/_simulator/counts" && request.method == net::Method::kGet) {
    std::string out;
    const std::shared_lock lock(mutex);
    add(out, R"({"requests":)", requests.load(), R"(,"versions":)", store.versions(), R"(,"deletes":)",
        store.deletes(), R"(,"notificationsSent":)", notifier.sent(), R"(,"notificationsFailed":)",
        notifier.failed(), R"(,"byType":{)");
    bool first = true;
    std::uint64_t total = 0;
    for (const auto& [type, n] : store.countsByType()) {
      add(out, first ? "" : ",", '"', type, "\":", n);
      first = false;
      total += n;
    }
    add(out, R"(},"resources":)", total, '}');
    return net::ServerResponse::json(200, std::move(out));
  }
  if (request.path != "/_simulator/faults" || request.method != net::Method::kPost ||
      !wellFormed(request.body)) {
    return refusal(404, "not-found", "POST /_simulator/faults or GET /_simulator/counts");
  }
  EprFaults f;
  for (const Member& member : members(request.body)) {
    const bool on = member.value == "true";
    const int n = static_cast<int>(std::strtol(std::string(member.value).c_str(), nullptr, 10));
    if (member.name == "status") f.status = n;
    if (member.name == "retry_after") f.retry_after = n;
    if (member.name == "retry_after_date") f.retry_after_date = on;
    if (member.name == "rate_per_second") f.rate_per_second = n;
    if (member.name == "times") f.times = n;
    if (member.name == "hang") f.hang = on;
    if (member.name == "reset") f.reset = on;
    if (member.name == "html") f.html = on;
    if (member.name == "truncate") f.truncate = on;
    if (member.name == "endless_pages") f.endless_pages = on;
    if (member.name == "wrong_total") f.wrong_total = n;
    if (member.name == "skip_equal_times") f.skip_equal_times = on;
    if (member.name == "expire_pages") f.expire_pages = on;
    if (member.name == "no_total") f.no_total = on;
  }
  {
    const std::lock_guard lock(fault_mutex);
    faults = f;
    ++fault_generation;
    fault_changed.notify_all();
  }
  return net::ServerResponse::json(200, "{}");
}

}  // namespace tributary::simulator
