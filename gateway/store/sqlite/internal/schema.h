#pragma once
#include "base/result.h"
#include "store/sqlite/internal/database.h"

namespace tributary::store::sqlite {

// The schema this program writes.
int schemaVersion();

// Brings an open database (empty or older) to schemaVersion(), one transaction a step. A newer schema, or a
// database of another program, is refused and left as it is.
Result<void> migrate(Database& database);
// Refuses what migrate() would refuse or would have to change.
Result<void> checkSchema(Database& database);

}  // namespace tributary::store::sqlite
