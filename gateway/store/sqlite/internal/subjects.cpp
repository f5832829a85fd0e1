#include <algorithm>

#include "base/fault_point.h"
#include "base/hash.h"
#include "store/sqlite/internal/engine.h"

namespace tributary::store::sqlite {
namespace {

constexpr std::size_t kMaxCachedSubjects = 50'000;
constexpr std::size_t kFanoutStep = 20'000;  // referrers looked at in one transaction

std::string& cacheKey(std::int64_t source, std::string_view subject) {
  thread_local std::string key;
  key.assign(std::to_string(source)).append(1, '\0').append(subject);
  return key;
}

Result<WriterState::Subject*> findOrMake(WriterState& state, std::int64_t source, std::string_view subject) {
  std::string& key = cacheKey(source, subject);
  if (const auto found = state.subjects.find(key); found != state.subjects.end()) return &found->second;
  if (state.subjects.size() >= kMaxCachedSubjects) state.subjects.clear();
  std::int64_t id = 0;
  {
    Rows rows = state.database.query("SELECT id FROM subject WHERE source_id = ? AND subject_key = ?", source,
                                     subject);
    TRY_ASSIGN(const bool found, rows.next());
    if (found) id = rows->integer(0);
  }
  if (id == 0) {
    TRY_VOID(state.database.run(
        "INSERT INTO subject(source_id, subject_key, generation, queue_position, not_before, "
        "attempts, reason) VALUES(?,?,0,NULL,0,0,'')",
        source, subject));
    id = static_cast<std::int64_t>(state.database.lastId());
  }
  return &state.subjects.emplace(key, WriterState::Subject{id, false}).first->second;
}

// Works some of `fanout` off; false when nothing is left of it.
Result<bool> expandFanout(WriterState& state) {
  std::size_t budget = kFanoutStep;
  while (budget > 0) {
    std::int64_t target = 0, after = 0;
    {
      Rows rows =
          state.database.query("SELECT target_id, after_subject FROM fanout ORDER BY target_id LIMIT 1");
      TRY_ASSIGN(const bool found, rows.next());
      if (!found) return false;
      target = rows->integer(0);
      after = rows->integer(1);
    }
    std::vector<std::int64_t> subjects;
    {
      Rows rows = state.database.query(
          "SELECT subject_id FROM reference_subject WHERE target_id = ? AND subject_id > ? ORDER BY "
          "subject_id LIMIT ?",
          target, after, static_cast<std::uint64_t>(budget));
      for (;;) {
        TRY_ASSIGN(const bool more, rows.next());
        if (!more) break;
        subjects.push_back(rows->integer(0));
      }
    }
    for (const std::int64_t subject : subjects) TRY_VOID(markSubjectDirty(state, subject));
    if (subjects.size() < budget) {
      TRY_VOID(state.database.run("DELETE FROM fanout WHERE target_id = ?", target));
    } else {
      TRY_VOID(state.database.run("UPDATE fanout SET after_subject = ? WHERE target_id = ?", subjects.back(),
                                  target));
    }
    budget -= std::min(budget, subjects.size() + 1);
  }
  return true;
}

Result<void> collectDue(WriterState& state, std::size_t limit, Instant now, Instant expires,
                        std::vector<SubjectLease>& taken) {
  Rows rows = state.database.query(
      "SELECT id, source_id, subject_key, generation, attempts FROM subject WHERE queue_position IS NOT NULL "
      "AND "
      "not_before <= ? ORDER BY queue_position LIMIT ?",
      now, static_cast<std::uint64_t>(limit + state.leases.size()));
  while (taken.size() < limit) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    const std::int64_t id = rows->integer(0);
    if (const Leases::Lease* held = state.leases.find(id); held != nullptr && held->expires > now) continue;
    SubjectLease& lease = taken.emplace_back();
    lease.source = state.names.text(rows->integer(1));
    lease.subject = rows->text(2);
    lease.subject_id = static_cast<std::uint64_t>(id);
    lease.generation = rows->number(3);
    lease.attempts = static_cast<std::uint32_t>(rows->integer(4));
    lease.token = state.leases.nextToken();
    state.leases.set(id, {lease.token, expires, false});
  }
  return {};
}

}  // namespace

Result<std::int64_t> internSubject(WriterState& state, std::int64_t source, std::string_view subject) {
  if (subject.empty()) return 0;
  TRY_ASSIGN(const WriterState::Subject* known, findOrMake(state, source, subject));
  return known->id;
}

// A dirty subject that nobody works on needs no write: whoever takes it loads everything anyway. One that is
// leased needs a newer generation, once.
Result<std::int64_t> internDirtySubject(WriterState& state, std::int64_t source, std::string_view subject) {
  if (subject.empty()) return 0;
  TRY_ASSIGN(WriterState::Subject* const known, findOrMake(state, source, subject));
  if (known->queued && state.leases.find(known->id) == nullptr) return known->id;
  TRY_VOID(markSubjectDirty(state, known->id));
  known->queued = true;
  return known->id;
}

void forgetSubject(WriterState& state, std::int64_t source, std::string_view subject) {
  state.subjects.erase(cacheKey(source, subject));
}

Result<void> markSubjectDirty(WriterState& state, std::int64_t subject) {
  if (subject == 0) return {};
  const Leases::Lease* lease = state.leases.find(subject);
  if (lease != nullptr && lease->bumped) return {};
  if (lease == nullptr) {
    TRY_ASSIGN(
        const std::int64_t queued,
        state.database.integer(
            0, "SELECT queue_position IS NOT NULL AND not_before = 0 FROM subject WHERE id = ?", subject));
    if (queued != 0) return {};
  }
  TRY_VOID(
      state.database.run("UPDATE subject SET generation = generation + 1, queue_position = "
                         "coalesce(queue_position, ?), not_before = 0 "
                         "WHERE id = ?",
                         ++state.last_queue_position, subject));
  if (lease != nullptr) state.leases.set(subject, {lease->token, lease->expires, true});
  state.change.dirty = true;
  return {};
}

Result<std::vector<SubjectLease>> Engine::takeDirty(std::size_t limit, Duration lease_for) {
  std::vector<SubjectLease> taken;
  bool more = true;
  // The fan-out goes first: it may make subjects dirty that are wanted here. In pieces, so that others can
  // write between them.
  while (taken.empty() && more && limit > 0) {
    const Instant at = now();
    TRY_VOID(write([&](WriterState& state) -> Result<void> {
      taken.clear();
      TRY_ASSIGN(more, expandFanout(state));
      TRY_VOID(collectDue(state, limit, at, at + lease_for, taken));
      FAULT_POINT("store.take_dirty.before_commit");
      return {};
    }));
  }
  return taken;
}

// Hands the resource of the current row out; false: stop.
Result<bool> Engine::handOut(Database& database, const Rows& rows, std::size_t max_bytes, LoadResult& result,
                             const std::function<bool(const StoredResource&)>& on_resource) const {
  std::string text;
  {
    Rows body_row = database.query("SELECT data FROM body WHERE seq = ?", rows->number(7));
    TRY_ASSIGN(const bool found, body_row.next());
    if (!found) return fail(ErrorCode::kCorrupt, "store: the body of a resource is missing");
    TRY_VOID(codec_.decode(body_row->bytes(0), text));
  }
  StoredResource resource;
  resource.type = rows->bytes(0);
  resource.id = rows->bytes(1);
  resource.version_id = rows->bytes(2);
  resource.last_updated = rows->bytes(3);
  resource.seq = rows->number(4);
  resource.hash = {rows->number(5), rows->number(6)};
  resource.body = text;
  if (contentHash(text) != resource.hash) return fail(ErrorCode::kCorrupt, "store: a stored body is damaged");
  if (result.bytes + text.size() > max_bytes) {
    result.complete = false;
    return false;
  }
  ++result.resources;
  result.bytes += text.size();
  result.complete = on_resource(resource);
  return result.complete;
}

Result<LoadResult> Engine::loadSubject(const SubjectLease& lease, std::size_t max_bytes,
                                       const std::function<bool(const StoredResource&)>& on_resource) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  LoadResult result;
  // Sorted without the bodies; they are fetched one by one.
  Rows rows = database->query(
      "SELECT t.text, r.resource_id, r.version_id, r.last_updated, r.seq, r.hash_high, r.hash_low, "
      "r.body_seq "
      "FROM resource r CROSS JOIN name t ON t.id = r.type_id WHERE r.subject_id = ? AND r.subject_id > 0 AND "
      "r.deleted = 0 AND r.seq > 0 ORDER BY t.text, r.resource_id",
      lease.subject_id);
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return result;
    TRY_ASSIGN(const bool wanted, handOut(*database, rows, max_bytes, result, on_resource));
    if (!wanted) return result;
  }
}

Result<std::uint64_t> Engine::readSubjects(std::string_view source, std::string_view subject, std::uint64_t after,
                                           std::size_t limit,
                                           const std::function<bool(const SubjectLease&)>& on_subject) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT s.id, n.text, s.subject_key FROM subject s CROSS JOIN name n ON n.id = s.source_id WHERE s.id > ? AND "
      "(? = '' OR s.subject_key = ?) AND (? = '' OR n.text = ?) ORDER BY s.id LIMIT ?",
      after, subject, subject, source, source, static_cast<std::uint64_t>(limit));
  for (std::uint64_t count = 0;; ++count) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return count;
    SubjectLease out;
    out.subject_id = static_cast<std::uint64_t>(rows->integer(0));
    out.source = rows->text(1);
    out.subject = rows->text(2);
    if (!on_subject(out)) return count + 1;
  }
}

Result<LoadResult> Engine::load(std::string_view source, std::span<const ResourceKey> keys,
                                std::size_t max_bytes,
                                const std::function<bool(const StoredResource&)>& on_resource) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  LoadResult result;
  for (const ResourceKey& key : keys) {
    Rows rows = database->query(
        "SELECT t.text, r.resource_id, r.version_id, r.last_updated, r.seq, r.hash_high, r.hash_low, "
        "r.body_seq "
        "FROM resource r CROSS JOIN name n ON n.id = r.source_id CROSS JOIN name t ON t.id = r.type_id WHERE "
        "r.key_hash = ? AND r.resource_id = ? AND t.text = ? AND n.text = ? AND r.deleted = 0 AND r.seq > 0",
        resourceKeyHash(source, key.type, key.id), key.id, key.type, source);
    TRY_ASSIGN(const bool found, rows.next());
    if (!found) continue;
    TRY_ASSIGN(const bool wanted, handOut(*database, rows, max_bytes, result, on_resource));
    if (!wanted) return result;
  }
  return result;
}

Result<void> Engine::releaseSubject(const SubjectLease& lease, Instant not_before, std::string_view reason) {
  const auto id = static_cast<std::int64_t>(lease.subject_id);
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    const Leases::Lease* held = state.leases.find(id);
    if (held == nullptr || held->token != lease.token) return {};  // somebody else has it by now
    state.leases.erase(id);
    forgetSubject(state, state.names.find(lease.source), lease.subject);
    state.change.dirty = true;
    return state.database.run(
        "UPDATE subject SET queue_position = ?, not_before = ?, attempts = attempts + 1, reason = ? WHERE id "
        "= ? AND "
        "queue_position IS NOT NULL",
        ++state.last_queue_position, not_before, reason, id);
  }));
  return {};
}

Result<SubjectLease> Engine::leaseCounted(std::string_view subject, Duration lease_for) {
  if (!subject.starts_with(kCountedSubject))
    return fail(ErrorCode::kInvalidArgument, "store: a counted subject begins with " + std::string(kCountedSubject));
  SubjectLease lease;
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    // Of a source of its own: nothing that a source of resources does touches it.
    TRY_ASSIGN(const std::int64_t source, state.names.intern(state.database, kCountedSource));
    TRY_ASSIGN(const std::int64_t id, internSubject(state, source, subject));
    if (const Leases::Lease* held = state.leases.find(id); held != nullptr && held->expires > at)
      return fail(ErrorCode::kConflict, "store: the counted subject is being written", RetryClass::kRetryable);
    TRY_ASSIGN(const std::int64_t generation, state.database.integer(0, "SELECT generation FROM subject WHERE id = ?", id));
    lease = {};
    lease.source = kCountedSource;
    lease.subject = subject;
    lease.subject_id = static_cast<std::uint64_t>(id);
    lease.generation = static_cast<std::uint64_t>(generation);
    lease.token = state.leases.nextToken();
    state.leases.set(id, {lease.token, at + lease_for, false});
    return {};
  }));
  return lease;
}

Result<std::uint64_t> Engine::markDirty(std::string_view source, std::span<const std::string> subjects) {
  std::uint64_t marked = 0;
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    const std::int64_t source_id = state.names.find(source);
    marked = 0;
    if (source_id < 0) return {};
    for (const std::string& subject : subjects) {
      TRY_ASSIGN(const std::int64_t id,
                 state.database.integer(0, "SELECT id FROM subject WHERE subject_key = ? AND source_id = ?",
                                        subject, source_id));
      TRY_VOID(markSubjectDirty(state, id));
      if (id != 0) ++marked;
    }
    if (subjects.empty()) {
      TRY_ASSIGN(const std::int64_t last, state.database.integer(0, "SELECT max(id) FROM subject"));
      TRY_VOID(
          state.database.run("UPDATE subject SET generation = generation + 1, queue_position = "
                             "coalesce(queue_position, ? + id), "
                             "not_before = 0 WHERE (? = 0 OR source_id = ?) AND subject_key NOT GLOB ?",
                             state.last_queue_position, source_id, source_id, std::string(kCountedSubject) + "*"));
      marked = state.database.changes();
      state.last_queue_position += last;
      state.leases.markAllBumped();
      state.change.dirty = true;
    }
    FAULT_POINT("store.mark_dirty.before_commit");
    return {};
  }));
  return marked;
}

}  // namespace tributary::store::sqlite
