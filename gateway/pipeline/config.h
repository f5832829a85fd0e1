#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/issue.h"
#include "base/result.h"
#include "deliver/assembly.h"

namespace tributary::pipeline {

// A secret is named in the configuration, never written in it: { env = "NAME" } or { file = "path" }.
struct Secret {
  std::string value;
};

enum class SourceKind : std::uint8_t { kSearch, kPush, kFiles };

struct SourceConfig {
  std::string name;
  SourceKind kind = SourceKind::kSearch;
  std::uint32_t line = 0;

  // search
  std::string url;                      // base of the FHIR server
  std::vector<std::string> types;       // resource types to ask for
  Duration interval{5'000};             // between polls
  Duration overlap{10'000};             // windows reach back this far
  Duration window{86'400'000};          // longest span that one search asks for
  std::uint32_t page_size = 500;
  std::string since;                    // where the first window starts; empty: ask without a lower bound
  std::string bearer_token;             // from a Secret
  std::string ca_file, certificate_file, key_file;
  bool subscribe = false;               // create rest-hook subscriptions at the source as wake-up calls
  std::string notify_url;               // how the source reaches our listener; empty: the listener's own address

  // push
  std::string token;                    // from a Secret; empty: only loopback may push

  // files
  std::filesystem::path folder;         // holds in/, done/, failed/
  bool remove_done = false;             // delete instead of moving to done/
};

enum class DestinationKind : std::uint8_t { kFolder, kMesh };
enum class DeliveryMode : std::uint8_t { kContinuous, kDaily, kMonthly };

struct DestinationConfig {
  std::string name;
  DestinationKind kind = DestinationKind::kFolder;
  std::uint32_t line = 0;
  DeliveryMode mode = DeliveryMode::kContinuous;
  deliver::FileForm format = deliver::FileForm::kCsvZip;
  std::string at = "02:00";                 // daily, monthly: civil time of the collection's zone
  std::optional<std::uint32_t> late_days;   // daily: how far back rows are still corrected; none: what the collection's calendar says
  std::uint32_t days_before_close = 2;      // monthly: how long before its window closes a month is sent
  Duration linger{2'000};                   // continuous: how long rows may wait to share a submission
  std::uint32_t max_rows = 100'000;         // in one submission
  Duration receipt_patience{3'600'000};     // how long an answer may take before it is an alarm
  std::uint32_t keep_days = 30;             // how long a file stays in the outbox once its outcome is final

  // forms (forms.h)
  std::filesystem::path layout;             // xml
  std::filesystem::path access_template;    // accdb: the blank database
  std::filesystem::path access_tool;        // accdb: what fills it
  Duration access_patience{600'000};        // accdb: how long that may take

  // folder
  std::filesystem::path folder;
  bool expect_receipts = false;             // else a row is accepted when the file is durable

  // mesh
  std::string url, mailbox, recipient, workflow;
  std::string password, shared_key;         // from Secrets
  std::string ca_file, certificate_file, key_file;
  bool check_host_name = true;
  std::uint64_t chunk_bytes = 20'000'000;
  Duration poll{300'000};
};

struct Place {
  std::uint32_t line = 0, column = 0;  // from 1
};

struct Config {
  std::map<std::string, Place> places;      // where a key stands in the file: "gateway.listen", "source[0].url", "source[0]"
  std::filesystem::path path;               // of the file it came from
  std::filesystem::path state = "state";    // folder of the store
  std::string listen = "127.0.0.1:8480";    // push and notifications; "" switches it off
  std::string admin = "127.0.0.1:8481";     // health, metrics, status
  std::uint32_t workers = 0;                // 0: one a core
  std::uint64_t max_resource_bytes = std::uint64_t{32} << 20;
  bool lineage = true;
  bool journal_only = false;                // take in, but project and deliver nothing (set by the command line)
  std::string log_level = "info";
  std::string log_format = "json";          // json | text

  std::string collection;                   // "name/1.0": a folder of the mappings
  std::filesystem::path mappings;           // folder that holds collections; empty: the shipped one
  std::filesystem::path calendar;           // the user's own calendar file; empty: the collection's
  std::map<std::string, std::string> settings;  // values the collection asks for (provider, submitter, …)

  std::vector<SourceConfig> sources;
  std::vector<DestinationConfig> destinations;
};

struct GatewayPaths {
  std::filesystem::path definitions;   // compiled definitions
  std::filesystem::path mappings;      // shipped collections
  std::filesystem::path access_tool{}; // fills Access databases; needed for format = "accdb" only
};

struct ConfigResult {
  std::optional<Config> config;   // empty when there is an error among the issues
  std::vector<Issue> issues;      // with line and column, in the order of the file
};

struct Address {
  std::string host;
  std::uint16_t port = 0;
};
// "127.0.0.1:8480" or "[::1]:8480".
Result<Address> parseAddress(const std::string& text);

// All errors at once. Relative paths are taken from the folder of the file.
// `secrets`: false where nothing is sent or taken in their name, so that who looks at a gateway need not hold them; they
// are checked for their form and left empty.
ConfigResult loadConfig(const std::filesystem::path& path, bool secrets = true);

// Tries what a configuration that has been read names: the collection and its settings, folders, files of TLS, the
// destinations. Makes nothing and asks no server. All that is wrong, with line and column.
std::vector<Issue> checkConfig(const Config& config, const GatewayPaths& paths);

// One table of every key with its type, default and meaning, as Markdown; what docs/reference and --help show.
std::string describeConfig();

}  // namespace tributary::pipeline
