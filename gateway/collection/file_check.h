#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collection/collection.h"

namespace tributary::collection {

struct FileFinding {
  std::uint32_t rule = 0;   // index into Collection::rules(); kNoRule: a mandatory table is empty
  static constexpr std::uint32_t kNoRule = ~std::uint32_t{0};
  Grade grade = Grade::kRejectFile;
  std::uint16_t table = 0;
  std::string key;          // of the row that does not fit; empty when it is the whole table
  std::string text;
};

// Rules over a whole file, which no subject can check alone: values that must belong to one key only (a national
// number to one patient), and tables that must not be empty. Fed row by row while a submission is assembled; holds 16 bytes for each
// value looked at. One submission, one thread.
class FileCheck {
 public:
  explicit FileCheck(std::shared_ptr<const Collection> collection);
  // Does some rule look at the rows of this table? Those of others need only be counted.
  bool watches(std::uint16_t table) const;
  void count(std::uint16_t table, std::uint64_t rows) { counts_[table] += rows; }
  // True when the row fits with those before it; else leave it out, or accept that the file may be refused.
  bool add(std::uint16_t table, std::string_view key, std::span<const std::string_view> cells);
  const std::vector<FileFinding>& findings() const { return findings_; }
  // What was found, and mandatory tables that got no row.
  std::vector<FileFinding> finish();

 private:
  struct Distinct {
    std::uint32_t rule = 0;
    std::uint16_t table = 0, field = 0, by = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> holders;  // hash of the value → hash of its key
  };
  std::shared_ptr<const Collection> collection_;
  std::vector<Distinct> distinct_;
  std::vector<std::uint64_t> counts_;
  std::vector<FileFinding> findings_;
};

}  // namespace tributary::collection
