#include "deliver/assembly.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <time.h>

#include <fstream>
#include <map>

#include "base/civil_time.h"
#include "base/file.h"
#include "base/hash.h"
#include "tests/net/test_certs.h"

namespace tributary::deliver {
namespace {

using testing::TestFolder;

const std::vector<TableLayout> kTables = {
    {"T001", {"A", "B", "C"}}, {"T002", {"X", "Y"}}, {"T003", {"Z", "W"}}};

AssemblyOptions options(const TestFolder& folder, FileForm form) {
  AssemblyOptions out;
  out.form = form;
  out.submission_id = "sub-1";
  out.collection = "test/1";
  out.window_from = *parseInstant("2026-03-01T00:00:00Z");
  out.window_to = *parseInstant("2026-03-02T00:00:00Z");
  out.generated = *parseInstant("2026-03-02T01:00:00Z");
  out.folder = folder.path();
  out.xml = std::make_shared<const XmlLayout>();
  return out;
}

RowSource rows(std::vector<Row> list) {
  return [list = std::move(list), at = std::size_t{0}](Row& row) mutable -> Result<bool> {
    if (at == list.size()) return false;
    row = list[at++];
    return true;
  };
}

const std::vector<Row> kRows = {
    {0, false, {"1", "plain", ""}},
    {0, true, {"9", "gone", ""}},
    {0, false, {"2", "with \"quote\", comma", "line\r\nbreak"}},
    {0, true, {"8", "gone too", ""}},
    {2, true, {"only", "deleted"}},
};

// The entries of a zip, read by libarchive.
std::vector<std::pair<std::string, std::string>> unzip(const std::filesystem::path& path) {
  std::vector<std::pair<std::string, std::string>> out;
  archive* zip = archive_read_new();
  archive_read_support_format_zip(zip);
  EXPECT_EQ(archive_read_open_filename(zip, path.c_str(), 65536), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(zip, &entry) == ARCHIVE_OK) {
    std::string text;
    char buffer[8192];
    la_ssize_t got = 0;
    while ((got = archive_read_data(zip, buffer, sizeof buffer)) > 0)
      text.append(buffer, static_cast<std::size_t>(got));
    EXPECT_EQ(got, 0);
    out.emplace_back(archive_entry_pathname(entry), text);
  }
  archive_read_free(zip);
  return out;
}

TEST(Assembly, ZipOfCsvFilesAndManifest) {
  const TestFolder folder;
  std::vector<std::string> numbers;
  const auto file = assemble(options(folder, FileForm::kCsvZip), kTables, rows(kRows),
                             [&](const Row& row, std::uint64_t number) -> Result<void> {
                               numbers.push_back((row.is_delete ? "d" : "u") + std::to_string(number));
                               return {};
                             });
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(numbers, (std::vector<std::string>{"u1", "d1", "u2", "d2", "d1"}));
  EXPECT_EQ(file->rows, 5U);
  EXPECT_EQ(file->submission.file, folder.path() / "sub-1.zip");
  EXPECT_EQ(file->submission.content_type, "application/zip");
  const std::string bytes = readFile(file->submission.file).value();
  EXPECT_EQ(file->submission.bytes, bytes.size());
  EXPECT_EQ(file->submission.sha256, sha256Hex(bytes));

  const auto entries = unzip(file->submission.file);
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].first, "T001.csv");
  EXPECT_EQ(entries[0].second, "A,B,C\r\n1,plain,\r\n2,\"with \"\"quote\"\", comma\",\"line\r\nbreak\"\r\n");
  EXPECT_EQ(entries[1].first, "T001_deleted.csv");
  EXPECT_EQ(entries[1].second, "A,B,C\r\n9,gone,\r\n8,gone too,\r\n");
  EXPECT_EQ(entries[2].first, "T003_deleted.csv");
  EXPECT_EQ(entries[3].first, "manifest.json");
  const std::string expected =
      R"({"submissionId":"sub-1","collection":"test/1","window":{"from":"2026-03-01T00:00:00.000Z","to":"2026-03-02T00:00:00.000Z"},)"
      R"("mode":"window","generated":"2026-03-02T01:00:00.000Z","tables":[{"table":"T001","upserts":2,"deletes":2,"files":[)"
      R"({"name":"T001.csv","sha256":")" +
      sha256Hex(entries[0].second) + R"(","bytes":)" + std::to_string(entries[0].second.size()) +
      R"(},{"name":"T001_deleted.csv","sha256":")" + sha256Hex(entries[1].second) + R"(","bytes":)" +
      std::to_string(entries[1].second.size()) +
      R"(}]},{"table":"T003","upserts":0,"deletes":1,"files":[{"name":"T003_deleted.csv","sha256":")" +
      sha256Hex(entries[2].second) + R"(","bytes":)" + std::to_string(entries[2].second.size()) +
      "}]}],\"rows\":5}\n";
  EXPECT_EQ(entries[3].second, expected);
}

TEST(Assembly, NdjsonWithTrailingManifest) {
  const TestFolder folder;
  const auto file = assemble(options(folder, FileForm::kNdjson), kTables, rows(kRows));
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(
      readFile(file->submission.file).value(),
      R"({"table":"T001","action":"upsert","rowNumber":1,"fields":{"A":"1","B":"plain"}})"
      "\n"
      R"({"table":"T001","action":"delete","rowNumber":1,"fields":{"A":"9","B":"gone"}})"
      "\n"
      R"({"table":"T001","action":"upsert","rowNumber":2,"fields":{"A":"2","B":"with \"quote\", comma","C":"line\r\nbreak"}})"
      "\n"
      R"({"table":"T001","action":"delete","rowNumber":2,"fields":{"A":"8","B":"gone too"}})"
      "\n"
      R"({"table":"T003","action":"delete","rowNumber":1,"fields":{"Z":"only","W":"deleted"}})"
      "\n"
      R"({"manifest":{"submissionId":"sub-1","collection":"test/1","window":{"from":"2026-03-01T00:00:00.000Z","to":"2026-03-02T00:00:00.000Z"},"mode":"window","generated":"2026-03-02T01:00:00.000Z","tables":[{"table":"T001","upserts":2,"deletes":2},{"table":"T003","upserts":0,"deletes":1}],"rows":5}})"
      "\n");
}

TEST(Assembly, TheSameRowsGiveTheSameBytes) {
  for (const FileForm form : {FileForm::kCsvZip, FileForm::kNdjson, FileForm::kXml}) {
    const TestFolder one, two;
    const auto first = assemble(options(one, form), kTables, rows(kRows));
    ::setenv("TZ", "Pacific/Auckland", 1);
    ::tzset();
    const auto second = assemble(options(two, form), kTables, rows(kRows));
    ::unsetenv("TZ");
    ::tzset();
    ASSERT_TRUE(first);
    ASSERT_TRUE(second);
    EXPECT_EQ(first->submission.sha256, second->submission.sha256);
    EXPECT_EQ(readFile(first->submission.file).value(), readFile(second->submission.file).value());
  }
}

TEST(Assembly, RefusesWhatBreaksTheOrderOrTheForm) {
  const TestFolder folder;
  auto assembler = Assembler::create(options(folder, FileForm::kCsvZip), kTables);
  ASSERT_TRUE(assembler);
  const std::vector<std::string_view> two = {"a", "b"};
  const std::vector<std::string_view> three = {"a", "b", "c"};
  EXPECT_EQ(assembler->add(1, two).value(), 1U);
  EXPECT_EQ(assembler->add(0, three).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(assembler->add(1, three).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(assembler->add(7, two).error().code, ErrorCode::kInvalidArgument);

  auto bad = options(folder, FileForm::kCsvZip);
  bad.submission_id = "../x";
  EXPECT_FALSE(Assembler::create(bad, kTables));
  EXPECT_FALSE(Assembler::create(options(folder, FileForm::kCsvZip), {{"../T", {"A"}}}));
  EXPECT_FALSE(Assembler::create(options(folder, FileForm::kCsvZip), {{"T", {"A"}}, {"T", {"A"}}}));
  EXPECT_FALSE(Assembler::create(options(folder, FileForm::kCsvZip), {{"T", {}}}));
}

TEST(Assembly, AnErrorOnTheWayLeavesNoFile) {
  const TestFolder folder;
  const auto failed =
      assemble(options(folder, FileForm::kCsvZip), kTables, [n = 0](Row& row) mutable -> Result<bool> {
        if (n++ > 3) return fail(ErrorCode::kUnavailable, "store gone", RetryClass::kRetryable);
        row = {0, false, {"1", "2", "3"}};
        return true;
      });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().text, "store gone");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Assembly, MemoryDoesNotGrowWithTheRows) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory would be measured";
#endif
  const TestFolder folder;
  constexpr int kCount = 200'000;
  const std::string cell(40, 'x');
  const auto peak = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;  // KiB
  };
  const long before = peak();
  for (const FileForm form : {FileForm::kCsvZip, FileForm::kNdjson, FileForm::kXml}) {
    int n = 0;
    const auto file = assemble(options(folder, form), kTables, [&](Row& row) -> Result<bool> {
      row.table = 0;
      row.is_delete = n % 3 == 0;
      row.cells = {cell, cell, cell};
      return n++ < kCount;
    });
    ASSERT_TRUE(file) << file.error().text;
    EXPECT_EQ(file->rows, static_cast<std::uint64_t>(kCount));
  }
  EXPECT_LT(peak() - before, 8 * 1024) << "25 MB of rows went through each form";
}

}  // namespace
}  // namespace tributary::deliver
