#include "simulator/internal/epr_core.h"
#include "simulator/internal/json_text.h"
#include "simulator/internal/text.h"

namespace tributary::simulator {

net::ServerResponse fhirAnswer(int status, std::string body) {
  net::ServerResponse r;
  r.status = status;
  r.headers.set("Content-Type", "application/fhir+json;charset=UTF-8");
  r.body = std::move(body);
  return r;
}

net::ServerResponse refusal(int status, std::string_view code, std::string_view text) {
  return fhirAnswer(status, operationOutcome(code, text));
}

bool validId(std::string_view id) {  // FHIR R4 2.24.0.1: [A-Za-z0-9\-\.]{1,64}
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") ==
             std::string_view::npos;
}

bool validType(std::string_view type) {
  return !type.empty() && type.size() <= 64 && type[0] >= 'A' && type[0] <= 'Z' &&
         type.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
             std::string_view::npos;
}

namespace {
net::ServerResponse versioned(const StoredVersion& v) {
  net::ServerResponse r = fhirAnswer(200, v.json);
  r.headers.set("ETag", "W/\"" + std::to_string(v.number) + "\"");
  r.headers.set("Last-Modified", formatHttpDate(Instant{Duration{v.at}}));
  return r;
}
}  // namespace

net::ServerResponse EprServer::Impl::read(const std::string& type, const std::string& id) const {
  const std::shared_lock lock(mutex);
  const Entry* entry = store.find(type, id);
  if (entry == nullptr) return refusal(404, "not-found", type + "/" + id + " is not known");
  if (entry->current().deleted) return refusal(410, "deleted", type + "/" + id + " was deleted");
  if (type == "Subscription") {
    std::string error;
    std::string json = entry->current().json;
    const std::string status = notifier.status(id, error);
    for (const Member& m : members(entry->current().json)) {
      if (m.name != "status") continue;
      const auto at = static_cast<std::size_t>(m.value.data() - entry->current().json.data());
      json.replace(at, m.value.size(), quote(status));
    }
    if (!error.empty()) json.insert(json.size() - 1, ",\"error\":" + quote(error));
    StoredVersion shown = entry->current();
    shown.json = std::move(json);
    return versioned(shown);
  }
  return versioned(entry->current());
}

net::ServerResponse EprServer::Impl::versionRead(const std::string& type, const std::string& id,
                                                 const std::string& version) const {
  const std::shared_lock lock(mutex);
  const Entry* entry = store.find(type, id);
  if (entry == nullptr) return refusal(404, "not-found", type + "/" + id + " is not known");
  for (const StoredVersion& v : entry->versions) {
    if (std::to_string(v.number) != version) continue;
    return v.deleted ? refusal(410, "deleted", "this version is a delete") : versioned(v);
  }
  return refusal(404, "not-found", "no such version");
}

net::ServerResponse EprServer::Impl::search(const std::string& type, const net::QueryParameters& parameters,
                                            bool strict, const EprFaults& active) const {
  const SearchRequest r = parseSearch(type, parameters, options.page_size, options.max_page_size);
  if (!r.error.empty()) return refusal(400, "invalid", r.error);
  if (strict && !r.unknown.empty()) return refusal(400, "not-supported", "not served: " + r.unknown);
  PageToken token;
  token.type = type;
  token.query = net::buildQuery(parameters);
  token.issued = now();
  const std::shared_lock lock(mutex);
  if (r.total || r.count_only) token.total = store.count(r.query);
  return searchPage(r, token, active);
}

net::ServerResponse EprServer::Impl::searchPage(const SearchRequest& r, const PageToken& token,
                                                const EprFaults& active) const {
  auto hits = r.count_only ? std::vector<std::uint32_t>{} : store.page(r.query, token.place, r.count + 1);
  const bool more = hits.size() > r.count;
  if (more) hits.pop_back();
  std::string out;
  out.reserve(hits.size() * 1400 + 400);
  add(out, R"({"resourceType":"Bundle","type":"searchset","meta":{"lastUpdated":")", Utc{now()}, R"("})");
  if (r.total && !active.no_total) {
    add(out, R"(,"total":)", static_cast<std::int64_t>(token.total) + active.wrong_total);
  }
  const std::string self = base() + "/" + token.type + (token.query.empty() ? "" : "?" + token.query);
  add(out, R"(,"link":[{"relation":"self","url":)", quote(self), '}');
  if ((more || active.endless_pages) && !hits.empty()) {
    PageToken next = token;
    next.place = token.place;
    if (more) {
      const Entry& last = store.entry(hits.back());
      next.place = Place{true, last.current().at, hits.back()};
      // The fault of servers that page by time alone: what shares the last row's time is left out.
      if (active.skip_equal_times) next.place.entry = std::numeric_limits<std::uint32_t>::max();
    }
    next.issued = now();
    add(out, R"(,{"relation":"next","url":)", quote(base() + "?_page=" + sealToken(next, 0x51D)), '}');
  }
  out.push_back(']');
  bool first = true;
  for (const std::uint32_t i : hits) {
    const Entry& e = store.entry(i);
    add(out, first ? R"(,"entry":[)" : ",", R"({"fullUrl":")", base(), '/', e.type, '/', e.id,
        R"(","resource":)", e.current().json, R"(,"search":{"mode":"match"}})");
    first = false;
  }
  out += first ? "}" : "]}";
  return fhirAnswer(200, std::move(out));
}

net::ServerResponse EprServer::Impl::nextPage(std::string_view text, const EprFaults& active) const {
  const auto token = openToken(text, 0x51D);
  if (!token) return refusal(400, "invalid", "not a link of this server");
  if (active.expire_pages || now() - token->issued > options.page_lifetime.count()) {
    return refusal(410, "expired", "this page is no longer kept; search again");
  }
  const net::QueryParameters parameters = net::parseQuery(token->query);
  if (token->type.starts_with('@')) return history(token->type.substr(1), parameters, &*token, active);
  const SearchRequest r = parseSearch(token->type, parameters, options.page_size, options.max_page_size);
  const std::shared_lock lock(mutex);
  return searchPage(r, *token, active);
}

void EprServer::Impl::historyEntry(std::string& out, const Entry& e, const StoredVersion& v) const {
  add(out, R"({"fullUrl":")", base(), '/', e.type, '/', e.id, '"');
  if (!v.deleted) add(out, R"(,"resource":)", v.json);
  const bool created = v.number == 1;
  add(out, R"(,"request":{"method":")",
      v.deleted ? "DELETE"
      : created ? "POST"
                : "PUT",
      R"(","url":")", e.type);
  if (!created || v.deleted) add(out, '/', e.id);
  add(out, R"("},"response":{"status":")",
      v.deleted ? "204"
      : created ? "201"
                : "200",
      R"(","etag":"W/\")", v.number, R"(\"","lastModified":")", Utc{v.at}, R"("}})");
}

net::ServerResponse EprServer::Impl::history(const std::string& type, const net::QueryParameters& parameters,
                                             const PageToken* resume, const EprFaults& active) const {
  Millis since = std::numeric_limits<Millis>::min();
  std::size_t count = options.page_size;
  for (const auto& [name, value] : parameters) {
    if (name == "_since") {
      const auto range = parseTime(value);
      if (!range) return refusal(400, "invalid", "_since is not an instant");
      since = range->from;
    } else if (name == "_count") {
      count = std::min<std::size_t>(std::strtoull(value.c_str(), nullptr, 10), options.max_page_size);
    }
  }
  if (count == 0) count = options.page_size;
  const std::shared_lock lock(mutex);
  std::size_t total = 0;
  // Newest first; rows that came after the first page push the rest down by as many.
  std::uint64_t offset = resume != nullptr ? resume->offset : 0;
  if (resume != nullptr) {
    std::size_t now_total = 0;
    (void)store.history(type, since, 0, 0, now_total);
    offset += now_total - resume->total;
  }
  const auto rows = store.history(type, since, offset, count, total);
  std::string out;
  add(out, R"({"resourceType":"Bundle","type":"history","total":)",
      static_cast<std::int64_t>(total) + active.wrong_total, R"(,"link":[{"relation":"self","url":)",
      quote(base() + (type.empty() ? "" : "/" + type) + "/_history?" + net::buildQuery(parameters)), '}');
  if (offset + rows.size() < total || active.endless_pages) {
    PageToken next;
    next.type = "@" + type;
    next.query = net::buildQuery(parameters);
    next.total = total;
    next.issued = now();
    next.offset = offset + rows.size();
    add(out, R"(,{"relation":"next","url":)", quote(base() + "?_page=" + sealToken(next, 0x51D)), '}');
  }
  out.push_back(']');
  bool first = true;
  for (const HistoryRow& row : rows) {
    const Entry& e = store.entry(row.entry);
    out += first ? R"(,"entry":[)" : ",";
    historyEntry(out, e, e.versions[row.version]);
    first = false;
  }
  out += first ? "}" : "]}";
  return fhirAnswer(200, std::move(out));
}

net::ServerResponse EprServer::Impl::instanceHistory(const std::string& type, const std::string& id) const {
  const std::shared_lock lock(mutex);
  const Entry* entry = store.find(type, id);
  if (entry == nullptr) return refusal(404, "not-found", type + "/" + id + " is not known");
  std::string out;
  add(out, R"({"resourceType":"Bundle","type":"history","total":)", entry->versions.size(), R"(,"entry":[)");
  for (auto it = entry->versions.rbegin(); it != entry->versions.rend(); ++it) {
    if (it != entry->versions.rbegin()) out.push_back(',');
    historyEntry(out, *entry, *it);
  }
  out += "]}";
  return fhirAnswer(200, std::move(out));
}

}  // namespace tributary::simulator
