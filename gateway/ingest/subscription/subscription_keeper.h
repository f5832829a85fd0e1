#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/intake.h"
#include "ingest/source.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace tributary::ingest {

struct SubscriptionOptions {
  std::string source;               // name of the search source whose server this is
  std::string url;                  // base of the FHIR server
  std::vector<std::string> types;
  std::string notify_url;           // how the server reaches us, up to and without "/notify"
  std::string bearer_token;
  net::ClientOptions client;
  Duration check{60'000};           // between looks at the state of our subscriptions
};

struct SubscriptionStatus {
  std::string type, id, state;      // state as the server says: requested, active, error, off
  std::optional<Instant> last_notification;  // none: unproven, the server has never called
  std::uint64_t notifications = 0;
  std::string last_error;
};

// Keeps one R4 rest-hook Subscription a type at the source (FHIR R4 Subscription, 2.46.1) and takes its notifications.
// A notification is a hint: it is answered 2xx after it is durable, and then wakes the search for its type, which remains the truth;
// a resource that comes with it (PUT hook/Type/id) goes through the journal at once. Subscriptions that are gone, off or
// in error are made again. Each carries a secret of its own in a header, so that nobody else can wake us.
class SubscriptionKeeper {
 public:
  SubscriptionKeeper(IntakeContext context, SubscriptionOptions options, const Clock& clock, LogLine log, std::function<void(std::string_view type)> wake);

  // POST and PUT notify/{source}/{type}[/{type}/{id}].
  void addRoutes(net::Router& router);
  // Creates and keeps alive until `stop`.
  void run(std::stop_token stop);
  std::vector<SubscriptionStatus> status() const;

 private:
  struct Held {
    SubscriptionStatus status;
    std::string secret;
  };
  Result<void> keep(const std::string& type, std::stop_token stop);
  Result<void> create(const std::string& type, Held& held, std::stop_token stop);
  Result<net::Response> send(net::Method method, const std::string& url, std::string body, std::stop_token stop);
  net::ServerResponse notified(const net::ServerRequest& request);

  IntakeContext context_;
  SubscriptionOptions options_;
  const Clock& clock_;
  LogLine log_;
  std::function<void(std::string_view type)> wake_;
  net::HttpClient client_;
  Sleeper sleeper_;
  mutable std::mutex mutex_;
  std::map<std::string, Held, std::less<>> held_;
};

}  // namespace tributary::ingest
