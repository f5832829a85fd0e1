#include "cli/run_command.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/config_command.h"
#include "cli/progress.h"
#include "pipeline/gateway.h"

namespace tributary::cli {
namespace {

struct Options {
  std::string config;
  bool until_drained = false;
  bool progress = false, journal_only = false, timings = false;
  std::string closing = "run";
};

// Signals are blocked in every thread and taken here, one at a time: SIGINT and SIGTERM end, the second one at once.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }
  // True when one came within the time.
  bool wait(Duration time) {
    const timespec timeout{time.count() / 1000, (time.count() % 1000) * 1'000'000};
    return sigtimedwait(&set_, nullptr, &timeout) > 0;
  }
  // A second signal while stopping ends the process as it is: the journal makes that safe.
  void release() { pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

 private:
  sigset_t set_;
};

void run(const Options& options) {
  Signals signals;  // before any thread starts
  static const SystemClock clock;
  pipeline::Config config = requireConfig(options.config, true);
  config.journal_only = options.journal_only;
  auto gateway = pipeline::Gateway::create(std::move(config), {definitionsPath(), shareFolder("fhir-mappings"), accessTool()}, clock);
  if (!gateway) failWith(gateway.error());
  const auto begin = std::chrono::steady_clock::now();
  if (auto started = (*gateway)->start(); !started) failWith(started.error());

  Progress progress(**gateway, stderrIsTerminal());
  bool signalled = false;
  int drained = 0;
  Instant drawn{};
  auto end = begin;
  while (!signalled && drained < 3) {
    signalled = signals.wait(Duration{options.until_drained ? 20 : 250});
    if (options.progress && clock.now() - drawn >= Duration{250}) {
      progress.draw();
      drawn = clock.now();
    }
    if (!options.until_drained) continue;
    // Seen three times in a row, since work passes from stage to stage between two looks.
    drained = (*gateway)->drained() ? drained + 1 : 0;
    if (drained == 1) end = std::chrono::steady_clock::now();
    if ((*gateway)->projected()) (*gateway)->hurry();
  }
  if (options.progress) progress.draw(true);
  const pipeline::GatewayStatus status = (*gateway)->status();
  signals.release();
  (*gateway)->stop();
  if (!options.until_drained || options.journal_only) return;
  if (options.timings) printTimings(status, std::chrono::duration<double>(end - begin).count());
  auto counts = (*gateway)->reconcile();
  if (!counts) failWith(counts.error());
  std::uint64_t kept = 0;
  for (const pipeline::LaneStatus& lane : status.lanes) kept += lane.kept;
  const std::uint64_t unaccounted = printAccount(*counts, options.closing, kept);
  if (unaccounted != 0 || signalled) exitWith(kExitData);
}

}  // namespace

void addRunCommand(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* command = root.add_subcommand("run", "Run the gateway: take FHIR in, map it, deliver it, until it is told to stop");
  command->add_option("-c,--config", options->config, "Configuration file (TOML)")->required()->check(CLI::ExistingFile);
  command->add_flag("--until-drained", options->until_drained, "End when all sources are caught up and every row has its answer");
  command->add_flag("--progress", options->progress, "Show what happens on stderr");
  command->add_flag("--journal-only", options->journal_only, "Take in, but project and deliver nothing");
  command->add_flag("--timings", options->timings, "With --until-drained: where the time went");
  command->add_option("--closing", options->closing, "Name at the front of the closing line")->group("");
  command->callback([options] { run(*options); });
}

}  // namespace tributary::cli
