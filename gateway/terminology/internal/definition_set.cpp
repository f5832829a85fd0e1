#include "terminology/internal/definition_set.h"

#include <algorithm>

#include "fhir/json_writer.h"
#include "fhir/names.h"

namespace tributary::terminology::internal {

namespace {

constexpr std::string_view kKept[] = {"StructureDefinition", "ValueSet",        "CodeSystem",
                                      "ConceptMap",          "SearchParameter", "CompartmentDefinition",
                                      "OperationDefinition", "StructureMap",    "ViewDefinition"};

std::string place(std::string_view file, const Issue& issue) {
  return std::string(file) + ":" + std::to_string(issue.line) + ":" + std::to_string(issue.column);
}

}  // namespace

bool DefinitionSet::read(std::string_view file, std::string_view json) {
  fhir::ReadOptions read_options;
  read_options.limits.bytes = options_.resource_bytes;
  if (auto read = reader_.read(json, document_, read_options); !read) {
    warnings_.push_back({place(file, read.error()), read.error().text});
    return false;
  }
  return true;
}

void DefinitionSet::addFile(std::string_view file, std::string_view json) {
  if (read(file, json)) addResource(JsonView(document_), file);
}

void DefinitionSet::addExpansions(std::string_view file, std::string_view json) {
  if (!read(file, json)) return;
  const JsonView root(document_);
  if (root.text("resourceType") == "ValueSet") value_sets_.addExpansion(root, tables_);
}

Result<void> DefinitionSet::addOverlay(std::string_view file, std::string_view json) {
  fhir::ReadOptions read_options;
  read_options.limits.bytes = options_.resource_bytes;
  read_options.any_value = true;
  if (auto read = reader_.read(json, document_, read_options); !read) {
    return fail(ErrorCode::kMalformed, place(file, read.error()) + ": " + read.error().text);
  }
  const JsonView root(document_);
  addTerminology(root);
  if (root.text("resourceType") == "Bundle") {
    for (const JsonView entry : root["entry"]) addTerminology(entry["resource"]);
  }
  return {};
}

void DefinitionSet::addTerminology(JsonView resource) {
  const std::string_view type = resource.text("resourceType");
  if (type == "CodeSystem") systems_.add(resource, tables_);
  if (type == "ValueSet") value_sets_.add(resource, tables_);
  if (type == "ConceptMap") maps_.add(resource, tables_);
}

void DefinitionSet::addResource(JsonView resource, std::string_view file) {
  const std::string_view type = resource.text("resourceType");
  if (std::ranges::find(kKept, type) == std::end(kKept) || resource.text("url").empty()) return;
  if (type == "StructureDefinition") types_.add(resource, file);
  addTerminology(resource);
  keepBody(resource);
}

// The root's members but for its narrative, which is most of the text of a code system and of no use here.
void DefinitionSet::keepBody(JsonView resource) {
  ResourceRecord record{.url = tables_.strings.add(resource.text("url")),
                        .version = tables_.strings.add(resource.text("version")),
                        .type = tables_.strings.add(resource.text("resourceType")),
                        .offset = tables_.bodies.size(),
                        .length = 0};
  if (options_.bodies) {
    char separator = '{';
    for (const JsonView member : resource) {
      const fhir::NameId id = resource.document()[member.node()].name;
      if (id == fhir::names::kText) continue;
      tables_.bodies += separator;
      separator = ',';
      std::string name((id & fhir::kCompanion) != 0 ? "_" : "");
      name += member.name();
      fhir::writeJsonString(name, tables_.bodies);
      tables_.bodies += ':';
      fhir::writeJson(resource.document(), member.node(), tables_.bodies);
    }
    tables_.bodies += '}';
    record.length = tables_.bodies.size() - record.offset;
  }
  tables_.resources.push_back(record);
}

const Tables& DefinitionSet::finish(const View* base, bool types) {
  if (types) {
    types_.finish(tables_, warnings_);
  } else {
    tables_.types.resize(1);
    tables_.indexTypes();
  }
  tables_.indexResources();
  tables_.indexSystems();
  value_sets_.finish(tables_, base, warnings_);
  tables_.indexValueSets();
  tables_.indexMaps();
  return tables_;
}

}  // namespace tributary::terminology::internal
