// Data files first: every case under cases/, and the public suite where it lies beside the repository. Each
// is also run without sharing, without planning and with lineage: none of them may change a row.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/views/case_file.h"

namespace tributary::views::testing {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> jsonFiles(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json") && name != "tests.schema.json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

fs::path suiteFolder() {
  const char* shared = std::getenv("TRIBUTARY_SHARED");
  return fs::path(shared != nullptr ? shared : TRIBUTARY_SOURCE_DIR "/../shared") / "conformance" /
         "sql-on-fhir";
}

class Cases : public ::testing::Test {
 protected:
  void SetUp() override {
    definitions_ = installedDefinitions();
    if (!definitions_)
      GTEST_SKIP() << "Skipped: the compiled definitions are not here (deploy/install makes them)";
  }
  std::shared_ptr<const terminology::Definitions> definitions_;
};

TEST_F(Cases, Ours) {
  std::size_t count = 0;
  for (const fs::path& path : jsonFiles(TRIBUTARY_SOURCE_DIR "/tests/views/cases")) {
    CaseFile file(definitions_.get());
    ASSERT_TRUE(file.load(path)) << path;
    for (const auto test : file.cases()) {
      EXPECT_EQ(file.run(test), "") << path.filename() << ": " << file.title(test);
      ++count;
    }
  }
  EXPECT_GE(count, 28U);
}

TEST_F(Cases, PublicSuite) {
  const auto files = jsonFiles(suiteFolder());
  if (files.empty()) GTEST_SKIP() << "Skipped: conformance/sql-on-fhir is not beside the repository";
  for (const fs::path& path : files) {
    CaseFile file(definitions_.get());
    ASSERT_TRUE(file.load(path)) << path;
    for (const auto test : file.cases())
      EXPECT_EQ(file.run(test), "") << path.filename() << ": " << file.title(test);
  }
}

TEST_F(Cases, SharingPlanningAndLineageChangeNothing) {
  auto files = jsonFiles(TRIBUTARY_SOURCE_DIR "/tests/views/cases");
  std::ranges::copy(jsonFiles(suiteFolder()), std::back_inserter(files));
  for (const fs::path& path : files) {
    CaseFile file(definitions_.get()), plain(definitions_.get()), traced(definitions_.get());
    ASSERT_TRUE(file.load(path) && plain.load(path) && traced.load(path));
    plain.share_prefixes = false;
    plain.optimise = false;
    traced.lineage = true;
    for (const auto test : file.cases()) {
      const std::string rows = file.rows(test);
      EXPECT_EQ(rows, plain.rows(test)) << path.filename() << ": " << file.title(test);
      EXPECT_EQ(rows, traced.rows(test)) << path.filename() << ": " << file.title(test);
    }
  }
}

}  // namespace
}  // namespace tributary::views::testing
