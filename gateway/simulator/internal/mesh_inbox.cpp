#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "net/gzip.h"
#include "simulator/internal/json_text.h"
#include "simulator/internal/mesh_core.h"

namespace tributary::simulator {
namespace {

// "X", "!X", "X*", "!X*", "*X*", "!*X*"
bool workflowMatches(std::string_view filter, std::string_view workflow) {
  if (filter.empty()) return true;
  const bool negate = filter.starts_with('!');
  if (negate) filter.remove_prefix(1);
  bool hit = false;
  if (filter.size() > 1 && filter.starts_with('*') && filter.ends_with('*')) {
    hit = workflow.find(filter.substr(1, filter.size() - 2)) != std::string_view::npos;
  } else if (filter.ends_with('*')) {
    hit = workflow.starts_with(filter.substr(0, filter.size() - 1));
  } else {
    hit = workflow == filter;
  }
  return hit != negate;
}

std::string seal(std::string_view id) {
  return toHex(sha256(id)).substr(0, 8) + base64Encode(id);
}
std::string unseal(std::string_view text) {
  bool ok = false;
  const std::string id = text.size() > 8 ? base64Decode(text.substr(8), ok) : std::string();
  return ok && seal(id) == text ? id : std::string();
}

}  // namespace

net::ServerResponse MeshServer::Impl::inbox(const net::ServerRequest& request, const std::string& box,
                                            int version) {
  std::size_t limit = 500;
  const std::string_view wanted = request.queryParameter("max_results");
  if (!wanted.empty()) {
    const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), limit);
    if (error != std::errc() || end != wanted.data() + wanted.size() || limit < 10 || limit > 5000) {
      return net::ServerResponse::json(
          400,
          R"({"detail":[{"loc":["query","max_results"],"msg":"must be 10 to 5000","type":"value_error"}]})");
    }
  }
  const std::string_view filter = request.queryParameter("workflow_filter");
  std::string from(request.queryParameter("continue_from"));
  if (!from.empty() && version == 2) {
    from = unseal(from);
    if (from.empty()) {
      return net::ServerResponse::json(
          400, R"({"detail":[{"loc":["query","continue_from"],"msg":"invalid","type":"value_error"}]})");
    }
  }
  std::vector<std::string_view> ids;
  std::string next;
  std::size_t all = 0;
  const auto& waiting = inboxes[box];
  const bool still_there = std::find(waiting.begin(), waiting.end(), from) != waiting.end();
  bool passed = from.empty();
  for (const std::string& id : waiting) {
    const StoredMessage& m = messages.at(id);
    const bool before = !passed && (still_there || id <= from);
    passed = passed || id == from;
    if (m.available > now() || !workflowMatches(filter, m.message.workflow)) continue;
    ++all;
    if (before) continue;  // the mark may have been acknowledged meanwhile; ids grow with time
    if (ids.size() == limit) {
      next = ids.back();
      break;
    }
    ids.push_back(id);
  }
  std::string out = R"({"messages":[)";
  for (const std::string_view id : ids) add(out, out.back() == '[' ? "" : ",", quote(id));
  out += "]";
  if (version == 2) {
    const std::string path = "/messageexchange/" + box + "/inbox";
    add(out, R"(,"links":{"self":")", path, '"');
    if (!next.empty()) {
      net::QueryParameters q{{"max_results", std::to_string(limit)}, {"continue_from", seal(next)}};
      if (!filter.empty()) q.emplace_back("workflow_filter", filter);
      add(out, R"(,"next":)", quote(path + "?" + net::buildQuery(q)));
    }
    add(out, R"(},"approx_inbox_count":)", all);
  }
  out += "}";
  return net::ServerResponse::json(200, std::move(out));
}

net::ServerResponse MeshServer::Impl::download(const net::ServerRequest& request, const std::string& box,
                                               const std::string& id, const std::string& chunk_text,
                                               int version) {
  const auto it = messages.find(id);
  if (it == messages.end()) return meshError(404, version, id, "RECEIVE", "20", "Message does not exist");
  const StoredMessage& stored = it->second;
  const MeshMessage& m = stored.message;
  if (m.to != box) return meshError(403, version, id, "RECEIVE", "07", "not your message");
  if (stored.state == MeshState::kUndeliverable)
    return meshError(410, version, id, "RECEIVE", "", "the message has expired");
  if (stored.state == MeshState::kUploading || stored.available > now()) {
    return meshError(404, version, id, "RECEIVE", "20", "Message does not exist");
  }
  std::uint32_t chunk = 0;
  std::from_chars(chunk_text.data(), chunk_text.data() + chunk_text.size(), chunk);
  if (chunk < 1 || chunk > stored.total_chunks)
    return meshError(404, version, id, "RECEIVE", "20", "no such chunk");
  net::ServerResponse r;
  r.status = chunk < stored.total_chunks ? 206 : 200;
  const auto set = [&](const char* name, std::string_view value) {
    if (!value.empty()) r.headers.set(name, std::string(value));  // empty headers are left out
  };
  set("mex-from", m.from);
  set("mex-to", m.to);
  set("mex-workflowid", m.workflow);
  if (stored.total_chunks > 1) {
    set("mex-chunk-range", std::to_string(chunk) + ":" + std::to_string(stored.total_chunks));
    set("mex-total-chunks", std::to_string(stored.total_chunks));
  }
  set("mex-addresstype", "ALL");
  set("mex-localid", m.local_id);
  set("mex-partnerid", m.partner_id);
  set("mex-filename", m.file_name);
  set("mex-subject", m.subject);
  set("mex-version", "1.0");
  set("mex-messagetype", m.type);
  set("mex-messageid", m.id);
  set("mex-statuscode", m.status_code);
  set("mex-statusevent", m.status_event);
  set("mex-statusdescription", m.status_description);
  set("mex-statussuccess", m.success ? "SUCCESS" : "ERROR");
  set("mex-statustimestamp", meshTime(stored.sent));
  set("mex-linkedmsgid", m.linked_id);
  set("mex-content-checksum", m.checksum);
  set("mex-content-type", m.content_type);
  set("Content-Type", m.content_type.empty() ? "application/octet-stream" : m.content_type);
  if (m.chunks.empty()) return r;
  r.body = m.chunks[chunk - 1];
  const bool takes_gzip = request.headers.get("Accept-Encoding").find("gzip") != std::string_view::npos;
  if (m.content_encoding == "gzip" && !takes_gzip) {
    auto plain = net::gzipDecompress(r.body, std::uint64_t{1} << 31U);
    if (plain) r.body = std::move(*plain);
  } else if (m.content_encoding == "gzip" || (version == 2 && takes_gzip)) {
    if (m.content_encoding != "gzip") r.body = net::gzipCompress(r.body);
    set("Content-Encoding", "gzip");
  }
  return r;
}

net::ServerResponse MeshServer::Impl::acknowledge(const std::string& box, const std::string& id,
                                                  int version) {
  const auto it = messages.find(id);
  if (it == messages.end()) return meshError(404, version, id, "RECEIVE", "20", "Message does not exist");
  StoredMessage& stored = it->second;
  if (stored.message.to != box) return meshError(403, version, id, "RECEIVE", "07", "not your message");
  if (stored.state == MeshState::kAccepted) {
    stored.state = MeshState::kAcknowledged;
    stored.collected = now();
    ++counts.acknowledged;
    std::erase(inboxes[box], id);
  }
  return net::ServerResponse::json(200, version == 2 ? "" : R"({"messageId":")" + id + R"("})");
}

net::ServerResponse MeshServer::Impl::lookup(const std::string& ods, const std::string& workflow,
                                             int version) {
  std::string out = version == 2 ? R"({"results":[)" : R"({"query_id":"SIM","results":[)";
  for (const MeshMailbox& box : options.mailboxes) {
    if ((!ods.empty() && box.ods != ods) || !allowsWorkflow(box.receives, workflow)) continue;
    if (out.back() != '[') out.push_back(',');
    if (version == 2) {
      add(out, R"({"mailbox_id":")", box.id, R"(","mailbox_name":)", quote(box.name), '}');
    } else {
      add(out, R"({"endpoint_type":"MESH","description":)", quote(box.name), R"(,"address":")", box.id,
          R"("})");
    }
  }
  out += "]}";
  return net::ServerResponse::json(200, std::move(out));
}

}  // namespace tributary::simulator
