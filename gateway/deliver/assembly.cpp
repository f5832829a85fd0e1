#include "deliver/assembly.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "base/civil_time.h"
#include "deliver/internal/output_file.h"
#include "deliver/internal/text_forms.h"
#include "deliver/internal/zip_writer.h"

namespace tributary::deliver {
namespace {

bool isFileStem(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::unexpected<Error> invalid(std::string text) {
  return fail(ErrorCode::kInvalidArgument, std::move(text));
}

// Deletes of the table at hand, kept aside (memory, then an unlinked file) until its upserts are complete.
class Spool {
 public:
  explicit Spool(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool() {
    if (fd_ >= 0) ::close(fd_);
  }

  Result<void> append(std::string_view bytes) {
    memory_.append(bytes);
    return memory_.size() < kMemory ? Result<void>{} : spill();
  }
  // Gives back all that was appended, in order, and is empty again.
  template <class Write>
  Result<void> drain(Write write) {
    if (fd_ >= 0) {
      TRY_VOID(spill());
      std::array<char, 64 << 10> buffer;
      for (off_t at = 0; at < size_;) {
        const ssize_t got = ::pread(fd_, buffer.data(), buffer.size(), at);
        if (got <= 0) return broken("read");
        TRY_VOID(write(std::string_view(buffer.data(), static_cast<std::size_t>(got))));
        at += got;
      }
      if (::ftruncate(fd_, 0) != 0) return broken("truncate");
      size_ = 0;
      return {};
    }
    TRY_VOID(write(std::string_view(memory_)));
    memory_.clear();
    return {};
  }

 private:
  static constexpr std::size_t kMemory = 1 << 20;

  static std::unexpected<Error> broken(const char* what) {
    return fail(ErrorCode::kUnavailable,
                std::string("temporary file for deletes: cannot ") + what + ": " + std::strerror(errno),
                RetryClass::kRetryable);
  }
  Result<void> spill() {
    if (fd_ < 0) {
      std::string name = (folder_ / ".deletes-XXXXXX").string();
      fd_ = ::mkostemp(name.data(), O_CLOEXEC);
      if (fd_ < 0) return broken("create");
      ::unlink(name.c_str());
    }
    std::string_view left = memory_;
    while (!left.empty()) {
      const ssize_t wrote = ::pwrite(fd_, left.data(), left.size(), size_);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return broken("write");
      left.remove_prefix(static_cast<std::size_t>(wrote));
      size_ += wrote;
    }
    memory_.clear();
    return {};
  }

  std::filesystem::path folder_;
  std::string memory_;
  int fd_ = -1;
  off_t size_ = 0;
};

}  // namespace

bool isSubmissionId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && id.front() != '.' && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

std::string submissionFileName(const Submission& submission) {
  if (submission.content_type == "application/zip") return submission.id + ".zip";
  if (submission.content_type == "application/x-ndjson") return submission.id + ".ndjson";
  return submission.id + ".dat";
}

struct Assembler::Impl {
  struct TableFiles {
    TableCount count;
    std::vector<ZipWriter::Entry> entries;
  };

  Impl(AssemblyOptions o, std::vector<TableLayout> t)
      : options(std::move(o)), tables(std::move(t)), deletes(options.folder) {}

  Result<void> openTable(std::size_t table);
  Result<void> closeTable();
  Result<void> beginCsv(const std::string& name);
  Result<void> endCsv();
  void appendNdjson(std::span<const std::string_view> cells, bool is_delete, std::uint64_t number);
  std::string manifest() const;
  Result<AssembledFile> finish();

  AssemblyOptions options;
  std::vector<TableLayout> tables;
  std::unique_ptr<OutputFile> file;
  std::unique_ptr<ZipWriter> zip;  // after `file`: it must go first
  std::vector<TableFiles> done;    // tables with rows; the last one is open while `open`
  std::size_t current = 0;
  bool open = false, csv_open = false;
  Spool deletes;
  std::string line;
};

Assembler::Assembler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Assembler::Assembler(Assembler&&) noexcept = default;
Assembler& Assembler::operator=(Assembler&&) noexcept = default;
Assembler::~Assembler() = default;

Result<Assembler> Assembler::create(AssemblyOptions options, std::vector<TableLayout> tables) {
  if (!isSubmissionId(options.submission_id)) return invalid("not a submission id");
  std::set<std::string_view> names;
  for (const TableLayout& table : tables) {
    if (!isFileStem(table.name)) return invalid("table name cannot be a file name: " + table.name);
    if (!names.insert(table.name).second) return invalid("table twice: " + table.name);
    if (table.columns.empty()) return invalid("table without columns: " + table.name);
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::move(tables));
  std::error_code error;
  std::filesystem::create_directories(impl->options.folder, error);
  const bool zip = impl->options.form == FileForm::kCsvZip;
  const std::string name = impl->options.submission_id + (zip ? ".zip" : ".ndjson");
  TRY_ASSIGN(impl->file, OutputFile::create(impl->options.folder / name));
  if (zip) {
    TRY_ASSIGN(impl->zip, ZipWriter::create(*impl->file, impl->options.compression_level));
  }
  return Assembler(std::move(impl));
}

Result<void> Assembler::Impl::beginCsv(const std::string& name) {
  TRY_VOID(zip->begin(name));
  csv_open = true;
  const std::vector<std::string>& columns = tables[current].columns;
  const std::vector<std::string_view> header(columns.begin(), columns.end());
  line.clear();
  appendCsvRecord(line, header);
  return zip->write(line);
}

Result<void> Assembler::Impl::endCsv() {
  TRY_ASSIGN(auto entry, zip->end());
  done.back().entries.push_back(std::move(entry));
  csv_open = false;
  return {};
}

Result<void> Assembler::Impl::openTable(std::size_t table) {
  if (table >= tables.size()) return invalid("no such table");
  if (open && table == current) return {};
  if (open && table < current) return invalid("tables are not in their order");
  if (open) TRY_VOID(closeTable());
  open = true;
  current = table;
  done.push_back({.count = {.table = tables[table].name}, .entries = {}});
  return {};
}

Result<void> Assembler::Impl::closeTable() {
  open = false;
  if (csv_open) TRY_VOID(endCsv());
  if (zip == nullptr || done.back().count.deletes == 0) return {};
  TRY_VOID(beginCsv(tables[current].name + "_deleted.csv"));
  TRY_VOID(deletes.drain([this](std::string_view bytes) { return zip->write(bytes); }));
  return endCsv();
}

void Assembler::Impl::appendNdjson(std::span<const std::string_view> cells, bool is_delete,
                                   std::uint64_t number) {
  const TableLayout& table = tables[current];
  line = "{\"table\":\"" + table.name + "\",\"action\":\"" + (is_delete ? "delete" : "upsert") +
         "\",\"rowNumber\":" + std::to_string(number) + ",\"fields\":{";
  bool first = true;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].empty()) continue;
    if (!first) line.push_back(',');
    first = false;
    appendJsonString(line, table.columns[i]);
    line.push_back(':');
    appendJsonString(line, cells[i]);
  }
  line.append("}}\n");
}

Result<std::uint64_t> Assembler::add(std::size_t table, std::span<const std::string_view> cells,
                                     bool is_delete) {
  Impl& impl = *impl_;
  TRY_VOID(impl.openTable(table));
  if (cells.size() != impl.tables[table].columns.size()) {
    return invalid("a row of " + impl.tables[table].name + " has " + std::to_string(cells.size()) +
                   " cells for " + std::to_string(impl.tables[table].columns.size()) + " columns");
  }
  TableCount& count = impl.done.back().count;
  std::uint64_t& counter = is_delete ? count.deletes : count.upserts;
  if (counter >= impl.options.max_rows_per_table) {
    return fail(ErrorCode::kLimit,
                "more than " + std::to_string(counter) + " rows of " + count.table + " in one submission");
  }
  const std::uint64_t number = ++counter;
  if (impl.zip == nullptr) {
    impl.appendNdjson(cells, is_delete, number);
    TRY_VOID(impl.file->write(impl.line));
    return number;
  }
  if (!is_delete && number == 1) TRY_VOID(impl.beginCsv(impl.tables[table].name + ".csv"));
  impl.line.clear();
  appendCsvRecord(impl.line, cells);
  TRY_VOID(is_delete ? impl.deletes.append(impl.line) : impl.zip->write(impl.line));
  return number;
}

std::string Assembler::Impl::manifest() const {
  std::string out = "{\"submissionId\":";
  appendJsonString(out, options.submission_id);
  out += ",\"collection\":";
  appendJsonString(out, options.collection);
  out += ",\"window\":{\"from\":\"" + formatInstant(options.window_from) + "\",\"to\":\"" +
         formatInstant(options.window_to) + "\"},\"mode\":\"" +
         (options.continuous ? "continuous" : options.whole_month ? "month" : "window") + "\",\"generated\":\"" +
         formatInstant(options.generated) + "\",\"tables\":[";
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < done.size(); ++i) {
    const TableCount& count = done[i].count;
    rows += count.upserts + count.deletes;
    out += std::string(i == 0 ? "" : ",") + "{\"table\":\"" + count.table +
           "\",\"upserts\":" + std::to_string(count.upserts) +
           ",\"deletes\":" + std::to_string(count.deletes);
    if (zip != nullptr) {
      out += ",\"files\":[";
      for (std::size_t j = 0; j < done[i].entries.size(); ++j) {
        const ZipWriter::Entry& entry = done[i].entries[j];
        out += std::string(j == 0 ? "" : ",") + "{\"name\":\"" + entry.name + "\",\"sha256\":\"" +
               entry.sha256 + "\",\"bytes\":" + std::to_string(entry.bytes) + "}";
      }
      out += "]";
    }
    out += "}";
  }
  return out + "],\"rows\":" + std::to_string(rows) + "}";
}

Result<AssembledFile> Assembler::Impl::finish() {
  if (open) TRY_VOID(closeTable());
  if (zip != nullptr) {
    TRY_VOID(zip->begin("manifest.json"));
    TRY_VOID(zip->write(manifest() + "\n"));
    TRY_ASSIGN([[maybe_unused]] auto entry, zip->end());
    TRY_VOID(zip->close());
  } else {
    TRY_VOID(file->write("{\"manifest\":" + manifest() + "}\n"));
  }
  AssembledFile out;
  Submission& submission = out.submission;
  TRY_ASSIGN(submission.sha256, file->commit());
  submission.id = options.submission_id;
  submission.collection = options.collection;
  submission.window_from = options.window_from;
  submission.window_to = options.window_to;
  submission.content_type = zip != nullptr ? "application/zip" : "application/x-ndjson";
  submission.bytes = file->bytes();
  submission.file = options.folder / submissionFileName(submission);
  for (const TableFiles& table : done) {
    out.counts.push_back(table.count);
    out.rows += table.count.upserts + table.count.deletes;
  }
  return out;
}

Result<AssembledFile> Assembler::finish() {
  return impl_->finish();
}

Result<AssembledFile> assemble(
    AssemblyOptions options, std::vector<TableLayout> tables, const RowSource& source,
    const std::function<Result<void>(const Row&, std::uint64_t number)>& numbered) {
  TRY_ASSIGN(Assembler assembler, Assembler::create(std::move(options), std::move(tables)));
  Row row;
  for (;;) {
    TRY_ASSIGN(const bool more, source(row));
    if (!more) return assembler.finish();
    TRY_ASSIGN(const std::uint64_t number, assembler.add(row.table, row.cells, row.is_delete));
    if (numbered) TRY_VOID(numbered(row, number));
  }
}

}  // namespace tributary::deliver
