#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"

namespace tributary::store {

enum class Operation : std::uint8_t { kUpsert, kDelete };

// "Encounter", "42": a resource within one source.
struct ResourceKey {
  std::string type, id;
  friend auto operator<=>(const ResourceKey&, const ResourceKey&) = default;
};

// What became of the current version of a resource.
enum class ResourceOutcome : std::uint8_t {
  kJournalled,   // durable, not projected yet
  kDelivered,    // it gave cells to at least one row of the ledger (whose own states tell how far they got)
  kFiltered,     // deliberately not delivered, by the rule named
  kQuarantined,  // it cannot be delivered, for the reason named; a person must act
  kDeleted,      // a delete, applied: its rows are gone or withdrawn
};
std::string_view outcomeName(ResourceOutcome outcome);

// One received resource version. The views need to live until append() returns.
struct AppendEntry {
  Operation operation = Operation::kUpsert;
  std::string_view type, id;
  std::string_view version_id;    // meta.versionId; may be empty
  std::string_view last_updated;  // meta.lastUpdated (or the time of the delete) as written; may be empty
  std::string_view body;          // the bytes as received; empty for a delete
  // The subject it belongs to, such as "Patient/123"; empty: a shared resource that belongs to no subject.
  // A delete with an empty subject belongs to the subject that the resource had.
  std::string_view subject;
  // A version as it was at some time, told afterwards (a history, a notification that may be late): one that has been
  // journalled says nothing new. Otherwise an entry says how things are now, so that what was journalled before comes
  // back, unless its own marks say that it is older than what is held.
  bool past = false;
  // It has a subject and is shared all the same: staff with rows of their own, whom patients refer to. Its
  // references are followed for its subject and for all that refer to it.
  bool shared = false;
  // Resources that this one refers to and whose change must make its subject dirty: the shared ones. They
  // need not have been received yet. A shared resource's own references are followed too (four steps at
  // most).
  std::span<const ResourceKey> references;
  // Known already (such as a type that no view reads): not kJournalled, and the subject is not made dirty by
  // it.
  ResourceOutcome outcome = ResourceOutcome::kJournalled;
  std::string_view outcome_rule;    // required for kFiltered and kQuarantined
  std::string_view outcome_reason;  // plain English, no patient data
};

// Bytes from which no resource could be had. The raw bytes are kept apart (bounded), never shown unasked.
struct AppendReject {
  std::string_view where;  // file, URL or peer
  std::uint64_t line = 0;  // from 1; 0: not known
  std::string_view rule;   // issue rule, such as "json-syntax"
  std::string_view text;   // no patient data
  std::string_view raw;
};

struct CursorMove {
  std::string_view name;
  std::string_view value;
};

struct AppendBatch {
  std::string_view source;
  std::span<const AppendEntry> entries;
  std::span<const AppendReject> rejects;
  std::span<const CursorMove> cursors;  // moved in the same transaction
};

enum class AppendOutcome : std::uint8_t {
  kStored,     // journalled and current now
  kDuplicate,  // what is current already (same bytes, or a delete of what is deleted), or a past version that is known:
               // only counted
  kStale,      // journalled for the record, but older than the current version (lastUpdated, then versionId)
};

struct AppendResult {
  std::vector<AppendOutcome> outcomes;  // one an entry, in order
  std::uint64_t stored = 0, duplicates = 0, stale = 0;
  std::uint64_t rejected = 0, rejected_again = 0;  // the same bytes, source and rule are kept once
  std::uint64_t last_seq = 0;                      // 0 when nothing was journalled
};

struct JournalRecord {
  std::uint64_t seq = 0;
  Operation operation = Operation::kUpsert;
  std::string_view source, type, id, version_id, last_updated, subject;
  ContentHash hash;
  Instant received_at;
  bool current = false;
  ResourceOutcome outcome = ResourceOutcome::kJournalled;  // of the current version; kJournalled for others
  std::string_view body;                                   // empty unless asked for
};

struct JournalVersion {
  std::uint64_t seq = 0;
  Operation operation = Operation::kUpsert;
  std::string version_id, last_updated;
  ContentHash hash;
  Instant received_at;
  bool current = false;
};

struct RejectRecord {
  std::uint64_t id = 0;
  std::string source, where, rule, text;
  std::uint64_t line = 0;
  Instant first_at, last_at;
  std::uint64_t times = 1;      // how often the same bytes came
  std::uint64_t raw_bytes = 0;  // as received
  bool truncated = false;       // more than Options::max_raw_bytes came; the head is kept
  std::string raw;              // only where asked for
};

// A dirty subject in the hands of one worker. Opaque but for source and subject.
struct SubjectLease {
  std::string source, subject;
  std::uint64_t subject_id = 0;
  std::uint64_t generation = 0;  // a change after the lease was taken makes a newer generation
  std::uint64_t token = 0;
  std::uint32_t attempts = 0;  // releases since the last commit
};

struct StoredResource {
  std::string_view type, id, version_id, last_updated;
  std::string_view body;  // uncompressed; lives until the callback returns
  std::uint64_t seq = 0;  // the journal row; lineage refers to it
  ContentHash hash;
};

struct LoadResult {
  std::uint64_t resources = 0, bytes = 0;
  bool complete = true;  // false: stopped at max_bytes or by the callback
};

}  // namespace tributary::store
