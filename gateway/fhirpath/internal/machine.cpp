// The tree walk: every kind of expression but operators and functions.
#include "fhirpath/internal/machine.h"

#include <algorithm>
#include <tuple>

#include "fhir/json_reader.h"
#include "fhirpath/internal/checker_constants.h"
#include "fhirpath/internal/fused.h"
#include "fhirpath/internal/pattern.h"
#include "fhirpath/internal/profile.h"
#include "fhirpath/internal/program_impl.h"

namespace tributary::fhirpath {

using fhir::kNoNode;
using terminology::kNoType;

namespace {

TraceListener::StepKind stepKind(Op op) {
  using enum TraceListener::StepKind;
  switch (op) {
    case Op::kPath:
      return kPath;
    case Op::kMember:
    case Op::kTypeFilter:
      return kMember;
    case Op::kFunction:
    case Op::kIndexer:
      return kFunction;
    case Op::kUnion:
      return kUnion;
    case Op::kLiteral:
      return kLiteral;
    case Op::kVariable:
      return kVariable;
    default:
      return kOther;
  }
}

}  // namespace

Evaluator::Impl::Impl(const Environment& given)
    : environment(given), types(given.definitions), arena(given.limits.memory), lookups(256) {}
Evaluator::Impl::~Impl() = default;

bool Evaluator::Impl::fail(const Expr& e, std::string message, std::string expected) {
  diagnostic = Diagnostic();
  diagnostic.phase = Phase::kExecution;
  diagnostic.offset = e.offset;
  diagnostic.length = e.length;
  diagnostic.message = std::move(message);
  diagnostic.expected = std::move(expected);
  if (program != nullptr) locate(diagnostic, program->source, program->source_name);
  return false;
}

std::string Evaluator::Impl::ifWritten(const Expr& argument, std::string_view before, std::string_view text) {
  if (argument.op != Op::kLiteral) return {};
  return std::string(before) + std::string(text.substr(0, 200));
}

bool Evaluator::Impl::failLimit(const Expr& e, std::string message) {
  fail(e, std::move(message));
  diagnostic.limit = true;
  return false;
}

bool Evaluator::Impl::run(const Program::Impl& which, const Value& on, const Bindings& given,
                          Collection& out) {
  program = &which;
  bindings = &given;
  focus = on;
  depth = 0;
  condition_depth = 0;
  const Value self[1] = {on};
  Frame frame;
  frame.self = self;
  const Expr& root = *which.root;
  if (trace_steps) [[unlikely]]
    trace->begins(which.source);
  if (!eval(root, frame, frame.self, out)) return false;
  if (arena.exhausted()) return failLimit(root, "the result takes too much memory or has too many items");
  return true;
}

bool Evaluator::Impl::nested(const Program& which, const Value& on, std::optional<bool>& holds) {
  static const Bindings kNone;
  const auto outer = std::tuple(program, bindings, focus, visits, trace_steps, depth);
  program = &which.impl();
  bindings = &kNone;
  focus = on;
  visits = nullptr;
  trace_steps = false;
  const ArenaScope scope(arena);
  const Value self[1] = {on};
  Frame frame;
  frame.self = self;
  const bool ok = evalTruth(*which.impl().root, frame, holds);
  std::tie(program, bindings, focus, visits, trace_steps, depth) = outer;
  return ok;
}

// ── values ──

Value Evaluator::Impl::atomQuiet(const Value& v, bool quantities) {
  if (!v.isNode()) return v;
  const terminology::TypeId type = v.type();
  const Primitive primitive = types.primitive(type);
  if (primitive == Primitive::kNone) {
    if (quantities && types.isQuantity(type)) {
      if (const auto q = quantityOf(v)) return newQuantity(*q);
      return v;
    }
    if (type != kNoType || !v.hasScalar()) return v;
  }
  if (!v.hasScalar()) return v;
  const std::string_view text = v.view();
  const fhir::Kind kind = v.document()[v.nodeIndex()].kind;
  switch (primitive) {
    case Primitive::kString:
      return Value::string(text);
    case Primitive::kBoolean:
      if (text == "true" || text == "false") return Value::boolean(text == "true");
      break;
    case Primitive::kInteger:
    case Primitive::kLong:
      if (const auto number = Decimal::parse(text)) {
        if (const auto integer = number->toInteger()) {
          return primitive == Primitive::kLong ? Value::longInteger(*integer) : Value::integer(*integer);
        }
        return Value::decimal(*number);
      }
      break;
    case Primitive::kDecimal:
      if (const auto number = Decimal::parse(text)) return Value::decimal(*number);
      break;
    case Primitive::kDate:
      if (const auto date = Temporal::parseDate(text)) return Value::date(*date);
      break;
    case Primitive::kDateTime:
      if (const auto date = Temporal::parseDateTime(text)) return Value::dateTime(*date);
      break;
    case Primitive::kTime:
      if (const auto time = Temporal::parseTime(text)) return Value::time(*time);
      break;
    case Primitive::kNone:
      break;
  }
  if (primitive == Primitive::kNone && kind != fhir::Kind::kString) {
    if (kind == fhir::Kind::kNumber) {
      if (const auto number = Decimal::parse(text)) {
        const auto integer =
            text.find_first_of(".eE") == std::string_view::npos ? number->toInteger() : std::nullopt;
        return integer ? Value::integer(*integer) : Value::decimal(*number);
      }
    } else if (kind == fhir::Kind::kTrue || kind == fhir::Kind::kFalse) {
      return Value::boolean(kind == fhir::Kind::kTrue);
    }
  }
  return Value::string(text);
}

Value Evaluator::Impl::atom(const Value& v, bool quantities) {
  if (visits != nullptr && v.isNode()) [[unlikely]] {
    visits->visited(v, condition_depth > 0 ? VisitListener::Role::kCondition : VisitListener::Role::kValue);
  }
  return atomQuiet(v, quantities);
}

std::optional<QuantityValue> Evaluator::Impl::quantityOf(const Value& node) {
  const auto value = childText(node, names::kValue);
  // "<5" is not 5: what a comparator has made inexact is no System.Quantity.
  if (!value || childText(node, names::kComparator)) return std::nullopt;
  const auto number = Decimal::parse(*value);
  if (!number) return std::nullopt;
  QuantityValue q;
  q.value = *number;
  const auto system = childText(node, names::kSystem);
  const auto code = childText(node, names::kCode);
  const auto unit = childText(node, names::kUnit);
  // FHIR R4, FHIRPath, "Use of FHIR Quantity": the UCUM code is the unit; without one, the unit's text stands
  // for itself.
  if (code && (!system || *system == "http://unitsofmeasure.org")) {
    q.unit = *code;
    // In the same place: a year or month of a FHIR Quantity is the calendar's, so it can be added to a date.
    if (*code == "a" || *code == "mo") {
      q.unit = *code == "a" ? "year" : "month";
      q.calendar = true;
    }
  } else if (unit || code) {
    q.unit = unit ? *unit : *code;
    q.text_only = true;
  }
  return q;
}

Value Evaluator::Impl::newQuantity(const QuantityValue& q) {
  auto* memory = static_cast<QuantityValue*>(arena.allocate(sizeof(QuantityValue) + 8));
  if (memory == nullptr) return Value::decimal(q.value);
  // Decimal wants 16-byte alignment and the arena gives 8.
  auto address = reinterpret_cast<std::uintptr_t>(memory);
  address = (address + 15) & ~std::uintptr_t{15};
  return Value::quantity(new (reinterpret_cast<void*>(address)) QuantityValue(q));
}

Value Evaluator::Impl::newString(std::string_view text) {
  return Value::string(arena.copy(text));
}

char* Evaluator::Impl::newText(const Expr& e, std::size_t size) {
  // A fresh arena has no address to give for nothing: an empty text takes a byte, too.
  auto* memory = static_cast<char*>(arena.allocate(std::max<std::size_t>(size, 1)));
  if (memory == nullptr) failLimit(e, "the text is too long");
  return memory;
}

bool Evaluator::Impl::singleton(const Expr& e, Span values, std::optional<Value>& single) {
  single.reset();
  if (values.empty()) return true;
  if (values.size() > 1)
    return fail(e, "there are " + std::to_string(values.size()) + " items", "a single item");
  single = values[0];
  return true;
}

bool Evaluator::Impl::truth(const Expr& e, Span values, std::optional<bool>& out) {
  out.reset();
  if (values.empty()) return true;
  if (values.size() > 1) return fail(e, "there are " + std::to_string(values.size()) + " items", "a boolean");
  const Value v = atom(values[0], false);
  if (v.kind() == ValueKind::kBoolean) {
    out = v.asBoolean();
  } else if (!noValue(v) || types.primitive(v.type()) != Primitive::kBoolean) {
    out = true;  // that it is there
  }
  return true;
}

bool Evaluator::Impl::evalTruth(const Expr& e, const Frame& frame, std::optional<bool>& out) {
  Span values;
  return evalSpan(e, frame, values) && truth(e, values, out);
}

bool Evaluator::Impl::evalString(const Expr& e, const Frame& frame, std::optional<std::string_view>& out) {
  Span values;
  return evalSpan(e, frame, values) && inputString(e, values, out);
}

bool Evaluator::Impl::inputString(const Expr& e, Span input, std::optional<std::string_view>& out) {
  out.reset();
  std::optional<Value> single;
  if (!singleton(e, input, single)) return false;
  if (!single) return true;
  const Value v = atom(*single, false);
  if (v.kind() == ValueKind::kString) {
    out = v.asString();
    steps += out->size() / 64;  // a function of texts takes time by their length
    return true;
  }
  if (v.isNode()) {
    if (v.nodeIndex() == kNoNode) return true;  // only extensions: no value
    return fail(e, "a complex element is not a text", "a string");
  }
  // FHIR dates and numbers stand as text on the tape; N1 has no implicit conversion, but R4 invariants count
  // on these for date-like primitives.
  if (single->isNode()) {
    out = single->view();
    return true;
  }
  return fail(e, "a value of type " + std::string(systemTypeName(v.kind())) + " is not a text", "a string");
}

bool Evaluator::Impl::evalInteger(const Expr& e, const Frame& frame, std::optional<std::int64_t>& out) {
  out.reset();
  Span values;
  std::optional<Value> single;
  if (!evalSpan(e, frame, values) || !singleton(e, values, single)) return false;
  if (!single) return true;
  const Value v = atom(*single, false);
  if (noValue(v)) return true;
  if (v.kind() != ValueKind::kInteger && v.kind() != ValueKind::kLong)
    return fail(e, "not an integer", "an integer");
  out = v.asInteger();
  return true;
}

// ── expressions ──

bool Evaluator::Impl::evalSpan(const Expr& e, const Frame& frame, Span& out) {
  if (!trace_steps) [[likely]] {
    if (e.op == Op::kLiteral) {
      out = e.literal();
      return true;
    }
    if (e.op == Op::kThis) {
      out = frame.self;
      return true;
    }
  }
  Collection values = collection();
  if (!eval(e, frame, frame.self, values)) return false;
  out = values.span();
  return true;
}

bool Evaluator::Impl::eval(const Expr& e, const Frame& frame, Span input, Collection& out) {
  if (++steps > environment.limits.steps) return failLimit(e, "the evaluation takes too many steps");
  if (++depth > environment.limits.depth) return failLimit(e, "the evaluation is nested too deeply");
  const std::size_t start = out.size();
  bool ok = true;
  switch (e.op) {
    case Op::kLiteral:
      out.append(e.literal());
      break;
    case Op::kLiteralError:
      ok = fail(e, e.text);
      break;
    case Op::kThis:
      out.append(frame.self);
      break;
    case Op::kIndex:
      if (frame.index >= 0) out.push(Value::integer(frame.index));
      break;
    case Op::kTotal:
      if (frame.total != nullptr) out.append(*frame.total);
      break;
    case Op::kVariable:
      ok = evalVariable(e, frame, out);
      break;
    case Op::kMember:
      for (const Value& v : input) member(e, v, out);
      steps += input.size() + (out.size() - start);
      break;
    case Op::kTypeFilter:
      for (const Value& v : input) {
        if (v.isNode() && isType(v, e.type, false)) out.push(v);
      }
      break;
    case Op::kFunction:
      ok = call(e, frame, input, out);
      break;
    case Op::kIndexer: {
      std::optional<std::int64_t> index;
      ok = evalInteger(*e.children[0], frame, index);
      if (ok && index && *index >= 0 && static_cast<std::uint64_t>(*index) < input.size()) {
        out.push(input[static_cast<std::size_t>(*index)]);
      }
      break;
    }
    case Op::kPath:
      ok = evalPath(e, frame, input, out);
      break;
    case Op::kIs:
    case Op::kAs:
      ok = evalType(e, frame, out);
      break;
    default:
      ok = evalOperator(e, frame, out);
      break;
  }
  --depth;
  if (trace_steps && ok) [[unlikely]] {
    trace->step({e.offset, e.length, depth, stepKind(e.op), out.from(start)});
  }
  return ok;
}

bool Evaluator::Impl::evalPath(const Expr& e, const Frame& frame, Span input, Collection& out) {
  std::size_t next = 1;
  Collection a = collection(), b = collection();
  Collection* from = &a;
  Collection* to = &b;
  const std::size_t count = e.children.size();
  if (e.plan != nullptr && input.size() == 1 && !trace_steps && input[0].isNode() &&
      input[0].type() == e.plan->input) {
    next = e.plan->steps_covered;
    if (next == count) return runFused(*this, e, *e.plan, input[0], out);
    if (!runFused(*this, e, *e.plan, input[0], a)) return false;
  } else if (count == 1) {
    return eval(*e.children[0], frame, input, out);  // a lone member that the planner has wrapped
  } else if (e.children[0]->op == Op::kFunction && e.children[0]->function == FunctionId::kDefineVariable) {
    next = 0;
    a.append(input);
  } else if (!eval(*e.children[0], frame, input, a)) {
    return false;
  }
  Frame local = frame;
  for (; next < count; ++next) {
    const Expr& part = *e.children[next];
    const bool last = next + 1 == count;
    Collection& target = last ? out : *to;
    if (part.op == Op::kFunction && part.function == FunctionId::kDefineVariable) {
      std::optional<std::string_view> name;
      if (!newVariable(part, local, name)) return false;
      for (const Defined* d = local.defined; d != nullptr; d = d->next) {
        if (d->name == *name)
          return fail(part,
                      "the variable" + ifWritten(*part.children[0], " %", *name) + " is defined already");
      }
      Span values = from->span();
      if (part.children.size() > 1) {
        Frame inner = local;
        inner.self = values;
        if (!evalSpan(*part.children[1], inner, values)) return false;
      }
      auto* defined = static_cast<Defined*>(arena.allocate(sizeof(Defined)));
      if (defined == nullptr) return failLimit(part, "the evaluation takes too much memory");
      *defined = {*name, values, local.defined};
      local.defined = defined;
      if (last) out.append(from->span());
      continue;
    }
    // The newest collection may be input and target of nothing else, so the old one's memory is used again.
    if (!last) to->truncate(0);
    if (!eval(part, local, from->span(), target)) return false;
    if (!last) {
      // `to` may alias a span that a defined variable keeps: give such a list up instead of reusing it.
      if (local.defined != frame.defined) *from = collection();
      std::swap(from, to);
    }
  }
  return true;
}

// The name that defineVariable() gives; that of an environment variable is an error.
bool Evaluator::Impl::newVariable(const Expr& e, const Frame& frame, std::optional<std::string_view>& name) {
  if (!evalString(*e.children[0], frame, name)) return false;
  if (!name) return fail(e, "the variable has no name", "a name");
  const bool taken =
      *name == "context" || *name == "resource" || *name == "rootResource" || *name == "terminologies" ||
      *name == "rowIndex" || !wellKnownVariable(*name).empty() ||
      std::ranges::any_of(bindings->variables, [&](const NamedValue& v) { return v.name == *name; });
  if (!taken) return true;
  const std::string written = ifWritten(*e.children[0], "%", *name);
  return fail(e, (written.empty() ? "the name" : written) + " is a variable of the environment",
              "another name");
}

bool Evaluator::Impl::evalVariable(const Expr& e, const Frame& frame, Collection& out) {
  switch (e.variable) {
    case VariableKind::kRowIndex:
      out.push(Value::integer(bindings->row_index));
      return true;
    case VariableKind::kContext:
      out.push(bindings->context ? *bindings->context : focus);
      return true;
    case VariableKind::kTerminologies:
      out.push(Value::service(0));
      return true;
    case VariableKind::kRootResource:
      if (bindings->root_resource) {
        out.push(*bindings->root_resource);
      } else if (focus.isNode()) {
        out.push(resourceNode(focus.document(), focus.document().root()));
      }
      return true;
    case VariableKind::kResource: {
      if (bindings->resource) {
        out.push(*bindings->resource);
        return true;
      }
      if (!focus.isNode()) return true;
      // The innermost resource around the focus: walk down from the root along the subtrees that hold it.
      const fhir::Document& document = focus.document();
      const fhir::NodeIndex target = focus.anyIndex();
      fhir::NodeIndex found = document.root(), at = document.root();
      while (at < target && document[at].kind >= fhir::Kind::kArray) {
        fhir::NodeIndex child = at + 1;
        while (child < document[at].next && document[child].next <= target) child = document[child].next;
        if (child >= document[at].next) break;
        at = child;
        if (document[at].kind == fhir::Kind::kObject && types.resourceType(document, at) != kNoType)
          found = at;
      }
      out.push(resourceNode(document, found));
      return true;
    }
    case VariableKind::kBound:
      break;
  }
  for (const Defined* d = frame.defined; d != nullptr; d = d->next) {
    if (d->name == e.text) {
      out.append(d->values);
      return true;
    }
  }
  for (const NamedValue& v : bindings->variables) {
    if (v.name == e.text) {
      out.append(v.values);
      return true;
    }
  }
  return fail(e, "the variable %" + e.text + " is not defined");
}

bool Evaluator::Impl::evalType(const Expr& e, const Frame& frame, Collection& out) {
  Span values;
  if (!evalSpan(*e.children[0], frame, values)) return false;
  if (values.empty()) return true;
  if (values.size() > 1) {
    return fail(e, "there are " + std::to_string(values.size()) + " items", "a single item");
  }
  if (e.op == Op::kIs) {
    out.push(Value::boolean(isType(values[0], e.type, false)));
    return true;
  }
  if (!e.type.known()) return fail(e, "there is no type '" + e.type.name + "'");
  if (isType(values[0], e.type, true)) out.push(values[0]);
  return true;
}

// ── regular expressions ──

const re2::RE2* Evaluator::Impl::regex(const Expr& e, const Expr& pattern_expr, std::string_view pattern,
                                       bool ignore_case) {
  if (pattern_expr.regex != nullptr && !ignore_case)
    return static_cast<const re2::RE2*>(pattern_expr.regex.get());
  std::string key = (ignore_case ? "i" : " ") + std::string(pattern);
  if (const auto found = regexes.find(key); found != regexes.end()) return found->second.get();
  auto compiled = compilePattern(pattern, ignore_case, environment.limits.regex_memory);
  if (!compiled->ok()) {
    if (compiled->error_code() == re2::RE2::ErrorPatternTooLarge) {
      failLimit(e, "the regular expression is too large");
    } else if (compiled->error_code() == re2::RE2::ErrorRepeatSize) {
      fail(e, "the regular expression repeats a part in a wrong way, or more than 1,000 times");
    } else {
      fail(e,
           "the regular expression is malformed or uses what is not supported here (look-around, back "
           "references)");
    }
    return nullptr;
  }
  if (regexes.size() >= 32) regexes.clear();
  return regexes.emplace(std::move(key), std::move(compiled)).first->second.get();
}

bool Evaluator::Impl::pushDocument(const Expr& e, std::string_view json, Collection& out) {
  if (made.size() >= 1000) return failLimit(e, "too many resources are made in one evaluation");
  if (reader == nullptr) reader = std::make_unique<fhir::JsonReader>();
  auto document = std::make_unique<fhir::Document>();
  fhir::ReadOptions options;
  options.own_text = true;
  if (auto ok = reader->read(json, *document, options); !ok) return fail(e, "a resource could not be read");
  out.push(resourceNode(*document, document->root()));
  made.push_back(std::move(document));
  return true;
}

}  // namespace tributary::fhirpath
