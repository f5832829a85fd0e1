#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collection/projector.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"
#include "ingest/compartment.h"
#include "store/store.h"

namespace tributary::pipeline {

// The current resources of subjects, read from a gateway's store beside the running gateway, with the shared ones
// that they refer to: for people who ask (explain, coverage, compare). Changes nothing. Memory: one subject, and the
// shared resources up to a bound.
class StoredSubjects {
 public:
  struct Subject {
    std::string source, name;
    std::span<const collection::Input> inputs, shared;  // until the next load()
    collection::ProjectOptions options;                 // scope and the time
  };

  StoredSubjects(store::Store& store, std::shared_ptr<const ingest::CompartmentIndex> compartments,
                 const Clock& clock);
  ~StoredSubjects();

  // kLimit when the subject's resources are together too large.
  Result<Subject> load(const store::SubjectLease& subject);
  Result<std::optional<store::SubjectLease>> find(std::string_view source, std::string_view subject);
  // One subject after the other, as they are at that moment.
  Result<void> each(const std::function<Result<void>(const Subject&)>& visit);

 private:
  struct Held;
  Result<Held*> shared(const std::string& source, const std::string& key);
  Result<void> loadShared(const std::string& source);

  store::Store& store_;
  std::shared_ptr<const ingest::CompartmentIndex> compartments_;
  const Clock& clock_;
  fhir::JsonReader reader_;
  std::deque<Held> held_;  // of the subject
  std::unordered_map<std::string, std::unique_ptr<Held>> shared_;
  std::size_t shared_bytes_ = 0;
  std::vector<collection::Input> inputs_, shared_inputs_;
};

}  // namespace tributary::pipeline
