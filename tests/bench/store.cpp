// The store alone: journal append in batches of 1,000 bodies of about 2 KB, and commit of projections.
// Usage: bench_store [RESOURCES] [DIRECTORY] [bundles|types]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "store/sqlite/sqlite_store.h"

namespace {

using namespace tributary;
using namespace tributary::store;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kChunk = 20'000;  // made at a time, so that memory stays flat
constexpr std::size_t kResourcesOfSubject = 20;

double secondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "bench: %s\n", result.error().text.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// An Encounter much like those of a community system: about 2 KB, a third of it differs from one to the next.
std::string makeBody(std::mt19937_64& random, const std::string& id, const std::string& patient) {
  std::string body =
      R"({"resourceType":"Encounter","id":")" + id +
      R"(","meta":{"versionId":"1","lastUpdated":"2026-03-01T09:00:00.000+00:00","profile":[)"
      R"("https://fhir.hl7.org.uk/StructureDefinition/UKCore-Encounter"]},"status":"finished",)"
      R"("class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HH"},)"
      R"("subject":{"reference":")" +
      patient + R"("},"participant":[)";
  for (int participant = 0; participant < 8; ++participant) {
    body += R"({"type":[{"coding":[{"system":"http://snomed.info/sct","code":")" +
            std::to_string(random() % 1'000'000'000) +
            R"(","display":"Community nurse"}]}],"period":{"start":")" + "2026-03-0" +
            std::to_string(1 + random() % 9) + "T1" + std::to_string(random() % 10) + ":" +
            std::to_string(10 + random() % 50) + R"(:00+00:00"},"individual":{"reference":"Practitioner/)" +
            std::to_string(random()) + R"("}},)";
  }
  body.back() = ']';
  return body + R"(,"serviceProvider":{"reference":"Organization/)" + std::to_string(random() % 50) +
         R"("}})";
}

struct Input {
  std::string id, subject, body;
};

std::vector<Input> makeInput(std::uint64_t first, std::size_t count, std::size_t subjects, bool by_type) {
  std::mt19937_64 random(first + 7);
  std::vector<Input> input(count);
  for (std::size_t index = 0; index < count; ++index) {
    const std::uint64_t number = first + index;
    // One file a type: neighbours belong to different patients. One Bundle a patient: to the same.
    input[index].subject =
        "Patient/" + std::to_string(by_type ? number % subjects : number / kResourcesOfSubject);
    char id[40];
    std::snprintf(id, sizeof id, "%016lx-%08lx", random(), number);
    input[index].id = id;
    input[index].body = makeBody(random, input[index].id, input[index].subject);
  }
  return input;
}

void appendBatch(Store& store, std::span<const Input> input) {
  static const std::vector<ResourceKey> kShared{{"Organization", "1"}, {"Practitioner", "2"}};
  std::vector<AppendEntry> entries(input.size());
  for (std::size_t index = 0; index < input.size(); ++index) {
    entries[index].type = "Encounter";
    entries[index].id = input[index].id;
    entries[index].version_id = "1";
    entries[index].last_updated = "2026-03-01T09:00:00.000+00:00";
    entries[index].subject = input[index].subject;
    entries[index].body = input[index].body;
    entries[index].references = kShared;
  }
  AppendBatch batch;
  batch.source = "epr";
  batch.entries = entries;
  must(store.append(batch));
}

// Seconds it takes, the making of the input not counted.
double appendRange(Store& store, std::uint64_t first, std::uint64_t last, std::size_t subjects, bool by_type,
                   std::size_t threads) {
  double seconds = 0;
  for (std::uint64_t at = first; at < last; at += kChunk) {
    const std::vector<Input> input =
        makeInput(at, std::min<std::uint64_t>(kChunk, last - at), subjects, by_type);
    const auto start = Steady::now();
    std::vector<std::jthread> appenders;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      appenders.emplace_back([&, thread] {
        for (std::size_t from = thread * kBatch; from < input.size(); from += threads * kBatch) {
          appendBatch(store, std::span(input).subspan(from, std::min(kBatch, input.size() - from)));
        }
      });
    }
    appenders.clear();
    seconds += secondsSince(start);
  }
  return seconds;
}

void project(Store& store, std::uint64_t& resources, std::uint64_t& rows, double& load_time,
             double& commit_time) {
  static const std::vector<std::string> kCollections{"community"};
  for (;;) {
    const std::vector<SubjectLease> leases = must(store.takeDirty(64, Duration{60'000}));
    if (leases.empty()) return;
    struct Work {
      std::vector<std::string> keys, cells;
      std::vector<std::string> ids;
      std::vector<std::uint64_t> seqs;
      std::vector<ProjectedRow> rows;
      std::vector<ResourceOutcomeEntry> outcomes;
    };
    std::vector<Work> work(leases.size());
    auto start = Steady::now();
    for (std::size_t index = 0; index < leases.size(); ++index) {
      must(store.loadSubject(leases[index], std::size_t{64} << 20, [&](const StoredResource& resource) {
        work[index].ids.emplace_back(resource.id);
        work[index].seqs.push_back(resource.seq);
        return true;
      }));
    }
    load_time += secondsSince(start);
    std::vector<Projection> projections(leases.size());
    for (std::size_t index = 0; index < leases.size(); ++index) {
      Work& mine = work[index];
      const std::size_t count = mine.ids.size();
      for (std::size_t row = 0; row < count; ++row) {
        mine.keys.push_back(leases[index].subject + "/" + mine.ids[row]);
        mine.cells.push_back(
            "{\"LocalPatientId\":\"" + leases[index].subject + "\",\"CareContactId\":\"" + mine.ids[row] +
            "\",\"Date\":\"2026-03-01\",\"Attended\":\"5\",\"Consultation\":\"01\",\"Place\":\"A01\"}");
      }
      for (std::size_t row = 0; row < count; ++row) {
        ProjectedRow& made = mine.rows.emplace_back();
        made.collection = "community";
        made.table = "CYP201";
        made.key = mine.keys[row];
        made.period = "2026-03-01";
        made.cells = mine.cells[row];
        made.lineage = mine.cells[row];
        ResourceOutcomeEntry& outcome = mine.outcomes.emplace_back();
        outcome.type = "Encounter";
        outcome.id = mine.ids[row];
        outcome.seq = mine.seqs[row];
      }
      projections[index] = {leases[index], kCollections, mine.rows, {}, mine.outcomes};
      resources += count;
      rows += count;
    }
    start = Steady::now();
    must(store.commitProjections(projections));
    commit_time += secondsSince(start);
  }
}

void report(const char* what, std::uint64_t count, double seconds, const char* unit) {
  std::printf("%-34s %9.0f %s/s\n", what, static_cast<double>(count) / seconds, unit);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t resources = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 300'000;
  const std::filesystem::path directory =
      argc > 2 ? std::filesystem::path(argv[2])
               : std::filesystem::temp_directory_path() / ("bench-store-" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  const SystemClock clock;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::string only = argc > 3 ? argv[3] : "";
  for (const bool by_type : {false, true}) {
    if (!only.empty() && only != (by_type ? "types" : "bundles")) continue;
    SqliteOptions options;
    options.path = directory / (by_type ? "types.db" : "bundles.db");
    options.clock = &clock;
    std::filesystem::remove(options.path);
    std::unique_ptr<Store> store = must(openSqliteStore(options));
    const std::vector<Destination> destinations{{"folder", "community"}};
    must(store->setDestinations(destinations));
    const std::size_t subjects = resources / kResourcesOfSubject;
    std::printf("%s, %lu resources\n", by_type ? "a file a type (subjects mixed)" : "a Bundle a patient",
                resources);
    const std::uint64_t half = resources / 2;
    report("journal append, one thread", half, appendRange(*store, 0, half, subjects, by_type, 1),
           "resources");
    report("journal append, two threads", resources - half,
           appendRange(*store, half, resources, subjects, by_type, 2), "resources");
    report("duplicates, one thread", half, appendRange(*store, 0, half, subjects, by_type, 1), "resources");
    std::uint64_t read = 0, rows = 0;
    double load_time = 0, commit_time = 0;
    project(*store, read, rows, load_time, commit_time);
    report("load of subjects", read, load_time, "resources");
    report("commit of projections", rows, commit_time, "rows");
    auto start = Steady::now();
    SubmissionRequest request;
    request.destination = "folder";
    request.collection = "community";
    request.max_rows = 100'000;
    std::uint64_t sent = 0;
    while (auto submission = must(store->openSubmission(request))) {
      sent += submission->rows;
      must(store->readSubmission(submission->id, 0, [](const SubmissionRow&) { return true; }));
      SubmissionUpdate update;
      update.state = SubmissionState::kDone;
      must(store->markSubmission(submission->id, update));
    }
    report("submissions opened and read", sent, secondsSince(start), "rows");
    start = Steady::now();
    const Reconciliation counts = must(store->reconcile());
    std::printf("%-34s %9.2f s, %lu unaccounted\n", "reconcile", secondsSince(start), counts.unaccounted);
    const StoreStatus status = must(store->status());
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("%-34s %9.0f bytes; %ld MiB resident at most\n", "file size a resource",
                static_cast<double>(status.file_bytes) / static_cast<double>(resources),
                usage.ru_maxrss >> 10);
  }
  std::filesystem::remove_all(directory);
  return 0;
}
