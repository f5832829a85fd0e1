// The admin routes that send something again: a past month (a preview first, then the order with the preview's digest), a refused
// submission, and rows that were rejected, or left out by a rule over the whole file.
#include <algorithm>

#include "base/fault_point.h"
#include "pipeline/gateway.h"
#include "pipeline/issue_codec.h"
#include "pipeline/travel_id.h"

namespace tributary::pipeline {
namespace {

std::string jsonText(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

net::ServerResponse problem(const Error& error) {
  const int status = error.code == ErrorCode::kInvalidArgument ? 400 : error.code == ErrorCode::kNotFound ? 404 : error.code == ErrorCode::kConflict ? 409 : 503;
  return net::ServerResponse::json(status, "{\"error\":" + jsonText(status == 503 ? "the store cannot be read now" : error.text) + "}");
}

// Who asked, for the audit.
std::string actorOf(const net::ServerRequest& request) {
  return request.peer_subject.empty() ? "admin, from " + request.peer_address : request.peer_subject;
}

}  // namespace

std::string previewJson(const MonthPreview& preview) {
  std::string out = "{\"month\":" + jsonText(preview.month) + ",\"destination\":" + jsonText(preview.destination) +
                    ",\"rows\":" + std::to_string(preview.rows) + ",\"changed\":" + std::to_string(preview.changed) +
                    ",\"deletes\":" + std::to_string(preview.deletes) + ",\"leftOut\":" + std::to_string(preview.left_out) +
                    ",\"confirm\":" + jsonText(preview.confirm) + ",\"refusals\":[";
  for (const std::string& text : preview.refusals) out += (out.back() == '[' ? "" : ",") + jsonText(text);
  out += "],\"tables\":[";
  for (const MonthPreview::Count& one : preview.tables) {
    out += (out.back() == '[' ? std::string() : ",") + "{\"table\":" + jsonText(one.table) + ",\"rows\":" + std::to_string(one.rows) +
           ",\"changed\":" + std::to_string(one.changed) + ",\"deletes\":" + std::to_string(one.deletes) + "}";
  }
  return out + "]}";
}

// What an operator asks for is on record before it is done.
bool Gateway::recordAction(const net::ServerRequest& request, std::string_view action, std::string_view target) {
  const store::AuditEntry entry{actorOf(request), std::string(action), std::string(target), {}};
  const auto written = store_->audit({&entry, 1});
  if (!written) log_.error("audit-failed", written.error().text);
  return written.has_value();
}

Result<std::uint64_t> Gateway::requeueRejected(const std::string& destination, const std::string& rule) {
  constexpr std::size_t kBatch = 1000;
  store::RowFilter filter;
  filter.destination = destination;
  filter.state = store::RowState::kRejected;
  std::uint64_t moved = 0, after = 0;
  for (;;) {
    std::vector<store::RowKey> keys;
    std::size_t seen = 0;
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t read, store_->readRows(filter, after, kBatch, [&](const store::LedgerRow& row) {
                 after = row.id;
                 ++seen;
                 for (const store::RowDelivery& delivery : row.deliveries) {
                   if (delivery.destination == destination && (rule.empty() || delivery.rule == rule)) keys.push_back({row.collection, row.table, row.key});
                 }
                 return true;
               }));
    if (!keys.empty()) {
      FAULT_POINT("pipeline.requeue_rows.before");
      TRY_ASSIGN(const std::uint64_t batch, store_->requeueRows(destination, keys));
      moved += batch;
    }
    if (seen < kBatch) return moved;
  }
}

void Gateway::addAgainRoutes(net::Router& router) {
  const auto lane = [this](const net::ServerRequest& request) -> Lane* {
    const auto found = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& one) { return one->name() == request.parameter("name"); });
    return found == lanes_.end() ? nullptr : found->get();
  };
  const auto unknown = [] { return net::ServerResponse::json(404, R"({"error":"there is no such destination"})"); };
  router.add(net::Method::kGet, "/destinations/{name}/rebuild", [=](const net::ServerRequest& request) {
    Lane* const found = lane(request);
    if (found == nullptr) return unknown();
    const auto preview = found->previewMonth(std::string(request.queryParameter("period")));
    return preview ? net::ServerResponse::json(200, previewJson(*preview)) : problem(preview.error());
  });
  router.add(net::Method::kPost, "/destinations/{name}/rebuild", [=](const net::ServerRequest& request) {
    Lane* const found = lane(request);
    if (found == nullptr) return unknown();
    const auto answer =
        found->rebuild(std::string(request.queryParameter("period")), std::string(request.queryParameter("confirm")), actorOf(request));
    if (!answer) return problem(answer.error());
    return net::ServerResponse::json(answer->repeated ? 200 : 201, "{\"submission\":" + std::to_string(answer->submission) +
                                                                       ",\"repeated\":" + (answer->repeated ? "true" : "false") + "}");
  });
  // A refused or given-up submission: its rows go back to pending once a person has mended the cause.
  router.add(net::Method::kPost, "/submissions/{id}/requeue", [this](const net::ServerRequest& request) {
    const std::string id(request.parameter("id"));
    if (!isNumber(id)) return net::ServerResponse::json(400, "{\"error\":\"that is no submission number\"}");
    if (!recordAction(request, "requeue-submission", id)) return net::ServerResponse::json(503, "{\"error\":\"the store cannot be written now\"}");
    auto rows = store_->requeueSubmission(std::stoull(id), "requeued by an operator");
    if (!rows) return net::ServerResponse::json(409, "{\"error\":\"the submission cannot be requeued: it is unknown, or its answers are there\"}");
    return net::ServerResponse::json(200, "{\"rows\":" + std::to_string(*rows) + "}");
  });
  // Rows that the receiver rejected one by one, of one rule or of all, once it has corrected itself.
  router.add(net::Method::kPost, "/destinations/{name}/requeue", [=, this](const net::ServerRequest& request) {
    const std::string name(request.parameter("name")), rule(request.queryParameter("rule"));
    if (lane(request) == nullptr) return unknown();
    if (!recordAction(request, "requeue-rows", rule.empty() ? name : name + " " + rule)) {
      return net::ServerResponse::json(503, "{\"error\":\"the store cannot be written now\"}");
    }
    auto rows = requeueRejected(name, rule);
    if (!rows) return net::ServerResponse::json(503, "{\"error\":\"the store cannot be written now; send it again\"}");
    return net::ServerResponse::json(200, "{\"rows\":" + std::to_string(*rows) + "}");
  });
}

}  // namespace tributary::pipeline
