#include "cli/view_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/limit_options.h"
#include "cli/progress_line.h"
#include "cli/resource_input.h"
#include "fhir/bundle.h"
#include "fhir/names.h"
#include "terminology/terminology.h"
#include "views/row_writer.h"
#include "views/runner.h"
#include "views/view.h"

namespace tributary::cli {
namespace {

struct ViewOptions {
  std::string view;
  std::vector<std::string> files, terminology, variables;
  std::string output = "csv";
  bool strict = false, national = false, plan = false, quiet = false;
  LimitOptions limits;

  views::RunOptions run() const {
    views::RunOptions out;
    out.rows = limits.evaluation.results;
    out.repeat_depth = limits.repeat_depth;
    return out;
  }
};

views::RowFormat formatOf(std::string_view name) {
  if (name == "table") return views::RowFormat::kTable;
  return name == "ndjson" ? views::RowFormat::kNdjson : views::RowFormat::kCsv;
}

// Rows collect here and leave for stdout in larger pieces.
class Output {
 public:
  std::string text;

  void flush(bool all, ProgressLine& progress) {
    constexpr std::size_t kEnough = std::size_t{1} << 16;
    if (text.size() < kEnough && !all) return;
    if (terminal_ && !text.empty()) progress.clear();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        (all && std::fflush(stdout) != 0)) {
      failWith(fail(ErrorCode::kUnavailable, "standard output takes no more").error());
    }
    text.clear();
  }

 private:
  bool terminal_ = stdoutIsTerminal();
};

class ViewRun {
 public:
  ViewRun(const views::View& view, const fhirpath::Environment& environment, const ViewOptions& options,
          std::span<const fhirpath::NamedValue> variables)
      : view_(view), options_(options), runner_(environment, options.run()) {
    runner_.setVariables(variables);
    writer_ = views::RowWriter::make(formatOf(options.output), view, out_.text);
  }

  void run(ResourceInput& input) {
    writer_->begin();
    auto result = input.run(
        [&](const InputResource& resource) {
          take(input, resource);
          return true;
        },
        [&](std::string_view file, const Issue& issue) { problem(file, issue); });
    progress_.clear();
    writer_->end();
    out_.flush(true, progress_);
    if (!result) {
      Error error = std::move(result).error();
      if (const std::string advice = options_.limits.adviceFor(error.text); !advice.empty())
        error.text += "\n  " + advice;
      failWith(error);
    }
  }

  int finish() const {
    if (!options_.quiet) {
      std::fprintf(stderr, "%zu rows of %llu resources", writer_->rows(),
                   static_cast<unsigned long long>(resources_));
      if (other_types_ > 0) {
        std::fprintf(stderr, ", %llu of other types", static_cast<unsigned long long>(other_types_));
      }
      if (filtered_ > 0) std::fprintf(stderr, ", %llu filtered", static_cast<unsigned long long>(filtered_));
      if (problems_ > 0)
        std::fprintf(stderr, ", %llu with problems", static_cast<unsigned long long>(problems_));
      std::fprintf(stderr, "\n");
    }
    return problems_ > 0 ? kExitData : 0;
  }

 private:
  void take(const ResourceInput& input, const InputResource& resource) {
    const fhirpath::Value root = runner_.evaluator().root(*resource.document);
    // A Bundle stands for the resources in it, unless the view is about Bundles.
    const fhir::Bundle bundle(*resource.document);
    if (bundle.valid() && view_.resource() != "Bundle") {
      for (const fhir::BundleEntry& entry : bundle) {
        if (entry.resource != fhir::kNoNode) {
          one(input, resource, fhirpath::Value::node(*resource.document, entry.resource, terminology::kNoType));
        }
      }
      return;
    }
    one(input, resource, root);
  }

  void one(const ResourceInput& input, const InputResource& from, const fhirpath::Value& value) {
    ++resources_;
    writer_->mark();
    auto outcome = runner_.run(view_, value, *writer_);
    if (!outcome) {
      writer_->rollback();
      Issue issue = std::move(outcome).error();
      issue.line = static_cast<std::uint32_t>(from.line);
      issue.column = 1;
      problem(from.file, issue);
    } else {
      other_types_ += outcome->other_type ? 1 : 0;
      filtered_ += outcome->filtered_by != views::Outcome::kNone ? 1 : 0;
    }
    out_.flush(false, progress_);
    progress_.tick(input, resources_, problems_);
  }

  void problem(std::string_view file, const Issue& issue) {
    if (++problems_ > kProblemsShown) return;
    progress_.clear();
    printIssue(file, options_.limits.advised(issue));
    if (problems_ == kProblemsShown) std::fprintf(stderr, "(further problems are only counted)\n");
  }

  const views::View& view_;
  const ViewOptions& options_;
  views::Runner runner_;
  Output out_;
  std::unique_ptr<views::RowWriter> writer_;
  ProgressLine progress_;
  std::uint64_t resources_ = 0, other_types_ = 0, filtered_ = 0, problems_ = 0;
};

// Names and texts of --set; a wrong one ends the command.
std::vector<std::pair<std::string, std::string>> variablesOf(const std::vector<std::string>& given) {
  constexpr std::array<std::string_view, 8> kBuiltIn = {
      "context", "resource", "rootResource", "rowIndex", "terminologies", "sct", "loinc", "ucum"};
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const auto refuse = [&](const std::string& why) {
      std::fprintf(stderr, "error: --set %s: %s\n  Write --set NAME=TEXT.\n", text.c_str(), why.c_str());
      exitWith(kExitUsage);
    };
    if (equals == std::string::npos || name.empty()) refuse("there is no name and text");
    if (std::ranges::count(kBuiltIn, name) != 0) refuse("FHIRPath itself has %" + name);
    if (std::ranges::any_of(out, [&](const auto& other) { return other.first == name; }))
      refuse("%" + name + " is set already");
    out.emplace_back(name, text.substr(equals + 1));
  }
  return out;
}

void runView(const ViewOptions& options) {
  auto definitions = terminology::Definitions::open(definitionsPath());
  if (!definitions) failWith(definitions.error());
  views::CompileOptions compile;
  compile.definitions = definitions->get();
  compile.strict = options.strict;
  compile.national_functions = options.national;
  compile.max_regex_memory = options.limits.evaluation.regex_memory;
  const auto given = variablesOf(options.variables);
  std::vector<fhirpath::Value> values;
  std::vector<fhirpath::NamedValue> variables;
  values.reserve(given.size());
  for (const auto& [name, text] : given) {
    compile.variables.push_back({name, "System.String", false});
    values.push_back(fhirpath::Value::string(text));
    variables.push_back({name, {&values.back(), 1}});
  }
  auto view = views::compileFile(options.view, compile);
  if (!view) {
    for (const views::Problem& problem : view.error()) std::fprintf(stderr, "%s\n", problem.render().c_str());
    exitWith(kExitUsage);
  }
  for (const views::Problem& problem : (*view)->warnings())
    std::fprintf(stderr, "%s\n", problem.render().c_str());
  if (options.plan) {
    std::fputs((*view)->describe().c_str(), stdout);
    return;
  }
  const std::vector<std::filesystem::path> overlays(options.terminology.begin(), options.terminology.end());
  auto terminology = terminology::Terminology::load(*definitions, overlays);
  if (!terminology) failWith(terminology.error());
  fhirpath::Environment environment;
  environment.definitions = definitions->get();
  environment.terminology = terminology->get();
  environment.now = SystemClock().now();
  environment.zone_minutes = localZoneMinutes();
  environment.limits = options.limits.evaluation;
  ResourceInput input(options.files, *definitions, options.limits.line, options.limits.file);
  ViewRun run(**view, environment, options, variables);
  run.run(input);
  if (const int code = run.finish(); code != 0) exitWith(code);
}

}  // namespace

void addViewCommand(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("view", "Rows of a ViewDefinition (SQL-on-FHIR v2) from NDJSON, JSON or XML");
  auto options = std::make_shared<ViewOptions>();
  command->add_option("view", options->view, "The ViewDefinition")->required();
  command->add_option("file", options->files, "NDJSON (also gzip), JSON or XML; none or -: standard input");
  command->add_option("-o,--output", options->output, "What the rows are written as")
      ->check(CLI::IsMember({"csv", "ndjson", "table"}))
      ->capture_default_str();
  command->add_flag("--strict", options->strict, "Unknown elements are errors");
  command->add_flag("--national", options->national,
                    "Allow resolve() and translate(), which SQL-on-FHIR does not have");
  command->add_option("--terminology", options->terminology,
                      "Folder or file with ConceptMaps, ValueSets, CodeSystems");
  command->add_option("--set", options->variables, "NAME=TEXT: a variable that the view uses as %NAME");
  command->add_flag("--plan", options->plan, "Print how the view will run, and stop");
  command->add_flag("-q,--quiet", options->quiet, "No count at the end");
  options->limits.addTo(*command, true);
  command->callback([options] { runView(*options); });
}

}  // namespace tributary::cli
