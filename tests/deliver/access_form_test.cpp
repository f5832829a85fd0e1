#include <gtest/gtest.h>

#include <fstream>

#include "base/civil_time.h"
#include "base/file.h"
#include "base/hash.h"
#include "deliver/assembly.h"
#include "tests/net/test_certs.h"

namespace tributary::deliver {
namespace {

using testing::TestFolder;

// A side tool of the test's own: a shell script. The real one is tested by tests/peers/run idb.
AssemblyOptions options(const TestFolder& folder, const std::string& script) {
  const auto tool = folder.path() / "tool";
  std::ofstream(tool) << "#!/bin/sh\n" << script;
  std::filesystem::permissions(tool, std::filesystem::perms::owner_all);
  AssemblyOptions out;
  out.form = FileForm::kAccess;
  out.submission_id = "sub-1";
  out.collection = "test/1";
  out.folder = folder.path() / "out";
  out.access = {folder.path() / "blank.accdb", tool, std::chrono::seconds(20)};
  return out;
}

Result<AssembledFile> assembled(const AssemblyOptions& with) {
  return assemble(with, {{"T", {"A"}}}, [n = 0](Row& row) mutable -> Result<bool> {
    row = {0, false, {"1"}};
    return n++ < 1;
  });
}

TEST(AccessForm, TheToolMakesTheFileOfTheZipAndTheZipGoes) {
  const TestFolder folder;
  const auto file = assembled(options(folder, "test \"${1##*/}\" = blank.accdb && test \"${2##*/}\" = sub-1.zip && cp \"$2\" \"$3\"\n"));
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->submission.file, folder.path() / "out" / "sub-1.accdb");
  EXPECT_EQ(submissionFileName(file->submission), "sub-1.accdb");
  EXPECT_EQ(file->submission.sha256, sha256Hex(readFile(file->submission.file).value()));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out" / "sub-1.zip"));
  EXPECT_EQ(file->rows, 1U);
}

TEST(AccessForm, TheToolSeesNoneOfOurSecrets) {
  ::setenv("TEST_SECRET", "x", 1);
  const TestFolder folder;
  EXPECT_TRUE(assembled(options(folder, "test -z \"$TEST_SECRET\" && cp \"$2\" \"$3\"\n")));
  ::unsetenv("TEST_SECRET");
}

TEST(AccessForm, ExitCodesSayWhetherToTryAgain) {
  const TestFolder folder;
  for (const char* code : {"1", "2"}) {
    const auto refused = assembled(options(folder, std::string("echo 'error: why' >&2; echo more; exit ") + code + "\n"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kRejected);
    EXPECT_EQ(refused.error().text, "error: why; more");
  }
  for (const char* script : {"echo full; exit 3\n", "kill -9 $$\n"}) {
    const auto later = assembled(options(folder, script));
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().retry, RetryClass::kRetryable);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "out")) << "no zip stays behind";
}

TEST(AccessForm, AToolThatIsMissingOrLateIsAnErrorAndLeavesNothingRunning) {
  const TestFolder folder;
  auto missing = options(folder, "");
  missing.access.tool = folder.path() / "none";
  EXPECT_EQ(assembled(missing).error().code, ErrorCode::kNotFound);

  const auto mark = folder.path() / "alive";
  auto late = options(folder, "(sleep 1.5; touch '" + mark.string() + "') & sleep 30\n");
  late.access.limit = std::chrono::milliseconds(300);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(assembled(late).error().code, ErrorCode::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  // Output closed is not yet the end.
  auto silent = options(folder, "exec >&- 2>&-; sleep 30\n");
  silent.access.limit = std::chrono::milliseconds(1500);
  EXPECT_EQ(assembled(silent).error().code, ErrorCode::kTimeout);
  EXPECT_FALSE(std::filesystem::exists(mark)) << "what the tool had started lived on";
}

}  // namespace
}  // namespace tributary::deliver
