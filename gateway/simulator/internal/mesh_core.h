#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "simulator/internal/text.h"
#include "simulator/mesh_server.h"

namespace tributary::simulator {

enum class MeshState : std::uint8_t { kUploading, kAccepted, kAcknowledged, kUndeliverable };

struct StoredMessage {
  MeshMessage message;
  MeshState state = MeshState::kUploading;
  std::uint32_t total_chunks = 1;
  std::int64_t sent = 0, available = 0, collected = 0;  // milliseconds
};

struct MeshServer::Impl {
  Impl(MeshOptions o, const Clock& c) : options(std::move(o)), clock(c) {}

  MeshOptions options;
  const Clock& clock;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, StoredMessage> messages;            // by id
  std::map<std::string, std::vector<std::string>> inboxes;  // mailbox -> ids in order of arrival
  // mailbox + nonce -> highest count seen and when
  std::map<std::string, std::pair<long, std::int64_t>> nonces;
  std::map<std::string, std::function<void(const MeshMessage&)>> handlers;
  std::map<std::string, std::function<net::ServerResponse(const net::ServerRequest&)>> routes;
  std::deque<std::string> work;
  bool working = false, stopping = false;
  std::uint64_t fault_generation = 0;
  MeshFaults faults;
  MeshCounts counts;
  std::uint64_t next_id = 1;
  std::unique_ptr<net::HttpServer> server;
  std::thread worker;

  std::int64_t now() const { return clock.now().time_since_epoch().count(); }
  std::string newId();
  net::ServerResponse handle(const net::ServerRequest& request);
  net::ServerResponse route(const net::ServerRequest& request, const std::vector<std::string>& parts);
  net::ServerResponse control(const net::ServerRequest& request);
  // Empty when the request may go on, else the answer.
  std::optional<net::ServerResponse> misbehave(bool& drop_accepted);
  const MeshMailbox* mailbox(std::string_view id) const;
  std::optional<net::ServerResponse> authorise(const net::ServerRequest& request, const std::string& box,
                                               int version);
  void runWorker();
  void expire();
  std::string deliverLocked(MeshMessage message, std::int64_t available);
  void makeReport(const StoredMessage& about, const std::string& code, const std::string& description);

  // mesh_outbox.cpp
  net::ServerResponse handshake(const net::ServerRequest& request, const std::string& box, int version);
  net::ServerResponse send(const net::ServerRequest& request, const std::string& box, int version);
  net::ServerResponse sendChunk(const net::ServerRequest& request, const std::string& box,
                                const std::string& id, const std::string& chunk, int version);
  net::ServerResponse tracking(const std::string& box, const std::string& id, const std::string& local_id,
                               int version);
  void complete(StoredMessage& stored);
  // mesh_inbox.cpp
  net::ServerResponse inbox(const net::ServerRequest& request, const std::string& box, int version);
  net::ServerResponse download(const net::ServerRequest& request, const std::string& box,
                               const std::string& id, const std::string& chunk, int version);
  net::ServerResponse acknowledge(const std::string& box, const std::string& id, int version);
  net::ServerResponse lookup(const std::string& ods, const std::string& workflow, int version);
};

net::ServerResponse meshError(int status, int version, std::string_view message_id, std::string_view event,
                              std::string_view code, std::string_view text);
// 1 or 2; 0 when the Accept header is wrong.
int acceptedVersion(std::string_view accept);
bool allowsWorkflow(const std::vector<std::string>& list, std::string_view workflow);
std::string meshTime(std::int64_t milliseconds);  // yyyyMMddHHmmss, UTC
std::string_view stateName(MeshState state);

}  // namespace tributary::simulator
