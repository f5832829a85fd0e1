#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/issue.h"
#include "base/result.h"
#include "deliver/destination.h"
#include "deliver/xml_layout.h"

namespace tributary::deliver {

enum class FileForm : std::uint8_t { kCsvZip, kNdjson, kXml, kAccess };
std::string_view formName(FileForm form);  // "csv-zip", "ndjson", "xml", "accdb"
std::optional<FileForm> findForm(std::string_view name);
std::string_view contentType(FileForm form);

// An Access database is filled by a side tool that is given `blank`, our CSV files and where the result belongs.
struct AccessOptions {
  std::filesystem::path blank = {};  // the collection's blank database; read only
  std::filesystem::path tool = {};   // deploy/idb/fill
  Duration limit = std::chrono::minutes(10);
};

struct TableLayout {
  std::string name = {};                  // of the national table: also the file's name
  std::vector<std::string> columns = {};  // in the order of the file
};

struct AssemblyOptions {
  FileForm form = FileForm::kCsvZip;
  std::string submission_id = {};
  std::string collection = {};
  Instant window_from{}, window_to{};
  bool continuous = false;
  bool whole_month = false;  // all of a reporting period, not only what has changed
  Instant generated{};  // goes into the manifest; part of the bytes
  std::filesystem::path
      folder;  // where the file is made: <folder>/<submission id>.<ext>, durable on finish()
  std::uint64_t max_rows_per_table = 50'000'000;
  int compression_level = 6;
  std::shared_ptr<const XmlLayout> xml = {};  // kXml
  AccessOptions access = {};                  // kAccess
};

struct TableCount {
  std::string table = {};
  std::uint64_t upserts = 0, deletes = 0;
};

struct AssembledFile {
  Submission submission = {};           // ready to be given to a Destination
  std::vector<TableCount> counts = {};  // tables with rows, in order
  std::uint64_t rows = 0;
  std::vector<Issue> issues = {};  // what had to be changed so that the form can carry it
};

// The order in which the tables must be given: their own, but for those that an XML layout puts first.
std::vector<std::size_t> tableOrder(const AssemblyOptions& options, std::span<const TableLayout> tables);

// Writes one submission's file. Rows come in the order of tableOrder(), within a table in
// the caller's order, which is part of the bytes. Deletes may stand between upserts: in a zip they are
// gathered and follow in a file of their own, in XML behind the others of their table. Memory does not grow with the number of rows.
class Assembler {
 public:
  static Result<Assembler> create(AssemblyOptions options, std::vector<TableLayout> tables);
  Assembler(Assembler&&) noexcept;
  Assembler& operator=(Assembler&&) noexcept;
  ~Assembler();  // unfinished: the partial file is removed

  // `table` is an index into the tables. `cells` has one text a column; "" is an empty cell. Returns the
  // row's number in the file (from 1, per table and action), by which receipts name it.
  Result<std::uint64_t> add(std::size_t table, std::span<const std::string_view> cells,
                            bool is_delete = false);
  Result<AssembledFile> finish();

 private:
  struct Impl;
  explicit Assembler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A source of rows in that order; next() fills `row` and returns false at the end.
struct Row {
  std::size_t table = 0;
  bool is_delete = false;
  std::vector<std::string_view> cells;  // live until the next call
};
using RowSource = std::function<Result<bool>(Row& row)>;
// create, add all, finish. `numbered` (if given) hears each row's number.
Result<AssembledFile> assemble(
    AssemblyOptions options, std::vector<TableLayout> tables, const RowSource& source,
    const std::function<Result<void>(const Row&, std::uint64_t number)>& numbered = {});

}  // namespace tributary::deliver
