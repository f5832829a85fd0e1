#include "collection/internal/load.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/file.h"
#include "base/hash.h"

namespace tributary::collection {
namespace {

std::string joinPath(const std::filesystem::path& folder, std::string_view name) {
  return (folder / std::filesystem::path(name)).lexically_normal().string();
}

std::optional<std::uint16_t> indexOf(const std::vector<Field>& fields, std::string_view name) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

std::optional<Scope> scopeOf(std::string_view text) {
  if (text == "patient") return Scope::kPatient;
  if (text == "provider") return Scope::kProvider;
  if (text == "aggregate") return Scope::kAggregate;
  return std::nullopt;
}

}  // namespace

Json memberAt(Json at, std::string_view location) {
  while (at && !location.empty()) {
    const std::string_view step = location.substr(0, location.find('.'));
    location.remove_prefix(std::min(location.size(), step.size() + 1));
    const std::size_t bracket = step.find('[');
    at = at[step.substr(0, bracket)];
    if (bracket == std::string_view::npos) continue;
    std::size_t index = 0;
    std::from_chars(step.data() + bracket + 1, step.data() + step.size(), index);
    const auto items = at.items();
    at = index < items.size() ? items[index] : Json();
  }
  return at;
}

std::uint16_t Loader::table(const Json& name) {
  for (std::size_t i = 0; i < impl_.tables.size(); ++i) {
    if (impl_.tables[i].name == name.text() || impl_.tables[i].code == name.text())
      return static_cast<std::uint16_t>(i);
  }
  reporter_.fault(manifest_->path, name, "there is no table '" + name.string() + "'",
                  "Name a table of the collection.");
  return kNoTable;
}

std::uint16_t Loader::field(std::uint16_t of, const Json& name) {
  if (of == kNoTable || !name) return kNoField;
  if (const auto found = indexOf(impl_.tables[of].fields, name.text())) return *found;
  reporter_.fault(manifest_->path, name,
                  "there is no field '" + name.string() + "' in " + impl_.tables[of].name,
                  "Name a field of the table, letter by letter.");
  return kNoField;
}

std::uint16_t Loader::slot(std::uint16_t of, std::uint16_t field) {
  for (std::size_t i = 0; i < impl_.keys.size(); ++i) {
    if (impl_.keys[i].table == of && impl_.keys[i].field == field) return static_cast<std::uint16_t>(i);
  }
  impl_.keys.push_back({of, field});
  const auto index = static_cast<std::uint16_t>(impl_.keys.size() - 1);
  impl_.table_plans[of].slots.push_back(index);
  return index;
}

void Loader::load(const JsonFile& manifest, std::string_view manifest_text, const LoadOptions& options) {
  manifest_ = &manifest;
  include(manifest_text);
  const Json root = manifest.root();
  impl_.id = root["id"].string();
  impl_.title = root["title"].string();
  settings(root["settings"], options);
  tables(root);
  sources(root);
  if (root["maps"]) maps(joinPath(folder_, root["maps"].text()));
  checks();
  groups(root["groups"]);
  periods(root);
  aggregates(root["aggregates"]);
  calendar(root["calendar"], options);
  for (const Json& type : root["references"].items()) impl_.reference_types.push_back(type.string());
  std::sort(impl_.reference_types.begin(), impl_.reference_types.end());
  std::set<std::string> types(impl_.types.begin(), impl_.types.end());
  types.insert(impl_.reference_types.begin(), impl_.reference_types.end());
  impl_.resource_types.assign(types.begin(), types.end());
  for (const auto& [name, value] : impl_.settings) {
    include(name);
    include(value);
  }
  // Concept maps and code lists change what comes out, too.
  for (const std::string_view name : {"profiles", "maps"}) {
    std::set<std::filesystem::path> files;
    std::error_code code;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(joinPath(folder_, root[name].text()), code)) {
      if (entry.path().extension() == ".json") files.insert(entry.path());
    }
    for (const auto& file : files) include(sha256Hex(readFile(file).value_or(std::string())));
  }
  impl_.hash = sha256Hex(hashed_);
}

void Loader::settings(const Json& list, const LoadOptions& options) {
  // What is wrong with a setting is wrong in the configuration: the issue's path is the key there.
  const auto fault = [this](const std::string& name, std::string text, std::string remedy) {
    reporter_.add({Severity::kError, "collection-setting", "collection.settings." + name, Issue::kNoOffset, 0, 0, std::move(text), std::move(remedy)});
  };
  std::set<std::string, std::less<>> known;
  for (const Json& item : list.items()) {
    const std::string name = item["name"].string();
    known.insert(name);
    std::string value = item["default"].string();
    const bool borrowed = value.starts_with('$');
    if (borrowed) {
      const auto other = impl_.settings.find(value.substr(1));
      value = other == impl_.settings.end() ? std::string() : other->second;
    }
    const auto given = options.settings.find(name);
    if (given != options.settings.end()) value = given->second;
    if (value.empty() && item["required"].isTrue()) {
      fault(name, "the setting '" + name + "' is needed: " + item["description"].string(), "Set it under [collection.settings].");
    } else if (const Json pattern = item["pattern"]; pattern && !(value.empty() && borrowed)) {  // the other setting's fault, told there
      const auto compiled = Pattern::compile(pattern.text());
      if (!compiled || !compiled->matches(value)) {
        fault(name, "the setting '" + name + "' does not have its form: " + pattern.string(), "Correct it under [collection.settings].");
      }
    }
    impl_.settings.emplace(name, std::move(value));
    variables_.push_back({name, "System.String", false});
  }
  for (const auto& [name, value] : options.settings) {
    if (!known.contains(name)) {
      fault(name, "the collection has no setting '" + name + "'", "Take it out of [collection.settings], or correct its name.");
    }
  }
}

void Loader::tables(const Json& root) {
  const std::string profiles = joinPath(folder_, root["profiles"].text());
  const std::string_view model = root["model"].text();
  const std::string prefix = std::string(model.substr(model.rfind('/') + 1));
  const auto add = [&](const Json& name, std::optional<Scope> scope) {
    auto index = static_cast<std::uint16_t>(impl_.tables.size());
    std::string text;
    auto file = readJson(
        std::filesystem::path(profiles) / ("StructureDefinition-" + prefix + name.string() + ".json"),
        reporter_, &text);
    if (file == nullptr) return;
    include(text);
    if (!scope)
      return reporter_.fault(manifest_->path, name, "the scope of the table is not known",
                             "Write patient, provider or aggregate.");
    auto read = readModel(*file, index, impl_, reporter_);
    files_.push_back(std::move(file));
    if (!read) return;
    read->table.scope = *scope;
    impl_.tables.push_back(std::move(read->table));
    pending_.push_back(std::move(read->checks));
  };
  if (const Json entry = root["header"]) {
    impl_.header_table = 0;
    add(entry["table"], Scope::kHeader);
  }
  for (const Json& entry : root["tables"].items()) add(entry["table"], scopeOf(entry["scope"].text()));
  if (impl_.tables.empty()) {
    reporter_.fault(manifest_->path, root, "the collection has no tables", "List them under tables.");
    return;
  }
  impl_.table_plans.resize(impl_.tables.size());
  if (root["header"]) header(root["header"]["cells"]);
  for (const Json& held : root["hold"].items()) {
    const std::string_view path = held["field"].text();
    bool found = false;
    for (Table& t : impl_.tables) {
      for (Field& f : t.fields) {
        if (t.name + "." + f.name != path) continue;
        f.sent = false;
        f.unsent_reason = held["reason"].string();
        if (f.unsent_reason.empty()) f.unsent_reason = "held back by the collection";
        found = true;
      }
    }
    if (!found)
      reporter_.fault(manifest_->path, held, "there is no field " + std::string(path), "Write Table.Field.");
  }
}

void Loader::header(const Json& cells) {
  for (const Field& f : impl_.tables[impl_.header_table].fields) {
    const Json cell = cells[f.name];
    HeaderCell plan;
    if (cell["setting"]) {
      plan = {HeaderCell::From::kSetting, cell["setting"].string()};
      if (!impl_.settings.contains(plan.text)) {
        reporter_.fault(manifest_->path, cell, "there is no setting '" + plan.text + "'",
                        "Name one of the settings.");
      }
    } else if (cell["window"]) {
      const std::string_view which = cell["window"].text();
      plan.from = which == "start" ? HeaderCell::From::kStart
                  : which == "end" ? HeaderCell::From::kEnd
                                   : HeaderCell::From::kCreated;
    } else {
      plan.text = cell["value"].string();
    }
    impl_.header.push_back(std::move(plan));
  }
}

void Loader::sources(const Json& root) {
  for (const Json& entry : root["tables"].items()) {
    const std::uint16_t index = table(entry["table"]);
    if (index == kNoTable) continue;
    for (const Json& item : entry["sources"].items()) source(item, root["views"].string(), index);
  }
}

void Loader::source(const Json& entry, const std::string& views_folder, std::uint16_t table) {
  const std::string path = joinPath(folder_ / views_folder, entry["view"].text());
  std::string text;
  auto file = readJson(path, reporter_, &text);
  if (file == nullptr) return;
  include(text);
  views::CompileOptions options;
  options.definitions = impl_.definitions.get();
  options.national_functions = true;
  options.strict = true;
  options.variables = variables_;
  options.source_name = path;
  auto compiled = views::compile(text, options);
  if (!compiled) {
    for (views::Problem& problem : compiled.error()) {
      Issue issue = std::move(problem.issue);
      issue.text += " (" + issue.path + ")" + (problem.excerpt.empty() ? "" : "\n" + problem.excerpt);
      issue.path = path;
      reporter_.add(std::move(issue));
    }
    return;
  }
  SourcePlan plan;
  plan.view = std::move(*compiled);
  plan.index = static_cast<std::uint16_t>(impl_.source_plans.size());
  plan.table = table;
  const std::string_view mode = entry["mode"].text();
  plan.mode = mode == "fill" ? Mode::kFill : mode == "combine" ? Mode::kCombine : Mode::kCreate;
  const std::string resource(plan.view->resource());
  const auto known = std::find(impl_.types.begin(), impl_.types.end(), resource);
  plan.type = static_cast<std::uint16_t>(known - impl_.types.begin());
  if (known == impl_.types.end()) impl_.types.push_back(resource);
  const std::string name = std::filesystem::path(path).stem().string();
  plan.suppressed_id = name + ".unlessReferencedBy";
  for (const Json& by : entry["unlessReferencedBy"].items()) {
    plan.suppressions.push_back({by["resource"].string(), fhir::findName(by["element"].text())});
  }
  for (const auto& variable : variables_)
    plan.uses_settings |= text.find('%' + variable.name) != std::string::npos;
  columns(plan, *file);
  filters(plan, *file);
  mapsOf(*file);
  providerResource(entry, plan);
  impl_.sources.push_back(Source{name, path, resource, table, plan.mode == Mode::kFill});
  impl_.table_plans[table].sources.push_back(plan.index);
  impl_.source_plans.push_back(std::move(plan));
  files_.push_back(std::move(file));
}

// Which resources are projected together where no patient holds them together.
void Loader::providerResource(const Json& entry, const SourcePlan& plan) {
  const Json with = entry["with"];
  if (impl_.tables[plan.table].scope != Scope::kProvider) {
    if (with) {
      reporter_.fault(manifest_->path, with, "'with' says nothing of a table of scope patient",
                      "Leave it out: all resources of a patient are projected together.");
    }
    return;
  }
  ProviderResource made{std::string(plan.view->resource()), with.string()};
  if (with && fhir::findName(made.with) == fhir::kNoName) {
    reporter_.fault(manifest_->path, with, "there is no element '" + made.with + "'",
                    "Name the element of " + made.type + " that refers to the resource whose row it fills.");
  }
  const auto sameTable = [&](const std::uint16_t source) {
    const SourcePlan& other = impl_.source_plans[source];
    return other.mode != Mode::kFill && other.type == plan.type;
  };
  const auto& sources = impl_.table_plans[plan.table].sources;
  if (plan.mode == Mode::kFill && !with && std::none_of(sources.begin(), sources.end(), sameTable)) {
    reporter_.fault(manifest_->path, entry, "it only adds to rows, and nothing says to those of which resource",
                    "Give it 'with': the element of " + made.type + " that refers to that resource.");
  }
  for (const ProviderResource& known : impl_.provider_resources) {
    if (known.type != made.type) continue;
    if (known == made) return;
    reporter_.fault(manifest_->path, entry, "another source projects " + made.type + " with something else",
                    "Give all sources of one type the same 'with'.");
    return;
  }
  impl_.provider_resources.push_back(std::move(made));
}

void Loader::columns(SourcePlan& plan, const JsonFile& file) {
  const auto described = plan.view->columns();
  for (std::size_t i = 0; i < described.size(); ++i) {
    ColumnPlan column;
    if (described[i].name == "helper_order") {
      plan.order_column = static_cast<std::uint16_t>(i);
    } else if (!described[i].name.starts_with("helper_")) {
      const auto found = indexOf(impl_.tables[plan.table].fields, described[i].name);
      if (!found) {
        reporter_.fault(
            file.path, memberAt(file.root(), described[i].location),
            "the column '" + described[i].name + "' is no field of " + impl_.tables[plan.table].name,
            "Name the columns as the table does; helpers begin with helper_.");
      } else {
        column.field = *found;
      }
    }
    tagged(column, described[i], plan, file);
    plan.columns.push_back(column);
  }
}

void Loader::tagged(ColumnPlan& column, const views::Column& described, const SourcePlan& plan,
                    const JsonFile& file) {
  const auto fault = [&](std::string text) {
    reporter_.fault(file.path, memberAt(file.root(), described.location), "column '" + described.name + "': " + std::move(text),
                    "See gateway/collection/README.md for the tags.");
  };
  const auto columnOf = [&](std::string_view name) -> std::uint16_t {
    const auto all = plan.view->columns();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].name == name) return static_cast<std::uint16_t>(i);
    }
    fault("there is no column '" + std::string(name) + "'");
    return 0;
  };
  for (const auto& [name, value] : described.tags) {
    if (name == "tributary/civil-date")
      column.convert = Convert::kDate;
    else if (name == "tributary/civil-time")
      column.convert = Convert::kTime;
    else if (name == "tributary/civil-datetime")
      column.convert = Convert::kDateTime;
    else if (name == "tributary/short-id") {
      column.convert = Convert::kShortId;
      column.limit = 0;
      for (const char c : value) column.limit = static_cast<std::uint16_t>(column.limit * 10 + (c - '0'));
      if (column.limit < 12 || column.limit > 64) fault("tributary/short-id needs a length from 12 to 64");
    } else if (name == "tributary/minutes-between") {
      column.convert = Convert::kMinutes;
      const std::size_t comma = value.find(',');
      column.start = columnOf(std::string_view(value).substr(0, comma));
      column.end = columnOf(comma == std::string::npos ? std::string_view{}
                                                       : std::string_view(value).substr(comma + 1));
    } else if (name == "tributary/merge") {
      if (value == "min")
        column.merge = Merge::kLeast;
      else if (value == "max")
        column.merge = Merge::kMost;
      else if (value == "max-if-all")
        column.merge = Merge::kMostIfAll;
      else if (value != "first")
        fault("tributary/merge is first, min, max or max-if-all");
    } else if (name.starts_with("tributary/")) {
      fault("the tag '" + name + "' is not known");
    }
  }
}

void Loader::filters(SourcePlan& plan, const JsonFile& file) {
  const std::string name = file.path.stem().string();
  std::size_t i = 0;
  for (const Json& where : file.root()["where"].items()) {
    plan.filter_ids.push_back(name + ".where[" + std::to_string(i++) + "]");
    const Json text = where["description"];
    plan.filter_reasons.push_back(text ? text.string() : "does not fulfil " + where["path"].string());
  }
}

void Loader::checks() {
  for (std::size_t t = 0; t < pending_.size(); ++t) {
    for (PendingCheck& pending : pending_[t]) {
      if (pending.check.kind == RuleKind::kParent) link(pending, static_cast<std::uint16_t>(t));
    }
  }
  for (std::size_t t = 0; t < pending_.size(); ++t) {
    TablePlan& plan = impl_.table_plans[t];
    for (PendingCheck& pending : pending_[t]) {
      Check& check = pending.check;
      if (!impl_.tables[t].fields[check.field].sent) continue;
      switch (check.kind) {
        case RuleKind::kParent:
          break;
        case RuleKind::kCompare:
          compare(pending, static_cast<std::uint16_t>(t));
          break;
        case RuleKind::kImplies:
        case RuleKind::kDomain:
        case RuleKind::kSum:
        case RuleKind::kAtMost:
          plan.rows.push_back(std::move(check));
          break;
        case RuleKind::kUnique:
          plan.uniques.push_back(std::move(check));
          break;
        case RuleKind::kSingle:
          plan.singles.push_back(std::move(check));
          break;
        case RuleKind::kDistinct:
          plan.distincts.push_back(std::move(check));
          break;
        default:
          plan.cells.push_back(std::move(check));
      }
    }
    std::stable_sort(plan.cells.begin(), plan.cells.end(),
                     [](const Check& a, const Check& b) { return a.field < b.field; });
  }
}

void Loader::link(PendingCheck& pending, std::uint16_t t) {
  const std::size_t dot = pending.parent.find('.');
  const std::string_view code = std::string_view(pending.parent).substr(0, dot);
  for (std::size_t i = 0; i < impl_.tables.size(); ++i) {
    if (impl_.tables[i].code != code && impl_.tables[i].name != code) continue;
    const auto found = indexOf(impl_.tables[i].fields, std::string_view(pending.parent).substr(dot + 1));
    if (!found) break;
    pending.check.other_table = static_cast<std::uint16_t>(i);
    pending.check.other = *found;
    impl_.table_plans[t].link_slots.push_back(slot(pending.check.other_table, *found));
    impl_.table_plans[t].links.push_back(pending.check);
    return;
  }
  reporter_.fault(pending.file->path, pending.at, "there is no field " + pending.parent + " to look for",
                  "Write Table.Field.");
}

void Loader::compare(PendingCheck& pending, std::uint16_t t) {
  Check& check = pending.check;
  TablePlan& plan = impl_.table_plans[t];
  const std::string_view other = pending.other;
  if (other.starts_with('$')) {
    check.anchor = other == "$start" ? Anchor::kWindowStart
                   : other == "$end" ? Anchor::kWindowEnd
                                     : Anchor::kCreated;
    plan.windows.push_back(std::move(check));
    return;
  }
  const std::size_t dot = other.find('.');
  if (dot == std::string_view::npos) {
    if (const auto found = indexOf(impl_.tables[t].fields, other)) {
      check.other = *found;
      plan.rows.push_back(std::move(check));
      return;
    }
  }
  for (std::size_t i = 0; dot != std::string_view::npos && i < plan.links.size(); ++i) {
    const Table& parent = impl_.tables[plan.links[i].other_table];
    const auto found = indexOf(parent.fields, other.substr(dot + 1));
    if (parent.code != other.substr(0, dot) || !found) continue;
    check.anchor = Anchor::kParentField;
    check.parent_check = static_cast<std::uint16_t>(i);
    check.other = *found;
    plan.compares.push_back(std::move(check));
    return;
  }
  reporter_.fault(pending.file->path, pending.at, "nothing to compare with: " + pending.other,
                  "Name a field of the same table or of a parent, $start, $end or $created.");
}

void Loader::groups(const Json& list) {
  for (const Json& item : list.items()) {
    const std::uint16_t parent = table(item["table"]), needs = table(item["needs"]);
    const auto grade = parseGrade(item["grade"].text());
    if (parent == kNoTable || needs == kNoTable) continue;
    const auto& links = impl_.table_plans[needs].links;
    const auto found =
        std::find_if(links.begin(), links.end(), [&](const Check& c) { return c.other_table == parent; });
    if (found == links.end() || !grade) {
      reporter_.fault(manifest_->path, item, "the group has no grade, or its tables are not linked",
                      "Give a grade; the needed table must have a parent rule to the other.");
      continue;
    }
    GroupPlan plan;
    plan.rule = static_cast<std::uint32_t>(impl_.rules.size());
    plan.grade = *grade;
    plan.needs = needs;
    plan.link = static_cast<std::uint16_t>(found - links.begin());
    impl_.rules.push_back(Rule{item["id"].string(), false, "group", *grade, item["grade"].text() == "REJECT_GROUP", parent,
                               impl_.tables[parent].fields[found->other].name, item["text"].string(),
                               item["confidence"].text().starts_with("stated") ? "stated" : "inferred"});
    impl_.table_plans[parent].groups.push_back(plan);
  }
}

// A file's name or the calendar itself. What it says changes no row, so it is no part of the generation.
void Loader::calendar(const Json& entry, const LoadOptions& options) {
  if (!options.calendar.empty() || entry.isString()) {
    const std::filesystem::path path = options.calendar.empty() ? std::filesystem::path(joinPath(folder_, entry.text())) : options.calendar;
    if (const auto file = readJson(path, reporter_)) impl_.calendar = Calendar::read(path, file->root(), reporter_);
  } else if (entry) {
    impl_.calendar = Calendar::read(manifest_->path, entry, reporter_);
  }
}

void Loader::periods(const Json& root) {
  for (const Json& entry : root["tables"].items()) {
    const std::uint16_t t = table(entry["table"]);
    if (t == kNoTable) continue;
    TablePlan& plan = impl_.table_plans[t];
    const Json period = entry["period"];
    const std::string_view kind = period["kind"].text();
    plan.period.start = field(t, period["start"]);
    plan.period.end = field(t, period["end"]);
    if (kind == "on")
      plan.period.kind = PeriodKind::kOn;
    else if (kind == "open")
      plan.period.kind = PeriodKind::kOpen;
    else if (kind == "hull") {
      plan.period.kind = PeriodKind::kHull;
      plan.period.of = table(period["of"]);
    } else if (kind == "parent") {
      plan.period.kind = PeriodKind::kParent;
      for (std::size_t i = 0; i < plan.links.size() && plan.period_link == kNoField; ++i) {
        if (!plan.links[i].optional) plan.period_link = static_cast<std::uint16_t>(i);
      }
      if (plan.period_link == kNoField) {
        reporter_.fault(manifest_->path, period, "the table has no parent to take its period from",
                        "Give it a kind of its own.");
      }
    } else if (kind != "always") {
      reporter_.fault(manifest_->path, entry, "the period of the table is not known",
                      "Write always, on, open, parent or hull.");
    }
    const bool needs_start = plan.period.kind == PeriodKind::kOn || plan.period.kind == PeriodKind::kOpen;
    if (needs_start && plan.period.start == kNoField) {
      reporter_.fault(manifest_->path, period, "the period has no start",
                      "Name the field that dates the row.");
    }
  }
}

}  // namespace tributary::collection
