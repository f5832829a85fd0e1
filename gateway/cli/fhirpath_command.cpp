#include "cli/fhirpath_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/fhirpath_prompt.h"
#include "cli/fhirpath_session.h"
#include "cli/progress_line.h"
#include "cli/resource_input.h"
#include "fhir/resource.h"

namespace tributary::cli {
namespace {

std::shared_ptr<const terminology::Terminology> loadTerminology(
    const std::shared_ptr<const terminology::Definitions>& definitions,
    const std::vector<std::string>& overlays) {
  const std::vector<std::filesystem::path> paths(overlays.begin(), overlays.end());
  auto terminology = terminology::Terminology::load(definitions, paths);
  if (!terminology) failWith(terminology.error());
  return std::move(*terminology);
}

// The expression on every resource. Ends the command when something was wrong.
void evaluateFiles(FhirpathSession& session,
                   const std::shared_ptr<const terminology::Definitions>& definitions) {
  const FhirpathOptions& options = session.options();
  ResourceInput input(options.files, definitions, options.limits.line, options.limits.file);
  const bool terminal = stdoutIsTerminal();
  ProgressLine progress(!options.trace);
  session.setBeforeText([&](bool to_stdout) {
    if (!to_stdout || terminal) progress.clear();
  });
  std::uint64_t resources = 0, problems = 0;
  bool broken = false;
  const auto countProblem = [&] {
    if (++problems == kProblemsShown) std::fprintf(stderr, "(further problems are only counted)\n");
  };
  auto result = input.run(
      [&](const InputResource& resource) {
        const fhirpath::Value root = session.evaluator().root(*resource.document);
        const std::string_view type = options.type.empty() ? resource.document->resourceType() : options.type;
        const fhirpath::Program* program = session.compile(options.expression, type);
        if (program == nullptr) {
          broken = true;
          return false;
        }
        const std::string where = std::string(resource.file) + ':' + std::to_string(resource.line);
        std::string prefix;
        if (options.source) {
          prefix = where + '\t' + std::string(resource.document->resourceType()) + '/' +
                   std::string(fhir::resourceId(*resource.document)) + '\t';
        }
        if (!session.evaluate(*program, root, where, prefix, problems < kProblemsShown)) countProblem();
        progress.tick(input, ++resources, problems);
        return true;
      },
      [&](std::string_view file, const Issue& issue) {
        progress.clear();
        if (problems < kProblemsShown) printIssue(file, options.limits.advised(issue));
        countProblem();
      });
  progress.clear();
  session.setBeforeText({});
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    failWith(fail(ErrorCode::kUnavailable, "standard output takes no more").error());
  if (broken) exitWith(kExitUsage);
  if (!result) {
    Error error = std::move(result).error();
    if (const std::string advice = options.limits.adviceFor(error.text); !advice.empty())
      error.text += "\n  " + advice;
    failWith(error);
  }
  if (problems > kProblemsShown)
    std::fprintf(stderr, "%llu resources with problems\n", static_cast<unsigned long long>(problems));
  if (problems > 0) exitWith(kExitData);
}

void runFhirpath(FhirpathOptions options) {
  auto definitions = terminology::Definitions::open(definitionsPath());
  if (!definitions) failWith(definitions.error());
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  const auto isFile = [](const std::string& name) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(name, ignored);
  };
  // Nothing but files (or nothing at all) on a terminal: a prompt over them.
  const bool prompt =
      terminal && (options.expression.empty() ||
                   (isFile(options.expression) && std::ranges::all_of(options.files, isFile)));
  if (prompt && !options.expression.empty()) {
    options.files.insert(options.files.begin(), options.expression);
    options.expression.clear();
  }
  if (!prompt && options.expression.empty()) {
    std::fprintf(stderr, "error: no expression\n  tributary fhirpath 'name.family' patient.json\n");
    exitWith(kExitUsage);
  }
  auto terminology = loadTerminology(*definitions, options.terminology);
  FhirpathSession session(std::move(options), *definitions, std::move(terminology));
  if (prompt) {
    runFhirpathPrompt(session, *definitions);
  } else if (session.options().files.empty() && terminal) {
    // No resource: good enough for `1 + 1`.
    const fhirpath::Program* program = session.compile(session.options().expression, session.options().type);
    if (program == nullptr) exitWith(kExitUsage);
    if (!session.evaluate(*program, fhirpath::Value::boolean(false), "expression", "")) exitWith(kExitData);
  } else {
    evaluateFiles(session, *definitions);
  }
}

}  // namespace

void addFhirpathCommand(CLI::App& root) {
  CLI::App* command =
      root.add_subcommand("fhirpath", "Evaluate FHIRPath on JSON, NDJSON or XML; a prompt without EXPR");
  auto options = std::make_shared<FhirpathOptions>();
  command->add_option("expr", options->expression,
                      "The expression, such as \"name.where(use='official').family\"");
  command->add_option("file", options->files, "JSON, NDJSON (also gzip) or XML; none or -: standard input");
  command->add_flag("--trace", options->trace, "Show each step and its values on stderr");
  command->add_option("--type", options->type,
                      "Type to check against, such as Patient (default: that of each resource)");
  command->add_flag("--strict", options->strict, "Unknown elements and order-dependent functions are errors");
  command->add_flag("--national", options->national,
                    "Allow translate() and what else is beyond the standard");
  command->add_flag("--types", options->types, "Print each value's type before it");
  command->add_flag("--source", options->source, "Print file, line and resource before each value");
  command->add_option("--terminology", options->terminology,
                      "Folder or file with ConceptMaps, ValueSets, CodeSystems");
  options->limits.addTo(*command, false);
  command->callback([options] { runFhirpath(*options); });
}

}  // namespace tributary::cli
