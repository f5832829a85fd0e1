#include "tests/collection/support.h"

#include <cstdlib>

#include "collection/mapping_test.h"
#include "fhir/json_reader.h"

namespace tributary::collection::test {
namespace {

std::filesystem::path cache() {
  const char* const set = std::getenv("TRIBUTARY_CACHE");
  return set != nullptr ? std::filesystem::path(set) : std::filesystem::path(TRIBUTARY_SOURCE_DIR) / ".cache";
}

std::string spliced(std::string text, std::string_view more) {
  text.insert(text.size() - 1, more);
  return text;
}

}  // namespace

std::filesystem::path csdsFolder() {
  return std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "fhir-mappings/csds/1.6";
}

Result<std::shared_ptr<const Collection>> loadFolder(const std::filesystem::path& folder,
                                                     std::vector<Issue>& issues, LoadOptions options) {
  TRY_ASSIGN(const auto definitions, terminology::Definitions::open(cache() / "definitions.bin"));
  TRY_ASSIGN(const auto overlays, Collection::terminologyFolders(folder));
  TRY_ASSIGN(const auto terms, terminology::Terminology::load(definitions, overlays));
  return Collection::load(folder, definitions, terms, options, issues);
}

MappingTestInput csdsTests() {
  const auto definitions = terminology::Definitions::open(cache() / "definitions.bin");
  const auto overlays = Collection::terminologyFolders(csdsFolder());
  if (!definitions || !overlays) return {};
  const auto terms = terminology::Terminology::load(*definitions, *overlays);
  return {csdsFolder(), {}, *definitions, terms ? *terms : nullptr};
}

std::shared_ptr<const Collection> csds() {
  static const auto kLoaded = []() -> std::shared_ptr<const Collection> {
    if (!std::filesystem::exists(cache() / "definitions.bin")) return nullptr;
    std::vector<Issue> issues;
    auto loaded = loadFolder(csdsFolder(), issues, *mappingTestSettings(csdsFolder() / "tests"));
    if (!loaded) {
      ADD_FAILURE() << loaded.error().text;
      return nullptr;
    }
    return *loaded;
  }();
  return kLoaded;
}

const SeenRow* Seen::row(std::string_view table, std::string_view key) const {
  for (const SeenRow& r : rows) {
    if (r.table.starts_with(table) && r.key == key) return &r;
  }
  return nullptr;
}

std::size_t Seen::count(std::string_view table, bool good) const {
  std::size_t n = 0;
  for (const SeenRow& r : rows) n += r.table.starts_with(table) && r.good == good ? 1 : 0;
  return n;
}

std::string Seen::cell(std::string_view table, std::string_view key, std::string_view field) const {
  const SeenRow* const found = row(table, key);
  if (found == nullptr) return "(no row)";
  const auto& fields = csds()->tables()[*csds()->findTable(found->table)].fields;
  for (std::size_t f = 0; f < fields.size(); ++f) {
    if (fields[f].name == field) return found->cells[f];
  }
  return "(no field)";
}

bool Seen::broke(std::string_view table, std::string_view key, std::string_view rule) const {
  const SeenRow* const found = row(table, key);
  return found != nullptr && std::find(found->rules.begin(), found->rules.end(), rule) != found->rules.end();
}

Seen project(const std::vector<std::string>& subject, const std::vector<std::string>& shared,
             const ProjectOptions& options) {
  std::deque<fhir::Document> documents;
  fhir::JsonReader reader;
  std::uint64_t journal = 0;
  const auto read = [&](const std::vector<std::string>& texts) {
    std::vector<Input> out;
    for (const std::string& text : texts) {
      fhir::Document& document = documents.emplace_back();
      fhir::ReadOptions own;
      own.own_text = true;
      const auto done = reader.read(text, document, own);
      EXPECT_TRUE(done) << (done ? "" : done.error().text) << "\n" << text;
      out.push_back({&document, ++journal});
    }
    return out;
  };
  const auto inputs = read(subject), others = read(shared);
  Projector projector(csds());
  const auto projection = projector.project(inputs, others, options);
  Seen seen;
  if (!projection) {
    ADD_FAILURE() << projection.error().text;
    return seen;
  }
  for (const Row& row : projection->rows) {
    SeenRow& out = seen.rows.emplace_back();
    out.table = csds()->tables()[row.table].name;
    out.key = row.key;
    out.start = row.period_start;
    out.end = row.period_end;
    out.lineage = row.lineage;
    out.cells.assign(row.cells.begin(), row.cells.end());
    out.good = row.state == RowState::kOk;
    for (std::uint32_t i = 0; i < row.issue_count; ++i) {
      const RowIssue& issue = projection->issues[row.first_issue + i];
      out.rules.push_back(issue.issue.rule);
      if (issue.cause != RowIssue::kNoRow) out.cause = projection->rows[issue.cause].key;
    }
  }
  seen.issues.assign(projection->issues.begin(), projection->issues.end());
  for (const ResourceOutcome& outcome : projection->outcomes) {
    seen.outcomes.push_back({outcome.outcome, std::string(outcome.rule), std::string(outcome.reason)});
  }
  return seen;
}

std::string patient(std::string_view more, std::string_view nhs) {
  return spliced(
      R"({"resourceType":"Patient","id":"a","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":")" +
          std::string(nhs) +
          R"("},{"system":"https://tributary.health/fhir/Id/local-patient-identifier","value":"P1"}],"gender":"female"})",
      more);
}

std::string referral(std::string_view more) {
  return spliced(
      R"({"resourceType":"ServiceRequest","id":"r","identifier":[{"system":"https://tributary.health/fhir/Id/service-request-identifier","value":"R1"}],)"
      R"("status":"active","intent":"order","subject":{"reference":"Patient/a"},"performer":[{"reference":"CareTeam/t"}]})",
      more.empty() ? R"(,"authoredOn":"2026-10-01T09:00:00+01:00")" : more);
}

std::string contact(std::string_view more, std::string_view id) {
  return spliced(
      R"({"resourceType":"Encounter","id":")" + std::string(id) +
          R"(","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HH"},)"
          R"("subject":{"reference":"Patient/a"}})",
      more.empty()
          ? R"(,"basedOn":[{"reference":"ServiceRequest/r"}],"period":{"start":"2026-10-05T10:00:00+01:00","end":"2026-10-05T10:30:00+01:00"})"
          : more);
}

std::string activity(std::string_view more, std::string_view id) {
  return spliced(
      R"({"resourceType":"Procedure","id":")" + std::string(id) +
          R"(","status":"completed","subject":{"reference":"Patient/a"},"encounter":{"reference":"Encounter/c1"}})",
      more.empty()
          ? R"(,"category":{"coding":[{"system":"https://tributary.health/fhir/CodeSystem/csds-community-care-activity-type","code":"03"}]})"
          : more);
}

std::string team() {
  return R"({"resourceType":"CareTeam","id":"t","identifier":[{"system":"https://tributary.health/fhir/Id/team-identifier","value":"T1"}],)"
         R"("category":[{"coding":[{"system":"https://tributary.health/fhir/CodeSystem/csds-service-or-team-type-referred-to-community-care","code":"12"}]}]})";
}

}  // namespace tributary::collection::test
