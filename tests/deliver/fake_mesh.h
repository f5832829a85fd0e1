#pragma once
// A small MESH service in the process of the test: checks tokens as the real one does (hash, reuse, two
// hours), and fails on order.
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/civil_time.h"
#include "base/clock.h"
#include "base/hash.h"
#include "net/gzip.h"
#include "net/http_server.h"

namespace tributary::testing {

class FakeMesh {
 public:
  struct Message {
    std::string id, from, to, workflow, local_id, file_name, subject, checksum, content_type,
        content_encoding;
    std::uint32_t chunks = 1;
    std::map<std::uint32_t, std::string> parts;  // as received
    bool complete = false;
    std::string status = "accepted";
    // Reports.
    std::string linked_id, status_code, status_description;
    bool report = false;
    std::string body() const {
      std::string out;
      for (const auto& [index, part] : parts) {
        out += content_encoding == "gzip" ? net::gzipDecompress(part, 1 << 30).value() : part;
      }
      return out;
    }
  };
  // What happens to a request instead of, or after, its being served.
  struct Fault {
    std::string match;         // "POST /outbox": method and start of the path below the mailbox
    int status = 0;            // answered instead of serving; 0: the connection is closed without a word
    bool serve_first = false;  // the request takes effect all the same
    std::string body = {};
    net::Headers headers = {};
  };

  explicit FakeMesh(const Clock& clock, net::TlsServerOptions tls = {})
      : clock_(clock), server_(options(tls), handler()) {
    if (!server_.start()) throw std::runtime_error("cannot start");
  }

  std::string url() const { return server_.url(); }
  void fail(Fault fault) {
    const std::lock_guard lock(mutex_);
    faults_.push_back(std::move(fault));
  }
  // Puts a message into the inbox of MAILBOX.
  std::string deliver(Message message, std::vector<std::string> parts) {
    const std::lock_guard lock(mutex_);
    message.id = "IN" + std::to_string(++serial_);
    message.chunks = static_cast<std::uint32_t>(std::max<std::size_t>(1, parts.size()));
    for (std::size_t i = 0; i < parts.size(); ++i)
      message.parts[static_cast<std::uint32_t>(i + 1)] = parts[i];
    inbox_.push_back(message.id);
    messages_[message.id] = message;
    return message.id;
  }
  std::vector<Message> sent() const {
    const std::lock_guard lock(mutex_);
    std::vector<Message> out;
    for (const auto& [id, message] : messages_) {
      if (message.from == "MAILBOX") out.push_back(message);
    }
    return out;
  }
  void setStatus(const std::string& id, const std::string& status) {
    const std::lock_guard lock(mutex_);
    messages_[id].status = status;
  }
  std::vector<std::string> inbox() const {
    const std::lock_guard lock(mutex_);
    return {inbox_.begin(), inbox_.end()};
  }
  std::vector<std::string> log() const {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  std::size_t count(std::string_view start) const {
    const std::lock_guard lock(mutex_);
    std::size_t out = 0;
    for (const std::string& line : log_) out += line.starts_with(start) ? 1 : 0;
    return out;
  }

 private:
  static net::ServerOptions options(net::TlsServerOptions tls) {
    net::ServerOptions out;
    out.tls = std::move(tls);
    return out;
  }
  net::Handler handler() {
    return [this](const net::ServerRequest& request) { return serve(request); };
  }

  static net::ServerResponse error(int status, const std::string& code, const std::string& text) {
    return net::ServerResponse::json(
        status, R"({"message_id":null,"internal_id":"x","detail":[{"event":"SEND","code":")" + code +
                    R"(","msg":")" + text + "\"}]}");
  }

  bool authorised(std::string_view value) {
    std::vector<std::string> parts;
    if (!value.starts_with("NHSMESH ")) return false;
    value.remove_prefix(8);
    for (std::size_t colon = 0; (colon = value.find(':')) != std::string_view::npos;
         value.remove_prefix(colon + 1)) {
      parts.emplace_back(value.substr(0, colon));
    }
    parts.emplace_back(value);
    if (parts.size() != 5 || parts[0] != "MAILBOX") return false;
    const std::string input = parts[0] + ":" + parts[1] + ":" + parts[2] + ":secret-password:" + parts[3];
    if (toHex(hmacSha256("shared-key", input)) != parts[4]) return false;
    const auto time =
        parseInstant(parts[3].substr(0, 4) + "-" + parts[3].substr(4, 2) + "-" + parts[3].substr(6, 2) + "T" +
                     parts[3].substr(8, 2) + ":" + parts[3].substr(10, 2) + ":00Z");
    if (!time || *time - clock_.now() > std::chrono::hours(2) || clock_.now() - *time > std::chrono::hours(2))
      return false;
    return nonces_.insert(parts[1] + ":" + parts[2]).second;
  }

  net::ServerResponse serve(const net::ServerRequest& request) {
    const std::lock_guard lock(mutex_);
    const std::string prefix = "/messageexchange/MAILBOX";
    if (!request.path.starts_with(prefix)) return net::ServerResponse::text(404, "");
    const std::string path = request.path.substr(prefix.size());
    const std::string line = std::string(net::methodName(request.method)) + " " + path;
    log_.push_back(line + (request.target.find('?') == std::string::npos
                               ? ""
                               : request.target.substr(request.target.find('?'))));
    if (request.headers.get("Accept") != "application/vnd.mesh.v2+json") return error(400, "", "Accept");
    if (!authorised(request.headers.get("Authorization"))) return net::ServerResponse::text(403, "");
    for (auto it = faults_.begin(); it != faults_.end(); ++it) {
      if (!line.starts_with(it->match)) continue;
      const Fault fault = *it;
      faults_.erase(it);
      if (fault.serve_first) route(request, path);
      net::ServerResponse response = net::ServerResponse::text(fault.status, fault.body);
      for (const auto& [name, value] : fault.headers) response.headers.add(name, value);
      response.drop = fault.status == 0;
      return response;
    }
    return route(request, path);
  }

  net::ServerResponse route(const net::ServerRequest& request, const std::string& path) {
    using net::Method;
    if (path.empty() && request.method == Method::kPost) {
      const bool complete = request.headers.has("Mex-ClientVersion") && request.headers.has("Mex-OSName") &&
                            request.headers.has("Mex-OSVersion");
      return complete ? net::ServerResponse::json(200, "") : error(400, "", "headers");
    }
    if (path == "/outbox") return send(request);
    if (path == "/outbox/tracking")
      return track(messages_.find(std::string(request.queryParameter("messageID"))));
    if (path.starts_with("/outbox/tracking/")) return trackLocal(net::percentDecode(path.substr(17)));
    if (path.starts_with("/outbox/")) return sendChunk(request, path.substr(8));
    if (path == "/inbox") return list(request);
    if (path.starts_with("/inbox/") && request.method == Method::kPut) return acknowledge(path.substr(7));
    if (path.starts_with("/inbox/")) return read(request, path.substr(7));
    return net::ServerResponse::text(404, "");
  }

  net::ServerResponse send(const net::ServerRequest& request) {
    if (request.body.empty()) return error(417, "02", "MissingDataFile");
    Message message;
    message.id = "OUT" + std::to_string(++serial_);
    message.from = "MAILBOX";
    message.to = request.headers.get("Mex-To");
    message.workflow = request.headers.get("Mex-WorkflowID");
    message.local_id = request.headers.get("Mex-LocalID");
    message.file_name = request.headers.get("Mex-FileName");
    message.subject = request.headers.get("Mex-Subject");
    message.checksum = request.headers.get("Mex-Content-Checksum");
    message.content_type = request.headers.get("Mex-Content-Type");
    message.content_encoding = request.headers.get("Content-Encoding");
    if (message.to == "NOBODY") return error(417, "12", "Unregistered to address");
    const std::string range(request.headers.get("Mex-Chunk-Range"));
    if (!range.empty())
      message.chunks = static_cast<std::uint32_t>(std::stoul(range.substr(range.find(':') + 1)));
    message.parts[1] = std::string(request.body);
    message.complete = message.chunks == 1;
    if (!message.complete) message.status = "uploading";
    messages_[message.id] = message;
    return net::ServerResponse::json(202, R"({"message_id":")" + message.id + "\"}");
  }

  net::ServerResponse sendChunk(const net::ServerRequest& request, const std::string& rest) {
    const auto it = messages_.find(rest.substr(0, rest.find('/')));
    if (it == messages_.end()) return error(404, "20", "Message does not exist");
    Message& message = it->second;
    const auto index = static_cast<std::uint32_t>(std::stoul(rest.substr(rest.find('/') + 1)));
    if (message.complete) return error(423, "", "Locked");
    if (request.headers.get("Mex-Chunk-Range") !=
        std::to_string(index) + ":" + std::to_string(message.chunks)) {
      return error(417, "InvalidHeaderChunks", "range");
    }
    if (request.headers.get("Content-Encoding") != message.content_encoding)
      return error(417, "", "encoding");
    message.parts[index] = std::string(request.body);
    if (index == message.chunks) {
      message.complete = message.parts.size() == message.chunks;
      message.status = "accepted";
    }
    return net::ServerResponse::json(202, "null");
  }

  net::ServerResponse track(std::map<std::string, Message>::const_iterator it) {
    if (it == messages_.end()) return net::ServerResponse::text(404, "");
    return net::ServerResponse::json(200, R"({"message_id":")" + it->first + R"(","local_id":")" +
                                              it->second.local_id + R"(","status":")" + it->second.status +
                                              R"(","status_code":"14"})");
  }
  net::ServerResponse trackLocal(const std::string& local_id) {
    auto found = messages_.end();
    for (auto it = messages_.begin(); it != messages_.end(); ++it) {
      if (it->second.local_id != local_id || it->second.from != "MAILBOX") continue;
      if (found != messages_.end()) return net::ServerResponse::text(300, "");
      found = it;
    }
    return track(found);
  }

  // Two a page, so that the links are walked.
  net::ServerResponse list(const net::ServerRequest& request) {
    std::size_t from = 0;
    if (const auto at = request.queryParameter("continue_from"); !at.empty())
      from = std::stoul(std::string(at));
    std::string filter(request.queryParameter("workflow_filter"));
    if (filter.ends_with('*')) filter.pop_back();
    std::string ids;
    std::size_t index = 0, listed = 0;
    bool more = false;
    for (const auto& [id, message] : messages_) {
      const bool waiting = std::find(inbox_.begin(), inbox_.end(), id) != inbox_.end();
      if (message.from == "MAILBOX" || !message.workflow.starts_with(filter)) continue;
      if (++index <= from) continue;
      if (listed == 2) {
        more = true;
        break;
      }
      ++listed;
      if (waiting) ids += (ids.empty() ? "\"" : ",\"") + id + "\"";
    }
    std::string links = R"({"self":"x")";
    if (more)
      links += R"(,"next":"/messageexchange/MAILBOX/inbox?max_results=10&continue_from=)" +
               std::to_string(from + 2) + "\"";
    return net::ServerResponse::json(
        200, R"({"messages":[)" + ids + R"(],"links":)" + links + R"(},"approx_inbox_count":9})");
  }

  net::ServerResponse read(const net::ServerRequest& request, const std::string& rest) {
    const std::size_t slash = rest.find('/');
    const auto it = messages_.find(rest.substr(0, slash));
    if (it == messages_.end()) return error(404, "20", "Message does not exist");
    const Message& message = it->second;
    const auto index =
        slash == std::string::npos ? 1U : static_cast<std::uint32_t>(std::stoul(rest.substr(slash + 1)));
    net::ServerResponse response;
    response.status = request.method == net::Method::kGet && index < message.chunks ? 206 : 200;
    if (message.parts.contains(index)) response.body = message.parts.at(index);
    net::Headers& headers = response.headers;
    headers.add("mex-workflowid", message.workflow);
    headers.add("mex-localid", message.local_id);
    headers.add("mex-messagetype", message.report ? "REPORT" : "DATA");
    headers.add("mex-chunk-range", std::to_string(index) + ":" + std::to_string(message.chunks));
    if (!message.content_encoding.empty()) headers.add("Content-Encoding", message.content_encoding);
    if (message.report) {
      headers.add("mex-linkedmsgid", message.linked_id);
      headers.add("mex-statuscode", message.status_code);
      headers.add("mex-statusdescription", message.status_description);
    }
    return response;
  }

  net::ServerResponse acknowledge(const std::string& rest) {
    std::erase(inbox_, rest.substr(0, rest.find('/')));
    return net::ServerResponse::json(200, "");
  }

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Message> messages_;
  std::deque<std::string> inbox_;
  std::vector<Fault> faults_;
  std::vector<std::string> log_;
  std::set<std::string> nonces_;
  int serial_ = 0;
  net::HttpServer server_;  // last: it stops before what it serves goes
};

}  // namespace tributary::testing
