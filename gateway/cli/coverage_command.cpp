#include "cli/coverage_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "cli/collection_bench.h"
#include "cli/stored_gateway.h"
#include "collection/aggregations.h"
#include "collection/coverage.h"
#include "fhir/reference.h"

namespace tributary::cli {
namespace {

using collection::Coverage;
using collection::FieldCoverage;
using collection::Table;
using collection::TableCoverage;

struct CoverageOptions {
  CollectionInput input;
  std::string by = "source", config, at;
  bool problems = false, json = false;
  std::size_t codes = 5;
};

// ── by which system a row came ──

std::string referenceText(const fhir::Document& document, fhir::NodeIndex element) {
  if (element == fhir::kNoNode) return {};
  std::string out;
  fhir::forEachReference(
      document, [&](fhir::NodeIndex, std::string_view reference) { if (out.empty()) out = reference; }, element);
  return out;
}

// meta.source names the system that made a resource (FHIR R4 2.41.3); a fragment names the message, not the system.
std::string metaSource(const fhir::Document& document) {
  const fhir::NodeIndex meta = document.member(document.root(), "meta");
  const fhir::NodeIndex source = meta == fhir::kNoNode ? fhir::kNoNode : document.member(meta, "source");
  if (source == fhir::kNoNode) return {};
  const std::string_view text = document.scalar(source);
  return std::string(text.substr(0, text.find('#')));
}

std::string organisationOf(const fhir::Document& document) {
  for (const std::string_view name : {"serviceProvider", "managingOrganization", "organization", "custodian"}) {
    if (std::string found = referenceText(document, document.member(document.root(), name)); !found.empty())
      return found;
  }
  return {};
}

std::string systemOf(const collection::BenchResource& resource, const std::string& by) {
  if (by == "file") return resource.file;
  std::string name = by == "source" ? metaSource(resource.document) : organisationOf(resource.document);
  return name.empty() ? "(not named)" : name;
}

// ── on the screen ──

std::string bar(std::uint64_t filled, std::uint64_t all) {
  constexpr std::size_t kWidth = 10;
  const auto full = all == 0 ? 0 : static_cast<std::size_t>((filled * kWidth + all / 2) / all);
  std::string out;
  for (std::size_t i = 0; i < kWidth; ++i) out += i < full ? "█" : "·";
  return out;
}

std::string share(std::uint64_t filled, std::uint64_t all) {
  if (all == 0) return "    -";
  if (filled == all) return " 100%";
  char text[16];
  std::snprintf(text, sizeof text, "%4.1f%%", 100.0 * static_cast<double>(filled) / static_cast<double>(all));
  return text;
}

class Printer {
 public:
  Printer(const collection::Collection& collection, const Coverage& coverage, const CoverageOptions& options)
      : collection_(collection), coverage_(coverage), options_(options) {
    for (const TableCoverage& table : coverage.tables()) {
      for (const auto& [name, rows] : table.rows_by) systems_[name] += rows;
    }
  }

  void print() const {
    std::printf("%s\n", std::string(collection_.title()).c_str());
    if (systems_.size() > 1) legend();
    std::vector<std::size_t> order(coverage_.tables().size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (options_.problems) {
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return troubles(a) > troubles(b); });
    }
    for (const std::size_t t : order) table(t);
    std::printf("\ncoverage: %llu of %llu fields filled at least once\n",
                static_cast<unsigned long long>(coverage_.filledFields()),
                static_cast<unsigned long long>(coverage_.sentFields()));
  }

 private:
  static constexpr std::size_t kMostSystems = 4;  // columns; the rest is in --json

  void legend() const {
    std::printf("By %s:\n", options_.by.c_str());
    std::size_t n = 0;
    for (const auto& [name, rows] : systems_) {
      if (n == kMostSystems) {
        std::printf("  … %zu more, in --json\n", systems_.size() - n);
        break;
      }
      std::printf("  [%zu] %s  %llu rows\n", ++n, name.c_str(), static_cast<unsigned long long>(rows));
    }
  }

  // A field has a problem when a rule of it is broken, a code is not known, or a mandatory cell is empty.
  static bool trouble(const collection::Field& field, const FieldCoverage& count) {
    return field.sent && (!count.problems.empty() || !count.codes.empty() ||
                          (field.mandation == collection::Mandation::kMandatory && count.all.empty != 0));
  }
  std::uint64_t troubles(std::size_t t) const {
    std::uint64_t out = 0;
    for (const FieldCoverage& field : coverage_.tables()[t].fields) {
      for (const auto& [text, problem] : field.problems) out += problem.second;
    }
    return out;
  }

  void table(std::size_t t) const {
    const Table& table = collection_.tables()[t];
    const TableCoverage& count = coverage_.tables()[t];
    std::vector<std::size_t> order(table.fields.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (options_.problems) {
      std::erase_if(order, [&](std::size_t f) { return !trouble(table.fields[f], count.fields[f]); });
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return broken(count.fields[a]) > broken(count.fields[b]);
      });
      if (order.empty()) return;
    }
    std::printf("\n%s  %llu rows", table.name.c_str(), static_cast<unsigned long long>(count.rows));
    if (count.quarantined != 0) std::printf(", %llu quarantined", static_cast<unsigned long long>(count.quarantined));
    std::printf("\n");
    for (const std::size_t f : order) field(table.fields[f], count.fields[f]);
  }

  static std::uint64_t broken(const FieldCoverage& field) {
    std::uint64_t out = 0;
    for (const auto& [text, problem] : field.problems) out += problem.second;
    return out;
  }

  void field(const collection::Field& field, const FieldCoverage& count) const {
    std::printf("  %-34s %c ", field.name.c_str(), collection::mandationLetter(field.mandation));
    if (!field.sent) {
      std::printf("not sent: %s\n", field.unsent_reason.c_str());
      return;
    }
    const std::uint64_t all = count.all.filled + count.all.empty;
    std::printf("%s %s %8llu filled %8llu empty", bar(count.all.filled, all).c_str(), share(count.all.filled, all).c_str(),
                static_cast<unsigned long long>(count.all.filled), static_cast<unsigned long long>(count.all.empty));
    std::size_t n = 0;
    for (const auto& [name, rows] : systems_) {
      if (systems_.size() < 2 || n++ == kMostSystems) break;
      const auto by = count.by.find(name);
      std::printf("  [%zu]%s", n,
                  by == count.by.end() ? "    -" : share(by->second.filled, by->second.filled + by->second.empty).c_str());
    }
    std::printf("\n");
    for (const auto& [text, problem] : count.problems) {
      std::printf("    %8llu × %s (%s)\n", static_cast<unsigned long long>(problem.second), text.c_str(),
                  std::string(gradeName(problem.first)).c_str());
    }
    codes(count);
  }

  void codes(const FieldCoverage& count) const {
    std::vector<std::pair<std::string, std::uint64_t>> sorted(count.codes.begin(), count.codes.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (std::size_t i = 0; i < std::min(sorted.size(), options_.codes); ++i) {
      std::printf("    %8llu × code not known: %s\n", static_cast<unsigned long long>(sorted[i].second), sorted[i].first.c_str());
    }
    if (sorted.size() > options_.codes) std::printf("             … %zu more codes; --codes N shows more\n", sorted.size() - options_.codes);
  }

  const collection::Collection& collection_;
  const Coverage& coverage_;
  const CoverageOptions& options_;
  std::map<std::string, std::uint64_t> systems_;
};

void show(const collection::Collection& collection, const Coverage& counts, const CoverageOptions& options) {
  if (options.json) {
    std::printf("%s\n", counts.json().c_str());
  } else {
    Printer(collection, counts, options).print();
  }
}

// What a gateway holds now, by the name of its sources; one subject after the other.
void coverageOfGateway(const CoverageOptions& options) {
  const StoredGateway gateway = openStoredGateway(options.config);
  Coverage counts(gateway.collection);
  collection::Aggregations aggregations(gateway.collection, countingDay(*gateway.collection, options.at));
  collection::Projector projector(gateway.collection);
  const auto done = gateway.subjects->each([&](const pipeline::StoredSubjects::Subject& subject) -> Result<void> {
    collection::ProjectOptions project = subject.options;
    project.watch = &counts.watch();
    TRY_ASSIGN(const collection::Projection projection, projector.project(subject.inputs, subject.shared, project));
    counts.add(projection, [&](const collection::Row&) { return subject.source; });
    aggregations.add(projection);
    return {};
  });
  if (!done) failWith(done.error());
  for (const auto& counted : aggregations.finish()) counts.add(counted);
  show(*gateway.collection, counts, options);
}

void coverage(const CoverageOptions& options) {
  if (options.input.files.empty() == options.config.empty()) {
    failWith(fail(ErrorCode::kInvalidArgument, "give files with FHIR resources, or a gateway with -c").error(), kExitUsage);
  }
  if (!options.config.empty()) return coverageOfGateway(options);
  const auto collection = requireCollection(options.input);
  const auto bench = requireResources(options.input, collection);
  Coverage counts(collection);
  collection::Aggregations aggregations(collection, countingDay(*collection, options.at));
  collection::ProjectOptions project;
  project.watch = &counts.watch();
  const auto totals = bench->project(
      [&](const std::string&, std::span<const collection::BenchResource* const> resources,
          const collection::Projection& projection) {
        counts.add(projection, [&](const collection::Row& row) {
          return row.resource < resources.size() ? systemOf(*resources[row.resource], options.by) : "(not named)";
        });
        aggregations.add(projection);
      },
      project);
  if (!totals) failWith(totals.error());
  for (const auto& counted : aggregations.finish()) counts.add(counted);
  show(*collection, counts, options);
  if (!options.json) printTotals(*totals);
}

}  // namespace

void addCoverageCommand(CLI::App& root) {
  auto options = std::make_shared<CoverageOptions>();
  CLI::App* const command = root.add_subcommand(
      "coverage", "Show which national fields FHIR resources fill, and which codes do not fit");
  addCollectionOptions(*command, options->input, false);
  command->add_option("-c,--config", options->config, "a gateway: what it holds now, by the names of its sources")
      ->check(CLI::ExistingFile);
  addCountingDay(*command, options->at);
  command->add_option("--by", options->by, "source (meta.source), file, or organisation that a resource names")
      ->check(CLI::IsMember({"source", "file", "organisation"}))
      ->capture_default_str();
  command->add_flag("--problems", options->problems, "only fields with problems, the worst first");
  command->add_option("--codes", options->codes, "codes to show a field")->capture_default_str();
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { coverage(*options); });
}

}  // namespace tributary::cli
