// How fast tapes become checked rows on one core: `bench_projection FOLDER [FILE.ndjson…]`. FOLDER is the
// collection; without files a synthetic caseload is made in memory. Parsing is not counted; time is processor
// time.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "collection/mapping_test.h"
#include "collection/projector.h"
#include "collection/workbench.h"
#include "simulator/caseload.h"

namespace {

using namespace tributary;

// Seconds of processor time of this thread: one core's worth, whatever else runs on the machine.
double processorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Subject {
  std::vector<collection::Input> inputs, shared;
};

void fill(collection::Workbench& bench, int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    if (auto added = bench.add(argv[i]); !added)
      std::exit((std::fprintf(stderr, "%s\n", added.error().text.c_str()), 3));
  }
  if (argc > 2) return;
  simulator::CaseloadOptions options;
  options.patients = 2000;
  options.now = simulator::endOfDay(2026, 10, 31);
  const simulator::Caseload caseload(options);
  caseload.writeAll([&](const simulator::Change& change) {
    if (!change.deleted) bench.addText(change.json, "caseload");
  });
}

// Resources a second, the best of three rounds over all subjects.
double measure(collection::Projector& projector, const std::vector<Subject>& subjects, bool lineage,
               std::size_t& rows, std::size_t& bytes) {
  double best = 0;
  for (int round = 0; round < 4; ++round) {
    std::size_t resources = 0;
    rows = bytes = 0;
    const double start = processorSeconds();
    for (const Subject& subject : subjects) {
      collection::ProjectOptions options;
      options.lineage = lineage;
      const auto projection = projector.project(subject.inputs, subject.shared, options);
      if (!projection) std::exit((std::fprintf(stderr, "%s\n", projection.error().text.c_str()), 3));
      resources += subject.inputs.size();
      rows += projection->rows.size();
      for (const auto& row : projection->rows) bytes += row.lineage.size();
    }
    const double spent = processorSeconds() - start;
    if (round > 0) best = std::max(best, static_cast<double>(resources) / spent);  // the first one warms up
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "bench_projection FOLDER [FILE…]\n"), 2;
  const std::filesystem::path folder = argv[1];
  const char* const cache = std::getenv("TRIBUTARY_CACHE");
  const auto definitions = terminology::Definitions::open(
      std::filesystem::path(cache == nullptr ? ".cache" : cache) / "definitions.bin");
  if (!definitions) return std::fprintf(stderr, "%s\n", definitions.error().text.c_str()), 3;
  const auto terms =
      terminology::Terminology::load(*definitions, *collection::Collection::terminologyFolders(folder));
  const auto settings = collection::mappingTestSettings(folder / "tests");
  if (!terms || !settings) return std::fprintf(stderr, "the collection cannot be loaded\n"), 3;
  std::vector<Issue> issues;
  const auto loaded = collection::Collection::load(folder, *definitions, *terms, *settings, issues);
  if (!loaded) return std::fprintf(stderr, "%s\n", loaded.error().text.c_str()), 3;

  collection::Workbench bench(*loaded);
  fill(bench, argc, argv);
  std::map<std::string, Subject> by_subject;
  std::map<std::string, collection::Input> shared;
  std::uint64_t journal = 0;
  for (const auto& resource : bench.resources()) {
    const collection::Input input{&resource.document, ++journal};
    if (!resource.subject.empty()) by_subject[resource.subject].inputs.push_back(input);
    const auto id = resource.document.member(resource.document.root(), "id");
    if (resource.subject.empty() && id != fhir::kNoNode) {
      shared[std::string(resource.document.resourceType()) + "/" +
             std::string(resource.document.scalar(id))] = input;
    }
  }
  // As the gateway does: each subject comes with the shared resources it refers to.
  std::vector<Subject> subjects;
  for (auto& [key, subject] : by_subject) {
    if (!key.starts_with("Patient/")) continue;
    std::map<std::string, bool> seen;
    std::vector<const fhir::Document*> todo;
    for (const auto& input : subject.inputs) todo.push_back(input.document);
    for (std::size_t i = 0; i < todo.size(); ++i) {
      const fhir::Document& document = *todo[i];
      for (fhir::NodeIndex n = 0; n < document.nodes().size(); ++n) {
        if (document.name(n) != "reference" || document[n].kind != fhir::Kind::kString) continue;
        const std::string reference(document.scalar(n));
        const auto found = shared.find(reference);
        if (found == shared.end() || std::exchange(seen[reference], true)) continue;
        subject.shared.push_back(found->second);
        todo.push_back(found->second.document);
      }
    }
    subjects.push_back(std::move(subject));
  }

  collection::Projector projector(*loaded);
  std::size_t rows = 0, bytes = 0;
  const double without = measure(projector, subjects, false, rows, bytes);
  const double with = measure(projector, subjects, true, rows, bytes);
  std::printf("%zu subjects, %zu rows, lineage %.1f bytes a row\n", subjects.size(), rows,
              static_cast<double>(bytes) / static_cast<double>(std::max<std::size_t>(rows, 1)));
  std::printf("lineage off: %.0f resources/s; lineage costs %.0f %%\n", without,
              100.0 * (without / with - 1));
  std::printf("projection: %.0f resources/s\n", with);
  return 0;
}
