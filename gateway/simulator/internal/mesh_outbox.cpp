#include <algorithm>
#include <charconv>

#include "simulator/internal/json_text.h"
#include "simulator/internal/mesh_core.h"

namespace tributary::simulator {
namespace {

struct Limit {
  std::string_view name;
  std::size_t length;
};
constexpr Limit kLimits[] = {{"Mex-To", 100},
                             {"Mex-WorkflowID", 300},
                             {"Mex-Chunk-Range", 20},
                             {"Mex-Subject", 500},
                             {"Mex-LocalID", 300},
                             {"Mex-FileName", 300},
                             {"Mex-Content-Checksum", 100},
                             {"Mex-Content-Type", 100},
                             {"Mex-PartnerID", 500},
                             {"Mex-Content-Encrypted", 20},
                             {"Mex-Content-Compressed", 20}};

net::ServerResponse validation(std::string_view header, std::string_view message) {
  std::string out;
  add(out, R"({"detail":[{"loc":["header",")", header, R"("],"msg":)", quote(message),
      R"(,"type":"value_error"}]})");
  return net::ServerResponse::json(400, std::move(out));
}

// "i:n"; false when it is not that.
bool chunkRange(std::string_view text, std::uint32_t& i, std::uint32_t& n) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto parse = [](std::string_view s, std::uint32_t& out) {
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
    return error == std::errc() && end == s.data() + s.size() && out > 0;
  };
  return parse(text.substr(0, colon), i) && parse(text.substr(colon + 1), n) && i <= n;
}

// The headers of a send, as the API limits them; an answer when they are not.
std::optional<net::ServerResponse> checkHeaders(const net::ServerRequest& request, int version) {
  for (const auto& [name, value] : request.headers) {
    const auto limit = std::find_if(std::begin(kLimits), std::end(kLimits),
                                    [&](const Limit& l) { return net::equalsIgnoreCase(l.name, name); });
    if (limit == std::end(kLimits)) continue;
    if (std::any_of(value.begin(), value.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
      return meshError(400, version, "", "TRANSFER", "06", "MalformedControlFile: " + name);
    }
    if (value.size() > limit->length)
      return validation(limit->name, "ensure this value is not longer than allowed");
  }
  for (const char* name : {"Mex-To", "Mex-WorkflowID"}) {
    if (request.headers.get(name).empty()) return validation(name, "field required");
  }
  const std::string_view to = request.headers.get("Mex-To");
  if (to.starts_with("http://") || to.starts_with("https://"))
    return validation("Mex-To", "must not be a URL");
  const std::string_view checksum = request.headers.get("Mex-Content-Checksum");
  for (const char c : checksum) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view(" :-/").find(c) == std::string_view::npos) {
      return meshError(400, version, "", "TRANSFER", "06", "Invalid checksum");
    }
  }
  const std::string_view encoding = request.headers.get("Content-Encoding");
  if (!encoding.empty() && encoding != "gzip") {
    return meshError(422, version, "", "TRANSFER", "UnsupportedContentEncoding", "only gzip");
  }
  return std::nullopt;
}

}  // namespace

net::ServerResponse MeshServer::Impl::handshake(const net::ServerRequest& request, const std::string& box,
                                                int version) {
  for (const char* name : {"Mex-ClientVersion", "Mex-OSName", "Mex-OSVersion"}) {
    if (request.headers.get(name).empty()) return validation(name, "field required");
  }
  return net::ServerResponse::json(200, version == 2 ? "" : "{\"mailboxId\":\"" + box + "\"}");
}

void MeshServer::Impl::complete(StoredMessage& stored) {
  stored.state = MeshState::kAccepted;
  stored.available = now();
  inboxes[stored.message.to].push_back(stored.message.id);
  if (handlers.contains(stored.message.to)) {
    work.push_back(stored.message.id);
    changed.notify_all();
  }
}

net::ServerResponse MeshServer::Impl::send(const net::ServerRequest& request, const std::string& box,
                                           int version) {
  if (auto wrong = checkHeaders(request, version)) return std::move(*wrong);
  const auto header = [&](std::string_view name) { return std::string(request.headers.get(name)); };
  const MeshMailbox* to = mailbox(header("Mex-To"));
  if (to == nullptr) return meshError(417, version, "", "SEND", "12", "Unregistered to address");
  const std::string workflow = header("Mex-WorkflowID");
  if (!allowsWorkflow(mailbox(box)->sends, workflow) || !allowsWorkflow(to->receives, workflow)) {
    return meshError(417, version, "", "SEND", "17", "Invalid workflow id for mailbox");
  }
  if (request.body.empty())
    return meshError(417, version, "", "SEND", "02", "Data file is missing or inaccessible");
  std::uint32_t chunk = 1, total = 1;
  const std::string range = header("Mex-Chunk-Range");
  if (!range.empty() && (!chunkRange(range, chunk, total) || chunk != 1)) {
    return meshError(417, version, "", "SEND", "InvalidHeaderChunks", "Mex-Chunk-Range must be 1:n here");
  }
  StoredMessage stored;
  MeshMessage& m = stored.message;
  m.id = newId();
  m.from = box;
  m.to = to->id;
  m.workflow = workflow;
  m.subject = header("Mex-Subject");
  m.local_id = header("Mex-LocalID");
  m.file_name = header("Mex-FileName");
  if (m.file_name.empty()) m.file_name = m.id + ".dat";
  m.content_type = header("Mex-Content-Type");
  if (m.content_type.empty()) m.content_type = header("Content-Type");
  m.content_encoding = header("Content-Encoding");
  m.checksum = header("Mex-Content-Checksum");
  m.partner_id = header("Mex-PartnerID");
  m.chunks.emplace_back(request.body);
  stored.total_chunks = total;
  stored.sent = now();
  ++counts.messages;
  ++counts.chunks;
  const std::string id = m.id;
  const auto it = messages.emplace(id, std::move(stored)).first;
  if (total == 1) complete(it->second);
  std::string out;
  add(out, version == 2 ? R"({"message_id":")" : R"({"messageID":")", id, R"("})");
  return net::ServerResponse::json(202, std::move(out));
}

net::ServerResponse MeshServer::Impl::sendChunk(const net::ServerRequest& request, const std::string& box,
                                                const std::string& id, const std::string& chunk_text,
                                                int version) {
  const auto it = messages.find(id);
  if (it == messages.end()) return meshError(404, version, id, "SEND", "20", "Message does not exist");
  StoredMessage& stored = it->second;
  if (stored.message.from != box) return meshError(403, version, id, "SEND", "07", "not your message");
  if (stored.state != MeshState::kUploading)
    return meshError(423, version, id, "SEND", "", "the message is complete");
  std::uint32_t chunk = 0, i = 0, n = 0;
  std::from_chars(chunk_text.data(), chunk_text.data() + chunk_text.size(), chunk);
  if (chunk > stored.total_chunks)
    return meshError(406, version, id, "SEND", "InvalidHeaderChunks", "more chunks than announced");
  if (!chunkRange(request.headers.get("Mex-Chunk-Range"), i, n) || i != chunk || n != stored.total_chunks ||
      chunk < 2) {
    return meshError(417, version, id, "SEND", "InvalidHeaderChunks", "Mex-Chunk-Range does not fit");
  }
  if (request.headers.get("Content-Encoding") != stored.message.content_encoding) {
    return meshError(417, version, id, "SEND", "06", "cannot change content encoding");
  }
  if (request.body.empty())
    return meshError(417, version, id, "SEND", "02", "Data file is missing or inaccessible");
  auto& chunks = stored.message.chunks;
  if (chunk > chunks.size() + 1)
    return meshError(417, version, id, "SEND", "InvalidHeaderChunks", "a chunk before it is missing");
  if (chunk == chunks.size() + 1) {
    chunks.emplace_back(request.body);
  } else {
    chunks[chunk - 1] = request.body;  // sent again: the same effect
  }
  ++counts.chunks;
  if (chunk == stored.total_chunks) complete(stored);
  return net::ServerResponse::json(
      202, version == 2 ? "null" : R"({"messageID":")" + id + R"(","blockID":)" + chunk_text + "}");
}

net::ServerResponse MeshServer::Impl::tracking(const std::string& box, const std::string& id,
                                               const std::string& local_id, int version) {
  const StoredMessage* found = nullptr;
  std::size_t hits = 0;
  for (const auto& [key, stored] : messages) {
    if (stored.message.from != box ||
        (id.empty() ? stored.message.local_id != local_id || local_id.empty() : key != id))
      continue;
    found = &stored;
    ++hits;
  }
  if (hits == 0) return meshError(404, version, id, "SEND", "20", "Message does not exist");
  if (hits > 1) return meshError(300, version, "", "SEND", "EPL-150", "multiple messages match");
  const MeshMessage& m = found->message;
  std::string out;
  std::string state(stateName(found->state));
  if (version == 2) {
    add(out, R"({"message_id":")", m.id, R"(","local_id":)", quote(m.local_id), R"(,"workflow_id":)",
        quote(m.workflow), R"(,"filename":)", quote(m.file_name), R"(,"expiry_time":null,"message_type":")",
        m.type, R"(","recipient":")", m.to, R"(","sender":")", m.from, R"(","subject":)", quote(m.subject),
        R"(,"upload_timestamp":")", Utc{found->sent}, R"(","download_timestamp":)");
    if (found->collected != 0) {
      add(out, '"', Utc{found->collected}, '"');
    } else {
      out += "null";
    }
    add(out, R"(,"status":")", state, R"(","status_success":)", m.success ? "true" : "false",
        R"(,"chunk_count":)", found->total_chunks, '}');
  } else {
    state[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(state[0])));
    add(out, R"({"messageId":")", m.id, R"(","localId":)", quote(m.local_id), R"(,"workflowId":)",
        quote(m.workflow), R"(,"recipient":")", m.to, R"(","sender":")", m.from, R"(","status":")", state,
        R"(","statusSuccess":"SUCCESS","uploadTimestamp":")", meshTime(found->sent), R"(","messageType":")",
        m.type, R"(","chunkCount":)", found->total_chunks, '}');
  }
  return net::ServerResponse::json(200, std::move(out));
}

}  // namespace tributary::simulator
