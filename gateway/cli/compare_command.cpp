#include "cli/compare_command.h"

#include <algorithm>
#include <cstdio>

#include "cli/stored_gateway.h"
#include "collection/compare.h"

namespace tributary::cli {
namespace {

using collection::Comparison;
using collection::Projector;
using collection::TableDifference;

std::string shown(const std::string& cell) { return cell.empty() ? "(empty)" : cell; }

void printKeys(const char* what, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) std::printf("    %s %s\n", what, key.c_str());
}

void printTable(const std::string& name, const TableDifference& table) {
  if (table.changed + table.added + table.removed == 0) return;
  std::printf("\n%s  %llu changed, %llu added, %llu removed, %llu the same\n", name.c_str(),
              static_cast<unsigned long long>(table.changed), static_cast<unsigned long long>(table.added),
              static_cast<unsigned long long>(table.removed), static_cast<unsigned long long>(table.same));
  if (table.now_quarantined + table.now_good != 0) {
    std::printf("  %llu more in quarantine, %llu out of it\n", static_cast<unsigned long long>(table.now_quarantined),
                static_cast<unsigned long long>(table.now_good));
  }
  for (const auto& [field, difference] : table.fields) {
    std::printf("  %-34s %8llu cells\n", field.c_str(), static_cast<unsigned long long>(difference.changed));
    for (const auto& example : difference.examples) {
      std::printf("    %s: %s → %s\n", example.key.c_str(), shown(example.before).c_str(), shown(example.after).c_str());
    }
  }
  printKeys("+", table.added_keys);
  printKeys("-", table.removed_keys);
}

void printCounts(const char* title, const std::map<std::string, std::int64_t>& counts) {
  if (counts.empty()) return;
  std::printf("\n%s\n", title);
  for (const auto& [text, count] : counts) std::printf("%+8lld  %s\n", static_cast<long long>(count), text.c_str());
}

void print(const Comparison& comparison) {
  std::uint64_t changed = 0, added = 0, removed = 0, same = 0;
  for (const auto& [name, table] : comparison.tables()) {
    printTable(name, table);
    changed += table.changed, added += table.added, removed += table.removed, same += table.same;
  }
  printCounts("Findings on rows, more or fewer", comparison.issues());
  printCounts("Resources filtered or quarantined, more or fewer", comparison.outcomes());
  std::printf("\ncompare: %llu subjects; rows: %llu changed, %llu added, %llu removed, %llu the same\n",
              static_cast<unsigned long long>(comparison.subjects()), static_cast<unsigned long long>(changed),
              static_cast<unsigned long long>(added), static_cast<unsigned long long>(removed),
              static_cast<unsigned long long>(same));
  if (!comparison.same()) exitWith(kExitData);
}

// Projects every subject both ways.
class Both {
 public:
  Both(std::shared_ptr<const collection::Collection> before, std::shared_ptr<const collection::Collection> after,
       std::size_t examples)
      : comparison(before, after, examples), before_(std::move(before)), after_(std::move(after)) {}

  Result<void> add(std::span<const collection::Input> inputs, std::span<const collection::Input> shared,
                   collection::ProjectOptions options) {
    options.lineage = false;
    TRY_ASSIGN(const collection::Projection before, before_.project(inputs, shared, options));
    TRY_ASSIGN(const collection::Projection after, after_.project(inputs, shared, options));
    comparison.add(before, after);
    return {};
  }

  Comparison comparison;

 private:
  Projector before_, after_;
};

std::filesystem::path otherFolder(const CollectionInput& input, const CompareOptions& options) {
  const std::filesystem::path named = options.other;
  if (std::filesystem::exists(named / "collection.json")) return named;
  CollectionInput there = input;
  there.collection = options.other;
  return collectionFolder(there);
}

void compareFiles(const CollectionInput& input, const CompareOptions& options) {
  const auto before = requireCollection(input);
  const auto after = requireCollectionIn(otherFolder(input, options), input);
  const auto bench = requireResources(input, before);
  Both both(before, after, options.examples);
  const auto done = bench->each([&](const collection::BenchSubject& subject) {
    collection::ProjectOptions project;
    project.scope = subject.scope;
    return both.add(subject.inputs, subject.shared, project);
  });
  if (!done) failWith(done.error());
  print(both.comparison);
}

void compareCaseload(const CollectionInput& input, const CompareOptions& options) {
  const StoredGateway gateway = openStoredGateway(options.config);
  CollectionInput there = input;
  there.mappings = gateway.folder.parent_path().parent_path().string();
  collection::LoadOptions settings;
  settings.settings = gateway.config.settings;
  const auto after = loadCollection(otherFolder(there, options), settings);
  Both both(gateway.collection, after, options.examples);
  const auto done = gateway.subjects->each([&](const pipeline::StoredSubjects::Subject& subject) {
    return both.add(subject.inputs, subject.shared, subject.options);
  });
  if (!done) failWith(done.error());
  print(both.comparison);
}

}  // namespace

void compareMappings(const CollectionInput& input, const CompareOptions& options) {
  if (options.config.empty()) return compareFiles(input, options);
  compareCaseload(input, options);
}

}  // namespace tributary::cli
