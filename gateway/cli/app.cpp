#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/fault_point.h"
#include "cli/command.h"
#include "cli/config_command.h"
#include "cli/coverage_command.h"
#include "cli/explain_command.h"
#include "cli/feedback_command.h"
#include "cli/fhirpath_command.h"
#include "cli/map_command.h"
#include "cli/mapping_command.h"
#include "cli/package_command.h"
#include "cli/rebuild_command.h"
#include "cli/run_command.h"
#include "cli/simulate_command.h"
#include "cli/status_command.h"
#include "cli/synth_command.h"
#include "cli/test_command.h"
#include "cli/view_command.h"

namespace tributary::cli {

int runCommandLine(int argc, char** argv) {
  CLI::App root{"Tributary: takes FHIR from a record system, maps it to a national collection, delivers it", "tributary"};
  root.set_version_flag("--version", "tributary 0.1.0");
  root.require_subcommand(1);
  root.get_formatter()->column_width(34);

  addRunCommand(root);
  addStatusCommand(root);
  addRebuildCommand(root);
  addConfigCommand(root);
  addMapCommand(root);
  addExplainCommand(root);
  addCoverageCommand(root);
  addFeedbackCommand(root);
  addTestCommand(root);
  addMappingCommand(root);
  addFhirpathCommand(root);
  addViewCommand(root);
  addPackageCommand(root);
  addSynthCommand(root);
  addSimulateCommand(root);
  // For the crash tests: every place at which TRIBUTARY_FAULT can end the process.
  root.add_subcommand("fault-points", "List the fault points")->group("")->callback([] {
    for (const std::string_view name : fault::names()) std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
  });

  try {
    root.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    const int code = root.exit(error);
    return code == 0 ? 0 : kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return kExitFault;
  }
  return 0;
}

}  // namespace tributary::cli
