#include "cli/map_files.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "deliver/assembly.h"

namespace tributary::cli {
namespace {

using collection::Collection;

std::string csvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

void writeTables(const Collection& collection, const MappedRows& rows, const std::filesystem::path& folder) {
  for (const auto& [index, list] : rows) {
    const auto& table = collection.tables()[index];
    std::string text;
    for (const auto& field : table.fields) {
      if (field.sent) text += (text.empty() ? "" : ",") + field.name;
    }
    for (const auto& row : list) {
      text += "\r\n";
      bool first = true;
      for (std::size_t f = 0; f < row.size(); ++f) {
        if (!table.fields[f].sent) continue;
        if (!std::exchange(first, false)) text += ',';
        text += csvCell(row[f]);
      }
    }
    text += "\r\n";
    const auto path = folder / (table.name + ".csv");
    if (auto written = writeFileDurably(path, text); !written) failWith(written.error());
    std::printf("%s: %zu rows\n", path.c_str(), list.size());
  }
}

Result<deliver::AssembledFile> assemble(const Collection& collection, const MappedRows& rows, deliver::AssemblyOptions options) {
  std::vector<deliver::TableLayout> layouts;
  for (const auto& table : collection.tables()) {
    deliver::TableLayout layout{table.name, {}};
    for (const auto& field : table.fields) {
      if (field.sent) layout.columns.push_back(field.name);
    }
    layouts.push_back(std::move(layout));
  }
  TRY_ASSIGN(deliver::Assembler assembler, deliver::Assembler::create(options, layouts));
  std::vector<std::string_view> cells;
  for (const std::size_t t : deliver::tableOrder(options, layouts)) {
    const auto list = rows.find(static_cast<std::uint16_t>(t));
    if (list == rows.end()) continue;
    for (const auto& row : list->second) {
      cells.clear();
      for (std::size_t f = 0; f < row.size(); ++f) {
        if (collection.tables()[t].fields[f].sent) cells.emplace_back(row[f]);
      }
      TRY_ASSIGN([[maybe_unused]] const std::uint64_t number, assembler.add(t, cells));
    }
  }
  return assembler.finish();
}

}  // namespace

void writeMapped(const Collection& collection, const MappedRows& rows, const std::filesystem::path& folder,
                 const std::string& format, const std::filesystem::path& layout) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (format == "csv") return writeTables(collection, rows, folder);
  deliver::AssemblyOptions options;
  options.form = deliver::findForm(format).value_or(deliver::FileForm::kCsvZip);
  options.collection = collection.id();
  options.submission_id = collection.id();
  std::replace(options.submission_id.begin(), options.submission_id.end(), '/', '-');
  options.generated = options.window_from = options.window_to = SystemClock().now();
  options.folder = folder;
  if (options.form == deliver::FileForm::kXml) {
    auto read = layout.empty() ? deliver::XmlLayout{} : deliver::readXmlLayout(layout);
    if (!read) failWith(read.error(), kExitUsage);
    options.xml = std::make_shared<const deliver::XmlLayout>(std::move(*read));
  }
  const auto file = assemble(collection, rows, options);
  if (!file) failWith(file.error());
  for (const Issue& issue : file->issues) {
    std::fprintf(stderr, "%s: %s: %s\n", issue.path.c_str(), issue.rule.c_str(), issue.text.c_str());
  }
  std::printf("%s: %llu rows\n", file->submission.file.c_str(), static_cast<unsigned long long>(file->rows));
}

}  // namespace tributary::cli
