#include "cli/explain_cell.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "collection/aggregate.h"
#include "collection/codes.h"
#include "collection/lineage.h"
#include "fhir/reference.h"
#include "views/view.h"

namespace tributary::cli {
namespace {

using collection::Attempt;
using collection::Collection;
using collection::Stop;
using collection::Translated;

constexpr std::size_t kMostShown = 4, kLongest = 60;

std::string shortened(std::string text) {
  if (text.size() <= kLongest) return text;
  std::size_t cut = kLongest;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + "…";
}

// Files below the working folder are shown from there.
std::string nearPath(const std::string& path) {
  std::error_code code;
  const auto relative = std::filesystem::relative(path, std::filesystem::current_path(code), code).string();
  return code || relative.empty() || relative.starts_with("..") ? path : relative;
}

std::string coding(std::string_view system, std::string_view code) {
  return system.empty() ? "'" + std::string(code) + "'" : std::string(system) + "|" + std::string(code);
}

}  // namespace

CellExplainer::CellExplainer(const Collection& collection, const std::filesystem::path& folder, std::uint16_t table,
                             std::uint16_t field, Locate locate, Held held, bool tell_elements)
    : collection_(collection), table_(table), field_(field), locate_(std::move(locate)), held_(std::move(held)), tell_elements_(tell_elements) {
  if (auto maps = collection::readMapFiles(folder)) maps_ = std::move(*maps);
  for (std::size_t s = 0; s < collection.sources().size(); ++s) {
    const views::Column* const column = collection.sources()[s].table == table ? collection.column(s, field) : nullptr;
    if (column != nullptr) lines_[s] = collection::lineOf(collection.sources()[s].file, column->location);
  }
}

void CellExplainer::head() const {
  const auto& table = collection_.tables()[table_];
  const auto& field = table.fields[field_];
  std::printf("%s.%s  %s\n", table.name.c_str(), field.name.c_str(), field.title.c_str());
  std::printf("  %s%s%s, format %s%s%s\n", std::string(mandationName(field.mandation)).c_str(),
              field.mandation_confidence.empty() ? "" : ", ", field.mandation_confidence.c_str(), field.format.c_str(),
              field.value_set.empty() ? "" : ", codes of ", field.value_set.c_str());
  if (!field.confidence.empty()) std::printf("  facts: %s\n", field.confidence.c_str());
  if (!field.sent) std::printf("  not sent: %s\n", field.unsent_reason.c_str());
  rules();
  if (table.scope == collection::Scope::kHeader) {
    std::printf("  filled from %s\n", collection_.headerOrigin(field_).c_str());
    return;
  }
  if (table.scope == collection::Scope::kAggregate) {
    std::printf("  filled from %s\n", collection::aggregateOrigin(collection_, table_, field_).c_str());
    return;
  }
  std::printf("  filled from, in this order:\n");
  for (const auto& [source, line] : lines_) expression(source, "    ");
  if (lines_.empty()) std::printf("    nothing: no expression fills it\n");
}

void CellExplainer::rules() const {
  const std::string& name = collection_.tables()[table_].fields[field_].name;
  bool first = true;
  for (const auto& rule : collection_.rules()) {
    if (rule.table != table_ || rule.field != name) continue;
    if (std::exchange(first, false)) std::printf("  rules:\n");
    std::printf("    %-8s %-14s %s (%s, %s)\n", rule.id.c_str(), std::string(gradeName(rule)).c_str(),
                rule.text.c_str(), rule.national ? "national id" : "our own id",
                rule.confidence.empty() ? "not marked" : rule.confidence.c_str());
  }
}

bool CellExplainer::expression(std::size_t source, const char* indent) const {
  const views::Column* const column = collection_.column(source, field_);
  if (column == nullptr) return false;
  const auto& described = collection_.sources()[source];
  std::printf("%s%s%s: %s\n", indent, described.resource.c_str(), described.fill ? " (fills only)" : "",
              column->path.c_str());
  for (const auto& [name, value] : column->tags) std::printf("%s  %s %s\n", indent, name.c_str(), value.c_str());
  const auto line = lines_.find(source);
  std::printf("%s  %s:%u\n", indent, nearPath(described.file).c_str(), line == lines_.end() ? 0U : line->second);
  return true;
}

void CellExplainer::row(const collection::Row& row, std::span<const Attempt> attempts,
                        const collection::Projection& projection) const {
  const std::string_view cell = row.cells[field_];
  std::printf("\nrow %s%s\n", std::string(row.key).c_str(), row.state == collection::RowState::kOk ? "" : "  (quarantined)");
  std::printf("  value: %s\n", cell.empty() ? "(empty)" : std::string(cell).c_str());
  if (!collection_.tables()[table_].fields[field_].sent) return;
  // The one whose element the cell was read from is told first and at length.
  const auto lineage = collection::decodeLineage(row.lineage);
  std::uint16_t giver = collection::CellWatch::kNone;
  for (std::size_t i = 0; lineage && i < lineage->size(); ++i) {
    if ((*lineage)[i].field == field_) giver = (*lineage)[i].source;
  }
  for (const Attempt& one : attempts) {
    const bool gave = !cell.empty() && one.source == giver && !one.value.empty();
    const bool direct = gave && std::any_of(lineage->begin(), lineage->end(), [&](const auto& from) { return from.field == field_ && read(from, cell); });
    if (cell.empty() || gave) attempt(one, cell, gave, direct);
  }
  for (std::size_t i = 0; tell_elements_ && held_ && lineage && i < lineage->size(); ++i) {
    if ((*lineage)[i].field == field_) elements((*lineage)[i]);
  }
  if (cell.empty()) {
    for (const auto& [source, line] : lines_) {
      if (std::none_of(attempts.begin(), attempts.end(), [&, s = source](const Attempt& one) { return one.source == s; })) {
        std::printf("  %s: no %s belongs to this row\n", collection_.sources()[source].name.c_str(),
                    collection_.sources()[source].resource.c_str());
      }
    }
  } else if (attempts.empty() || giver == collection::CellWatch::kNone) {
    std::printf("  a constant of the view, or a setting of the collection\n");
  }
  issues(row, projection);
}

// Was the cell read as it stands, so that no translation gave it?
bool CellExplainer::read(const collection::CellLineage& from, std::string_view cell) const {
  return held_ && std::any_of(from.elements.begin(), from.elements.end(), [&](const collection::LineageElement& element) {
           const fhir::Document* const document = element.condition ? nullptr : held_(element.journal);
           const fhir::NodeIndex node = document == nullptr ? fhir::kNoNode : collection::elementAt(*document, element.offset);
           if (node == fhir::kNoNode) return false;
           if ((*document)[node].kind < fhir::Kind::kArray) return document->scalar(node) == cell;
           const auto codes = collection::codesAt(*document, node);
           return std::any_of(codes.begin(), codes.end(), [&](const auto& one) { return one.code == cell; });
         });
}

void CellExplainer::attempt(const Attempt& attempt, std::string_view cell, bool gave, bool direct) const {
  const auto& source = collection_.sources()[attempt.source];
  const views::Column& column = collection_.view(attempt.source).columns()[attempt.column];
  const auto line = lines_.find(attempt.source);
  std::printf("  %s %s: %s\n    %s:%u\n", gave ? "by" : "tried", source.name.c_str(), attempt.expression.c_str(),
              nearPath(source.file).c_str(), line == lines_.end() ? 0U : line->second);
  if (!direct) translations(attempt, cell);
  conversion(column, attempt.value, cell);
  if (!attempt.value.empty()) return;
  for (const Stop& one : attempt.stops) stop(one, attempt);
  if (attempt.stops.empty()) std::printf("    it gave nothing\n");
}

void CellExplainer::conversion(const views::Column& column, const std::string& value, std::string_view cell) const {
  if (value.empty()) {
    for (const auto& [name, argument] : column.tags) {
      if (name == "tributary/minutes-between" && !cell.empty())
        std::printf("    computed: the minutes between %s\n", argument.c_str());
    }
    return;
  }
  if (value == cell) return;
  for (const auto& [name, argument] : column.tags) {
    if (cell.empty()) {
      std::printf("    '%s' does not convert: %s\n", shortened(value).c_str(), name.c_str());
    } else if (name == "tributary/short-id") {
      std::printf("    '%s' has %zu characters; more than %s: a stable digest stands for it\n", shortened(value).c_str(),
                  value.size(), argument.c_str());
    } else if (name.starts_with("tributary/civil")) {
      std::printf("    '%s' in the civil time of %s\n", shortened(value).c_str(), std::string(collection_.timeZone()).c_str());
    }
  }
}

void CellExplainer::translations(const Attempt& attempt, std::string_view cell) const {
  const bool any_fits = std::any_of(attempt.translated.begin(), attempt.translated.end(),
                                    [&](const Translated& one) { return !cell.empty() && one.target == cell; });
  for (const Translated& one : attempt.translated) {
    if (any_fits && one.target != cell) continue;
    const auto map = std::find_if(maps_.begin(), maps_.end(), [&](const auto& m) { return m.url == one.map; });
    const collection::MapEntry* const entry = map == maps_.end() ? nullptr : map->find(one.system, one.code);
    std::string place = map == maps_.end() ? "in the definitions" : nearPath(map->file);
    if (entry != nullptr) place += ":" + std::to_string(entry->line);
    if (one.target.empty()) {
      std::printf("    code %s: no entry in %s (%s)\n", coding(one.system, one.code).c_str(), one.map.c_str(), place.c_str());
    } else {
      std::printf("    code %s → %s%s by %s (%s)\n", coding(one.system, one.code).c_str(), one.target.c_str(),
                  one.by_default ? ", as any code without an entry," : "", one.map.c_str(), place.c_str());
    }
  }
}

std::string CellExplainer::content(const fhir::Document& document, fhir::NodeIndex node) const {
  if (node == fhir::kNoNode) return "(no value)";
  if (document[node].kind < fhir::Kind::kArray) return shortened(std::string(document.scalar(node)));
  std::string out;
  for (const auto& code : collection::codesAt(document, node))
    out += (out.empty() ? "" : ", ") + coding(code.system, code.code);
  if (!out.empty()) return shortened(out);
  for (const std::string_view name : {"reference", "system", "url"}) {
    const fhir::NodeIndex member = document.member(node, name);
    if (member != fhir::kNoNode) return std::string(name) + " " + shortened(std::string(document.scalar(member)));
  }
  return "{…}";
}

// Where the expression ended, and of what it was asked in vain.
void CellExplainer::stop(const Stop& stop, const Attempt& attempt) const {
  const std::string& part = stop.part;
  const std::string& type = collection_.sources()[attempt.source].resource;
  if (stop.nothing_set) {
    if (part != "{}") std::printf("    %s is not set\n", part.c_str());
    return;
  }
  if (stop.had.empty()) {
    std::printf("    the %s has nothing at: %s\n", type.c_str(), part.c_str());
  } else if (part.starts_with("resolve(")) {
    std::printf("    what it refers to is not held:\n");
  } else if (part.starts_with("where(") || part.starts_with("ofType(")) {
    std::printf("    %zu there, none fits: %s\n", stop.had.size(), part.c_str());
  } else if (part.starts_with("translate(")) {
    std::printf("    no translation by: %s\n", part.c_str());
  } else {
    std::printf("    there, but without: %s\n", part.c_str());
  }
  for (std::size_t i = 0; i < std::min(stop.had.size(), kMostShown); ++i) {
    const auto& seen = stop.had[i];
    std::printf("      %s  %s = %s\n", locate_(*seen.document, seen.node).c_str(),
                collection::elementPath(*seen.document, seen.node).c_str(), content(*seen.document, seen.node).c_str());
  }
  if (stop.had.size() > kMostShown) std::printf("      … %zu more\n", stop.had.size() - kMostShown);
  for (const views::Constant& constant : collection_.view(attempt.source).constants()) {
    const std::size_t at = part.find("%" + constant.name);
    if (at == std::string::npos) continue;
    const std::size_t end = at + 1 + constant.name.size();
    if (end < part.size() && (std::isalnum(static_cast<unsigned char>(part[end])) != 0 || part[end] == '_')) continue;
    std::printf("      %%%s is %s\n", constant.name.c_str(), constant.text.c_str());
  }
}

void CellExplainer::elements(const collection::CellLineage& from) const {
  for (const collection::LineageElement& element : from.elements) {
    const fhir::Document* const document = held_(element.journal);
    const fhir::NodeIndex node = document == nullptr ? fhir::kNoNode : collection::elementAt(*document, element.offset);
    if (node == fhir::kNoNode) continue;
    std::printf("    %s %s  %s = %s\n", element.condition ? "asked" : "read ", locate_(*document, node).c_str(),
                collection::elementPath(*document, node).c_str(), content(*document, node).c_str());
  }
}

void CellExplainer::issues(const collection::Row& row, const collection::Projection& projection) const {
  const auto& tables = collection_.tables();
  for (const auto& issue : projection.issues.subspan(row.first_issue, row.issue_count)) {
    const bool here = issue.issue.path.ends_with("." + tables[table_].fields[field_].name);
    const bool cascade = issue.cause != collection::RowIssue::kNoRow;
    if (!here && !cascade && issue.issue.rule != "reference-unresolved") continue;
    const collection::Rule* const rule =
        issue.rule == collection::RowIssue::kNoRule ? nullptr : &collection_.rules()[issue.rule];
    std::printf("  rule %s: %s\n    %s; %s%s%s\n", rule == nullptr ? issue.issue.rule.c_str() : rule->id.c_str(),
                issue.issue.text.c_str(), std::string(rule == nullptr || rule->grade != issue.grade ? gradeName(issue.grade) : gradeName(*rule)).c_str(),
                rule == nullptr ? "a rule of the gateway" : rule->national ? "national id" : "our own id",
                rule == nullptr || rule->confidence.empty() ? "" : ", ", rule == nullptr ? "" : rule->confidence.c_str());
    if (cascade && issue.cause < projection.rows.size()) {
      const auto& cause = projection.rows[issue.cause];
      std::printf("    because of %s row %s:\n", tables[cause.table].name.c_str(), std::string(cause.key).c_str());
      for (const auto& why : projection.issues.subspan(cause.first_issue, cause.issue_count)) {
        if (why.grade != collection::Grade::kWarning)
          std::printf("      %s  %s: %s\n", why.issue.rule.c_str(), why.issue.path.c_str(), why.issue.text.c_str());
      }
    }
    if (!issue.issue.remedy.empty()) std::printf("    %s\n", issue.issue.remedy.c_str());
  }
}

}  // namespace tributary::cli
