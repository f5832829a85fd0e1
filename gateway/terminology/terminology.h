#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "terminology/definitions.h"

namespace tributary::terminology {

struct Coding {
  std::string_view system, code, version, display;
};

// kUnknown: it cannot be told here (a code system that is not held, such as SNOMED CT without a release).
enum class Verdict : std::uint8_t { kNo, kYes, kUnknown };

// Views point into the definitions, or (unmapped mode "provided") into the Coding that was asked about.
struct Translation {
  std::string_view system, code, display;
  std::string_view equivalence;  // FHIR R4 ConceptMapEquivalence: equivalent, equal, wider, narrower, …
};

// Local terminology, answered from what is held. Never asks the network. Thread-safe; no answer but
// translate() and expand() allocates. Canonical URLs may carry "|version"; without one the last loaded
// version is meant.
class Terminology {
 public:
  // What `definitions` hold, with the CodeSystem, ValueSet and ConceptMap resources (*.json, also in Bundles)
  // of the `overlays` (folders, searched through, or single files) laid over it; a later one wins. So a
  // changed ConceptMap takes effect without compiling. A changed CodeSystem counts for value sets that take
  // it as a whole and for those of the overlay; compiled ones that filter its concepts keep what they were
  // compiled with. Errors name file, line and column.
  static Result<std::shared_ptr<const Terminology>> load(
      std::shared_ptr<const Definitions> definitions, std::span<const std::filesystem::path> overlays = {});

  virtual ~Terminology() = default;
  // An empty coding.system (a `code` element) matches the code in any system of the value set.
  virtual Verdict memberOf(std::string_view value_set, const Coding& coding) const = 0;
  // Does `ancestor` subsume `code` (or equal it) in the code system?
  virtual Verdict subsumes(std::string_view system, std::string_view ancestor,
                           std::string_view code) const = 0;
  virtual Verdict validateCode(std::string_view system, std::string_view code) const = 0;
  // Display text of a code; empty when not known.
  virtual std::string_view display(std::string_view system, std::string_view code) const = 0;
  // By a ConceptMap, in the map's order. Falls back to the group's `unmapped`. Empty: no translation. Targets
  // with equivalence unmatched or disjoint are no translation (but keep `unmapped` from being used); targets
  // with dependsOn are left out, as one Coding cannot satisfy them. A group without source takes any system.
  // kNotFound error when the map itself is not known. `found` says whether an entry (not `unmapped`) matched.
  virtual Result<std::vector<Translation>> translate(std::string_view concept_map, const Coding& coding,
                                                     bool* found = nullptr) const = 0;
  // Codes of a value set that can be enumerated; empty when it cannot be.
  virtual std::vector<Coding> expand(std::string_view value_set) const = 0;
};

}  // namespace tributary::terminology
