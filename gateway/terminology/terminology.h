#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tributary::terminology {

struct Coding {
  std::string_view system, code, version, display;
};

// kUnknown: it cannot be told here (a code system that is not held, such as SNOMED CT without a release).
enum class Verdict : std::uint8_t { kNo, kYes, kUnknown };

struct Translation {
  std::string_view system, code, display;
  std::string_view equivalence;  // FHIR R4 ConceptMapEquivalence: equivalent, equal, wider, narrower, …
};

// Local terminology, answered from what is held. Never asks the network. Thread-safe.
class Terminology {
 public:
  virtual ~Terminology() = default;
  virtual Verdict memberOf(std::string_view value_set, const Coding& coding) const = 0;
  // Does `ancestor` subsume `code` (or equal it) in the code system?
  virtual Verdict subsumes(std::string_view system, std::string_view ancestor, std::string_view code) const = 0;
  virtual Verdict validateCode(std::string_view system, std::string_view code) const = 0;
  // Display text of a code; empty when not known.
  virtual std::string_view display(std::string_view system, std::string_view code) const = 0;
  // By a ConceptMap, in the map's order. Falls back to the group's `unmapped`. Empty: no translation.
  // kNotFound error when the map itself is not known. `found` says whether an entry (not `unmapped`) matched.
  virtual Result<std::vector<Translation>> translate(std::string_view concept_map, const Coding& coding,
                                                     bool* found = nullptr) const = 0;
  // Codes of a value set that can be enumerated; empty when it cannot be.
  virtual std::vector<Coding> expand(std::string_view value_set) const = 0;
};

}  // namespace tributary::terminology
