#include "cli/synth_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/simulate_command.h"
#include "simulator/synth.h"

namespace tributary::cli {
namespace {

struct Options {
  simulator::CaseloadOptions caseload;
  std::string out, form = "ndjson", day = "2026-01-31", truth;
};

void run(Options& options) {
  const auto now = caseloadDay(options.day);
  if (!now) {
    std::fprintf(stderr, "error: --day is not a date such as 2026-01-31\n");
    exitWith(kExitUsage);
  }
  options.caseload.now = *now;
  const auto start = std::chrono::steady_clock::now();
  const simulator::Caseload caseload(options.caseload);
  const auto form = options.form == "bundle" ? simulator::SynthForm::kBundle : simulator::SynthForm::kNdjson;
  const auto report = simulator::writeCaseload(caseload, options.out, form);
  if (!report) failWith(report.error());
  if (!options.truth.empty()) {
    const auto written = writeFileDurably(options.truth, simulator::faultsJson(caseload));
    if (!written) failWith(written.error());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const auto& [type, n] : report->by_type) fmt::print("{:<20} {:>10}\n", type, n);
  fmt::print("synth: {} resources of {} patients, {} MB, {} files in {:.1f} s ({:.0f} resources/s)\n",
             report->resources, options.caseload.patients, report->bytes / 1'000'000, report->files, seconds,
             static_cast<double>(report->resources) / std::max(seconds, 1e-6));
}

}  // namespace

void addSynthCommand(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      root.add_subcommand("synth", "Write a synthetic caseload (UK Core shaped FHIR R4) to files");
  command->add_option("--patients", options->caseload.patients, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, 9'999'999));
  command->add_option("--seed", options->caseload.seed, "The same seed and day give the same bytes")
      ->capture_default_str();
  command->add_option("-o,--out", options->out, "Folder to write to")->required();
  command
      ->add_option("--format", options->form,
                   "ndjson (one file a type) or bundle (one transaction a patient)")
      ->check(CLI::IsMember({"ndjson", "bundle"}))
      ->capture_default_str();
  command->add_option("--day", options->day, "The day on which the caseload stands")->capture_default_str();
  command->add_option("--days", options->caseload.history_days, "Days of referrals before it")
      ->capture_default_str()
      ->check(CLI::Range(1, 3650));
  command->add_option("--faults", options->caseload.fault_share, "Share of patients with a planted fault")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--truth", options->truth, "File for the list of planted faults (JSON)");
  command->callback([options] { run(*options); });
}

}  // namespace tributary::cli
