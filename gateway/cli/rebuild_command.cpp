#include "cli/rebuild_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "base/civil_date.h"
#include "base/clock.h"
#include "cli/config_command.h"
#include "cli/stored_gateway.h"
#include "fhir/json_reader.h"
#include "net/http_client.h"
#include "net/url.h"
#include "pipeline/month_file.h"

namespace tributary::cli {
namespace {

using fhir::Document;
using fhir::kNoNode;
using fhir::NodeIndex;

struct Options {
  std::string month, config, destination, confirm, folder;
  bool preview = false, yes = false;
};

std::string text(const Document& d, NodeIndex object, std::string_view name) {
  const NodeIndex node = d.member(object, name);
  return node == kNoNode ? "" : std::string(d.scalar(node));
}

// Asks the running gateway; its own words where it refuses.
Document ask(const std::string& url, net::Method method) {
  net::HttpClient client;
  net::Request request;
  request.method = method;
  request.url = url;
  auto response = client.send(request);
  if (!response) {
    failWith(fail(response.error().code, "no gateway answers at " + url.substr(0, url.find("/destinations")) + " (" + response.error().text +
                                             "). Is it running with this configuration?").error());
  }
  Document document;
  fhir::JsonReader reader;
  fhir::ReadOptions own;
  own.own_text = true;
  if (!reader.read(response->body, document, own)) failWith(fail(ErrorCode::kMalformed, "the gateway's answer cannot be read").error());
  if (!response->ok()) failWith(fail(ErrorCode::kConflict, text(document, 0, "error")).error(), kExitData);
  return document;
}

const pipeline::DestinationConfig& destinationOf(const pipeline::Config& config, const std::string& name) {
  if (name.empty() && config.destinations.size() == 1) return config.destinations.front();
  for (const pipeline::DestinationConfig& one : config.destinations) {
    if (one.name == name) return one;
  }
  failWith(fail(ErrorCode::kInvalidArgument, name.empty() ? "there are several destinations: name one with --destination"
                                                          : "the configuration has no destination '" + name + "'").error(),
           kExitUsage);
}

// Files of the month in a folder, from the store as it is; nothing is sent and nothing is changed.
void write(const Options& options, const pipeline::DestinationConfig& destination) {
  static const SystemClock clock;
  const StoredGateway gateway = openStoredGateway(options.config);
  const auto zone = TimeZone::find(gateway.collection->timeZone());
  if (!zone) failWith(zone.error());
  const CivilTime now = zone->toCivil(clock.now());
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  const auto file = pipeline::writeMonthFile(*gateway.store, gateway.collection, destination, options.month, clock.now(),
                                             fmt::format("{}T{:02}:{:02}:{:02}", civilDay(now), now.hour, now.minute, now.second), options.folder);
  if (!file) failWith(file.error());
  std::printf("%s: %llu rows of %s%s; nothing was sent\n", file->file.c_str(), static_cast<unsigned long long>(file->rows), options.month.c_str(),
              file->left_out == 0 ? "" : fmt::format(", {} left out by a rule over the whole file", file->left_out).c_str());
  for (const std::string& fault : file->faults) std::printf("  it could not be sent: %s\n", fault.c_str());
  if (!file->faults.empty()) exitWith(kExitData);
}

// True: it can be sent.
bool show(const Document& d) {
  std::fputs(fmt::format("{} to {}: {} rows, {} of them not yet there; {} deletes; {} subjects left out\n", text(d, 0, "month"), text(d, 0, "destination"),
                         text(d, 0, "rows"), text(d, 0, "changed"), text(d, 0, "deletes"), text(d, 0, "leftOut")).c_str(), stdout);
  const auto each = [&](std::string_view name, auto visit) {
    const NodeIndex array = d.member(0, name);
    if (array == kNoNode) return;
    for (NodeIndex i = array + 1; i < d[array].next; i = d[i].next) visit(i);
  };
  each("tables", [&](NodeIndex t) {
    std::fputs(fmt::format("  {:<34} {:>10} rows {:>10} changed {:>8} deletes\n", text(d, t, "table"), text(d, t, "rows"), text(d, t, "changed"),
                           text(d, t, "deletes")).c_str(), stdout);
  });
  bool good = true;
  each("refusals", [&](NodeIndex i) {
    good = false;
    std::printf("  it cannot be sent: %s\n", std::string(d.scalar(i)).c_str());
  });
  return good;
}

void rebuild(const Options& options) {
  if (!parseMonth(options.month)) failWith(fail(ErrorCode::kInvalidArgument, "'" + options.month + "' is no month; write it as 2026-09").error(), kExitUsage);
  const pipeline::Config config = requireConfig(options.config);
  const pipeline::DestinationConfig& destination = destinationOf(config, options.destination);
  if (!options.folder.empty()) return write(options, destination);
  const std::string url = "http://" + config.admin + "/destinations/" + net::percentEncode(destination.name) + "/rebuild?period=" + options.month;
  std::string confirm = options.confirm;
  if (confirm.empty()) {
    const Document preview = ask(url, net::Method::kGet);
    const bool good = show(preview);
    confirm = text(preview, 0, "confirm").substr(0, 12);
    if (!good) exitWith(kExitData);
    if (options.preview) {
      std::printf("To send it: tributary rebuild %s -c %s --destination %s --confirm %s\n", options.month.c_str(), options.config.c_str(),
                  destination.name.c_str(), confirm.c_str());
      return;
    }
    if (!options.yes) {
      if (::isatty(STDIN_FILENO) == 0) failWith(fail(ErrorCode::kInvalidArgument, "nothing was sent: give --confirm DIGEST or --yes").error(), kExitUsage);
      std::printf("Send it? Type yes: ");
      std::fflush(stdout);
      std::string answer;
      std::getline(std::cin, answer);
      if (answer != "yes") failWith(fail(ErrorCode::kInvalidArgument, "nothing was sent").error(), kExitData);
    }
  }
  const Document done = ask(url + "&confirm=" + net::percentEncode(confirm), net::Method::kPost);
  std::printf("%s of %s %s submission %s\n", destination.name.c_str(), options.month.c_str(),
              text(done, 0, "repeated") == "true" ? "had been ordered before: it is" : "goes out as", text(done, 0, "submission").c_str());
}

}  // namespace

void addRebuildCommand(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* command = root.add_subcommand("rebuild", "Send a past month again from what is held, after a preview; or write its file into a folder");
  command->add_option("month", options->month, "Month, such as 2026-09")->required();
  command->add_option("-c,--config", options->config, "Configuration file of the running gateway")->required()->check(CLI::ExistingFile);
  command->add_option("--destination", options->destination, "Name of the destination; may be left out where there is one");
  command->add_flag("--preview", options->preview, "Count what would be sent, and send nothing");
  command->add_option("--confirm", options->confirm, "Digest of the preview: send exactly that");
  command->add_flag("--yes", options->yes, "Send what the preview shows without asking");
  command->add_option("-o,--out", options->folder, "Write the file of the month into this folder instead; needs no running gateway, sends nothing");
  command->callback([options] { rebuild(*options); });
}

}  // namespace tributary::cli
