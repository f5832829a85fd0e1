// NDJSON bytes in, rows out: bench_views VIEW.json NDJSON ROWS-OUT [SECONDS]
// Lines: views, resources, seconds, 0, rows; then where the time goes. See tests/bench/peers/README.md.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhir/json_writer.h"
#include "terminology/definitions.h"
#include "views/row_writer.h"
#include "views/runner.h"
#include "views/view.h"

namespace {

using namespace tributary;
using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(3);
}

struct Stages {
  bool run = true, write = true;
};

struct CountingSink final : views::RowSink {
  std::size_t rows = 0, bytes = 0;
  bool row(std::span<const views::Cell> cells) override {
    ++rows;
    for (const auto& cell : cells) bytes += cell.text.size();
    return true;
  }
};

// Rows as JSON lists of strings, the same as the peers write them.
struct DumpSink final : views::RowSink {
  std::FILE* file = nullptr;
  std::string line;
  bool row(std::span<const views::Cell> cells) override {
    line.assign(1, '[');
    for (const auto& cell : cells) {
      if (line.size() > 1) line += ',';
      fhir::writeJsonString(cell.text, line);
    }
    line += "]\n";
    return std::fwrite(line.data(), 1, line.size(), file) == line.size();
  }
};

struct Pass {
  std::size_t resources = 0;
  double seconds = 0;
};

template <class F>
Pass pass(std::string_view bytes, F each) {
  Pass out;
  const auto start = Clock::now();
  while (!bytes.empty()) {
    const void* end = std::memchr(bytes.data(), '\n', bytes.size());
    const std::size_t length = end == nullptr
                                   ? bytes.size()
                                   : static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data());
    each(bytes.substr(0, length));
    ++out.resources;
    bytes.remove_prefix(std::min(length + 1, bytes.size()));
  }
  out.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) die("bench_views VIEW.json NDJSON ROWS-OUT");
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  auto definitions = terminology::Definitions::open(
      std::filesystem::path(cache != nullptr ? cache : ".cache") / "definitions.bin");
  if (!definitions) die(definitions.error().text);
  views::CompileOptions options;
  options.definitions = definitions->get();
  auto view = views::compileFile(argv[1], options);
  if (!view) die(view.error().front().render());
  auto data = readFile(argv[2]);
  if (!data) die(data.error().text);

  fhirpath::Environment environment;
  environment.definitions = definitions->get();
  views::Runner runner(environment);
  fhir::JsonReader reader;
  fhir::Document document;
  const auto read = [&](std::string_view line) {
    if (auto result = reader.read(line, document); !result) die(result.error().text);
  };
  const auto run = [&](views::RowSink& sink) {
    if (auto outcome = runner.run(**view, document, sink); !outcome) die(outcome.error().text);
  };

  DumpSink dump;
  dump.file = std::fopen(argv[3], "w");
  if (dump.file == nullptr) die("the rows cannot be written");
  pass(*data, [&](std::string_view line) {
    read(line);
    run(dump);
  });
  std::fclose(dump.file);

  double best = 1e9, parse = 1e9;
  std::size_t rows = 0, resources = 0;
  std::string csv;
  for (int i = 0; i < 3; ++i) {
    parse = std::min(parse, pass(*data, read).seconds);
    csv.clear();
    auto writer = views::RowWriter::make(views::RowFormat::kCsv, **view, csv);
    writer->begin();
    const Pass whole = pass(*data, [&](std::string_view line) {
      read(line);
      run(*writer);
      if (csv.size() > (1U << 20)) csv.clear();
    });
    best = std::min(best, whole.seconds);
    rows = writer->rows();
    resources = whole.resources;
  }
  std::printf("views\t%zu\t%.4f\t0\t%zu\n", resources, best, rows);
  std::printf("stages\tparse\t%.4f\tview and CSV\t%.4f\tMB/s\t%.1f\n", parse, best - parse,
              static_cast<double>(data->size()) / best / 1e6);
  return 0;
}
