#include "base/hash.h"
#include "simulator/internal/epr_core.h"
#include "simulator/internal/json_text.h"
#include "simulator/internal/text.h"

namespace tributary::simulator {
namespace {

struct Operation {
  std::string method, type, id, url;
  std::string resource;
};

void replaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The entries' requests; one that is not served has no method. False when that refuses the whole Bundle.
bool readOperations(std::string_view body, bool all_or_nothing, std::vector<Operation>& operations,
                    std::vector<std::pair<std::string, std::string>>& renamed) {
  for (const std::string_view entry : elements(memberOf(body, "entry"))) {
    const std::string_view request = memberOf(entry, "request");
    Operation op;
    op.method = textOf(request, "method");
    op.url = textOf(request, "url");
    op.resource = memberOf(entry, "resource");
    const auto slash = op.url.find('/');
    op.type = op.url.substr(0, slash);
    if (slash != std::string::npos) op.id = op.url.substr(slash + 1);
    const bool known =
        op.method == "POST" || op.method == "PUT" || op.method == "DELETE" || op.method == "GET";
    const bool good =
        known && validType(op.type) && (op.method == "POST" || validId(op.id)) &&
        (op.method == "GET" || op.method == "DELETE" || textOf(op.resource, "resourceType") == op.type);
    if (!good && all_or_nothing) return false;
    if (!good) op.method.clear();
    if (op.method == "POST") op.id = randomUuid();
    const std::string full = textOf(entry, "fullUrl");
    if (full.starts_with("urn:uuid:")) renamed.emplace_back(full, op.type + "/" + op.id);
    operations.push_back(std::move(op));
  }
  return true;
}

}  // namespace

// A Subscription is kept alive by the notifier; what it is told is the server's answer.
std::string EprServer::Impl::subscribe(const std::string& id, std::string_view json) {
  return notifier.set(id, json);
}

void EprServer::Impl::write(std::string_view type, std::string_view id, std::string_view json) {
  std::string body;
  {
    const std::unique_lock lock(mutex);
    body = store.entry(store.write(type, id, json, now())).current().json;
  }
  notifier.onChange(type, id, body);
}

bool EprServer::Impl::removeOne(std::string_view type, std::string_view id) {
  {
    const std::unique_lock lock(mutex);
    if (!store.remove(type, id, now())) return false;
  }
  if (type == "Subscription") notifier.remove(std::string(id));
  notifier.onChange(type, id, {});
  return true;
}

net::ServerResponse EprServer::Impl::create(const std::string& type, std::string_view body) {
  if (!wellFormed(body)) return refusal(400, "structure", "the body is not a JSON object");
  if (textOf(body, "resourceType") != type) return refusal(400, "invalid", "resourceType and URL differ");
  const std::string id = randomUuid();
  if (type == "Subscription") {
    const std::string why = subscribe(id, body);
    if (!why.empty()) return refusal(422, "not-supported", why);
  }
  write(type, id, body);
  net::ServerResponse r = read(type, id);
  r.status = 201;
  r.headers.set("Location", base() + "/" + type + "/" + id + "/_history/1");
  return r;
}

net::ServerResponse EprServer::Impl::update(const std::string& type, const std::string& id,
                                            std::string_view body, std::string_view if_match) {
  if (!validId(id)) return refusal(400, "invalid", "not a FHIR id");
  if (!wellFormed(body)) return refusal(400, "structure", "the body is not a JSON object");
  if (textOf(body, "resourceType") != type) return refusal(400, "invalid", "resourceType and URL differ");
  if (textOf(body, "id") != id) return refusal(400, "invalid", "id and URL differ");
  bool existed = false;
  {
    const std::shared_lock lock(mutex);
    const Entry* entry = store.find(type, id);
    existed = entry != nullptr && !entry->current().deleted;
    if (!if_match.empty() &&
        (!existed || if_match != "W/\"" + std::to_string(entry->current().number) + "\"")) {
      return refusal(412, "conflict", "another version is current");
    }
  }
  if (type == "Subscription") {
    const std::string why = subscribe(id, body);
    if (!why.empty()) return refusal(422, "not-supported", why);
  }
  write(type, id, body);
  net::ServerResponse r = read(type, id);
  r.status = existed ? 200 : 201;
  return r;
}

net::ServerResponse EprServer::Impl::erase(const std::string& type, const std::string& id) {
  removeOne(type, id);
  net::ServerResponse r;
  r.status = 204;  // FHIR R4 3.1.0.7.1: also when there was nothing
  return r;
}

net::ServerResponse EprServer::Impl::bundle(std::string_view body) {
  if (!wellFormed(body) || textOf(body, "resourceType") != "Bundle") {
    return refusal(400, "structure", "the body is not a Bundle");
  }
  const std::string kind = textOf(body, "type");
  if (kind != "transaction" && kind != "batch")
    return refusal(400, "not-supported", "only transaction and batch");
  std::vector<Operation> operations;
  std::vector<std::pair<std::string, std::string>> renamed;  // urn:uuid -> Type/id
  if (!readOperations(body, kind == "transaction", operations, renamed)) {
    return refusal(400, "invalid", "an entry has no request that is served");
  }
  std::string out;
  add(out, R"({"resourceType":"Bundle","type":")", kind, R"(-response","entry":[)");
  bool first = true;
  for (Operation& op : operations) {
    if (!first) out.push_back(',');
    first = false;
    if (op.method.empty()) {
      add(out, R"({"response":{"status":"400 Bad Request","outcome":)",
          operationOutcome("invalid", "not served"), "}}");
      continue;
    }
    if (op.method == "GET") {
      const net::ServerResponse got = read(op.type, op.id);
      add(out, got.status == 200 ? R"({"resource":)" : R"({"response":{"outcome":)", got.body,
          got.status == 200 ? "," : "",
          got.status == 200 ? R"("response":{"status":"200"}})" : R"(,"status":"404"}})");
      continue;
    }
    if (op.method == "DELETE") {
      removeOne(op.type, op.id);
      out += R"({"response":{"status":"204 No Content"}})";
      continue;
    }
    for (const auto& [from, to] : renamed) replaceAll(op.resource, from, to);
    if (op.type == "Subscription") (void)subscribe(op.id, op.resource);
    write(op.type, op.id, op.resource);
    const std::shared_lock lock(mutex);
    const StoredVersion& v = store.find(op.type, op.id)->current();
    add(out, R"({"response":{"status":")", v.number == 1 ? "201 Created" : "200 OK", R"(","location":")",
        op.type, '/', op.id, "/_history/", v.number, R"(","etag":"W/\")", v.number, R"(\"","lastModified":")",
        Utc{v.at}, R"("}})");
  }
  out += "]}";
  return fhirAnswer(200, std::move(out));
}

}  // namespace tributary::simulator
