#include "tests/fhirpath/support.h"

#include <cstdio>
#include <cstdlib>

#include "base/civil_time.h"
#include "base/file.h"

namespace tributary::fhirpath::testing {

std::filesystem::path sourceFolder() {
  return TRIBUTARY_SOURCE_DIR;
}

std::shared_ptr<const terminology::Definitions> definitions() {
  static const auto opened = [] {
    const char* cache = std::getenv("TRIBUTARY_CACHE");
    const auto path =
        (cache != nullptr ? std::filesystem::path(cache) : sourceFolder() / ".cache") / "definitions.bin";
    auto result = terminology::Definitions::open(path);
    if (!result) std::printf("skipped: %s\n", result.error().text.c_str());
    return result ? *result : nullptr;
  }();
  return opened;
}

std::shared_ptr<const terminology::Terminology> localTerminology() {
  static const auto loaded = [] {
    auto result = terminology::Terminology::load(definitions());
    return result ? *result : nullptr;
  }();
  return loaded;
}

std::unique_ptr<fhir::Document> document(std::string_view json) {
  auto out = std::make_unique<fhir::Document>();
  fhir::ReadOptions options;
  options.own_text = true;
  if (auto ok = fhir::JsonReader().read(json, *out, options); !ok) {
    std::fprintf(stderr, "a test document does not parse: %s\n", ok.error().text.c_str());
    std::abort();
  }
  return out;
}

std::string shown(std::span<const Value> values) {
  std::string out;
  for (const Value& v : values) {
    if (!out.empty()) out += ' ';
    TextBuffer buffer;
    if (v.isNode()) {
      out += v.type() != terminology::kNoType ? std::string(definitions()->typeName(v.type())) : "?";
      if (!v.hasScalar()) continue;
    } else {
      out += systemTypeName(v.kind());
    }
    out += ":" + std::string(text(v, buffer));
  }
  return out;
}

std::string evaluated(std::string_view expression, const fhir::Document& on, const Options& options) {
  static std::unique_ptr<Evaluator> evaluator = [] {
    Environment environment;
    environment.definitions = definitions().get();
    environment.terminology = localTerminology().get();
    environment.now = *parseInstant("2025-06-30T22:15:00Z");
    environment.zone_minutes = 60;
    environment.limits.steps = 1'000'000;
    environment.limits.memory = std::size_t{16} << 20;
    environment.limits.results = 100'000;
    return std::make_unique<Evaluator>(environment);
  }();
  CompileOptions compile_options;
  compile_options.definitions = definitions().get();
  compile_options.context_type =
      options.context_type.empty() ? std::string(on.resourceType()) : options.context_type;
  compile_options.strict = options.strict;
  compile_options.optimise = options.optimise;
  compile_options.national_functions = options.national;
  compile_options.constants = options.constants;
  const auto program = compile(expression, compile_options);
  if (!program) return "error: " + program.error().summary();
  const auto values = evaluator->evaluate(**program, evaluator->root(on));
  return values ? shown(*values) : "error: " + values.error().text;
}

std::string fileText(const std::filesystem::path& path) {
  auto text = readFile(path);
  return text ? *text : std::string();
}

}  // namespace tributary::fhirpath::testing
