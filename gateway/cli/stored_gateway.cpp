#include "cli/stored_gateway.h"

#include "base/clock.h"
#include "cli/collection_bench.h"
#include "cli/config_command.h"
#include "store/sqlite/sqlite_store.h"
#include "terminology/definitions.h"

namespace tributary::cli {

StoredGateway openStoredGateway(const std::string& path) {
  static const SystemClock clock;
  StoredGateway out;
  out.config = requireConfig(path);
  out.folder = (out.config.mappings.empty() ? shareFolder("fhir-mappings") : out.config.mappings) / out.config.collection;
  collection::LoadOptions options;
  options.settings = out.config.settings;
  options.calendar = out.config.calendar;
  out.collection = loadCollection(out.folder, options);
  store::SqliteOptions sqlite;
  sqlite.path = out.config.state / "tributary.db";
  sqlite.clock = &clock;
  sqlite.read_only = true;
  auto store = store::openSqliteStore(sqlite);
  if (!store) failWith(store.error());
  out.store = std::move(*store);
  const auto definitions = terminology::Definitions::open(definitionsPath());
  if (!definitions) failWith(definitions.error());
  auto compartments = ingest::CompartmentIndex::load(**definitions, "Patient");
  if (!compartments) failWith(compartments.error());
  out.subjects = std::make_unique<pipeline::StoredSubjects>(*out.store, std::move(*compartments), clock);
  return out;
}

}  // namespace tributary::cli
