#include "views/internal/problems.h"

#include <algorithm>
#include <array>

namespace tributary::views::internal {
namespace {

// Levenshtein, for short names only.
std::size_t distance(std::string_view a, std::string_view b) {
  constexpr std::size_t kMost = 32;
  if (a.size() > kMost || b.size() > kMost) return kMost;
  std::array<std::size_t, kMost + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      const bool same = (a[i - 1] | 0x20) == (b[j - 1] | 0x20);
      row[j] = std::min({row[j - 1] + 1, up + 1, diagonal + (same ? 0 : 1)});
      diagonal = up;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearestName(std::string_view wrong, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t best_distance = wrong.size() < 4 ? 2 : std::max<std::size_t>(2, wrong.size() / 3) + 1;
  for (const std::string_view name : names) {
    const std::size_t d = distance(wrong, name);
    if (d < best_distance) {
      best_distance = d;
      best = name;
    }
  }
  return best;
}

void Problems::add(Severity severity, std::string rule, std::string path, fhir::NodeIndex node,
                   std::string text, std::string remedy) {
  constexpr std::size_t kMost = 200;
  if (severity <= Severity::kError) failed_ = true;
  if (all_.size() >= kMost) return;
  Problem problem;
  problem.issue.severity = severity;
  problem.issue.rule = std::move(rule);
  problem.issue.path = std::move(path);
  problem.issue.text = std::move(text);
  problem.issue.remedy = std::move(remedy);
  if (node != fhir::kNoNode) {
    const fhir::Position position = document_.position(node);
    problem.issue.offset = position.offset;
    problem.issue.line = position.line;
    problem.issue.column = position.column;
  }
  problem.file = file_;
  all_.push_back(std::move(problem));
}

void Problems::addDiagnostic(Severity severity, const Text& where, const fhirpath::Diagnostic& diagnostic,
                             std::string remedy) {
  if (!remedy.empty()) {
  } else if (!diagnostic.suggestion.empty()) {
    remedy = "Did you mean '" + diagnostic.suggestion + "'?";
  } else if (!diagnostic.expected.empty()) {
    remedy = "Expected " + diagnostic.expected + ".";
  }
  const std::size_t before = all_.size();
  add(severity, "view-fhirpath", where.path, where.node, diagnostic.message, std::move(remedy));
  if (all_.size() == before) return;  // one too many
  Problem& problem = all_.back();
  // The column of the very character, where the JSON string has no escapes (and so no line breaks).
  if ((document_[where.node].flags & fhir::kEscaped) == 0) {
    problem.issue.column += static_cast<std::uint32_t>(diagnostic.offset);
    problem.issue.offset += diagnostic.offset;
  }
  if (diagnostic.source_line.empty()) return;
  const std::string drawn = diagnostic.render();  // its last line has the caret, behind two blanks
  problem.excerpt = diagnostic.source_line + '\n' + drawn.substr(drawn.rfind('\n') + 3);
}

}  // namespace tributary::views::internal

namespace tributary::views {

std::string Problem::render() const {
  std::string out = file.empty() ? std::string("view") : file;
  if (issue.line != 0) out += ':' + std::to_string(issue.line) + ':' + std::to_string(issue.column);
  out += issue.severity <= Severity::kError ? ": error: " : ": warning: ";
  out += issue.text;
  if (!issue.path.empty()) out += " (" + issue.path + ')';
  std::size_t begin = 0;
  while (begin < excerpt.size()) {
    const std::size_t end = std::min(excerpt.find('\n', begin), excerpt.size());
    out += "\n    " + excerpt.substr(begin, end - begin);
    begin = end + 1;
  }
  if (!issue.remedy.empty()) out += "\n  " + issue.remedy;
  return out;
}

}  // namespace tributary::views
