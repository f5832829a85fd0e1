#include "deliver/mesh/mesh_destination.h"

#include <mutex>
#include <set>
#include <utility>

#include "base/civil_time.h"
#include "base/fault_point.h"
#include "deliver/internal/output_file.h"
#include "deliver/mesh/internal/chunked_payload.h"
#include "deliver/mesh/mesh_client.h"

namespace tributary::deliver {
namespace {

constexpr std::size_t kRememberedForeign = 10'000;
constexpr std::size_t kMaxPages = 1000;  // of one poll

SubmitOutcome outcome(SubmitVerdict verdict, std::string reason, std::string transport_id = {}) {
  SubmitOutcome out;
  out.verdict = verdict;
  out.reason = std::move(reason);
  out.transport_id = std::move(transport_id);
  return out;
}

SubmitOutcome refused(std::string reason) {
  return outcome(SubmitVerdict::kRefused, std::move(reason));
}

Error asError(const MeshFault& fault) {
  Error error;
  error.code = fault.about == MeshFault::About::kMailbox ? ErrorCode::kUnauthorised : ErrorCode::kUnavailable;
  error.retry = fault.retry == RetryClass::kPermanent ? RetryClass::kPermanent : RetryClass::kRetryable;
  error.text = fault.text;
  return error;
}

}  // namespace

struct MeshDestination::Impl {
  Impl(MeshOptions o, const Clock& c) : options(std::move(o)), clock(c), client(options, c) {}

  SubmitOutcome fromFault(const MeshFault& fault, std::string id) const;
  bool compresses(const Submission& submission) const;
  SubmitOutcome sendRest(const std::string& id, ChunkedPayload& payload, bool& gone);
  SubmitOutcome submit(const Submission& submission, const std::string& known_id);
  SubmitOutcome resolve(const Submission& submission, const std::string& known_id);
  Result<PollReport> poll(const ReceiptSink& sink);
  // One message of the inbox. False: it is not ours to take.
  MeshResult<Result<bool>> take(const std::string& id, const ReceiptSink& sink, PollReport& report);
  MeshResult<Receipt> readAnswer(const MeshIncoming& message);
  bool isForeign(const std::string& id) {
    const std::lock_guard lock(mutex);
    return foreign.contains(id);
  }
  void rememberForeign(const std::string& id) {
    const std::lock_guard lock(mutex);
    if (foreign.size() >= kRememberedForeign) foreign.clear();
    foreign.insert(id);
  }

  const MeshOptions options;
  const Clock& clock;
  MeshClient client;
  std::mutex mutex;
  std::set<std::string> foreign;  // messages of other workflows, so that each is looked at once
};

Result<std::unique_ptr<MeshDestination>> MeshDestination::create(MeshOptions options, const Clock& clock) {
  TRY_VOID(checkMeshOptions(options));
  return std::unique_ptr<MeshDestination>(
      new MeshDestination(std::make_unique<Impl>(std::move(options), clock)));
}

MeshDestination::MeshDestination(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MeshDestination::~MeshDestination() = default;

SubmitOutcome MeshDestination::Impl::fromFault(const MeshFault& fault, std::string id) const {
  SubmitOutcome out = outcome(SubmitVerdict::kRetryLater, fault.text, std::move(id));
  out.code = fault.label();
  out.retry_after = fault.retry_after;
  if (fault.retry == RetryClass::kUnknownOutcome) {
    out.verdict = SubmitVerdict::kUnknown;
    if (!out.retry_after) out.retry_after = options.settle_time;
  } else if (fault.retry == RetryClass::kPermanent && fault.about == MeshFault::About::kMessage) {
    out.verdict = SubmitVerdict::kRefused;
  }
  // A fault of the mailbox (credentials, address) says nothing about the submission: it waits, with the
  // reason.
  return out;
}

bool MeshDestination::Impl::compresses(const Submission& submission) const {
  switch (options.compress) {
    case MeshOptions::Compress::kNever:
      return false;
    case MeshOptions::Compress::kAlways:
      return true;
    case MeshOptions::Compress::kAuto:
      break;
  }
  return submission.content_type != "application/zip";
}

// Chunks 2 to n, in order. `gone`: MESH does not know the message (any more).
SubmitOutcome MeshDestination::Impl::sendRest(const std::string& id, ChunkedPayload& payload, bool& gone) {
  for (std::uint32_t index = 2; index <= payload.chunks(); ++index) {
    FAULT_POINT("deliver.mesh.before-chunk");
    auto sent = client.sendChunk(id, payload, index);
    if (sent) continue;
    gone = sent.error().status == 404 || sent.error().status == 410;
    return fromFault(sent.error(), gone ? std::string() : id);
  }
  return outcome(SubmitVerdict::kTransportAccepted, "accepted by MESH", id);
}

SubmitOutcome MeshDestination::Impl::submit(const Submission& submission, const std::string& known_id) {
  if (!isSubmissionId(submission.id)) return refused("not a submission id");
  auto payload =
      ChunkedPayload::open(submission.file, options.chunk_bytes, compresses(submission), options.temp_dir);
  if (!payload) {
    const bool lost =
        payload.error().code == ErrorCode::kNotFound || payload.error().code == ErrorCode::kInvalidArgument;
    return outcome(lost ? SubmitVerdict::kRefused : SubmitVerdict::kRetryLater, payload.error().text);
  }
  if (payload->bytes() == 0) return refused("an empty payload cannot be sent");
  if (payload->bytes() > options.max_bytes) return refused("larger than max_bytes allows");
  if (payload->chunks() > 1 && !options.chunking)
    return refused("larger than one chunk, and this workflow takes no chunks");
  auto hash = fileSha256(submission.file);
  if (!hash) return outcome(SubmitVerdict::kRetryLater, hash.error().text);
  if (*hash != submission.sha256)
    return refused("the payload is not the one that was assembled (SHA-256 differs)");

  if (!known_id.empty()) {  // an earlier attempt got as far as an id: go on with its chunks
    bool gone = false;
    SubmitOutcome rest = sendRest(known_id, *payload, gone);
    if (!gone) return rest;
  }
  MeshOutgoing message;
  message.local_id = submission.id;
  message.file_name = submissionFileName(submission);
  message.subject = submission.collection + " " + formatInstant(submission.window_from) + "/" +
                    formatInstant(submission.window_to);
  message.checksum = "sha256:" + submission.sha256;
  message.content_type = submission.content_type;
  FAULT_POINT("deliver.mesh.before-send");
  auto id = client.sendFirst(message, *payload);
  FAULT_POINT("deliver.mesh.after-send");
  if (!id) return fromFault(id.error(), {});
  bool gone = false;
  return sendRest(*id, *payload, gone);
}

SubmitOutcome MeshDestination::Impl::resolve(const Submission& submission, const std::string& known_id) {
  const bool chunked = submission.bytes > options.chunk_bytes;
  // 202 with an id and nothing more to send: that was the acceptance.
  if (!known_id.empty() && !chunked)
    return outcome(SubmitVerdict::kTransportAccepted, "accepted by MESH", known_id);
  auto tracking = known_id.empty() ? client.trackLocal(submission.id) : client.trackMessage(known_id);
  if (!tracking) {
    SubmitOutcome out = fromFault(tracking.error(), known_id);
    out.verdict = SubmitVerdict::kUnknown;  // whatever the question met, the answer is open
    return out;
  }
  const std::string id = tracking->id.empty() ? known_id : tracking->id;
  SubmitOutcome out;
  switch (tracking->state) {
    case MeshTracking::State::kAccepted:
      return outcome(SubmitVerdict::kTransportAccepted, "MESH has it", id);
    case MeshTracking::State::kSeveral:
      out = outcome(SubmitVerdict::kTransportAccepted,
                    "MESH has several messages with this local id: the receiver must drop the doubles", id);
      out.code = "300";
      return out;
    case MeshTracking::State::kUploading:
      return outcome(SubmitVerdict::kRetryLater, "MESH has a part of it", id);
    case MeshTracking::State::kFailed:
      out = outcome(SubmitVerdict::kRefused,
                    "MESH could not deliver it" + (tracking->code.empty() ? "" : " (status code " + tracking->code + ")"), id);
      out.code = tracking->code;
      return out;
    case MeshTracking::State::kAbsent:
      break;
  }
  return outcome(SubmitVerdict::kRetryLater, "MESH does not have it", known_id);
}

MeshResult<Receipt> MeshDestination::Impl::readAnswer(const MeshIncoming& message) {
  Receipt receipt;
  if (message.report) {
    receipt.layer = Receipt::Layer::kTransportRejected;
    receipt.transport_id = message.linked_id;
    receipt.code = message.status_code;
    receipt.text = message.status_description;
  } else {
    auto body = client.download(message.id, options.receipt_limits.bytes);
    if (!body && body.error().retry != RetryClass::kPermanent)
      return std::unexpected(std::move(body).error());
    if (!body && body.error().status != 0) return std::unexpected(std::move(body).error());
    std::expected<Receipt, Issue> parsed =
        body ? parseReceipt(*body, options.receipt_limits)
             : std::unexpected(
                   Issue{.rule = "receipt-transfer", .path = {}, .text = body.error().text, .remedy = {}});
    if (parsed) {
      receipt = std::move(*parsed);
    } else {
      receipt.text = "cannot be understood: " + parsed.error().text;
      receipt.diagnostics.push_back(std::move(parsed).error());
      if (body) receipt.raw = std::move(*body);
    }
  }
  receipt.receipt_id = message.id;
  if (receipt.submission_id.empty()) receipt.submission_id = message.local_id;
  if (receipt.file_name.empty()) receipt.file_name = message.file_name;
  return receipt;
}

MeshResult<Result<bool>> MeshDestination::Impl::take(const std::string& id, const ReceiptSink& sink,
                                                     PollReport& report) {
  auto message = client.head(id);
  if (!message) return std::unexpected(std::move(message).error());
  const bool about_ours =
      message->report && (message->workflow == options.workflow || message->workflow.empty());
  const bool answer = !message->report && message->workflow == options.ack_workflow;
  if (!about_ours && !answer) {
    rememberForeign(id);
    return false;
  }
  auto receipt = readAnswer(*message);
  if (!receipt) return std::unexpected(std::move(receipt).error());
  const bool readable = receipt->layer != Receipt::Layer::kUnreadable;
  if (auto stored = sink(*receipt); !stored) return Result<bool>(std::unexpected(std::move(stored).error()));
  FAULT_POINT("deliver.mesh.receipt-stored");
  if (auto done = client.acknowledge(id); !done) return std::unexpected(std::move(done).error());
  ++(readable ? report.receipts : report.unreadable);
  return true;
}

Result<PollReport> MeshDestination::Impl::poll(const ReceiptSink& sink) {
  PollReport report;
  std::set<std::string> seen, links;
  std::string next;
  do {
    auto page = client.inbox(next);
    if (!page) return std::unexpected(asError(page.error()));
    for (const std::string& id : page->ids) {
      if (!seen.insert(id).second || isForeign(id)) continue;
      if (report.receipts + report.unreadable >= options.messages_per_poll) {
        report.more = true;
        return report;
      }
      auto taken = take(id, sink, report);
      if (taken && !*taken) return std::unexpected(std::move(*taken).error());
      if (taken) continue;
      const MeshFault& fault = taken.error();
      // Gone, expired or not for us: that message only. Anything else stops the poll; what is stored stays
      // stored.
      if (fault.status == 404 || fault.status == 410 || (fault.status == 403 && !fault.code.empty()))
        continue;
      return std::unexpected(asError(fault));
    }
    next = page->next;
    // An empty page may have a next one (filters); links that lead in a circle, or on and on, end here.
  } while (!next.empty() && links.insert(next).second && links.size() < kMaxPages);
  return report;
}

void MeshDestination::stopWith(std::stop_token stop) {
  impl_->client.stopWith(std::move(stop));
}
SubmitOutcome MeshDestination::submit(const Submission& submission, const std::string& known_transport_id) {
  return impl_->submit(submission, known_transport_id);
}
SubmitOutcome MeshDestination::resolve(const Submission& submission, const std::string& known_transport_id) {
  return impl_->resolve(submission, known_transport_id);
}
Result<PollReport> MeshDestination::poll(const ReceiptSink& sink) {
  return impl_->poll(sink);
}
Duration MeshDestination::pollInterval() const {
  return impl_->options.poll_interval;
}
std::string MeshDestination::name() const {
  return impl_->options.name;
}

Result<ProbeReport> MeshDestination::probe() {
  auto difference = impl_->client.handshake();
  ProbeReport report;
  if (!difference) {
    if (difference.error().about != MeshFault::About::kMailbox)
      return std::unexpected(asError(difference.error()));
    report.text = difference.error().text;
    return report;
  }
  report.clock_difference = *difference;
  const auto apart = difference->value_or(Duration::zero());
  report.ready =
      apart <= impl_->options.max_clock_difference && -apart <= impl_->options.max_clock_difference;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(apart).count();
  report.text =
      report.ready ? "mailbox answers" : "clocks are " + std::to_string(seconds) + " s apart: set the time";
  return report;
}

}  // namespace tributary::deliver
