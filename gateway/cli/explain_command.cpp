#include "cli/explain_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <set>
#include <string>

#include "cli/collection_bench.h"
#include "collection/lineage.h"
#include "views/view.h"

namespace tributary::cli {
namespace {

using collection::BenchResource;
using collection::Collection;
using collection::Projection;
using collection::Row;

struct ExplainOptions {
  CollectionInput input;
  std::string cell, row;
  std::size_t most = 10;
};

class Explainer {
 public:
  Explainer(const Collection& collection, const collection::Workbench& bench, const ExplainOptions& options,
            std::uint16_t table, std::uint16_t field)
      : collection_(collection), bench_(bench), options_(options), table_(table), field_(field) {}

  void head() const {
    const auto& table = collection_.tables()[table_];
    const auto& field = table.fields[field_];
    std::printf("%s.%s  %s\n", table.name.c_str(), field.name.c_str(), field.title.c_str());
    std::printf("  format %s%s%s\n", field.format.c_str(), field.value_set.empty() ? "" : ", codes of ",
                field.value_set.c_str());
    if (!field.sent) std::printf("  not sent: removed, or held back by the collection\n");
    std::printf("  rules:\n");
    for (const auto& rule : collection_.rules()) {
      if (rule.table != table_ || rule.field != field.name) continue;
      std::printf("    %s%s  %s  %s (%s)\n", rule.id.c_str(), rule.national ? " (national id)" : "",
                  std::string(gradeName(rule.grade)).c_str(), rule.text.c_str(), rule.confidence.c_str());
    }
    std::printf("  filled from, in this order:\n");
    bool any = false;
    for (const auto& source : collection_.sources()) {
      if (source.table == table_) any = expression(source, "    ") || any;
    }
    if (!any) std::printf("    nothing: no expression fills it\n");
  }

  void subject(std::span<const BenchResource* const> resources, const Projection& projection) {
    for (std::size_t r = 0; r < projection.rows.size(); ++r) {
      const Row& row = projection.rows[r];
      if (row.table != table_ || (!options_.row.empty() && row.key != options_.row)) continue;
      ++found_;
      if (found_ <= options_.most) show(row, projection);
    }
    for (std::size_t i = 0; i < projection.outcomes.size(); ++i) {
      const auto& outcome = projection.outcomes[i];
      if (outcome.outcome == collection::Outcome::kUsed || !ofTable(outcome.rule)) continue;
      refused_.insert(std::string(resources[i]->document.resourceType()) + ": " +
                      std::string(outcome.reason) + " (" + std::string(outcome.rule) + ")");
    }
  }

  bool tail() const {
    if (found_ > options_.most)
      std::printf("\n… %zu more rows; --row KEY picks one, --most N shows more\n", found_ - options_.most);
    if (found_ != 0) return true;
    std::printf("\nno row%s. Resources that were looked at and gave none:\n",
                options_.row.empty() ? "" : " with this key");
    for (const std::string& text : refused_) std::printf("  %s\n", text.c_str());
    return false;
  }

 private:
  bool ofTable(std::string_view rule) const { return rule.starts_with(collection_.tables()[table_].name); }

  // The column of a source that fills the field.
  bool expression(const collection::Source& source, const char* indent) const {
    views::CompileOptions options;
    options.national_functions = true;
    const auto view = views::compileFile(source.file, options);
    if (!view) return false;
    for (const auto& column : (*view)->columns()) {
      if (column.name != collection_.tables()[table_].fields[field_].name) continue;
      std::printf("%s%s%s: %s\n", indent, source.resource.c_str(), source.fill ? " (fills only)" : "",
                  column.path.c_str());
      for (const auto& [name, value] : column.tags)
        std::printf("%s  %s %s\n", indent, name.c_str(), value.c_str());
      std::printf("%s  %s %s\n", indent, source.file.c_str(), column.location.c_str());
      return true;
    }
    return false;
  }

  void show(const Row& row, const Projection& projection) const {
    const std::string_view cell = row.cells[field_];
    std::printf("\nrow %s%s\n", std::string(row.key).c_str(),
                row.state == collection::RowState::kOk ? "" : "  (quarantined)");
    std::printf("  value: %s\n", cell.empty() ? "(empty)" : std::string(cell).c_str());
    const auto lineage = collection::decodeLineage(row.lineage);
    bool traced = false;
    for (std::size_t i = 0; lineage && i < lineage->size(); ++i) {
      const auto& from = (*lineage)[i];
      if (from.field != field_) continue;
      traced = true;
      const auto& source = collection_.sources()[from.source];
      std::printf("  by %s\n", source.name.c_str());
      if (from.elements.empty()) std::printf("    a constant of the view or a setting of the collection\n");
      for (const auto& element : from.elements) showElement(element);
    }
    if (!traced && cell.empty()) std::printf("  every expression above gave nothing for this row\n");
    for (const auto& issue : projection.issues.subspan(row.first_issue, row.issue_count)) {
      const bool here = issue.issue.path.ends_with("." + collection_.tables()[table_].fields[field_].name);
      if (!here && issue.issue.rule != "reference-unresolved" && issue.cause == collection::RowIssue::kNoRow)
        continue;
      std::printf("  %s %s: %s\n    %s\n", std::string(gradeName(issue.grade)).c_str(),
                  issue.issue.rule.c_str(), issue.issue.text.c_str(), issue.issue.remedy.c_str());
    }
  }

  void showElement(const collection::LineageElement& element) const {
    const BenchResource* const resource = bench_.byJournal(element.journal);
    if (resource == nullptr) return;
    for (fhir::NodeIndex i = 0; i < resource->document.nodes().size(); ++i) {
      if (resource->document.sourceOffset(i) - resource->offset != element.offset) continue;
      const auto& node = resource->document[i];
      const auto position = resource->document.position(i);
      const std::string value =
          node.kind < fhir::Kind::kArray ? std::string(resource->document.scalar(i)) : "{…}";
      std::printf("    %s:%u:%u  %s = %s\n", resource->file.c_str(), position.line, position.column,
                  collection::elementPath(resource->document, i).c_str(), value.c_str());
      return;
    }
  }

  const Collection& collection_;
  const collection::Workbench& bench_;
  const ExplainOptions& options_;
  std::uint16_t table_, field_;
  std::size_t found_ = 0;
  std::set<std::string> refused_;
};

void explain(const ExplainOptions& options) {
  const auto collection = requireCollection(options.input);
  const std::size_t dot = options.cell.find('.');
  const auto table = collection->findTable(options.cell.substr(0, dot));
  if (!table || dot == std::string::npos) {
    failWith(
        fail(ErrorCode::kInvalidArgument, "name a cell as TABLE.FIELD, such as CYP201.Contact_Date").error(),
        kExitUsage);
  }
  const auto& fields = collection->tables()[*table].fields;
  std::size_t field = 0;
  while (field < fields.size() && fields[field].name != options.cell.substr(dot + 1)) ++field;
  if (field == fields.size()) {
    failWith(
        fail(ErrorCode::kNotFound, "there is no such field in " + collection->tables()[*table].name).error(),
        kExitUsage);
  }
  const auto bench = requireResources(options.input, collection);
  Explainer explainer(*collection, *bench, options, *table, static_cast<std::uint16_t>(field));
  explainer.head();
  const auto totals =
      bench->project([&](const std::string&, std::span<const BenchResource* const> resources,
                         const Projection& projection) { explainer.subject(resources, projection); });
  if (!totals) failWith(totals.error());
  if (!explainer.tail()) exitWith(kExitData);
}

}  // namespace

void addExplainCommand(CLI::App& root) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* const command =
      root.add_subcommand("explain", "Show where a national cell comes from, or why it is empty");
  command->add_option("cell", options->cell, "TABLE.FIELD, such as CYP201.Contact_Date")->required();
  command->add_option("--row", options->row, "only the row with this key");
  command->add_option("--most", options->most, "rows to show")->capture_default_str();
  addCollectionOptions(*command, options->input);
  command->callback([options] { explain(*options); });
}

}  // namespace tributary::cli
