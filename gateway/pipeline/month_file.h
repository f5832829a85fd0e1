#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collection/collection.h"
#include "collection/file_check.h"
#include "deliver/assembly.h"
#include "pipeline/config.h"
#include "store/store.h"

namespace tributary::pipeline {

// The columns of a collection's tables, as every file has them: fields that are held back are none.
struct FileLayout {
  std::vector<deliver::TableLayout> tables;
  std::vector<std::vector<std::uint16_t>> fields;  // of each table, the fields that are columns
};
FileLayout layoutOf(const collection::Collection& collection);
// `cells` as columns of table `t`; the views live as long as what `cells` holds.
void columnsOf(const FileLayout& layout, std::size_t t, const std::vector<std::string>& cells, std::vector<std::string_view>& out);

// Rules over a whole file, fed with rows in their order. What does not fit names the subject to leave out: a patient whose row
// is left out takes the rows that hang on it along.
class FileRules {
 public:
  explicit FileRules(std::shared_ptr<const collection::Collection> collection);
  bool watches(std::uint16_t table) const { return check_.watches(table); }
  void count(std::uint16_t table, std::uint64_t rows) { check_.count(table, rows); }
  Result<void> add(std::uint16_t table, const store::SubmissionRow& row);
  const std::vector<store::LeftOut>& leftOut() const { return left_out_; }
  // Rules that were broken, once each with their text.
  std::vector<std::pair<std::string, std::string>> broken() const;

 private:
  std::shared_ptr<const collection::Collection> collection_;
  collection::FileCheck check_;
  std::vector<store::LeftOut> left_out_;
};

// What makes a receiver refuse the whole file: a header that is incomplete or malformed and, of a whole month, one that
// contradicts the month, and mandatory tables without a row. Plain texts; empty: it may go.
std::vector<std::string> headerFaults(const collection::Collection& collection, const collection::Window& window, bool whole_month);
std::vector<std::string> emptyTables(const collection::Collection& collection, const std::vector<store::SubmissionTable>& tables);

// A whole month as openSubmission takes it.
store::SubmissionRequest wholeMonth(const collection::Collection& collection, const DestinationConfig& destination,
                                    const std::string& month, std::string label);
collection::Window monthWindow(std::string_view month, std::string created);

struct MonthFile {
  std::filesystem::path file;
  std::uint64_t rows = 0, left_out = 0;
  std::vector<std::string> faults;  // what would keep the gateway from sending it
};
// Writes the file of a month into a folder, from what the store holds, and sends nothing. `created`: civil date and time of the file.
Result<MonthFile> writeMonthFile(store::Store& store, std::shared_ptr<const collection::Collection> collection,
                                 const DestinationConfig& destination, const std::string& month, Instant now, std::string created,
                                 const std::filesystem::path& folder);

}  // namespace tributary::pipeline
