#include "cli/limit_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>

namespace tributary::cli {
namespace {

constexpr const char* kGroup = "Limits";
constexpr std::uint32_t kMostNesting = 4096, kMostDepth = 16384;  // all of it recursion: the stack must hold it
constexpr std::size_t kMostDocument = std::size_t{2} << 30;
constexpr std::size_t kMostResults = std::size_t{1} << 30;

// An option of bytes with K, M or G behind the number.
void addSize(CLI::App& command, const std::string& name, const std::string& text, std::size_t least,
             std::size_t most, const std::function<void(std::size_t)>& take) {
  command
      .add_option_function<std::string>(
          name,
          [=](const std::string& given) {
            std::size_t bytes = 0;
            if (!parseSize(given, bytes) || bytes < least || bytes > most) {
              throw CLI::ValidationError(
                  name, "'" + given + "' is no size between " + sizeText(least) + " and " + sizeText(most) +
                            "; write bytes, or a number with K, M or G behind it");
            }
            take(bytes);
          },
          text)
      ->type_name("SIZE")
      ->group(kGroup);
}

template <class T>
void addCount(CLI::App& command, const std::string& name, T& value, T most, const std::string& text) {
  command.add_option(name, value, text + " (default " + std::to_string(value) + ')')
      ->check(CLI::Range(T{1}, most).description(""))
      ->type_name("N")
      ->group(kGroup);
}

}  // namespace

bool parseSize(std::string_view text, std::size_t& bytes) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.size() > 1 && (unit.back() == 'B' || unit.back() == 'b')) unit.remove_suffix(1);  // "16MB"
  unsigned shift = 0;
  if (unit == "K" || unit == "k")
    shift = 10;
  else if (unit == "M" || unit == "m")
    shift = 20;
  else if (unit == "G" || unit == "g")
    shift = 30;
  else if (!unit.empty())
    return false;
  if (number > std::numeric_limits<std::size_t>::max() >> shift) return false;
  bytes = static_cast<std::size_t>(number) << shift;
  return true;
}

std::string sizeText(std::size_t bytes) {
  constexpr const char* kUnits[] = {"", "K", "M", "G"};
  std::size_t unit = 0;
  while (unit < 3 && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + kUnits[unit];
}

void LimitOptions::addTo(CLI::App& command, bool view) {
  const std::string each = view ? "of each expression on each resource" : "of an evaluation";
  addCount(command, "--max-steps", evaluation.steps, std::numeric_limits<std::uint64_t>::max(),
           "Steps " + each + ", about one an item visited: bounds its time");
  addCount(command, "--max-depth", evaluation.depth, kMostDepth, "Nesting " + each);
  addCount(command, "--max-results", evaluation.results, kMostResults,
           view ? "Items of one collection, and rows of one resource" : "Items of one collection");
  addSize(command, "--max-memory",
          "Memory " + each + ", bytes or with K, M, G (default " + sizeText(evaluation.memory) + ')', 4096,
          std::size_t{1} << 40, [this](std::size_t bytes) { evaluation.memory = bytes; });
  addSize(command, "--max-regex-memory",
          "Memory of one compiled regular expression (default " + sizeText(evaluation.regex_memory) + ')',
          1024, std::size_t{1} << 30, [this](std::size_t bytes) { evaluation.regex_memory = bytes; });
  if (view)
    addCount(command, "--max-repeat", repeat_depth, kMostNesting, "Levels that a repeat of the view follows");
  addSize(command, "--max-document",
          "Size of one resource (default " + sizeText(line.bytes) + " as a line of NDJSON, else " +
              sizeText(file.bytes) + ')',
          16, kMostDocument, [this](std::size_t bytes) {
            for (fhir::ReadLimits* limits : {&line, &file}) {
              limits->bytes = bytes;
              // A value takes two bytes and more, so that the size alone decides.
              limits->nodes = static_cast<std::uint32_t>(std::max<std::size_t>(limits->nodes, bytes / 2));
            }
          });
  command
      .add_option_function<std::uint32_t>(
          "--max-nesting", [this](std::uint32_t depth) { line.depth = file.depth = depth; },
          "Nesting of objects and arrays in a resource (default " + std::to_string(line.depth) + ')')
      ->check(CLI::Range(std::uint32_t{1}, kMostNesting).description(""))
      ->type_name("N")
      ->group(kGroup);
}

std::string LimitOptions::adviceFor(std::string_view text) const {
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  const auto raise = [](std::string_view option, const std::string& now) {
    return "Option " + std::string(option) + " (now " + now + ") raises the limit.";
  };
  const std::string memory = sizeText(evaluation.memory), results = std::to_string(evaluation.results);
  if (has("too many steps")) return raise("--max-steps", std::to_string(evaluation.steps));
  if (has("evaluation is nested too deeply")) return raise("--max-depth", std::to_string(evaluation.depth));
  if (has("regular expression is too large"))
    return raise("--max-regex-memory", sizeText(evaluation.regex_memory));
  if (has("text is too long") || has("evaluation takes too much memory")) return raise("--max-memory", memory);
  if (has("result is too large") || has("result takes too much memory"))
    return "Options --max-results (now " + results + ") and --max-memory (now " + memory + ") raise the limits.";
  if (has("more than " + results + " rows") || has("finds too many elements"))
    return raise("--max-results", results);
  if (has("repeat goes deeper")) return raise("--max-repeat", std::to_string(repeat_depth));
  if (has("nested deeper than")) return raise("--max-nesting", std::to_string(line.depth));
  if (has("are accepted") || has("line is longer than") || has("file is larger than") ||
      (has("document has more than") && (has("values") || has("elements")))) {
    return raise("--max-document", line.bytes == file.bytes
                                       ? sizeText(line.bytes)
                                       : sizeText(line.bytes) + " as a line of NDJSON, else " +
                                             sizeText(file.bytes));
  }
  return {};
}

Issue LimitOptions::advised(Issue issue) const {
  const std::string advice = adviceFor(issue.text);
  if (advice.empty()) return issue;
  if (!issue.remedy.empty()) issue.remedy += ' ';
  issue.remedy += advice;
  return issue;
}

}  // namespace tributary::cli
