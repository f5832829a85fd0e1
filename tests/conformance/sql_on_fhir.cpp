// The public SQL-on-FHIR v2 suite: conformance_sql_on_fhir FOLDER [REPORT.json]
// Prints what fails, writes the registry's test report, and ends with "sql-on-fhir: P of T".
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "tests/views/case_file.h"

namespace {

namespace fs = std::filesystem;
using tributary::views::testing::CaseFile;
using tributary::views::testing::jsonString;

struct Score {
  int passed = 0, total = 0;
  std::string report = "{";
};

void runFile(const CaseFile& file, const std::string& name, Score& score) {
  score.report += (score.total == 0 ? "" : ",") + ("\n  " + jsonString(name)) + ": {\"tests\": [";
  bool first = true;
  for (const auto test : file.cases()) {
    const std::string title = file.title(test);
    const std::string problem = file.run(test);
    ++score.total;
    if (problem.empty())
      ++score.passed;
    else
      std::printf("FAIL %s: %s\n    %s\n", name.c_str(), title.c_str(), problem.c_str());
    score.report += first ? "\n    " : ",\n    ";
    first = false;
    score.report += "{\"name\": " + jsonString(title) + ", \"result\": {\"passed\": ";
    score.report += problem.empty() ? "true}}" : "false, \"reason\": " + jsonString(problem) + "}}";
  }
  score.report += "]}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "conformance_sql_on_fhir FOLDER [REPORT.json]\n");
    return 2;
  }
  const auto definitions = tributary::views::testing::installedDefinitions();
  if (!definitions) {
    std::fprintf(stderr, "The compiled definitions are missing; run deploy/install first.\n");
    return 3;
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json") && name != "tests.schema.json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  Score score;
  for (const fs::path& path : files) {
    CaseFile file(definitions.get());
    if (!file.load(path)) {
      std::fprintf(stderr, "%s cannot be read\n", path.c_str());
      return 3;
    }
    runFile(file, path.filename().string(), score);
  }
  score.report += "\n}\n";
  const fs::path report_path =
      argc > 2 ? fs::path(argv[2]) : fs::absolute(argv[0]).parent_path() / "sql-on-fhir-test-report.json";
  if (auto written = tributary::writeFileDurably(report_path, score.report); !written) {
    std::fprintf(stderr, "%s\n", written.error().text.c_str());
    return 3;
  }
  std::printf("report: %s\nsql-on-fhir: %d of %d\n", report_path.c_str(), score.passed, score.total);
  return score.passed == score.total ? 0 : 1;
}
