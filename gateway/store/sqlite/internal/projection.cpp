#include <algorithm>
#include <unordered_set>

#include "base/fault_point.h"
#include "base/hash.h"
#include "store/sqlite/internal/engine.h"

namespace tributary::store::sqlite {
namespace {

constexpr std::string_view kDuplicateRule = "ledger-duplicate-key";
constexpr std::string_view kDuplicateReason =
    "another row holds the same key in this table; only one of them can be delivered";

struct PreparedRow {
  std::int64_t key_hash = 0;
  ContentHash hash;
  std::int64_t side_hash = 0;
};

struct PreparedProjection {
  std::vector<PreparedRow> rows, quarantined;
};

// Length before each part, so that parts cannot flow into one another.
void appendPart(std::string& buffer, std::string_view part) {
  const std::uint64_t size = part.size();
  buffer.append(reinterpret_cast<const char*>(&size), sizeof size).append(part);
}

PreparedRow prepareRow(const ProjectedRow& row, std::string& buffer) {
  PreparedRow made;
  made.key_hash = rowKeyHash(row.collection, row.table, row.key);
  made.hash = contentHash(row.cells);
  buffer.clear();
  for (const std::string_view part : {row.period, row.issues, row.lineage}) appendPart(buffer, part);
  made.side_hash = static_cast<std::int64_t>(fastHash(buffer));
  return made;
}

PreparedProjection prepare(const Projection& projection) {
  PreparedProjection prepared;
  std::string buffer;
  prepared.rows.reserve(projection.rows.size());
  for (const ProjectedRow& row : projection.rows) prepared.rows.push_back(prepareRow(row, buffer));
  for (const QuarantinedRow& row : projection.quarantined) {
    PreparedRow made = prepareRow(row.row, buffer);
    for (const std::string_view part : {row.row.cells, row.rule, row.reason, row.cause})
      appendPart(buffer, part);
    made.hash = contentHash(buffer);
    prepared.quarantined.push_back(made);
  }
  return prepared;
}

// One subject's new state against its old one.
class Committer {
 public:
  Committer(WriterState& state, const Projection& projection, const PreparedProjection& prepared, Instant now,
            ProjectionResult& result)
      : state_(state),
        database_(state.database),
        projection_(projection),
        prepared_(prepared),
        now_(now),
        result_(result),
        subject_(static_cast<std::int64_t>(projection.lease.subject_id)) {}

  Result<void> run() {
    result_ = {};
    const Leases::Lease* held = state_.leases.find(subject_);
    if (held == nullptr || held->token != projection_.lease.token) {
      result_.lease_lost = true;
      return {};
    }
    TRY_ASSIGN(source_, state_.names.intern(database_, projection_.lease.source));
    for (const std::string& collection : projection_.collections) {
      TRY_ASSIGN(const std::int64_t id, state_.names.intern(database_, collection));
      collections_.push_back(id);
    }
    TRY_VOID(loadPresent());
    TRY_VOID(locateAll());
    if (projection_.refuse_conflicts && !result_.conflicts.empty()) {
      result_.refused = true;
      return {};
    }
    result_.conflicts.clear();
    for (std::size_t index = 0; index < projection_.rows.size(); ++index) TRY_VOID(place(index));
    for (std::size_t index = 0; index < projection_.quarantined.size(); ++index) {
      const QuarantinedRow& row = projection_.quarantined[index];
      TRY_VOID(quarantine(row, prepared_.quarantined[index], row.key_held));
      if (row.key_held) TRY_VOID(lookAgainIfFree(row.row, prepared_.quarantined[index].key_hash));
    }
    for (const Present& row : present_) {
      if (!row.matched && !row.deleted) TRY_VOID(vanish(row));
    }
    for (const auto& [hash, id] : old_quarantine_) {
      TRY_VOID(database_.run("DELETE FROM quarantine WHERE id = ?", id));
    }
    for (const ResourceOutcomeEntry& outcome : projection_.outcomes) TRY_VOID(record(outcome));
    for (const ResourceVersion& version : projection_.used) TRY_VOID(recordUse(version));
    return settle();
  }

 private:
  struct Present {
    std::int64_t id = 0, collection = 0, table = 0, key_hash = 0, side_hash = 0;
    std::string key;
    std::uint64_t version = 0;
    ContentHash hash;
    bool deleted = false, held = false, matched = false;
  };
  struct HashOfHash {
    std::size_t operator()(const ContentHash& hash) const { return static_cast<std::size_t>(hash.low); }
  };

  bool covers(std::int64_t collection) const {
    return std::ranges::find(collections_, collection) != collections_.end();
  }

  Result<void> loadPresent() {
    Rows rows = database_.query(
        "SELECT id, collection_id, table_id, key_hash, row_key, version, hash_high, hash_low, side_hash, "
        "deleted, held "
        "FROM ledger WHERE subject_id = ?",
        subject_);
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      if (!covers(rows->integer(1))) continue;
      Present& row = present_.emplace_back();
      row.id = rows->integer(0);
      row.collection = rows->integer(1);
      row.table = rows->integer(2);
      row.key_hash = rows->integer(3);
      row.key = rows->text(4);
      row.version = rows->number(5);
      row.hash = {rows->number(6), rows->number(7)};
      row.side_hash = rows->integer(8);
      row.deleted = rows->flag(9);
      row.held = rows->flag(10);
    }
    for (std::size_t index = 0; index < present_.size(); ++index)
      by_key_.emplace(present_[index].key_hash, index);
    Rows quarantined = database_.query(
        "SELECT id, collection_id, hash_high, hash_low FROM quarantine WHERE subject_id = ?", subject_);
    for (;;) {
      TRY_ASSIGN(const bool more, quarantined.next());
      if (!more) return {};
      if (!covers(quarantined->integer(1))) continue;
      old_quarantine_.emplace(ContentHash{quarantined->number(2), quarantined->number(3)},
                              quarantined->integer(0));
    }
  }

  Present* findPresent(std::int64_t collection, std::int64_t table, std::string_view key,
                       std::int64_t key_hash) {
    const auto [begin, end] = by_key_.equal_range(key_hash);
    for (auto found = begin; found != end; ++found) {
      Present& row = present_[found->second];
      if (row.collection == collection && row.table == table && row.key == key) return &row;
    }
    return nullptr;
  }

  Result<std::int64_t> internCached(std::string_view name, std::string_view& last_name,
                                    std::int64_t& last_id) {
    if (name != last_name || last_id == 0) {
      TRY_ASSIGN(last_id, state_.names.intern(database_, name));
      last_name = name;
    }
    return last_id;
  }

  // Where a row's key is now: with this subject, with another one, or nowhere.
  struct Place {
    std::int64_t collection = 0, table = 0;
    std::optional<Present> elsewhere;
  };

  Result<Place> locate(const ProjectedRow& row, std::int64_t key_hash) {
    Place place;
    TRY_ASSIGN(place.collection, internCached(row.collection, last_collection_, last_collection_id_));
    TRY_ASSIGN(place.table, internCached(row.table, last_table_, last_table_id_));
    if (findPresent(place.collection, place.table, row.key, key_hash) == nullptr) {
      TRY_ASSIGN(place.elsewhere, findElsewhere(place.collection, place.table, row.key, key_hash));
    }
    return place;
  }

  Result<void> locateAll() {
    places_.reserve(projection_.rows.size());
    for (std::size_t index = 0; index < projection_.rows.size(); ++index) {
      TRY_ASSIGN(Place place, locate(projection_.rows[index], prepared_.rows[index].key_hash));
      if (place.elsewhere && !place.elsewhere->deleted)
        result_.conflicts.push_back(static_cast<std::uint32_t>(index));
      places_.push_back(std::move(place));
    }
    return {};
  }

  Result<void> place(std::size_t index) {
    const ProjectedRow& row = projection_.rows[index];
    const PreparedRow& made = prepared_.rows[index];
    const auto& [collection, table, other] = places_[index];
    Present* old = findPresent(collection, table, row.key, made.key_hash);
    if (old != nullptr && old->matched) return conflict(index);
    if (old == nullptr) {
      if (other && !other->deleted) return conflict(index);
      if (!other) return insert(row, made, collection, table);
      // The key was withdrawn with another subject and comes back with this one.
      TRY_VOID(change(row, made, *other));
      remember(other->id, collection, table, row.key, made.key_hash);
      ++result_.inserted;
      return {};
    }
    old->matched = true;
    if (old->deleted || old->hash != made.hash) {
      ++result_.changed;
      return change(row, made, *old);
    }
    ++result_.unchanged;
    if (old->held) TRY_VOID(letGo(*old));
    if (old->side_hash == made.side_hash && !old->held) return {};
    return database_.run(
        "UPDATE ledger SET side_hash = ?, held = 0, period = ?, issues = ?, lineage = ? WHERE id = ?",
        made.side_hash, row.period, Blob{row.issues}, Blob{row.lineage}, old->id);
  }

  Result<std::optional<Present>> findElsewhere(std::int64_t collection, std::int64_t table,
                                               std::string_view key, std::int64_t key_hash) {
    Rows rows = database_.query(
        "SELECT id, collection_id, table_id, row_key, version, deleted FROM ledger WHERE key_hash = ?",
        key_hash);
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) return std::nullopt;
      if (rows->integer(1) != collection || rows->integer(2) != table || rows->bytes(3) != key) continue;
      Present row;
      row.id = rows->integer(0);
      row.collection = collection;
      row.table = table;
      row.version = rows->number(4);
      row.deleted = rows->flag(5);
      return row;
    }
  }

  Result<void> insert(const ProjectedRow& row, const PreparedRow& made, std::int64_t collection,
                      std::int64_t table) {
    const std::uint64_t table_pair =
        static_cast<std::uint64_t>(collection) << 32 | static_cast<std::uint64_t>(table);
    if (!state_.known_tables.contains(table_pair)) {
      TRY_VOID(database_.run("INSERT OR IGNORE INTO ledger_table VALUES(?,?)", collection, table));
      state_.known_tables.insert(table_pair);
    }
    TRY_VOID(database_.run(
        "INSERT INTO ledger(key_hash, collection_id, table_id, row_key, subject_id, version, hash_high, "
        "hash_low, "
        "side_hash, deleted, held, period, changed_at, cells, issues, lineage) "
        "VALUES(?,?,?,?,?,1,?,?,?,0,0,?,?,?,?,?)",
        made.key_hash, collection, table, row.key, subject_, made.hash.high, made.hash.low, made.side_hash,
        row.period, now_, Blob{row.cells}, Blob{row.issues}, Blob{row.lineage}));
    const auto id = static_cast<std::int64_t>(database_.lastId());
    remember(id, collection, table, row.key, made.key_hash);
    ++result_.inserted;
    for (const std::int64_t destination : state_.destinations[collection]) {
      TRY_VOID(database_.run("INSERT INTO delivery VALUES(?,?,?,0,1,0,0,0,0,'')", destination, id, subject_));
      state_.change.pending = true;
    }
    return {};
  }

  // Rows of this projection count for later ones in it.
  void remember(std::int64_t id, std::int64_t collection, std::int64_t table, std::string_view key,
                std::int64_t key_hash) {
    Present& added = present_.emplace_back();
    added.id = id;
    added.collection = collection;
    added.table = table;
    added.key = key;
    added.matched = true;
    by_key_.emplace(key_hash, present_.size() - 1);
  }

  Result<void> change(const ProjectedRow& row, const PreparedRow& made, const Present& old) {
    TRY_VOID(keepHistory(old));
    const std::uint64_t version = old.version + 1;
    TRY_VOID(
        database_.run("UPDATE ledger SET subject_id = ?, version = ?, hash_high = ?, hash_low = ?, side_hash "
                      "= ?, deleted = 0, "
                      "held = 0, period = ?, changed_at = ?, cells = ?, issues = ?, lineage = ? WHERE id = ?",
                      subject_, version, made.hash.high, made.hash.low, made.side_hash, row.period, now_,
                      Blob{row.cells}, Blob{row.issues}, Blob{row.lineage}, old.id));
    for (const std::int64_t destination : state_.destinations[old.collection]) {
      TRY_VOID(database_.run(
          "INSERT INTO delivery VALUES(?,?,?,0,?,0,0,0,0,'') ON CONFLICT DO UPDATE SET subject_id = "
          "excluded.subject_id, state = 0, version = excluded.version, deleted = 0, rule_id = 0, reason = ''",
          destination, old.id, subject_, version));
      state_.change.pending = true;
    }
    return {};
  }

  // The version in the ledger is good again: destinations that were kept from it get it.
  Result<void> letGo(const Present& row) {
    for (const std::int64_t destination : state_.destinations[row.collection]) {
      TRY_VOID(database_.run(
          "INSERT INTO delivery VALUES(?,?,?,0,?,0,0,0,0,'') ON CONFLICT DO UPDATE SET state = 0, version = "
          "excluded.version, rule_id = 0, reason = '' WHERE version <> excluded.version",
          destination, row.id, subject_, row.version));
      state_.change.pending = true;
    }
    return {};
  }

  // What went into a submission can always be had again: to write its file anew, and to explain it.
  Result<void> keepHistory(const Present& old) {
    return database_.run(
        "INSERT OR IGNORE INTO ledger_history SELECT l.id, l.version, l.deleted, l.period, l.cells, "
        "l.issues, "
        "l.lineage FROM ledger l WHERE l.id = ? AND EXISTS(SELECT 1 FROM delivery d WHERE d.row_id = l.id "
        "AND "
        "d.destination_id IN (SELECT id FROM destination) AND d.sent_version = l.version)",
        old.id);
  }

  // Not projected any more: gone, or held back because its newest version is in quarantine.
  Result<void> vanish(const Present& old) {
    if (quarantined_keys_.contains(old.key_hash)) {
      // Destinations that have it keep what they have; those that have not do not get it.
      TRY_VOID(dropUnsent(old.id));
      TRY_VOID(takeBack(old.id));
      TRY_VOID(database_.run("UPDATE ledger SET held = 1 WHERE id = ?", old.id));
    } else {
      TRY_VOID(keepHistory(old));
      TRY_VOID(dropUnsent(old.id));
      TRY_VOID(
          database_.run("UPDATE delivery SET state = 0, version = ?, deleted = 1, rule_id = 0, reason = '' "
                        "WHERE destination_id IN "
                        "(SELECT id FROM destination) AND row_id = ?",
                        old.version + 1, old.id));
      if (database_.changes() > 0) {
        ++result_.withdrawn;
        state_.change.pending = true;
        TRY_VOID(database_.run(
            "UPDATE ledger SET deleted = 1, held = 0, version = version + 1, changed_at = ? WHERE id = ?",
            now_, old.id));
      }
    }
    TRY_ASSIGN(const std::int64_t left,
               database_.integer(
                   0,
                   "SELECT count(*) FROM delivery WHERE destination_id IN (SELECT id FROM destination) "
                   "AND row_id = ?",
                   old.id));
    if (left == 0) {
      ++result_.removed;
      TRY_VOID(database_.run("DELETE FROM ledger WHERE id = ?", old.id));
    }
    return wakeDuplicates(state_, old.key_hash);
  }

  Result<void> dropUnsent(std::int64_t row) {
    return database_.run(
        "DELETE FROM delivery WHERE destination_id IN (SELECT id FROM destination) AND row_id = ? AND "
        "sent_version = 0",
        row);
  }

  // A newer version waits where an older one was sent: the older one stands again, with its outcome.
  Result<void> takeBack(std::int64_t row) {
    return database_.run(
        "UPDATE delivery SET version = sent_version, state = CASE (SELECT m.outcome FROM submission_row m "
        "WHERE "
        "m.row_id = delivery.row_id AND m.submission_id = delivery.submission_id) WHEN 1 THEN 2 WHEN 2 THEN "
        "3 ELSE 1 "
        "END WHERE destination_id IN (SELECT id FROM destination) AND row_id = ? AND state = 0 AND "
        "sent_version > 0",
        row);
  }

  Result<void> conflict(std::size_t index) {
    result_.conflicts.push_back(static_cast<std::uint32_t>(index));
    QuarantinedRow row{projection_.rows[index], kDuplicateRule, kDuplicateReason, {}};
    PreparedRow made = prepared_.rows[index];
    std::string buffer;
    for (const std::string_view part :
         {row.row.key, row.row.period, row.row.issues, row.row.lineage, row.row.cells, row.rule}) {
      appendPart(buffer, part);
    }
    made.hash = contentHash(buffer);
    return quarantine(row, made, true);
  }

  Result<void> quarantine(const QuarantinedRow& row, const PreparedRow& made, bool duplicate) {
    ++result_.quarantined;
    if (!duplicate && !row.row.key.empty()) quarantined_keys_.insert(made.key_hash);
    if (const auto old = old_quarantine_.find(made.hash); old != old_quarantine_.end()) {
      old_quarantine_.erase(old);
      return {};
    }
    TRY_ASSIGN(const std::int64_t collection, state_.names.intern(database_, row.row.collection));
    TRY_ASSIGN(const std::int64_t table, state_.names.intern(database_, row.row.table));
    TRY_ASSIGN(const std::int64_t rule, state_.names.intern(database_, row.rule));
    return database_.run(
        "INSERT INTO quarantine(subject_id, collection_id, table_id, row_key, key_hash, duplicate, rule_id, "
        "reason, "
        "cause, hash_high, hash_low, at, cells, issues, lineage) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        subject_, collection, table, row.row.key, made.key_hash, duplicate, rule, row.reason, row.cause,
        made.hash.high, made.hash.low, now_, Blob{row.row.cells}, Blob{row.row.issues},
        Blob{row.row.lineage});
  }

  // The holder of the key may have gone since the caller was refused it.
  Result<void> lookAgainIfFree(const ProjectedRow& row, std::int64_t key_hash) {
    TRY_ASSIGN(const Place place, locate(row, key_hash));
    if (!place.elsewhere || place.elsewhere->deleted) key_is_free_ = true;
    return {};
  }

  Result<void> record(const ResourceOutcomeEntry& entry) {
    const bool needs_rule =
        entry.outcome == ResourceOutcome::kFiltered || entry.outcome == ResourceOutcome::kQuarantined;
    if (needs_rule && entry.rule.empty()) {
      return fail(ErrorCode::kInvalidArgument, "store: a filtered or quarantined resource needs its rule");
    }
    const std::int64_t type = state_.names.find(entry.type);
    if (type < 0) return {};
    TRY_ASSIGN(const std::int64_t rule, state_.names.intern(database_, entry.rule));
    return database_.run(
        "UPDATE resource SET outcome = ?, rule_id = ?, reason = ? WHERE key_hash = ? AND source_id = ? AND "
        "type_id = ? AND resource_id = ? AND seq = ?",
        static_cast<int>(entry.outcome), rule, entry.reason,
        resourceKeyHash(projection_.lease.source, entry.type, entry.id), source_, type, entry.id, entry.seq);
  }

  Result<void> recordUse(const ResourceVersion& version) {
    const std::int64_t type = state_.names.find(version.type);
    if (type < 0) return {};
    return database_.run(
        "UPDATE resource SET used_seq = seq WHERE key_hash = ? AND source_id = ? AND type_id = ? AND "
        "resource_id = ? AND seq = ?",
        resourceKeyHash(projection_.lease.source, version.type, version.id), source_, type, version.id,
        version.seq);
  }

  // Out of the queue, unless it changed since the lease was taken; then to its end.
  Result<void> settle() {
    TRY_ASSIGN(const std::int64_t generation,
               database_.integer(-1, "SELECT generation FROM subject WHERE id = ?", subject_));
    result_.still_dirty =
        key_is_free_ || generation != static_cast<std::int64_t>(projection_.lease.generation);
    if (result_.still_dirty) {
      TRY_VOID(database_.run(
          "UPDATE subject SET queue_position = ?, not_before = 0, attempts = 0, reason = '' WHERE id = ?",
          ++state_.last_queue_position, subject_));
      state_.change.dirty = true;
    } else {
      TRY_VOID(database_.run(
          "UPDATE subject SET queue_position = NULL, not_before = 0, attempts = 0, reason = '' WHERE id = ?",
          subject_));
      TRY_VOID(
          database_.run("UPDATE resource SET outcome = 4, rule_id = 0, reason = '' WHERE subject_id = ? AND "
                        "subject_id > 0 AND "
                        "deleted = 1 AND outcome = 0",
                        subject_));
    }
    state_.leases.erase(subject_);
    forgetSubject(state_, source_, projection_.lease.subject);
    return {};
  }

  WriterState& state_;
  Database& database_;
  const Projection& projection_;
  const PreparedProjection& prepared_;
  const Instant now_;
  ProjectionResult& result_;
  const std::int64_t subject_;
  std::int64_t source_ = 0;
  std::vector<std::int64_t> collections_;
  std::vector<Present> present_;
  std::unordered_multimap<std::int64_t, std::size_t> by_key_;  // key hash → index in present_
  std::unordered_multimap<ContentHash, std::int64_t, HashOfHash> old_quarantine_;
  std::unordered_set<std::int64_t> quarantined_keys_;  // key hashes
  std::vector<Place> places_;                          // as Projection::rows
  bool key_is_free_ = false;
  std::string_view last_collection_, last_table_;
  std::int64_t last_collection_id_ = 0, last_table_id_ = 0;
};

Result<void> check(std::span<const Projection> projections) {
  const auto bad = [](const char* text) {
    return fail(ErrorCode::kInvalidArgument, std::string("store: ") + text);
  };
  for (const Projection& projection : projections) {
    const auto named = [&](std::string_view collection) {
      return std::ranges::find(projection.collections, collection) != projection.collections.end();
    };
    for (const ProjectedRow& row : projection.rows) {
      if (row.table.empty() || row.key.empty()) return bad("a row needs table and key");
      if (!named(row.collection)) return bad("a row of a collection that the projection does not name");
    }
    for (const QuarantinedRow& row : projection.quarantined) {
      if (row.rule.empty() || row.row.table.empty()) return bad("a quarantined row needs table and rule");
      if (!named(row.row.collection)) return bad("a row of a collection that the projection does not name");
    }
  }
  return {};
}

}  // namespace

Result<void> wakeDuplicates(WriterState& state, std::int64_t key_hash) {
  std::vector<std::int64_t> subjects;
  {
    Rows rows = state.database.query("SELECT subject_id FROM quarantine WHERE key_hash = ? AND duplicate = 1",
                                     key_hash);
    for (;;) {
      TRY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      subjects.push_back(rows->integer(0));
    }
  }
  for (const std::int64_t subject : subjects) TRY_VOID(markSubjectDirty(state, subject));
  return {};
}

Result<std::vector<ProjectionResult>> Engine::commitProjections(std::span<const Projection> projections) {
  TRY_VOID(check(projections));
  std::vector<PreparedProjection> prepared;
  prepared.reserve(projections.size());
  for (const Projection& projection : projections) prepared.push_back(prepare(projection));
  std::vector<ProjectionResult> results(projections.size());
  const Instant at = now();
  TRY_VOID(write([&](WriterState& state) -> Result<void> {
    for (std::size_t index = 0; index < projections.size(); ++index) {
      TRY_VOID(Committer(state, projections[index], prepared[index], at, results[index]).run());
    }
    FAULT_POINT("store.commit_projection.before_commit");
    return {};
  }));
  FAULT_POINT("store.commit_projection.after_commit");
  return results;
}

}  // namespace tributary::store::sqlite
