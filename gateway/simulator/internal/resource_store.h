#pragma once
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

// The EPR's records. Not thread-safe: the server locks.
namespace tributary::simulator {

using Millis = std::int64_t;

struct StoredVersion {
  Millis at = 0;
  std::uint32_t number = 1;
  bool deleted = false;
  std::string json;
};

struct Entry {
  std::string type, id, patient;
  std::vector<StoredVersion> versions;
  const StoredVersion& current() const { return versions.back(); }
};

enum class Order : std::uint8_t { kCreated, kTimeUp, kTimeDown };

struct SearchQuery {
  std::string type;
  std::vector<std::string> ids;
  std::string patient;
  std::string identifier;                            // "system|value" or "value"
  Millis from = std::numeric_limits<Millis>::min();  // inclusive
  Millis to = std::numeric_limits<Millis>::max();    // exclusive
  Order order = Order::kCreated;
};

// Where a page ended.
struct Place {
  bool valid = false;
  Millis at = 0;
  std::uint32_t entry = 0;
};

struct HistoryRow {
  Millis at = 0;
  std::uint32_t entry = 0;
  std::uint32_t version = 0;  // index into Entry::versions
};

class ResourceStore {
 public:
  // A version as recorded elsewhere; finish() sorts what was loaded.
  void load(std::string_view type, std::string_view id, std::uint32_t version, Millis at, bool deleted,
            std::string_view json);
  void finishLoad();

  // The entry's index, new or not.
  std::uint32_t write(std::string_view type, std::string_view id, std::string_view json, Millis now);
  bool remove(std::string_view type, std::string_view id, Millis now);

  const Entry* find(std::string_view type, std::string_view id) const;
  const Entry& entry(std::uint32_t index) const { return entries_[index]; }

  // Up to `limit` entries behind `after`.
  std::vector<std::uint32_t> page(const SearchQuery& query, const Place& after, std::size_t limit) const;
  std::size_t count(const SearchQuery& query) const;
  // Newest first, at or after `since`; `type` empty: all. Up to `limit` from the `offset`-th.
  std::vector<HistoryRow> history(std::string_view type, Millis since, std::size_t offset, std::size_t limit,
                                  std::size_t& total) const;

  std::map<std::string, std::uint64_t> countsByType() const;
  std::uint64_t versions() const { return versions_; }
  std::uint64_t deletes() const { return deletes_; }

 private:
  struct TypeIndex {
    std::vector<std::uint32_t> order;                    // every entry ever created
    std::set<std::pair<Millis, std::uint32_t>> by_time;  // those that are there now
  };
  std::uint32_t entryOf(std::string_view type, std::string_view id);
  void append(std::uint32_t index, StoredVersion version);
  bool matches(const SearchQuery& query, std::uint32_t index) const;
  template <class Visit>
  void visit(const SearchQuery& query, const Place& after, const Visit& visit) const;

  std::deque<Entry> entries_;
  std::unordered_map<std::string, std::uint32_t> by_key_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> by_patient_;
  std::map<std::string, TypeIndex, std::less<>> types_;
  std::vector<HistoryRow> log_;
  std::uint64_t versions_ = 0, deletes_ = 0;
  std::uint32_t next_id_ = 0;
};

// The first "Patient/…" that the text refers to; empty when there is none.
std::string patientOf(std::string_view json);

}  // namespace tributary::simulator
