#include "store/delivery.h"
#include "store/journal.h"
#include "store/ledger.h"

namespace tributary::store {

std::string_view outcomeName(ResourceOutcome outcome) {
  switch (outcome) {
    case ResourceOutcome::kJournalled:
      return "journalled";
    case ResourceOutcome::kDelivered:
      return "delivered";
    case ResourceOutcome::kFiltered:
      return "filtered";
    case ResourceOutcome::kQuarantined:
      return "quarantined";
    case ResourceOutcome::kDeleted:
      return "deleted";
  }
  return "unknown";
}

std::string_view rowStateName(RowState state) {
  switch (state) {
    case RowState::kPending:
      return "pending";
    case RowState::kAssigned:
      return "assigned";
    case RowState::kSent:
      return "sent";
    case RowState::kTransportAccepted:
      return "transport-accepted";
    case RowState::kFileAccepted:
      return "file-accepted";
    case RowState::kAccepted:
      return "accepted";
    case RowState::kRejected:
      return "rejected";
    case RowState::kFailed:
      return "failed";
    case RowState::kWithdrawn:
      return "withdrawn";
  }
  return "unknown";
}

std::string_view submissionStateName(SubmissionState state) {
  switch (state) {
    case SubmissionState::kAssembling:
      return "assembling";
    case SubmissionState::kReady:
      return "ready";
    case SubmissionState::kSending:
      return "sending";
    case SubmissionState::kSent:
      return "sent";
    case SubmissionState::kTransportAccepted:
      return "transport-accepted";
    case SubmissionState::kFileAccepted:
      return "file-accepted";
    case SubmissionState::kFileRejected:
      return "file-rejected";
    case SubmissionState::kDone:
      return "done";
    case SubmissionState::kFailed:
      return "failed";
    case SubmissionState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace tributary::store
