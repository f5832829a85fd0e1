#include "terminology/internal/code_systems.h"

#include <algorithm>
#include <unordered_map>

namespace tributary::terminology::internal {

namespace {

std::string_view propertyValue(JsonView property) {
  for (const JsonView member : property) {
    if (!member.name().starts_with("value")) continue;
    return member.isObject() ? member.text("code") : member.text();  // valueCoding
  }
  return {};
}

}  // namespace

// Which properties hold the hierarchy is told by their uri (FHIR R4 4.8.11); the usual codes are taken as
// well.
void CodeSystemBuilder::readHierarchyProperties(JsonView system) {
  parent_properties_ = {"parent", "subsumedBy"};
  child_properties_ = {"child"};
  for (const JsonView property : system["property"]) {
    const std::string_view uri = property.text("uri");
    if (uri == "http://hl7.org/fhir/concept-properties#parent")
      parent_properties_.emplace_back(property.text("code"));
    if (uri == "http://hl7.org/fhir/concept-properties#child")
      child_properties_.emplace_back(property.text("code"));
  }
}

void CodeSystemBuilder::add(JsonView system, Tables& tables) {
  const std::string_view content = system.text("content");
  const std::string_view url = system.text("url");
  const bool complete = content == "complete";
  // A supplement adds to another system's concepts; it does not say which codes there are.
  if (url.empty() || content == "supplement" || (!system["concept"] && !complete)) return;
  readHierarchyProperties(system);
  parents_.clear();
  children_.clear();
  const auto index = static_cast<std::uint32_t>(tables.systems.size());
  SystemRecord record{
      .url = tables.strings.add(url), .version = tables.strings.add(system.text("version")), .concepts = {}};
  record.flags = complete ? kComplete : 0U;
  if (system["caseSensitive"].kind() == fhir::Kind::kFalse) record.flags |= kCaseInsensitive;
  record.concepts.begin = static_cast<std::uint32_t>(tables.concepts.size());
  addConcepts(system["concept"], index, kNone, tables);
  record.concepts.count = static_cast<std::uint32_t>(tables.concepts.size()) - record.concepts.begin;
  tables.systems.push_back(record);
  linkParents(record.concepts, tables);
}

void CodeSystemBuilder::addConcepts(JsonView concepts, std::uint32_t system, std::uint32_t parent,
                                    Tables& tables) {
  for (const JsonView item : concepts) {
    const std::string_view code = item.text("code");
    if (code.empty()) continue;
    const auto index = static_cast<std::uint32_t>(tables.concepts.size());
    tables.concepts.push_back({.code = tables.strings.add(code),
                               .display = tables.strings.add(item.text("display")),
                               .system = system,
                               .parents = {},
                               .properties = {}});
    if (parent != kNone) parents_.push_back({index, parent, {}});
    addProperties(item["property"], index, tables);
    addConcepts(item["concept"], system, index, tables);
  }
}

void CodeSystemBuilder::addProperties(JsonView properties, std::uint32_t concept_index, Tables& tables) {
  Range range{static_cast<std::uint32_t>(tables.properties.size()), 0};
  for (const JsonView property : properties) {
    const std::string_view code = property.text("code");
    const std::string_view value = propertyValue(property);
    if (std::ranges::find(parent_properties_, code) != parent_properties_.end()) {
      parents_.push_back({concept_index, kNone, std::string(value)});
    } else if (std::ranges::find(child_properties_, code) != child_properties_.end()) {
      children_.push_back({concept_index, std::string(value)});
    }
    tables.properties.push_back({tables.strings.add(code), tables.strings.add(value)});
    ++range.count;
  }
  tables.concepts[concept_index].properties = range;
}

void CodeSystemBuilder::linkParents(Range concepts, Tables& tables) {
  if (parents_.empty() && children_.empty()) return;
  std::unordered_map<std::string_view, std::uint32_t> by_code;
  for (std::uint32_t i = 0; i < concepts.count; ++i) {
    by_code.emplace(tables.strings.view(tables.concepts[concepts.begin + i].code), concepts.begin + i);
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> links;  // concept, parent
  for (const Parent& parent : parents_) {
    const auto found = by_code.find(parent.parent_code);
    if (parent.parent != kNone)
      links.emplace_back(parent.concept_index, parent.parent);
    else if (found != by_code.end())
      links.emplace_back(parent.concept_index, found->second);
  }
  for (const Child& child : children_) {
    if (const auto found = by_code.find(child.code); found != by_code.end())
      links.emplace_back(found->second, child.parent);
  }
  std::ranges::sort(links);
  const auto repeated = std::ranges::unique(links);
  links.erase(repeated.begin(), repeated.end());
  for (const auto& [concept_index, parent] : links) {
    Range& range = tables.concepts[concept_index].parents;
    if (range.count == 0) range.begin = static_cast<std::uint32_t>(tables.parents.size());
    tables.parents.push_back(parent);
    ++range.count;
  }
}

}  // namespace tributary::terminology::internal
