#include "base/civil_time.h"
#include "deliver/internal/form_writer.h"
#include "deliver/internal/text_forms.h"

namespace tributary::deliver {
namespace {

// A line a row, and the manifest as the last line: a file without it was cut short.
class NdjsonWriter final : public FormWriter {
 public:
  NdjsonWriter(OutputFile& file, const AssemblyOptions& options) : file_(file), options_(options) {}

  Result<void> beginTable(const TableLayout& table) override {
    table_ = &table;
    return {};
  }

  Result<void> add(std::span<const std::string_view> cells, bool is_delete, std::uint64_t number) override {
    line_ = "{\"table\":\"" + table_->name + "\",\"action\":\"" + (is_delete ? "delete" : "upsert") +
            "\",\"rowNumber\":" + std::to_string(number) + ",\"fields\":{";
    bool first = true;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].empty()) continue;
      if (!first) line_.push_back(',');
      first = false;
      appendJsonString(line_, table_->columns[i]);
      line_.push_back(':');
      appendJsonString(line_, cells[i]);
    }
    line_.append("}}\n");
    return file_.write(line_);
  }

  Result<void> endTable() override { return {}; }

  Result<void> finish(std::span<const TableCount> done) override {
    return file_.write("{\"manifest\":" + manifestJson(options_, done, {}) + "}\n");
  }

 private:
  OutputFile& file_;
  const AssemblyOptions& options_;
  const TableLayout* table_ = nullptr;
  std::string line_;
};

}  // namespace

Result<std::unique_ptr<FormWriter>> makeNdjsonWriter(OutputFile& file, const AssemblyOptions& options) {
  return std::make_unique<NdjsonWriter>(file, options);
}

std::string manifestJson(const AssemblyOptions& options, std::span<const TableCount> done,
                         std::span<const std::string> files) {
  std::string out = "{\"submissionId\":";
  appendJsonString(out, options.submission_id);
  out += ",\"collection\":";
  appendJsonString(out, options.collection);
  out += ",\"window\":{\"from\":\"" + formatInstant(options.window_from) + "\",\"to\":\"" +
         formatInstant(options.window_to) + "\"},\"mode\":\"" + modeName(options) +
         "\",\"generated\":\"" + formatInstant(options.generated) + "\",\"tables\":[";
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < done.size(); ++i) {
    rows += done[i].upserts + done[i].deletes;
    out += std::string(i == 0 ? "" : ",") + "{\"table\":\"" + done[i].table +
           "\",\"upserts\":" + std::to_string(done[i].upserts) + ",\"deletes\":" + std::to_string(done[i].deletes);
    if (i < files.size()) out += ",\"files\":[" + files[i] + "]";
    out += "}";
  }
  return out + "],\"rows\":" + std::to_string(rows) + "}";
}

}  // namespace tributary::deliver
