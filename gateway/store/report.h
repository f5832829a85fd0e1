#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/ledger.h"

namespace tributary::store {

// Who did what. No patient data beyond identifiers of resources.
struct AuditEntry {
  std::string actor, action, target, detail;
};

// Append-only; `hash` = SHA-256 over the previous hash and this record, as lower-case hex.
struct AuditRecord {
  std::uint64_t seq = 0;
  Instant at;
  AuditEntry entry;
  std::string hash;
};

struct SourceCounts {
  // Counted by the writer as they came …
  std::uint64_t received = 0;    // entries given to append()
  std::uint64_t duplicates = 0;  // not journalled
  std::uint64_t rejected = 0;    // distinct rejects
  std::uint64_t rejected_again = 0;
  // … and counted in the tables:
  std::uint64_t journalled = 0;  // journal rows
  std::uint64_t stale = 0;       // of these: came late, never current
  std::uint64_t superseded = 0;  // of these: were current once
  std::uint64_t current = 0;     // of these: current now = sum of the outcomes below
  std::uint64_t waiting = 0;     // outcome kJournalled, of a dirty subject (or a shared resource)
  std::uint64_t delivered = 0, filtered = 0, quarantined = 0, deleted = 0;
};

struct DestinationCounts {
  std::string collection;
  std::uint64_t rows = 0;  // rows of the ledger that this destination must get or got
  std::map<RowState, std::uint64_t> by_state;
};

struct Reconciliation {
  std::map<std::string, SourceCounts> sources;
  std::map<std::string, DestinationCounts> destinations;
  std::map<std::string, std::uint64_t> rows_by_table;        // "collection/table" → live rows
  std::map<std::string, std::uint64_t> quarantined_by_rule;  // rows
  std::map<std::string, std::uint64_t> filtered_by_rule;     // resources
  std::map<std::string, std::uint64_t> resources_quarantined_by_rule;
  std::map<std::string, std::uint64_t> rejected_by_rule;     // distinct rejects: what was refused before it was a resource
  std::map<std::string, std::string> rule_texts;  // one of the reasons given with each rule above
  std::uint64_t rows = 0, quarantined_rows = 0, withdrawn_rows = 0;
  std::uint64_t dirty_subjects = 0;

  // Resources and rows that no outcome and no state explains; must be 0.
  //   received − duplicates − journalled; journalled − stale − superseded − current; current resources that
  //   are kJournalled though their subject is clean; rejected − rejects on record; rows × destinations − rows
  //   with a state.
  std::uint64_t unaccounted = 0;
  std::vector<std::string> differences;  // each equation that does not hold, in plain English
};

struct StoreStatus {
  std::uint64_t last_seq = 0;
  std::uint64_t received = 0, duplicates = 0, rejected = 0;  // since the store was made
  std::uint64_t dirty_subjects = 0, leased_subjects = 0;
  std::uint64_t commits = 0, writes = 0;  // since open: transactions, and calls that they carried
  std::uint64_t file_bytes = 0, wal_bytes = 0;
  std::uint64_t pending_rows = 0;    // over all destinations
  std::uint64_t pending_fanout = 0;  // changed shared resources whose subjects are not all marked dirty yet
};

}  // namespace tributary::store
