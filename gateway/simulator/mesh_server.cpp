#include "simulator/mesh_server.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/civil_time.h"
#include "base/hash.h"
#include "net/gzip.h"
#include "simulator/internal/json_text.h"
#include "simulator/internal/mesh_core.h"

namespace tributary::simulator {

std::string meshToken(std::string_view mailbox, std::string_view password, std::string_view shared_key,
                      std::string_view nonce, int nonce_count, std::string_view time) {
  std::string message, out;
  add(message, mailbox, ':', nonce, ':', nonce_count, ':', password, ':', time);
  add(out, "NHSMESH ", mailbox, ':', nonce, ':', nonce_count, ':', time, ':',
      toHex(hmacSha256(shared_key, message)));
  return out;
}

Result<std::string> MeshMessage::content(std::uint64_t limit) const {
  std::string all;
  for (const std::string& chunk : chunks) {
    if (content_encoding == "gzip") {
      TRY_ASSIGN(const std::string plain,
                 net::gzipDecompress(chunk, limit - std::min<std::uint64_t>(limit, all.size())));
      all += plain;
    } else {
      all += chunk;
    }
    if (all.size() > limit) return fail(ErrorCode::kLimit, "the message is too large");
  }
  return all;
}

net::ServerResponse meshError(int status, int version, std::string_view message_id, std::string_view event,
                              std::string_view code, std::string_view text) {
  std::string out;
  if (version == 2) {
    add(out, R"({"message_id":)", quote(message_id), R"(,"internal_id":"SIM","detail":[{"event":")", event,
        R"(","code":")", code, R"(","msg":)", quote(text), "}]}");
  } else {
    add(out, R"({"messageID":)", quote(message_id), R"(,"errorEvent":")", event, R"(","errorCode":")", code,
        R"(","errorDescription":)", quote(text), '}');
  }
  return net::ServerResponse::json(status, std::move(out));
}

int acceptedVersion(std::string_view accept) {
  while (!accept.empty()) {
    const auto end = accept.find(';');
    std::string_view one = accept.substr(0, end);
    accept = end == std::string_view::npos ? std::string_view{} : accept.substr(end + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.find("vnd.mesh") == std::string_view::npos) continue;
    if (one == "application/vnd.mesh.v1+json") return 1;
    if (one == "application/vnd.mesh.v2+json") return 2;
    return 0;
  }
  return 1;
}

bool allowsWorkflow(const std::vector<std::string>& list, std::string_view workflow) {
  return list.empty() || std::find(list.begin(), list.end(), workflow) != list.end();
}

std::string meshTime(std::int64_t milliseconds) {
  std::string iso;
  append(iso, Utc{milliseconds});
  std::string out;
  for (const char c : iso.substr(0, 19)) {
    if (c >= '0' && c <= '9') out.push_back(c);
  }
  return out;
}

std::string_view stateName(MeshState state) {
  switch (state) {
    case MeshState::kUploading:
      return "uploading";
    case MeshState::kAccepted:
      return "accepted";
    case MeshState::kAcknowledged:
      return "acknowledged";
    case MeshState::kUndeliverable:
      return "undeliverable";
  }
  return "";
}

MeshServer::MeshServer(MeshOptions options, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}
MeshServer::~MeshServer() {
  stop();
}

void MeshServer::onMessage(const std::string& mailbox, std::function<void(const MeshMessage&)> handler) {
  impl_->handlers[mailbox] = std::move(handler);
}

void MeshServer::addRoute(const std::string& path,
                          std::function<net::ServerResponse(const net::ServerRequest&)> handler) {
  impl_->routes[path] = std::move(handler);
}

Result<void> MeshServer::start() {
  net::ServerOptions options;
  options.address = impl_->options.address;
  options.port = impl_->options.port;
  options.tls = impl_->options.tls;
  options.body_bytes = impl_->options.body_bytes;
  impl_->server = std::make_unique<net::HttpServer>(
      options, [impl = impl_.get()](const net::ServerRequest& request) { return impl->handle(request); });
  TRY_VOID(impl_->server->start());
  impl_->worker = std::thread([impl = impl_.get()] { impl->runWorker(); });
  return {};
}

void MeshServer::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  if (impl_->server) impl_->server->stop(std::chrono::seconds(1));
  if (impl_->worker.joinable()) impl_->worker.join();
}

std::string MeshServer::url() const {
  return impl_->server->url();
}
std::uint16_t MeshServer::port() const {
  return impl_->server->port();
}

MeshCounts MeshServer::counts() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counts;
}

void MeshServer::setFaults(const MeshFaults& faults) {
  const std::lock_guard lock(impl_->mutex);
  impl_->faults = faults;
  ++impl_->fault_generation;
  impl_->changed.notify_all();
}

void MeshServer::drain() {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->stopping || (impl_->work.empty() && !impl_->working); });
}

std::string MeshServer::deliver(MeshMessage message, bool is_ack) {
  const std::lock_guard lock(impl_->mutex);
  const MeshFaults& f = impl_->faults;
  if (is_ack && f.lose_acks) return {};
  const std::int64_t available = impl_->now() + (is_ack ? f.ack_delay.count() : 0);
  if (is_ack && f.duplicate_acks) impl_->deliverLocked(message, available);
  return impl_->deliverLocked(std::move(message), available);
}

void MeshServer::report(const std::string& message_id, const std::string& code,
                        const std::string& description) {
  const std::lock_guard lock(impl_->mutex);
  const auto it = impl_->messages.find(message_id);
  if (it == impl_->messages.end()) return;
  it->second.state = MeshState::kUndeliverable;
  impl_->makeReport(it->second, code, description);
}

// Shape of live ids: yyyyMMddHHmmssffffff_XXXXXX.
std::string MeshServer::Impl::newId() {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string id = meshTime(now());
  add(id, Padded{static_cast<std::uint64_t>(now() % 1000), 3}, Padded{next_id % 1000, 3}, '_');
  for (int shift = 20; shift >= 0; shift -= 4)
    id.push_back(kHex[(next_id >> static_cast<unsigned>(shift)) & 15U]);
  ++next_id;
  return id;
}

std::string MeshServer::Impl::deliverLocked(MeshMessage message, std::int64_t available) {
  message.id = newId();
  const std::string id = message.id;
  if (message.type == "REPORT") ++counts.reports;
  StoredMessage stored;
  stored.total_chunks = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(message.chunks.size()));
  stored.message = std::move(message);
  stored.state = MeshState::kAccepted;
  stored.sent = now();
  stored.available = available;
  inboxes[stored.message.to].push_back(id);
  messages.emplace(id, std::move(stored));
  return id;
}

void MeshServer::Impl::makeReport(const StoredMessage& about, const std::string& code,
                                  const std::string& description) {
  MeshMessage r;
  r.type = "REPORT";
  r.to = about.message.from;
  r.from = "";
  r.workflow = about.message.workflow;
  r.subject = about.message.subject;
  r.local_id = about.message.local_id;
  r.linked_id = about.message.id;
  r.status_code = code;
  r.status_event = "SEND";
  r.status_description = description;
  r.success = false;
  deliverLocked(std::move(r), now());
}

void MeshServer::Impl::expire() {
  for (auto& [box, ids] : inboxes) {
    std::vector<std::string> old;
    std::erase_if(ids, [&](const std::string& id) {
      StoredMessage& m = messages.at(id);
      if (m.state != MeshState::kAccepted || now() - m.available < options.inbox_life.count()) return false;
      m.state = MeshState::kUndeliverable;
      if (m.message.type == "DATA") old.push_back(id);
      return true;
    });
    for (const std::string& id : old)
      makeReport(messages.at(id), "14", "Message not collected by recipient after 5 days");
  }
}

void MeshServer::Impl::runWorker() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return stopping || !work.empty(); });
    if (stopping) return;
    const std::string id = work.front();
    work.pop_front();
    working = true;
    const MeshMessage message = messages.at(id).message;
    const auto& handler = handlers.at(message.to);
    lock.unlock();
    handler(message);
    lock.lock();
    StoredMessage& stored = messages.at(id);
    stored.state = MeshState::kAcknowledged;
    stored.collected = now();
    stored.message.chunks.clear();  // read and kept by the handler
    stored.message.chunks.shrink_to_fit();
    std::erase(inboxes[message.to], id);
    working = false;
    changed.notify_all();
  }
}

const MeshMailbox* MeshServer::Impl::mailbox(std::string_view id) const {
  for (const MeshMailbox& box : options.mailboxes) {
    if (box.id == id) return &box;
  }
  return nullptr;
}

namespace {
std::vector<std::string> splitText(std::string_view text, char by) {
  std::vector<std::string> out;
  while (true) {
    const auto at = text.find(by);
    out.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}
bool digits(std::string_view text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string_view::npos;
}
}  // namespace

// Authorization: NHSMESH mailbox:nonce:count:yyyyMMddHHmm:hash
std::optional<net::ServerResponse> MeshServer::Impl::authorise(const net::ServerRequest& request,
                                                               const std::string& box, int version) {
  const auto refuse = [&](std::string_view why) {
    ++counts.refused;
    return meshError(403, version, "", "TRANSFER", "07", why);
  };
  const std::string_view header = request.headers.get("Authorization");
  if (header.size() < 9 || !net::equalsIgnoreCase(header.substr(0, 8), "NHSMESH "))
    return refuse("no NHSMESH token");
  const auto parts = splitText(header.substr(8), ':');
  if (parts.size() != 5) return refuse("the token has not five parts");
  const MeshMailbox* owner = mailbox(box);
  if (owner == nullptr || parts[0] != box) return refuse("the token is of another mailbox");
  if (!digits(parts[2])) return refuse("nonce count is not a number");
  if (parts[3].size() != 12 || parts[3].find_first_not_of("0123456789") != std::string::npos)
    return refuse("bad timestamp");
  const int count = std::atoi(parts[2].c_str());
  const std::string expected =
      meshToken(parts[0], owner->password, options.shared_key, parts[1], count, parts[3]);
  std::string given = parts[4];
  std::transform(given.begin(), given.end(), given.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!expected.ends_with(":" + given) || given.size() != 64) return refuse("wrong hash");
  const auto part = [&](std::size_t at, std::size_t n) { return std::atoi(parts[3].substr(at, n).c_str()); };
  const Second stamp =
      daysFrom(part(0, 4), static_cast<unsigned>(part(4, 2)), static_cast<unsigned>(part(6, 2))) *
          kDaySeconds +
      part(8, 2) * 3600 + part(10, 2) * 60;
  const std::int64_t apart = now() - stamp * 1000;
  // The stamp has minutes only: a token of this minute may be up to 59.999 s old.
  if (apart > options.token_window.count() + 59'999 || -apart > options.token_window.count()) {
    return refuse("the timestamp is more than two hours away");
  }
  const std::int64_t keep = 2 * options.token_window.count() + 120'000;
  auto [it, fresh] = nonces.try_emplace(box + ":" + parts[1], count, now());
  if (!fresh && now() - it->second.second < keep && count <= it->second.first)
    return refuse("this token was used before");
  it->second = {count, now()};
  if (nonces.size() > 200'000) {
    std::erase_if(nonces, [&](const auto& entry) { return now() - entry.second.second >= keep; });
  }
  return std::nullopt;
}

std::optional<net::ServerResponse> MeshServer::Impl::misbehave(bool& drop_accepted) {
  std::unique_lock lock(mutex);
  ++counts.requests;
  const MeshFaults f = faults;
  if (f.times == 0) return std::nullopt;
  if (f.times > 0 && (f.status != 0 || f.hang)) --faults.times;
  drop_accepted = f.drop_accepted;
  net::ServerResponse r;
  if (f.hang) {
    const auto generation = fault_generation;
    changed.wait_for(lock, f.hang_for, [&] { return stopping || fault_generation != generation; });
    r.drop = true;
    return r;
  }
  if (f.status == 0) return std::nullopt;
  if (f.soap) {
    r = net::ServerResponse::text(
        f.status,
        "<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body>"
        "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode></SOAP-ENV:Fault></SOAP-ENV:Body></"
        "SOAP-ENV:Envelope>");
    r.headers.set("Content-Type", "text/xml");
    return r;
  }
  r = meshError(f.status, 2, "", "SEND", "99", "simulated fault");
  if (f.status == 429 || f.status == 503) r.headers.set("Retry-After", "1");
  return r;
}

net::ServerResponse MeshServer::Impl::handle(const net::ServerRequest& request) {
  if (const auto it = routes.find(request.path); it != routes.end()) return it->second(request);
  if (request.path == "/_simulator/mesh-faults" && request.method == net::Method::kPost)
    return control(request);
  if (request.path == "/messageexchange/_ping") return net::ServerResponse::json(200, "{}");
  bool drop_accepted = false;
  if (auto bad = misbehave(drop_accepted)) return std::move(*bad);
  auto parts = splitText(request.path, '/');
  if (parts.size() < 3 || !parts[0].empty() || parts[1] != "messageexchange") {
    return net::ServerResponse::json(404, R"({"detail":"Not Found"})");
  }
  parts.erase(parts.begin(), parts.begin() + 2);
  while (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  for (std::string& part : parts) part = net::percentDecode(part);
  net::ServerResponse r = route(request, parts);
  const bool sent = request.method == net::Method::kPost && r.status == 202;
  if (sent && drop_accepted) {
    r = {};
    r.drop = true;
    const std::lock_guard lock(mutex);
    if (faults.times > 0) --faults.times;
  }
  return r;
}

net::ServerResponse MeshServer::Impl::route(const net::ServerRequest& request,
                                            const std::vector<std::string>& parts) {
  const int version = acceptedVersion(request.headers.get("Accept"));
  if (version == 0) return meshError(400, 1, "", "TRANSFER", "06", "Accept header api format incorrect");
  const net::Method m = request.method;
  const bool get = m == net::Method::kGet || m == net::Method::kHead;
  const std::lock_guard lock(mutex);
  if (parts[0] == "endpointlookup" && parts.size() == 3 && get) return lookup(parts[1], parts[2], version);
  if (parts[0] == "workflowsearch" && parts.size() == 2 && get) return lookup("", parts[1], version);
  std::string box = parts[0];
  std::transform(box.begin(), box.end(), box.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (auto refused = authorise(request, box, version)) return std::move(*refused);
  expire();
  const std::size_t n = parts.size();
  if (n == 1 && (get || m == net::Method::kPost)) return handshake(request, box, version);
  if (parts[1] == "inbox") {
    if (n == 2 && get) return inbox(request, box, version);
    if (n == 3 && get) return download(request, box, parts[2], "1", version);
    if (n == 4 && get) return download(request, box, parts[2], parts[3], version);
    if (n == 5 && m == net::Method::kPut && parts[3] == "status" && parts[4] == "acknowledged") {
      return acknowledge(box, parts[2], version);
    }
  } else if (parts[1] == "outbox") {
    if (n == 2 && m == net::Method::kPost) return send(request, box, version);
    if (n == 3 && parts[2] == "tracking" && get) {
      std::string id(request.queryParameter("messageID"));
      if (id.empty()) id = request.queryParameter("message_id");
      return tracking(box, id, "", version);
    }
    if (n == 4 && parts[2] == "tracking" && get) return tracking(box, "", parts[3], version);
    if (n == 4 && m == net::Method::kPost) return sendChunk(request, box, parts[2], parts[3], version);
  } else if (parts[1] == "count" && n == 2 && get) {
    std::string out;
    add(out, R"({"count":)", inboxes[box].size(), R"(,"internalID":"SIM","allResultsIncluded":true})");
    return net::ServerResponse::json(200, std::move(out));
  }
  return net::ServerResponse::json(404, R"({"detail":"Not Found"})");
}

net::ServerResponse MeshServer::Impl::control(const net::ServerRequest& request) {
  if (!wellFormed(request.body)) return net::ServerResponse::json(400, "{}");
  MeshFaults f;
  for (const Member& member : members(request.body)) {
    const bool on = member.value == "true";
    const int n = static_cast<int>(std::strtol(std::string(member.value).c_str(), nullptr, 10));
    if (member.name == "status") f.status = n;
    if (member.name == "times") f.times = n;
    if (member.name == "soap") f.soap = on;
    if (member.name == "drop_accepted") f.drop_accepted = on;
    if (member.name == "hang") f.hang = on;
    if (member.name == "lose_acks") f.lose_acks = on;
    if (member.name == "duplicate_acks") f.duplicate_acks = on;
    if (member.name == "ack_delay") f.ack_delay = Duration(n);
  }
  const std::lock_guard lock(mutex);
  faults = f;
  ++fault_generation;
  changed.notify_all();
  return net::ServerResponse::json(200, "{}");
}

}  // namespace tributary::simulator
