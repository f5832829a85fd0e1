#include "pipeline/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <set>

#include <toml++/toml.h>

#include "base/civil_time.h"
#include "base/file.h"
#include "net/url.h"

namespace tributary::pipeline {
namespace {

// One key of the file: where it goes, and what a person needs to know about it. The same list drives reading,
// checking for unknown keys and the documentation.
enum class KeyType : std::uint8_t { kText, kPath, kWords, kNumber, kFlag, kDuration, kSecret, kChoice };

struct Key {
  const char* name;
  KeyType type;
  void* target;
  const char* meaning;
  bool required = false;
  std::vector<std::string_view> choices = {};  // kChoice: the n-th sets *target (a uint8_t enum) to n
};

std::string_view typeName(KeyType type) {
  switch (type) {
    case KeyType::kText: return "text";
    case KeyType::kPath: return "path";
    case KeyType::kWords: return "list of text";
    case KeyType::kNumber: return "whole number";
    case KeyType::kFlag: return "true or false";
    case KeyType::kDuration: return "duration";
    case KeyType::kSecret: return "secret";
    case KeyType::kChoice: return "choice";
  }
  return "text";
}

std::vector<Key> gatewayKeys(Config& c, std::uint64_t& workers) {
  return {
      {"state", KeyType::kPath, &c.state, "folder of the journal, the ledger and everything else that must survive"},
      {"listen", KeyType::kText, &c.listen, "address:port for pushes and notifications; \"\" switches it off"},
      {"admin", KeyType::kText, &c.admin, "address:port for health, metrics and status"},
      {"workers", KeyType::kNumber, &workers, "threads that project; 0 is one a core"},
      {"max_resource_bytes", KeyType::kNumber, &c.max_resource_bytes, "a larger resource is refused and recorded"},
      {"lineage", KeyType::kFlag, &c.lineage, "keep for each cell where it came from"},
      {"log_level", KeyType::kText, &c.log_level, "debug, info, warning or error"},
      {"log_format", KeyType::kText, &c.log_format, "json or text"},
  };
}

std::vector<Key> sourceKeys(SourceConfig& s, std::uint64_t& page_size) {
  return {
      {"name", KeyType::kText, &s.name, "short name, used in counts and lineage; never change it afterwards", true},
      {"kind", KeyType::kChoice, &s.kind, "search, push or files", true, {"search", "push", "files"}},
      {"url", KeyType::kText, &s.url, "search: base URL of the FHIR server"},
      {"types", KeyType::kWords, &s.types, "search: resource types to ask for; default: those the collection uses"},
      {"interval", KeyType::kDuration, &s.interval, "search: pause between polls"},
      {"overlap", KeyType::kDuration, &s.overlap, "search: how far a window reaches back behind the last one"},
      {"window", KeyType::kDuration, &s.window, "search: longest span that one window asks for"},
      {"page_size", KeyType::kNumber, &page_size, "search: _count"},
      {"since", KeyType::kText, &s.since, "search: instant at which the first window starts; default: everything"},
      {"bearer_token", KeyType::kSecret, &s.bearer_token, "search: sent as Authorization: Bearer"},
      {"ca_file", KeyType::kPath, &s.ca_file, "search: authorities that the server's certificate may come from"},
      {"certificate_file", KeyType::kPath, &s.certificate_file, "search: client certificate (mutual TLS)"},
      {"key_file", KeyType::kPath, &s.key_file, "search: key of the client certificate"},
      {"subscribe", KeyType::kFlag, &s.subscribe, "search: keep rest-hook subscriptions at the source as wake-up calls"},
      {"notify_url", KeyType::kText, &s.notify_url, "search: URL at which the source reaches our listener"},
      {"token", KeyType::kSecret, &s.token, "push: bearer token that pushes must carry; without one only loopback may push"},
      {"folder", KeyType::kPath, &s.folder, "files: folder with in/, done/ and failed/"},
      {"remove_done", KeyType::kFlag, &s.remove_done, "files: delete what is done instead of moving it to done/"},
  };
}

// Numbers of a destination as the file has them, before their bounds are known to hold.
struct DestinationNumbers {
  std::uint64_t max_rows = 0, late_days = 0, days_before_close = 0, keep_days = 0;
};

std::vector<Key> destinationKeys(DestinationConfig& d, DestinationNumbers& numbers) {
  return {
      {"name", KeyType::kText, &d.name, "short name; never change it afterwards", true},
      {"kind", KeyType::kChoice, &d.kind, "folder or mesh", true, {"folder", "mesh"}},
      {"mode", KeyType::kChoice, &d.mode, "continuous (changes at once), daily (yesterday's activity) or monthly (whole months, by the calendar)", false,
       {"continuous", "daily", "monthly"}},
      {"format", KeyType::kChoice, &d.format, "csv-zip, ndjson, xml or accdb", false, {"csv-zip", "ndjson", "xml", "accdb"}},
      {"layout", KeyType::kPath, &d.layout, "xml: file that says how rows become XML; default: the collection's"},
      {"template", KeyType::kPath, &d.access_template, "accdb: the blank Access database; it is copied, never changed"},
      {"filler", KeyType::kPath, &d.access_tool, "accdb: program that fills it; default: the shipped one"},
      {"fill_patience", KeyType::kDuration, &d.access_patience, "accdb: how long filling may take"},
      {"at", KeyType::kText, &d.at, "daily, monthly: HH:MM in the collection's time zone"},
      {"late_days", KeyType::kNumber, &numbers.late_days, "daily: for how many days a row is still sent or corrected; default: what the collection's calendar says, else no bound"},
      {"days_before_close", KeyType::kNumber, &numbers.days_before_close, "monthly: how many days before its window closes a month is sent; default 2"},
      {"linger", KeyType::kDuration, &d.linger, "continuous: how long rows may wait to share a submission"},
      {"max_rows", KeyType::kNumber, &numbers.max_rows, "most rows in one submission (a whole month is never cut)"},
      {"receipt_patience", KeyType::kDuration, &d.receipt_patience, "how long an answer may take before it is an alarm"},
      {"keep_days", KeyType::kNumber, &numbers.keep_days, "how many days a file that was sent stays in state/outbox once its outcome is final; 0 deletes it at once; default 30"},
      {"folder", KeyType::kPath, &d.folder, "folder: where submissions are put"},
      {"expect_receipts", KeyType::kFlag, &d.expect_receipts, "folder: wait for files in receipts/ before rows count as accepted"},
      {"url", KeyType::kText, &d.url, "mesh: base URL of the service"},
      {"mailbox", KeyType::kText, &d.mailbox, "mesh: our mailbox"},
      {"recipient", KeyType::kText, &d.recipient, "mesh: mailbox of the collection"},
      {"workflow", KeyType::kText, &d.workflow, "mesh: workflow id; answers come as the same with _ACK"},
      {"password", KeyType::kSecret, &d.password, "mesh: password of our mailbox"},
      {"shared_key", KeyType::kSecret, &d.shared_key, "mesh: shared key of the environment"},
      {"ca_file", KeyType::kPath, &d.ca_file, "mesh: authorities that the server's certificate may come from"},
      {"certificate_file", KeyType::kPath, &d.certificate_file, "mesh: our client certificate"},
      {"key_file", KeyType::kPath, &d.key_file, "mesh: its key"},
      {"check_host_name", KeyType::kFlag, &d.check_host_name, "mesh: the certificate must name the host"},
      {"chunk_bytes", KeyType::kNumber, &d.chunk_bytes, "mesh: size of a chunk before compression, at most 100 MB"},
      {"poll", KeyType::kDuration, &d.poll, "mesh: pause between looks into the inbox"},
  };
}

std::optional<Duration> parseDuration(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() || number > 1'000'000'000) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::uint64_t scale = 0;
  if (unit == "ms") scale = 1;
  else if (unit == "s") scale = 1'000;
  else if (unit == "m") scale = 60'000;
  else if (unit == "h") scale = 3'600'000;
  else if (unit == "d") scale = 86'400'000;
  else return std::nullopt;
  return Duration(static_cast<std::int64_t>(number * scale));
}

std::size_t distance(std::string_view a, std::string_view b) {  // Levenshtein
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = up;
    }
  }
  return row[b.size()];
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, bool secrets) : with_secrets(secrets), folder_(std::filesystem::absolute(path).parent_path()) {}

  void issue(const toml::source_region& at, std::string path, std::string text, std::string remedy) {
    issues.push_back({Severity::kError, "config", std::move(path), Issue::kNoOffset, at.begin.line, at.begin.column,
                      std::move(text), std::move(remedy)});
  }

  // Of what is not there at all: no line.
  void missing(std::string path, std::string text, std::string remedy) {
    issues.push_back({Severity::kError, "config", std::move(path), Issue::kNoOffset, 0, 0, std::move(text), std::move(remedy)});
  }
  // At the key where the table has it, else at the table.
  void issueAt(const toml::table& table, const char* key, const std::string& path, std::string text, std::string remedy) {
    const toml::node* node = table.get(key);
    issue(node != nullptr ? node->source() : table.source(), path + "." + key, std::move(text), std::move(remedy));
  }
  bool faulty(const std::string& path) const {
    return std::ranges::any_of(issues, [&](const Issue& one) { return one.path == path; });
  }
  // Whether a key is there, rightly or wrongly, or under a misspelt name that has been told: then it is not missing as well.
  bool given(const toml::table& table, const std::string& path, const char* key) const {
    return table.contains(key) || suggested_.contains(path + "." + key);
  }

  // `apart`: a key that somebody else reads.
  void table(const toml::table& table, const std::string& path, const std::vector<Key>& keys, std::string_view apart = {}) {
    place(path, table);
    for (const auto& [name, node] : table) {
      if (name.str() == apart) continue;
      const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return name.str() == k.name; });
      if (key == keys.end()) {
        unknown(name, path, keys);
      } else {
        place(path + "." + key->name, node);
        value(node, path + "." + key->name, *key);
      }
    }
    for (const Key& key : keys) {
      if (key.required && !given(table, path, key.name)) {
        issue(table.source(), path + "." + key.name, std::string("'") + key.name + "' is missing",
              std::string("Add it: ") + key.meaning + ".");
      }
    }
  }

  void place(const std::string& path, const toml::node& node) {
    places[path] = {node.source().begin.line, node.source().begin.column};
  }

  const bool with_secrets;
  std::vector<Issue> issues;
  std::map<std::string, Place> places;

 private:
  void unknown(const toml::key& name, const std::string& path, const std::vector<Key>& keys) {
    std::string nearest;
    std::size_t best = 4;
    for (const Key& key : keys) {
      if (const std::size_t d = distance(name.str(), key.name); d < best) {
        best = d;
        nearest = key.name;
      }
    }
    if (!nearest.empty()) suggested_.insert(path + "." + nearest);
    issue(name.source(), path, "there is no key '" + std::string(name.str()) + "' here",
          nearest.empty() ? "See 'tributary config keys' for all keys." : "Did you mean '" + nearest + "'?");
  }

  void value(const toml::node& node, const std::string& path, const Key& key) {
    const auto wrong = [&](const std::string& remedy) {
      issue(node.source(), path, "'" + std::string(key.name) + "' must be " + article(key.type), remedy);
    };
    switch (key.type) {
      case KeyType::kText: {
        const auto text = node.value<std::string>();
        if (!node.is_string()) return wrong("Write it in quotes.");
        *static_cast<std::string*>(key.target) = *text;
        return;
      }
      case KeyType::kPath: {
        if (!node.is_string()) return wrong("Write it in quotes.");
        const std::filesystem::path given(*node.value<std::string>());
        assignPath(key, (given.is_absolute() ? given : folder_ / given).lexically_normal());
        return;
      }
      case KeyType::kWords: return words(node, path, key);
      case KeyType::kNumber: {
        const auto number = node.value<std::int64_t>();
        if (!node.is_integer() || *number < 0) return wrong("Write a whole number from 0.");
        *static_cast<std::uint64_t*>(key.target) = static_cast<std::uint64_t>(*number);
        return;
      }
      case KeyType::kFlag:
        if (!node.is_boolean()) return wrong("Write true or false.");
        *static_cast<bool*>(key.target) = *node.value<bool>();
        return;
      case KeyType::kDuration: {
        const auto duration = node.is_string() ? parseDuration(*node.value<std::string>()) : std::nullopt;
        if (!duration) return wrong("Write a number with a unit, such as \"500ms\", \"30s\", \"5m\", \"2h\" or \"1d\".");
        *static_cast<Duration*>(key.target) = *duration;
        return;
      }
      case KeyType::kSecret: return secret(node, path, key);
      case KeyType::kChoice: {
        const std::string text = node.is_string() ? *node.value<std::string>() : "";
        const auto found = std::find(key.choices.begin(), key.choices.end(), text);
        if (found == key.choices.end()) {
          std::string all, nearest;
          std::size_t best = 3;
          for (const std::string_view choice : key.choices) {
            all += (all.empty() ? "" : choice == key.choices.back() ? " or " : ", ") + std::string(choice);
            if (const std::size_t d = distance(text, choice); d < best) {
              best = d;
              nearest = choice;
            }
          }
          return issue(node.source(), path, "'" + std::string(key.name) + "' must be " + all,
                       nearest.empty() ? "Write one of them in quotes." : "Did you mean \"" + nearest + "\"?");
        }
        *static_cast<std::uint8_t*>(key.target) = static_cast<std::uint8_t>(found - key.choices.begin());
        return;
      }
    }
  }

  static std::string article(KeyType type) {
    return (type == KeyType::kFlag ? "" : "a ") + std::string(typeName(type));
  }

  // Files of TLS are texts in the structs (libcurl takes them so); folders are paths.
  static void assignPath(const Key& key, std::filesystem::path path) {
    if (std::string_view(key.name).ends_with("_file")) {
      *static_cast<std::string*>(key.target) = path.string();
    } else {
      *static_cast<std::filesystem::path*>(key.target) = std::move(path);
    }
  }

  void words(const toml::node& node, const std::string& path, const Key& key) {
    const toml::array* array = node.as_array();
    auto& out = *static_cast<std::vector<std::string>*>(key.target);
    if (array == nullptr) return issue(node.source(), path, "this must be a list of text", "Write [\"Patient\", \"Encounter\"].");
    for (const toml::node& item : *array) {
      if (!item.is_string()) return issue(item.source(), path, "this must be a text", "Write it in quotes.");
      out.push_back(*item.value<std::string>());
    }
  }

  void secret(const toml::node& node, const std::string& path, const Key& key) {
    const toml::table* table = node.as_table();
    const char* remedy = "Write { env = \"NAME\" } or { file = \"path\" }; a secret does not belong in this file.";
    if (table == nullptr || table->size() != 1) return issue(node.source(), path, "this must name a secret", remedy);
    auto& out = *static_cast<std::string*>(key.target);
    if (!with_secrets && ((*table)["env"].is_string() || (*table)["file"].is_string())) return;
    if (const auto env = (*table)["env"].value<std::string>()) {
      const char* value = std::getenv(env->c_str());
      if (value == nullptr || *value == '\0') {
        return issue(node.source(), path, "the environment variable " + *env + " is not set", "Set it before the gateway starts.");
      }
      out = value;
    } else if (const auto file = (*table)["file"].value<std::string>()) {
      const std::filesystem::path given(*file);
      auto text = readFile(given.is_absolute() ? given : folder_ / given, 1 << 16);
      if (!text) return issue(node.source(), path, text.error().text, "The file holds the secret on one line.");
      while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
      if (text->empty()) return issue(node.source(), path, "the file of this secret is empty", "The file holds the secret on one line.");
      out = std::move(*text);
    } else {
      issue(node.source(), path, "this must name a secret", remedy);
    }
  }

  std::filesystem::path folder_;
  std::set<std::string> suggested_;  // paths of keys that a misspelt one probably means
};

// An address:port that can be listened at.
void checkAddress(Reader& reader, const std::string& address, const char* path, const toml::source_region& otherwise) {
  if (parseAddress(address)) return;
  reader.issue(otherwise, path, "'" + address + "' is no address:port", "Write it like \"127.0.0.1:8480\".");
}

void checkUrl(Reader& reader, const toml::table& table, const char* key, const std::string& url, const std::string& path) {
  if (url.empty()) return;
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  if (!scheme || !net::Url::parse(url)) {
    reader.issue(table[key].node()->source(), path + "." + key, "this is not an http or https URL", "Write https://host/path.");
  }
}

void checkSource(Reader& reader, const toml::table& table, const SourceConfig& source, const std::string& path) {
  const bool kind_known = table.contains("kind") && !reader.faulty(path + ".kind");
  const auto need = [&](bool given, const char* key) {
    if (kind_known && !given && !reader.given(table, path, key)) reader.issue(table.source(), path + "." + key, std::string("this kind of source needs '") + key + "'", "Add it.");
  };
  if (source.kind == SourceKind::kSearch) need(!source.url.empty(), "url");
  if (source.kind == SourceKind::kFiles) need(!source.folder.empty(), "folder");
  checkUrl(reader, table, "url", source.url, path);
  checkUrl(reader, table, "notify_url", source.notify_url, path);
  if (!source.since.empty() && !parseInstant(source.since)) {
    reader.issue(table["since"].node()->source(), path + ".since", "'since' is no instant", "Write it like \"2026-11-01T00:00:00Z\".");
  }
}

// What does not fit together: between sources, and between them and the listener.
void checkTogether(Reader& reader, const Config& config, const toml::table& root) {
  const auto at = [&](const char* key) {
    const toml::node_view node = root["gateway"][key];
    return node ? node.node()->source() : root.source();
  };
  if (!config.listen.empty()) checkAddress(reader, config.listen, "gateway.listen", at("listen"));
  checkAddress(reader, config.admin, "gateway.admin", at("admin"));
  if (reader.faulty("gateway.listen") || reader.faulty("gateway.admin") || reader.faulty("gateway")) {
    // What they are meant to be is not known.
  } else if (const auto listen = parseAddress(config.listen), admin = parseAddress(config.admin);
             listen && admin && listen->port != 0 && listen->port == admin->port && listen->host == admin->host) {
    reader.issue(at("admin"), "gateway.admin", "'admin' and 'listen' are the same address", "Give each its own port.");
  }
  const SourceConfig* push = nullptr;
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    const SourceConfig& source = config.sources[i];
    const toml::source_region where = root["source"][i].node()->source();
    const std::string path = "source[" + std::to_string(i) + "]";
    if (reader.faulty(path + ".kind")) continue;
    if (source.kind == SourceKind::kPush && push != nullptr) {
      reader.issue(where, path, "'" + push->name + "' takes the pushes already: both would have the same URLs", "Keep one source of kind push; its clients may share it.");
    }
    if (source.kind == SourceKind::kPush) push = &source;
    if (config.listen.empty() && (source.kind == SourceKind::kPush || source.subscribe)) {
      reader.issue(where, path, "this source needs the listener, which is switched off", "Set gateway.listen.");
    }
  }
}

void checkDestination(Reader& reader, const toml::table& table, const DestinationConfig& d, const std::string& path) {
  const bool kind_known = table.contains("kind") && !reader.faulty(path + ".kind");
  const auto need = [&](bool given, const char* key) {
    if (kind_known && !given && !reader.given(table, path, key)) reader.issue(table.source(), path + "." + key, std::string("this kind of destination needs '") + key + "'", "Add it.");
  };
  if (d.kind == DestinationKind::kFolder) need(!d.folder.empty(), "folder");
  if (d.kind == DestinationKind::kMesh) {
    need(!d.url.empty(), "url");
    need(!d.mailbox.empty(), "mailbox");
    need(!d.recipient.empty(), "recipient");
    need(!d.workflow.empty(), "workflow");
    need(table.contains("password"), "password");
    need(table.contains("shared_key"), "shared_key");
  }
  if (d.format == deliver::FileForm::kAccess && d.access_template.empty() && !reader.given(table, path, "template")) {
    reader.issue(table.source(), path + ".template", "format \"accdb\" needs 'template'", "Name the blank database that the collection publishes.");
  }
  const auto digit = [&](std::size_t i) { return d.at[i] >= '0' && d.at[i] <= '9'; };
  if (d.at.size() != 5 || d.at[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4) || d.at.substr(0, 2) > "23" || d.at.substr(3) > "59") {
    reader.issueAt(table, "at", path, "'at' is no time of day", "Write HH:MM, such as \"02:00\".");
  }
  checkUrl(reader, table, "url", d.url, path);
  if (d.chunk_bytes == 0 || d.chunk_bytes > 100'000'000) {
    reader.issue(table["chunk_bytes"].node()->source(), path + ".chunk_bytes", "'chunk_bytes' must be from 1 to 100000000", "Use 20000000.");
  }
  if (d.keep_days > 36'500) reader.issue(table["keep_days"].node()->source(), path + ".keep_days", "'keep_days' must be from 0 to 36500", "Use 30.");
  if (d.max_rows == 0) reader.issueAt(table, "max_rows", path, "'max_rows' must be at least 1", "Use 100000.");
}

// Keys that belong to a mode, and their bounds.
void checkPeriods(Reader& reader, const toml::table& table, DestinationConfig& d, const DestinationNumbers& numbers, const std::string& path) {
  constexpr std::uint64_t kMostLateDays = 3650, kMostDaysBefore = 28;
  const auto wrong = [&](const char* key, const std::string& text, const char* remedy) {
    reader.issue(table[key].node()->source(), path + "." + key, text, remedy);
  };
  if (table["late_days"].is_integer()) {
    if (d.mode != DeliveryMode::kDaily) wrong("late_days", "'late_days' is for mode = \"daily\"", "Take it out, or set the mode.");
    else if (numbers.late_days < 1 || numbers.late_days > kMostLateDays) wrong("late_days", "'late_days' must be from 1 to 3650", "Use 14.");
    else d.late_days = static_cast<std::uint32_t>(numbers.late_days);
  }
  if (table["days_before_close"].is_integer()) {
    if (d.mode != DeliveryMode::kMonthly) wrong("days_before_close", "'days_before_close' is for mode = \"monthly\"", "Take it out, or set the mode.");
    else if (numbers.days_before_close > kMostDaysBefore) wrong("days_before_close", "'days_before_close' must be from 0 to 28", "Use 2.");
    else d.days_before_close = static_cast<std::uint32_t>(numbers.days_before_close);
  }
}

void readCollection(Reader& reader, const toml::table& root, Config& config) {
  const toml::table* table = root["collection"].as_table();
  if (table == nullptr) {
    if (root.contains("collection")) return reader.issue(root["collection"].node()->source(), "collection", "this must be a table", "Write [collection].");
    return reader.missing("collection", "there is no [collection]",
                        "Add [collection] with id = \"NAME/VERSION\", a folder of the mappings.");
  }
  reader.table(*table, "collection",
               {{"id", KeyType::kText, &config.collection, "folder of the mappings, such as name/1.0", true},
                {"mappings", KeyType::kPath, &config.mappings, "folder that holds the collections; default: the shipped one"},
                {"calendar", KeyType::kPath, &config.calendar, "your own calendar file (periods and windows) instead of the collection's"}},
                "settings");
  if (const toml::node* settings = table->get("settings"); settings != nullptr) {
    if (!settings->is_table()) return reader.issue(settings->source(), "collection.settings", "this must be a table", "Write [collection.settings].");
    reader.place("collection.settings", *settings);
    for (const auto& [name, node] : *settings->as_table()) {
      reader.place("collection.settings." + std::string(name.str()), node);
      if (!node.is_string()) {
        reader.issue(node.source(), "collection.settings." + std::string(name.str()), "this must be a text", "Write it in quotes.");
      } else {
        config.settings[std::string(name.str())] = *node.value<std::string>();
      }
    }
  }
}

template <class Item, class Read>
void readList(Reader& reader, const toml::table& root, const char* name, std::vector<Item>& out, Read read) {
  const toml::node* list = root.get(name);
  if (list == nullptr) return;
  if (!list->is_array_of_tables()) {
    return reader.issue(list->source(), name, std::string("'") + name + "' must be a list of tables", std::string("Write [[") + name + "]].");
  }
  std::set<std::string> names;
  for (const toml::node& node : *list->as_array()) {
    Item item;
    item.line = node.source().begin.line;
    read(*node.as_table(), item, std::string(name) + "[" + std::to_string(out.size()) + "]");
    if (!item.name.empty() && !names.insert(item.name).second) {
      reader.issue(node.source(), name, "two are called '" + item.name + "'", "Give each its own name.");
    }
    out.push_back(std::move(item));
  }
}

}  // namespace

Result<Address> parseAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
      std::stoul(port) > 65535) {
    return fail(ErrorCode::kInvalidArgument, "'" + text + "' is no address:port, such as 127.0.0.1:8480");
  }
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Address{std::move(host), static_cast<std::uint16_t>(std::stoul(port))};
}

ConfigResult loadConfig(const std::filesystem::path& path, bool secrets) {
  ConfigResult result;
  auto text = readFile(path, 1 << 20);
  if (!text) {
    result.issues.push_back({Severity::kError, "config", "", Issue::kNoOffset, 0, 0, text.error().text, "Name the file with -c FILE."});
    return result;
  }
  toml::table root;
  try {
    root = toml::parse(*text, path.string());
  } catch (const toml::parse_error& error) {
    result.issues.push_back({Severity::kError, "toml-syntax", "", Issue::kNoOffset, error.source().begin.line,
                             error.source().begin.column, std::string(error.description()), "See https://toml.io for the form of the file."});
    return result;
  }

  Config config;
  config.path = path;
  Reader reader(path, secrets);
  config.state = (std::filesystem::absolute(path).parent_path() / config.state).lexically_normal();
  for (const auto& [name, node] : root) {
    static constexpr std::string_view kTop[] = {"gateway", "collection", "source", "destination"};
    if (std::find(std::begin(kTop), std::end(kTop), name.str()) == std::end(kTop)) {
      reader.issue(name.source(), "", "there is no part called '" + std::string(name.str()) + "'",
                   "The parts are [gateway], [collection], [[source]] and [[destination]].");
    }
  }
  if (const toml::node* gateway = root.get("gateway"); gateway != nullptr) {
    std::uint64_t workers = 0;
    if (gateway->is_table()) reader.table(*gateway->as_table(), "gateway", gatewayKeys(config, workers));
    else reader.issue(gateway->source(), "gateway", "this must be a table", "Write [gateway].");
    config.workers = static_cast<std::uint32_t>(std::min<std::uint64_t>(workers, 256));
  }
  readCollection(reader, root, config);
  readList(reader, root, "source", config.sources, [&](const toml::table& table, SourceConfig& source, const std::string& at) {
    std::uint64_t page_size = source.page_size;
    reader.table(table, at, sourceKeys(source, page_size));
    source.page_size = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(page_size, 1, 10'000));
    checkSource(reader, table, source, at);
  });
  readList(reader, root, "destination", config.destinations, [&](const toml::table& table, DestinationConfig& d, const std::string& at) {
    DestinationNumbers numbers{d.max_rows, 0, d.days_before_close, d.keep_days};
    reader.table(table, at, destinationKeys(d, numbers));
    d.max_rows = static_cast<std::uint32_t>(std::min<std::uint64_t>(numbers.max_rows, 10'000'000));
    d.keep_days = static_cast<std::uint32_t>(std::min<std::uint64_t>(numbers.keep_days, 1'000'000));
    checkPeriods(reader, table, d, numbers, at);
    checkDestination(reader, table, d, at);
  });
  checkTogether(reader, config, root);
  if (!root.contains("source")) reader.missing("source", "there is no [[source]]", "Add at least one.");
  if (!root.contains("destination")) reader.missing("destination", "there is no [[destination]]", "Add at least one.");

  result.issues = std::move(reader.issues);
  config.places = std::move(reader.places);
  std::stable_sort(result.issues.begin(), result.issues.end(), [](const Issue& a, const Issue& b) { return a.line < b.line; });
  if (result.issues.empty()) result.config = std::move(config);
  return result;
}

std::string describeConfig() {
  Config config;
  SourceConfig source;
  DestinationConfig destination;
  std::uint64_t number = 0;
  std::string out;
  const auto part = [&](const char* title, const std::vector<Key>& keys) {
    out += std::string("## ") + title + "\n\n| key | type | meaning |\n|---|---|---|\n";
    for (const Key& key : keys) {
      out += std::string("| `") + key.name + "`" + (key.required ? " (required)" : "") + " | " + std::string(typeName(key.type)) +
             " | " + key.meaning + " |\n";
    }
    out += "\n";
  };
  part("[gateway]", gatewayKeys(config, number));
  part("[collection]", {{"id", KeyType::kText, nullptr, "folder of the mappings, such as name/1.0", true},
                        {"mappings", KeyType::kPath, nullptr, "folder that holds the collections; default: the shipped one"},
                        {"calendar", KeyType::kPath, nullptr, "your own calendar file (periods and windows) instead of the collection's"},
                        {"settings", KeyType::kText, nullptr, "table of the values that the collection asks for (provider, submitter, …)"}});
  part("[[source]]", sourceKeys(source, number));
  DestinationNumbers numbers;
  part("[[destination]]", destinationKeys(destination, numbers));
  return out;
}

}  // namespace tributary::pipeline
