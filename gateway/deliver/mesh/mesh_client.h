#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "deliver/mesh/mesh_config.h"
#include "net/http_client.h"
#include "net/retry.h"

namespace tributary::deliver {

class ChunkedPayload;

// The value of the Authorization header. HMAC-SHA256 over mailbox:nonce:count:password:timestamp with the
// environment's shared key; the timestamp is UTC, to the minute. Good for one request, so each attempt needs
// its own nonce.
std::string meshAuthorization(std::string_view mailbox, std::string_view password,
                              std::string_view shared_key, std::string_view nonce, std::uint32_t nonce_count,
                              Instant now);

// What MESH, or the way to it, answered instead of what was asked for.
struct MeshFault {
  enum class About : std::uint8_t {
    kMessage,  // this message or request: others may fare better
    kMailbox,  // our credentials, address or configuration: nothing will get through until it is put right
    kService,  // the service or the network
  };
  About about = About::kService;
  RetryClass retry = RetryClass::kRetryable;
  int status = 0;    // 0: no complete answer
  std::string code;  // MESH's own: "02", "12", "EPL-151"; "" when there is none
  std::string text;  // for the operator
  std::optional<Duration> retry_after;

  std::string label() const;  // "417/02"
};
template <class T>
using MeshResult = std::expected<T, MeshFault>;

// The fault that an answer stands for. Of error bodies (both API versions) only the code is shown, never their text. `idempotent`: whether the request may be sent again.
MeshFault meshFault(const net::Response& response, bool idempotent, Instant now);

// What goes into the Mex headers of one message.
struct MeshOutgoing {
  std::string local_id, file_name, subject, checksum, content_type;
};

struct MeshIncoming {
  std::string id, from, workflow, local_id, subject, file_name;
  bool report = false;  // Mex-MessageType REPORT: about a message of ours that was not delivered
  std::string linked_id, status_code, status_description;
};

struct MeshTracking {
  enum class State : std::uint8_t { kAbsent, kUploading, kAccepted, kFailed, kSeveral };
  State state = State::kAbsent;
  std::string id, code;
};

struct MeshPage {
  std::vector<std::string> ids;
  std::string next;  // absolute; "" on the last page
};

// The calls of the MESH API (version 2 of its answers, both versions of its errors). Every attempt carries a
// token of its own. All but the first POST of a message are repeated up to `chunk_attempts` times. Safe from
// any thread.
class MeshClient {
 public:
  MeshClient(MeshOptions options, const Clock& clock);  // options as checkMeshOptions() leaves them

  // Calls end, and are not repeated, once `stop` is requested. Before any other call.
  void stopWith(std::stop_token stop) { stop_ = std::move(stop); }

  // Our clock against the Date of the answer (remote minus ours), where there is one.
  MeshResult<std::optional<Duration>> handshake();
  // First chunk, or the whole message. One attempt. The id is MESH's.
  MeshResult<std::string> sendFirst(const MeshOutgoing& message, ChunkedPayload& payload);
  // `index` from 2. 423 (complete already) is success.
  MeshResult<void> sendChunk(const std::string& id, ChunkedPayload& payload, std::uint32_t index);
  MeshResult<MeshPage> inbox(const std::string& next = {});
  MeshResult<MeshIncoming> head(const std::string& id);
  // All chunks, each unpacked on its own, up to `limit` bytes.
  MeshResult<std::string> download(const std::string& id, std::uint64_t limit);
  MeshResult<void> acknowledge(const std::string& id);
  MeshResult<MeshTracking> trackMessage(const std::string& id);
  MeshResult<MeshTracking> trackLocal(const std::string& local_id);

 private:
  std::string address(std::string_view path) const;  // below /messageexchange/{mailbox}
  net::Request request(net::Method method, std::string url) const;
  MeshResult<net::Response> once(net::Request& request, bool idempotent);
  template <class Prepare>
  MeshResult<net::Response> repeated(net::Request request, Prepare prepare);
  MeshResult<MeshTracking> track(std::string url);
  void addChunkHeaders(net::Request& request, ChunkedPayload& payload, std::uint32_t index) const;

  const MeshOptions options_;
  const Clock& clock_;
  std::stop_token stop_;
  net::HttpClient http_;
  net::RandomUnit random_ = net::systemRandom();
};

}  // namespace tributary::deliver
