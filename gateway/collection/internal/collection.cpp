#include "collection/collection.h"

#include <algorithm>

#include "collection/internal/load.h"

namespace tributary::collection {
namespace {

constexpr std::string_view kManifest = "collection.json";

// The wider meaning of a period: does [a, b] touch the window? Empty bounds are open.
bool touches(std::string_view start, std::string_view end, const Window& window) {
  return (start.empty() || window.end.empty() ||
          start.substr(0, 10) <= std::string_view(window.end).substr(0, 10)) &&
         (end.empty() || window.start.empty() ||
          end.substr(0, 10) >= std::string_view(window.start).substr(0, 10));
}

}  // namespace

std::string_view gradeName(Grade grade) {
  switch (grade) {
    case Grade::kWarning:
      return "warning";
    case Grade::kRejectRecord:
      return "reject-record";
    case Grade::kRejectFile:
      return "reject-file";
  }
  return "warning";
}

std::string_view gradeName(const Rule& rule) { return rule.group ? "reject-group" : gradeName(rule.grade); }

std::string_view mandationName(Mandation mandation) {
  constexpr std::string_view kNames[] = {"mandatory", "required", "optional", "pilot", "removed", "unknown"};
  return kNames[static_cast<std::size_t>(mandation)];
}

char mandationLetter(Mandation mandation) { return "MROP-?"[static_cast<std::size_t>(mandation)]; }

Collection::Collection(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Collection::~Collection() = default;

Result<std::shared_ptr<const Collection>> Collection::load(
    const std::filesystem::path& folder, std::shared_ptr<const terminology::Definitions> definitions,
    std::shared_ptr<const terminology::Terminology> terminology, const LoadOptions& options,
    std::vector<Issue>& issues) {
  Reporter reporter(issues);
  std::string text;
  const auto manifest = readJson(folder / kManifest, reporter, &text);
  if (manifest == nullptr) {
    return fail(ErrorCode::kNotFound,
                "there is no readable " + std::string(kManifest) + " in " + folder.string());
  }
  const Json root = manifest->root();
  auto zone = TimeZone::find(root["timeZone"].text());
  if (!zone) {
    reporter.fault(manifest->path, root["timeZone"], "the time zone is not known",
                   "Write a name such as Europe/London.");
    return fail(ErrorCode::kInvalidArgument,
                "the collection in " + folder.string() + " has no known time zone");
  }
  auto impl = std::make_unique<Impl>(*zone);
  impl->zone_name = root["timeZone"].string();
  impl->definitions = std::move(definitions);
  impl->terminology = std::move(terminology);
  Loader loader(folder, *impl, reporter);
  loader.load(*manifest, text, options);
  if (reporter.faults() != 0) {
    const auto first = std::find_if(issues.begin(), issues.end(),
                                    [](const Issue& i) { return i.severity <= Severity::kError; });
    return fail(ErrorCode::kInvalidArgument,
                "the collection in " + folder.string() + " has " + std::to_string(reporter.faults()) +
                    " faults, first " + first->path + ":" + std::to_string(first->line) + ": " + first->text);
  }
  return std::shared_ptr<const Collection>(new Collection(std::move(impl)));
}

Result<std::vector<std::filesystem::path>> Collection::terminologyFolders(
    const std::filesystem::path& folder) {
  std::vector<Issue> issues;
  Reporter reporter(issues);
  const auto manifest = readJson(folder / kManifest, reporter);
  if (manifest == nullptr) {
    return fail(ErrorCode::kNotFound,
                "there is no readable " + std::string(kManifest) + " in " + folder.string());
  }
  std::vector<std::filesystem::path> out;
  for (const std::string_view name : {"profiles", "maps"}) {
    if (const Json path = manifest->root()[name]) out.push_back((folder / path.string()).lexically_normal());
  }
  return out;
}

std::string_view Collection::id() const {
  return impl_->id;
}
std::string_view Collection::title() const {
  return impl_->title;
}
std::string_view Collection::timeZone() const {
  return impl_->zone_name;
}
std::string_view Collection::contentHash() const {
  return impl_->hash;
}
std::span<const Table> Collection::tables() const {
  return impl_->tables;
}
std::span<const Rule> Collection::rules() const {
  return impl_->rules;
}
std::span<const Source> Collection::sources() const {
  return impl_->sources;
}
const views::View& Collection::view(std::size_t source) const { return *impl_->source_plans[source].view; }
const views::Column* Collection::column(std::size_t source, std::size_t field) const {
  const SourcePlan& plan = impl_->source_plans[source];
  for (std::size_t i = 0; i < plan.columns.size(); ++i) {
    if (plan.columns[i].field == field) return &plan.view->columns()[i];
  }
  return nullptr;
}
std::span<const std::string> Collection::resourceTypes() const {
  return impl_->resource_types;
}

std::span<const ProviderResource> Collection::providerResources() const {
  return impl_->provider_resources;
}

std::optional<std::uint16_t> Collection::findTable(std::string_view code_or_name) const {
  for (std::size_t i = 0; i < impl_->tables.size(); ++i) {
    if (impl_->tables[i].code == code_or_name || impl_->tables[i].name == code_or_name)
      return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

bool Collection::uses(std::string_view resource_type) const {
  return std::binary_search(impl_->resource_types.begin(), impl_->resource_types.end(), resource_type);
}

HeaderRow Collection::header(const Window& window) const {
  HeaderRow out;
  if (impl_->header_table == kNoTable) return out;
  for (const HeaderCell& cell : impl_->header) {
    switch (cell.from) {
      case HeaderCell::From::kValue:
        out.cells.push_back(cell.text);
        break;
      case HeaderCell::From::kSetting:
        out.cells.push_back(impl_->settings.at(cell.text));
        break;
      case HeaderCell::From::kStart:
        out.cells.push_back(window.start);
        break;
      case HeaderCell::From::kEnd:
        out.cells.push_back(window.end);
        break;
      case HeaderCell::From::kCreated:
        out.cells.push_back(window.created);
        break;
    }
  }
  out.issues = checkHeader(std::vector<std::string_view>(out.cells.begin(), out.cells.end()));
  return out;
}

// Whatever is wrong with the header costs the whole file.
std::vector<Issue> Collection::checkHeader(std::span<const std::string_view> cells) const {
  std::vector<Issue> out;
  if (impl_->header_table == kNoTable) return out;
  const Table& table = impl_->tables[impl_->header_table];
  const auto complain = [&](const Check& check) {
    const Rule& rule = impl_->rules[check.rule];
    out.push_back(Issue{check.grade == Grade::kWarning ? Severity::kWarning : Severity::kError,
                               rule.id, table.name + "." + rule.field, Issue::kNoOffset, 0, 0, rule.text,
                               "Check the settings of the collection and the window."});
  };
  const TablePlan& plan = impl_->table_plans[impl_->header_table];
  for (const Check& check : plan.cells) {
    const std::string_view cell = cells[check.field];
    bool fine = cell.empty() ? check.kind != RuleKind::kMandatory : cellFits(check, cell);
    if (check.kind == RuleKind::kCalendar && check.other != kNoField && !cell.empty())
      fine = fine && cell.substr(0, 7) == cells[check.other].substr(0, 7);
    if (!fine) complain(check);
  }
  for (const Check& check : plan.rows) {
    if (check.kind != RuleKind::kCompare || cells[check.field].empty() || cells[check.other].empty())
      continue;
    const auto order = cells[check.field].substr(0, 10) <=> cells[check.other].substr(0, 10);
    if (check.not_before ? order < 0 : order > 0) complain(check);
  }
  return out;
}

std::string Collection::headerOrigin(std::size_t field) const {
  if (field >= impl_->header.size()) return {};
  const HeaderCell& cell = impl_->header[field];
  switch (cell.from) {
    case HeaderCell::From::kValue:
      return cell.text.empty() ? "nothing" : "the collection itself: always " + cell.text;
    case HeaderCell::From::kSetting:
      return "the setting '" + cell.text + "'";
    case HeaderCell::From::kStart:
      return "the first day of the window";
    case HeaderCell::From::kEnd:
      return "the last day of the window";
    case HeaderCell::From::kCreated:
      return "the time at which the file is made";
  }
  return {};
}

bool Collection::belongs(std::uint16_t table, std::string_view period_start, std::string_view period_end,
                         const Window& window) const {
  const PeriodKind kind = impl_->table_plans[table].period.kind;
  return kind == PeriodKind::kAlways || touches(period_start, period_end, window);
}

bool Collection::companion(std::uint16_t table) const {
  // Up the chain of parents; it has no loops, since each step is a table that the other one refers to.
  for (std::size_t steps = 0; steps < impl_->tables.size(); ++steps) {
    const TablePlan& plan = impl_->table_plans[table];
    if (plan.period.kind == PeriodKind::kHull) return true;
    if (plan.period.kind != PeriodKind::kParent || plan.period_link == kNoField) return false;
    table = plan.links[plan.period_link].other_table;
  }
  return false;
}

const Calendar* Collection::calendar() const {
  return impl_->calendar.get();
}

}  // namespace tributary::collection
