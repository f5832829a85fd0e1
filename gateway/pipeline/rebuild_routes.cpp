// The admin routes that send a past month again: a preview first, then the order with the preview's digest.
#include <algorithm>

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

void Gateway::addRebuildRoutes(net::Router& router) {
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
    const std::string actor = request.peer_subject.empty() ? "admin" : request.peer_subject;
    const auto answer = found->rebuild(std::string(request.queryParameter("period")), std::string(request.queryParameter("confirm")), actor);
    if (!answer) return problem(answer.error());
    return net::ServerResponse::json(answer->repeated ? 200 : 201, "{\"submission\":" + std::to_string(answer->submission) +
                                                                       ",\"repeated\":" + (answer->repeated ? "true" : "false") + "}");
  });
}

}  // namespace tributary::pipeline
