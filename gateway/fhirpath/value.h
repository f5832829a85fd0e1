#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/decimal.h"
#include "fhir/document.h"
#include "fhirpath/temporal.h"
#include "terminology/definitions.h"

namespace tributary::fhirpath {

enum class ValueKind : std::uint8_t {
  kNode,     // an element of a Document: resource, complex or FHIR primitive
  kBoolean,  // the rest are System values: literals and computed ones
  kInteger,
  kLong,
  kDecimal,
  kString,
  kDate,
  kDateTime,
  kTime,
  kQuantity,
  kTypeInfo,  // what type() returns
  kService,   // %terminologies, %factory: something whose functions can be called
};

// A System.Quantity. The unit is a UCUM code or, with `calendar`, a calendar duration such as "day"
// (singular).
struct QuantityValue {
  Decimal value;
  std::string_view unit = "1";
  bool calendar = false;
  bool text_only = false;  // the unit is a word of its sender's, not UCUM: nothing converts it
};

// One item of a FHIRPath collection. Small and trivially copyable: it points into Documents, the Program or
// the arena of the Evaluator that made it, and lives as long as they keep still: a result is good until the
// Evaluator's next evaluate() or until its Document is filled again.
class Value {
 public:
  Value() = default;

  // An element. `companion` is the "_name" value of a primitive; `node` is kNoNode when there is only that.
  static Value node(const fhir::Document& document, fhir::NodeIndex node, terminology::TypeId type,
                    fhir::NodeIndex companion = fhir::kNoNode) {
    Value v(ValueKind::kNode);
    v.type_ = type;
    v.a_.document = &document;
    v.b_.nodes = {node, companion};
    return v;
  }
  static Value boolean(bool b) { return scalar(ValueKind::kBoolean, b ? 1 : 0); }
  static Value integer(std::int64_t i) { return scalar(ValueKind::kInteger, i); }
  static Value longInteger(std::int64_t i) { return scalar(ValueKind::kLong, i); }
  static Value decimal(const Decimal& d) {
    Value v(ValueKind::kDecimal);
    v.detail_ = static_cast<std::uint8_t>(d.scale());
    v.a_.bits = static_cast<std::uint64_t>(static_cast<UInt128>(d.mantissa()));
    v.b_.bits = static_cast<std::uint64_t>(static_cast<UInt128>(d.mantissa()) >> 64);
    return v;
  }
  static Value string(std::string_view s) {
    Value v(ValueKind::kString);
    v.a_.chars = s.data();
    v.b_.bits = s.size();
    return v;
  }
  static Value date(const Temporal& t) { return temporal(ValueKind::kDate, t); }
  static Value dateTime(const Temporal& t) { return temporal(ValueKind::kDateTime, t); }
  static Value time(const Temporal& t) { return temporal(ValueKind::kTime, t); }
  static Value temporal(ValueKind kind, const Temporal& t) {
    Value v(kind);
    const auto raw = std::bit_cast<std::array<std::uint64_t, 2>>(t);
    v.a_.bits = raw[0];
    v.b_.bits = raw[1];
    return v;
  }
  static Value quantity(const QuantityValue* q) {
    Value v(ValueKind::kQuantity);
    v.a_.quantity = q;
    return v;
  }
  // `system_name`: for System types ("Integer") when no TypeId is at hand.
  static Value typeInfo(terminology::TypeId type, std::string_view name, bool system) {
    Value v(ValueKind::kTypeInfo);
    v.type_ = type;
    v.detail_ = system ? 1 : 0;
    v.a_.chars = name.data();
    v.b_.bits = name.size();
    return v;
  }
  static Value service(std::int64_t which) { return scalar(ValueKind::kService, which); }

  ValueKind kind() const { return kind_; }
  bool isNode() const { return kind_ == ValueKind::kNode; }

  // ── nodes ──
  const fhir::Document& document() const { return *a_.document; }
  fhir::NodeIndex nodeIndex() const { return b_.nodes.node; }            // kNoNode: only a companion
  fhir::NodeIndex companionIndex() const { return b_.nodes.companion; }  // kNoNode: none
  // FHIR type; kNoType when it is not known. Meaningless for System values.
  terminology::TypeId type() const { return type_; }
  // The node to name in lineage and messages: the value, or else its companion.
  fhir::NodeIndex anyIndex() const { return nodeIndex() != fhir::kNoNode ? nodeIndex() : companionIndex(); }
  bool isObject() const {
    return isNode() && nodeIndex() != fhir::kNoNode && document()[nodeIndex()].kind == fhir::Kind::kObject;
  }
  // A primitive with a value (not only extensions).
  bool hasScalar() const {
    return isNode() && nodeIndex() != fhir::kNoNode && document()[nodeIndex()].kind < fhir::Kind::kArray &&
           document()[nodeIndex()].kind != fhir::Kind::kNull;
  }

  // ── System values; call only for the right kind ──
  bool asBoolean() const { return a_.integer != 0; }
  std::int64_t asInteger() const { return a_.integer; }
  Decimal asDecimal() const {
    return {static_cast<Int128>((static_cast<UInt128>(b_.bits) << 64) | a_.bits), detail_};
  }
  std::string_view asString() const { return {a_.chars, b_.bits}; }
  Temporal asTemporal() const {
    return std::bit_cast<Temporal>(std::array<std::uint64_t, 2>{a_.bits, b_.bits});
  }
  const QuantityValue& asQuantity() const { return *a_.quantity; }
  std::string_view typeInfoName() const { return {a_.chars, b_.bits}; }
  bool typeInfoIsSystem() const { return detail_ != 0; }

  // The text of a primitive without copying: a string, or a node's characters ("true", "1.50", "2014-01-25");
  // empty for anything else. Numbers, dates and booleans that were computed: see text().
  std::string_view view() const {
    if (kind_ == ValueKind::kNode) return hasScalar() ? document().scalar(nodeIndex()) : std::string_view{};
    return kind_ == ValueKind::kString ? asString() : std::string_view{};
  }

 private:
  explicit Value(ValueKind kind) : kind_(kind) {}
  static Value scalar(ValueKind kind, std::int64_t i) {
    Value v(kind);
    v.a_.integer = i;
    return v;
  }

  struct Nodes {
    fhir::NodeIndex node, companion;
  };
  union {
    const fhir::Document* document;
    const char* chars;
    const QuantityValue* quantity;
    std::int64_t integer;
    std::uint64_t bits = 0;
  } a_;
  union {
    std::uint64_t bits = 0;
    Nodes nodes;
  } b_;
  terminology::TypeId type_ = terminology::kNoType;
  ValueKind kind_ = ValueKind::kBoolean;
  std::uint8_t detail_ = 0;
};
static_assert(sizeof(Value) == 24 && std::is_trivially_copyable_v<Value>);

// Room for the text of any System value but a quantity with an enormous unit (which is cut).
using TextBuffer = std::array<char, 160>;

// The text of any primitive or System value as FHIR writes it (dates without "@", quantities as "4 'mg'").
// Points into the Document, the Value's arena or `buffer`. Empty for a complex element.
std::string_view text(const Value& value, TextBuffer& buffer);

// "Integer", "String", … of a System value; empty for nodes, services.
std::string_view systemTypeName(ValueKind kind);

}  // namespace tributary::fhirpath
