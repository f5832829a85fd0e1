#include "cli/explain_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <unordered_map>

#include "base/civil_time.h"
#include "cli/collection_bench.h"
#include "cli/explain_cell.h"
#include "cli/stored_gateway.h"
#include "collection/aggregations.h"
#include "collection/lineage.h"
#include "fhir/json_reader.h"

namespace tributary::cli {
namespace {

using collection::Attempt;
using collection::BenchResource;
using collection::Collection;
using collection::Projection;
using collection::Row;

struct ExplainOptions {
  CollectionInput input;
  std::string cell, row, config, at;
  std::size_t most = 3;
};

struct Cell {
  std::uint16_t table = 0, field = 0;
};

Cell requireCell(const Collection& collection, const std::string& name) {
  const std::size_t dot = name.find('.');
  const auto table = collection.findTable(name.substr(0, dot));
  if (!table || dot == std::string::npos) {
    failWith(fail(ErrorCode::kInvalidArgument,
                  "name a cell as TABLE.FIELD, such as " + collection.tables().back().name + "." +
                      collection.tables().back().fields.front().name)
                 .error(),
             kExitUsage);
  }
  const auto& fields = collection.tables()[*table].fields;
  for (std::size_t f = 0; f < fields.size(); ++f) {
    if (fields[f].name == name.substr(dot + 1)) return {*table, static_cast<std::uint16_t>(f)};
  }
  std::string names;
  for (const auto& field : fields) names += (names.empty() ? "" : ", ") + field.name;
  failWith(fail(ErrorCode::kNotFound, "there is no field '" + name.substr(dot + 1) + "' in " + collection.tables()[*table].name + "; it has " + names).error(),
           kExitUsage);
}

// Collects the rows that are asked for while a subject is projected.
class Asked {
 public:
  Asked(Cell cell, const ExplainOptions& options) : options_(options), cell_(cell) {
    watch.table = cell.table;
    watch.field = cell.field;
    watch.on_row = [this](const Row& row, std::span<const Attempt> attempts) {
      if (wanted(row.key) && found < options_.most) attempts_[&row] = {attempts.begin(), attempts.end()};
    };
  }
  bool wanted(std::string_view key) const {
    return options_.row.empty() || key == options_.row ||
           (key.starts_with(options_.row) && key.substr(options_.row.size()).starts_with('#'));
  }
  // Tells the rows of one subject.
  void tell(const CellExplainer& explainer, const Projection& projection) {
    for (const Row& row : projection.rows) {
      if (row.table != cell_.table || !wanted(row.key)) continue;
      if (++found <= options_.most) explainer.row(row, attempts_[&row], projection);
    }
    attempts_.clear();
  }

  collection::CellWatch watch;
  std::size_t found = 0;

 private:
  const ExplainOptions& options_;
  Cell cell_;
  std::unordered_map<const Row*, std::vector<Attempt>> attempts_;  // of the subject at work
};

// A cell of a table that is counted: at which moment, what came out, and what is wrong with it.
void explainCounted(const ExplainOptions& options, std::shared_ptr<const Collection> collection, collection::Workbench& bench, Cell cell) {
  collection::Aggregations aggregations(collection, countingDay(*collection, options.at));
  const auto totals = bench.project([&](const std::string&, std::span<const BenchResource* const>, const Projection& projection) {
    aggregations.add(projection);
  });
  if (!totals) failWith(totals.error());
  const auto& table = collection->tables()[cell.table];
  std::size_t found = 0;
  for (const auto& counted : aggregations.finish()) {
    if (counted.table != cell.table) continue;
    std::printf("  %s\n", collection::describeOccasion(*collection, counted).c_str());
    for (const auto& row : counted.result.rows) {
      if ((!options.row.empty() && row.key != options.row) || ++found > options.most) continue;
      const std::string& value = row.cells[cell.field];
      std::printf("\nrow %s%s\n  value: %s\n", row.key.c_str(), row.good ? "" : "  (quarantined)", value.empty() ? "(empty)" : value.c_str());
      for (const Issue& issue : row.issues) {
        if (issue.path.ends_with("." + table.fields[cell.field].name)) std::printf("  rule %s: %s\n", issue.rule.c_str(), issue.text.c_str());
      }
    }
    for (const Issue& note : counted.result.notes) std::printf("\n%s: %s\n  %s\n", note.rule.c_str(), note.text.c_str(), note.remedy.c_str());
  }
  if (found > options.most) std::printf("\n… %zu more rows; --row KEY picks one, --most N shows more\n", found - options.most);
  if (found != 0) return;
  std::printf("\nno row%s\n", options.row.empty() ? "" : " with this key");
  exitWith(kExitData);
}

void explainFiles(const ExplainOptions& options) {
  const auto collection = requireCollection(options.input);
  const Cell cell = requireCell(*collection, options.cell);
  const bool header = collection->tables()[cell.table].scope == collection::Scope::kHeader;
  if (options.input.files.empty() && !header)
    failWith(fail(ErrorCode::kInvalidArgument, "name files with FHIR resources, or a gateway with -c").error(), kExitUsage);
  const auto bench = requireResources(options.input, collection);
  std::unordered_map<const fhir::Document*, const BenchResource*> held;
  for (const BenchResource& resource : bench->resources()) held[&resource.document] = &resource;
  const CellExplainer explainer(*collection, collectionFolder(options.input), cell.table, cell.field,
                                [&](const fhir::Document& document, fhir::NodeIndex node) {
                                  const auto found = held.find(&document);
                                  const auto position = document.position(node);
                                  return (found == held.end() ? std::string("?") : found->second->file) + ":" +
                                         std::to_string(position.line) + ":" + std::to_string(position.column);
                                },
                                [&](std::uint64_t journal) {
                                  const BenchResource* const resource = bench->byJournal(journal);
                                  return resource == nullptr ? nullptr : &resource->document;
                                });
  explainer.head();
  if (header) return;
  if (collection->tables()[cell.table].scope == collection::Scope::kAggregate) return explainCounted(options, collection, *bench, cell);
  Asked asked(cell, options);
  std::set<std::string> refused;
  collection::ProjectOptions project;
  project.watch = &asked.watch;
  const std::string& table = collection->tables()[cell.table].name;
  const auto totals = bench->project(
      [&](const std::string&, std::span<const BenchResource* const> resources, const Projection& projection) {
        asked.tell(explainer, projection);
        for (std::size_t i = 0; i < projection.outcomes.size(); ++i) {
          const auto& outcome = projection.outcomes[i];
          if (outcome.outcome == collection::Outcome::kUsed || !outcome.rule.starts_with(table)) continue;
          refused.insert(std::string(resources[i]->document.resourceType()) + ": " + std::string(outcome.reason) + " (" +
                         std::string(outcome.rule) + ")");
        }
      },
      project);
  if (!totals) failWith(totals.error());
  if (asked.found > options.most)
    std::printf("\n… %zu more rows; --row KEY picks one, --most N shows more\n", asked.found - options.most);
  if (asked.found != 0) return;
  std::printf("\nno row%s%s\n", options.row.empty() ? "" : " with this key", refused.empty() ? "" : ". Looked at in vain:");
  for (const std::string& text : refused) std::printf("  %s\n", text.c_str());
  exitWith(kExitData);
}

// ── from the ledger of a gateway ──

// A journal entry with its text.
struct JournalText {
  std::string source, type, id, version, updated, received, text;
  std::uint64_t seq = 0;
  fhir::Document document;
};

Result<std::unique_ptr<JournalText>> journalEntry(store::Store& store, std::uint64_t seq) {
  auto out = std::make_unique<JournalText>();
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t count,
             store.readJournal(seq - 1, 1, true, [&](const store::JournalRecord& record) {
               if (record.seq != seq) return false;
               out->seq = seq;
               out->source = record.source;
               out->type = record.type;
               out->id = record.id;
               out->version = record.version_id;
               out->updated = record.last_updated;
               out->received = formatInstant(record.received_at);
               out->text = record.body;
               return false;
             }));
  fhir::JsonReader reader;
  if (out->seq == 0 || !reader.read(out->text, out->document))
    return fail(ErrorCode::kNotFound, "journal entry " + std::to_string(seq) + " is not held any more");
  return out;
}

// A cell as the ledger has it: by which resource versions and elements.
void printLineage(store::Store& store, const Collection& collection, const std::string& encoded, std::uint16_t field) {
  const auto lineage = collection::decodeLineage(encoded);
  if (!lineage) return;
  for (const auto& from : *lineage) {
    if (from.field != field || from.source >= collection.sources().size()) continue;
    std::printf("  by %s\n", collection.sources()[from.source].name.c_str());
    if (from.elements.empty()) std::printf("    a constant of the view, or a setting of the collection\n");
    for (const auto& element : from.elements) {
      const auto entry = journalEntry(store, element.journal);
      if (!entry) {
        std::printf("    %s\n", entry.error().text.c_str());
        continue;
      }
      const JournalText& resource = **entry;
      std::printf("    %s  %s/%s version %s, %s; journal %llu, received %s\n", resource.source.c_str(), resource.type.c_str(),
                  resource.id.c_str(), resource.version.empty() ? "(none)" : resource.version.c_str(),
                  resource.updated.empty() ? "no lastUpdated" : resource.updated.c_str(),
                  static_cast<unsigned long long>(resource.seq), resource.received.c_str());
      std::printf("      byte %u: %s\n", element.offset, collection::elementPathAt(resource.document, element.offset).c_str());
    }
  }
}

struct LedgerCell {
  std::string source, subject, key, cells, lineage, state, changed;
  std::uint64_t version = 0;
};

// How far a row got at each destination, with the receiver's own words where it said no.
std::string fatesOf(const store::LedgerRow& row) {
  std::string out;
  for (const store::RowDelivery& one : row.deliveries) {
    out += "\n  " + one.destination + ": " + std::string(store::rowStateName(one.state));
    if (one.submission != 0) out += ", submission " + std::to_string(one.submission);
    if (!one.rule.empty()) out += ", " + one.rule;
    if (!one.reason.empty()) out += ": " + one.reason;
  }
  return out;
}

std::vector<LedgerCell> ledgerRows(StoredGateway& gateway, const std::string& table, const ExplainOptions& options,
                                   const Asked& asked) {
  std::vector<LedgerCell> out;
  store::RowFilter filter;
  filter.collection = gateway.collection->id();
  filter.table = table;
  const auto full = [&] { return out.size() < options.most; };
  // By key where one is given; else the first rows.
  if (!options.row.empty()) {
    auto one = gateway.store->row(filter.collection, table, options.row);
    if (one && *one) {
      out.push_back({(*one)->source, (*one)->subject, (*one)->key, (*one)->cells, (*one)->lineage,
                     ((*one)->held ? "held: its newest version is in quarantine" : "good") + fatesOf(**one), formatInstant((*one)->changed_at),
                     (*one)->version});
      return out;
    }
  }
  auto rows = gateway.store->readRows(filter, 0, std::size_t{1} << 40, [&](const store::LedgerRow& row) {
    if (asked.wanted(row.key))
      out.push_back({row.source, row.subject, row.key, row.cells, row.lineage, "good" + fatesOf(row), formatInstant(row.changed_at), row.version});
    return full();
  });
  if (!rows) failWith(rows.error());
  store::QuarantineFilter held;
  held.collection = filter.collection;
  held.table = table;
  if (!full()) return out;
  auto quarantined = gateway.store->readQuarantine(held, 0, std::size_t{1} << 40, [&](const store::QuarantineRecord& row) {
    if (asked.wanted(row.key)) {
      out.push_back({row.source, row.subject, row.key, row.cells, row.lineage,
                     "quarantined by " + row.rule + ": " + row.reason, formatInstant(row.at), 0});
    }
    return full();
  });
  if (!quarantined) failWith(quarantined.error());
  return out;
}

void explainLedger(const ExplainOptions& options) {
  StoredGateway gateway = openStoredGateway(options.config);
  const Collection& collection = *gateway.collection;
  const Cell cell = requireCell(collection, options.cell);
  std::unordered_map<const fhir::Document*, std::uint64_t> journals;
  std::string source;
  const CellExplainer explainer(collection, gateway.folder, cell.table, cell.field,
                                [&](const fhir::Document& document, fhir::NodeIndex node) {
                                  return source + " journal " + std::to_string(journals[&document]) + " byte " +
                                         std::to_string(document.sourceOffset(node));
                                },
                                [&](std::uint64_t journal) {
                                  const auto found = std::find_if(journals.begin(), journals.end(), [&](const auto& one) { return one.second == journal; });
                                  return found == journals.end() ? nullptr : found->first;
                                },
                                false);
  explainer.head();
  if (collection.tables()[cell.table].scope == collection::Scope::kHeader) return;
  const auto generation = gateway.store->cursor("gateway", "generation");
  if (!generation) failWith(generation.error());
  const std::string projected = generation->value_or("");
  std::printf("  generation of the mappings in the ledger: %.12s%s\n", projected.c_str(),
              projected == collection.contentHash() ? "" : "; these files are another one: the gateway has not projected with them");
  const Asked by_key(cell, options);
  const auto rows = ledgerRows(gateway, collection.tables()[cell.table].name, options, by_key);
  if (rows.empty()) {
    std::printf("\nno row%s in the ledger or in quarantine\n", options.row.empty() ? "" : " with this key");
    exitWith(kExitData);
  }
  collection::Projector projector(gateway.collection);
  for (const LedgerCell& row : rows) {
    const auto cells = collection::decodeCells(row.cells);
    if (!cells || cell.field >= cells->size()) continue;
    const std::string& value = (*cells)[cell.field];
    std::printf("\nledger row %s, version %llu of %s\n  source %s, subject %s; %s\n  value: %s\n", row.key.c_str(),
                static_cast<unsigned long long>(row.version), row.changed.c_str(), row.source.c_str(), row.subject.c_str(),
                row.state.c_str(), value.empty() ? "(empty)" : value.c_str());
    printLineage(*gateway.store, collection, row.lineage, cell.field);
    // How it comes about from what is held now: the expression, the translation, the rule, or why it is empty.
    const auto lease = gateway.subjects->find(row.source, row.subject);
    if (!lease) failWith(lease.error());
    if (!*lease) continue;
    auto subject = gateway.subjects->load(**lease);
    if (!subject) failWith(subject.error());
    journals.clear();
    for (const auto list : {subject->inputs, subject->shared}) {
      for (const auto& input : list) journals[input.document] = input.journal;
    }
    source = row.source;
    ExplainOptions mine = options;
    mine.row = row.key.substr(0, row.key.find('#'));
    Asked asked(cell, mine);
    subject->options.watch = &asked.watch;
    const auto projection = projector.project(subject->inputs, subject->shared, subject->options);
    if (!projection) failWith(projection.error());
    asked.tell(explainer, *projection);
  }
}

void explain(const ExplainOptions& options) {
  if (options.config.empty()) return explainFiles(options);
  if (!options.input.files.empty())
    failWith(fail(ErrorCode::kInvalidArgument, "give files, or a gateway with -c, not both").error(), kExitUsage);
  explainLedger(options);
}

}  // namespace

void addExplainCommand(CLI::App& root) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* const command =
      root.add_subcommand("explain", "Show where a national cell comes from, or why it is empty");
  command->add_option("cell", options->cell, "TABLE.FIELD, table by code or name")->required();
  command->add_option("--row", options->row, "only the row with this key");
  command->add_option("--most", options->most, "rows to show")->capture_default_str();
  command->add_option("-c,--config", options->config, "configuration of a gateway: explain a cell of its ledger")
      ->check(CLI::ExistingFile);
  addCollectionOptions(*command, options->input, false);
  addCountingDay(*command, options->at);
  command->footer("Ends with 0 when a row was told, 1 when there is none, 2 when the arguments or mappings are wrong.");
  command->callback([options] { explain(*options); });
}

}  // namespace tributary::cli
