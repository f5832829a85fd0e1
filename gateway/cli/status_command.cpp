#include "cli/status_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "cli/command.h"
#include "cli/config_command.h"
#include "fhir/json_reader.h"
#include "net/http_client.h"

namespace tributary::cli {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

struct Options {
  std::string config;
  bool watch = false, json = false;
};

Result<std::string> fetch(net::HttpClient& client, const std::string& url) {
  net::Request request;
  request.url = url;
  auto response = client.send(request);
  if (!response) {
    return fail(response.error().code, "no gateway answers at " + url + " (" + response.error().text + "). Is it running with this configuration?");
  }
  if (!response->ok()) return fail(ErrorCode::kUnavailable, url + " was answered with " + std::to_string(response->status));
  return std::move(response->body);
}

std::string text(const Document& d, NodeIndex object, std::string_view name) {
  const NodeIndex node = d.member(object, name);
  return node == kNoNode ? "" : std::string(d.scalar(node));
}

template <class Visit>
void each(const Document& d, NodeIndex object, std::string_view name, Visit visit) {
  const NodeIndex array = d.member(object, name);
  if (array == kNoNode) return;
  for (NodeIndex i = array + 1; i < d[array].next; i = d[i].next) visit(i);
}

std::string table(const Document& d) {
  std::string out = fmt::format("{}  ·  {}  ·  running since {}{}\n\n", text(d, 0, "title"), text(d, 0, "collection"), text(d, 0, "started"),
                                text(d, 0, "drained") == "true" ? "  ·  all done" : "");
  out += fmt::format("{:<14} {:<8} {:>12} {:>12} {:>9} {:>9}  {}\n", "SOURCE", "KIND", "RECEIVED", "STORED", "KNOWN", "REJECTED", "STATE");
  each(d, 0, "sources", [&](NodeIndex s) {
    const bool healthy = text(d, s, "healthy") == "true";
    out += fmt::format("{:<14} {:<8} {:>12} {:>12} {:>9} {:>9}  {}\n", text(d, s, "name"), text(d, s, "kind"), text(d, s, "received"),
                       text(d, s, "stored"), text(d, s, "duplicates"), text(d, s, "rejected"),
                       healthy ? text(d, s, "doing") : "! " + text(d, s, "lastError") + ", next attempt " + text(d, s, "nextAttempt"));
  });
  each(d, 0, "subscriptions", [&](NodeIndex s) {
    out += fmt::format("  subscription {:<20} {:<10} {:>8} notifications  {}\n", text(d, s, "type"), text(d, s, "state"),
                       text(d, s, "notifications"), text(d, s, "proven") == "true" ? "" : "unproven: the source has not called yet");
  });
  const NodeIndex projection = d.member(0, "projection"), store = d.member(0, "store");
  out += fmt::format("\nprojection     {} subjects waiting, {} rows changed, {} quarantined, {} failures\n", text(d, store, "dirtySubjects"),
                     text(d, projection, "changedRows"), text(d, projection, "quarantined"), text(d, projection, "failures"));
  out += fmt::format("store          {} rows waiting to go, {} MB\n\n", text(d, store, "pendingRows"),
                     std::strtoull(text(d, store, "fileBytes").c_str(), nullptr, 10) / 1'000'000);
  out += fmt::format("{:<14} {:<8} {:>12} {:>12} {:>12}  {}\n", "DESTINATION", "KIND", "SUBMISSIONS", "ACCEPTED", "REJECTED", "STATE");
  each(d, 0, "destinations", [&](NodeIndex s) {
    const bool healthy = text(d, s, "healthy") == "true";
    out += fmt::format("{:<14} {:<8} {:>12} {:>12} {:>12}  {}\n", text(d, s, "name"), text(d, s, "kind"), text(d, s, "submissions"),
                       text(d, s, "accepted"), text(d, s, "rejected"),
                       healthy ? text(d, s, "doing") : "! " + text(d, s, "lastError") + ", next attempt " + text(d, s, "nextAttempt"));
    if (const std::string next = text(d, s, "next"); !next.empty()) {
      out += fmt::format("  {:<10} period {}, next: {}\n", text(d, s, "mode"), text(d, s, "period"), next);
    }
    each(d, s, "windows", [&](NodeIndex w) { out += fmt::format("  open       {}\n", d.scalar(w)); });
    each(d, s, "held", [&](NodeIndex h) { out += fmt::format("  ! held     {} rows of {}: {}\n", text(d, h, "rows"), text(d, h, "month"), text(d, h, "reason")); });
    each(d, s, "alarms", [&](NodeIndex a) { out += fmt::format("  ! alarm    {}\n", d.scalar(a)); });
  });
  return out;
}

void status(const Options& options) {
  const pipeline::Config config = requireConfig(options.config);
  net::HttpClient client;
  fhir::JsonReader reader;
  Document document;
  int lines = 0;
  for (;;) {
    auto body = fetch(client, "http://" + config.admin + "/status");
    if (!body) failWith(body.error());
    if (options.json) {
      std::printf("%s\n", body->c_str());
    } else {
      if (!reader.read(*body, document) || document.member(0, "collection") == kNoNode) {
        failWith({ErrorCode::kMalformed, {}, "what answers at http://" + config.admin + "/status is no Tributary gateway", {}});
      }
      const std::string shown = table(document);
      if (lines > 0 && stdoutIsTerminal()) std::printf("\x1b[%dA\x1b[J", lines);
      std::fputs(shown.c_str(), stdout);
      std::fflush(stdout);
      lines = static_cast<int>(std::count(shown.begin(), shown.end(), '\n'));
    }
    if (!options.watch) return;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

void addStatusCommand(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* command = root.add_subcommand("status", "Show what a running gateway is doing");
  command->add_option("-c,--config", options->config, "Configuration file of the running gateway")->required()->check(CLI::ExistingFile);
  command->add_flag("--watch", options->watch, "Go on, once a second");
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options] { status(*options); });
}

}  // namespace tributary::cli
