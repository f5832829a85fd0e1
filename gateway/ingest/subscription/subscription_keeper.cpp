#include "ingest/subscription/subscription_keeper.h"

#include "base/civil_time.h"
#include "base/fault_point.h"
#include "base/hash.h"
#include "fhir/json_reader.h"

namespace tributary::ingest {
namespace {

constexpr const char* kSecretHeader = "X-Tributary-Hook";

std::string member(const fhir::Document& document, std::string_view name) {
  const fhir::NodeIndex node = document.member(0, name);
  return node != fhir::kNoNode && document[node].kind == fhir::Kind::kString ? std::string(document.scalar(node)) : std::string();
}

// FHIR R4 Subscription.status; what else a server may say is not shown.
std::string stateOf(const fhir::Document& document) {
  const std::string state = member(document, "status");
  const bool known = state.empty() || state == "requested" || state == "active" || state == "error" || state == "off";
  return known ? state : "unknown";
}

}  // namespace

SubscriptionKeeper::SubscriptionKeeper(IntakeContext context, SubscriptionOptions options, const Clock& clock, LogLine log,
                                       std::function<void(std::string_view type)> wake)
    : context_(std::move(context)),
      options_(std::move(options)),
      clock_(clock),
      log_(std::move(log)),
      wake_(std::move(wake)),
      client_(options_.client) {
  while (options_.url.ends_with('/')) options_.url.pop_back();
  while (options_.notify_url.ends_with('/')) options_.notify_url.pop_back();
  for (const std::string& type : options_.types) {
    Held held;
    held.status.type = type;
    held.status.state = "not created";
    // What was made before a restart is found again by its id and secret.
    if (auto cursor = context_.store->cursor(options_.source, "subscription/" + type); cursor && *cursor) {
      const std::size_t space = (*cursor)->find(' ');
      held.status.id = (*cursor)->substr(0, space);
      if (space != std::string::npos) held.secret = (*cursor)->substr(space + 1);
    }
    held_.emplace(type, std::move(held));
  }
}

std::vector<SubscriptionStatus> SubscriptionKeeper::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<SubscriptionStatus> out;
  for (const auto& [type, held] : held_) out.push_back(held.status);
  return out;
}

void SubscriptionKeeper::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    bool all = true;
    for (const std::string& type : options_.types) {
      if (stop.stop_requested()) return;
      const auto kept = keep(type, stop);
      if (stop.stop_requested()) return;
      all = all && kept.has_value();
      const std::lock_guard lock(mutex_);
      auto& status = held_.find(type)->second.status;
      if (!kept && status.last_error != kept.error().text) log_("warning", "subscription-failed", type + ": " + kept.error().text);
      status.last_error = kept ? "" : kept.error().text;
    }
    if (!sleeper_.wait(stop, all ? options_.check : std::min<Duration>(options_.check, std::chrono::seconds(10)))) return;
  }
}

Result<net::Response> SubscriptionKeeper::send(net::Method method, const std::string& url, std::string body, std::stop_token stop) {
  net::Request request;
  request.method = method;
  request.url = url;
  request.headers.add("Accept", "application/fhir+json");
  if (!body.empty()) request.headers.add("Content-Type", "application/fhir+json");
  if (!options_.bearer_token.empty()) request.headers.add("Authorization", "Bearer " + options_.bearer_token);
  request.body = std::move(body);
  request.cancel = std::move(stop);
  return client_.send(request);
}

Result<void> SubscriptionKeeper::keep(const std::string& type, std::stop_token stop) {
  Held held;
  {
    const std::lock_guard lock(mutex_);
    held = held_.find(type)->second;
  }
  if (!held.status.id.empty()) {
    TRY_ASSIGN(const net::Response response, send(net::Method::kGet, options_.url + "/Subscription/" + held.status.id, {}, stop));
    if (response.ok()) {
      fhir::JsonReader reader;
      fhir::Document document;
      if (reader.read(response.body, document)) held.status.state = stateOf(document);
      if (held.status.state == "active" || held.status.state == "requested") {
        const std::lock_guard lock(mutex_);
        held_.find(type)->second.status.state = held.status.state;
        return {};
      }
      log_("warning", "subscription-lost", type + ": the server holds our subscription as '" + held.status.state + "'; it is made again");
    } else if (response.status != 404 && response.status != 410) {
      return fail(ErrorCode::kUnavailable, "reading the subscription was answered with " + std::to_string(response.status), RetryClass::kRetryable);
    }
  }
  TRY_VOID(create(type, held, stop));
  const std::lock_guard lock(mutex_);
  Held& kept = held_.find(type)->second;
  kept.secret = held.secret;
  kept.status.id = held.status.id;
  kept.status.state = held.status.state;
  return {};
}

Result<void> SubscriptionKeeper::create(const std::string& type, Held& held, std::stop_token stop) {
  if (held.secret.empty()) {
    held.secret = randomUuid();
    // Kept first: a subscription whose answer never reached us calls with it all the same.
    TRY_VOID(context_.store->setCursor(options_.source, "subscription/" + type, " " + held.secret));
  }
  {
    // A server may call back while it is still answering the create.
    const std::lock_guard lock(mutex_);
    held_.find(type)->second.secret = held.secret;
  }
  std::string body = R"({"resourceType":"Subscription")";
  if (!held.status.id.empty()) body += R"(,"id":")" + held.status.id + '"';
  body += R"(,"status":"requested","reason":"wake-up calls for Tributary","criteria":")" + type +
          R"(?","channel":{"type":"rest-hook","endpoint":")" + options_.notify_url + "/notify/" + options_.source + "/" + type +
          R"(","header":[")" + kSecretHeader + ": " + held.secret + R"("]}})";
  const bool again = !held.status.id.empty();
  TRY_ASSIGN(net::Response response, again ? send(net::Method::kPut, options_.url + "/Subscription/" + held.status.id, body, stop)
                                           : send(net::Method::kPost, options_.url + "/Subscription", body, stop));
  if (!response.ok()) {
    if (again) {  // the id is no good any more: a new one next time
      const std::lock_guard lock(mutex_);
      held_.find(type)->second.status.id.clear();
    }
    return fail(ErrorCode::kRejected, "the server answered the creation of a subscription with " + std::to_string(response.status),
                RetryClass::kRetryable);
  }
  fhir::JsonReader reader;
  fhir::Document document;
  if (reader.read(response.body, document)) {
    if (const std::string id = member(document, "id"); isResourceId(id)) held.status.id = id;
    held.status.state = stateOf(document);
  }
  if (held.status.id.empty()) {
    // Location: [base]/Subscription/ID/_history/V (FHIR R4 3.1.0.8)
    held.status.id = referenceKey(response.headers.get("Location"));
    held.status.id.erase(0, held.status.id.find('/') + 1);
  }
  if (held.status.state.empty()) held.status.state = "requested";
  return context_.store->setCursor(options_.source, "subscription/" + type, held.status.id + " " + held.secret);
}

void SubscriptionKeeper::addRoutes(net::Router& router) {
  const auto handler = [this](const net::ServerRequest& request) { return notified(request); };
  const std::string base = "/notify/" + options_.source + "/{type}";
  router.add(net::Method::kPost, base, handler);
  router.add(net::Method::kPut, base, handler);
  router.add(net::Method::kPost, base + "/{rest*}", handler);
  router.add(net::Method::kPut, base + "/{rest*}", handler);
}

net::ServerResponse SubscriptionKeeper::notified(const net::ServerRequest& request) {
  const std::string type(request.parameter("type"));
  {
    const std::lock_guard lock(mutex_);
    const auto held = held_.find(type);
    if (held == held_.end()) return net::ServerResponse::text(404, "no such subscription\n");
    if (held->second.secret.empty() || request.headers.get(kSecretHeader) != held->second.secret) {
      return net::ServerResponse::text(403, "the notification does not carry the subscription's secret\n");
    }
  }
  const Instant now = clock_.now();
  const std::string value = formatInstant(now), name = "hint/" + type;
  const store::CursorMove hint[] = {{name, value}};
  Intake intake(context_, options_.source);
  intake.tellsOfThePast();  // the server may have tried for long to call us
  if (!request.body.empty()) intake.add(request.body, "notification of " + type);
  FAULT_POINT("ingest.subscription.before_journal");
  if (auto stored = intake.commit(hint); !stored) return net::ServerResponse::text(503, "not stored; send it again\n");
  FAULT_POINT("ingest.subscription.after_journal");
  {
    const std::lock_guard lock(mutex_);
    SubscriptionStatus& status = held_.find(type)->second.status;
    status.last_notification = now;
    ++status.notifications;
  }
  wake_(type);
  return net::ServerResponse::text(200, "");
}

}  // namespace tributary::ingest
