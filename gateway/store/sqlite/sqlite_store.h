#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "store/store.h"

namespace tributary::store {

struct SqliteOptions {
  std::filesystem::path path;    // the database file; "-wal", "-shm" and ".lock" lie beside it
  const Clock* clock = nullptr;  // required; must outlive the store
  std::size_t writer_cache_bytes = std::size_t{48} << 20;
  std::size_t reader_cache_bytes = std::size_t{4} << 20;  // each
  Duration busy_timeout{5000};                       // how long to wait for a lock that another program holds
  unsigned readers = 4;                              // connections for reads beside the writer
  std::size_t max_raw_bytes = std::size_t{1} << 20;  // of one reject or receipt; the rest is cut off
  std::uint64_t max_pages = 0;  // 0: no bound; a bound acts like a full disk (tests, quotas)
  bool quick_check = false;     // look the whole file over when opening it
  bool read_only = false;       // no writer, no lock: for `tributary status` beside a running gateway
};

// Opens or creates the database, migrates its schema. kConflict: another process has it open for writing (its
// process id is in the text). kInvalidArgument: the schema is newer than this program. kCorrupt: not a
// database, or damaged.
Result<std::unique_ptr<Store>> openSqliteStore(const SqliteOptions& options);

}  // namespace tributary::store
