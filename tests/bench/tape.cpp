// NDJSON → tape on the R4 instances of hl7.fhir.r4.examples, one thread, in one run with RapidJSON and
// simdjson. Usage: bench_tape [CACHE_FOLDER]; TRIBUTARY_CACHE says the same. Last line: `tape: N MB/s (R x
// rapidjson)`.
#define RAPIDJSON_SSE2  // as fast as RapidJSON goes on every x86-64
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhir/resource.h"

namespace {

using namespace tributary;

// Definitions rather than instances: the package holds both.
const std::set<std::string_view> kDefinitions = {
    "StructureDefinition", "SearchParameter",    "ValueSet",     "CodeSystem",      "ConceptMap",
    "OperationDefinition", "NamingSystem",       "StructureMap", "GraphDefinition", "CompartmentDefinition",
    "ImplementationGuide", "CapabilityStatement"};

struct Corpus {
  std::string name;
  std::string ndjson;
  std::vector<std::string_view> lines;
  std::size_t values = 0;
};

void splitLines(Corpus& corpus) {
  std::string_view rest = corpus.ndjson;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    corpus.lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
}

std::vector<Corpus> load(const std::filesystem::path& cache) {
  std::vector<Corpus> corpora(3);
  corpora[0].name = "R4 instances";
  corpora[1].name = "small Patients";
  corpora[2].name = "Bundles of definitions";  // of 1 to 30 MB in one line: they do not fit into the cache
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(cache / "packages" / "hl7.fhir.r4.examples#4.0.1" / "package")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  fhir::JsonReader reader;
  fhir::Document document;
  for (const auto& file : files) {
    const auto text = readFile(file);
    if (!text || !reader.read(*text, document)) continue;
    const std::string type(fhir::resourceType(document));
    if (type.empty() || kDefinitions.contains(type)) continue;
    std::string line(text->size() + simdjson::SIMDJSON_PADDING, '\0');
    std::size_t length = 0;
    if (simdjson::minify(text->data(), text->size(), line.data(), length) != simdjson::SUCCESS) continue;
    line.resize(length);
    corpora[length > 500'000 ? 2 : 0].ndjson += line + '\n';
    if (type == "Patient" && length < 4000) corpora[1].ndjson += line + '\n';
  }
  for (Corpus& corpus : corpora) splitLines(corpus);
  return corpora;
}

// Best of the rounds that fit into two seconds, in seconds.
double best(const std::function<void()>& round) {
  using Clock = std::chrono::steady_clock;
  double fastest = 1e9;
  const auto begin = Clock::now();
  do {
    const auto start = Clock::now();
    round();
    fastest = std::min(fastest, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() - begin < std::chrono::seconds(2));
  return fastest;
}

struct Counter : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Counter> {
  std::size_t values = 0;
  bool Default() {
    ++values;
    return true;
  }
};

double measureTape(const Corpus& corpus, std::size_t& nodes) {
  fhir::JsonReader reader;
  fhir::Document document;
  return best([&] {
    nodes = 0;
    std::string_view rest = corpus.ndjson;
    while (!rest.empty()) {
      const auto* const end = static_cast<const char*>(std::memchr(rest.data(), '\n', rest.size()));
      const std::string_view line(rest.data(), static_cast<std::size_t>(end - rest.data()));
      rest.remove_prefix(line.size() + 1);
      if (!reader.read(line, document)) std::abort();
      nodes += document.nodes().size();
    }
  });
}

// In place: it writes into its input, so each round parses a fresh copy, and the copying is not counted.
template <unsigned kCheck>
double measureRapid(const Corpus& corpus) {
  double fastest = 1e9;
  std::string text;
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag |
                              rapidjson::kParseStopWhenDoneFlag | kCheck;
  do {
    text = corpus.ndjson;
    Counter counter;
    const auto start = Clock::now();
    char* at = text.data();
    for (const std::string_view line : corpus.lines) {
      rapidjson::Reader reader;
      rapidjson::InsituStringStream stream(at);
      if (!reader.Parse<kFlags>(stream, counter)) std::abort();
      at += line.size() + 1;
    }
    fastest = std::min(fastest, std::chrono::duration<double>(Clock::now() - start).count());
    if (counter.values == 0) std::abort();
  } while (Clock::now() - begin < std::chrono::seconds(2));
  return fastest;
}

double measureSimdjson(const Corpus& corpus) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(corpus.ndjson);
  return best([&] {
    const char* at = padded.data();
    for (const std::string_view line : corpus.lines) {
      if (parser.parse(at, line.size(), false).error() != simdjson::SUCCESS) std::abort();
      at += line.size() + 1;
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  const char* const variable = std::getenv("TRIBUTARY_CACHE");
  const std::filesystem::path cache = argc > 1 ? argv[1] : variable != nullptr ? variable : ".cache";
  if (!std::filesystem::exists(cache / "packages" / "hl7.fhir.r4.examples#4.0.1")) {
    std::printf("tape: skipped, no package hl7.fhir.r4.examples#4.0.1 under %s (deploy/install brings it)\n",
                cache.c_str());
    return 77;
  }
  std::vector<Corpus> corpora = load(cache);
  std::printf("simdjson uses its %s kernel\n", simdjson::get_active_implementation()->name().c_str());
  double tape_speed = 0, ratio = 0, checked_ratio = 0;
  for (std::size_t i = corpora.size(); i-- > 0;) {
    const Corpus& corpus = corpora[i];
    std::size_t nodes = 0;
    const double megabytes = static_cast<double>(corpus.ndjson.size()) / 1e6;
    const double resources = static_cast<double>(corpus.lines.size());
    const double tape = measureTape(corpus, nodes);
    const double checked = measureRapid<rapidjson::kParseValidateEncodingFlag>(corpus);
    const double rapid = measureRapid<rapidjson::kParseNoFlags>(corpus);
    const double dom = measureSimdjson(corpus);
    std::printf("%s: %zu resources, %.1f MB, %zu nodes\n", corpus.name.c_str(), corpus.lines.size(),
                megabytes, nodes);
    std::printf("  %-44s %7.0f MB/s %9.0f resources/s %6.1f ns/node\n", "tributary, NDJSON to tape",
                megabytes / tape, resources / tape, tape * 1e9 / static_cast<double>(nodes));
    const auto print = [&](const char* what, double seconds) {
      std::printf("  %-44s %7.0f MB/s %9.0f resources/s\n", what, megabytes / seconds, resources / seconds);
    };
    print("rapidjson in place, no document, UTF-8 checked", checked);
    print("rapidjson in place, no document", rapid);
    print("simdjson 3.0 DOM, padded input", dom);
    tape_speed = megabytes / tape;
    ratio = rapid / tape;
    checked_ratio = checked / tape;
  }
  std::printf("doing the same work (UTF-8 checked) RapidJSON is %.2f times slower\n", checked_ratio);
  std::printf("tape: %.0f MB/s (%.2f x rapidjson)\n", tape_speed, ratio);
  return 0;
}
