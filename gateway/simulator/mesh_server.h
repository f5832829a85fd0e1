#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_server.h"

namespace tributary::simulator {

struct MeshMailbox {
  std::string id;  // upper case
  std::string password = "password";
  std::string ods;
  std::string name;
  std::vector<std::string> sends;     // workflows; empty: any
  std::vector<std::string> receives;  // workflows; empty: any
};

struct MeshOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string shared_key = "TestKey";
  std::vector<MeshMailbox> mailboxes;
  net::TlsServerOptions tls;                            // with client_ca_file: mutual TLS
  std::uint64_t body_bytes = std::uint64_t{100} << 20;  // of one request
  Duration token_window = std::chrono::hours(2);
  Duration inbox_life = std::chrono::hours(5 * 24);  // then a REPORT with code 14 goes to the sender
};

struct MeshFaults {
  int status = 0;              // answer this (500, 503, 429, …) to `times` requests
  int times = -1;              // below 0: until changed
  bool soap = false;           // with `status`: an XML SOAP body, as a real server error has
  bool drop_accepted = false;  // a sent message is kept, but the connection closes without an answer
  bool hang = false;           // no answer before the faults change or hang_for is over
  Duration hang_for = std::chrono::seconds(30);
  bool lose_acks = false;       // answers of the national side never arrive
  bool duplicate_acks = false;  // they arrive twice, as two messages
  Duration ack_delay{};         // they become visible so much later, by the clock
};

struct MeshMessage {
  std::string id, from, to, workflow, subject, local_id, file_name, content_type, content_encoding, checksum,
      partner_id;
  std::string type = "DATA";  // or REPORT
  std::string status_code = "00", status_event = "TRANSFER", status_description, linked_id;
  bool success = true;
  std::vector<std::string>
      chunks;  // as they were sent, each on its own gzip member where content_encoding says so
  // All chunks, decompressed. kMalformed when they cannot be, kLimit when they are larger than `limit`.
  Result<std::string> content(std::uint64_t limit = std::uint64_t{1} << 31U) const;
};

struct MeshCounts {
  std::uint64_t requests = 0, refused = 0, messages = 0, chunks = 0, acknowledged = 0, reports = 0;
};

// A strict MESH (shape: API 2.0.0 of May 2026): token with nonce reuse and the two-hour window, handshake,
// send, chunks in order, inbox v1 and v2 with paging, download with gzip negotiation, acknowledge, count,
// tracking, lookups, reports after five days. Mutual TLS where configured. POST /_simulator/mesh-faults sets
// MeshFaults from JSON members of the same names (ack_delay in milliseconds). Safe from any number of
// threads.
class MeshServer {
 public:
  MeshServer(MeshOptions options, const Clock& clock);
  ~MeshServer();
  MeshServer(const MeshServer&) = delete;
  MeshServer& operator=(const MeshServer&) = delete;

  // Called on the server's own worker thread for each complete message to this mailbox, in order; it is
  // acknowledged when the handler returns. Before start().
  void onMessage(const std::string& mailbox, std::function<void(const MeshMessage&)> handler);
  // More routes outside /messageexchange, such as /national/summary. Before start().
  void addRoute(const std::string& path,
                std::function<net::ServerResponse(const net::ServerRequest&)> handler);

  Result<void> start();
  void stop();
  std::string url() const;
  std::uint16_t port() const;

  // Puts a message into its recipient's inbox; returns its id. Answers of the national side: `is_ack` makes
  // the ack faults hold.
  std::string deliver(MeshMessage message, bool is_ack = false);
  // A REPORT about a message, to its sender.
  void report(const std::string& message_id, const std::string& code, const std::string& description);
  void setFaults(const MeshFaults& faults);
  // Until the handlers have seen every message that is complete now.
  void drain();
  MeshCounts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The token of an Authorization header; `time` is yyyyMMddHHmm.
std::string meshToken(std::string_view mailbox, std::string_view password, std::string_view shared_key,
                      std::string_view nonce, int nonce_count, std::string_view time);

}  // namespace tributary::simulator
