#include <array>
#include <map>
#include <set>

#include "base/civil_time.h"
#include "base/sha256_stream.h"
#include "deliver/internal/form_writer.h"
#include "deliver/internal/spool.h"
#include "deliver/internal/xml_text.h"
#include "deliver/xml_layout.h"

namespace tributary::deliver {
namespace {

std::unexpected<Error> invalid(std::string text) { return fail(ErrorCode::kInvalidArgument, std::move(text)); }

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// The tags of a table, made once.
struct TableTags {
  std::string group_open, group_close;  // empty: no group
  std::string row_open, row_close;      // "<Row" and "</Row>\n"
  std::string delete_mark;              // ' action="delete"'; empty: withdrawn rows are refused
  struct Column {
    std::string open, close, empty;  // of a filled cell before and behind its text; what stands for an empty one
  };
  std::vector<Column> columns;
};

class XmlWriter final : public FormWriter {
 public:
  XmlWriter(OutputFile& file, const AssemblyOptions& options, std::span<const TableLayout> tables)
      : file_(file), options_(options), layout_(*options.xml), first_(tables.data()), deletes_(options.folder) {}

  Result<void> start(std::span<const TableLayout> tables) {
    TRY_VOID(checkNames(tables));
    for (const TableLayout& table : tables) {
      TRY_ASSIGN(TableTags tags, tagsOf(table));
      tags_.push_back(std::move(tags));
    }
    line_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + layout_.root;
    if (!layout_.name_space.empty()) attribute("xmlns", layout_.name_space);
    if (layout_.empty == XmlLayout::Empty::kNil) attribute("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
    for (const auto& [name, value] : layout_.root_attributes) {
      attribute(name, replaced(replaced(replaced(value, "{submissionId}", options_.submission_id), "{collection}", options_.collection),
                               "{generated}", formatInstant(options_.generated)));
    }
    line_ += ">\n";
    return write(line_);
  }

  Result<void> beginTable(const TableLayout& table) override {
    table_ = &table;
    now_ = &tags_[static_cast<std::size_t>(&table - first_)];
    has_deletes_ = false;
    return write(now_->group_open);
  }

  Result<void> add(std::span<const std::string_view> cells, bool is_delete, std::uint64_t number) override {
    if (is_delete && now_->delete_mark.empty()) {
      return fail(ErrorCode::kRejected, table_->name + " has withdrawn rows, and the XML layout has no 'deletedAttribute' to say so");
    }
    line_ = now_->row_open;
    if (is_delete) line_ += now_->delete_mark;
    const bool attributes = layout_.fields == XmlLayout::Fields::kAttributes;
    if (!attributes) line_ += '>';
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const TableTags::Column& column = now_->columns[i];
      if (cells[i].empty()) {
        line_ += column.empty;
        continue;
      }
      line_ += column.open;
      if (!appendXmlText(line_, cells[i], attributes)) {
        if (!layout_.replace_illegal) {
          return fail(ErrorCode::kRejected, table_->name + "." + table_->columns[i] + " of " + (is_delete ? "withdrawn row " : "row ") +
                                                std::to_string(number) + " holds a character that XML cannot carry");
        }
        ++illegal_[table_->name + "." + table_->columns[i]];
      }
      line_ += column.close;
    }
    line_ += attributes ? "/>\n" : now_->row_close;
    if (!is_delete) return write(line_);
    has_deletes_ = true;
    return deletes_.append(line_);
  }

  Result<void> endTable() override {
    if (has_deletes_) TRY_VOID(deletes_.drain([this](std::string_view bytes) { return write(bytes); }));
    return write(now_->group_close);
  }

  Result<void> finish(std::span<const TableCount> done) override {
    line_.clear();
    if (!layout_.manifest.empty()) appendManifest(done);
    line_ += "</" + layout_.root + ">\n";
    return file_.write(line_);
  }

  std::vector<Issue> issues() const override {
    std::vector<Issue> out;
    for (const auto& [column, cells] : illegal_) {
      Issue issue;
      issue.severity = Severity::kWarning;
      issue.rule = "xml-illegal-character";
      issue.path = column;
      issue.text = std::to_string(cells) + (cells == 1 ? " cell holds" : " cells hold") +
                   " characters that XML cannot carry; each was replaced by U+FFFD";
      issue.remedy = "Correct the text at the source, or deliver this collection as CSV or NDJSON.";
      out.push_back(std::move(issue));
    }
    return out;
  }

 private:
  Result<void> write(std::string_view bytes) {
    digest_.add(bytes);
    return file_.write(bytes);
  }
  void attribute(std::string_view name, std::string_view value) {
    line_ += " " + std::string(name) + "=\"";
    appendXmlText(line_, value, true);
    line_ += '"';
  }
  std::string named(const std::string& ours) const {
    const auto found = layout_.names.find(ours);
    return found != layout_.names.end() ? found->second : ours.substr(ours.find('.') + 1);
  }

  // A name of the layout that the collection has not is a slip of the pen.
  Result<void> checkNames(std::span<const TableLayout> tables) const {
    std::set<std::string> known;
    for (const TableLayout& table : tables) {
      known.insert(table.name);
      for (const std::string& column : table.columns) known.insert(table.name + "." + column);
    }
    for (const auto& [ours, theirs] : layout_.names) {
      if (!known.contains(ours)) return invalid("the XML layout names '" + ours + "', which is no table or column of the submission");
    }
    return {};
  }

  Result<TableTags> tagsOf(const TableLayout& table) const {
    TableTags out;
    const std::string name = named(table.name);
    const std::string row = replaced(layout_.row, "{table}", name), group = replaced(layout_.group, "{table}", name);
    if (!isXmlName(row)) return invalid("the table name " + name + " cannot be an element's name: give it one under 'names' in the XML layout");
    if (!group.empty()) {
      out.group_open = "<" + group + ">\n";
      out.group_close = "</" + group + ">\n";
    }
    out.row_open = "<" + row;
    out.row_close = "</" + row + ">\n";
    if (!layout_.delete_attribute.empty()) {
      out.delete_mark = " " + layout_.delete_attribute + "=\"";
      appendXmlText(out.delete_mark, layout_.delete_value, true);
      out.delete_mark += '"';
    }
    std::set<std::string> taken;
    const bool attributes = layout_.fields == XmlLayout::Fields::kAttributes;
    if (attributes) taken.insert(layout_.delete_attribute);
    for (const std::string& column : table.columns) {
      const std::string field = named(table.name + "." + column);
      if (!isXmlName(field)) return invalid("the column name " + table.name + "." + column + " cannot be a name in XML: give it one under 'names' in the XML layout");
      if (!taken.insert(field).second) return invalid("two columns of " + table.name + " would be called '" + field + "' in XML");
      out.columns.push_back(attributes ? attributeTags(field) : elementTags(field));
    }
    return out;
  }
  TableTags::Column attributeTags(const std::string& field) const {
    return {" " + field + "=\"", "\"", layout_.empty == XmlLayout::Empty::kOmit ? "" : " " + field + "=\"\""};
  }
  TableTags::Column elementTags(const std::string& field) const {
    const std::string empty = layout_.empty == XmlLayout::Empty::kOmit      ? ""
                              : layout_.empty == XmlLayout::Empty::kElement ? "<" + field + "/>"
                                                                            : "<" + field + " xsi:nil=\"true\"/>";
    return {"<" + field + ">", "</" + field + ">", empty};
  }

  void appendManifest(std::span<const TableCount> done) {
    std::uint64_t rows = 0;
    for (const TableCount& table : done) rows += table.upserts + table.deletes;
    line_ += "<" + layout_.manifest;
    attribute("submissionId", options_.submission_id);
    attribute("collection", options_.collection);
    attribute("from", formatInstant(options_.window_from));
    attribute("to", formatInstant(options_.window_to));
    attribute("mode", modeName(options_));
    attribute("generated", formatInstant(options_.generated));
    attribute("rows", std::to_string(rows));
    attribute("sha256", digest_.finishHex());
    line_ += ">\n";
    for (const TableCount& table : done) {
      line_ += "<Table";
      attribute("name", table.table);
      attribute("upserts", std::to_string(table.upserts));
      attribute("deletes", std::to_string(table.deletes));
      line_ += "/>\n";
    }
    line_ += "</" + layout_.manifest + ">\n";
  }

  OutputFile& file_;
  const AssemblyOptions& options_;
  const XmlLayout& layout_;
  const TableLayout* first_;  // of the tables: their places give those of the tags
  Spool deletes_;
  std::vector<TableTags> tags_;
  const TableLayout* table_ = nullptr;
  const TableTags* now_ = nullptr;
  bool has_deletes_ = false;
  std::map<std::string, std::uint64_t> illegal_;  // "Table.Column": cells
  Sha256Stream digest_;                           // of all bytes before the manifest
  std::string line_;
};

}  // namespace

Result<std::unique_ptr<FormWriter>> makeXmlWriter(OutputFile& file, const AssemblyOptions& options,
                                                  std::span<const TableLayout> tables) {
  if (options.xml == nullptr) return invalid("the XML form needs a layout");
  auto writer = std::make_unique<XmlWriter>(file, options, tables);
  TRY_VOID(writer->start(tables));
  return writer;
}

}  // namespace tributary::deliver
