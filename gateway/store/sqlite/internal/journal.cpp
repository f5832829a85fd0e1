#include <algorithm>
#include <charconv>

#include "base/civil_time.h"
#include "base/fault_point.h"
#include "base/hash.h"
#include "store/sqlite/internal/engine.h"

namespace tributary::store::sqlite {
namespace {

constexpr std::size_t kMaxCachedTargets = 50'000;
constexpr std::size_t kMaxSeenReferences = 100'000;
constexpr int kMaxChain = 32;     // earlier versions that are compared with a new one
constexpr int kMaxReferrers = 4;  // steps from a shared resource to those that refer to it
constexpr std::size_t kMaxFanout = 100'000;

// What can be done without the database, on the caller's thread.
struct Prepared {
  struct Entry {
    ContentHash hash;
    std::int64_t key_hash = 0;
    std::size_t begin = 0, size = 0;  // in `blobs`
  };
  std::vector<Entry> entries;
  struct Reject {
    ContentHash hash;
    std::string blob;
  };
  std::vector<Reject> rejects;
  std::string blobs;
};

Prepared prepare(const AppendBatch& batch, const Codec& codec, std::size_t max_raw_bytes) {
  Prepared prepared;
  prepared.entries.reserve(batch.entries.size());
  for (const AppendEntry& entry : batch.entries) {
    Prepared::Entry& made = prepared.entries.emplace_back();
    made.hash = contentHash(entry.body);
    made.key_hash = resourceKeyHash(batch.source, entry.type, entry.id);
    made.begin = prepared.blobs.size();
    if (entry.operation == Operation::kUpsert) codec.encode(entry.type, entry.body, prepared.blobs);
    made.size = prepared.blobs.size() - made.begin;
  }
  for (const AppendReject& reject : batch.rejects) {
    Prepared::Reject& made = prepared.rejects.emplace_back();
    made.hash = contentHash(reject.raw);
    codec.encode({}, reject.raw.substr(0, max_raw_bytes), made.blob);
  }
  return prepared;
}

std::optional<std::uint64_t> wholeNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

// Whether one version is certainly older than another. lastUpdated decides; a tie or a lack of it leaves it
// to version ids that are numbers (servers count them up; FHIR does not promise it). Otherwise the later
// arrival wins.
bool isOlder(const AppendEntry& entry, std::string_view version_id, std::string_view last_updated) {
  const std::optional<Instant> mine = parseInstant(entry.last_updated), its = parseInstant(last_updated);
  if (mine && its && *mine != *its) return *mine < *its;
  // Of the same time, or one of them without a time (a delete in a history may have its version only).
  const std::optional<std::uint64_t> my_version = wholeNumber(entry.version_id),
                                     its_version = wholeNumber(version_id);
  return my_version && its_version && *my_version < *its_version;
}

struct Existing {
  std::int64_t id = 0, subject = 0;
  std::uint64_t seq = 0, newest_seq = 0;
  bool deleted = false, referenced = false;
  ContentHash hash;
  std::string version_id, last_updated;
};

class Appender {
 public:
  Appender(WriterState& state, const AppendBatch& batch, const Prepared& prepared, Instant now,
           std::size_t max_raw_bytes, AppendResult& result)
      : state_(state),
        database_(state.database),
        batch_(batch),
        prepared_(prepared),
        now_(now),
        max_raw_bytes_(max_raw_bytes),
        result_(result) {}

  Result<void> run() {
    result_ = {};
    result_.outcomes.reserve(batch_.entries.size());
    TRY_ASSIGN(source_, state_.names.intern(database_, batch_.source));
    for (std::size_t index = 0; index < batch_.entries.size(); ++index) {
      TRY_ASSIGN(const AppendOutcome outcome, entry(batch_.entries[index], prepared_.entries[index]));
      result_.outcomes.push_back(outcome);
      ++(outcome == AppendOutcome::kStored      ? result_.stored
         : outcome == AppendOutcome::kDuplicate ? result_.duplicates
                                                : result_.stale);
    }
    for (std::size_t index = 0; index < batch_.rejects.size(); ++index) {
      TRY_VOID(reject(batch_.rejects[index], prepared_.rejects[index]));
    }
    for (const CursorMove& cursor : batch_.cursors) {
      TRY_VOID(database_.run(
          "INSERT INTO cursor VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET value = excluded.value, "
          "moved_at = excluded.moved_at",
          source_, cursor.name, cursor.value, now_));
    }
    if (batch_.entries.empty() && batch_.rejects.empty()) return {};
    return database_.run(
        "INSERT INTO source_count VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET received = received + "
        "excluded.received, duplicates = duplicates + excluded.duplicates, rejected = rejected + "
        "excluded.rejected, "
        "rejected_again = rejected_again + excluded.rejected_again",
        source_, static_cast<std::uint64_t>(batch_.entries.size()), result_.duplicates, result_.rejected,
        result_.rejected_again);
  }

  // As Store::place; how many resources moved.
  Result<std::uint64_t> move() {
    std::uint64_t moved = 0;
    TRY_ASSIGN(source_, state_.names.intern(database_, batch_.source));
    for (std::size_t index = 0; index < batch_.entries.size(); ++index) {
      const AppendEntry& given = batch_.entries[index];
      const Prepared::Entry& made = prepared_.entries[index];
      TRY_VOID(internType(given.type));
      TRY_ASSIGN(const bool known, find(given.type, type_, given.id, made.key_hash));
      if (!known || existing_.seq == 0 || existing_.deleted || existing_.hash != made.hash) continue;
      TRY_ASSIGN(const std::int64_t subject, internSubject(state_, source_, given.subject));
      if (subject == existing_.subject) continue;
      TRY_ASSIGN(const std::int64_t rule, state_.names.intern(database_, given.outcome_rule));
      TRY_VOID(database_.run(
          "UPDATE resource SET subject_id = ?, outcome = ?, rule_id = ?, reason = ? WHERE id = ?", subject,
          static_cast<int>(given.outcome), rule, given.outcome_reason, existing_.id));
      TRY_VOID(markSubjectDirty(state_, existing_.subject));
      TRY_VOID(markSubjectDirty(state_, subject));
      TRY_VOID(referAll(given, subject, existing_.id));
      ++moved;
    }
    return moved;
  }

 private:
  Result<void> internType(std::string_view name) {
    if (name == type_name_) return {};
    TRY_ASSIGN(type_, state_.names.intern(database_, name));
    type_name_ = name;
    return {};
  }

  Result<AppendOutcome> entry(const AppendEntry& given, const Prepared::Entry& made) {
    TRY_VOID(internType(given.type));
    TRY_ASSIGN(const bool known, find(given.type, type_, given.id, made.key_hash));
    bool stale = false;
    std::uint64_t body_seq = 0;
    if (known && existing_.seq > 0) {
      const bool is_delete = given.operation == Operation::kDelete;
      if (is_delete == existing_.deleted && (is_delete || made.hash == existing_.hash))
        return AppendOutcome::kDuplicate;
      stale = isOlder(given, existing_.version_id, existing_.last_updated);
      TRY_ASSIGN(const std::optional<Version> same, findVersion(given, made.hash));
      if (same) {
        // Told of the past, a version that names itself is the same one whenever it comes. Told of now, it is how things
        // are again: put, deleted, and put once more with the same meta.
        const bool marked = !given.version_id.empty() || !given.last_updated.empty();
        if (stale || (given.past && marked)) return AppendOutcome::kDuplicate;
        body_seq = same->body_seq;
      }
    }
    return store(given, made, known, stale, body_seq);
  }

  Result<AppendOutcome> store(const AppendEntry& given, const Prepared::Entry& made, bool known, bool stale,
                              std::uint64_t body_seq) {
    const std::uint64_t seq = ++state_.last_seq;
    const bool is_delete = given.operation == Operation::kDelete;
    const bool preset = given.outcome != ResourceOutcome::kJournalled;
    if (!is_delete && body_seq == 0) {
      body_seq = seq;
      TRY_VOID(database_.run("INSERT INTO body VALUES(?,?)", seq,
                             Blob{std::string_view(prepared_.blobs).substr(made.begin, made.size)}));
    }
    std::int64_t subject = 0;
    if (given.subject.empty() && is_delete) {
      subject = existing_.subject;
      if (subject != 0 && !stale && !preset) TRY_VOID(markSubjectDirty(state_, subject));
    } else if (stale || preset) {
      TRY_ASSIGN(subject, internSubject(state_, source_, given.subject));
    } else if (!given.subject.empty()) {
      TRY_ASSIGN(subject, internDirtySubject(state_, source_, given.subject));
    }
    // A delete without a time and a version is placed at the version that it ends, so that older ones cannot come
    // back. With a version that says enough; that time would be too early where versions in between are missing.
    const bool placeless = given.last_updated.empty() && !wholeNumber(given.version_id);
    const std::string_view last_updated = is_delete && placeless && known
                                              ? std::string_view(existing_.last_updated)
                                              : given.last_updated;
    TRY_ASSIGN(const std::int64_t resource,
               current(given, made, known, stale, {seq, body_seq, subject, is_delete, last_updated}));
    TRY_VOID(database_.run("INSERT INTO journal VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)", seq, source_, resource,
                           is_delete, stale, given.version_id, given.last_updated, made.hash.high,
                           made.hash.low, now_, body_seq, existing_.newest_seq, subject));
    result_.last_seq = seq;
    if (stale) return AppendOutcome::kStale;
    if (known && existing_.subject != subject && existing_.subject != 0) {
      TRY_VOID(markSubjectDirty(state_, existing_.subject));
    }
    if (known && existing_.referenced) TRY_VOID(spread(resource));
    TRY_VOID(referAll(given, subject, resource));
    state_.change.dirty = true;
    return AppendOutcome::kStored;
  }

  struct Made {
    std::uint64_t seq, body_seq;
    std::int64_t subject;
    bool is_delete;
    std::string_view last_updated;
  };

  // Brings the row of `resource` up to date; its id.
  Result<std::int64_t> current(const AppendEntry& given, const Prepared::Entry& made, bool known, bool stale,
                               const Made& version) {
    if (stale) {
      TRY_VOID(database_.run("UPDATE resource SET newest_seq = ? WHERE id = ?", version.seq, existing_.id));
      return existing_.id;
    }
    ResourceOutcome outcome = given.outcome;
    // Nobody projects a shared resource: its delete is done with this.
    if (version.is_delete && version.subject == 0 && outcome == ResourceOutcome::kJournalled) {
      outcome = ResourceOutcome::kDeleted;
    }
    TRY_ASSIGN(const std::int64_t rule, state_.names.intern(database_, given.outcome_rule));
    if (!known) {
      TRY_VOID(database_.run(
          "INSERT INTO resource(key_hash, source_id, type_id, resource_id, subject_id, seq, newest_seq, "
          "deleted, "
          "referenced, version_id, last_updated, hash_high, hash_low, body_seq, outcome, rule_id, reason) "
          "VALUES(?,?,?,?,?,?,?,?,0,?,?,?,?,?,?,?,?)",
          made.key_hash, source_, type_, given.id, version.subject, version.seq, version.seq,
          version.is_delete, given.version_id, version.last_updated, made.hash.high, made.hash.low,
          version.body_seq, static_cast<int>(outcome), rule, given.outcome_reason));
      return static_cast<std::int64_t>(database_.lastId());
    }
    TRY_VOID(database_.run(
        "UPDATE resource SET subject_id = ?, seq = ?, newest_seq = ?, deleted = ?, version_id = ?, "
        "last_updated = ?, "
        "hash_high = ?, hash_low = ?, body_seq = ?, outcome = ?, rule_id = ?, reason = ? WHERE id = ?",
        version.subject, version.seq, version.seq, version.is_delete, given.version_id, version.last_updated,
        made.hash.high, made.hash.low, version.body_seq, static_cast<int>(outcome), rule,
        given.outcome_reason, existing_.id));
    return existing_.id;
  }

  // Fills existing_; false (and an empty existing_) when there is no such resource.
  Result<bool> find(std::string_view, std::int64_t type, std::string_view id, std::int64_t key_hash) {
    Rows rows = database_.query(
        "SELECT id, source_id, type_id, resource_id, subject_id, seq, newest_seq, deleted, referenced, "
        "hash_high, "
        "hash_low, version_id, last_updated FROM resource WHERE key_hash = ?",
        key_hash);
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      if (rows->integer(1) != source_ || rows->integer(2) != type || rows->bytes(3) != id) continue;
      existing_.id = rows->integer(0);
      existing_.subject = rows->integer(4);
      existing_.seq = rows->number(5);
      existing_.newest_seq = rows->number(6);
      existing_.deleted = rows->flag(7);
      existing_.referenced = rows->flag(8);
      existing_.hash = {rows->number(9), rows->number(10)};
      existing_.version_id.assign(rows->bytes(11));
      existing_.last_updated.assign(rows->bytes(12));
      return true;
    }
    existing_.id = existing_.subject = 0;
    existing_.seq = existing_.newest_seq = 0;
    existing_.deleted = existing_.referenced = false;
    existing_.version_id.clear();
    existing_.last_updated.clear();
    return false;
  }

  struct Version {
    std::uint64_t body_seq;
  };

  // An earlier version with the same content, among the newest kMaxChain.
  Result<std::optional<Version>> findVersion(const AppendEntry& given, const ContentHash& hash) {
    const bool is_delete = given.operation == Operation::kDelete;
    // A delete has no content to be known by: its marks must do.
    if (is_delete && given.version_id.empty() && given.last_updated.empty()) return std::nullopt;
    std::uint64_t seq = existing_.newest_seq;
    for (int step = 0; step < kMaxChain && seq != 0; ++step) {
      Rows rows = database_.query(
          "SELECT operation, hash_high, hash_low, body_seq, previous_seq, version_id, last_updated FROM journal "
          "WHERE seq = ?",
          seq);
      TRY_ASSIGN(const bool found, rows.next());
      if (!found) break;
      const bool same = is_delete ? rows->text(5) == given.version_id && rows->text(6) == given.last_updated
                                  : ContentHash{rows->number(1), rows->number(2)} == hash;
      if (rows->flag(0) == is_delete && same) return Version{rows->number(3)};
      seq = rows->number(4);
    }
    return std::nullopt;
  }

  // From the subject, so that it looks again; from a shared resource itself, so that those who refer to it do.
  Result<void> referAll(const AppendEntry& given, std::int64_t subject, std::int64_t resource) {
    for (const ResourceKey& reference : given.references) {
      TRY_ASSIGN(const std::int64_t target, targetId(reference));
      if (target == resource) continue;
      if (subject != 0) TRY_VOID(referFromSubject(target, subject));
      if (subject != 0 && !given.shared) continue;
      TRY_VOID(database_.run("INSERT OR IGNORE INTO reference_resource VALUES(?,?)", target, resource));
    }
    return {};
  }

  Result<void> referFromSubject(std::int64_t target, std::int64_t subject) {
    constexpr std::int64_t kPackable = std::int64_t{1} << 31;
    if (target < kPackable && subject < kPackable) {
      if (state_.seen_references.size() >= kMaxSeenReferences) state_.seen_references.clear();
      const auto packed = static_cast<std::uint64_t>(target) << 32 | static_cast<std::uint64_t>(subject);
      if (!state_.seen_references.insert(packed).second) return {};
    }
    return database_.run("INSERT OR IGNORE INTO reference_subject VALUES(?,?)", target, subject);
  }

  // The id of a resource that is referred to; a row without a version stands in until it comes.
  Result<std::int64_t> targetId(const ResourceKey& target) {
    key_.assign(batch_.source).append(1, '\0').append(target.type).append(1, '\0').append(target.id);
    if (const auto found = state_.targets.find(key_); found != state_.targets.end()) return found->second;
    if (state_.targets.size() >= kMaxCachedTargets) state_.targets.clear();
    const std::int64_t hash = resourceKeyHash(batch_.source, target.type, target.id);
    TRY_ASSIGN(const std::int64_t type, state_.names.intern(database_, target.type));
    const Existing kept = existing_;
    TRY_ASSIGN(const bool known, find(target.type, type, target.id, hash));
    const Existing found = std::exchange(existing_, kept);
    std::int64_t id = found.id;
    if (!known) {
      TRY_VOID(database_.run(
          "INSERT INTO resource(key_hash, source_id, type_id, resource_id, subject_id, seq, newest_seq, "
          "deleted, "
          "referenced, version_id, last_updated, hash_high, hash_low, body_seq, outcome, rule_id, reason) "
          "VALUES(?,?,?,?,0,0,0,0,1,'','',0,0,0,0,0,'')",
          hash, source_, type, target.id));
      id = static_cast<std::int64_t>(database_.lastId());
    } else if (!found.referenced) {
      TRY_VOID(database_.run("UPDATE resource SET referenced = 1 WHERE id = ?", id));
    }
    state_.targets.emplace(key_, id);
    return id;
  }

  // Those who refer to a changed resource must look again. Marking them is left to takeDirty, piece by piece:
  // an organisation may have a hundred thousand subjects.
  Result<void> spread(std::int64_t resource) {
    std::vector<std::int64_t> level{resource}, all{resource};
    for (int step = 0; step < kMaxReferrers && !level.empty() && all.size() < kMaxFanout; ++step) {
      std::vector<std::int64_t> next;
      for (const std::int64_t target : level) {
        Rows rows = database_.query("SELECT resource_id FROM reference_resource WHERE target_id = ?", target);
        for (;;) {
          TRY_ASSIGN(const bool more, rows.next());
          if (!more || all.size() + next.size() >= kMaxFanout) break;
          next.push_back(rows->integer(0));
        }
      }
      all.insert(all.end(), next.begin(), next.end());
      level = std::move(next);
    }
    std::ranges::sort(all);
    const auto repeated = std::ranges::unique(all);
    all.erase(repeated.begin(), repeated.end());
    for (const std::int64_t target : all) {
      TRY_VOID(database_.run("INSERT INTO fanout VALUES(?,0) ON CONFLICT DO UPDATE SET after_subject = 0",
                             target));
    }
    return {};
  }

  Result<void> reject(const AppendReject& given, const Prepared::Reject& made) {
    TRY_ASSIGN(const std::int64_t rule, state_.names.intern(database_, given.rule));
    TRY_VOID(
        database_.run("UPDATE reject SET times = times + 1, last_at = ? WHERE source_id = ? AND hash_high = "
                      "? AND hash_low = ? "
                      "AND rule_id = ?",
                      now_, source_, made.hash.high, made.hash.low, rule));
    if (database_.changes() > 0) {
      ++result_.rejected_again;
      return {};
    }
    ++result_.rejected;
    return database_.run(
        "INSERT INTO reject(source_id, hash_high, hash_low, rule_id, place, line, text, first_at, last_at, "
        "times, "
        "raw_bytes, truncated, raw) VALUES(?,?,?,?,?,?,?,?,?,1,?,?,?)",
        source_, made.hash.high, made.hash.low, rule, given.where, given.line, given.text, now_, now_,
        static_cast<std::uint64_t>(given.raw.size()), given.raw.size() > max_raw_bytes_, Blob{made.blob});
  }

  WriterState& state_;
  Database& database_;
  const AppendBatch& batch_;
  const Prepared& prepared_;
  const Instant now_;
  const std::size_t max_raw_bytes_;
  AppendResult& result_;
  std::int64_t source_ = 0, type_ = 0;
  std::string_view type_name_;
  Existing existing_;
  std::string key_;
};

Result<void> check(const AppendBatch& batch) {
  if (batch.source.empty()) return fail(ErrorCode::kInvalidArgument, "store: a batch needs its source");
  for (const AppendEntry& entry : batch.entries) {
    const bool needs_rule =
        entry.outcome == ResourceOutcome::kFiltered || entry.outcome == ResourceOutcome::kQuarantined;
    if (entry.type.empty() || entry.id.empty() || (needs_rule && entry.outcome_rule.empty())) {
      return fail(ErrorCode::kInvalidArgument, "store: an entry needs type and id, an outcome its rule");
    }
  }
  return {};
}

}  // namespace

Result<AppendResult> Engine::append(const AppendBatch& batch) {
  TRY_VOID(check(batch));
  if (writer_ != nullptr) collectSamples(batch);
  const Prepared prepared = prepare(batch, codec_, options_.max_raw_bytes);
  AppendResult result;
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    TRY_VOID(Appender(state, batch, prepared, at, options_.max_raw_bytes, result).run());
    FAULT_POINT("store.append.before_commit");
    return {};
  }));
  FAULT_POINT("store.append.after_commit");
  return result;
}

Result<std::uint64_t> Engine::place(const AppendBatch& batch) {
  TRY_VOID(check(batch));
  if (!batch.rejects.empty() || !batch.cursors.empty()) {
    return fail(ErrorCode::kInvalidArgument, "store: placing moves resources only");
  }
  for (const AppendEntry& entry : batch.entries) {
    if (entry.operation != Operation::kUpsert)
      return fail(ErrorCode::kInvalidArgument, "store: a delete cannot be placed");
  }
  const Prepared prepared = prepare(batch, codec_, options_.max_raw_bytes);
  AppendResult unused;
  std::uint64_t moved = 0;
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    TRY_ASSIGN(moved, Appender(state, batch, prepared, at, options_.max_raw_bytes, unused).move());
    FAULT_POINT("store.place.before_commit");
    return {};
  }));
  return moved;
}

// A dictionary is made durable before the first body that needs it.
void Engine::collectSamples(const AppendBatch& batch) {
  for (const AppendEntry& entry : batch.entries) {
    if (entry.operation != Operation::kUpsert) continue;
    const Codec::Trained trained = codec_.sample(entry.type, entry.body);
    if (trained.data.empty()) continue;
    const Result<void> stored = write([&](WriterState& state) -> Result<void> {
      TRY_ASSIGN(const std::int64_t type, state.names.intern(state.database, entry.type));
      return state.database.run("INSERT INTO dictionary VALUES(?,?,?)", trained.id, type, Blob{trained.data});
    });
    if (stored) codec_.addDictionary(trained.id, entry.type, trained.data);
  }
}

Result<std::optional<std::string>> Engine::cursor(std::string_view source, std::string_view name) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT c.value FROM name n JOIN cursor c ON c.source_id = n.id WHERE n.text = ? AND c.name = ?",
      source, name);
  TRY_ASSIGN(const bool found, rows.next());
  if (!found) return std::nullopt;
  return rows->text(0);
}

Result<void> Engine::setCursor(std::string_view source, std::string_view name, std::string_view value) {
  const CursorMove move{name, value};
  AppendBatch batch;
  batch.source = source;
  batch.cursors = std::span(&move, 1);
  TRY_VOID(append(batch));
  return {};
}

Result<std::uint64_t> Engine::readJournal(std::uint64_t after, std::size_t limit, bool with_bodies,
                                          const std::function<bool(const JournalRecord&)>& on_record) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT j.seq, j.operation, n.text, t.text, r.resource_id, j.version_id, j.last_updated, "
      "coalesce(s.subject_key, ''), j.hash_high, j.hash_low, j.received_at, r.seq = j.seq, CASE WHEN r.used_seq = "
      "r.seq THEN 1 ELSE r.outcome END, j.body_seq "
      "FROM journal j CROSS JOIN resource r ON r.id = j.resource_id CROSS JOIN name n ON n.id = j.source_id "
      "CROSS JOIN name t ON t.id = r.type_id LEFT JOIN subject s ON s.id = j.subject_id WHERE j.seq > ? "
      "ORDER BY j.seq LIMIT ?",
      after, static_cast<std::uint64_t>(limit));
  std::string text;
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return after;
    JournalRecord record;
    record.seq = rows->number(0);
    record.operation = static_cast<Operation>(rows->integer(1));
    record.source = rows->bytes(2);
    record.type = rows->bytes(3);
    record.id = rows->bytes(4);
    record.version_id = rows->bytes(5);
    record.last_updated = rows->bytes(6);
    record.subject = rows->bytes(7);
    record.hash = {rows->number(8), rows->number(9)};
    record.received_at = rows->instant(10);
    record.current = rows->flag(11);
    if (record.current) record.outcome = static_cast<ResourceOutcome>(rows->integer(12));
    if (with_bodies && rows->integer(13) != 0) {
      Rows body_row = database->query("SELECT data FROM body WHERE seq = ?", rows->number(13));
      TRY_ASSIGN(const bool found, body_row.next());
      if (!found) return fail(ErrorCode::kCorrupt, "store: the body of a journal row is missing");
      TRY_VOID(codec_.decode(body_row->bytes(0), text));
      record.body = text;
    }
    after = record.seq;
    if (!on_record(record)) return after;
  }
}

Result<std::vector<JournalVersion>> Engine::history(std::string_view source, std::string_view type,
                                                    std::string_view id) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  std::vector<JournalVersion> versions;
  std::uint64_t seq = 0, current = 0;
  {
    Rows rows = database->query(
        "SELECT r.newest_seq, r.seq FROM resource r JOIN name n ON n.id = r.source_id JOIN name t ON t.id = "
        "r.type_id "
        "WHERE r.key_hash = ? AND n.text = ? AND t.text = ? AND r.resource_id = ?",
        resourceKeyHash(source, type, id), source, type, id);
    TRY_ASSIGN(const bool found, rows.next());
    if (!found) return versions;
    seq = rows->number(0);
    current = rows->number(1);
  }
  while (seq != 0) {
    Rows rows = database->query(
        "SELECT operation, version_id, last_updated, hash_high, hash_low, received_at, previous_seq FROM "
        "journal "
        "WHERE seq = ?",
        seq);
    TRY_ASSIGN(const bool found, rows.next());
    if (!found) return fail(ErrorCode::kCorrupt, "store: a journal row is missing");
    JournalVersion& version = versions.emplace_back();
    version.seq = seq;
    version.operation = static_cast<Operation>(rows->integer(0));
    version.version_id = rows->text(1);
    version.last_updated = rows->text(2);
    version.hash = {rows->number(3), rows->number(4)};
    version.received_at = rows->instant(5);
    version.current = seq == current;
    seq = rows->number(6);
  }
  return versions;
}

Result<std::optional<std::string>> Engine::body(std::uint64_t seq) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT b.data, j.hash_high, j.hash_low FROM journal j JOIN body b ON b.seq = j.body_seq WHERE j.seq = "
      "?",
      seq);
  TRY_ASSIGN(const bool found, rows.next());
  if (!found) return std::nullopt;
  std::string text;
  TRY_VOID(codec_.decode(rows->bytes(0), text));
  if (contentHash(text) != ContentHash{rows->number(1), rows->number(2)}) {
    return fail(ErrorCode::kCorrupt, "store: a stored body is damaged");
  }
  return text;
}

Result<std::vector<RejectRecord>> Engine::rejects(std::uint64_t after, std::size_t limit, bool with_raw) {
  TRY_ASSIGN(const Readers::Lease database, readers_.take());
  Rows rows = database->query(
      "SELECT j.id, n.text, j.place, r.text, j.text, j.line, j.first_at, j.last_at, j.times, j.raw_bytes, "
      "j.truncated, CASE WHEN ? THEN j.raw END FROM reject j JOIN name n ON n.id = j.source_id LEFT JOIN "
      "name r ON "
      "r.id = j.rule_id WHERE j.id > ? ORDER BY j.id LIMIT ?",
      with_raw, after, static_cast<std::uint64_t>(limit));
  std::vector<RejectRecord> records;
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return records;
    RejectRecord& record = records.emplace_back();
    record.id = rows->number(0);
    record.source = rows->text(1);
    record.where = rows->text(2);
    record.rule = rows->text(3);
    record.text = rows->text(4);
    record.line = rows->number(5);
    record.first_at = rows->instant(6);
    record.last_at = rows->instant(7);
    record.times = rows->number(8);
    record.raw_bytes = rows->number(9);
    record.truncated = rows->flag(10);
    if (with_raw) TRY_VOID(codec_.decode(rows->bytes(11), record.raw));
  }
}

}  // namespace tributary::store::sqlite
