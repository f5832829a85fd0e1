// What a configuration names, tried without making or asking anything.
#include <unistd.h>

#include <algorithm>

#include "collection/collection.h"
#include "pipeline/config.h"
#include "pipeline/mesh_options.h"
#include "terminology/terminology.h"

namespace tributary::pipeline {
namespace {

namespace fs = std::filesystem;

class Checker {
 public:
  Checker(const Config& config, const GatewayPaths& paths) : config_(config), paths_(paths) {}

  std::vector<Issue> run() {
    folder("gateway.state", config_.state);
    checkCollection();
    for (std::size_t i = 0; i < config_.sources.size(); ++i) {
      const SourceConfig& source = config_.sources[i];
      const std::string at = "source[" + std::to_string(i) + "]";
      if (source.kind == SourceKind::kFiles) folder(at + ".folder", source.folder);
      tls(at, source);
    }
    for (std::size_t i = 0; i < config_.destinations.size(); ++i) {
      const DestinationConfig& destination = config_.destinations[i];
      const std::string at = "destination[" + std::to_string(i) + "]";
      for (const auto& [key, file] : {std::pair{".layout", destination.layout}, {".template", destination.access_template}, {".filler", destination.access_tool}}) {
        if (!file.empty() && ::access(file.c_str(), R_OK) != 0) add(at + key, file.string() + " cannot be read", "Name a file that the gateway's user may read.");
      }
      if (destination.kind == DestinationKind::kFolder) {
        folder(at + ".folder", destination.folder);
        continue;
      }
      tls(at, destination);
      deliver::MeshOptions options = meshOptions(destination, fs::temp_directory_path());
      options.tls = {};  // looked at above
      for (const deliver::MeshOptionFault& fault : deliver::completeMeshOptions(options)) {
        add(at + "." + fault.option, "'" + std::string(fault.option) + "' " + fault.text, "See 'tributary config keys' for what this kind of destination needs.");
      }
    }
    return std::move(issues_);
  }

 private:
  // At the key, else at the nearest table around it that the file has.
  void add(std::string path, std::string text, std::string remedy) {
    std::string key = path;
    auto place = config_.places.find(key);
    while (place == config_.places.end() && key.find('.') != std::string::npos) {
      key.resize(key.rfind('.'));
      place = config_.places.find(key);
    }
    const Place at = place == config_.places.end() ? Place{} : place->second;
    issues_.push_back({Severity::kError, "config", std::move(path), Issue::kNoOffset, at.line, at.column, std::move(text), std::move(remedy)});
  }

  // A folder that is there and can be written, or that can be made.
  void folder(const std::string& path, const fs::path& wanted) {
    std::error_code error;
    fs::path there = wanted;
    while (!there.empty() && there != there.parent_path() && !fs::exists(there, error)) there = there.parent_path();
    if (!fs::is_directory(there, error)) {
      add(path, there.string() + " is no folder", "Name a folder.");
    } else if (::access(there.c_str(), W_OK | X_OK) != 0) {
      add(path, "the folder " + there.string() + " cannot be written", "Let the gateway's user write there, or name another.");
    }
  }

  template <class Part>
  void tls(const std::string& at, const Part& part) {
    const std::pair<const char*, const std::string&> files[] = {
        {".ca_file", part.ca_file}, {".certificate_file", part.certificate_file}, {".key_file", part.key_file}};
    for (const auto& [key, file] : files) {
      if (!file.empty() && ::access(file.c_str(), R_OK) != 0) add(at + key, file + " cannot be read", "Name a PEM file that the gateway's user may read.");
    }
    if (part.certificate_file.empty() != part.key_file.empty()) {
      add(at + (part.key_file.empty() ? ".certificate_file" : ".key_file"), "a client certificate and its key go together", "Name both or neither.");
    }
  }

  void checkCollection() {
    const auto open = terminology::Definitions::open(paths_.definitions);
    if (!open) return add("collection", open.error().text, "deploy/install makes the definitions, as does 'tributary package compile'.");
    const fs::path at = (config_.mappings.empty() ? paths_.mappings : config_.mappings) / config_.collection;
    std::error_code error;
    if (!fs::exists(at / "collection.json", error)) {
      return add("collection.id", "there is no collection " + config_.collection, "Name a folder of the mappings that holds a collection.json, such as name/1.0.");
    }
    const auto overlays = collection::Collection::terminologyFolders(at);
    if (!overlays) return add("collection.id", overlays.error().text, "Mend the collection.");
    auto terms = terminology::Terminology::load(*open, *overlays);
    if (!terms) return add("collection.id", terms.error().text, "Mend the collection.");
    std::vector<Issue> found;
    const auto loaded = collection::Collection::load(at, *open, std::move(*terms), {config_.settings}, found);
    bool told = false;
    for (Issue& issue : found) {
      if (issue.severity > Severity::kError) continue;
      told = true;
      if (issue.rule == "collection-setting") {
        add(issue.path, std::move(issue.text), std::move(issue.remedy));
      } else {
        add("collection.id", issue.path + ":" + std::to_string(issue.line) + ": " + issue.text, std::move(issue.remedy));
      }
    }
    if (!loaded && !told) add("collection.id", loaded.error().text, "Mend the collection.");
  }

  const Config& config_;
  const GatewayPaths& paths_;
  std::vector<Issue> issues_;
};

}  // namespace

std::vector<Issue> checkConfig(const Config& config, const GatewayPaths& paths) {
  std::vector<Issue> issues = Checker(config, paths).run();
  std::stable_sort(issues.begin(), issues.end(), [](const Issue& a, const Issue& b) { return a.line < b.line; });
  return issues;
}

deliver::MeshOptions meshOptions(const DestinationConfig& destination, const std::filesystem::path& state) {
  deliver::MeshOptions options;
  options.name = destination.name;
  options.url = destination.url;
  options.mailbox = destination.mailbox;
  options.recipient = destination.recipient;
  options.workflow = destination.workflow;
  options.password = Redacted<std::string>(destination.password);
  options.shared_key = Redacted<std::string>(destination.shared_key);
  options.tls = {destination.ca_file, destination.certificate_file, destination.key_file, {}, destination.check_host_name};
  options.allow_http = destination.url.starts_with("http://127.") || destination.url.starts_with("http://localhost");
  options.chunk_bytes = destination.chunk_bytes;
  options.poll_interval = destination.poll;
  options.temp_dir = state / "outbox";
  return options;
}

}  // namespace tributary::pipeline
