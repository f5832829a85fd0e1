#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/issue.h"
#include "base/result.h"
#include "collection/calendar.h"
#include "terminology/definitions.h"
#include "terminology/terminology.h"

namespace tributary::views {
class View;
struct Column;
}  // namespace tributary::views

namespace tributary::collection {

// Whose resources feed a table.
enum class Scope : std::uint8_t {
  kHeader,    // no resources: settings and the window
  kPatient,   // one patient's compartment
  kProvider,  // resources of no patient: staff, group sessions, anonymous assessments
  kAggregate,  // no resources: counted over rows of other tables (aggregate.h)
};

// What a broken rule does (the three outcomes of a collection).
enum class Grade : std::uint8_t { kWarning, kRejectRecord, kRejectFile };
std::string_view gradeName(Grade grade);

enum class Mandation : std::uint8_t { kMandatory, kRequired, kOptional, kPilot, kRemoved, kUnknown };
std::string_view mandationName(Mandation mandation);  // "mandatory"
char mandationLetter(Mandation mandation);            // 'M', 'R', 'O', 'P', '-' removed, '?' not known
enum class CellType : std::uint8_t { kText, kInteger, kDate, kTime, kDateTime };

struct Field {
  std::string name;  // letter by letter as the collection names it
  std::string title;
  CellType type = CellType::kText;
  Mandation mandation = Mandation::kUnknown;
  std::string format;     // as published, such as "max an20"
  std::string value_set;  // canonical; empty: no code list
  bool sent = true;  // false: removed or held back; its cell is always empty and it is no column of a file
  std::string unsent_reason;         // plain English; empty when it is sent
  std::string mandation_confidence;  // "stated" or "inferred", as the facts say
  std::string confidence;  // what exactly is stated, in the words of the facts; may be empty
};

// A table in submission order.
struct Table {
  std::string code;  // "T101"
  std::string name;  // "T101Referral"
  std::string title;
  Scope scope = Scope::kPatient;
  std::vector<Field> fields;       // in order, unsent ones included
  std::vector<std::uint16_t> key;  // indexes into fields
  bool key_stated = false;  // the key is the collection's own; otherwise ours, and no receiver knows it
  bool mandatory = false;   // the file needs at least one row
};

// A rule as people see it. `id` is the published national id, or else our own (never shown as national).
struct Rule {
  std::string id;
  bool national = false;
  std::string kind;  // mandatory, format, code, parent, unique, date, check-digit, invariant, …
  Grade grade = Grade::kWarning;
  bool group = false;  // the record, and what hangs on it
  std::uint16_t table = 0;
  std::string field;
  std::string text;        // what it asks for
  std::string confidence;  // "stated" or "inferred", as the facts say
};
std::string_view gradeName(const Rule& rule);  // as the collection says it: "reject-group", too

// One source of a table: a ViewDefinition.
struct Source {
  std::string name;  // "T101Referral-EpisodeOfCare"
  std::string file;
  std::string resource;  // type it reads
  std::uint16_t table = 0;
  bool fill = false;  // never makes a row by itself
};

// Resources of this type give rows of tables of scope provider. One that belongs to no patient is projected by itself,
// or, where `with` names an element, together with the resource that this element refers to: a PractitionerRole `with`
// "practitioner" adds to the row of its Practitioner.
struct ProviderResource {
  std::string type;
  std::string with;
  friend bool operator==(const ProviderResource&, const ProviderResource&) = default;
};

// A submission window: whole civil days, both included ("2026-11-01").
struct Window {
  std::string start, end;
  std::string created;  // civil date-time of the file, "2026-12-01T02:00:00"
};

struct HeaderRow {
  std::vector<std::string> cells;  // as fields of the header table
  std::vector<Issue> issues;       // a kError one rejects the file
};

struct LoadOptions {
  std::map<std::string, std::string>
      settings;  // provider, submitter, commissioner, …; unknown names are errors
  std::filesystem::path calendar = {};  // a calendar of the user's own instead of the collection's
};

// A national collection, compiled from its folder (fhir-mappings/<id>/<version>): immutable, shared by all
// threads. All of it is data: collection.json, views/*.json, maps/*.json and the logical models that
// collection.json names.
class Collection {
 public:
  // All faults of the folder are reported at once, each with file (in `path`), line and remedy; with any of
  // severity error the result is an Error that counts them. `definitions` must outlive the Collection; the
  // terminology must have been loaded with terminologyFolders() as overlays.
  static Result<std::shared_ptr<const Collection>> load(
      const std::filesystem::path& folder, std::shared_ptr<const terminology::Definitions> definitions,
      std::shared_ptr<const terminology::Terminology> terminology, const LoadOptions& options,
      std::vector<Issue>& issues);
  // Folders with ConceptMaps, CodeSystems and ValueSets of the collection in `folder`.
  static Result<std::vector<std::filesystem::path>> terminologyFolders(const std::filesystem::path& folder);

  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  std::string_view id() const;  // "name/1.0"
  std::string_view title() const;
  std::string_view timeZone() const;     // "Europe/London"
  std::string_view contentHash() const;  // hex, over all files and settings: the generation
  std::span<const Table> tables() const;
  std::optional<std::uint16_t> findTable(std::string_view code_or_name) const;
  std::span<const Rule> rules() const;
  std::span<const Source> sources() const;
  const views::View& view(std::size_t source) const;  // of a source, compiled
  // The column of a source that fills a field; nullptr: none.
  const views::Column* column(std::size_t source, std::size_t field) const;
  // Resource types that some view reads or resolves to; anything else is filtered with rule "no-view".
  std::span<const std::string> resourceTypes() const;
  // Each type once.
  std::span<const ProviderResource> providerResources() const;
  bool uses(std::string_view resource_type) const;

  // The header row for a window, from the settings.
  HeaderRow header(const Window& window) const;
  // What is wrong with a header row; `cells` as fields of the header table.
  std::vector<Issue> checkHeader(std::span<const std::string_view> cells) const;
  // Where a cell of the header comes from, for people: "the setting 'provider'", "the first day of the window".
  std::string headerOrigin(std::size_t field) const;
  // May a row with this effective period (civil dates; empty end: open) travel in the window?
  bool belongs(std::uint16_t table, std::string_view period_start, std::string_view period_end,
               const Window& window) const;
  // A companion's rows say nothing of when (a patient, the patient's GP): they go in a whole month's file where their subject has
  // a row of another table in that month. Rows of other tables go by their own period.
  bool companion(std::uint16_t table) const;
  // Reporting periods and submission windows; nullptr where the collection has none.
  const Calendar* calendar() const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Collection(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

// The cells of a row as bytes for the ledger, and back. Any bytes may stand in a cell.
std::string encodeCells(std::span<const std::string_view> cells);
Result<std::vector<std::string>> decodeCells(std::string_view bytes);

}  // namespace tributary::collection
