// What only the SQLite engine promises: its file, its lock, its schema, and how it fails.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "store/sqlite/sqlite_store.h"

namespace tributary::store {
namespace {

using testing::HasSubstr;

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "sqlite-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    options_.path = directory_ / "store.db";
    options_.clock = &clock_;
    options_.busy_timeout = Duration{0};
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::unique_ptr<Store> open() {
    auto opened = openSqliteStore(options_);
    EXPECT_TRUE(opened.has_value()) << opened.error().text;
    return opened ? std::move(*opened) : nullptr;
  }
  Error openError() {
    auto opened = openSqliteStore(options_);
    EXPECT_FALSE(opened.has_value());
    return opened ? Error{} : opened.error();
  }
  static Result<AppendResult> append(Store& store, const std::string& id, const std::string& body) {
    AppendEntry entry;
    entry.type = "Patient";
    entry.id = id;
    entry.subject = "Patient/1";
    entry.body = body;
    AppendBatch batch;
    batch.source = "epr";
    batch.entries = std::span(&entry, 1);
    return store.append(batch);
  }
  // As another program would.
  void raw(const char* script) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(options_.path.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, script, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  std::filesystem::path directory_;
  FakeClock clock_{Instant{Duration{1'800'000'000'000}}};
  SqliteOptions options_;
};

TEST_F(SqliteStoreTest, ItsFilesAreNotForEverybody) {
  const auto store = open();
  ASSERT_TRUE(append(*store, "a", "{}"));
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat found{};
    ASSERT_EQ(::stat((options_.path.string() + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 07, 0U) << suffix;
  }
}

std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

TEST_F(SqliteStoreTest, FullDiskIsATypedErrorAndNothingIsHalfDone) {
  open();
  options_.max_pages = 120;  // 480 KiB; the empty schema takes about 40 pages
  const auto store = open();
  ASSERT_TRUE(append(*store, "small", "x"));
  const auto refused = append(*store, "huge", noise(1 << 20));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  EXPECT_EQ(refused.error().retry, RetryClass::kRetryable);
  EXPECT_THAT(refused.error().text, HasSubstr("no space"));
  EXPECT_TRUE(store->history("epr", "Patient", "huge")->empty());
  EXPECT_EQ(store->reconcile()->unaccounted, 0U);
  ASSERT_TRUE(append(*store, "after", "y"));  // works on as soon as there is space
  EXPECT_EQ(store->status()->received, 2U);
  EXPECT_TRUE(store->checkIntegrity()->empty());
}

TEST_F(SqliteStoreTest, FullDiskWhileProjectingLeavesTheLease) {
  open();
  options_.max_pages = 120;
  const auto store = open();
  ASSERT_TRUE(append(*store, "1", "x"));
  const auto leases = store->takeDirty(1, Duration{1000});
  ASSERT_EQ(leases->size(), 1U);
  const std::vector<std::string> collections{"c"};
  const std::string cells = noise(1 << 20);
  ProjectedRow row;
  row.collection = "c";
  row.table = "T";
  row.key = "k";
  row.cells = cells;
  Projection projection{leases->front(), collections, std::span(&row, 1), {}, {}};
  const auto refused = store->commitProjections(std::span(&projection, 1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  row.cells = "small";
  const auto results = store->commitProjections(std::span(&projection, 1));
  ASSERT_TRUE(results.has_value());
  EXPECT_FALSE(results->front().lease_lost);
  EXPECT_EQ(results->front().inserted, 1U);
}

TEST_F(SqliteStoreTest, OneBadWriteDoesNotTakeItsGroupAlong) {
  open();
  options_.max_pages = 120;
  const auto store = open();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0, refused = 0;
  const std::string huge = noise(1 << 20);
  for (int thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 10; ++round) {
        const std::string id = std::to_string(thread) + "-" + std::to_string(round);
        ++(append(*store, id, thread == 0 ? huge : "x") ? good : refused);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 50);
  EXPECT_EQ(refused, 10);
  EXPECT_EQ(store->status()->received, 50U);
  EXPECT_EQ(store->reconcile()->unaccounted, 0U);
}

TEST_F(SqliteStoreTest, LockHeldByAnotherProgramIsATypedError) {
  const auto store = open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto refused = append(*store, "1", "x");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused.error().retry, RetryClass::kRetryable);
  EXPECT_TRUE(store->status().has_value());  // reading goes on
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_TRUE(append(*store, "1", "x").has_value());
}

TEST_F(SqliteStoreTest, SecondWriterIsRefusedWithTheProcessThatHasIt) {
  auto store = open();
  const Error error = openError();
  EXPECT_EQ(error.code, ErrorCode::kConflict);
  EXPECT_THAT(error.text, HasSubstr("process id " + std::to_string(::getpid())));
  // Looking on is allowed.
  SqliteOptions looking = options_;
  looking.read_only = true;
  ASSERT_TRUE(append(*store, "1", "x"));
  const auto reader = openSqliteStore(looking);
  ASSERT_TRUE(reader.has_value()) << reader.error().text;
  EXPECT_EQ((*reader)->status()->received, 1U);
  const auto refused = append(**reader, "2", "y");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthorised);
  store.reset();
  EXPECT_NE(open(), nullptr);  // and the lock is gone with its holder
}

TEST_F(SqliteStoreTest, FileThatCannotBeWritten) {
  {
    const auto store = open();
  }
  // As somebody who may not: root may everything, so a child gives its rights away.
  ::chmod(options_.path.c_str(), 0444);
  ::chmod(directory_.c_str(), 0555);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(9);
    const auto opened = openSqliteStore(options_);
    ::_exit(!opened && opened.error().code == ErrorCode::kUnauthorised ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::chmod(directory_.c_str(), 0755);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SqliteStoreTest, FileThatIsNoDatabase) {
  std::ofstream(options_.path) << "These are the notes of somebody, long enough to be no header. "
                               << noise(5000);
  EXPECT_EQ(openError().code, ErrorCode::kCorrupt);
}

TEST_F(SqliteStoreTest, DatabaseOfAnotherProgram) {
  raw("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)");
  const Error error = openError();
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.text, HasSubstr("another program"));
  raw("SELECT x FROM theirs");
}

TEST_F(SqliteStoreTest, NewerSchemaIsRefusedAndLeftAlone) {
  {
    ASSERT_TRUE(append(*open(), "1", "x"));
  }
  raw("PRAGMA user_version=99");
  const Error error = openError();
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.text, HasSubstr("schema 99"));
  options_.read_only = true;
  EXPECT_EQ(openError().code, ErrorCode::kInvalidArgument);
  options_.read_only = false;
  raw("PRAGMA user_version=2");
  EXPECT_EQ(open()->status()->received, 1U);
}

// A store of schema 1 wrote the use of a shared resource as its outcome.
TEST_F(SqliteStoreTest, OlderSchemaIsBroughtUpToDate) {
  {
    AppendEntry entry;
    entry.type = "Organization";
    entry.id = "o";
    entry.body = "org";
    entry.outcome = ResourceOutcome::kFiltered;
    entry.outcome_rule = "shared-not-used";
    AppendBatch batch;
    batch.source = "epr";
    batch.entries = std::span(&entry, 1);
    ASSERT_TRUE(open()->append(batch));
  }
  raw("UPDATE resource SET outcome = 1; ALTER TABLE resource DROP COLUMN used_seq; PRAGMA user_version=1");
  const auto store = open();
  EXPECT_EQ(store->reconcile()->sources.at("epr").delivered, 1U);
  EXPECT_EQ(store->reconcile()->unaccounted, 0U);
}

TEST_F(SqliteStoreTest, DamagedPagesAreFound) {
  {
    const auto store = open();
    for (int number = 0; number < 50; ++number)
      ASSERT_TRUE(append(*store, std::to_string(number), noise(3000)));
  }
  {
    std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0, std::ios::end);
    const auto size = static_cast<std::size_t>(file.tellp());
    for (std::size_t at = 4096 * 3; at + 4096 < size; at += 4096) {
      file.seekp(static_cast<std::streamoff>(at));
      file << std::string(100, '\xff');
    }
  }
  options_.quick_check = true;
  EXPECT_EQ(openError().code, ErrorCode::kCorrupt);
  // Without the check it may open; then reading says so, and never hands out wrong bytes.
  options_.quick_check = false;
  auto opened = openSqliteStore(options_);
  if (opened) {
    const auto read = (*opened)->readJournal(0, 1000, true, [](const JournalRecord&) { return true; });
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  } else {
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  }
}

TEST_F(SqliteStoreTest, ChangedBodyIsNotHandedOut) {
  {
    ASSERT_TRUE(append(*open(), "1", "the body as it was received"));
  }
  raw("UPDATE body SET data = x'00' || 'the body as it never was'");
  const auto store = open();
  EXPECT_EQ(store->body(1).error().code, ErrorCode::kCorrupt);
  const auto leases = store->takeDirty(1, Duration{1000});
  const auto loaded =
      store->loadSubject(leases->front(), 1 << 20, [](const StoredResource&) { return true; });
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(loaded.error().text, testing::Not(HasSubstr("never")));
}

TEST_F(SqliteStoreTest, ChangedAuditIsFound) {
  {
    const auto store = open();
    ASSERT_TRUE(store->audit(
        std::vector<AuditEntry>{{"a", "b", "c", "d"}, {"e", "f", "g", "h"}, {"i", "j", "k", "l"}}));
  }
  raw("UPDATE audit SET actor = 'nobody' WHERE seq = 2");
  EXPECT_EQ(*open()->verifyAudit(), 2U);
  raw("UPDATE audit SET actor = 'e' WHERE seq = 2; DELETE FROM audit WHERE seq = 1");
  EXPECT_EQ(*open()->verifyAudit(), 2U);
}

TEST_F(SqliteStoreTest, LostRowsAreUnaccounted) {
  {
    const auto store = open();
    ASSERT_TRUE(append(*store, "1", "x"));
    ASSERT_TRUE(append(*store, "2", "x"));
    ASSERT_EQ(store->reconcile()->unaccounted, 0U);
  }
  raw("DELETE FROM journal WHERE seq = 1");
  EXPECT_GT(open()->reconcile()->unaccounted, 0U);
  raw("DELETE FROM resource WHERE seq = 2");
  EXPECT_GT(open()->reconcile()->unaccounted, 0U);
}

TEST_F(SqliteStoreTest, MissingFolderAndOptions) {
  options_.path = directory_ / "missing" / "store.db";
  EXPECT_EQ(openError().code, ErrorCode::kUnavailable);
  options_.path.clear();
  EXPECT_EQ(openError().code, ErrorCode::kInvalidArgument);
}

TEST_F(SqliteStoreTest, UsesTheWriteAheadLog) {
  const auto store = open();
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &handle), SQLITE_OK);
  std::string mode;
  sqlite3_exec(
      handle, "PRAGMA journal_mode",
      [](void* target, int, char** values, char**) {
        *static_cast<std::string*>(target) = values[0];
        return 0;
      },
      &mode, nullptr);
  sqlite3_close(handle);
  EXPECT_EQ(mode, "wal");
}

}  // namespace
}  // namespace tributary::store
