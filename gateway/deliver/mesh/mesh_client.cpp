#include "deliver/mesh/mesh_client.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <set>
#include <utility>

#include "base/civil_time.h"
#include "base/hash.h"
#include "base/machine_code.h"
#include "deliver/mesh/internal/chunked_payload.h"
#include "deliver/mesh/internal/mesh_json.h"
#include "net/gzip.h"
#include "net/url.h"

namespace tributary::deliver {
namespace {

// Exactly one value: a list with commas is refused by some servers.
constexpr const char* kAccept = "application/vnd.mesh.v2+json";
constexpr Duration kLongestWait = std::chrono::seconds(5);  // within one call; longer ones are the queue's
constexpr std::uint32_t kMaxChunks = 10'000;                // of a message that comes to us

// Codes that settle the message, whatever the status says: another attempt cannot help.
// Malformed headers, recipient, message type, workflow, sender, expiry: mesh.md section 9.
bool isPermanentCode(std::string_view code) {
  static const std::set<std::string_view> kCodes = {"02", "06", "08", "09", "11", "12",
                                                    "15", "16", "17", "18", "19"};
  return kCodes.contains(code) || code.starts_with("EPL-") || code == "InvalidHeaderChunks" ||
         code == "UnsupportedContentEncoding";
}

// In our words, since MESH's own may repeat what was sent.
std::string meaning(std::string_view code) {
  if (code == "02") return " (it misses the file)";
  if (code == "12") return " (it knows no such recipient mailbox)";
  if (code == "14") return " (the recipient has not collected it in time)";
  if (code == "20") return " (it has no such message)";
  if (code == "EPL-151") return " (it finds no one mailbox for the recipient)";
  return {};
}

void pause(Duration time, std::stop_token stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any never;
  never.wait_for(lock, std::move(stop), time, [] { return false; });
}

MeshFault networkFault(const Error& error) {
  MeshFault fault;
  fault.retry = error.retry;
  fault.text = error.text;
  fault.about =
      error.retry == RetryClass::kPermanent ? MeshFault::About::kMailbox : MeshFault::About::kService;
  return fault;
}

MeshFault localFault(const Error& error) {
  MeshFault fault;
  fault.about = MeshFault::About::kMessage;
  fault.retry = error.code == ErrorCode::kUnavailable ? RetryClass::kRetryable : RetryClass::kPermanent;
  fault.text = error.text;
  return fault;
}

MeshFault oddAnswer(const char* what, RetryClass retry) {
  MeshFault fault;
  fault.retry = retry;
  fault.text = std::string("the answer makes no sense: ") + what;
  return fault;
}

std::string header(const net::Response& response, std::string_view name) {
  return std::string(response.headers.get(name));
}

// "i:n" of Mex-Chunk-Range; n is 1 where there is none or it is malformed.
std::uint32_t chunkTotal(std::string_view range) {
  const std::size_t colon = range.find(':');
  if (colon == std::string_view::npos) return 1;
  std::uint32_t total = 1;
  std::from_chars(range.data() + colon + 1, range.data() + range.size(), total);
  return std::max(1U, total);
}

}  // namespace

std::string meshAuthorization(std::string_view mailbox, std::string_view password,
                              std::string_view shared_key, std::string_view nonce, std::uint32_t nonce_count,
                              Instant now) {
  const std::string iso = formatInstant(now);  // yyyy-MM-ddTHH:mm…
  const std::string timestamp =
      iso.substr(0, 4) + iso.substr(5, 2) + iso.substr(8, 2) + iso.substr(11, 2) + iso.substr(14, 2);
  const std::string start =
      std::string(mailbox) + ":" + std::string(nonce) + ":" + std::to_string(nonce_count) + ":";
  const Sha256 hash = hmacSha256(shared_key, start + std::string(password) + ":" + timestamp);
  return "NHSMESH " + start + timestamp + ":" + toHex(hash);
}

std::string MeshFault::label() const {
  if (status == 0) return code;
  return std::to_string(status) + (code.empty() ? "" : "/" + code);
}

MeshFault meshFault(const net::Response& response, bool idempotent, Instant now) {
  MeshFault fault;
  fault.status = response.status;
  const std::string code = readMeshErrorCode(response.body);
  fault.code = machineCode(code);
  fault.retry = net::classifyStatus(response.status, idempotent);
  fault.about =
      fault.retry == RetryClass::kPermanent ? MeshFault::About::kMessage : MeshFault::About::kService;
  if (isPermanentCode(code) && response.status < 500) {
    fault.retry = RetryClass::kPermanent;
    fault.about = MeshFault::About::kMessage;
  } else if (response.status == 401 || response.status == 403 || response.status / 100 == 3) {
    // Without a code about the message: the token, the mailbox or the address is wrong.
    fault.about = MeshFault::About::kMailbox;
  }
  fault.text = "MESH answered " + fault.label() + meaning(fault.code);
  if (fault.about == MeshFault::About::kMailbox) {
    if (const auto date = parseHttpDate(response.headers.get("Date"))) {
      const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(*date - now).count();
      if (minutes > 5 || minutes < -5) {
        fault.text +=
            "; its clock and ours are " + std::to_string(minutes < 0 ? -minutes : minutes) + " minutes apart";
      }
    }
  }
  if (const auto wish = response.headers.get("Retry-After"); !wish.empty()) {
    fault.retry_after = net::parseRetryAfter(wish, now);
  }
  return fault;
}

MeshClient::MeshClient(MeshOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), http_([this] {
        net::ClientOptions http;
        http.limits.connect = options_.connect_timeout;
        http.limits.total = options_.timeout;
        http.limits.body_bytes = 64 << 20;
        http.tls = options_.tls;
        http.allow_http = options_.allow_http;
        const auto url = net::Url::parse(options_.url);
        if (url) http.allowed_hosts = {url->host + ":" + std::to_string(url->port)};
        return http;
      }()) {}

std::string MeshClient::address(std::string_view path) const {
  return options_.url + "/messageexchange/" + net::percentEncode(options_.mailbox) + std::string(path);
}

net::Request MeshClient::request(net::Method method, std::string url) const {
  net::Request out;
  out.method = method;
  out.url = std::move(url);
  out.headers.add("Accept", kAccept);
  return out;
}

MeshResult<net::Response> MeshClient::once(net::Request& request, bool idempotent) {
  request.idempotent = idempotent;
  request.cancel = stop_;
  request.headers.set("Authorization",
                      meshAuthorization(options_.mailbox, options_.password.reveal(),
                                        options_.shared_key.reveal(), randomUuid(), 0, clock_.now()));
  auto response = http_.send(request);
  if (!response) return std::unexpected(networkFault(response.error()));
  if (!response->ok()) return std::unexpected(meshFault(*response, idempotent, clock_.now()));
  return std::move(*response);
}

template <class Prepare>
MeshResult<net::Response> MeshClient::repeated(net::Request request, Prepare prepare) {
  net::RetryPolicy policy;
  policy.initial = options_.retry_delay;
  policy.max_delay = kLongestWait;
  for (std::uint32_t attempt = 1;; ++attempt) {
    if (auto ready = prepare(request); !ready) return std::unexpected(localFault(ready.error()));
    auto response = once(request, true);
    if (response || response.error().retry != RetryClass::kRetryable || attempt >= options_.chunk_attempts || stop_.stop_requested())
      return response;
    const Duration wish = response.error().retry_after.value_or(Duration::zero());
    if (wish > kLongestWait) return response;
    pause(std::max(wish, net::backoff(policy, attempt, random_)), stop_);
  }
}

namespace {
constexpr auto kNothing = [](net::Request&) -> Result<void> { return {}; };
}  // namespace

MeshResult<std::optional<Duration>> MeshClient::handshake() {
  net::Request call = request(net::Method::kPost, address(""));
  utsname os{};
  ::uname(&os);
  call.headers.add("Mex-ClientVersion", "tributary-1");
  call.headers.add("Mex-OSName", os.sysname);
  call.headers.add("Mex-OSVersion", os.release);
  call.headers.add("Mex-OSArchitecture", os.machine);
  auto response = repeated(std::move(call), kNothing);
  if (!response) return std::unexpected(std::move(response).error());
  const auto date = parseHttpDate(response->headers.get("Date"));
  if (!date) return std::optional<Duration>();
  return std::optional<Duration>(*date - clock_.now());
}

void MeshClient::addChunkHeaders(net::Request& call, ChunkedPayload& payload, std::uint32_t index) const {
  if (payload.chunks() > 1) {
    call.headers.add("Mex-Chunk-Range", std::to_string(index) + ":" + std::to_string(payload.chunks()));
  }
  if (payload.compressed()) call.headers.add("Content-Encoding", "gzip");
}

MeshResult<std::string> MeshClient::sendFirst(const MeshOutgoing& message, ChunkedPayload& payload) {
  net::Request call = request(net::Method::kPost, address("/outbox"));
  call.headers.add("Content-Type", payload.chunks() > 1 ? "application/octet-stream" : message.content_type);
  call.headers.add("Mex-To", options_.recipient);
  call.headers.add("Mex-WorkflowID", options_.workflow);
  call.headers.add("Mex-LocalID", message.local_id);
  call.headers.add("Mex-FileName", message.file_name);
  call.headers.add("Mex-Subject", message.subject);
  call.headers.add("Mex-Content-Checksum", message.checksum);
  call.headers.add("Mex-Content-Type", message.content_type);
  addChunkHeaders(call, payload, 1);
  auto body = payload.body(1);
  if (!body) return std::unexpected(localFault(body.error()));
  call.body_source = std::move(body->source);
  call.body_size = body->bytes;
  auto response = once(call, false);
  if (!response) return std::unexpected(std::move(response).error());
  const std::string id = readMeshMessageId(response->body);
  // It said 2xx, so it has something; what it has must be asked for.
  if (id.empty())
    return std::unexpected(oddAnswer("no message id after a send", RetryClass::kUnknownOutcome));
  return id;
}

MeshResult<void> MeshClient::sendChunk(const std::string& id, ChunkedPayload& payload, std::uint32_t index) {
  net::Request call =
      request(net::Method::kPost, address("/outbox/" + net::percentEncode(id) + "/" + std::to_string(index)));
  call.headers.add("Content-Type", "application/octet-stream");
  addChunkHeaders(call, payload, index);
  auto response = repeated(std::move(call), [&](net::Request& again) -> Result<void> {
    TRY_ASSIGN(auto body, payload.body(index));
    again.body_source = std::move(body.source);
    again.body_size = body.bytes;
    return {};
  });
  if (!response && response.error().status != 423) return std::unexpected(std::move(response).error());
  return {};
}

MeshResult<MeshPage> MeshClient::inbox(const std::string& next) {
  std::string url = next;
  if (url.empty()) {
    url = address("/inbox") + "?max_results=" + std::to_string(options_.page_size);
    // Reports carry the workflow of the message they are about, so one filter can only cover both by a common
    // start.
    if (options_.ack_workflow.starts_with(options_.workflow)) {
      url += "&workflow_filter=" + net::percentEncode(options_.workflow + "*");
    }
  }
  auto response = repeated(request(net::Method::kGet, url), kNothing);
  if (!response) return std::unexpected(std::move(response).error());
  auto listed = readMeshInbox(response->body);
  if (!listed) return std::unexpected(oddAnswer("not an inbox listing", RetryClass::kRetryable));
  MeshPage page{std::move(listed->ids), {}};
  if (!listed->next.empty()) {  // a path below the host, as a rule
    const auto base = net::Url::parse(url);
    const auto link = base ? base->resolve(listed->next) : base;
    if (!link || !link->sameOrigin(*base))
      return std::unexpected(oddAnswer("next link to elsewhere", RetryClass::kRetryable));
    page.next = link->text();
  }
  return page;
}

MeshResult<MeshIncoming> MeshClient::head(const std::string& id) {
  auto response =
      repeated(request(net::Method::kHead, address("/inbox/" + net::percentEncode(id))), kNothing);
  if (!response) return std::unexpected(std::move(response).error());
  MeshIncoming out;
  out.id = id;
  out.from = header(*response, "mex-from");
  out.workflow = header(*response, "mex-workflowid");
  out.local_id = header(*response, "mex-localid");
  out.subject = header(*response, "mex-subject");
  out.file_name = header(*response, "mex-filename");
  out.report = net::equalsIgnoreCase(response->headers.get("mex-messagetype"), "REPORT");
  out.linked_id = header(*response, "mex-linkedmsgid");
  out.status_code = header(*response, "mex-statuscode");
  out.status_description = header(*response, "mex-statusdescription");
  return out;
}

MeshResult<std::string> MeshClient::download(const std::string& id, std::uint64_t limit) {
  const std::string url = address("/inbox/" + net::percentEncode(id));
  std::string body;
  for (std::uint32_t index = 1;; ++index) {
    net::Request call = request(net::Method::kGet, index == 1 ? url : url + "/" + std::to_string(index));
    call.max_body = limit - body.size();
    auto response = repeated(std::move(call), kNothing);
    if (!response) return std::unexpected(std::move(response).error());
    body += response->body;  // curl has unpacked each chunk on its own
    if (response->status != 206) break;
    if (index >= std::min(kMaxChunks, chunkTotal(response->headers.get("mex-chunk-range")))) {
      return std::unexpected(oddAnswer("more chunks than it said", RetryClass::kPermanent));
    }
  }
  // Packed by the sender without saying so in Content-Encoding (Mex-Content-Compressed: Y, or nothing at
  // all).
  if (body.starts_with("\x1f\x8b")) {
    auto unpacked = net::gzipDecompress(body, limit);
    if (!unpacked) return std::unexpected(localFault(unpacked.error()));
    return std::move(*unpacked);
  }
  return body;
}

MeshResult<void> MeshClient::acknowledge(const std::string& id) {
  auto response = repeated(
      request(net::Method::kPut, address("/inbox/" + net::percentEncode(id) + "/status/acknowledged")),
      kNothing);
  if (!response) return std::unexpected(std::move(response).error());
  return {};
}

MeshResult<MeshTracking> MeshClient::track(std::string url) {
  auto response = repeated(request(net::Method::kGet, std::move(url)), kNothing);
  if (response) {
    auto tracking = readMeshTracking(response->body);
    if (!tracking) return std::unexpected(oddAnswer("not a tracking record", RetryClass::kRetryable));
    return std::move(*tracking);
  }
  MeshTracking out;
  if (response.error().status == 404) return out;
  if (response.error().status == 300) {
    out.state = MeshTracking::State::kSeveral;
    return out;
  }
  return std::unexpected(std::move(response).error());
}

MeshResult<MeshTracking> MeshClient::trackMessage(const std::string& id) {
  return track(address("/outbox/tracking?messageID=" + net::percentEncode(id)));
}

MeshResult<MeshTracking> MeshClient::trackLocal(const std::string& local_id) {
  return track(address("/outbox/tracking/" + net::percentEncode(local_id)));
}

}  // namespace tributary::deliver
