// Fuzzer of expressions, and of planned programs against the plain tree walk. An input is an expression, and
// behind a NUL, if there is one, the JSON of its focus. Both ways must agree on whether it compiles, whether
// it runs, and on what it gives; and both must end within their limits.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/json_reader.h"
#include "fhirpath/evaluator.h"
#include "terminology/definitions.h"
#include "terminology/terminology.h"

namespace {

using namespace tributary;
using namespace tributary::fhirpath;

constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"p","active":true,"name":[{"use":"official","family":"A","given":["B","C"],"_given":[null,{"extension":[{"url":"u","valueString":"X"}]}]},{"use":"usual","given":["D"]},{"given":[null,"E"],"_given":[{"id":"g"},null]}],"telecom":[{"system":"phone","use":"work","value":"1"},{"value":"2"}],"birthDate":"1974-12-25","_birthDate":{"extension":[{"url":"u","valueDateTime":"1974-12-25T14:35:45-05:00"}]},"deceasedBoolean":false,"contained":[{"resourceType":"Organization","id":"o","name":"N"}],"managingOrganization":{"reference":"#o"},"multipleBirthInteger":2})";
constexpr std::string_view kObservation =
    R"({"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"},{"system":"s","code":"2"}]},"valueQuantity":{"value":185.50,"unit":"lbs","system":"http://unitsofmeasure.org","code":"[lb_av]"},"component":[{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":1,"code":"mm[Hg]"}},{"code":{"text":"t"},"valueString":"x"}],"effectivePeriod":{"start":"2012-01","end":"2012-01-05T10:00:00Z"}})";

[[noreturn]] void found(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

struct World {
  World() {
    const char* cache = std::getenv("TRIBUTARY_CACHE");
    auto opened = terminology::Definitions::open(
        std::string(cache != nullptr ? cache : TRIBUTARY_SOURCE_DIR "/.cache") + "/definitions.bin");
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().text.c_str());
      std::exit(1);
    }
    definitions = *opened;
    if (auto terms = terminology::Terminology::load(definitions)) terminology = *terms;
    Environment environment;
    environment.definitions = definitions.get();
    environment.terminology = terminology.get();
    environment.limits.steps = 200'000;
    environment.limits.memory = std::size_t{8} << 20;
    environment.limits.results = 20'000;
    environment.limits.depth = 400;  // frames are large under the sanitizers
    evaluator = std::make_unique<Evaluator>(environment);
    for (const std::string_view json : {kPatient, kObservation}) {
      documents.push_back(std::make_unique<fhir::Document>());
      if (!reader.read(json, *documents.back())) found("a built-in document does not parse");
    }
  }
  std::shared_ptr<const terminology::Definitions> definitions;
  std::shared_ptr<const terminology::Terminology> terminology;
  std::unique_ptr<Evaluator> evaluator;
  std::vector<std::unique_ptr<fhir::Document>> documents;
  fhir::JsonReader reader;
};

std::string shown(std::span<const Value> values) {
  std::string out;
  TextBuffer buffer;
  for (const Value& v : values) {
    out += v.isNode() ? "node " + std::to_string(v.nodeIndex()) + "/" + std::to_string(v.companionIndex()) +
                            " type " + std::to_string(v.type())
                      : std::string(systemTypeName(v.kind()));
    out += ":" + std::string(text(v, buffer)) + "\n";
  }
  return out;
}

struct Outcome {
  bool compiled = false, ran = false, limit = false;
  std::string result;
};

Outcome runOne(World& world, std::string_view expression, const fhir::Document& focus, bool optimise,
               bool typed, bool strict) {
  Outcome out;
  CompileOptions options;
  options.definitions = world.definitions.get();
  options.optimise = optimise;
  options.strict = strict;
  options.national_functions = true;
  options.max_depth = 60;
  options.max_regex_memory = 1 << 18;
  if (typed && world.definitions->findType(focus.resourceType()) != terminology::kNoType) {
    options.context_type = std::string(focus.resourceType());
  }
  const auto program = compile(expression, options);
  if (!program) {
    const Diagnostic& d = program.error();
    if (d.offset > expression.size() || d.message.empty() || d.render().empty())
      found("a diagnostic without a place");
    out.limit = d.limit;
    out.result = d.message;
    return out;
  }
  out.compiled = true;
  const auto values = world.evaluator->evaluate(**program, world.evaluator->root(focus));
  out.ran = values.has_value();
  out.limit = !values && world.evaluator->lastDiagnostic().limit;
  if (values) out.result = shown(*values);
  return out;
}

void both(World& world, std::string_view expression, const fhir::Document& focus, bool typed, bool strict) {
  const Outcome planned = runOne(world, expression, focus, true, typed, strict);
  const Outcome walked = runOne(world, expression, focus, false, typed, strict);
  if (planned.limit || walked.limit) return;  // the two count their steps differently
  if (planned.compiled != walked.compiled)
    found("one compiles, one does not: " + planned.result + walked.result);
  if (planned.ran != walked.ran) found(planned.ran ? "the plain walk fails" : "the planned program fails");
  if (planned.compiled && planned.result != walked.result) {
    found("planned:\n" + planned.result + "walked:\n" + walked.result);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.size() > 4096) return 0;
  const auto nul = input.find('\0');
  const std::string expression(input.substr(0, nul));
  if (nul != std::string_view::npos) {
    fhir::Document focus;
    const std::string json(input.substr(nul + 1));
    if (!world.reader.read(json, focus)) return 0;
    both(world, expression, focus, true, false);
    return 0;
  }
  for (const auto& focus : world.documents) {
    both(world, expression, *focus, true, false);
    both(world, expression, *focus, false, false);
  }
  both(world, expression, *world.documents[0], true, true);
  return 0;
}
