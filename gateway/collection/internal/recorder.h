#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "collection/mapping_test.h"
#include "terminology/terminology.h"

namespace tributary::collection {

// A terminology that remembers which entries of ConceptMaps it was asked for.
class RecordingTerminology final : public terminology::Terminology {
 public:
  explicit RecordingTerminology(std::shared_ptr<const Terminology> inner) : inner_(std::move(inner)) {}

  terminology::Verdict memberOf(std::string_view value_set,
                                const terminology::Coding& coding) const override {
    return inner_->memberOf(value_set, coding);
  }
  terminology::Verdict subsumes(std::string_view system, std::string_view ancestor,
                                std::string_view code) const override {
    return inner_->subsumes(system, ancestor, code);
  }
  terminology::Verdict validateCode(std::string_view system, std::string_view code) const override {
    return inner_->validateCode(system, code);
  }
  std::string_view display(std::string_view system, std::string_view code) const override {
    return inner_->display(system, code);
  }
  Result<std::vector<terminology::Translation>> translate(std::string_view concept_map,
                                                          const terminology::Coding& coding,
                                                          bool* found) const override;
  std::vector<terminology::Coding> expand(std::string_view value_set) const override {
    return inner_->expand(value_set);
  }

  // Marks the entries that a translation went by.
  void mark(std::map<TestedEntry, bool>& entries) const;

 private:
  std::shared_ptr<const Terminology> inner_;
  mutable std::mutex mutex_;
  mutable std::set<TestedEntry> met_;  // the coding that was asked for, under the map's canonical
};

// The entries of the ConceptMaps in a folder, none reached.
std::map<TestedEntry, bool> mapEntries(const std::filesystem::path& folder, std::vector<Issue>& issues);

}  // namespace tributary::collection
