#include "pipeline/worker.h"

#include <chrono>
#include <cstdio>
#include <deque>
#include <list>
#include <unordered_map>
#include <unordered_set>

#include "base/fault_point.h"
#include "base/hash.h"
#include "collection/projector.h"
#include "fhir/json_reader.h"
#include "pipeline/byte_arena.h"
#include "pipeline/issue_codec.h"

namespace tributary::pipeline {
namespace {

using store::ResourceKey;

// Adds the time of a scope to a counter.
class Stopwatch {
 public:
  explicit Stopwatch(std::atomic<std::uint64_t>& total) : total_(total), start_(std::chrono::steady_clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    const auto spent = std::chrono::steady_clock::now() - start_;
    total_.fetch_add(static_cast<std::uint64_t>(std::chrono::nanoseconds(spent).count()), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t>& total_;
  std::chrono::steady_clock::time_point start_;
};

// A resource with the text that its tape points into.
struct Loaded {
  std::string text, type, id;
  std::uint64_t seq = 0;
  fhir::Document document;
};

// Parsed shared resources, least recently used out first. See SharedGate for when a copy may be used.
class SharedCache {
 public:
  explicit SharedCache(std::size_t limit) : limit_(limit) {}

  struct Entry {
    std::string key;
    std::uint64_t generation = 0;
    std::size_t bytes = 0;
    std::shared_ptr<Loaded> resource;          // nullptr: there is no such resource
    std::vector<std::string> references;
  };

  Entry* find(const std::string& key, std::uint64_t generation) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    if (found->second->generation < generation) {
      bytes_ -= found->second->bytes;
      order_.erase(found->second);
      index_.erase(found);
      return nullptr;
    }
    order_.splice(order_.begin(), order_, found->second);
    return &*found->second;
  }

  Entry* put(Entry entry) {
    entry.bytes = entry.key.size() + 128 + (entry.resource ? entry.resource->text.size() + entry.resource->document.memory() : 0);
    bytes_ += entry.bytes;
    order_.push_front(std::move(entry));
    index_[order_.front().key] = order_.begin();
    return &order_.front();
  }

  // Called between subjects only: entries in use must not go.
  void trim() {
    while (bytes_ > limit_ && !order_.empty()) {
      bytes_ -= order_.back().bytes;
      index_.erase(order_.back().key);
      order_.pop_back();
    }
  }

 private:
  std::size_t limit_, bytes_ = 0;
  std::list<Entry> order_;
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;
};

// What a batch hands to commitProjections: everything copied, since the projector reuses its memory.
struct PendingProjection {
  store::SubjectLease lease;
  std::vector<store::ProjectedRow> rows;
  std::vector<store::QuarantinedRow> quarantined;
  std::vector<store::ResourceOutcomeEntry> outcomes;
};

}  // namespace

struct Worker::Impl {
  Impl(store::Store& s, std::shared_ptr<const collection::Collection> c, std::shared_ptr<const ingest::CompartmentIndex> i,
       SharedGate& g, const Clock& k, WorkerCounters& n, WorkerOptions o)
      : store(s), collection(std::move(c)), compartments(std::move(i)), gate(g), clock(k), counters(n), options(o),
        projector(collection), cache(options.shared_cache_bytes), collection_ids{std::string(collection->id())} {}

  store::Store& store;
  std::shared_ptr<const collection::Collection> collection;
  std::shared_ptr<const ingest::CompartmentIndex> compartments;
  SharedGate& gate;
  const Clock& clock;
  WorkerCounters& counters;
  WorkerOptions options;

  collection::Projector projector;
  SharedCache cache;
  std::vector<std::string> collection_ids;
  fhir::JsonReader reader;
  std::deque<Loaded> subject;  // slots are reused; `used` of them hold this subject
  std::size_t used = 0;
  std::vector<collection::Input> inputs, shared_inputs;
  ByteArena arena;
  std::vector<PendingProjection> pending;
  std::size_t pending_count = 0;
  std::unordered_set<std::uint64_t> shared_seen;  // versions of shared resources known to be in use
  std::vector<std::pair<ResourceKey, std::uint64_t>> shared_new;
  std::vector<store::ResourceOutcomeEntry> shared_outcomes;

  Result<std::size_t> loadSubject(const store::SubjectLease& lease, bool& complete);
  Result<void> loadShared(const store::SubjectLease& lease, std::uint64_t generation);
  Result<SharedCache::Entry*> shared(const std::string& source, const std::string& key, std::uint64_t generation);
  Result<void> projectSubject(const store::SubjectLease& lease, std::uint64_t generation, std::size_t& bytes);
  void quarantineWhole(PendingProjection& out, std::string_view rule, std::string_view reason);
  void keep(const store::SubjectLease& lease, const collection::Projection& projection, PendingProjection& out);
  PendingProjection& nextPending(const store::SubjectLease& lease);
  Result<void> commit();
};

Worker::Worker(store::Store& store, std::shared_ptr<const collection::Collection> collection,
               std::shared_ptr<const ingest::CompartmentIndex> compartments, SharedGate& gate, const Clock& clock,
               WorkerCounters& counters, WorkerOptions options)
    : impl_(std::make_unique<Impl>(store, std::move(collection), std::move(compartments), gate, clock, counters, options)) {}

Worker::~Worker() = default;

Result<std::size_t> Worker::Impl::loadSubject(const store::SubjectLease& lease, bool& complete) {
  used = 0;
  std::size_t bytes = 0;
  const Stopwatch watch(counters.load_ns);
  TRY_ASSIGN(const store::LoadResult result,
             store.loadSubject(lease, options.subject_bytes, [&](const store::StoredResource& resource) {
               if (used == subject.size()) subject.emplace_back();
               Loaded& slot = subject[used++];
               slot.text.assign(resource.body);
               slot.type.assign(resource.type);
               slot.id.assign(resource.id);
               slot.seq = resource.seq;
               bytes += resource.body.size();
               return true;
             }));
  complete = result.complete;
  return bytes;
}

Result<SharedCache::Entry*> Worker::Impl::shared(const std::string& source, const std::string& key, std::uint64_t generation) {
  const std::string cache_key = source + '\n' + key;
  if (SharedCache::Entry* known = cache.find(cache_key, generation); known != nullptr) return known;
  SharedCache::Entry entry;
  entry.key = cache_key;
  entry.generation = generation;
  const std::size_t slash = key.find('/');
  const ResourceKey wanted[] = {{key.substr(0, slash), key.substr(slash + 1)}};
  TRY_ASSIGN([[maybe_unused]] const store::LoadResult result,
             store.load(source, wanted, options.subject_bytes, [&](const store::StoredResource& resource) {
               entry.resource = std::make_shared<Loaded>();
               entry.resource->text.assign(resource.body);
               entry.resource->type.assign(resource.type);
               entry.resource->id.assign(resource.id);
               entry.resource->seq = resource.seq;
               return true;
             }));
  if (entry.resource) {
    Loaded& loaded = *entry.resource;
    if (reader.read(loaded.text, loaded.document)) {
      entry.references = compartments->place(loaded.document, 0, loaded.type, loaded.id).references;
    } else {
      entry.resource.reset();
    }
  }
  return cache.put(std::move(entry));
}

// The shared resources that the subject refers to, and those that these refer to, four steps at most (as in the store).
Result<void> Worker::Impl::loadShared(const store::SubjectLease& lease, std::uint64_t generation) {
  constexpr int kSteps = 4;
  shared_inputs.clear();
  std::unordered_set<std::string> seen;
  std::vector<std::string> wanted, next;
  for (std::size_t i = 0; i < used; ++i) {
    for (std::string& key : compartments->place(subject[i].document, 0, subject[i].type, subject[i].id).references) {
      if (seen.insert(key).second) wanted.push_back(std::move(key));
    }
  }
  for (int step = 0; step < kSteps && !wanted.empty(); ++step, wanted.swap(next), next.clear()) {
    for (const std::string& key : wanted) {
      TRY_ASSIGN(SharedCache::Entry* const entry, shared(lease.source, key, generation));
      if (!entry->resource) continue;
      shared_inputs.push_back({&entry->resource->document, entry->resource->seq});
      if (shared_seen.insert(entry->resource->seq).second) {
        const std::size_t slash = key.find('/');
        shared_new.push_back({{key.substr(0, slash), key.substr(slash + 1)}, entry->resource->seq});
      }
      for (const std::string& further : entry->references) {
        if (seen.insert(further).second) next.push_back(further);
      }
    }
  }
  return {};
}

PendingProjection& Worker::Impl::nextPending(const store::SubjectLease& lease) {
  if (pending_count == pending.size()) pending.emplace_back();
  PendingProjection& out = pending[pending_count++];
  out.lease = lease;
  out.rows.clear();
  out.quarantined.clear();
  out.outcomes.clear();
  return out;
}

void Worker::Impl::quarantineWhole(PendingProjection& out, std::string_view rule, std::string_view reason) {
  for (std::size_t i = 0; i < used; ++i) {
    out.outcomes.push_back({{}, arena.keep(subject[i].type), arena.keep(subject[i].id), subject[i].seq,
                            store::ResourceOutcome::kQuarantined, rule, reason});
  }
}

void Worker::Impl::keep(const store::SubjectLease& lease, const collection::Projection& projection, PendingProjection& out) {
  const auto tables = collection->tables();
  const auto ruleOf = [&](const collection::RowIssue& issue) -> std::string_view {
    return issue.rule == collection::RowIssue::kNoRule ? arena.keep(issue.issue.rule) : std::string_view(collection->rules()[issue.rule].id);
  };
  for (const collection::Row& row : projection.rows) {
    store::ProjectedRow kept;
    kept.collection = collection->id();
    kept.table = tables[row.table].name;
    kept.key = arena.keep(row.key);
    if (!tables[row.table].key_stated) {
      // No receiver knows our key, so a row cannot be corrected there: another content is another row, and the former
      // one is withdrawn.
      char suffix[20];
      const int size = std::snprintf(suffix, sizeof suffix, "#%016llx", static_cast<unsigned long long>(fastHash(row.encoded)));
      kept.key = arena.keep(std::string(row.key) + std::string(suffix, static_cast<std::size_t>(size)));
    }
    // Windows are cut by what happened on a day; what lasts (a patient, an open referral) may go in any.
    if (row.period_start == row.period_end) kept.period = arena.keep(row.period_start);
    kept.cells = arena.keep(row.encoded);
    kept.lineage = arena.keep(row.lineage);
    const auto issues = projection.issues.subspan(row.first_issue, row.issue_count);
    if (!issues.empty()) kept.issues = arena.keep(encodeIssues(issues, *collection));
    if (row.state == collection::RowState::kOk) {
      out.rows.push_back(kept);
      continue;
    }
    store::QuarantinedRow held;
    held.row = kept;
    for (const collection::RowIssue& issue : issues) {
      if (issue.grade == collection::Grade::kWarning) continue;
      held.rule = ruleOf(issue);
      held.reason = arena.keep(issue.issue.text);
      if (issue.cause != collection::RowIssue::kNoRow) {
        const collection::Row& cause = projection.rows[issue.cause];
        held.cause = arena.keep(tables[cause.table].name + "/" + std::string(cause.key));
      }
      break;
    }
    if (held.rule.empty()) held.rule = "quarantined";
    out.quarantined.push_back(held);
  }
  for (std::size_t i = 0; i < projection.outcomes.size(); ++i) {
    const collection::ResourceOutcome& outcome = projection.outcomes[i];
    store::ResourceOutcomeEntry entry;
    entry.type = arena.keep(subject[i].type);
    entry.id = arena.keep(subject[i].id);
    entry.seq = subject[i].seq;
    entry.outcome = outcome.outcome == collection::Outcome::kUsed       ? store::ResourceOutcome::kDelivered
                    : outcome.outcome == collection::Outcome::kFiltered ? store::ResourceOutcome::kFiltered
                                                                        : store::ResourceOutcome::kQuarantined;
    if (outcome.outcome != collection::Outcome::kUsed) {
      entry.rule = arena.keep(outcome.rule);
      entry.reason = arena.keep(outcome.reason);
    }
    out.outcomes.push_back(entry);
  }
  for (const auto& [key, seq] : shared_new) {
    if (out.rows.empty()) {  // it helped to make nothing that travels
      shared_seen.erase(seq);
      continue;
    }
    shared_outcomes.push_back({arena.keep(lease.source), arena.keep(key.type), arena.keep(key.id), seq,
                               store::ResourceOutcome::kDelivered, {}, {}});
  }
  shared_new.clear();
}

Result<void> Worker::Impl::projectSubject(const store::SubjectLease& lease, std::uint64_t generation, std::size_t& bytes) {
  bool complete = true;
  TRY_ASSIGN(const std::size_t loaded, loadSubject(lease, complete));
  bytes += loaded;
  PendingProjection& out = nextPending(lease);
  if (!complete) {
    quarantineWhole(out, "subject-too-large", "the resources of this subject are together larger than the limit of one subject");
    return {};
  }
  {
    const Stopwatch watch(counters.parse_ns);
    inputs.clear();
    for (std::size_t i = 0; i < used; ++i) {
      // It parsed when it was taken in; that it does not now means that the store gave back something else.
      if (auto read = reader.read(subject[i].text, subject[i].document); !read) {
        return fail(ErrorCode::kCorrupt, "journal entry " + std::to_string(subject[i].seq) + " can no longer be read: " + read.error().text);
      }
      inputs.push_back({&subject[i].document, subject[i].seq});
    }
    TRY_VOID(loadShared(lease, generation));
  }
  const Stopwatch watch(counters.project_ns);
  collection::ProjectOptions project;
  project.scope = lease.subject.starts_with("Patient/") ? collection::Scope::kPatient : collection::Scope::kProvider;
  project.lineage = options.lineage;
  project.now = clock.now();
  TRY_ASSIGN(const collection::Projection projection, projector.project(inputs, shared_inputs, project));
  keep(lease, projection, out);
  counters.resources.fetch_add(used, std::memory_order_relaxed);
  counters.rows.fetch_add(out.rows.size(), std::memory_order_relaxed);
  counters.quarantined.fetch_add(out.quarantined.size(), std::memory_order_relaxed);
  cache.trim();
  return {};
}

Result<void> Worker::Impl::commit() {
  const Stopwatch watch(counters.commit_ns);
  std::vector<store::Projection> projections;
  projections.reserve(pending_count);
  for (std::size_t i = 0; i < pending_count; ++i) {
    const PendingProjection& one = pending[i];
    projections.push_back({one.lease, collection_ids, one.rows, one.quarantined, one.outcomes});
  }
  FAULT_POINT("pipeline.worker.before_commit");
  // Shared resources first: after a crash in between the subjects are still dirty and all of it is done again. The other way
  // round nobody would come back to record them.
  if (!shared_outcomes.empty()) {
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t recorded, store.setOutcomes(shared_outcomes));
    shared_outcomes.clear();
    // Versions known to be in use; forgotten now and then so that the set stays small (to record one twice is harmless).
    if (shared_seen.size() > 100'000) shared_seen.clear();
  }
  TRY_ASSIGN(const auto results, store.commitProjections(projections));
  FAULT_POINT("pipeline.worker.after_commit");
  for (const store::ProjectionResult& result : results) {
    counters.changed_rows.fetch_add(result.inserted + result.changed, std::memory_order_relaxed);
  }
  return {};
}

Result<std::size_t> Worker::runOnce() {
  Impl& self = *impl_;
  std::uint64_t generation = 0;
  TRY_ASSIGN(const auto leases, self.gate.lease(generation, [&] {
               return self.store.takeDirty(self.options.batch_subjects, self.options.lease);
             }));
  self.arena.clear();
  self.pending_count = 0;
  if (!self.shared_outcomes.empty()) {  // left by a commit that failed; what they point to is gone
    self.shared_outcomes.clear();
    self.shared_seen.clear();
  }
  std::size_t bytes = 0;
  for (const store::SubjectLease& lease : leases) {
    auto projected = self.projectSubject(lease, generation, bytes);
    if (!projected && projected.error().retry == RetryClass::kPermanent && lease.attempts >= 3) {
      // It will not get better by itself: a person must look, and nobody waits for it.
      if (self.pending_count > 0 && self.pending[self.pending_count - 1].lease.subject_id == lease.subject_id) --self.pending_count;
      self.quarantineWhole(self.nextPending(lease), "projection-failed", self.arena.keep(projected.error().text));
      self.counters.failures.fetch_add(1, std::memory_order_relaxed);
    } else if (!projected) {
      // One subject that cannot be projected must not hold up the others; it comes again later, and the reason is kept.
      if (self.pending_count > 0 && self.pending[self.pending_count - 1].lease.subject_id == lease.subject_id) --self.pending_count;
      self.counters.failures.fetch_add(1, std::memory_order_relaxed);
      const std::uint32_t exponent = std::min<std::uint32_t>(lease.attempts, 8);
      const Duration pause{std::int64_t{1000} << exponent};
      TRY_VOID(self.store.releaseSubject(lease, self.clock.now() + pause, projected.error().text));
    } else if (bytes >= self.options.batch_bytes) {
      TRY_VOID(self.commit());
      self.pending_count = 0;
      bytes = 0;
      self.arena.clear();
    }
  }
  if (self.pending_count > 0) TRY_VOID(self.commit());
  self.counters.subjects.fetch_add(leases.size(), std::memory_order_relaxed);
  return leases.size();
}

}  // namespace tributary::pipeline
