#include "store/sqlite/internal/database.h"

namespace tributary::store::sqlite {
namespace {

// SQLite's bookkeeping of memory takes a global lock at every allocation. Only before its first use, once.
void configureOnce() {
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(configured);
}

}  // namespace

Error errorOf(sqlite3* handle, int code, std::string_view doing) {
  const int primary = code & 0xff;
  Error error;
  error.text = "store: " + std::string(doing) + ": ";
  switch (primary) {
    case SQLITE_FULL:
      error.code = ErrorCode::kLimit;
      error.retry = RetryClass::kRetryable;
      error.text += "no space left for the database";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = ErrorCode::kConflict;
      error.retry = RetryClass::kRetryable;
      error.text += "another program holds a lock on the database";
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      error.code = ErrorCode::kUnauthorised;
      error.text += "the database cannot be written (read-only)";
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      error.code = ErrorCode::kCorrupt;
      error.text += "the database file is damaged or is no database";
      break;
    case SQLITE_CANTOPEN:
      error.code = ErrorCode::kUnavailable;
      error.text += "the database file cannot be opened";
      break;
    case SQLITE_IOERR:
      error.code = ErrorCode::kUnavailable;
      error.retry = RetryClass::kRetryable;
      error.text += "reading or writing the database file failed";
      break;
    case SQLITE_NOMEM:
      error.code = ErrorCode::kLimit;
      error.retry = RetryClass::kRetryable;
      error.text += "out of memory";
      break;
    default:
      error.code = ErrorCode::kInternal;
      // Names of tables and columns, and pieces of our own SQL; never bound values.
      error.text += handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
      break;
  }
  error.text += " (SQLite " + std::to_string(code) + ")";
  error.public_text = "the gateway cannot use its storage now";
  return error;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const int extended = sqlite3_extended_errcode(handle_);
  return std::unexpected(errorOf(handle_, extended == SQLITE_OK ? code : extended, "running a statement"));
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path, int flags,
                                                 Duration busy_timeout) {
  configureOnce();
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (code != SQLITE_OK) return std::unexpected(errorOf(handle, code, "opening " + path.string()));
  sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout.count()));
  return database;
}

Database::~Database() {
  statements_.clear();
  sqlite3_close(handle_);
}

Result<void> Database::execute(const std::string& script) {
  const int code = sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(errorOf(handle_, code, "running a script"));
  return {};
}

Result<Statement*> Database::prepare(const char* sql) {
  std::unique_ptr<Statement>& slot = statements_[sql];
  if (slot == nullptr) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return std::unexpected(errorOf(handle_, code, "preparing a statement"));
    slot = std::make_unique<Statement>(handle_, statement);
  }
  return slot.get();
}

}  // namespace tributary::store::sqlite
