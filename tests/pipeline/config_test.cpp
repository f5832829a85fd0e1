// Configuration files with what must be said about them: config/*.toml of the file itself, config_check/*.toml of what it
// names, each with its expected messages in comments:
//   # expect LINE:COLUMN TEXT      one a message, in order; a file without any must load
#include "pipeline/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace tributary::pipeline {
namespace {

std::vector<std::filesystem::path> cases(const char* folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/pipeline" / folder)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> expectedOf(const std::filesystem::path& file) {
  std::vector<std::string> expected;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# expect ")) expected.push_back(line.substr(9));
  }
  return expected;
}

class ConfigCase : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ConfigCase, SaysWhatIsWrongAndWhere) {
  ::setenv("TRIBUTARY_TEST_SECRET", "s3cret", 1);
  const std::vector<std::string> expected = expectedOf(GetParam());
  const ConfigResult result = loadConfig(GetParam());
  std::vector<std::string> got;
  for (const Issue& issue : result.issues) {
    got.push_back(std::to_string(issue.line) + ":" + std::to_string(issue.column) + " " + issue.text);
    EXPECT_FALSE(issue.remedy.empty()) << issue.text;
    EXPECT_EQ(issue.text.find("s3cret"), std::string::npos);
  }
  EXPECT_EQ(got, expected);
  EXPECT_EQ(result.config.has_value(), expected.empty());
}

std::string caseName(const ::testing::TestParamInfo<std::filesystem::path>& one) {
  std::string name = one.param.stem().string();
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, ConfigCase, ::testing::ValuesIn(cases("config")), caseName);

class ConfigCheckCase : public ::testing::TestWithParam<std::filesystem::path> {};

// The folder of the file stands in no expected message: it is where the clone is.
TEST_P(ConfigCheckCase, SaysWhatIsWrongWithWhatTheFileNames) {
  ::setenv("TRIBUTARY_TEST_SECRET", "s3cret", 1);
  const std::filesystem::path source(TRIBUTARY_SOURCE_DIR);
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  const GatewayPaths paths{(cache != nullptr && *cache != '\0' ? std::filesystem::path(cache) : source / ".cache") / "definitions.bin",
                           source / "fhir-mappings"};
  if (!std::filesystem::exists(paths.definitions)) GTEST_SKIP() << "Skipped: no compiled definitions (deploy/install makes them)";
  const ConfigResult loaded = loadConfig(GetParam());
  ASSERT_TRUE(loaded.config) << loaded.issues.front().text;
  const std::string folder = GetParam().parent_path().string() + "/";
  std::vector<std::string> got;
  for (const Issue& issue : checkConfig(*loaded.config, paths)) {
    std::string text = issue.text;
    if (const std::size_t at = text.find(folder); at != std::string::npos) text.erase(at, folder.size());
    got.push_back(std::to_string(issue.line) + ":" + std::to_string(issue.column) + " " + text);
    EXPECT_FALSE(issue.remedy.empty()) << issue.text;
  }
  EXPECT_EQ(got, expectedOf(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Files, ConfigCheckCase, ::testing::ValuesIn(cases("config_check")), caseName);

TEST(Config, RelativePathsAreTakenFromTheFile) {
  ::setenv("TRIBUTARY_TEST_SECRET", "s3cret", 1);
  const auto file = std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/pipeline/config/good.toml";
  const ConfigResult result = loadConfig(file);
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->state, file.parent_path() / "var/state");
  ASSERT_EQ(result.config->sources.size(), 3U);
  EXPECT_EQ(result.config->sources[0].interval, Duration{90'000});
  EXPECT_EQ(result.config->sources[1].token, "s3cret");
  EXPECT_EQ(result.config->sources[2].folder, file.parent_path() / "drop");
  EXPECT_EQ(result.config->destinations[0].shared_key, "s3cret");
  EXPECT_EQ(result.config->settings.at("provider"), "RZZ");
}

TEST(Config, WhoOnlyLooksNeedsNoSecrets) {
  ::unsetenv("TRIBUTARY_TEST_SECRET");
  const auto file = std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/pipeline/config/good.toml";
  EXPECT_FALSE(loadConfig(file).config);
  const ConfigResult looking = loadConfig(file, false);
  ASSERT_TRUE(looking.config) << looking.issues.front().text;
  EXPECT_EQ(looking.config->destinations[0].shared_key, "");
}

TEST(Config, AnEmptySecretIsNoSecret) {
  std::string folder = (std::filesystem::temp_directory_path() / "config-test-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/token") << "\n";
  std::ofstream(folder + "/gateway.toml") << "[collection]\nid = \"csds/1.6\"\n[[source]]\nname = \"p\"\nkind = \"push\"\ntoken = { file = \"token\" }\n"
                                             "[[destination]]\nname = \"out\"\nkind = \"folder\"\nfolder = \"out\"\n";
  const ConfigResult result = loadConfig(folder + "/gateway.toml");
  std::filesystem::remove_all(folder);
  ASSERT_FALSE(result.config);
  EXPECT_EQ(result.issues.front().text, "the file of this secret is empty");
}

TEST(Config, EveryKeyIsDescribed) {
  const std::string text = describeConfig();
  for (const char* key : {"state", "listen", "admin", "interval", "overlap", "subscribe", "workflow", "shared_key", "linger", "mode"}) {
    EXPECT_NE(text.find("`" + std::string(key) + "`"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace tributary::pipeline
