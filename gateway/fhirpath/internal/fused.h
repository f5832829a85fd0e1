#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "fhir/names.h"
#include "fhirpath/internal/arena.h"
#include "fhirpath/internal/ast.h"
#include "fhirpath/internal/machine.h"

namespace tributary::fhirpath {

// One turn of a fused loop over the tape.
enum class FusedOp : std::uint8_t {
  kChild,         // members called `name`, of `type`
  kChildren,      // the same for several concrete names (a choice that is not narrowed)
  kVariants,      // of an item of type owners[i], members called elements[i].name
  kWhere,         // conditions: all must hold
  kFirst,         // the first that comes here; nothing behind it
  kIndex,         // the n-th that comes here
  kResourceType,  // a resource of `type`
};

struct FusedPlan;

// Of an item that passes kWhere: a member that has one of the texts; or a path that exists (or is empty).
struct FusedCondition {
  fhir::NameId name = fhir::kNoName;
  std::vector<std::string> texts;
  std::shared_ptr<const FusedPlan> truth;
  terminology::TypeId type = terminology::kNoType;  // of the member
  bool quiet = false;  // the engine's own question (extension's url), nothing for lineage
};

struct FusedStep {
  FusedOp op = FusedOp::kChild;
  bool companions = false;  // a primitive: its "_name" comes with it
  bool abstract = false;    // a resource whose type the data tells
  fhir::NameId name = fhir::kNoName;
  terminology::TypeId type = terminology::kNoType;
  std::uint32_t index = 0;
  std::string type_name;
  std::vector<terminology::Element> elements;
  std::vector<terminology::TypeId> owners;
  std::vector<FusedCondition> conditions;
};

enum class FusedEnd : std::uint8_t { kValues, kExists, kEmpty, kCount };

// A path from one item of type `input` as nested loops over the tape, without collections in between.
struct FusedPlan {
  terminology::TypeId input = terminology::kNoType;
  std::size_t steps_covered = 0;  // children of the path that it stands for
  std::vector<FusedStep> steps;
  FusedEnd end = FusedEnd::kValues;
  bool has_index = false;
};

bool runFused(Evaluator::Impl& machine, const Expr& e, const FusedPlan& plan, const Value& input,
              Collection& out);

}  // namespace tributary::fhirpath
