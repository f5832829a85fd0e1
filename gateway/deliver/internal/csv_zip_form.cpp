#include "deliver/internal/form_writer.h"
#include "deliver/internal/spool.h"
#include "deliver/internal/text_forms.h"
#include "deliver/internal/zip_writer.h"

namespace tributary::deliver {
namespace {

// A zip with one CSV a table; withdrawn rows are kept aside and follow in a file of their own.
class CsvZipWriter final : public FormWriter {
 public:
  CsvZipWriter(std::unique_ptr<ZipWriter> zip, const AssemblyOptions& options)
      : zip_(std::move(zip)), options_(options), deletes_(options.folder) {}

  Result<void> beginTable(const TableLayout& table) override {
    table_ = &table;
    files_.emplace_back();
    has_deletes_ = false;
    return {};
  }

  Result<void> add(std::span<const std::string_view> cells, bool is_delete, std::uint64_t number) override {
    if (!is_delete && number == 1) TRY_VOID(beginFile(table_->name + ".csv"));
    line_.clear();
    appendCsvRecord(line_, cells);
    if (!is_delete) return zip_->write(line_);
    has_deletes_ = true;
    return deletes_.append(line_);
  }

  Result<void> endTable() override {
    if (file_open_) TRY_VOID(endFile());
    if (!has_deletes_) return {};
    TRY_VOID(beginFile(table_->name + "_deleted.csv"));
    TRY_VOID(deletes_.drain([this](std::string_view bytes) { return zip_->write(bytes); }));
    return endFile();
  }

  Result<void> finish(std::span<const TableCount> done) override {
    TRY_VOID(zip_->begin("manifest.json"));
    TRY_VOID(zip_->write(manifestJson(options_, done, files_) + "\n"));
    TRY_ASSIGN([[maybe_unused]] auto entry, zip_->end());
    return zip_->close();
  }

 private:
  Result<void> beginFile(const std::string& name) {
    TRY_VOID(zip_->begin(name));
    file_open_ = true;
    const std::vector<std::string_view> header(table_->columns.begin(), table_->columns.end());
    line_.clear();
    appendCsvRecord(line_, header);
    return zip_->write(line_);
  }

  Result<void> endFile() {
    TRY_ASSIGN(const ZipWriter::Entry entry, zip_->end());
    std::string& files = files_.back();
    files += std::string(files.empty() ? "" : ",") + "{\"name\":\"" + entry.name + "\",\"sha256\":\"" + entry.sha256 +
             "\",\"bytes\":" + std::to_string(entry.bytes) + "}";
    file_open_ = false;
    return {};
  }

  std::unique_ptr<ZipWriter> zip_;
  const AssemblyOptions& options_;
  Spool deletes_;
  const TableLayout* table_ = nullptr;
  bool file_open_ = false, has_deletes_ = false;
  std::vector<std::string> files_;  // of each table, as in the manifest
  std::string line_;
};

}  // namespace

Result<std::unique_ptr<FormWriter>> makeCsvZipWriter(OutputFile& file, const AssemblyOptions& options) {
  TRY_ASSIGN(auto zip, ZipWriter::create(file, options.compression_level));
  return std::make_unique<CsvZipWriter>(std::move(zip), options);
}

}  // namespace tributary::deliver
