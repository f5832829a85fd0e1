#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

// A thin RAII layer over SQLite: the only place that calls its C functions.
namespace tributary::store::sqlite {

// Binds as a blob instead of text.
struct Blob {
  std::string_view bytes;
};

class Database;

// A prepared statement; lives in its Database. Bound text and blobs must live until it is stepped to the end.
class Statement {
 public:
  Statement(sqlite3* handle, sqlite3_stmt* statement) : handle_(handle), statement_(statement) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  // True: a row is there. False: the end.
  Result<bool> step();
  void reset() { sqlite3_reset(statement_); }

  void bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }
  void bind(int index, std::uint64_t value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, int value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, unsigned value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, bool value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, std::nullptr_t) { sqlite3_bind_null(statement_, index); }
  void bind(int index, Instant value) {
    bind(index, static_cast<std::int64_t>(value.time_since_epoch().count()));
  }
  void bind(int index, std::string_view value) {
    sqlite3_bind_text64(statement_, index, value.empty() ? "" : value.data(), value.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
  }
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, const char* value) { bind(index, std::string_view(value)); }
  void bind(int index, Blob value) {
    sqlite3_bind_blob64(statement_, index, value.bytes.empty() ? "" : value.bytes.data(), value.bytes.size(),
                        SQLITE_STATIC);
  }

  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  bool flag(int column) const { return integer(column) != 0; }
  bool null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  Instant instant(int column) const { return Instant{Duration{integer(column)}}; }
  // Lives until the next step or reset.
  std::string_view bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);  // before the length, as SQLite asks
    return {static_cast<const char*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  std::string text(int column) const { return std::string(bytes(column)); }

 private:
  sqlite3* handle_;
  sqlite3_stmt* statement_;
};

// The rows of one run of a statement; the statement is free again with its end.
class Rows {
 public:
  Rows(Statement* statement, Error error) : statement_(statement), error_(std::move(error)) {}
  Rows(Rows&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)), error_(std::move(other.error_)) {}
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  Rows& operator=(Rows&&) = delete;
  ~Rows() {
    if (statement_ != nullptr) statement_->reset();
  }
  Result<bool> next() { return statement_ == nullptr ? std::unexpected(error_) : statement_->step(); }
  const Statement* operator->() const { return statement_; }

 private:
  Statement* statement_;
  Error error_;
};

// One connection; used by one thread at a time.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path, int flags,
                                                Duration busy_timeout);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<void> execute(const std::string& script);

  // Statements are prepared once and found again by the ADDRESS of their text: pass literals and constants
  // only. A statement must not be run again while its rows are being read.
  template <class... Args>
  Rows query(const char* sql, const Args&... args) {
    Result<Statement*> statement = prepare(sql);
    if (!statement) return Rows(nullptr, std::move(statement).error());
    int index = 0;
    (((*statement)->bind(++index, args)), ...);
    return Rows(*statement, {});
  }
  template <class... Args>
  Result<void> run(const char* sql, const Args&... args) {
    Rows rows = query(sql, args...);
    Result<bool> stepped = rows.next();
    while (stepped && *stepped) stepped = rows.next();
    if (!stepped) return std::unexpected(std::move(stepped).error());
    return {};
  }
  // The first column of the first row; `otherwise` when there is none.
  template <class... Args>
  Result<std::int64_t> integer(std::int64_t otherwise, const char* sql, const Args&... args) {
    Rows rows = query(sql, args...);
    TRY_ASSIGN(const bool found, rows.next());
    return found ? rows->integer(0) : otherwise;
  }

  std::uint64_t lastId() const { return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(handle_)); }
  std::uint64_t changes() const { return static_cast<std::uint64_t>(sqlite3_changes64(handle_)); }
  bool inTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  bool readOnly() const { return sqlite3_db_readonly(handle_, "main") == 1; }
  sqlite3* handle() const { return handle_; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Result<Statement*> prepare(const char* sql);

  sqlite3* handle_;
  std::unordered_map<const char*, std::unique_ptr<Statement>> statements_;
};

// What an SQLite result means for us; the texts hold no data.
Error errorOf(sqlite3* handle, int code, std::string_view doing);

}  // namespace tributary::store::sqlite
