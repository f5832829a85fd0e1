#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fhirpath/program.h"
#include "fhirpath/value.h"
#include "terminology/terminology.h"

namespace tributary::fhirpath {

// Where resolve() looks when a reference is neither contained nor in the same Bundle.
class Resolver {
 public:
  virtual ~Resolver() = default;
  // The resource for "Patient/1", an absolute URL or a canonical; nullopt when it is not held. The Document
  // must live until the Evaluator's next evaluate(). `type` in the Value may be kNoType.
  virtual std::optional<Value> resolve(std::string_view reference, const Value& from) const = 0;
};

// Hears what trace() says and, with steps() true, every step of the tree walk (the plan's fused loops are
// then not used). Not for production paths.
class TraceListener {
 public:
  enum class StepKind : std::uint8_t { kPath, kMember, kFunction, kUnion, kLiteral, kVariable, kOther };
  // A part of the expression has given `values`. Parts come before what they are part of, which has the
  // lesser depth: a path comes behind its steps, a function behind its arguments.
  struct Step {
    std::size_t offset = 0, length = 0;  // in the source
    unsigned depth = 0;
    StepKind kind = StepKind::kOther;
    std::span<const Value> values;  // until step() returns
  };
  virtual ~TraceListener() = default;
  virtual bool steps() const { return false; }
  // With steps() true: the evaluation of an expression begins.
  virtual void begins(std::string_view /*expression*/) {}
  // `name` of trace(name), the values at that point.
  virtual void traced(std::string_view name, std::span<const Value> values) = 0;
  virtual void step(const Step& /*step*/) {}
};

// Lineage: hears each node whose content decided something. Costs nothing when not set.
//   kValue      its content went into the result (an operand, an argument, the input of translate())
//   kCondition  it was read to decide (inside where(), exists(criteria), iif(), all())
// The nodes of the result itself are in the result's Values.
class VisitListener {
 public:
  enum class Role : std::uint8_t { kValue, kCondition };
  virtual ~VisitListener() = default;
  virtual void visited(const Value& node, Role role) = 0;
};

struct Limits {
  std::uint64_t steps = 50'000'000;             // items visited, about; bounds time
  std::uint32_t depth = 2048;                   // nesting at evaluation
  std::size_t results = 1U << 20;               // items of one collection
  std::size_t memory = std::size_t{256} << 20;  // bytes of the arena in one evaluation
  std::size_t regex_memory = 1U << 20;          // of a regular expression that is made at evaluation
};

struct NamedValue {
  std::string_view name;  // without %
  std::span<const Value> values;
};

struct Environment {
  const terminology::Definitions* definitions =
      nullptr;  // the same as at compile; both must outlive the Evaluator
  const terminology::Terminology* terminology = nullptr;  // optional
  const Resolver* resolver = nullptr;                     // optional
  Instant now{};                                          // now(), today(), timeOfDay()
  std::int16_t zone_minutes = 0;                          // east of UTC, at `now`
  Limits limits;
};

// What one evaluation sees besides its focus. All optional.
struct Bindings {
  std::optional<Value> resource;  // %resource; default: the root of the focus's Document (or the contained or
                                  // Bundle entry resource that the focus stands in)
  std::optional<Value> root_resource;  // %rootResource; default: the root of the focus's Document
  std::optional<Value> context;        // %context; default: the focus
  std::int64_t row_index = 0;          // %rowIndex
  std::span<const NamedValue> variables;
};

// Runs Programs. One a thread; reuse it: its arena makes evaluation free of heap allocation once warm.
class Evaluator {
 public:
  class Impl;

  explicit Evaluator(const Environment& environment);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  // The root of a document as a Value, with its type.
  Value root(const fhir::Document& document) const;
  // A resource within it, such as that of a Bundle's entry, with its type.
  Value resource(const fhir::Document& document, fhir::NodeIndex node) const;

  // While a Scope is open, results stay good across further calls, and the steps of all calls count together
  // against Limits::steps; closing it gives back the memory of what was evaluated inside. Scopes nest: for
  // (item of evaluate(for_each)) { Scope inner(e); evaluate(column, item) … }.
  class Scope {
   public:
    explicit Scope(Evaluator& evaluator);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Impl& impl_;
    std::uint64_t mark_[3];
  };

  // The result is good until the next evaluate() outside any Scope. Errors: kLimit when a limit stopped it,
  // else kInvalidArgument; Error::text is Diagnostic::summary(), and lastDiagnostic() has the rest.
  Result<std::span<const Value>> evaluate(const Program& program, const Value& focus);
  Result<std::span<const Value>> evaluate(const Program& program, const Value& focus,
                                          const Bindings& bindings);
  // Singleton evaluation to a boolean for rules: nullopt for an empty result; an error for several items; a
  // single item that is no boolean counts as true (FHIRPath N1 4.5).
  Result<std::optional<bool>> test(const Program& program, const Value& focus, const Bindings& bindings = {});

  const Diagnostic& lastDiagnostic() const;

  void setNow(Instant now, std::int16_t zone_minutes);
  void setResolver(const Resolver* resolver);
  void setTraceListener(TraceListener* listener);  // nullptr: none
  void setVisitListener(VisitListener* listener);  // nullptr: none

 private:
  friend class Scope;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::fhirpath
