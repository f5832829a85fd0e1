#include "terminology/package.h"

#include <archive.h>
#include <archive_entry.h>

#include <functional>

#include "tests/terminology/support.h"

namespace tributary::terminology::test {
namespace {

struct Entry {
  std::string path, bytes;
  unsigned type = AE_IFREG;
  std::string link = {};
};

std::filesystem::path writeTarball(const std::filesystem::path& file, const std::vector<Entry>& entries) {
  archive* const writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_pax_restricted(writer);
  archive_write_open_filename(writer, file.c_str());
  for (const Entry& entry : entries) {
    archive_entry* const item = archive_entry_new();
    archive_entry_set_pathname(item, entry.path.c_str());
    archive_entry_set_filetype(item, entry.type);
    archive_entry_set_perm(item, 0644);
    archive_entry_set_size(item, static_cast<la_int64_t>(entry.bytes.size()));
    if (entry.type == AE_IFLNK)
      archive_entry_set_symlink(item, entry.link.c_str());
    else if (!entry.link.empty())
      archive_entry_set_hardlink(item, entry.link.c_str());
    archive_write_header(writer, item);
    archive_write_data(writer, entry.bytes.data(), entry.bytes.size());
    archive_entry_free(item);
  }
  archive_write_free(writer);
  return file;
}

const Entry kManifest{"package/package.json", R"({"name":"a.b","version":"1.2.3","type":"fhir.ig"})"};

class Packages : public ::testing::Test {
 protected:
  std::filesystem::path tarball(const std::vector<Entry>& entries) const {
    return writeTarball(folder_.path() / "p.tgz", entries);
  }
  std::filesystem::path installed() const { return folder_.path() / "packages"; }
  TemporaryFolder folder_;
};

TEST_F(Packages, ATarballIsReadInTheOrderOfItsNames) {
  const auto file = tarball({{"package/B.json", "2"},
                             kManifest,
                             {"package/A.json", "1"},
                             {"package/.index.json", "0"},
                             {"package/other/C.json", "3"},
                             {"package/readme.md", "4"},
                             {"elsewhere/D.json", "5"}});
  std::string seen;
  const auto manifest = readPackage(file, [&](std::string_view name, std::string_view bytes) -> Result<void> {
    seen.append(name).append("=").append(bytes).append(" ");
    return {};
  });
  ASSERT_TRUE(manifest) << manifest.error().text;
  EXPECT_EQ(manifest->name, "a.b");
  EXPECT_EQ(manifest->version, "1.2.3");
  EXPECT_EQ(seen, "A.json=1 B.json=2 ");
}

TEST_F(Packages, AddedListedAndCompiled) {
  const auto file = tarball(
      {kManifest,
       {"package/CodeSystem-x.json",
        R"({"resourceType":"CodeSystem","url":"http://x","content":"complete","concept":[{"code":"1"}]})"},
       {"package/other/readme.json", "{}"}});
  const auto added = addPackage(file, installed());
  ASSERT_TRUE(added) << added.error().text;
  EXPECT_EQ(added->path.filename(), "a.b#1.2.3");
  EXPECT_EQ(added->kinds.at("CodeSystem"), 1U);
  EXPECT_EQ(added->sha256.size(), 64U);
  ASSERT_TRUE(addPackage(file, installed()));  // again: replaces itself
  const auto all = listPackages(installed()).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].sha256, added->sha256);
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& item : std::filesystem::directory_iterator(installed())) ++entries;
  EXPECT_EQ(entries, 1U);  // nothing is left lying about
  const auto sources = compileOrder(all);
  const auto bytes = compileDefinitions(sources);
  ASSERT_TRUE(bytes) << bytes.error().text;
  const auto terminology = Terminology::load(Definitions::fromBytes(*bytes).value()).value();
  EXPECT_EQ(terminology->validateCode("http://x", "1"), Verdict::kYes);
}

TEST_F(Packages, TarballAndFolderGiveTheSameDefinitions) {
  std::vector<Entry> entries;
  for (const auto& item : std::filesystem::directory_iterator(dataFolder() / "package/package")) {
    std::ifstream stream(item.path(), std::ios::binary);
    entries.push_back({"package/" + item.path().filename().string(),
                       std::string(std::istreambuf_iterator<char>(stream), {})});
  }
  const std::vector<std::filesystem::path> from_tarball = {tarball(entries)};
  const std::vector<std::filesystem::path> from_folder = {dataFolder() / "package"};
  const auto a = compileDefinitions(from_tarball);
  const auto b = compileDefinitions(from_folder);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a, *b);
}

TEST_F(Packages, HostileTarballsAreRefusedAndLeaveNothing) {
  const std::vector<std::pair<std::string, std::vector<Entry>>> cases = {
      {"leaves the package", {kManifest, {"package/../../escape.json", "{}"}}},
      {"absolute", {kManifest, {"/tmp/escape.json", "{}"}}},
      {"symbolic link", {kManifest, {"package/l.json", "", AE_IFLNK, "/etc/passwd"}}},
      {"hard link", {kManifest, {"package/l.json", "", AE_IFREG, "package/package.json"}}},
      {"device", {kManifest, {"package/d.json", "", AE_IFCHR, ""}}},
      {"backslash", {kManifest, {"package\\..\\x.json", "{}"}}},
      {"no manifest", {{"package/A.json", "{}"}}},
      {"a name that leaves", {{"package/package.json", R"({"name":"../../x","version":"1"})"}}},
      {"no version", {{"package/package.json", R"({"name":"x"})"}}},
      {"broken manifest", {{"package/package.json", "{"}}},
  };
  for (const auto& [what, entries] : cases) {
    const auto added = addPackage(tarball(entries), installed());
    ASSERT_FALSE(added) << what;
    EXPECT_EQ(added.error().code, ErrorCode::kMalformed) << what << ": " << added.error().text;
    EXPECT_TRUE(listPackages(installed()).value().empty()) << what;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "escape.json"));
}

TEST_F(Packages, SizesAreBoundedWhateverTheHeadersSay) {
  const auto file = tarball({kManifest,
                             {"package/A.json", std::string(100'000, ' ')},
                             {"package/B.json", std::string(100'000, ' ')}});
  const auto read = [&](const PackageLimits& limits) {
    return readPackage(file, [](std::string_view, std::string_view) -> Result<void> { return {}; }, limits);
  };
  EXPECT_TRUE(read({}));
  EXPECT_EQ(read({.file_bytes = 99'999}).error().code, ErrorCode::kLimit);
  EXPECT_EQ(read({.total_bytes = 150'000}).error().code, ErrorCode::kLimit);
  EXPECT_EQ(read({.files = 2}).error().code, ErrorCode::kLimit);
}

TEST_F(Packages, NotAPackage) {
  const auto nothing = [](std::string_view, std::string_view) -> Result<void> { return {}; };
  EXPECT_EQ(readPackage(folder_.path() / "none.tgz", nothing).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(readPackage(folder_.write("text.tgz", "this is no archive"), nothing));
  EXPECT_EQ(addPackage(folder_.path(), installed()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(listPackages(folder_.path() / "none").value().empty());
}

TEST_F(Packages, UnreadableDefinitionsAreWarnedAbout) {
  folder_.write("plain/bad.json", "{\n \"resourceType\": nope }");
  folder_.write(
      "plain/fine.json",
      R"({"resourceType":"CodeSystem","url":"http://y","content":"complete","concept":[{"code":"1"}]})");
  folder_.write("plain/other.json", R"({"something":"else"})");
  const std::vector<std::filesystem::path> sources = {folder_.path() / "plain"};
  CompileReport report;
  ASSERT_TRUE(compileDefinitions(sources, &report));
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_NE(report.warnings[0].file.find("bad.json:2:"), std::string::npos) << report.warnings[0].file;
  EXPECT_EQ(report.code_systems, 1U);
}

}  // namespace
}  // namespace tributary::terminology::test
