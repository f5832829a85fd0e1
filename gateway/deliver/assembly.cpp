#include "deliver/assembly.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "deliver/internal/access_form.h"
#include "deliver/internal/form_writer.h"
#include "deliver/internal/output_file.h"

namespace tributary::deliver {
namespace {

struct FormFacts {
  FileForm form;
  std::string_view name, content_type, extension;
};
constexpr std::array<FormFacts, 4> kForms = {{
    {FileForm::kCsvZip, "csv-zip", "application/zip", ".zip"},
    {FileForm::kNdjson, "ndjson", "application/x-ndjson", ".ndjson"},
    {FileForm::kXml, "xml", "application/xml", ".xml"},
    {FileForm::kAccess, "accdb", "application/msaccess", ".accdb"},
}};

const FormFacts& factsOf(FileForm form) { return kForms[static_cast<std::size_t>(form)]; }

bool isFileStem(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::unexpected<Error> invalid(std::string text) {
  return fail(ErrorCode::kInvalidArgument, std::move(text));
}

}  // namespace

std::string_view formName(FileForm form) { return factsOf(form).name; }
std::string_view contentType(FileForm form) { return factsOf(form).content_type; }

std::optional<FileForm> findForm(std::string_view name) {
  for (const FormFacts& one : kForms) {
    if (one.name == name) return one.form;
  }
  return std::nullopt;
}

bool isSubmissionId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && id.front() != '.' && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

std::string submissionFileName(const Submission& submission) {
  for (const FormFacts& one : kForms) {
    if (one.content_type == submission.content_type) return submission.id + std::string(one.extension);
  }
  return submission.id + ".dat";
}

std::vector<std::size_t> tableOrder(const AssemblyOptions& options, std::span<const TableLayout> tables) {
  std::vector<std::size_t> order;
  std::vector<bool> placed(tables.size());
  const auto place = [&](std::size_t t) {
    if (!placed[t]) order.push_back(t);
    placed[t] = true;
  };
  if (options.form == FileForm::kXml && options.xml != nullptr) {
    for (const std::string& name : options.xml->order) {
      for (std::size_t t = 0; t < tables.size(); ++t) {
        if (tables[t].name == name) place(t);
      }
    }
  }
  for (std::size_t t = 0; t < tables.size(); ++t) place(t);
  return order;
}

struct Assembler::Impl {
  Impl(AssemblyOptions o, std::vector<TableLayout> t) : options(std::move(o)), tables(std::move(t)) {}

  Result<void> start();
  Result<void> openTable(std::size_t table);
  Result<void> closeTable();
  Result<AssembledFile> finish();
  Result<void> fillDatabase(Submission& submission) const;

  AssemblyOptions options;
  std::vector<TableLayout> tables;
  std::vector<std::size_t> place;  // of each table in the file
  std::unique_ptr<OutputFile> file;
  std::unique_ptr<FormWriter> writer;  // after `file`: it must go first
  std::vector<TableCount> done;        // tables with rows; the last one is open while `open`
  std::size_t current = 0;
  bool open = false;
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
  TRY_VOID(impl->start());
  return Assembler(std::move(impl));
}

Result<void> Assembler::Impl::start() {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  place.resize(tables.size());
  const std::vector<std::size_t> order = tableOrder(options, tables);
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  // The rows of an Access database travel to the side tool as a zip of CSV files.
  const FileForm written = options.form == FileForm::kAccess ? FileForm::kCsvZip : options.form;
  TRY_ASSIGN(file, OutputFile::create(options.folder / (options.submission_id + std::string(factsOf(written).extension))));
  auto made = written == FileForm::kCsvZip   ? makeCsvZipWriter(*file, options)
              : written == FileForm::kNdjson ? makeNdjsonWriter(*file, options)
                                             : makeXmlWriter(*file, options, tables);
  if (!made) return std::unexpected(std::move(made).error());
  writer = std::move(*made);
  return {};
}

Result<void> Assembler::Impl::openTable(std::size_t table) {
  if (table >= tables.size()) return invalid("no such table");
  if (open && table == current) return {};
  if (open && place[table] < place[current]) return invalid("tables are not in their order");
  if (open) TRY_VOID(closeTable());
  open = true;
  current = table;
  done.push_back({.table = tables[table].name});
  return writer->beginTable(tables[table]);
}

Result<void> Assembler::Impl::closeTable() {
  open = false;
  return writer->endTable();
}

Result<std::uint64_t> Assembler::add(std::size_t table, std::span<const std::string_view> cells,
                                     bool is_delete) {
  Impl& impl = *impl_;
  TRY_VOID(impl.openTable(table));
  if (cells.size() != impl.tables[table].columns.size()) {
    return invalid("a row of " + impl.tables[table].name + " has " + std::to_string(cells.size()) +
                   " cells for " + std::to_string(impl.tables[table].columns.size()) + " columns");
  }
  TableCount& count = impl.done.back();
  std::uint64_t& counter = is_delete ? count.deletes : count.upserts;
  if (counter >= impl.options.max_rows_per_table) {
    return fail(ErrorCode::kLimit,
                "more than " + std::to_string(counter) + " rows of " + count.table + " in one submission");
  }
  const std::uint64_t number = ++counter;
  TRY_VOID(impl.writer->add(cells, is_delete, number));
  return number;
}

// The zip gives way to the database made of it.
Result<void> Assembler::Impl::fillDatabase(Submission& submission) const {
  const std::filesystem::path zip = submission.file;
  submission.content_type = contentType(FileForm::kAccess);
  submission.file = options.folder / submissionFileName(submission);
  const auto filled = fillAccessDatabase(options.access, zip, submission.file);
  std::error_code ignored;
  std::filesystem::remove(zip, ignored);
  TRY_VOID(filled);
  TRY_ASSIGN(submission.sha256, fileSha256(submission.file, &submission.bytes));
  return {};
}

Result<AssembledFile> Assembler::Impl::finish() {
  if (open) TRY_VOID(closeTable());
  TRY_VOID(writer->finish(done));
  AssembledFile out;
  out.issues = writer->issues();
  Submission& submission = out.submission;
  TRY_ASSIGN(submission.sha256, file->commit());
  submission.id = options.submission_id;
  submission.collection = options.collection;
  submission.window_from = options.window_from;
  submission.window_to = options.window_to;
  submission.content_type = contentType(options.form == FileForm::kAccess ? FileForm::kCsvZip : options.form);
  submission.bytes = file->bytes();
  submission.file = options.folder / submissionFileName(submission);
  if (options.form == FileForm::kAccess) TRY_VOID(fillDatabase(submission));
  for (const TableCount& table : done) out.rows += table.upserts + table.deletes;
  out.counts = std::move(done);
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
