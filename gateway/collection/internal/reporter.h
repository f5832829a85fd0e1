#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/issue.h"
#include "collection/internal/json.h"

namespace tributary::collection {

// Collects what is wrong with the files of a collection.
class Reporter {
 public:
  explicit Reporter(std::vector<Issue>& issues) : issues_(issues) {}

  void fault(const std::filesystem::path& file, const Json& at, std::string text, std::string remedy) {
    add(Severity::kError, file, at, std::move(text), std::move(remedy));
  }
  void warning(const std::filesystem::path& file, const Json& at, std::string text, std::string remedy) {
    add(Severity::kWarning, file, at, std::move(text), std::move(remedy));
  }
  void add(Issue issue) {
    faults_ += issue.severity <= Severity::kError ? 1 : 0;
    issues_.push_back(std::move(issue));
  }
  std::size_t faults() const { return faults_; }

 private:
  void add(Severity severity, const std::filesystem::path& file, const Json& at, std::string text,
           std::string remedy) {
    const fhir::Position position = at.position();
    Issue issue;
    issue.severity = severity;
    issue.rule = "collection-file";
    issue.path = file.string();
    issue.line = position.line;
    issue.column = position.column;
    issue.text = std::move(text);
    issue.remedy = std::move(remedy);
    add(std::move(issue));
  }

  std::vector<Issue>& issues_;
  std::size_t faults_ = 0;
};

}  // namespace tributary::collection
