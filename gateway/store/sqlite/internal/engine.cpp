#include "store/sqlite/internal/engine.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/hash.h"
#include "store/sqlite/internal/schema.h"

namespace tributary::store {

Result<std::unique_ptr<Store>> openSqliteStore(const SqliteOptions& options) {
  return sqlite::Engine::open(options);
}

namespace sqlite {
namespace {

// In pages of 4 KiB: the WAL goes into the file when it has about 64 MiB. A page that was written many times
// meanwhile is copied once.
constexpr int kCheckpointPages = 16384;

std::int64_t hashOfThree(std::string_view first, std::string_view second, std::string_view third) {
  thread_local std::string buffer;
  buffer.clear();
  buffer.append(first).append(1, '\0').append(second).append(1, '\0').append(third);
  return static_cast<std::int64_t>(fastHash(buffer));
}

}  // namespace

std::int64_t resourceKeyHash(std::string_view source, std::string_view type, std::string_view id) {
  return hashOfThree(source, type, id);
}

std::int64_t rowKeyHash(std::string_view collection, std::string_view table, std::string_view key) {
  return hashOfThree(collection, table, key);
}

Result<std::unique_ptr<Store>> Engine::open(const SqliteOptions& options) {
  if (options.clock == nullptr || options.path.empty() || options.readers == 0) {
    return fail(ErrorCode::kInvalidArgument, "store: path, clock and at least one reader are needed");
  }
  std::unique_ptr<Engine> engine(new Engine(options));
  TRY_VOID(engine->openFiles());
  return engine;
}

Engine::~Engine() = default;

Result<std::unique_ptr<Database>> Engine::connect(int flags, std::size_t cache_bytes) const {
  TRY_ASSIGN(std::unique_ptr<Database> database, Database::open(options_.path, flags, options_.busy_timeout));
  TRY_VOID(database->execute("PRAGMA cache_size=-" + std::to_string(cache_bytes >> 10) +
                             ";PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON"));
  return database;
}

Result<void> Engine::openFiles() {
  std::error_code ignored;
  if (options_.read_only) {
    for (unsigned reader = 0; reader < options_.readers; ++reader) {
      TRY_ASSIGN(std::unique_ptr<Database> database,
                 connect(SQLITE_OPEN_READONLY, options_.reader_cache_bytes));
      TRY_VOID(checkSchema(*database));
      if (reader == 0) {
        TRY_VOID(names_.load(*database));
        TRY_VOID(loadDictionaries(*database));
      }
      readers_.add(std::move(database));
    }
    return {};
  }
  std::filesystem::path lock_path = options_.path;
  lock_path += ".lock";
  TRY_ASSIGN(lock_, LockFile::take(lock_path));
  // Patients' data, so not for everybody; SQLite gives its log the mode of the database. It would make it with 0644.
  if (const int made = ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640); made >= 0) ::close(made);
  TRY_ASSIGN(std::unique_ptr<Database> database,
             connect(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, options_.writer_cache_bytes));
  if (database->readOnly()) {
    return fail(ErrorCode::kUnauthorised,
                "store: " + options_.path.string() + " cannot be written (read-only)");
  }
  if (options_.max_pages > 0) {
    TRY_VOID(database->execute("PRAGMA max_page_count=" + std::to_string(options_.max_pages)));
  }
  TRY_VOID(database->execute("PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA wal_autocheckpoint=" +
                             std::to_string(kCheckpointPages) +
                             ";PRAGMA journal_size_limit=" + std::to_string(std::size_t{128} << 20)));
  if (options_.quick_check) {
    Rows rows = database->query("PRAGMA quick_check(1)");
    TRY_ASSIGN(const bool found, rows.next());
    if (!found || rows->bytes(0) != "ok") {
      return fail(ErrorCode::kCorrupt, "store: the database file is damaged (quick_check)");
    }
  }
  TRY_VOID(migrate(*database));
  TRY_VOID(names_.load(*database));
  TRY_VOID(loadDictionaries(*database));
  TRY_VOID(database->execute(
      "CREATE TEMP TABLE wanted_table(table_id INTEGER PRIMARY KEY, position INTEGER NOT NULL);"
      "CREATE TEMP TABLE wanted_subject(subject_id INTEGER PRIMARY KEY)"));
  writer_ = std::make_unique<Writer>(std::move(database), names_);
  TRY_VOID(writer_->start());
  for (unsigned reader = 0; reader < options_.readers; ++reader) {
    TRY_ASSIGN(std::unique_ptr<Database> connection,
               connect(SQLITE_OPEN_READONLY, options_.reader_cache_bytes));
    readers_.add(std::move(connection));
  }
  return {};
}

Result<void> Engine::loadDictionaries(Database& database) {
  Rows rows = database.query("SELECT id, type_id, data FROM dictionary ORDER BY id");
  for (;;) {
    TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    codec_.addDictionary(static_cast<std::uint32_t>(rows->integer(0)), names_.text(rows->integer(1)),
                         rows->bytes(2));
  }
}

Result<void> Engine::write(const Writer::Work& work) {
  if (writer_ == nullptr) {
    return fail(ErrorCode::kUnauthorised, "store: opened for reading only");
  }
  return writer_->run(work);
}

void Engine::setListener(std::function<void(const StoreChange&)> listener) {
  if (writer_ != nullptr) writer_->setListener(std::move(listener));
}

}  // namespace sqlite
}  // namespace tributary::store
