#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collection/projector.h"

namespace tributary::collection {

struct CellChange {
  std::string key, before, after;  // patient data: for the terminal of who asked
};

struct FieldDifference {
  std::uint64_t changed = 0;
  std::vector<CellChange> examples;  // the first few
};

struct TableDifference {
  std::uint64_t same = 0, changed = 0, added = 0, removed = 0;
  std::uint64_t now_quarantined = 0, now_good = 0;  // of rows that are on both sides
  std::vector<std::string> added_keys, removed_keys;  // the first few
  std::map<std::string, FieldDifference> fields;      // by name: those that differ
};

// What a change of the mappings does: rows of two collections of the same subjects, side by side. Bounded: counts
// and a few examples.
class Comparison {
 public:
  Comparison(std::shared_ptr<const Collection> before, std::shared_ptr<const Collection> after, std::size_t examples);

  // Both projections of one subject.
  void add(const Projection& before, const Projection& after);

  const std::map<std::string, TableDifference>& tables() const { return tables_; }
  // "rule text" → how many more (or fewer) rows have it after the change; rules without change are left out.
  std::map<std::string, std::int64_t> issues() const;
  // "Type  rule: reason" → how many more (or fewer) resources end that way.
  std::map<std::string, std::int64_t> outcomes() const;
  std::uint64_t subjects() const { return subjects_; }
  bool same() const;

 private:
  void compareTable(const std::string& name, std::span<const Row> before, std::span<const Row> after);
  void compareRow(TableDifference& out, const Row& before, const Row& after);
  void count(const Projection& projection, std::int64_t by);

  std::shared_ptr<const Collection> before_, after_;
  std::size_t examples_;
  std::uint64_t subjects_ = 0;
  std::map<std::string, TableDifference> tables_;
  std::map<std::string, std::int64_t> issues_, outcomes_;
};

}  // namespace tributary::collection
