#include "collection/workbench.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "fhir/bundle.h"
#include "fhir/json_reader.h"
#include "fhir/ndjson_reader.h"
#include "fhir/reference.h"
#include "fhir/resource.h"

namespace tributary::collection {
namespace {

bool isNdjson(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name.ends_with(".ndjson") || name.ends_with(".jsonl");
}

// "Patient/1" of the first patient reference at or below `node`.
std::string patientBelow(const fhir::Document& document, fhir::NodeIndex node) {
  std::string found;
  if (node == fhir::kNoNode) return found;
  fhir::forEachReference(
      document,
      [&](fhir::NodeIndex, std::string_view reference) {
        const fhir::ReferenceParts parts = fhir::parseReference(reference);
        if (found.empty() && parts.type == "Patient" && !parts.id.empty())
          found = "Patient/" + std::string(parts.id);
      },
      node);
  return found;
}

std::string patientOf(const fhir::Document& document) {
  const std::string_view type = document.resourceType(), id = fhir::resourceId(document);
  if (type == "Patient") return "Patient/" + std::string(id);
  for (const std::string_view name : {"subject", "patient", "beneficiary", "for", "participant"}) {
    if (std::string found = patientBelow(document, document.member(document.root(), name)); !found.empty())
      return found;
  }
  static const std::set<std::string_view> kOwnSubject = {"Encounter", "Observation", "QuestionnaireResponse"};
  return kOwnSubject.contains(type) ? std::string(type) + "/" + std::string(id) : std::string();
}

}  // namespace

Workbench::Workbench(std::shared_ptr<const Collection> collection, SubjectOf subject_of)
    : collection_(std::move(collection)), subject_of_(std::move(subject_of)) {
  if (!subject_of_) subject_of_ = patientOf;
}

void Workbench::addText(std::string_view json, const std::string& name, std::uint32_t line,
                        std::uint64_t offset) {
  BenchResource resource;
  resource.text = json;
  resource.file = name;
  resource.line = line;
  resource.offset = offset;
  resources_.push_back(std::move(resource));
  BenchResource& held = resources_.back();  // the deque keeps it in its place, and with it the text
  fhir::JsonReader reader;
  fhir::ReadOptions options;
  options.base_line = line;
  options.base_offset = offset;
  if (auto read = reader.read(held.text, held.document, options); !read) {
    Issue issue = std::move(read).error();
    issue.path = name;
    issues_.push_back(std::move(issue));
    resources_.pop_back();
    return;
  }
  if (held.document.resourceType() == "Bundle") {
    const BenchResource bundle = std::move(held);
    resources_.pop_back();
    // Moving the text of a short string would move its bytes: read again where it lies now.
    BenchResource copy;
    copy.text = bundle.text;
    copy.file = bundle.file;
    copy.line = line;
    copy.offset = offset;
    if (reader.read(copy.text, copy.document, options)) addBundle(copy);
    return;
  }
  if (held.document.resourceType().empty()) {
    issues_.push_back(Issue{Severity::kError, "not-a-resource", name, offset, line, 0,
                            "there is no resourceType", "Give FHIR resources."});
    resources_.pop_back();
    return;
  }
  held.subject = subject_of_(held.document);
  // Here all of the provider's own are one subject, so what adds to another resource's row is among them.
  if (!held.subject.starts_with("Patient/") && addsToAnother(held.document.resourceType())) held.subject.clear();
}

bool Workbench::addsToAnother(std::string_view type) const {
  const auto known = collection_->providerResources();
  return std::any_of(known.begin(), known.end(), [&](const ProviderResource& one) { return one.type == type && !one.with.empty(); });
}

// Entries refer to each other by fullUrl (FHIR R4 3.1.0.11.2): what is a URN there becomes Type/id, as when the gateway takes a
// Bundle in.
void Workbench::addBundle(const BenchResource& bundle) {
  const fhir::Document& document = bundle.document;
  std::map<std::string, std::string, std::less<>> urns;
  for (const fhir::BundleEntry& entry : fhir::Bundle(document)) {
    if (entry.resource == fhir::kNoNode || !entry.full_url.starts_with("urn:")) continue;
    const fhir::NodeIndex id = document.member(entry.resource, "id"), type = document.member(entry.resource, "resourceType");
    if (type == fhir::kNoNode) continue;
    const std::string_view own = id == fhir::kNoNode ? entry.full_url.substr(entry.full_url.rfind(':') + 1) : document.scalar(id);
    urns.emplace(entry.full_url, std::string(document.scalar(type)) + "/" + std::string(own));
  }
  const fhir::NameId reference = fhir::findName("reference");
  for (const fhir::BundleEntry& entry : fhir::Bundle(document)) {
    if (entry.resource == fhir::kNoNode) continue;
    const fhir::Node& node = document[entry.resource];
    const fhir::Position position = document.position(entry.resource);
    const std::string_view text = document.text().substr(node.offset, node.length);
    std::string rewritten;
    std::size_t done = 0;
    if (!urns.empty() && document.member(entry.resource, "id") == fhir::kNoNode && entry.full_url.starts_with("urn:uuid:")) {
      rewritten = "{\"id\":\"" + std::string(entry.full_url.substr(9)) + "\",";
      done = 1;
    }
    for (fhir::NodeIndex i = entry.resource + 1; !urns.empty() && i < node.next; ++i) {
      if (document[i].name != reference || document[i].kind != fhir::Kind::kString) continue;
      const auto found = urns.find(document.scalar(i));
      if (found == urns.end()) continue;
      const std::size_t at = document[i].offset - node.offset;
      rewritten.append(text, done, at - done) += found->second;
      done = at + document[i].length;
    }
    if (done == 0) {
      addText(text, bundle.file, position.line, position.offset);
    } else {
      rewritten.append(text, done);
      addText(rewritten, bundle.file, position.line, position.offset);
    }
  }
}

Result<void> Workbench::add(const std::filesystem::path& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, code)) {
      if (entry.is_regular_file() && (entry.path().extension() == ".json" || isNdjson(entry.path())))
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) TRY_VOID(add(file));
    return {};
  }
  if (!isNdjson(path)) {
    TRY_ASSIGN(const std::string text, readFile(path));
    addText(text, path.string());
    return {};
  }
  TRY_ASSIGN(fhir::NdjsonStream stream, fhir::NdjsonStream::open(path));
  fhir::Document document;
  Issue issue;
  while (true) {
    TRY_ASSIGN(const fhir::LineOutcome outcome, stream.next(document, issue));
    if (outcome == fhir::LineOutcome::kEnd) return {};
    if (outcome == fhir::LineOutcome::kBad) {
      issue.path = path.string();
      issues_.push_back(std::move(issue));
      continue;
    }
    addText(stream.line(), path.string(), static_cast<std::uint32_t>(stream.lineNumber()), stream.offset());
  }
}

Result<void> Workbench::each(const std::function<Result<void>(const BenchSubject&)>& visit) const {
  std::map<std::string, std::vector<std::uint32_t>> subjects;
  std::vector<Input> shared;
  std::vector<std::uint32_t> common;
  for (std::uint32_t i = 0; i < resources_.size(); ++i) {
    if (resources_[i].subject.empty()) {
      shared.push_back({&resources_[i].document, i + 1});
      common.push_back(i);
    } else {
      subjects[resources_[i].subject].push_back(i);
    }
  }
  std::vector<Input> inputs;
  std::vector<const BenchResource*> resources;
  const auto visitOne = [&](const std::string& name, const std::vector<std::uint32_t>& members) -> Result<void> {
    inputs.clear();
    resources.clear();
    for (const std::uint32_t i : members) {
      inputs.push_back({&resources_[i].document, i + 1});
      resources.push_back(&resources_[i]);
    }
    BenchSubject subject{name, name.starts_with("Patient/") ? Scope::kPatient : Scope::kProvider, inputs, {}, resources};
    if (!name.empty()) subject.shared = shared;
    return visit(subject);
  };
  for (const auto& [name, members] : subjects) TRY_VOID(visitOne(name, members));
  // The provider's own: staff, places, services.
  return common.empty() ? Result<void>{} : visitOne({}, common);
}

Result<BenchTotals> Workbench::project(const Visit& visit, const ProjectOptions& options) {
  BenchTotals totals;
  Projector projector(collection_);
  TRY_VOID(each([&](const BenchSubject& subject) -> Result<void> {
    ProjectOptions mine = options;
    mine.scope = subject.scope;
    TRY_ASSIGN(const Projection projection, projector.project(subject.inputs, subject.shared, mine));
    for (const ResourceOutcome& outcome : projection.outcomes) {
      ++totals.resources;
      switch (outcome.outcome) {
        case Outcome::kUsed:
          ++totals.used;
          break;
        case Outcome::kFiltered:
          ++(outcome.rule.empty() ? totals.unaccounted : totals.filtered);
          break;
        case Outcome::kQuarantined:
          ++(outcome.rule.empty() ? totals.unaccounted : totals.quarantined);
          break;
      }
    }
    visit(std::string(subject.name), subject.resources, projection);
    return {};
  }));
  return totals;
}

}  // namespace tributary::collection
