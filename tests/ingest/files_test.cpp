// The watched folder with the files that real folders hold.
#include "ingest/files/file_source.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>

#include "ingest/files/line_reader.h"
#include "support.h"

namespace tributary::ingest::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class FilesTest : public IngestTest {
 protected:
  void SetUp() override {
    IngestTest::SetUp();
    if (IsSkipped()) return;
    fs::create_directories(in());
  }
  fs::path in() const { return folder_.path() / "drop" / "in"; }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(in() / ("." + name), std::ios::binary) << text;
    fs::rename(in() / ("." + name), in() / name);
  }
  FileOptions options() {
    FileOptions options;
    options.name = "drop";
    options.folder = folder_.path() / "drop";
    options.interval = Duration{10};
    options.settle = Duration{0};
    options.batch_entries = 3;
    return options;
  }
  void takeAll() {
    FileSource source(context_, options(), clock_, noLog());
    runUntil(source, [&] { return source.status().caught_up && fs::is_empty(in()) && fs::is_empty(options().folder / "work"); });
  }
  std::string reasonOf(const std::string& name) {
    std::ifstream file(options().folder / "failed" / (name + ".reason.txt"));
    std::string line;
    std::getline(file, line);
    return line;
  }
  static std::string patients(int from, int to, const std::string& end = "\n") {
    std::string out;
    for (int i = from; i < to; ++i) out += R"({"resourceType":"Patient","id":"p)" + std::to_string(i) + "\"}" + end;
    return out;
  }
};

TEST_F(FilesTest, TolerantNdjson) {
  write("a.ndjson", "\xEF\xBB\xBF" + patients(0, 4, "\r\n") + "\n   \n{broken\n" + patients(4, 8) + R"({"resourceType":"Patient","id":"last"})");
  takeAll();
  EXPECT_EQ(counts("drop").current, 9U);
  EXPECT_EQ(counts("drop").rejected, 1U);
  auto rejects = store_->rejects(0, 10, false);
  ASSERT_TRUE(rejects);
  EXPECT_EQ((*rejects)[0].line, 7U);
  EXPECT_EQ((*rejects)[0].where, "a.ndjson");
  EXPECT_TRUE(fs::exists(options().folder / "done" / "a.ndjson"));
}

TEST_F(FilesTest, GzipAndBundles) {
  const std::string text = patients(0, 100);
  const fs::path part = in() / ".b.ndjson.gz";
  gzFile file = gzopen(part.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  fs::rename(part, in() / "b.ndjson.gz");
  write("c.json", "{\n  \"resourceType\": \"Bundle\",\n  \"type\": \"collection\",\n  \"entry\": [ { \"resource\": { \"resourceType\": \"Patient\", \"id\": \"c\" } } ]\n}\n");
  takeAll();
  EXPECT_EQ(counts("drop").current, 101U);
}

TEST_F(FilesTest, ACutGzipKeepsWhatCameBeforeTheFaultAndSaysWhy) {
  const std::string text = patients(0, 20000);
  const fs::path part = in() / ".cut.ndjson.gz";
  gzFile file = gzopen(part.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  fs::resize_file(part, fs::file_size(part) / 2);
  fs::rename(part, in() / "cut.ndjson.gz");
  FileSource source(context_, options(), clock_, noLog());
  runUntil(source, [&] { return fs::exists(options().folder / "failed" / "cut.ndjson.gz.reason.txt"); });
  EXPECT_GT(counts("drop").current, 1000U);
  std::ifstream reason(options().folder / "failed" / "cut.ndjson.gz.reason.txt");
  std::string line;
  std::getline(reason, line);
  EXPECT_NE(line.find("cut off"), std::string::npos) << line;
}

TEST_F(FilesTest, ClaimedFilesOfACrashGoOnBehindTheLastJournalledLine) {
  fs::create_directories(options().folder / "work");
  std::ofstream(options().folder / "work" / "half.ndjson") << patients(0, 10);
  ASSERT_TRUE(store_->setCursor("drop", "file/half.ndjson", "6"));
  takeAll();
  EXPECT_EQ(counts("drop").received, 4U) << "the first six lines had been journalled before the crash";
}

TEST_F(FilesTest, TheSameNameAgainIsAnotherFile) {
  write("day.ndjson", patients(0, 5));
  takeAll();
  write("day.ndjson", patients(5, 10));
  takeAll();
  EXPECT_EQ(counts("drop").current, 10U);
  EXPECT_TRUE(fs::exists(options().folder / "done" / "day.ndjson.1"));
}

TEST_F(FilesTest, TheSameFileTwiceIsNothingNewUnlessADeleteCameBetween) {
  const std::string put = R"({"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2026-03-01T00:00:00Z"}})";
  const std::string gone = R"({"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/a"}}]})";
  const auto journalled = [&](const std::string& text) {
    write("day.json", text);
    takeAll();
    return counts("drop").journalled;
  };
  EXPECT_EQ(journalled(put), 1U);
  EXPECT_EQ(journalled(put), 1U);
  EXPECT_EQ(journalled(gone), 2U);
  EXPECT_EQ(journalled(gone), 2U);
  EXPECT_EQ(journalled(put), 3U);
  EXPECT_EQ(counts("drop").deleted, 0U);
}

TEST_F(FilesTest, TheSameNameWhileTheFirstIsStillClaimedIsLinesAsWell) {
  fs::create_directories(options().folder / "work");
  std::ofstream(options().folder / "work" / "day.ndjson") << patients(0, 5);  // of a crash
  write("day.ndjson", patients(5, 10));
  takeAll();
  EXPECT_EQ(counts("drop").current, 10U);
  EXPECT_EQ(counts("drop").rejected, 0U);
}

TEST_F(FilesTest, TheFileAfterACutOneOfTheSameNameIsReadFromItsFirstLine) {
  const std::string text = patients(0, 20000);
  const fs::path part = in() / ".day.ndjson.gz";
  gzFile file = gzopen(part.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  fs::resize_file(part, fs::file_size(part) / 2);
  fs::rename(part, in() / "day.ndjson.gz");
  {
    FileSource source(context_, options(), clock_, noLog());
    runUntil(source, [&] { return fs::exists(options().folder / "failed" / "day.ndjson.gz.reason.txt"); });
  }
  const std::uint64_t before = counts("drop").current;
  write("day.ndjson.gz", patients(30000, 30005));  // plain text is taken as it is, whatever the name says
  takeAll();
  EXPECT_EQ(counts("drop").current, before + 5);
}

TEST_F(FilesTest, AFolderThatAPersonRemovedIsMadeAgain) {
  std::atomic<int> faults{0};
  FileSource source(context_, options(), clock_, [&](std::string_view, std::string_view event, std::string_view) { faults += event == "file-failed"; });
  runUntil(source, [&] { return source.status().caught_up && fs::exists(options().folder / "done"); });
  fs::remove(options().folder / "done");
  write("a.ndjson", patients(0, 3));
  runUntil(source, [&] { return fs::exists(options().folder / "done" / "a.ndjson"); });
  EXPECT_EQ(faults.load(), 0);
}

TEST_F(FilesTest, WhatCannotBePutAwayIsTold) {
  fs::create_directories(options().folder);
  std::ofstream(options().folder / "done") << "a file in the place of the folder";
  write("a.ndjson", patients(0, 3));
  FileSource source(context_, options(), clock_, noLog());
  runUntil(source, [&] { return source.status().last_error.find("cannot be put away") != std::string::npos; });
  EXPECT_EQ(counts("drop").current, 3U);
}

TEST_F(FilesTest, AFileThatIsNoJsonIsRefusedAndPutIntoFailed) {
  write("broken.json", "{\"resourceType\":\"Patient\",\n oops}");
  takeAll();
  EXPECT_EQ(counts("drop").rejected, 1U);
  std::ifstream reason(options().folder / "failed" / "broken.json.reason.txt");
  std::string line;
  std::getline(reason, line);
  EXPECT_TRUE(line.starts_with("line 2, column 2: ")) << line;
}

TEST_F(FilesTest, XmlIsTakenAsItsJsonAndItsFaultsAreThoseOfXml) {
  const std::string good = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"x\"/></Patient>\n";
  write("good.xml", good);
  write("also-good.ndjson", good);  // by what is in it, not by its name
  write("broken.xml", "<Patient xmlns=\"http://hl7.org/fhir\">\n  <id value=\"y\"/>\n  <active value=\"true\">\n</Patient>\n");
  write("empty.xml", "");
  write("no-id.xml", "<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"not an id\"/></Patient>");
  takeAll();
  EXPECT_EQ(counts("drop").current, 1U);
  std::map<std::string, std::pair<std::string, std::uint64_t>> refused;
  const auto rejects = store_->rejects(0, 10, false);
  ASSERT_TRUE(rejects);
  for (const auto& one : *rejects) refused[one.where] = {one.rule, one.line};
  EXPECT_EQ(refused.at("broken.xml"), std::pair("xml-syntax"s, std::uint64_t{4}));
  EXPECT_EQ(refused.at("empty.xml").first, "xml-syntax");
  EXPECT_EQ(refused.at("no-id.xml"), std::pair("invalid-id"s, std::uint64_t{0})) << "no line of a JSON that nobody has";
  const std::string reason = reasonOf("broken.xml");
  EXPECT_TRUE(reason.starts_with("line 4, column ")) << reason;
  EXPECT_EQ(reason.find("JSON"), std::string::npos) << reason;
}

TEST_F(FilesTest, ForeignFilesAreRefusedByWhatTheyAre) {
  const std::pair<const char*, std::pair<std::string, const char*>> cases[] = {
      {"export.zip", {"PK\x03\x04 and more", "ZIP"}},      {"letter.pdf", {"%PDF-1.7\n", "PDF"}},
      {"patients.ndjson", {"PK\x03\x04\n\n{}\n", "ZIP"}},   {"patients.csv", {"NHS Number,Name\n9990000018,Ann\n", "neither JSON nor XML"}},
      {"adt.json", {"MSH|^~\\&|A|B\r", "HL7 version 2"}},    {"utf16.json", {std::string("\xFF\xFE{\0}\0", 6), "UTF-8"}},
  };
  for (const auto& [name, file] : cases) write(name, file.first);
  write("empty.json", "");
  takeAll();
  EXPECT_EQ(counts("drop").rejected, std::size(cases) + 1);
  for (const auto& [name, file] : cases) {
    const std::string reason = reasonOf(name);
    EXPECT_NE(reason.find(file.second), std::string::npos) << name << ": " << reason;
    EXPECT_EQ(reason.find("9990000018"), std::string::npos);
    EXPECT_EQ(reason.find("line 0"), std::string::npos) << reason;
  }
  EXPECT_NE(reasonOf("empty.json").find("The text is empty"), std::string::npos);
}

TEST_F(FilesTest, AFileBesideInIsToldOfOnceAndLeft) {
  std::ofstream(options().folder / "patients.json") << R"({"resourceType":"Patient","id":"a"})";
  write("b.json", R"({"resourceType":"Patient","id":"b"})");
  std::vector<std::string> told;
  std::atomic<int> looks = 0;
  FileSource source(context_, options(), clock_, [&](std::string_view, std::string_view event, std::string_view text) {
    if (event == "beside-in") told.emplace_back(text);
  });
  runUntil(source, [&] { return source.status().caught_up && source.status().doing.find("1 file lies beside in/") != std::string::npos && ++looks > 1000; });
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("patients.json lies beside in/"), std::string::npos);
  EXPECT_EQ(counts("drop").current, 1U);
  EXPECT_TRUE(fs::exists(options().folder / "patients.json"));
}

TEST_F(FilesTest, ATimeInTheFutureHoldsNoFileUp) {
  FileOptions settling = options();
  settling.settle = Duration{300};
  write("a.json", R"({"resourceType":"Patient","id":"a"})");
  fs::last_write_time(in() / "a.json", fs::file_time_type::clock::now() + std::chrono::hours(24));
  FileSource source(context_, settling, clock_, noLog());
  runUntil(source, [&] { return fs::exists(options().folder / "done" / "a.json"); });
}

TEST_F(FilesTest, ALineOverTheLimitCostsThatLineOnly) {
  context_.options.max_resource_bytes = 1 << 20;
  std::string huge = R"({"resourceType":"Patient","id":"huge","text":{"div":")";
  huge.append(6 << 20, 'x');
  write("huge.ndjson", patients(0, 2) + huge + "\"}}\n" + patients(2, 4));
  takeAll();
  EXPECT_EQ(counts("drop").current, 4U);
  auto rejects = store_->rejects(0, 10, false);
  ASSERT_TRUE(rejects);
  ASSERT_EQ(rejects->size(), 1U);
  EXPECT_EQ((*rejects)[0].rule, "line-too-long");
  EXPECT_EQ((*rejects)[0].line, 3U);
}

TEST_F(FilesTest, WhatIsNoFileIsToldOfOnceAndLeft) {
  fs::create_directories(in() / "a-folder");
  fs::create_symlink("/etc/hostname", in() / "a-link");
  ASSERT_EQ(::mkfifo((in() / "a-pipe").c_str(), 0600), 0);
  write("a.ndjson", patients(0, 3));
  std::vector<std::string> told;
  std::atomic<int> looks = 0;
  FileSource source(context_, options(), clock_, [&](std::string_view, std::string_view event, std::string_view text) {
    if (event == "not-a-file") told.emplace_back(text);
  });
  runUntil(source, [&] { return source.status().caught_up && source.status().doing.find("3 entries of in/") != std::string::npos && ++looks > 1000; });
  std::sort(told.begin(), told.end());
  ASSERT_EQ(told.size(), 3U) << "once each, however often it is looked";
  EXPECT_NE(told[0].find("a-folder in in/ is a folder"), std::string::npos) << told[0];
  EXPECT_NE(told[1].find("a-link in in/ is a symbolic link"), std::string::npos) << told[1];
  EXPECT_NE(told[2].find("a-pipe in in/ is a pipe"), std::string::npos) << told[2];
  EXPECT_TRUE(fs::exists(in() / "a-folder"));
  EXPECT_EQ(counts("drop").current, 3U);
}

TEST_F(FilesTest, AnExpandingBombIsStopped) {
  const fs::path path = folder_.path() / "bomb.ndjson.gz";
  gzFile file = gzopen(path.c_str(), "wb9");
  const std::string zeros(1 << 20, '0');
  for (int i = 0; i < 64; ++i) gzwrite(file, zeros.data(), static_cast<unsigned>(zeros.size()));
  gzclose(file);
  auto reader = LineReader::open(path, 1 << 20, 8 << 20);
  ASSERT_TRUE(reader);
  LineReader::Line line;
  auto next = reader->next(line);
  while (next && *next) next = reader->next(line);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace tributary::ingest::test
