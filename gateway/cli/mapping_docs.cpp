#include "cli/mapping_docs.h"

#include <algorithm>
#include <vector>

#include "collection/aggregate.h"
#include "collection/mapping_files.h"
#include "views/view.h"

namespace tributary::cli {
namespace {

using collection::Collection;
using collection::Field;
using collection::MapEntry;
using collection::MapFile;
using collection::Table;

constexpr std::size_t kMostCodes = 12, kMostEntries = 40;

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// A code span that any text may stand in, in a table too.
std::string code(std::string_view text) {
  if (text.empty()) return {};
  const bool ticks = text.find('`') != std::string_view::npos;
  return (ticks ? "`` " : "`") + cell(text) + (ticks ? " ``" : "`");
}

std::string sentence(std::string text) {
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

// The last part of a canonical URL.
std::string lastPart(std::string_view url) { return std::string(url.substr(url.rfind('/') + 1)); }

const char* scopeText(collection::Scope scope) {
  switch (scope) {
    case collection::Scope::kHeader:
      return "the header: one row a file";
    case collection::Scope::kPatient:
      return "resources of one patient";
    case collection::Scope::kProvider:
      return "resources of no patient (the provider's own)";
    case collection::Scope::kAggregate:
      return "rows of other tables, counted by a calendar";
  }
  return "";
}

class Pages {
 public:
  Pages(const Collection& collection, const terminology::Terminology& terminology, const std::filesystem::path& folder,
        std::vector<MapFile> maps)
      : collection_(collection), terminology_(terminology), tree_(folder.parent_path().parent_path()), maps_(std::move(maps)) {}

  std::string index() const {
    std::string out = "# " + std::string(collection_.title()) + ": where each field comes from\n\n" + kGenerated +
                      "\nA page a table. A mark says whether a fact is *stated* by the publisher, *inferred* by us, or *assumed*; what exactly is stated, and for\nwhich version, stands at each field.\n\n"
                      "| table | title | fields sent | made from |\n|---|---|---|---|\n";
    for (std::size_t t = 0; t < collection_.tables().size(); ++t) {
      const Table& table = collection_.tables()[t];
      std::string from;
      for (const auto& source : collection_.sources()) {
        if (source.table != t || source.fill || from.find(source.resource) != std::string::npos) continue;
        from += (from.empty() ? "" : ", ") + source.resource;
      }
      const auto sent = std::count_if(table.fields.begin(), table.fields.end(), [](const Field& f) { return f.sent; });
      out += "| [" + table.name + "](" + table.name + ".md) | " + cell(table.title) + " | " + std::to_string(sent) + " | " +
             (!from.empty() ? from : table.scope == collection::Scope::kAggregate ? counted(t) : "settings and the window") + " |\n";
    }
    return out;
  }

  std::string page(std::size_t t) const {
    const Table& table = collection_.tables()[t];
    std::string out = "# " + table.name + ": " + table.title + "\n\n" + kGenerated + "\n[All tables](index.md). Made from " +
                      scopeText(table.scope) + ". " + keyText(table) + "\n";
    out += sources(t) + overview(t);
    for (std::size_t f = 0; f < table.fields.size(); ++f) out += field(t, f);
    return out;
  }

 private:
  static constexpr const char* kGenerated = "<!-- Made by `tributary mapping docs`; change the mappings, not this page. -->\n";

  // The tables that an aggregate is counted over.
  std::string counted(std::size_t t) const {
    std::string out;
    for (const auto& aggregate : collection::aggregateTables(collection_)) {
      if (aggregate.table != t) continue;
      for (const std::uint16_t read : aggregate.reads) out += (out.empty() ? "rows of " : ", ") + collection_.tables()[read].name;
    }
    return out;
  }

  static std::string keyText(const Table& table) {
    if (table.key.empty()) return {};
    std::string out = "Key: ";
    for (const std::uint16_t f : table.key) out += (out.back() == ' ' ? "" : " + ") + code(table.fields[f].name);
    return out + (table.key_stated ? " (stated)." : " (ours: the publisher states none).");
  }

  std::string shortPath(const std::string& path) const {
    const std::string relative = std::filesystem::path(path).lexically_relative(tree_).string();
    return relative.empty() ? path : "fhir-mappings/" + relative;
  }

  std::string sources(std::size_t t) const {
    std::string out;
    for (std::size_t s = 0; s < collection_.sources().size(); ++s) {
      const auto& source = collection_.sources()[s];
      if (source.table != t) continue;
      out += "| " + source.resource + " | " + (source.fill ? "adds to rows of others" : "makes rows") + " | " +
             code(shortPath(source.file)) + " | ";
      for (const std::string& filter : collection_.view(s).where()) out += code(filter) + "<br>";
      if (out.ends_with("<br>")) out.resize(out.size() - 4);
      out += " |\n";
    }
    return out.empty() ? out : "\n| resource | | view | only where |\n|---|---|---|---|\n" + out;
  }

  std::string overview(std::size_t t) const {
    std::string out = "\n| field | meaning | format | mandation |\n|---|---|---|---|\n";
    for (const Field& f : collection_.tables()[t].fields) {
      std::string anchor = f.name;
      std::transform(anchor.begin(), anchor.end(), anchor.begin(), [](unsigned char c) { return std::tolower(c); });
      out += "| [" + f.name + "](#" + anchor + ") | " + cell(f.title) + " | " + cell(f.format) + " | " + mandation(f) + " |\n";
    }
    return out;
  }

  static std::string mandation(const Field& f) {
    std::string out(mandationName(f.mandation));
    if (!f.mandation_confidence.empty()) out += ", " + f.mandation_confidence;
    return f.sent ? out : out + "; not sent";
  }

  std::string field(std::size_t t, std::size_t f) const {
    const Table& table = collection_.tables()[t];
    const Field& described = table.fields[f];
    std::string out = "\n## " + described.name + "\n" + sentence(described.title) + " " +
                      sentence((described.format.empty() ? "" : "Format " + described.format + "; ") + mandation(described)) +
                      (described.confidence.empty() ? "" : " Facts: " + sentence(cell(described.confidence))) + "\n";
    if (!described.sent) return out + "\nNot sent: " + sentence(described.unsent_reason) + "\n";
    out += codeList(described);
    if (table.scope == collection::Scope::kHeader) return out + "\nFilled from " + sentence(collection_.headerOrigin(f)) + "\n" + rules(t, described);
    if (table.scope == collection::Scope::kAggregate)
      return out + "\nFilled from " + sentence(collection::aggregateOrigin(collection_, static_cast<std::uint16_t>(t), f)) + "\n" + rules(t, described);
    std::string from;
    for (std::size_t s = 0; s < collection_.sources().size(); ++s) {
      if (collection_.sources()[s].table == t) from += expression(s, f);
    }
    return out + (from.empty() ? "\nNo expression fills it.\n" : "\nFilled by the first of these that has a value:\n" + from) +
           rules(t, described);
  }

  std::string codeList(const Field& field) const {
    if (field.value_set.empty()) return {};
    std::string out = "\nCodes of " + code(field.value_set);
    const auto codes = terminology_.expand(field.value_set);
    if (codes.empty()) return out + ".\n";
    if (codes.size() > kMostCodes) return out + ", " + std::to_string(codes.size()) + " codes.\n";
    out += ":\n\n| code | meaning |\n|---|---|\n";
    for (const auto& one : codes) {
      const std::string_view display = one.display.empty() ? terminology_.display(one.system, one.code) : one.display;
      out += "| " + code(one.code) + " | " + cell(display) + " |\n";
    }
    return out;
  }

  std::string expression(std::size_t s, std::size_t f) const {
    const views::Column* const column = collection_.column(s, f);
    if (column == nullptr) return {};
    const auto& source = collection_.sources()[s];
    std::string out = "\n- **" + source.resource + "**" + (source.fill ? " (fills only)" : "") + "\n  ```\n  " + column->path + "\n  ```\n";
    for (const auto& [name, value] : column->tags) out += "  " + tagText(name, value) + "\n";
    std::string where;
    for (const views::Constant& constant : collection_.view(s).constants()) {
      if (!uses(column->path, constant.name)) continue;
      where += (where.empty() ? "" : ", ") + code("%" + constant.name) + " = " + code(constant.text);
    }
    if (!where.empty()) out += "  Where " + where + ".\n";
    for (const views::Constant& constant : collection_.view(s).constants()) {
      if (uses(column->path, constant.name)) out += conceptMap(constant.text);
    }
    return out;
  }

  static bool uses(const std::string& path, const std::string& name) {
    for (std::size_t at = path.find("%" + name); at != std::string::npos; at = path.find("%" + name, at + 1)) {
      const std::size_t end = at + 1 + name.size();
      if (end >= path.size() || (std::isalnum(static_cast<unsigned char>(path[end])) == 0 && path[end] != '_')) return true;
    }
    return false;
  }

  static std::string tagText(const std::string& name, const std::string& value) {
    if (name == "tributary/short-id") return "Longer than " + value + " characters: a stable digest of that length.";
    if (name == "tributary/civil-date") return "The date in the collection's civil time.";
    if (name == "tributary/civil-time") return "The time of day in the collection's civil time.";
    if (name == "tributary/civil-datetime") return "Date and time in the collection's civil time.";
    if (name == "tributary/minutes-between") return "Where that is empty: the minutes between " + code(value) + ".";
    if (name == "tributary/merge") return "Of several: " + value + ".";
    return code(name + " " + value);
  }

  std::string conceptMap(const std::string& url) const {
    const auto map = std::find_if(maps_.begin(), maps_.end(), [&](const MapFile& m) { return m.url == url; });
    if (map == maps_.end()) return {};
    std::string out = "\n  " + sentence(cell(map->title)) + (map->description.empty() ? "" : " " + sentence(cell(map->description))) +
                      " " + code(shortPath(map->file)) + "\n";
    if (map->entries.size() > kMostEntries) return out + "  " + std::to_string(map->entries.size()) + " entries.\n";
    out += "\n  | from | to | |\n  |---|---|---|\n";
    for (const MapEntry& entry : map->entries) {
      out += "  | " + (entry.unmapped ? std::string("any other code") : code(entry.code)) +
             (entry.source_system.empty() ? "" : " of " + lastPart(entry.source_system)) + " | " +
             (entry.target.empty() ? "nothing" : code(entry.target)) + " | " + cell(entry.equivalence) + " |\n";
    }
    return out;
  }

  std::string rules(std::size_t t, const Field& field) const {
    std::string out;
    for (const auto& rule : collection_.rules()) {
      if (rule.table != t || rule.field != field.name) continue;
      out += "| " + code(rule.id) + " | " + std::string(gradeName(rule)) + " | " + cell(rule.text) + " | " +
             (rule.national ? "national id" : "our id") + (rule.confidence.empty() ? "" : ", " + rule.confidence) + " |\n";
    }
    return out.empty() ? out : "\n| rule | grade | asks | |\n|---|---|---|---|\n" + out;
  }

  const Collection& collection_;
  const terminology::Terminology& terminology_;
  std::filesystem::path tree_;
  std::vector<MapFile> maps_;
};

}  // namespace

Result<std::map<std::string, std::string>> mappingPages(const Collection& collection,
                                                        const terminology::Terminology& terminology,
                                                        const std::filesystem::path& folder) {
  TRY_ASSIGN(auto maps, collection::readMapFiles(folder));
  const Pages pages(collection, terminology, folder.lexically_normal(), std::move(maps));
  std::map<std::string, std::string> out;
  out["index.md"] = pages.index();
  for (std::size_t t = 0; t < collection.tables().size(); ++t) out[collection.tables()[t].name + ".md"] = pages.page(t);
  return out;
}

}  // namespace tributary::cli
