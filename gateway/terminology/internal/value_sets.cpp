#include "terminology/internal/value_sets.h"

#include <charconv>

#include "terminology/internal/value_set_resolver.h"

namespace tributary::terminology::internal {

namespace {

Selection readSelection(JsonView json, Tables& tables) {
  Selection selection;
  selection.system = tables.strings.add(json.text("system"));
  selection.version = tables.strings.add(json.text("version"));
  for (const JsonView item : json["concept"]) {
    const std::string_view code = item.text("code");
    if (code.empty()) continue;
    selection.concepts.push_back(
        {selection.system, tables.strings.add(code), tables.strings.add(item.text("display"))});
  }
  for (const JsonView item : json["filter"]) {
    selection.filters.push_back(
        {std::string(item.text("property")), std::string(item.text("op")), std::string(item.text("value"))});
  }
  for (const JsonView item : json["valueSet"]) selection.imports.emplace_back(item.text());
  return selection;
}

void readContains(JsonView contains, Tables& tables, Expansion& expansion, std::size_t& listed) {
  for (const JsonView item : contains) {
    ++listed;
    const std::string_view code = item.text("code");
    if (!code.empty() && !item["abstract"].isTrue()) {
      expansion.codes.push_back({tables.strings.add(item.text("system")), tables.strings.add(code),
                                 tables.strings.add(item.text("display"))});
    }
    readContains(item["contains"], tables, expansion, listed);
  }
}

Expansion readExpansion(JsonView json, Tables& tables) {
  Expansion expansion;
  std::size_t listed = 0;
  readContains(json["contains"], tables, expansion, listed);
  std::size_t total = 0;
  const std::string_view text = json.text("total");
  std::from_chars(text.data(), text.data() + text.size(), total);
  expansion.complete = total <= listed;
  for (const JsonView extension : json["extension"]) {
    const std::string_view url = extension.text("url");
    if (url.ends_with("/valueset-toocostly") || url.ends_with("/valueset-unclosed")) {
      expansion.complete = expansion.complete && !extension["valueBoolean"].isTrue();
    }
  }
  for (const JsonView parameter : json["parameter"]) {
    const std::string_view name = parameter.text("name");
    if (name == "limitedExpansion" && parameter["valueBoolean"].isTrue()) expansion.complete = false;
    if (name == "offset" || name == "filter") expansion.complete = false;
  }
  return expansion;
}

}  // namespace

void ValueSetBuilder::add(JsonView json, Tables& tables) {
  const std::string_view url = json.text("url");
  if (url.empty()) return;
  SourceSet set;
  set.url = tables.strings.add(url);
  set.version = tables.strings.add(json.text("version"));
  if (const JsonView compose = json["compose"]) {
    set.composed = true;
    for (const JsonView item : compose["include"]) set.includes.push_back(readSelection(item, tables));
    for (const JsonView item : compose["exclude"]) set.excludes.push_back(readSelection(item, tables));
  }
  if (const JsonView expansion = json["expansion"]) {
    set.expanded = true;
    set.expansion = readExpansion(expansion, tables);
  }
  std::string key(url);
  key.append("|").append(json.text("version"));
  if (sets_.contains(key)) std::erase(order_, key);
  order_.push_back(key);
  sets_.insert_or_assign(std::move(key), std::move(set));
}

void ValueSetBuilder::addExpansion(JsonView json, Tables& tables) {
  const JsonView expansion = json["expansion"];
  if (!expansion || json.text("url").empty()) return;
  expansions_.insert_or_assign(std::string(json.text("url")), readExpansion(expansion, tables));
}

void ValueSetBuilder::finish(Tables& tables, const View* base, std::vector<CompileWarning>& warnings) {
  ValueSetResolver resolver(tables, base, sets_, expansions_, order_, warnings);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const SourceSet& source = sets_.at(order_[i]);
    const ResolvedSet& set = resolver.resolve(source);
    const auto index = static_cast<std::uint32_t>(tables.value_sets.size());
    ValueSetRecord record{.url = source.url, .version = source.version, .members = {}, .scopes = {}};
    record.members.begin = static_cast<std::uint32_t>(tables.members.size());
    for (const CodedText& code : set.members) {
      tables.members.push_back({index, 0, code.system, code.code, code.display});
    }
    for (const CodedText& code : set.excluded) {
      tables.members.push_back({index, kExcluded, code.system, code.code, code.display});
    }
    record.members.count = static_cast<std::uint32_t>(tables.members.size()) - record.members.begin;
    record.scopes.begin = static_cast<std::uint32_t>(tables.scopes.size());
    tables.scopes.insert(tables.scopes.end(), set.scopes.begin(), set.scopes.end());
    record.scopes.count = static_cast<std::uint32_t>(tables.scopes.size()) - record.scopes.begin;
    tables.value_sets.push_back(record);
  }
}

}  // namespace tributary::terminology::internal
