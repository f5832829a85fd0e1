#include "terminology/internal/concept_maps.h"

#include <map>
#include <vector>

namespace tributary::terminology::internal {

Range ConceptMapBuilder::addTargets(JsonView targets, Tables& tables) {
  Range range{static_cast<std::uint32_t>(tables.targets.size()), 0};
  for (const JsonView target : targets) {
    const std::string_view equivalence = target.text("equivalence");
    const std::string_view code = target.text("code");
    // Says that there is no translation, or depends on more than the code (FHIR R4 4.10.13).
    if (code.empty() || equivalence == "unmatched" || equivalence == "disjoint" || target["dependsOn"])
      continue;
    tables.targets.push_back({tables.strings.add(code), tables.strings.add(target.text("display")),
                              tables.strings.add(equivalence)});
    ++range.count;
  }
  return range;
}

void ConceptMapBuilder::addGroup(JsonView group, Tables& tables) {
  const auto index = static_cast<std::uint32_t>(tables.groups.size());
  GroupRecord record{.source = tables.strings.add(group.text("source")),
                     .target = tables.strings.add(group.text("target")),
                     .unmapped = kUnmappedNone,
                     .unmapped_code = {},
                     .unmapped_display = {},
                     .unmapped_url = {}};
  if (const JsonView unmapped = group["unmapped"]) {
    const std::string_view mode = unmapped.text("mode");
    if (mode == "provided") record.unmapped = kUnmappedProvided;
    if (mode == "fixed") record.unmapped = kUnmappedFixed;
    if (mode == "other-map") record.unmapped = kUnmappedOther;
    record.unmapped_code = tables.strings.add(unmapped.text("code"));
    record.unmapped_display = tables.strings.add(unmapped.text("display"));
    record.unmapped_url = tables.strings.add(unmapped.text("url"));
  }
  tables.groups.push_back(record);
  // A code that stands twice in a group becomes one element, so that one look-up finds all targets.
  std::map<std::string_view, std::vector<JsonView>> repeated;
  std::vector<std::string_view> order;
  for (const JsonView element : group["element"]) {
    const std::string_view code = element.text("code");
    if (code.empty()) continue;
    auto& targets = repeated[code];
    if (targets.empty()) order.push_back(code);
    targets.push_back(element["target"]);
  }
  for (const std::string_view code : order) {
    MapElementRecord element{.group = index, .code = tables.strings.add(code), .targets = {}};
    element.targets.begin = static_cast<std::uint32_t>(tables.targets.size());
    for (const JsonView targets : repeated[code]) element.targets.count += addTargets(targets, tables).count;
    tables.map_elements.push_back(element);
  }
}

void ConceptMapBuilder::add(JsonView map, Tables& tables) {
  if (map.text("url").empty()) return;
  MapRecord record{.url = tables.strings.add(map.text("url")),
                   .version = tables.strings.add(map.text("version")),
                   .groups = {}};
  record.groups.begin = static_cast<std::uint32_t>(tables.groups.size());
  for (const JsonView group : map["group"]) addGroup(group, tables);
  record.groups.count = static_cast<std::uint32_t>(tables.groups.size()) - record.groups.begin;
  tables.maps.push_back(record);
}

}  // namespace tributary::terminology::internal
