#include "ingest/intake.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "base/hash.h"
#include "fhir/json_writer.h"
#include "fhir/xml_reader.h"
#include "terminology/element_shapes.h"

namespace tributary::ingest {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

// The members read here, looked up once.
struct Names {
  fhir::NameId id = fhir::findName("id"), meta = fhir::findName("meta"), version_id = fhir::findName("versionId"),
               last_updated = fhir::findName("lastUpdated"), entry = fhir::findName("entry"),
               resource = fhir::findName("resource"), full_url = fhir::findName("fullUrl"),
               request = fhir::findName("request"), method = fhir::findName("method"), url = fhir::findName("url"),
               search = fhir::findName("search"), mode = fhir::findName("mode"), response = fhir::findName("response"),
               last_modified = fhir::findName("lastModified"), etag = fhir::findName("etag"), reference = fhir::findName("reference"),
               resource_type = fhir::findName("resourceType"), type = fhir::findName("type"), if_none_exist = fhir::findName("ifNoneExist");
};

const Names& names() {
  static const Names all;
  return all;
}

// The version that an entry of a history speaks of: of [base]/Type/id/_history/V, else of the ETag W/"V" (FHIR R4 3.1.0.1.3).
// A delete has no resource that could name its version, and some servers give no lastModified with it.
std::string_view versionOf(std::string_view url, std::string_view etag) {
  constexpr std::string_view kHistory = "/_history/";
  if (const std::size_t at = url.rfind(kHistory); at != std::string_view::npos) return url.substr(at + kHistory.size());
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() < 2 || etag.front() != '"' || etag.back() != '"') return {};
  return etag.substr(1, etag.size() - 2);
}

std::string_view text(const Document& document, NodeIndex object, fhir::NameId name) {
  const NodeIndex node = document.member(object, name);
  return node != kNoNode && document[node].kind == Kind::kString ? document.scalar(node) : std::string_view{};
}

NodeIndex object(const Document& document, NodeIndex parent, fhir::NameId name) {
  const NodeIndex node = document.member(parent, name);
  return node != kNoNode && document[node].kind == Kind::kObject ? node : kNoNode;
}

std::string_view rawText(const Document& document, NodeIndex node) {
  return document.text().substr(document[node].offset, document[node].length);
}

// A resource without an id (a POST) gets one from its content, so that the same POST twice is one resource.
std::string contentId(std::string_view body) { return "t" + sha256Hex(body).substr(0, 40); }

}  // namespace

bool isResourceId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

// Adds the time of a scope to IntakeContext::busy_ns.
class Busy {
 public:
  explicit Busy(std::atomic<std::uint64_t>* total) : total_(total), start_(std::chrono::steady_clock::now()) {}
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    const auto spent = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start_).count();
    if (total_ != nullptr) total_->fetch_add(static_cast<std::uint64_t>(spent), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t>* total_;
  std::chrono::steady_clock::time_point start_;
};

struct Intake::BundleNames {
  std::unordered_map<std::string_view, std::string> keys;  // fullUrl → Type/id
};

void IntakeCounts::add(const IntakeCounts& other) {
  stored += other.stored;
  duplicates += other.duplicates;
  stale += other.stale;
  rejected += other.rejected;
  rejected_again += other.rejected_again;
}

Intake::Intake(IntakeContext context, std::string source) : context_(std::move(context)), source_(std::move(source)) {}

std::size_t Intake::add(std::string_view json, std::string_view where, std::uint64_t line) {
  const Busy busy(context_.busy_ns);
  const std::size_t before = staged();
  fhir::ReadOptions options;
  // A Bundle may hold many resources; each of them is held to the limit of one.
  options.limits.bytes = std::max<std::size_t>(context_.options.max_resource_bytes * 4, std::size_t{64} << 20);
  options.base_line = line == 0 ? 1 : static_cast<std::uint32_t>(line);
  auto read = reader_.read(json, document_, options);
  readable_ = read.has_value();
  history_ = false;
  if (!read) {
    addReject(json, read.error(), where, line);
    return staged() - before;
  }
  if (document_.resourceType() == "Bundle") {
    addBundle(where);
  } else {
    stage(document_, 0, {}, nullptr, where);
  }
  return staged() - before;
}

std::size_t Intake::addXml(std::string_view xml, std::string_view where) {
  fhir::Document document;
  fhir::ReadOptions options;
  options.limits.bytes = std::max<std::size_t>(context_.options.max_resource_bytes * 4, std::size_t{64} << 20);
  const auto shapes = terminology::makeElementShapes(context_.definitions);
  if (auto read = fhir::XmlReader(*shapes).read(xml, document, options); !read) {
    readable_ = false;
    addReject(xml, read.error(), where);
    return 1;
  }
  from_xml_ = true;
  const std::size_t staged = add(rewritten_.emplace_back(fhir::toJson(document)), where);
  from_xml_ = false;
  return staged;
}

void Intake::addBundle(std::string_view where) {
  const Names& n = names();
  const Document& document = document_;
  const NodeIndex entries = document.member(0, n.entry);
  history_ = text(document, 0, n.type) == "history";
  if (entries == kNoNode) return;  // an empty Bundle is fine
  if (document[entries].kind != Kind::kArray) {
    return refuse(document, 0, "entry-not-a-list", "the entry of a Bundle is no list", "Put the entries into [ ].", where);
  }

  // Ids first: a transaction's entries refer to each other by fullUrl (FHIR R4 3.1.0.11.2). What is refused keeps its place
  // among the others: an answer names entries by their order.
  struct Entry {
    NodeIndex item, resource;
    std::string assigned;
    std::string_view method, url, when, version;
    const char *rule = nullptr, *why = nullptr, *remedy = nullptr;  // of a refused one
    void refuse(const char* its_rule, const char* its_why, const char* its_remedy) { rule = its_rule, why = its_why, remedy = its_remedy; }
  };
  std::vector<Entry> list;
  BundleNames keys;
  for (NodeIndex item = entries + 1; item < document[entries].next; item = document[item].next) {
    Entry& entry = list.emplace_back();
    entry.item = item;
    entry.resource = kNoNode;
    if (document[item].kind != Kind::kObject) {
      entry.refuse("empty-entry", "a Bundle entry is no object", "Give each entry a resource, or a DELETE request with its URL.");
      continue;
    }
    if (const NodeIndex search = object(document, item, n.search);
        search != kNoNode && text(document, search, n.mode) == "outcome") {
      list.pop_back();
      continue;
    }
    entry.resource = object(document, item, n.resource);
    bool conditional = false;
    if (const NodeIndex request = object(document, item, n.request); request != kNoNode) {
      entry.method = text(document, request, n.method);
      entry.url = text(document, request, n.url);
      conditional = document.member(request, n.if_none_exist) != kNoNode;
    }
    if (const NodeIndex response = object(document, item, n.response); response != kNoNode) {
      entry.when = text(document, response, n.last_modified);
      entry.version = versionOf(entry.url, text(document, response, n.etag));
    }
    const std::string_view url_key = referenceKey(entry.url);
    if (entry.method == "GET" || entry.method == "HEAD" || entry.method == "PATCH") {
      entry.refuse("interaction-not-taken", "a Bundle entry asks for an interaction that is not taken here", "Send PUT, POST or DELETE with whole resources.");
    } else if (entry.method == "DELETE" ? entry.url.empty() : entry.resource == kNoNode) {
      entry.refuse("empty-entry", "a Bundle entry has nothing that could be taken", "Give each entry a resource, or a DELETE request with its URL.");
    } else if (entry.method == "DELETE") {
      if (url_key.empty()) {
        entry.refuse("delete-without-id", "a DELETE in a Bundle names no resource as Type/id", "Conditional deletes are not taken; name each resource.");
      } else if (context_.definitions->findType(url_key.substr(0, url_key.find('/'))) == terminology::kNoType) {
        entry.refuse("unknown-resource-type", "a DELETE in a Bundle names a type that FHIR R4 does not have", "Check the spelling of the type.");
      }
    }
    if (entry.rule != nullptr || entry.resource == kNoNode) continue;
    const std::string_view full_url = text(document, item, n.full_url);
    std::string_view id = text(document, entry.resource, n.id);
    const std::string_view url_id = url_key.substr(std::min(url_key.size(), url_key.find('/') + 1));
    if (entry.method == "PUT" && url_key.empty()) {
      entry.refuse("conditional-update", "a PUT in a Bundle names no resource as Type/id", "Conditional updates are not taken; name each resource.");
      continue;
    }
    if (entry.method == "PUT" && !id.empty() && url_id != id) {
      entry.refuse("url-mismatch", "the resource is not the one that the entry's URL names", "Id in URL and resource must agree.");
      continue;
    }
    if (id.empty() && entry.method == "PUT") {
      entry.assigned = url_id;
    } else if (id.empty()) {
      const std::string_view uuid = full_url.starts_with("urn:uuid:") ? full_url.substr(9) : std::string_view{};
      // With an id of its own a resource is stored under it, once however often it is sent. Without one only the search
      // could tell whether it is held already.
      if (conditional && !isResourceId(uuid)) {
        entry.refuse("conditional-create", "a Bundle entry without an id is to be created only if a search finds nothing (ifNoneExist)",
                     "Give the resource an id, or PUT it under its own.");
        continue;
      }
      entry.assigned = isResourceId(uuid) ? std::string(uuid) : contentId(rawText(document, entry.resource));
    }
    if (id.empty()) id = entry.assigned;
    if (full_url.starts_with("urn:")) {
      keys.keys.emplace(full_url, std::string(text(document, entry.resource, n.resource_type)) + "/" + std::string(id));
    }
  }
  for (const Entry& entry : list) {
    if (entry.rule != nullptr) {
      refuse(document, entry.item, entry.rule, entry.why, entry.remedy, where);
    } else if (entry.method == "DELETE") {
      const std::string_view key = referenceKey(entry.url);
      const std::size_t slash = key.find('/');
      addDelete(key.substr(0, slash), key.substr(slash + 1), entry.when, entry.version);
    } else {
      stage(document, entry.resource, entry.assigned, keys.keys.empty() ? nullptr : &keys, where);
    }
  }
}

void Intake::refuse(const Document& document, NodeIndex node, std::string rule, std::string why, std::string remedy,
                    std::string_view where) {
  const fhir::Position position = from_xml_ ? fhir::Position{} : document.position(node);
  Issue issue{Severity::kError, std::move(rule), {}, position.offset, position.line, position.column, std::move(why), std::move(remedy)};
  addReject(rawText(document, node), issue, where, position.line);
}

void Intake::stage(const Document& document, NodeIndex resource, std::string_view assigned_id, const BundleNames* bundle,
                   std::string_view where) {
  const Names& n = names();
  const std::string_view type = text(document, resource, n.resource_type);
  if (type.empty()) {
    return refuse(document, resource, "no-resource-type", "this is JSON but no FHIR resource: it has no resourceType",
                  "Send a FHIR R4 resource or a Bundle.", where);
  }
  const terminology::TypeId known = context_.definitions->findType(type);
  if (known == terminology::kNoType || context_.definitions->typeKind(known) != terminology::TypeKind::kResource) {
    return refuse(document, resource, "unknown-resource-type", "FHIR R4 has no resource of this type",
                  "Check the spelling of resourceType and the FHIR version of the source.", where);
  }
  std::string_view body = rawText(document, resource);
  if (body.size() > context_.options.max_resource_bytes) {
    return refuse(document, resource, "resource-too-large",
                  "the resource has " + std::to_string(body.size()) + " bytes; the limit is " +
                      std::to_string(context_.options.max_resource_bytes),
                  "Raise max_resource_bytes if such a resource is meant to be taken.", where);
  }
  Staged entry;
  entry.type = type;
  const std::string_view type_name = entry.type;
  entry.id = text(document, resource, n.id);
  const bool has_id = document.member(resource, n.id) != kNoNode;
  // An id that is there and no text ("", a number, null) is refused below like any other that is not an id.
  if (!has_id) entry.id = assigned_id.empty() ? contentId(body) : std::string(assigned_id);
  if (!isResourceId(entry.id)) {
    return refuse(document, resource, "invalid-id", "the id of this resource is not a FHIR id",
                  "An id has 1 to 64 letters, digits, '-' and '.'.", where);
  }
  if (const NodeIndex meta = object(document, resource, n.meta); meta != kNoNode) {
    entry.version_id = text(document, meta, n.version_id);
    entry.last_updated = text(document, meta, n.last_updated);
  }
  entry.placement = context_.compartments->place(document, resource, type, entry.id);

  // Write in what the Bundle knew and the resource alone does not: its id, and URNs as Type/id.
  const bool urns = bundle != nullptr && body.find("\"urn:") != std::string_view::npos;
  if (!has_id || urns) {
    const std::size_t base = document[resource].offset;
    std::string text_out;
    text_out.reserve(body.size() + 64);
    std::size_t done = 0;
    if (!has_id) {
      text_out += "{\"id\":\"" + entry.id + "\",";
      done = 1;
    }
    if (urns) {
      for (NodeIndex i = resource + 1; i < document[resource].next; ++i) {
        if (document[i].name != n.reference || document[i].kind != Kind::kString || (document[i].flags & fhir::kEscaped) != 0) continue;
        const auto found = bundle->keys.find(document.scalar(i));
        if (found == bundle->keys.end()) continue;
        const std::size_t at = document[i].offset - base;
        text_out.append(body, done, at - done);
        text_out += found->second;
        done = at + document[i].length;
      }
    }
    text_out.append(body, done);
    rewritten_.push_back(std::move(text_out));
    body = rewritten_.back();
    // Only now can it be seen where the resource belongs.
    if (urns && reader_.read(body, scratch_)) entry.placement = context_.compartments->place(scratch_, 0, type_name, entry.id);
  }
  entry.body = body;
  entry.past = past_ || history_;
  entry.wanted = !context_.options.wants || context_.options.wants(entry.type);
  entry.references.reserve(entry.placement.references.size());
  for (const std::string& key : entry.placement.references) {
    const std::size_t slash = key.find('/');
    entry.references.push_back({key.substr(0, slash), key.substr(slash + 1)});
  }
  bytes_ += body.size();
  keys_.push_back(entry.type + "/" + entry.id);
  entries_.push_back(std::move(entry));
}

void Intake::addDelete(std::string_view type, std::string_view id, std::string_view last_updated, std::string_view version_id) {
  Staged entry;
  entry.operation = store::Operation::kDelete;
  entry.type = type;
  entry.id = id;
  entry.last_updated = last_updated;
  entry.version_id = version_id;
  entry.past = past_ || history_;
  keys_.push_back(entry.type + "/" + entry.id);
  entries_.push_back(std::move(entry));
}

void Intake::addReject(std::string_view raw, const Issue& issue, std::string_view where, std::uint64_t line) {
  StagedReject reject;
  reject.where = where;
  reject.rule = issue.rule;
  reject.text = issue.text;
  reject.line = issue.line != 0 ? issue.line : line;
  reject.raw = raw;
  bytes_ += raw.size();
  rejects_.push_back(std::move(reject));
  issues_.push_back(issue);
  keys_.emplace_back();
}

std::vector<store::AppendEntry> Intake::entries() const {
  std::vector<store::AppendEntry> entries;
  entries.reserve(entries_.size());
  for (const Staged& staged : entries_) {
    store::AppendEntry entry;
    entry.operation = staged.operation;
    entry.type = staged.type;
    entry.id = staged.id;
    entry.version_id = staged.version_id;
    entry.last_updated = staged.last_updated;
    entry.body = staged.body;
    entry.subject = staged.placement.subject;
    entry.shared = staged.placement.shared;
    entry.past = staged.past;
    entry.references = staged.references;
    if (!staged.wanted) {
      entry.outcome = store::ResourceOutcome::kFiltered;
      entry.outcome_rule = "type-not-mapped";
      entry.outcome_reason = "no table of the collection is filled from resources of this type";
    } else if (entry.subject.empty() && staged.operation == store::Operation::kUpsert) {
      // Until a row is made with it, see Worker.
      entry.outcome = store::ResourceOutcome::kFiltered;
      entry.outcome_rule = "shared-not-used";
      entry.outcome_reason = "a shared resource that no delivered row has been made with (yet)";
    }
    entries.push_back(entry);
  }
  return entries;
}

Result<IntakeCounts> Intake::commit(std::span<const store::CursorMove> cursors) {
  const Busy busy(context_.busy_ns);
  const std::vector<store::AppendEntry> entries = this->entries();
  std::vector<store::AppendReject> rejects;
  rejects.reserve(rejects_.size());
  for (const StagedReject& staged : rejects_) rejects.push_back({staged.where, staged.line, staged.rule, staged.text, staged.raw});

  TRY_ASSIGN(const store::AppendResult stored, context_.append({source_, entries, rejects, cursors}));
  IntakeCounts counts{stored.stored, stored.duplicates, stored.stale, stored.rejected, stored.rejected_again};
  clear();
  return counts;
}

Result<std::uint64_t> Intake::place() {
  TRY_ASSIGN(const std::uint64_t moved, context_.store->place({source_, entries(), {}, {}}));
  clear();
  return moved;
}

void Intake::clear() {
  entries_.clear();
  rejects_.clear();
  issues_.clear();
  keys_.clear();
  rewritten_.clear();
  bytes_ = 0;
  readable_ = false;
}

}  // namespace tributary::ingest
