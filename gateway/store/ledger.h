#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "store/journal.h"

namespace tributary::store {

// Subjects that no resource makes: their rows are counted over other rows. They are never dirty.
inline constexpr std::string_view kCountedSubject = "counted/", kCountedSource = "counted";

struct Destination {
  std::string name;        // "mesh-live"
  std::string collection;  // whose rows go there
};

// Where a row stands at one destination.
enum class RowState : std::uint8_t {
  kPending,   // this version waits for a submission
  kAssigned,  // in a submission that has not left yet (assembling, ready, sending)
  kSent,      // handed over, nothing heard
  kTransportAccepted,
  kFileAccepted,
  kAccepted,
  kRejected,   // row (or its whole file) refused, with the reason
  kFailed,     // its submission failed for good
  kWithdrawn,  // a delete that the destination has accepted
};
std::string_view rowStateName(RowState state);

struct RowKey {
  std::string collection, table, key;
  friend auto operator<=>(const RowKey&, const RowKey&) = default;
};

// A row that a projection gives. Views live until commitProjections() returns.
struct ProjectedRow {
  std::string_view collection, table;
  std::string_view key;     // unique in (collection, table) over all subjects
  // What windows are cut by: a day such as "2026-11-23", or days through which it lasted, "2026-01-05/2026-03-01"
  // or "2026-01-05/" (still open); compared as text; may be empty.
  std::string_view period;
  std::string_view cells;   // the row, encoded by the caller; a new version is what changes these bytes
  std::string_view
      lineage;              // where each cell came from, encoded by the caller; a change makes no new version
  std::string_view issues;  // warnings that travel with the row, encoded by the caller
};

// A row that must not travel, with the reason.
struct QuarantinedRow {
  ProjectedRow row;         // key may be empty
  std::string_view rule;    // national rule id
  std::string_view reason;  // plain English, no patient data
  std::string_view
      cause;  // for a cascade: "table/key" or rule of the row that pulled this one down; may be empty
  bool key_held = false;  // another subject holds its key: when that is free, this subject becomes dirty
};

struct ResourceOutcomeEntry {
  std::string_view type, id;
  std::uint64_t seq = 0;  // the version that was looked at (StoredResource::seq)
  ResourceOutcome outcome = ResourceOutcome::kDelivered;
  std::string_view rule;    // required for kFiltered and kQuarantined
  std::string_view reason;  // no patient data
};

// A version of a resource in the source of the subject at hand.
struct ResourceVersion {
  std::string_view type, id;
  std::uint64_t seq = 0;
};

// The whole new state of one subject. Rows of its collections that are not named here have vanished: they are
// withdrawn where they had been handed to a submission (a delete travels), else removed. A quarantined row
// whose key had been sent stays as sent; what was only pending is taken back.
// Deletes of the subject's resources get kDeleted by themselves; every other resource needs an outcome here,
// or reconcile() shows it as unaccounted.
struct Projection {
  SubjectLease lease;
  std::span<const std::string> collections;  // the collections that were projected
  std::span<const ProjectedRow> rows;
  std::span<const QuarantinedRow> quarantined;
  std::span<const ResourceOutcomeEntry> outcomes;
  // Resources of no subject, or of another one, that gave something to `rows`: while the version is current it
  // counts as kDelivered, whatever its own subject makes of it.
  std::span<const ResourceVersion> used = {};
  // Store nothing when another subject holds the key of one of `rows` (ProjectionResult::refused). The caller
  // keeps the lease and projects again without these rows, since what hangs on them must not travel either.
  bool refuse_conflicts = false;
};

struct ProjectionResult {
  bool lease_lost = false;   // somebody else has the subject by now: nothing was stored
  bool still_dirty = false;  // it changed meanwhile: stored, and the subject stays in the queue
  bool refused = false;      // `conflicts` with another subject, and Projection::refuse_conflicts: nothing stored
  std::uint32_t inserted = 0, changed = 0, unchanged = 0, withdrawn = 0, removed = 0, quarantined = 0;
  // Indexes into Projection::rows of keys that another subject (or an earlier row here) holds. They are
  // quarantined under rule "ledger-duplicate-key"; when the holder's row goes, this subject becomes dirty.
  std::vector<std::uint32_t> conflicts;
};

struct RowDelivery {
  std::string destination;
  RowState state = RowState::kPending;
  std::uint64_t version = 0;     // the version that `state` speaks of
  std::uint64_t submission = 0;  // 0: none yet
  std::string rule, reason;      // of a rejection
};

struct LedgerRow {
  std::uint64_t id = 0;
  std::string collection, table, key, source, subject, period;
  std::uint64_t version = 0;
  ContentHash hash;
  bool deleted = false;  // vanished after it had been sent
  bool held = false;     // its newest version is in quarantine; the states speak of the last good one
  Instant changed_at;
  std::string cells, lineage, issues;
  std::vector<RowDelivery> deliveries;
};

struct RowFilter {  // empty members match all
  std::string collection, table, source, subject, destination;
  std::optional<RowState> state;  // needs `destination`
};

struct QuarantineRecord {
  std::uint64_t id = 0;
  std::string collection, table, key, source, subject, rule, reason, cause;
  Instant at;
  std::string cells, lineage, issues;
};

struct QuarantineFilter {
  std::string collection, table, source, subject, rule;
};

struct OutcomeRecord {
  std::uint64_t id = 0;
  std::string source, type, resource_id, subject, rule, reason;
  std::uint64_t seq = 0;
  ResourceOutcome outcome = ResourceOutcome::kFiltered;
};

struct OutcomeFilter {
  std::string source, type, rule;
  std::optional<ResourceOutcome> outcome;  // none: filtered and quarantined
};

}  // namespace tributary::store
