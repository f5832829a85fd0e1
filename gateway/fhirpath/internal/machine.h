#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fhirpath/evaluator.h"
#include "fhirpath/internal/arena.h"
#include "fhirpath/internal/ast.h"
#include "fhirpath/internal/type_model.h"

namespace re2 {
class RE2;
}
namespace tributary::fhir {
class JsonReader;
}
namespace tributary::terminology {
struct Coding;
}

namespace tributary::fhirpath {

struct Profile;

// A defineVariable() in force: a list, newest first.
struct Defined {
  std::string_view name;
  Span values;
  const Defined* next;
};

// What an expression sees around it: $this, $index, $total and defined variables.
struct Frame {
  Span self;
  std::int64_t index = -1;
  const Span* total = nullptr;
  const Defined* defined = nullptr;
};

// The evaluator: walks the tree, and runs fused plans where the planner found them. Every eval function
// appends to `out` and returns false when an error has been noted.
class Evaluator::Impl {
 public:
  explicit Impl(const Environment& environment);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // ── running ──
  bool run(const Program::Impl& program, const Value& focus, const Bindings& bindings, Collection& out);
  // Another program inside an evaluation, within its limits; unheard by listeners. Empty: `holds` is not set.
  bool nested(const Program& program, const Value& focus, std::optional<bool>& holds);
  bool eval(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool evalSpan(const Expr& e, const Frame& frame, Span& out);
  Collection collection() { return {arena, environment.limits.results}; }

  // ── errors ──
  bool fail(const Expr& e, std::string message, std::string expected = {});
  bool failLimit(const Expr& e, std::string message);
  // An argument for a message: only where it stands in the expression, since a computed one may be a
  // patient's.
  static std::string ifWritten(const Expr& argument, std::string_view before, std::string_view text);
  bool step(const Expr& e, std::uint64_t count = 1) {
    steps += count;
    return steps <= environment.limits.steps || failLimit(e, "the evaluation takes too many steps");
  }

  // ── values ──
  // A primitive as a System value, a FHIR Quantity as a System one when asked; anything else as it is. The
  // text of a date that is none stays a String. May allocate in the arena for a Quantity.
  Value atom(const Value& v, bool quantities = true);
  Value atomQuiet(const Value& v, bool quantities);  // without telling the visit listener
  std::optional<QuantityValue> quantityOf(const Value& node);
  // Of what atom() gave: a primitive that has only extensions, or a Quantity that is no amount (without a
  // value, or with a comparator). Where a System value is wanted it counts as empty.
  bool noValue(const Value& v) const {
    return v.isNode() && (v.nodeIndex() == fhir::kNoNode || types.isQuantity(v.type()));
  }
  Value newQuantity(const QuantityValue& q);
  Value newString(std::string_view text);  // copies
  char* newText(const Expr& e, std::size_t size);
  // Texts are put together outside of the arena, so one alone must be well below its limit.
  std::size_t longestText() const { return environment.limits.memory / 8; }
  // Exactly one item or none. `single` is set when there is one; several are an error.
  bool singleton(const Expr& e, Span values, std::optional<Value>& single);
  // Singleton evaluation as a boolean (FHIRPath N1 4.5).
  bool truth(const Expr& e, Span values, std::optional<bool>& out);
  bool evalTruth(const Expr& e, const Frame& frame, std::optional<bool>& out);
  bool evalString(const Expr& e, const Frame& frame, std::optional<std::string_view>& out);
  bool evalInteger(const Expr& e, const Frame& frame, std::optional<std::int64_t>& out);
  bool inputString(const Expr& e, Span input, std::optional<std::string_view>& out);

  // ── navigation ──
  void member(const Expr& e, const Value& v, Collection& out);
  void memberNamed(const Value& v, fhir::NameId name, std::string_view text, Collection& out);
  void collect(const fhir::Document& document, fhir::NodeIndex object, fhir::NameId name,
               terminology::TypeId type, Collection& out);
  void typeMember(const Value& info, std::string_view member, Collection& out);
  void children(const Value& v, Collection& out);
  Value resourceNode(const fhir::Document& document, fhir::NodeIndex node) const;
  Value rootNode(const fhir::Document& document);
  std::optional<std::string_view> childText(const Value& v, fhir::NameId name) const;
  terminology::TypeId typeOf(const Value& v) const;
  bool isType(const Value& v, const TypeSpecifier& type, bool exact_primitive) const;
  // What a reference names in the same Bundle, or among what is contained.
  std::optional<Value> resolveInside(const Value& from, std::string_view reference);
  // The type that the text of a reference names ("Patient" of "Patient/1"), or else its `type`; may be empty.
  std::string_view targetType(const Value& from, std::string_view reference) const;
  void referenceKey(const Expr& e, const Value& from, std::string_view reference, Collection& out);
  // The codings of a code, Coding, Quantity or CodeableConcept.
  std::vector<terminology::Coding> codingsOf(const Value& v);

  // ── equality ──
  enum class Equality : std::uint8_t { kNo, kYes, kEmpty };
  Equality equal(const Value& a, const Value& b);
  Equality equalQuantities(const Value& a, const Value& b);
  Equality equalAll(Span a, Span b);
  bool same(const Value& a, const Value& b) { return equal(a, b) == Equality::kYes; }
  bool equivalent(const Value& a, const Value& b);
  bool equivalentAll(Span a, Span b);
  std::uint64_t hash(const Value& v);
  bool compare(const Expr& e, const Value& a, const Value& b, std::optional<int>& out);

  // ── families of functions (one file each) ──
  bool call(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callExistence(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callFiltering(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callSubsetting(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callCombining(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callConversion(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callStrings(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callJoin(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callSearch(const Expr& e, const Frame& frame, std::optional<std::string_view> text,
                  std::optional<std::string_view> what, Collection& out);
  bool callRegex(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool replaceAll(const Expr& e, std::string_view text, const re2::RE2& pattern, std::string_view rewrite,
                  std::string& out);
  bool callEncoding(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callMath(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callLogarithm(const Expr& e, const Decimal& input, std::optional<Decimal> argument, Collection& out);
  bool callPower(const Value& input, const Decimal& base, const Decimal& exponent, bool integers,
                 Collection& out);
  bool callDates(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callBoundaries(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callTree(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callUtility(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callAggregates(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callTypes(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callFhir(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callReferences(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callProfiles(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callSlice(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callTerminology(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool callTranslate(const Expr& e, const Frame& frame, Span input, std::string_view map, Collection& out);
  bool callService(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool expandService(const Expr& e, std::string_view value_set, Collection& out);
  bool translateService(const Expr& e, std::string_view map, Span coded, Collection& out);

  // ── operators ──
  bool evalOperator(const Expr& e, const Frame& frame, Collection& out);
  bool evalLogic(const Expr& e, const Frame& frame, Collection& out);
  bool evalEquality(const Expr& e, const Frame& frame, Collection& out);
  bool evalOrder(const Expr& e, const Frame& frame, Collection& out);
  bool evalMembership(const Expr& e, const Frame& frame, Collection& out);
  bool evalArithmetic(const Expr& e, const Frame& frame, Collection& out);
  bool arithmetic(const Expr& e, const Value& a, const Value& b, Collection& out);
  bool quantityArithmetic(const Expr& e, const QuantityValue& a, const QuantityValue& b, Collection& out);
  bool dateArithmetic(const Expr& e, const Value& date, const QuantityValue& by, bool minus, Collection& out);
  bool evalConcatenation(const Expr& e, const Frame& frame, Collection& out);
  bool evalSign(const Expr& e, const Frame& frame, Collection& out);
  bool evalUnion(const Expr& e, const Frame& frame, Collection& out);
  bool evalPath(const Expr& e, const Frame& frame, Span input, Collection& out);
  bool newVariable(const Expr& e, const Frame& frame, std::optional<std::string_view>& name);
  bool evalVariable(const Expr& e, const Frame& frame, Collection& out);
  bool evalType(const Expr& e, const Frame& frame, Collection& out);

  // ── state ──
  Environment environment;
  TypeModel types;
  Arena arena;
  const Program::Impl* program = nullptr;
  const Bindings* bindings = nullptr;
  Value focus;
  std::uint64_t steps = 0;
  std::uint32_t depth = 0;
  std::uint32_t condition_depth = 0;  // inside a criterion, for lineage
  TraceListener* trace = nullptr;
  bool trace_steps = false;
  VisitListener* visits = nullptr;
  Diagnostic diagnostic;
  unsigned open_scopes = 0;

  // Documents made in an evaluation (results of %terminologies); kept as long as the arena.
  std::vector<std::unique_ptr<fhir::Document>> made;
  std::unique_ptr<fhir::JsonReader> reader;
  bool pushDocument(const Expr& e, std::string_view json, Collection& out);

  // Profiles that conformsTo() and slice() have asked for, by canonical URL; nullptr: no StructureDefinition.
  std::unordered_map<std::string, std::unique_ptr<const Profile>> profiles;

  // The elements of types that type().element has asked for.
  std::unordered_map<terminology::TypeId, std::unique_ptr<fhir::Document>> class_elements;

  // Patterns that are not constant, by their text.
  const re2::RE2* regex(const Expr& e, const Expr& pattern_expr, std::string_view pattern, bool ignore_case);
  std::unordered_map<std::string, std::unique_ptr<re2::RE2>> regexes;

  // Elements of (type, name), for members whose type is known only here.
  struct LookupSlot {
    terminology::TypeId type = 0;
    fhir::NameId name = 0;
    std::span<const terminology::Element> elements;
  };
  std::vector<LookupSlot> lookups;
  std::span<const terminology::Element> lookup(terminology::TypeId type, fhir::NameId name,
                                               std::string_view text);

  // The type of the last root: documents of one type often come in a row.
  std::string last_type_name;
  terminology::TypeId last_type = terminology::kNoType;
};

// Marks the inside of a criterion for lineage; two instructions when no one listens.
class ConditionScope {
 public:
  explicit ConditionScope(Evaluator::Impl& machine) : machine_(machine) { ++machine_.condition_depth; }
  ~ConditionScope() { --machine_.condition_depth; }
  ConditionScope(const ConditionScope&) = delete;
  ConditionScope& operator=(const ConditionScope&) = delete;

 private:
  Evaluator::Impl& machine_;
};

// Gives back what is allocated in its life time, for loops over many items.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : arena_(arena), mark_(arena.mark()) {}
  ~ArenaScope() { arena_.rewind(mark_); }
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  Arena& arena_;
  Arena::Mark mark_;
};

// A set of Values by FHIRPath equality. Small sets are compared one by one, large ones hashed.
class ValueSet {
 public:
  explicit ValueSet(Evaluator::Impl& machine) : machine_(machine) {}
  bool insert(const Value& value);  // false when an equal one is there
  bool contains(const Value& value);

 private:
  static constexpr std::size_t kSmall = 12;
  void index();
  void enter(const Value& value, std::uint32_t place);
  bool find(const Value& value);

  Evaluator::Impl& machine_;
  std::vector<Value> items_;
  bool numbers_ = false, quantities_ = false;  // among what is indexed
  std::unordered_multimap<std::uint64_t, std::uint32_t> index_;
};

}  // namespace tributary::fhirpath
