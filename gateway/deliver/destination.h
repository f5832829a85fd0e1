#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "deliver/receipts.h"

namespace tributary::deliver {

// One file on its way. `id` is the idempotency key: it stays the same over all attempts and restarts.
struct Submission {
  std::string id = {};          // 1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot
  std::string collection = {};  // "name/1.0"
  Instant window_from{}, window_to{};
  std::filesystem::path file = {};  // the payload, complete and durable
  std::string content_type = {};    // "application/zip" or "application/x-ndjson"
  std::uint64_t bytes = 0;
  std::string sha256 = {};  // hex, of the payload
};
bool isSubmissionId(std::string_view id);
// "<id>.zip", "<id>.ndjson", "<id>.dat"
std::string submissionFileName(const Submission& submission);

enum class SubmitVerdict : std::uint8_t {
  kTransportAccepted,  // the transport has all bytes
  kRefused,            // permanent: sending the same again cannot help
  kRetryLater,         // it did not arrive; send again after `retry_after` or by the policy
  kUnknown,            // it may have arrived: resolve() before sending again
};

struct SubmitOutcome {
  SubmitVerdict verdict = SubmitVerdict::kRetryLater;
  std::string
      transport_id;  // the transport's own id (MESH message id, file name); may be set with kUnknown as well
  std::string code = {};    // the remote end's code, such as "417/02"
  std::string reason = {};  // for the operator
  std::optional<Duration> retry_after = {};
};

// What lies in the remote end's way that is not about one submission.
struct ProbeReport {
  bool ready = false;
  std::string text = {};  // for the operator
  std::optional<Duration> clock_difference =
      {};  // remote clock minus ours, where the remote end tells its time
};

// Stores a receipt durably before it returns; only then is it acknowledged at the remote end. An Error leaves
// it there to come again, so the same receipt may be given twice: keyed by Receipt::receipt_id.
using ReceiptSink = std::function<Result<void>(const Receipt&)>;

struct PollReport {
  std::uint32_t receipts = 0;    // stored and acknowledged
  std::uint32_t unreadable = 0;  // not parsed; passed to the sink as Receipt::Layer::kUnreadable
  bool more = false;             // more wait: poll again at once
};

class Destination {
 public:
  virtual ~Destination() = default;

  // From now on what talks to the remote end gives up as soon as `stop` is requested: a submission then ends as kRetryLater,
  // or as kUnknown where it may have arrived. Before any other call; without it calls last as long as their own limits.
  virtual void stopWith(std::stop_token /*stop*/) {}
  // One attempt. Never throws, never an Error: whatever happened is in the outcome. `known_transport_id`: of
  // an earlier attempt of the same submission that ended as kUnknown or kRetryLater with a transport_id, if
  // there was one.
  virtual SubmitOutcome submit(const Submission& submission, const std::string& known_transport_id = {}) = 0;
  // Asks what became of an attempt with an unknown outcome: kTransportAccepted, kRefused, kRetryLater (it is
  // not there, or only in part: submit again) or still kUnknown (the remote end cannot be asked now).
  virtual SubmitOutcome resolve(const Submission& submission, const std::string& known_transport_id = {}) = 0;
  // Fetches receipts. An Error: the remote end could not be asked; receipts stored before it stay stored.
  virtual Result<PollReport> poll(const ReceiptSink& sink) = 0;
  // When poll() may be called again (a remote end may limit how often).
  virtual Duration pollInterval() const = 0;
  // Whether the destination is there and takes our credentials.
  virtual Result<ProbeReport> probe() = 0;
  virtual std::string name() const = 0;
};

}  // namespace tributary::deliver
