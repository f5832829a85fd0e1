#pragma once
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/issue.h"
#include "base/result.h"
#include "collection/projector.h"
#include "fhir/document.h"

namespace tributary::collection {

// A resource from a file, for people to look at: mapping tests, `tributary map`, explain and coverage.
struct BenchResource {
  std::string text;  // its JSON; the document points into it
  fhir::Document document;
  std::string file;
  std::uint32_t line = 1;  // where it begins in the file
  std::uint64_t offset = 0;
  std::string subject;  // "Patient/1"; empty: shared by all
};

// Subject of a resource: "Patient/1", or its own "Type/id" when it belongs to nobody, or empty when it is
// shared.
using SubjectOf = std::function<std::string(const fhir::Document&)>;

// One subject with what it may refer to. Spans live until the next one.
struct BenchSubject {
  std::string_view name;
  Scope scope = Scope::kPatient;
  std::span<const Input> inputs, shared;
  std::span<const BenchResource* const> resources;  // of `inputs`
};

struct BenchTotals {
  std::uint64_t resources = 0, used = 0, filtered = 0, quarantined = 0, unaccounted = 0;
};

// Files in, rows out, all in memory; no journal. Not for production paths.
class Workbench {
 public:
  // Without `subject_of`: the patient that subject, patient, beneficiary, for or participant.actor names.
  explicit Workbench(std::shared_ptr<const Collection> collection, SubjectOf subject_of = {});

  // A resource or Bundle (.json), NDJSON (.ndjson, .jsonl, also .gz), or a folder of them, in order of names.
  // What cannot be read is an issue (with the file in `path`) and costs that resource only.
  Result<void> add(const std::filesystem::path& path);
  // One JSON text; `name` stands for the file.
  void addText(std::string_view json, const std::string& name, std::uint32_t line = 1,
               std::uint64_t offset = 0);

  const std::vector<Issue>& issues() const { return issues_; }
  const std::deque<BenchResource>& resources() const { return resources_; }
  // The resource that lineage calls `journal`.
  const BenchResource* byJournal(std::uint64_t journal) const {
    return journal == 0 || journal > resources_.size() ? nullptr : &resources_[journal - 1];
  }

  // One subject after the other; the resources that are shared by all come last.
  Result<void> each(const std::function<Result<void>(const BenchSubject&)>& visit) const;
  // The same, projected. `resources` are those that Projection::outcomes speaks of, in order.
  using Visit =
      std::function<void(const std::string& subject, std::span<const BenchResource* const> resources,
                         const Projection& projection)>;
  Result<BenchTotals> project(const Visit& visit, const ProjectOptions& options = {});

 private:
  void addBundle(const BenchResource& bundle);
  bool addsToAnother(std::string_view type) const;

  std::shared_ptr<const Collection> collection_;
  SubjectOf subject_of_;
  std::deque<BenchResource> resources_;
  std::vector<Issue> issues_;
};

}  // namespace tributary::collection
