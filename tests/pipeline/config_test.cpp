// Configuration files with what must be said about them: config/*.toml, each with its expected messages in comments:
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

std::vector<std::filesystem::path> cases() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "tests/pipeline/config")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class ConfigCase : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ConfigCase, SaysWhatIsWrongAndWhere) {
  ::setenv("TRIBUTARY_TEST_SECRET", "s3cret", 1);
  std::vector<std::string> expected;
  std::ifstream in(GetParam());
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# expect ")) expected.push_back(line.substr(9));
  }
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

INSTANTIATE_TEST_SUITE_P(Files, ConfigCase, ::testing::ValuesIn(cases()),
                         [](const auto& one) {
                           std::string name = one.param.stem().string();
                           std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
                           return name;
                         });

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

TEST(Config, EveryKeyIsDescribed) {
  const std::string text = describeConfig();
  for (const char* key : {"state", "listen", "admin", "interval", "overlap", "subscribe", "workflow", "shared_key", "linger", "mode"}) {
    EXPECT_NE(text.find("`" + std::string(key) + "`"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace tributary::pipeline
