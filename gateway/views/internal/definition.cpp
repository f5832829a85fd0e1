#include "views/internal/definition.h"

#include <algorithm>
#include <array>
#include <span>

namespace tributary::views::internal {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

constexpr std::array<std::string_view, 36> kViewMembers = {"resourceType",
                                                           "id",
                                                           "meta",
                                                           "implicitRules",
                                                           "language",
                                                           "text",
                                                           "contained",
                                                           "extension",
                                                           "modifierExtension",
                                                           "url",
                                                           "identifier",
                                                           "version",
                                                           "versionAlgorithmString",
                                                           "versionAlgorithmCoding",
                                                           "name",
                                                           "title",
                                                           "status",
                                                           "experimental",
                                                           "date",
                                                           "publisher",
                                                           "contact",
                                                           "description",
                                                           "useContext",
                                                           "jurisdiction",
                                                           "purpose",
                                                           "copyright",
                                                           "copyrightLabel",
                                                           "resource",
                                                           "profile",
                                                           "fhirVersion",
                                                           "constant",
                                                           "where",
                                                           "select",
                                                           "approvalDate",
                                                           "lastReviewDate",
                                                           "effectivePeriod"};
constexpr std::array<std::string_view, 8> kSelectMembers = {"column",   "select", "forEach", "forEachOrNull",
                                                            "unionAll", "repeat", "id",      "extension"};
constexpr std::array<std::string_view, 8> kColumnMembers = {"path", "name", "description", "collection",
                                                            "type", "tag",  "id",          "extension"};
constexpr std::array<std::string_view, 4> kTagMembers = {"name", "value", "id", "extension"};
constexpr std::array<std::string_view, 4> kWhereMembers = {"path", "description", "id", "extension"};
constexpr std::array<std::string_view, 19> kConstantMembers = {
    "valueBase64Binary", "valueBoolean", "valueCanonical", "valueCode",        "valueDate",
    "valueDateTime",     "valueDecimal", "valueId",        "valueInstant",     "valueInteger",
    "valueInteger64",    "valueOid",     "valueString",    "valuePositiveInt", "valueTime",
    "valueUnsignedInt",  "valueUri",     "valueUrl",       "valueUuid"};
constexpr std::array<std::string_view, 3> kConstantOthers = {"name", "id", "extension"};
constexpr std::array<std::string_view, 4> kStatuses = {"draft", "active", "retired", "unknown"};

constexpr std::string_view kNameRemedy =
    "Begin with a letter and use letters, digits and underscores only, so that any database takes the name.";

bool isName(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

std::string indexed(std::string_view parent, std::string_view name, std::size_t i) {
  std::string path(parent);
  if (!path.empty()) path += '.';
  path += name;
  return path + '[' + std::to_string(i) + ']';
}

std::string joined(std::string_view parent, std::string_view name) {
  return parent.empty() ? std::string(name) : std::string(parent) + '.' + std::string(name);
}

std::string_view kindText(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kFalse:
    case Kind::kTrue:
      return "a boolean";
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "something else";
}

class Reader {
 public:
  Reader(const Document& document, Problems& problems) : document_(document), problems_(problems) {}

  bool claimsShareable(NodeIndex root) const {
    const NodeIndex meta = member(root, "meta");
    const NodeIndex profiles =
        meta != kNoNode && document_[meta].kind == Kind::kObject ? member(meta, "profile") : kNoNode;
    if (profiles == kNoNode || document_[profiles].kind != Kind::kArray) return false;
    for (NodeIndex i = profiles + 1; i < document_[profiles].next; i = document_[i].next) {
      if (document_[i].kind != Kind::kString) continue;
      const std::string_view canonical = document_.scalar(i);
      if (canonical.substr(0, canonical.find('|')).ends_with("/StructureDefinition/ShareableViewDefinition"))
        return true;
    }
    return false;
  }

  Definition read() {
    Definition out;
    const NodeIndex root = document_.root();
    readTop(root, out);
    const NodeIndex resource = member(root, "resource");
    if (resource == kNoNode) {
      structure("resource", root, "the ViewDefinition names no resource",
                "Add \"resource\": \"Patient\" (or whatever type the rows come from).");
    } else if (auto name = string(resource, "resource")) {
      out.resource = *name;
      out.resource_node = resource;
      if (out.resource.empty()) {
        structure("resource", resource, "the resource type is empty",
                  "Name a FHIR resource type, such as Patient.");
      }
    }
    items(root, "", "constant",
          [&](NodeIndex node, std::string path) { readConstant(node, std::move(path), out); });
    items(root, "", "where", [&](NodeIndex node, std::string path) { readWhere(node, path, out); });
    const NodeIndex select = member(root, "select");
    if (select == kNoNode) {
      structure("select", root, "the ViewDefinition has no select", "Add \"select\": [{\"column\": [...]}].");
    } else {
      items(root, "", "select", [&](NodeIndex node, std::string path) {
        out.selects.push_back(readSelect(node, std::move(path), 1));
      });
      if (out.selects.empty() && !problems_.failed()) {
        structure("select", select, "select is an empty list", "Add at least one select with a column.");
      }
    }
    return out;
  }

 private:
  void structure(std::string path, NodeIndex node, std::string text, std::string remedy) {
    problems_.add(Severity::kError, "view-structure", std::move(path), node, std::move(text),
                  std::move(remedy));
  }

  NodeIndex member(NodeIndex object, std::string_view name) const { return document_.member(object, name); }

  std::optional<std::string> string(NodeIndex node, std::string_view path) {
    if (document_[node].kind != Kind::kString) {
      structure(
          std::string(path), node,
          std::string(path) + " must be a string, but is " + std::string(kindText(document_[node].kind)),
          "Write it in double quotes.");
      return std::nullopt;
    }
    return std::string(document_.scalar(node));
  }

  std::string optionalString(NodeIndex object, std::string_view parent, std::string_view name) {
    const NodeIndex node = member(object, name);
    if (node == kNoNode) return {};
    return string(node, joined(parent, name)).value_or("");
  }

  std::optional<Text> text(NodeIndex object, std::string_view parent, std::string_view name) {
    const NodeIndex node = member(object, name);
    if (node == kNoNode) return std::nullopt;
    Text out{{}, joined(parent, name), node};
    auto value = string(node, out.path);
    if (!value) return std::nullopt;
    out.value = std::move(*value);
    return out;
  }

  // Calls f for each object of the list `name`.
  template <class F>
  void items(NodeIndex object, std::string_view parent, std::string_view name, F f) {
    const NodeIndex list = member(object, name);
    if (list == kNoNode) return;
    if (document_[list].kind != Kind::kArray) {
      structure(
          joined(parent, name), list,
          joined(parent, name) + " must be a list, but is " + std::string(kindText(document_[list].kind)),
          "Put it in square brackets.");
      return;
    }
    std::size_t i = 0;
    for (NodeIndex node = list + 1; node < document_[list].next; node = document_[node].next, ++i) {
      std::string path = indexed(parent, name, i);
      if (document_[node].kind != Kind::kObject) {
        structure(path, node,
                  path + " must be an object, but is " + std::string(kindText(document_[node].kind)),
                  "Put it in curly brackets.");
        continue;
      }
      f(node, std::move(path));
    }
  }

  // Members nobody knows: a misspelt forEachOrNull must not be passed over in silence.
  void known(NodeIndex object, std::string_view parent, std::span<const std::string_view> first,
             std::span<const std::string_view> second = {}) {
    for (NodeIndex node = object + 1; node < document_[object].next; node = document_[node].next) {
      const std::string_view name = document_.name(node);
      if (std::ranges::count(first, name) != 0 || std::ranges::count(second, name) != 0) continue;
      std::string_view near = nearestName(name, first);
      if (near.empty()) near = nearestName(name, second);
      problems_.add(Severity::kError, "view-structure", joined(parent, name), node,
                    "'" + std::string(name) + "' is not known here",
                    near.empty() ? "Remove it." : "Did you mean '" + std::string(near) + "'?");
    }
  }

  // Around the four that decide about rows a ViewDefinition may hold anything that a later FHIR allows; but a
  // misspelt `where` passed over would let through what it was to keep out.
  void knownAtTop(NodeIndex root) {
    for (NodeIndex node = root + 1; node < document_[root].next; node = document_[node].next) {
      const std::string_view name = document_.name(node);
      if (std::ranges::count(kViewMembers, name) != 0) continue;
      const std::string_view near = nearestName(name, kViewMembers);
      const bool decides = near == "resource" || near == "constant" || near == "where" || near == "select";
      problems_.add(decides ? Severity::kError : Severity::kWarning, "view-structure", std::string(name),
                    node, "'" + std::string(name) + "' is not known here",
                    near.empty() ? "Remove it." : "Did you mean '" + std::string(near) + "'?");
    }
  }

  void readTop(NodeIndex root, Definition& out) {
    knownAtTop(root);
    const NodeIndex type = member(root, "resourceType");
    if (type != kNoNode && document_.scalar(type) != "ViewDefinition") {
      structure("resourceType", type, "this is not a ViewDefinition",
                "Set \"resourceType\": \"ViewDefinition\".");
    }
    out.name = optionalString(root, "", "name");
    out.url = optionalString(root, "", "url");
    out.title = optionalString(root, "", "title");
    out.status = optionalString(root, "", "status");
    out.shareable = claimsShareable(root);
    for (const char* const needed : {"url", "name", "fhirVersion"}) {
      if (!out.shareable || member(root, needed) != kNoNode) continue;
      structure(needed, root, std::string("a ShareableViewDefinition has a ") + needed,
                std::string("Add \"") + needed + "\", or do not claim the profile in meta.profile.");
    }
    if (!out.name.empty() && !isName(out.name)) {
      problems_.add(Severity::kError, "view-name", "name", member(root, "name"),
                    "'" + out.name + "' is no name for a table", std::string(kNameRemedy));
    }
    if (!out.status.empty() && std::ranges::count(kStatuses, out.status) == 0) {
      structure("status", member(root, "status"), "'" + out.status + "' is no publication status",
                "Use draft, active, retired or unknown.");
    }
  }

  void readConstant(NodeIndex node, std::string path, Definition& out) {
    known(node, path, kConstantMembers, kConstantOthers);
    ConstantDefinition constant;
    auto name = text(node, path, "name");
    if (!name) {
      problems_.add(Severity::kError, "view-constant", path, node, "the constant has no name",
                    "Add \"name\"; expressions then use it as %name.");
      return;
    }
    if (!isName(name->value)) {
      problems_.add(Severity::kError, "view-name", name->path, name->node,
                    "'" + name->value + "' is no name for a constant", std::string(kNameRemedy));
    }
    for (const ConstantDefinition& other : out.constants) {
      if (other.name.value == name->value) {
        problems_.add(Severity::kError, "view-constant", name->path, name->node,
                      "the constant '" + name->value + "' is there twice", "Remove one of them.");
      }
    }
    unsigned values = 0;
    for (NodeIndex i = node + 1; i < document_[node].next; i = document_[i].next) {
      const std::string_view member_name = document_.name(i);
      if (std::ranges::count(kConstantMembers, member_name) == 0) continue;
      ++values;
      constant.type = member_name.substr(5);
      if (constant.type != "String")
        constant.type[0] = static_cast<char>(constant.type[0] | 0x20);
      else
        constant.type = "string";
      constant.text = document_.scalar(i);
      constant.value = {{}, joined(path, member_name), i};
      checkConstant(constant.type, i, joined(path, member_name));
    }
    if (values != 1) {
      problems_.add(Severity::kError, "view-constant", path, node,
                    "the constant '" + name->value + "' has " + (values == 0 ? "no value" : "several values"),
                    "Give it exactly one of valueString, valueCode, valueInteger, valueDate, ...");
      return;
    }
    constant.name = std::move(*name);
    out.constants.push_back(std::move(constant));
  }

  void checkConstant(std::string_view type, NodeIndex node, std::string path) {
    const Kind kind = document_[node].kind;
    bool good = kind == Kind::kString;
    std::string_view wanted = "a string";
    if (type == "boolean") {
      good = kind == Kind::kTrue || kind == Kind::kFalse;
      wanted = "true or false, without quotes";
    } else if (type == "decimal" || type == "integer" || type == "positiveInt" || type == "unsignedInt") {
      good = kind == Kind::kNumber;
      wanted = "a number, without quotes";
    } else if (type == "integer64") {
      good = kind == Kind::kNumber || kind == Kind::kString;
      wanted = "a number";
    }
    if (!good) {
      problems_.add(Severity::kError, "view-constant", std::move(path), node,
                    "a constant of type " + std::string(type) + " cannot be " + std::string(kindText(kind)),
                    "Write " + std::string(wanted) + ".");
    }
  }

  void readWhere(NodeIndex node, const std::string& path, Definition& out) {
    known(node, path, kWhereMembers);
    if (auto expression = text(node, path, "path")) {
      out.where.push_back(std::move(*expression));
    } else if (member(node, "path") == kNoNode) {
      structure(path, node, "the filter has no path",
                "Add \"path\" with a FHIRPath expression that gives a boolean.");
    }
  }

  ColumnDefinition readColumn(NodeIndex node, std::string path) {
    known(node, path, kColumnMembers);
    ColumnDefinition column;
    column.location = path;
    if (auto name = text(node, path, "name")) {
      column.name = std::move(*name);
      if (!isName(column.name.value)) {
        problems_.add(Severity::kError, "view-name", column.name.path, column.name.node,
                      "'" + column.name.value + "' is no name for a column", std::string(kNameRemedy));
      }
    } else if (member(node, "name") == kNoNode) {
      structure(path, node, "the column has no name", "Add \"name\".");
    }
    if (auto expression = text(node, path, "path")) {
      column.path = std::move(*expression);
    } else if (member(node, "path") == kNoNode) {
      structure(path, node, "the column has no path", "Add \"path\" with a FHIRPath expression.");
    }
    column.type = optionalString(node, path, "type");
    column.type_node = member(node, "type");
    constexpr std::string_view kTypeBase = "http://hl7.org/fhir/StructureDefinition/";
    if (column.type.starts_with(kTypeBase)) column.type.erase(0, kTypeBase.size());
    column.description = optionalString(node, path, "description");
    if (const NodeIndex collection = member(node, "collection"); collection != kNoNode) {
      const Kind kind = document_[collection].kind;
      if (kind != Kind::kTrue && kind != Kind::kFalse) {
        structure(joined(path, "collection"), collection, "collection must be true or false",
                  "Write true or false.");
      }
      column.collection = kind == Kind::kTrue;
    }
    items(node, path, "tag", [&](NodeIndex tag, const std::string& tag_path) {
      known(tag, tag_path, kTagMembers);
      column.tags.emplace_back(optionalString(tag, tag_path, "name"), optionalString(tag, tag_path, "value"));
    });
    return column;
  }

  SelectDefinition readSelect(NodeIndex node, std::string path, unsigned depth) {
    SelectDefinition out;
    out.node = node;
    if (depth > kMaxSelectDepth) {
      structure(path, node, "selects are nested too deeply", "Nest at most 64 of them.");
      return out;
    }
    known(node, path, kSelectMembers);
    out.for_each = text(node, path, "forEach");
    out.for_each_or_null = text(node, path, "forEachOrNull");
    readRepeat(node, path, out);
    const int iterations = (member(node, "forEach") != kNoNode) + (member(node, "forEachOrNull") != kNoNode) +
                           (member(node, "repeat") != kNoNode);
    if (iterations > 1) {
      structure(path, node, "forEach, forEachOrNull and repeat exclude each other",
                "Keep one of them, and put the others into a nested select.");
    }
    items(node, path, "column", [&](NodeIndex column, std::string column_path) {
      if (++columns_ > kMaxColumns) return;
      out.columns.push_back(readColumn(column, std::move(column_path)));
    });
    items(node, path, "select", [&](NodeIndex select, std::string select_path) {
      out.selects.push_back(readSelect(select, std::move(select_path), depth + 1));
    });
    items(node, path, "unionAll", [&](NodeIndex select, std::string select_path) {
      out.unions.push_back(readSelect(select, std::move(select_path), depth + 1));
    });
    if (columns_ > kMaxColumns && !told_columns_) {
      told_columns_ = true;
      structure(path, node, "the view has too many columns", "Use at most 4096.");
    }
    if (out.columns.empty() && out.selects.empty() && out.unions.empty() && !problems_.failed()) {
      structure(path, node, "the select has no column, no select and no unionAll", "Add \"column\": [...].");
    }
    out.location = std::move(path);
    return out;
  }

  void readRepeat(NodeIndex node, const std::string& path, SelectDefinition& out) {
    const NodeIndex list = member(node, "repeat");
    if (list == kNoNode) return;
    const std::string list_path = joined(path, "repeat");
    if (document_[list].kind != Kind::kArray) {
      structure(list_path, list, "repeat must be a list of paths", "Write \"repeat\": [\"item\"].");
      return;
    }
    std::size_t i = 0;
    for (NodeIndex item = list + 1; item < document_[list].next; item = document_[item].next, ++i) {
      std::string item_path = list_path + '[' + std::to_string(i) + ']';
      if (auto value = string(item, item_path))
        out.repeat.push_back({std::move(*value), std::move(item_path), item});
    }
    if (i == 0) structure(list_path, list, "repeat is an empty list", "Name at least one path.");
  }

  const Document& document_;
  Problems& problems_;
  std::size_t columns_ = 0;
  bool told_columns_ = false;
};

}  // namespace

Definition readDefinition(const fhir::Document& document, Problems& problems) {
  return Reader(document, problems).read();
}

}  // namespace tributary::views::internal
