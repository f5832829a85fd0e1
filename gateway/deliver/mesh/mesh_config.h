#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/redacted.h"
#include "base/result.h"
#include "deliver/receipts.h"
#include "net/http_client.h"

namespace tributary::deliver {

// All of it comes from the configuration; there are no defaults for addresses, mailboxes and secrets.
struct MeshOptions {
  std::string name = "mesh";
  std::string url = {};                   // "https://host[:port]"; /messageexchange is added
  std::string mailbox = {};               // ours; made upper case
  Redacted<std::string> password = {};    // of the mailbox
  Redacted<std::string> shared_key = {};  // of the environment
  std::string recipient = {};             // Mex-To
  std::string workflow = {};              // Mex-WorkflowID
  std::string ack_workflow = {};          // empty: <workflow>_ACK
  net::TlsClientOptions tls = {};
  bool allow_http = false;  // only for practice endpoints

  std::uint64_t chunk_bytes = 75U << 20;     // of uncompressed payload in one request; at most 100 MB
  std::uint64_t max_bytes = 20'000'000'000;  // of a whole message
  bool chunking = true;  // false: a larger payload is refused (some workflows take no chunks)
  enum class Compress : std::uint8_t {
    kAuto,
    kNever,
    kAlways
  } compress = Compress::kAuto;         // auto: all but zip
  std::filesystem::path temp_dir = {};  // for compressed chunks; empty: the system's

  Duration poll_interval = std::chrono::minutes(5);  // the service asks for at most every 5 minutes
  std::uint32_t page_size = 100;                     // of inbox pages, 10 to 5000
  std::uint32_t messages_per_poll = 500;
  Duration timeout = std::chrono::minutes(10);  // of one request
  Duration connect_timeout = std::chrono::seconds(10);
  Duration max_clock_difference = std::chrono::minutes(30);  // the service refuses tokens 2 hours off
  std::uint32_t chunk_attempts = 3;  // of a chunk, download or acknowledgement within one call
  Duration retry_delay = std::chrono::milliseconds(500);  // before the second attempt, doubled each time
  // How long an attempt with an unknown outcome is left alone before resolve() may ask: the service may still
  // be storing it.
  Duration settle_time = std::chrono::seconds(60);
  ReceiptLimits receipt_limits = {};
};

// An option that is missing or out of its bounds: "url" "must be https".
struct MeshOptionFault {
  const char* option;
  std::string text;
};
// Completes the options, and says all that is wrong with them.
std::vector<MeshOptionFault> completeMeshOptions(MeshOptions& options);
// The same as one error (kInvalidArgument).
Result<void> checkMeshOptions(MeshOptions& options);

}  // namespace tributary::deliver
