#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collection/internal/model.h"
#include "collection/internal/plan.h"
#include "collection/internal/reporter.h"

namespace tributary::collection {

// What stands at "select[0].column[2]"; empty: nothing.
Json memberAt(Json root, std::string_view location);

// Compiles a collection's folder into an Impl. Used once.
class Loader {
 public:
  Loader(std::filesystem::path folder, Collection::Impl& impl, Reporter& reporter)
      : folder_(std::move(folder)), impl_(impl), reporter_(reporter) {}

  void load(const JsonFile& manifest, std::string_view manifest_text, const LoadOptions& options);

 private:
  void settings(const Json& list, const LoadOptions& options);
  void tables(const Json& root);
  void sources(const Json& root);
  void source(const Json& entry, const std::string& scope, std::uint16_t table);
  void providerResource(const Json& entry, const SourcePlan& plan);
  void columns(SourcePlan& plan, const JsonFile& file);
  void tagged(ColumnPlan& column, const views::Column& described, const SourcePlan& plan,
              const JsonFile& file);
  void filters(SourcePlan& plan, const JsonFile& file);
  void mapsOf(const JsonFile& view);  // load_maps.cpp, with the two below
  void maps(const std::filesystem::path& folder);
  void mapGroup(const Json& group, const std::filesystem::path& file);
  void checks();
  void link(PendingCheck& pending, std::uint16_t table);
  void compare(PendingCheck& pending, std::uint16_t table);
  void groups(const Json& list);
  void periods(const Json& root);
  void calendar(const Json& entry, const LoadOptions& options);
  void header(const Json& entry);
  void aggregates(const Json& list);  // load_aggregates.cpp, with the four below
  void aggregate(const Json& entry);
  bool calendar(const Json& entry, CalendarPlan& plan);
  bool tally(const Json& entry, TallyPlan& plan, std::uint16_t aggregate_table);
  bool path(const Json& at, std::string_view text, std::uint16_t from, FieldPath& out);
  std::uint16_t table(const Json& name);
  std::uint16_t field(std::uint16_t table, const Json& name);
  std::uint16_t slot(std::uint16_t table, std::uint16_t field);
  void include(std::string_view bytes) { hashed_.append(bytes).push_back('\0'); }

  std::filesystem::path folder_;
  Collection::Impl& impl_;
  Reporter& reporter_;
  const JsonFile* manifest_ = nullptr;
  std::vector<std::unique_ptr<JsonFile>> files_;
  std::vector<std::vector<PendingCheck>> pending_;  // by table
  std::vector<fhirpath::VariableDeclaration> variables_;
  std::string hashed_;
};

}  // namespace tributary::collection
