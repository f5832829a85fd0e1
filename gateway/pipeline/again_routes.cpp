// The admin routes that send something again: a past month (a preview first, then the order with the preview's digest), and rows
// that were rejected or left out by one rule.
#include <algorithm>

#include "base/fault_point.h"
#include "pipeline/gateway.h"
#include "pipeline/issue_codec.h"

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

constexpr std::size_t kRowsAtOnce = 1000;

// Rows that a destination rejects by one rule (or that were left out of its files by it) wait for a submission again.
Result<std::uint64_t> requeueByRule(store::Store& store, const std::string& collection, const std::string& destination, std::string_view rule,
                                    const std::string& actor) {
  store::RowFilter filter;
  filter.collection = collection;
  filter.destination = destination;
  filter.state = store::RowState::kRejected;
  std::uint64_t after = 0, moved = 0;
  TRY_VOID(store.audit(std::vector<store::AuditEntry>{{actor, "requeue", destination, "rows rejected by " + std::string(rule)}}));
  for (;;) {
    std::vector<store::RowKey> keys;
    std::size_t seen = 0;
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t read, store.readRows(filter, after, kRowsAtOnce, [&](const store::LedgerRow& row) {
      ++seen;
      after = row.id;
      for (const store::RowDelivery& one : row.deliveries) {
        if (one.destination == destination && one.rule == rule) keys.push_back({row.collection, row.table, row.key});
      }
      return true;
    }));
    if (seen == 0) return moved;
    FAULT_POINT("pipeline.requeue_rows.before");
    TRY_ASSIGN(const std::uint64_t rows, store.requeueRows(destination, keys));
    moved += rows;
  }
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
  router.add(net::Method::kPost, "/destinations/{name}/requeue", [this, lane, unknown](const net::ServerRequest& request) {
    const Lane* const found = lane(request);
    const std::string_view rule = request.queryParameter("rule");
    if (found == nullptr) return unknown();
    if (rule.empty()) return net::ServerResponse::json(400, R"({"error":"name the rule: ?rule=L0472"})");
    const std::string actor = request.peer_subject.empty() ? "admin" : request.peer_subject;
    const auto rows = requeueByRule(*store_, std::string(collection_->id()), found->name(), rule, actor);
    return rows ? net::ServerResponse::json(200, "{\"rows\":" + std::to_string(*rows) + "}") : problem(rows.error());
  });
  router.add(net::Method::kPost, "/destinations/{name}/rebuild", [=](const net::ServerRequest& request) {
    Lane* const found = lane(request);
    if (found == nullptr) return unknown();
    const std::string actor = request.peer_subject.empty() ? "admin" : request.peer_subject;
    const auto answer = found->rebuild(std::string(request.queryParameter("period")), std::string(request.queryParameter("confirm")), actor);
    if (!answer) return problem(answer.error());
    return net::ServerResponse::json(answer->repeated ? 200 : 201, "{\"submission\":" + std::to_string(answer->submission) +
                                                                       ",\"repeated\":" + (answer->repeated ? "true" : "false") + "}");
  });
}

}  // namespace tributary::pipeline
