#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collection/aggregations.h"
#include "collection/cell_watch.h"
#include "collection/projector.h"

namespace tributary::collection {

struct FilledCount {
  std::uint64_t filled = 0, empty = 0;
};

struct FieldCoverage {
  FilledCount all;
  std::map<std::string, FilledCount> by;  // by source system, as its name was given to add()
  // Broken rules: id, grade and text → how often. kNoRule ones have the engine's own id.
  std::map<std::string, std::pair<Grade, std::uint64_t>> problems;
  // Codes that left the cell empty, or that its code list does not know: "system|code" → how often.
  std::map<std::string, std::uint64_t> codes;
};

struct TableCoverage {
  std::uint64_t rows = 0, quarantined = 0;
  std::map<std::string, std::uint64_t> rows_by;
  std::vector<FieldCoverage> fields;  // as Table::fields
};

// What projections fill, field by field. Bounded: no more than kMostCodes codes a field are told apart.
class Coverage {
 public:
  static constexpr std::size_t kMostCodes = 500;
  static constexpr const char* kFurtherCodes = "(further codes)";

  explicit Coverage(std::shared_ptr<const Collection> collection);

  // For ProjectOptions::watch of the projections that are added: hears of the codes met in vain.
  const CellWatch& watch() const { return watch_; }
  // `source_of` names the source system of a row; empty: not known.
  void add(const Projection& projection, const std::function<std::string(const Row&)>& source_of);
  // Rows of a table that is counted over the others; of no source system.
  void add(const Aggregations::Counted& counted);

  const std::vector<TableCoverage>& tables() const { return tables_; }
  std::uint64_t sentFields() const;
  std::uint64_t filledFields() const;  // of those sent: filled at least once
  // {"collection","sentFields","filledFields","tables":[{"table","code","scope","rows","quarantined","fields":[
  //  {"field","mandation","confidence","sent","reason","filled","empty","by":{source:{"filled","empty"}},
  //   "problems":[{"rule","grade","text","count"}],"codes":[{"code","count"}]}]}]}
  std::string json() const;

 private:
  void countCode(FieldCoverage& field, std::string code);
  void countHeader();

  std::shared_ptr<const Collection> collection_;
  CellWatch watch_;
  std::vector<TableCoverage> tables_;
  std::set<std::string, std::less<>> systems_;  // that some view names
};

}  // namespace tributary::collection
