#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/hash.h"
#include "deliver/file/folder_destination.h"
#include "tests/net/test_certs.h"

namespace tributary::deliver {
namespace {

namespace fs = std::filesystem;
using testing::TestFolder;

struct Fixture {
  Fixture() : destination(FolderDestination::open({.folder = folder.path() / "out"}).value()) {
    submission.id = "s1";
    submission.content_type = "application/zip";
    submission.file = folder.path() / "payload";
    write(submission.file, "payload");
    submission.bytes = 7;
    submission.sha256 = sha256Hex("payload");
  }
  static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  fs::path out(const char* name) const { return folder.path() / "out" / name; }

  TestFolder folder;
  FolderDestination destination;
  Submission submission;
};

TEST(Folder, WritesOnceAndKnowsItAgain) {
  Fixture f;
  EXPECT_EQ(f.destination.resolve(f.submission).verdict, SubmitVerdict::kRetryLater);
  const SubmitOutcome first = f.destination.submit(f.submission);
  EXPECT_EQ(first.verdict, SubmitVerdict::kTransportAccepted);
  EXPECT_EQ(first.transport_id, "s1.zip");
  EXPECT_EQ(readFile(f.out("s1.zip")).value(), "payload");
  const auto written = fs::last_write_time(f.out("s1.zip"));
  EXPECT_EQ(f.destination.submit(f.submission).verdict, SubmitVerdict::kTransportAccepted);
  EXPECT_EQ(fs::last_write_time(f.out("s1.zip")), written) << "not written again";
  EXPECT_EQ(f.destination.resolve(f.submission).verdict, SubmitVerdict::kTransportAccepted);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(f.folder.path() / "out"))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 1U) << "nothing half done lies about";
}

TEST(Folder, OtherContentsUnderTheSameIdAreAConflict) {
  Fixture f;
  Fixture::write(f.out("s1.zip"), "somebody else's");
  EXPECT_EQ(f.destination.submit(f.submission).verdict, SubmitVerdict::kRefused);
  EXPECT_EQ(readFile(f.out("s1.zip")).value(), "somebody else's");
}

TEST(Folder, APayloadThatChangedOrWentIsRefused) {
  Fixture f;
  Fixture::write(f.submission.file, "changed");
  EXPECT_EQ(f.destination.submit(f.submission).verdict, SubmitVerdict::kRefused);
  EXPECT_FALSE(fs::exists(f.out("s1.zip")));
  fs::remove(f.submission.file);
  EXPECT_EQ(f.destination.submit(f.submission).verdict, SubmitVerdict::kRefused);
  f.submission.id = "../../etc/passwd";
  EXPECT_EQ(f.destination.submit(f.submission).verdict, SubmitVerdict::kRefused);
}

TEST(Folder, ReceiptsAreTakenOnlyAfterTheyAreStored) {
  Fixture f;
  const fs::path receipts = f.folder.path() / "out" / "receipts";
  Fixture::write(receipts / "1.receipt.json",
                 R"({"type":"InfAck","submissionId":"s1","outcome":"accepted"})");
  Fixture::write(receipts / "2.receipt.json", "not json");
  Fixture::write(receipts / "3.receipt.json",
                 R"({"type":"InfAck","submissionId":"s2","outcome":"rejected"})");
  Fixture::write(receipts / ".4.receipt.json", "in the making");
  Fixture::write(receipts / "note.txt", "not for us");
  const auto refused =
      f.destination.poll([](const Receipt&) -> Result<void> { return fail(ErrorCode::kUnavailable, "no"); });
  EXPECT_FALSE(refused);
  EXPECT_TRUE(fs::exists(receipts / "1.receipt.json"));

  std::vector<Receipt> got;
  const auto report = f.destination.poll([&](const Receipt& receipt) -> Result<void> {
    got.push_back(receipt);
    return {};
  });
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->receipts, 2U);
  EXPECT_EQ(report->unreadable, 1U);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0].layer, Receipt::Layer::kFileAccepted);
  EXPECT_EQ(got[0].receipt_id, "1.receipt.json");
  EXPECT_EQ(got[1].layer, Receipt::Layer::kUnreadable);
  EXPECT_EQ(got[2].submission_id, "s2");
  EXPECT_TRUE(fs::exists(receipts / "done" / "1.receipt.json"));
  EXPECT_TRUE(fs::exists(receipts / "failed" / "2.receipt.json"));
  EXPECT_TRUE(fs::exists(receipts / ".4.receipt.json"));
  got.clear();
  EXPECT_EQ(f.destination
                .poll([&](const Receipt& r) -> Result<void> {
                  got.push_back(r);
                  return {};
                })
                ->receipts,
            0U);
  EXPECT_TRUE(got.empty());
}

TEST(Folder, ProbeAndConfiguration) {
  Fixture f;
  EXPECT_TRUE(f.destination.probe()->ready);
  fs::remove_all(f.folder.path() / "out");
  EXPECT_FALSE(f.destination.probe()->ready);
  EXPECT_FALSE(FolderDestination::open({}));
  EXPECT_FALSE(FolderDestination::open({.folder = "/proc/nowhere"}));
}

}  // namespace
}  // namespace tributary::deliver
