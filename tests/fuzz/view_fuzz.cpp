// Fuzzer of ViewDefinitions. An input is the JSON of a view, optionally followed by a line "----" and a resource; it is
// compiled with and without sharing and planning, and all must say the same and make the same rows.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "fhir/json_reader.h"
#include "terminology/definitions.h"
#include "views/row_writer.h"
#include "views/runner.h"
#include "views/view.h"

namespace {

using namespace tributary;

constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"p","active":true,"name":[{"use":"official","family":"A","given":["b","c"]},)"
    R"({"use":"usual","family":"D"}],"telecom":[{"system":"phone","value":"1"}],"birthDate":"1970-01-01",)"
    R"("contact":[{"name":{"family":"E"},"telecom":[{"system":"email","value":"f"}]}]})";

[[noreturn]] void found(const char* what) {
  std::fprintf(stderr, "finding: %s\n", what);
  std::abort();
}

// Definitions when TRIBUTARY_CACHE names them; the untyped engine is fuzzed otherwise.
const terminology::Definitions* definitions() {
  static const auto kHeld = []() -> std::shared_ptr<const terminology::Definitions> {
    const char* cache = std::getenv("TRIBUTARY_CACHE");
    if (cache == nullptr) return nullptr;
    auto opened = terminology::Definitions::open(std::string(cache) + "/definitions.bin");
    return opened ? *opened : nullptr;
  }();
  return kHeld.get();
}

std::string rowsOf(const views::View& view, const fhir::Document& document, bool lineage) {
  fhirpath::Environment environment;
  environment.definitions = definitions();
  environment.limits.steps = 100'000;
  environment.limits.results = 10'000;
  environment.limits.memory = std::size_t{8} << 20;
  views::RunOptions options;
  options.lineage = lineage;
  options.rows = 2000;
  options.repeat_depth = 16;
  views::Runner runner(environment, options);
  std::string out;
  auto writer = views::RowWriter::make(views::RowFormat::kNdjson, view, out);
  auto outcome = runner.run(view, document, *writer);
  if (!outcome) return "issue " + outcome.error().rule;  // limits are reached at different places
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view resource = kPatient;
  if (const std::size_t cut = text.find("\n----\n"); cut != std::string_view::npos) {
    resource = text.substr(cut + 6);
    text = text.substr(0, cut);
  }
  views::CompileOptions options;
  options.definitions = definitions();
  options.national_functions = size % 2 == 1;
  auto planned = views::compile(text, options);
  options.share_prefixes = false;
  options.optimise = false;
  auto plain = views::compile(text, options);
  if (planned.has_value() != plain.has_value()) found("planned and plain do not agree on what is right");
  if (!planned) {
    for (const views::Problem& problem : planned.error()) {
      if (problem.issue.rule.empty() || problem.issue.text.empty()) found("a problem says too little");
      if (problem.issue.offset != Issue::kNoOffset && problem.issue.offset > text.size()) found("a problem lies outside");
      if (problem.render().empty()) found("a problem cannot be shown");
    }
    return 0;
  }
  fhir::Document document;
  if (!fhir::JsonReader().read(resource, document)) return 0;
  const std::string a = rowsOf(**planned, document, false);
  const std::string b = rowsOf(**plain, document, false);
  const std::string c = rowsOf(**planned, document, true);
  const auto issue = [](const std::string& rows) { return rows.starts_with("issue "); };
  if (issue(a) || issue(b) || issue(c)) return 0;
  if (a != b) found("planned and plain give other rows");
  if (a != c) found("lineage changes the rows");
  return 0;
}
