#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "collection/projector.h"
#include "deliver/feedback.h"

namespace tributary::pipeline {

// What is wrong with rows, as lines of deliver::Finding. One a listing: it counts the records of each table. What it appends
// holds patient data (Key, Value).
class Feedback {
 public:
  explicit Feedback(const collection::Collection& collection);

  // The findings of a projection. RecordIndex counts all rows of the table, quarantined ones as well, in the order made.
  void add(const collection::Projection& projection, std::string& out);
  // Those of a row of the ledger: its cells and findings as they are stored (encodeCells, encodeIssues). `index` from 1.
  Result<void> add(std::string_view table, std::string_view key, std::string_view cells, std::string_view issues, std::uint64_t index,
                   std::string& out);

  std::uint64_t findings() const { return findings_; }

 private:
  void append(const std::string& rule_id, const collection::Rule* rule, collection::Grade grade, const Issue& issue,
              const collection::Table* table, std::string_view key, std::span<const std::string_view> cells, std::uint64_t index,
              std::string& out);

  const collection::Collection& collection_;
  std::map<std::string_view, const collection::Rule*> rules_;
  std::vector<std::uint64_t> rows_;  // so far, by table
  std::uint64_t findings_ = 0;
};

// What a finding is about, from the kind of its rule; an empty cell is Blank whatever the rule.
deliver::Finding::Category feedbackCategory(std::string_view rule_kind, bool empty_cell);

}  // namespace tributary::pipeline
