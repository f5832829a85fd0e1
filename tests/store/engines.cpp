#include "store/sqlite/sqlite_store.h"
#include "tests/store/conformance.h"

namespace tributary::store {

std::vector<EngineUnderTest> enginesUnderTest() {
  return {{"sqlite", [](const std::filesystem::path& directory, const Clock& clock) {
             SqliteOptions options;
             options.path = directory / "store.db";
             options.clock = &clock;
             return openSqliteStore(options);
           }}};
}

namespace {

INSTANTIATE_TEST_SUITE_P(Engines, StoreTest, testing::ValuesIn(enginesUnderTest()),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace tributary::store
