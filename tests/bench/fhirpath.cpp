// FHIRPath on parsed resources, and with parsing: bench_fhirpath NDJSON EXPRESSIONS WARM MEASURE [growth]
// The lines it prints are described in tests/bench/peers/README.md; the peers print the same ones.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhirpath/evaluator.h"
#include "terminology/definitions.h"

namespace {

using Clock = std::chrono::steady_clock;
using tributary::fhir::Document;
using tributary::fhirpath::Evaluator;
using tributary::fhirpath::Program;
using tributary::fhirpath::Value;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void die(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(3);
}

struct Expression {
  std::string type, text;
  std::shared_ptr<const Program> program;
  std::vector<const Document*> resources;
};

// Decimals without trailing zeros, as all peers print them for the hash.
std::string text(const Value& value) {
  if (value.isObject()) return "{}";
  tributary::fhirpath::TextBuffer buffer;
  std::string out(tributary::fhirpath::text(value, buffer));
  const bool number = value.isNode() ? value.hasScalar() && value.document()[value.nodeIndex()].kind ==
                                                                tributary::fhir::Kind::kNumber
                                     : value.kind() == tributary::fhirpath::ValueKind::kDecimal;
  if (number && out.find('.') != std::string::npos) {
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.') out.pop_back();
  }
  return out;
}

void hash(std::uint64_t& h, std::string_view s) {
  for (const char c : s) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  h = (h ^ 0xff) * 0x100000001b3ULL;
}

std::size_t sink = 0;

double run(Evaluator& evaluator, const Expression& e, double seconds) {
  const auto start = Clock::now();
  std::size_t evaluations = 0;
  for (;;) {
    for (const Document* d : e.resources) {
      auto result = evaluator.evaluate(*e.program, evaluator.root(*d));
      if (!result) die(result.error().text);
      sink += result->size();
    }
    evaluations += e.resources.size();
    if (const double spent = since(start); spent >= seconds) return static_cast<double>(evaluations) / spent;
  }
}

std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::shared_ptr<const Program> compiled(const tributary::terminology::Definitions& definitions,
                                        std::string_view text, std::string_view type) {
  tributary::fhirpath::CompileOptions options;
  options.definitions = &definitions;
  options.context_type = type;
  auto program = tributary::fhirpath::compile(text, options);
  if (!program) die(program.error().render());
  return std::move(*program);
}

void parsingIncluded(Evaluator& evaluator, const std::vector<Expression>& expressions,
                     const std::vector<std::string_view>& lines, double warm, double measure) {
  tributary::fhir::JsonReader reader;
  Document document;
  std::size_t bytes = 0;
  for (const auto line : lines) bytes += line.size() + 1;
  for (const bool last : {false, true}) {
    const double limit = (last ? measure : warm) * 4;
    const auto start = Clock::now();
    std::size_t evaluations = 0, rounds = 0;
    double spent = 0;
    do {
      for (const auto line : lines) {
        if (auto read = reader.read(line, document); !read) die(read.error().text);
        const std::string_view type = document.resourceType();
        const Value root = evaluator.root(document);
        for (const Expression& e : expressions) {
          if (e.type != type) continue;
          auto result = evaluator.evaluate(*e.program, root);
          if (!result) die(result.error().text);
          sink += result->size();
          ++evaluations;
        }
      }
      ++rounds;
      spent = since(start);
    } while (spent < limit);
    if (last) {
      std::printf("parsed\t%.0f\t%.1f\n", static_cast<double>(evaluations) / spent,
                  static_cast<double>(rounds * bytes) / spent / 1e6);
    }
  }
}

// Seconds that f takes, the best of five.
template <class F>
double best(F f) {
  double out = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    f();
    out = std::min(out, since(start));
  }
  return out;
}

// Cost at 1×, 10× and 100×; a line each: growth, what, the three times in microseconds.
void growth(Evaluator& evaluator, const tributary::terminology::Definitions& definitions,
            const Expression& e) {
  const auto print = [](const char* what, const double(&t)[3]) {
    std::printf("growth\t%s\t%.2f\t%.2f\t%.2f\n", what, t[0] * 1e6, t[1] * 1e6, t[2] * 1e6);
  };
  double t[3];
  std::size_t n = 1;
  for (int i = 0; i < 3; ++i, n *= 10) {
    t[i] = best([&] {
      for (std::size_t k = 0; k < n * 1000; ++k) {
        auto result = evaluator.evaluate(*e.program, evaluator.root(*e.resources[k % e.resources.size()]));
        sink += result ? result->size() : 0;
      }
    });
  }
  print("1,000 resources", t);
  n = 100;
  const auto many = compiled(definitions, "name.where(use='official').given.count()", "Patient");
  for (int i = 0; i < 3; ++i, n *= 10) {
    std::string json = R"({"resourceType":"Patient","name":[)";
    for (std::size_t k = 0; k < n; ++k) {
      json += std::string(k == 0 ? "" : ",") + R"({"use":")" + (k % 2 == 0 ? "official" : "usual") +
              R"(","given":["A"]})";
    }
    json += "]}";
    tributary::fhir::JsonReader reader;
    Document document;
    if (!reader.read(json, document)) die("the made Patient cannot be read");
    t[i] = best([&] {
      auto result = evaluator.evaluate(*many, evaluator.root(document));
      if (!result) die(result.error().text);
      sink += result->size();
    });
  }
  print("100 elements", t);
  double compile_times[3];
  n = 10;
  for (int i = 0; i < 3; ++i, n *= 10) {
    std::string text = "gender = 'none'";  // every term is false, so that all are evaluated
    for (std::size_t k = 1; k < n; ++k) text += " or name.where(use='temp').exists()";
    std::shared_ptr<const Program> program;
    compile_times[i] = best([&] { program = compiled(definitions, text, "Patient"); });
    const Value root = evaluator.root(*e.resources[0]);
    t[i] = best([&] {
      auto result = evaluator.evaluate(*program, root);
      if (!result) die(result.error().text);
      sink += result->size();
    });
  }
  print("10 terms, evaluate", t);
  print("10 terms, compile", compile_times);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) die("bench_fhirpath NDJSON EXPRESSIONS WARM-SECONDS MEASURE-SECONDS [growth]");
  const double warm = std::atof(argv[3]), measure = std::atof(argv[4]);
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  auto definitions = tributary::terminology::Definitions::open(
      std::filesystem::path(cache != nullptr ? cache : ".cache") / "definitions.bin");
  if (!definitions) die(definitions.error().text);
  auto data = tributary::MappedFile::open(argv[1]);
  if (!data) die(data.error().text);
  const auto lines = linesOf(data->bytes());
  std::vector<std::unique_ptr<Document>> documents;
  tributary::fhir::JsonReader reader;
  for (const auto line : lines) {
    documents.push_back(std::make_unique<Document>());
    if (auto read = reader.read(line, *documents.back()); !read) die(read.error().text);
  }
  auto list = tributary::readFile(argv[2]);
  if (!list) die(list.error().text);
  std::vector<Expression> expressions;
  for (const auto line : linesOf(*list)) {
    const std::size_t tab = line.find('\t');
    if (line.front() == '#' || tab == std::string_view::npos) continue;
    Expression e{std::string(line.substr(0, tab)), std::string(line.substr(tab + 1)), nullptr, {}};
    e.program = compiled(**definitions, e.text, e.type);
    for (const auto& d : documents) {
      if (d->resourceType() == e.type) e.resources.push_back(d.get());
    }
    expressions.push_back(std::move(e));
  }
  tributary::fhirpath::Environment environment;
  environment.definitions = definitions->get();
  Evaluator evaluator(environment);
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const Expression& e = expressions[i];
    std::size_t count = 0;
    std::uint64_t h = 0xcbf29ce484222325ULL;
    for (const Document* d : e.resources) {
      auto result = evaluator.evaluate(*e.program, evaluator.root(*d));
      if (!result) die(result.error().text);
      count += result->size();
      for (const Value& value : *result) hash(h, text(value));
    }
    run(evaluator, e, warm);
    std::printf("expression\t%zu\t%.0f\t%zu\t%016llx\t%zu\n", i, run(evaluator, e, measure), count,
                static_cast<unsigned long long>(h), e.resources.size());
  }
  parsingIncluded(evaluator, expressions, lines, warm, measure);
  if (argc > 5) growth(evaluator, **definitions, expressions[1]);
  return sink == 1 ? 1 : 0;
}
