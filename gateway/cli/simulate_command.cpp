#include "cli/simulate_command.h"

#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "simulator/epr_server.h"
#include "simulator/mesh_server.h"
#include "simulator/national_collector.h"

namespace tributary::cli {
namespace {

struct Options {
  simulator::CaseloadOptions caseload;
  std::string address = "127.0.0.1", day;
  std::uint16_t epr_port = 0, mesh_port = 0;
  double live = 0;
  std::string mailbox = "X26SIM1", recipient = "X26NAT1", password = "password", shared_key = "TestKey";
  net::TlsServerOptions tls;
};

void run(Options& options) {
  // Before any thread starts, so that all of them leave these signals to sigwait below.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const SystemClock clock;
  // By the date, not by the hour: whoever starts it again later in the day meets the same caseload, which holds nothing of the
  // future. Asked once, so that a run over midnight stays on the day on which it began.
  options.caseload.now = simulator::endOfLastDay(clock.now());
  if (!options.day.empty()) {
    const auto day = caseloadDay(options.day);
    if (!day) {
      std::fprintf(stderr, "error: --day is not a date such as 2026-01-31\n");
      exitWith(kExitUsage);
    }
    options.caseload.now = std::min(*day, options.caseload.now);
  }
  const simulator::Caseload caseload(options.caseload);
  simulator::EprServer epr({.address = options.address, .port = options.epr_port}, clock);
  epr.load(caseload);
  if (const auto started = epr.start(); !started) failWith(started.error());

  simulator::MeshOptions mesh_options;
  mesh_options.address = options.address;
  mesh_options.port = options.mesh_port;
  mesh_options.shared_key = options.shared_key;
  mesh_options.tls = options.tls;
  mesh_options.mailboxes = {
      {options.mailbox, options.password, "RZZ", "Provider (simulated)", {}, {}},
      {options.recipient, options.password, "X26", "National collector (simulated)", {}, {}}};
  simulator::NationalCollector collector(clock);
  simulator::MeshServer mesh(mesh_options, clock);
  collector.attach(mesh, options.recipient);
  if (const auto started = mesh.start(); !started) failWith(started.error());

  fmt::print(
      "{{\"epr\":\"{}\",\"eprPort\":{},\"mesh\":\"{}\",\"meshPort\":{},\"national\":\"{}/national/"
      "summary\",\"mailbox\":\"{}\","
      "\"recipient\":\"{}\",\"patients\":{},\"resources\":{}}}\n",
      epr.fhir(), epr.port(), mesh.url(), mesh.port(), mesh.url(), options.mailbox, options.recipient,
      options.caseload.patients, epr.counts().resources);
  std::fflush(stdout);
  if (options.live > 0) epr.live(caseload, options.live);

  int signal = 0;
  sigwait(&ends, &signal);
  epr.stop();
  mesh.stop();
}

}  // namespace

std::optional<Instant> caseloadDay(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  int year = 0;
  unsigned month = 0, day = 0;
  const auto read = [&](std::size_t at, std::size_t n, auto& out) {
    const char* end = text.data() + at + n;
    const auto [stop, error] = std::from_chars(text.data() + at, end, out);
    return error == std::errc() && stop == end;
  };
  if (!read(0, 4, year) || !read(5, 2, month) || !read(8, 2, day)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || year < 1980 || year > 2200) return std::nullopt;
  return simulator::endOfDay(year, month, day);
}

void addSimulateCommand(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* command = root.add_subcommand(
      "simulate", "Serve a synthetic record system (FHIR R4) and a national endpoint (MESH) to practise on");
  command->add_option("--address", options->address, "Address to listen on")->capture_default_str();
  command->add_option("--epr-port", options->epr_port, "Port of the record system; 0: any free one")
      ->capture_default_str();
  command->add_option("--mesh-port", options->mesh_port, "Port of the national endpoint; 0: any free one")
      ->capture_default_str();
  command->add_option("--patients", options->caseload.patients, "Size of the caseload")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--seed", options->caseload.seed, "The same seed and day give the same caseload")
      ->capture_default_str();
  command->add_option("--day", options->day, "The day at whose end the caseload stands (default, and the latest there is: yesterday)");
  command->add_option("--days", options->caseload.history_days, "Days of referrals before it")
      ->capture_default_str()
      ->check(CLI::Range(1, 3650));
  command->add_option("--faults", options->caseload.fault_share, "Share of patients with a planted fault")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--history", options->caseload.history, "Hold every earlier version and delete too");
  command->add_option("--live", options->live, "Events a second while it runs (0: nothing changes)")
      ->check(CLI::Range(0.0, 10'000.0));
  command->add_option("--mailbox", options->mailbox, "The provider's MESH mailbox")->capture_default_str();
  command->add_option("--recipient", options->recipient, "The national mailbox")->capture_default_str();
  command->add_option("--password", options->password, "Password of both mailboxes")->capture_default_str();
  command->add_option("--shared-key", options->shared_key, "The environment's shared key")
      ->capture_default_str();
  command->add_option("--tls-certificate", options->tls.certificate_file, "PEM; MESH over HTTPS");
  command->add_option("--tls-key", options->tls.key_file, "PEM");
  command->add_option("--tls-client-ca", options->tls.client_ca_file,
                      "PEM; require client certificates of it");
  command->callback([options] { run(*options); });
}

}  // namespace tributary::cli
