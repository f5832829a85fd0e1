// Equality, equivalence, order and hashing of values (FHIRPath N1 6.1, 6.2).
#include <algorithm>

#include "base/hash.h"
#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/quantities.h"
#include "fhirpath/internal/utf8.h"

namespace tributary::fhirpath {
namespace {

using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

bool isNumber(ValueKind kind) {
  return kind == ValueKind::kInteger || kind == ValueKind::kLong || kind == ValueKind::kDecimal;
}
bool isInteger(ValueKind kind) {
  return kind == ValueKind::kInteger || kind == ValueKind::kLong;
}
Decimal decimalOf(const Value& v) {
  return v.kind() == ValueKind::kDecimal ? v.asDecimal() : Decimal(v.asInteger());
}
bool isDay(ValueKind kind) {
  return kind == ValueKind::kDate || kind == ValueKind::kDateTime;
}

Evaluator::Impl::Equality of(bool yes) {
  return yes ? Evaluator::Impl::Equality::kYes : Evaluator::Impl::Equality::kNo;
}
Evaluator::Impl::Equality of(const QuantityOrder& order) {
  return order.empty ? Evaluator::Impl::Equality::kEmpty : of(order.comparable && order.order == 0);
}

// Values below a node: what a look at all of it costs.
std::uint64_t subtree(const Value& v) {
  const NodeIndex node = v.anyIndex();
  return node == kNoNode ? 0 : v.document()[node].next - node;
}

// A letter in lower case and runs of white space as one, for equivalence of strings (N1 6.1.2).
std::string foldText(std::string_view text) {
  std::string out;
  bool blank = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      blank = !out.empty();
      ++at;
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    appendUtf8Checked(out, utf8Case(utf8Next(text, at), false));
  }
  return out;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  a ^= b + 0x9E3779B97F4A7C15ULL + (a << 6) + (a >> 2);
  return a * 0xFF51AFD7ED558CCDULL;
}

// Numbers on two tapes: by value. Other scalars: by text.
bool sameScalar(const fhir::Document& a, NodeIndex x, const fhir::Document& b, NodeIndex y) {
  if (a[x].kind != b[y].kind) return false;
  if (a.scalar(x) == b.scalar(y)) return true;
  if (a[x].kind != Kind::kNumber) return false;
  const auto p = Decimal::parse(a.scalar(x)), q = Decimal::parse(b.scalar(y));
  return p && q && *p == *q;
}

// Structure by structure; members in any order. Linear but for the look-up of members, whose number is small.
bool sameTree(const fhir::Document& a, NodeIndex x, const fhir::Document& b, NodeIndex y) {
  if (&a == &b && x == y) return true;
  if (a[x].kind != b[y].kind) return false;
  if (a[x].kind < Kind::kArray) return sameScalar(a, x, b, y);
  const NodeIndex x_end = a[x].next, y_end = b[y].next;
  NodeIndex i = x + 1, j = y + 1;
  if (a[x].kind == Kind::kArray) {
    for (; i < x_end && j < y_end; i = a[i].next, j = b[j].next) {
      if (!sameTree(a, i, b, j)) return false;
    }
    return i >= x_end && j >= y_end;
  }
  std::size_t count = 0;
  for (; j < y_end; j = b[j].next) ++count;
  for (; i < x_end; i = a[i].next) {
    // Ids of names outside the table are local to their document.
    const bool local = (a[i].name & fhir::kLocalName) != 0;
    NodeIndex other = kNoNode;
    if (local && &a != &b) {
      const bool companion = (a[i].name & fhir::kCompanion) != 0;
      other = b.member(y, (companion ? "_" : "") + std::string(a.name(i)));
    } else {
      other = b.member(y, a[i].name);
    }
    if (other == kNoNode || count == 0 || !sameTree(a, i, b, other)) return false;
    --count;
  }
  return count == 0;
}

std::uint64_t hashTree(const fhir::Document& d, NodeIndex x) {
  if (d[x].kind == Kind::kNumber) {
    const auto number = Decimal::parse(d.scalar(x));
    if (!number) return fastHash(d.scalar(x));
    std::array<char, Decimal::kMaxTextLength> buffer;
    return fastHash(number->normalised().format(buffer));
  }
  if (d[x].kind < Kind::kArray) return fastHash(d.scalar(x));
  std::uint64_t sum = 17;
  for (NodeIndex i = x + 1; i < d[x].next; i = d[i].next) {
    const std::uint64_t child = hashTree(d, i);
    sum = d[x].kind == Kind::kArray ? mix(sum, child) : sum + mix(fastHash(d.name(i)), child);
  }
  return sum;
}

}  // namespace

Evaluator::Impl::Equality Evaluator::Impl::equal(const Value& first, const Value& second) {
  const Value a = atom(first, false), b = atom(second, false);
  if (a.isNode() && b.isNode()) {
    if (a.nodeIndex() == kNoNode || b.nodeIndex() == kNoNode) {
      if (a.nodeIndex() != b.nodeIndex() || a.companionIndex() == kNoNode || b.companionIndex() == kNoNode) {
        return Equality::kNo;
      }
      return of(sameTree(a.document(), a.companionIndex(), b.document(), b.companionIndex()));
    }
    steps += subtree(a) + subtree(b);
    if (sameTree(a.document(), a.nodeIndex(), b.document(), b.nodeIndex())) return Equality::kYes;
    return types.isQuantity(a.type()) && types.isQuantity(b.type()) ? equalQuantities(a, b) : Equality::kNo;
  }
  if (a.isNode() || b.isNode()) {  // a complex element against a System value: only quantities meet
    const Value p = atom(a), q = atom(b);
    return p.isNode() || q.isNode() ? Equality::kNo : equal(p, q);
  }
  if (isNumber(a.kind()) && isNumber(b.kind())) {
    if (isInteger(a.kind()) && isInteger(b.kind())) return of(a.asInteger() == b.asInteger());
    return of(decimalOf(a) == decimalOf(b));
  }
  if (isDay(a.kind()) && isDay(b.kind())) {
    const auto order = Temporal::compare(a.asTemporal(), b.asTemporal());
    return order ? of(*order == 0) : Equality::kEmpty;
  }
  if (a.kind() != b.kind()) {
    // Number against quantity: the number has the unit '1'.
    if (a.kind() == ValueKind::kQuantity && isNumber(b.kind()))
      return equal(a, newQuantity({decimalOf(b), "1", false}));
    if (b.kind() == ValueKind::kQuantity && isNumber(a.kind())) return equal(b, a);
    return Equality::kNo;
  }
  switch (a.kind()) {
    case ValueKind::kBoolean:
      return of(a.asBoolean() == b.asBoolean());
    case ValueKind::kString:
      return of(a.asString() == b.asString());
    case ValueKind::kTime: {
      const auto order = Temporal::compare(a.asTemporal(), b.asTemporal());
      return order ? of(*order == 0) : Equality::kEmpty;
    }
    case ValueKind::kQuantity:
      return of(compareQuantities(a.asQuantity(), b.asQuantity()));
    case ValueKind::kTypeInfo:
      return of(a.typeInfoIsSystem() == b.typeInfoIsSystem() && a.typeInfoName() == b.typeInfoName());
    default:
      return of(a.asInteger() == b.asInteger());
  }
}

// Two FHIR Quantities: by UCUM where both are measured by it, so that 1 kg is 1000 g.
Evaluator::Impl::Equality Evaluator::Impl::equalQuantities(const Value& a, const Value& b) {
  const auto ucum = [&](const Value& v) {
    const auto system = childText(v, names::kSystem);
    return !system || *system == "http://unitsofmeasure.org";
  };
  if (!ucum(a) || !ucum(b)) return Equality::kNo;
  const auto p = quantityOf(a), q = quantityOf(b);
  return p && q ? of(compareQuantities(*p, *q)) : Equality::kNo;
}

Evaluator::Impl::Equality Evaluator::Impl::equalAll(Span a, Span b) {
  if (a.size() != b.size()) return Equality::kNo;
  bool open = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Equality one = equal(a[i], b[i]);
    if (one == Equality::kNo) return one;
    open = open || one == Equality::kEmpty;
  }
  return open ? Equality::kEmpty : Equality::kYes;
}

bool Evaluator::Impl::equivalent(const Value& first, const Value& second) {
  const Value a = atom(first), b = atom(second);
  if (a.isNode() && b.isNode()) {
    if (a.isObject() && b.isObject()) {
      // Children equivalent, whatever their order; `id` does not count (FHIR R4 2.9: equivalence of
      // resources).
      Collection x = collection(), y = collection();
      children(a, x);
      children(b, y);
      if (a.type() == types.coding && types.coding != 0 && b.type() == a.type()) {
        return childText(a, names::kSystem) == childText(b, names::kSystem) &&
               childText(a, names::kCode) == childText(b, names::kCode);
      }
      return equivalentAll(x.span(), y.span());
    }
    return equal(a, b) == Equality::kYes;
  }
  if (a.isNode() || b.isNode()) return false;
  if (isNumber(a.kind()) && isNumber(b.kind())) {
    if (isInteger(a.kind()) && isInteger(b.kind())) return a.asInteger() == b.asInteger();
    // To the precision of the less precise one, trailing zeros not counting (N1 6.1.2).
    const Decimal x = decimalOf(a).normalised(), y = decimalOf(b).normalised();
    const int scale = std::min(x.scale(), y.scale());
    return x.rounded(scale) == y.rounded(scale);
  }
  if (a.kind() == ValueKind::kString && b.kind() == ValueKind::kString) {
    steps += (a.asString().size() + b.asString().size()) / 16;
    return a.asString() == b.asString() || foldText(a.asString()) == foldText(b.asString());
  }
  if (a.kind() == ValueKind::kQuantity && b.kind() == ValueKind::kQuantity) {
    return equivalentQuantities(a.asQuantity(), b.asQuantity());
  }
  if (isDay(a.kind()) && isDay(b.kind())) {
    const auto order = Temporal::compare(a.asTemporal(), b.asTemporal());
    return order && *order == 0;
  }
  return equal(a, b) == Equality::kYes;
}

bool Evaluator::Impl::equivalentAll(Span a, Span b) {
  if (a.size() != b.size()) return false;
  if (a.size() == 1) return equivalent(a[0], b[0]);
  std::vector<bool> used(b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    bool found = false;
    // Mostly the order is the same: begin at the same place.
    for (std::size_t k = 0; k < b.size() && !found; ++k) {
      const std::size_t j = (i + k) % b.size();
      if (++steps > environment.limits.steps) return false;  // the caller's next step() reports it
      if (used[j] || !equivalent(a[i], b[j])) continue;
      used[j] = true;
      found = true;
    }
    if (!found) return false;
  }
  return true;
}

// Equal values hash alike; values of kinds that may be equal share a form.
std::uint64_t Evaluator::Impl::hash(const Value& value) {
  const Value v = atomQuiet(value, true);
  switch (v.kind()) {
    case ValueKind::kNode: {
      const NodeIndex node = v.anyIndex();
      steps += subtree(v);
      return node == kNoNode ? 0 : hashTree(v.document(), node);
    }
    case ValueKind::kBoolean:
      return v.asBoolean() ? 1 : 2;
    case ValueKind::kInteger:
    case ValueKind::kLong:
    case ValueKind::kDecimal: {
      std::array<char, Decimal::kMaxTextLength> buffer;
      return fastHash(decimalOf(v).normalised().format(buffer));
    }
    case ValueKind::kString:
      return fastHash(v.asString());
    case ValueKind::kDate:
    case ValueKind::kDateTime:
    case ValueKind::kTime: {
      // With a zone, the moment; without, the fields. Fractions of a second are left to the comparison.
      const Temporal t = v.asTemporal();
      std::int64_t minutes = ((t.year * 12LL + t.month) * 31 + t.day) * 1440;
      if (t.hasZone() && t.precision >= Precision::kHour) {
        // Equal hours may lie at different minutes: zones of half an hour.
        return mix(7,
                   static_cast<std::uint64_t>(t.utcSecond() / (t.precision == Precision::kHour ? 3600 : 1)));
      }
      minutes += t.hour * 60 + t.minute;
      return mix(static_cast<std::uint64_t>(minutes), t.second);
    }
    case ValueKind::kQuantity:
      return quantityHashes(v.asQuantity())[0];
    case ValueKind::kTypeInfo:
      return fastHash(v.typeInfoName());
    case ValueKind::kService:
      return 3;
  }
  return 0;
}

bool Evaluator::Impl::compare(const Expr& e, const Value& first, const Value& second,
                              std::optional<int>& out) {
  out.reset();
  const Value a = atom(first), b = atom(second);
  const auto sign = [](auto order) { return order < 0 ? -1 : order > 0 ? 1 : 0; };
  if (isNumber(a.kind()) && isNumber(b.kind())) {
    out = isInteger(a.kind()) && isInteger(b.kind()) ? sign(a.asInteger() <=> b.asInteger())
                                                     : sign(decimalOf(a) <=> decimalOf(b));
    return true;
  }
  if (a.kind() == ValueKind::kString && b.kind() == ValueKind::kString) {
    out = sign(a.asString().compare(b.asString()));
    return true;
  }
  if ((isDay(a.kind()) && isDay(b.kind())) ||
      (a.kind() == ValueKind::kTime && b.kind() == ValueKind::kTime)) {
    if (const auto order = Temporal::compare(a.asTemporal(), b.asTemporal())) out = sign(*order);
    return true;
  }
  if (a.kind() == ValueKind::kQuantity && b.kind() == ValueKind::kQuantity) {
    const auto order = compareQuantities(a.asQuantity(), b.asQuantity());
    if (!order.empty && order.comparable) out = order.order;
    return true;
  }
  if (a.kind() == ValueKind::kQuantity && isNumber(b.kind())) {
    return compare(e, a, newQuantity({decimalOf(b), "1", false}), out);
  }
  if (b.kind() == ValueKind::kQuantity && isNumber(a.kind())) {
    return compare(e, newQuantity({decimalOf(a), "1", false}), b, out);
  }
  if (noValue(a) || noValue(b)) return true;
  const auto shown = [&](const Value& v) {
    return std::string(v.isNode() ? types.name({typeOf(v), ValueKind::kNode}) : systemTypeName(v.kind()));
  };
  return fail(e, "cannot order " + shown(a) + " and " + shown(b));
}

bool ValueSet::insert(const Value& value) {
  if (items_.size() < kSmall) {
    if (contains(value)) return false;
    items_.push_back(value);
    return true;
  }
  index();
  if (find(value)) return false;
  enter(value, static_cast<std::uint32_t>(items_.size()));
  items_.push_back(value);
  return true;
}

bool ValueSet::contains(const Value& value) {
  if (items_.size() > kSmall) {
    index();
    return find(value);
  }
  return std::ranges::any_of(items_, [&](const Value& item) { return machine_.same(item, value); });
}

void ValueSet::index() {
  if (!index_.empty()) return;
  for (std::uint32_t i = 0; i < items_.size(); ++i) enter(items_[i], i);
}

void ValueSet::enter(const Value& value, std::uint32_t place) {
  const Value v = machine_.atomQuiet(value, true);
  quantities_ = quantities_ || v.kind() == ValueKind::kQuantity;
  numbers_ = numbers_ || isNumber(v.kind());
  index_.emplace(machine_.hash(v), place);
}

bool ValueSet::find(const Value& value) {
  const Value v = machine_.atomQuiet(value, true);
  const bool quantity = v.kind() == ValueKind::kQuantity;
  // A number equals a quantity of unit '1', and their hashes have nothing in common.
  if ((quantity && numbers_) || (quantities_ && isNumber(v.kind()))) {
    return std::ranges::any_of(items_, [&](const Value& item) {
      return ++machine_.steps <= machine_.environment.limits.steps && machine_.same(item, value);
    });
  }
  const auto among = [&](std::uint64_t key) {
    const auto [from, to] = index_.equal_range(key);
    for (auto it = from; it != to; ++it) {
      if (++machine_.steps > machine_.environment.limits.steps) return false;
      if (machine_.same(items_[it->second], value)) return true;
    }
    return false;
  };
  return quantity ? std::ranges::any_of(quantityHashes(v.asQuantity()), among) : among(machine_.hash(v));
}

}  // namespace tributary::fhirpath
