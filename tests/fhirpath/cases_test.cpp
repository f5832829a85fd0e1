// The case files of tests/fhirpath/cases: each line "expression  =>  result" is run as planned and as a plain
// walk.
//   # a comment
//   document {…}            JSON of the focus for what follows, on one line
//   options strict national
//   name.given  =>  string:A string:B        what it gives, as type:text
//   1 + 'a'  =>  error: … does not work on   how its message ends, or a part of it
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/fhirpath/support.h"

namespace tributary::fhirpath {
namespace {

std::string trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

class Cases : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Cases, GiveWhatTheySay) {
  if (testing::definitions() == nullptr) GTEST_SKIP();
  std::ifstream file(GetParam());
  auto focus = testing::document(R"({"resourceType":"Patient","id":"p"})");
  testing::Options options;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    SCOPED_TRACE(GetParam().filename().string() + ":" + std::to_string(number));
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("document ")) {
      focus = testing::document(line.substr(9));
      continue;
    }
    if (line.starts_with("options")) {
      options.strict = line.find("strict") != std::string::npos;
      options.national = line.find("national") != std::string::npos;
      continue;
    }
    const auto arrow = line.rfind("=>");
    ASSERT_NE(arrow, std::string::npos) << line;
    const std::string expression = trimmed(std::string_view(line).substr(0, arrow));
    const std::string expected = trimmed(std::string_view(line).substr(arrow + 2));
    for (const bool optimise : {true, false}) {
      options.optimise = optimise;
      const std::string got = testing::evaluated(expression, *focus, options);
      if (expected.starts_with("error: ")) {
        EXPECT_TRUE(got.starts_with("error: ") && got.find(trimmed(expected.substr(7))) != std::string::npos)
            << expression << "\n  expected " << expected << "\n  got      " << got;
      } else {
        EXPECT_EQ(got, expected) << expression << (optimise ? "" : " (plain walk)");
      }
    }
  }
}

std::vector<std::filesystem::path> caseFiles() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::sourceFolder() / "tests/fhirpath/cases")) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Files, Cases, ::testing::ValuesIn(caseFiles()), [](const auto& file) {
  std::string name = file.param.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace tributary::fhirpath
