#include "views/internal/checks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace tributary::views::internal {

using terminology::Definitions;
using terminology::kNoType;
using terminology::TypeId;
using terminology::TypeKind;

namespace {

constexpr std::size_t kMostTold = 20;  // unknown names of one expression; looking for the nearest takes time

// False for what FHIR's integers do not hold (FHIR R4 2.24.0.1): fractions, and numbers out of range.
bool wholeNumber(std::string_view type, std::string_view text) {
  if (type != "integer" && type != "positiveInt" && type != "unsignedInt") return true;
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  return type == "integer" || number >= (type == "positiveInt" ? 1 : 0);
}

bool notOfSystem(TypeKind kind) {
  return kind != TypeKind::kSystem;
}

// The nearest name among the types of these kinds, or empty.
template <class F>
std::string_view nearestType(const Definitions* definitions, std::string_view wrong, F wanted) {
  if (definitions == nullptr) return {};
  std::vector<std::string_view> names;
  for (TypeId type = 1; type < definitions->typeCount(); ++type) {
    if (wanted(definitions->typeKind(type))) names.push_back(definitions->typeName(type));
  }
  return nearestName(wrong, names);
}

// What to do where the diagnostic itself says nothing: a function that is only switched off is told apart.
std::string remedyFor(const Text& where, const fhirpath::Diagnostic& diagnostic,
                      fhirpath::CompileOptions options) {
  if (!diagnostic.suggestion.empty() || !diagnostic.expected.empty()) return {};
  if (!options.national_functions) {
    options.national_functions = true;
    if (fhirpath::compile(where.value, options))
      return "It is for national mappings; `tributary view --national` switches it on.";
  }
  return "Try the expression with `tributary fhirpath`.";
}

}  // namespace

TypeId Checks::resource(Definition& definition) {
  claims_shareable_ = definition.shareable;
  if (options_.definitions == nullptr || definition.resource.empty()) return kNoType;
  const Definitions& definitions = *options_.definitions;
  const std::string& name = definition.resource;
  const TypeId type = definitions.findType(name);
  // Also names that are found, but stand in no resource: "FHIR.Patient", or a canonical.
  if (type != kNoType && definitions.typeKind(type) == TypeKind::kResource &&
      definitions.typeName(type) == name)
    return type;
  std::string_view near = definitions.typeName(type);
  if (type == kNoType || definitions.typeKind(type) != TypeKind::kResource)
    near = nearestType(options_.definitions, name, [](TypeKind kind) { return kind == TypeKind::kResource; });
  problems_.add(Severity::kError, "view-structure", "resource", definition.resource_node,
                "'" + name + "' is no resource type that is known here",
                near.empty() ? "Name a FHIR resource type, such as Patient."
                             : "Did you mean '" + std::string(near) + "'?");
  definition.resource.clear();  // its expressions are then not typed, and say nothing of it again
  return kNoType;
}

// The constants that the expressions may use: none that FHIRPath or the caller has a meaning for, and none
// whose text is no value of its type.
std::vector<fhirpath::Constant> Checks::constants(const Definition& definition) {
  constexpr std::array<std::string_view, 5> kBuiltIn = {"context", "resource", "rootResource", "rowIndex",
                                                        "terminologies"};
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kFixed = {
      {{"sct", "http://snomed.info/sct"},
       {"loinc", "http://loinc.org"},
       {"ucum", "http://unitsofmeasure.org"}}};
  constants_.clear();
  for (const ConstantDefinition& constant : definition.constants) {
    const std::string& name = constant.name.value;
    const auto refuse = [&](std::string why) {
      problems_.add(Severity::kError, "view-constant", constant.name.path, constant.name.node,
                    "no constant can be called '" + name + "': " + std::move(why), "Give it another name.");
    };
    const auto* const fixed =
        std::ranges::find_if(kFixed, [&](const auto& entry) { return entry.first == name; });
    if (std::ranges::count(kBuiltIn, name) != 0) {
      refuse("%" + name + " is a variable of FHIRPath");
    } else if (fixed != std::end(kFixed) && constant.text != fixed->second) {
      refuse("FHIRPath has %" + name + " for " + std::string(fixed->second));
    } else if (std::ranges::find(options_.variables, name, &fhirpath::VariableDeclaration::name) !=
               options_.variables.end()) {
      refuse("a variable of that name is given from outside");
    }
    constants_.push_back({name, constant.type, constant.text});
    fhirpath::CompileOptions one;
    one.constants = {constants_.back()};
    if (fhirpath::compile("%`" + name + '`', one) && wholeNumber(constant.type, constant.text)) continue;
    problems_.add(Severity::kError, "view-constant", constant.value.path, constant.value.node,
                  "the constant '" + name + "' is no " + constant.type,
                  "Write it as FHIR writes " + constant.type + ", or choose another type.");
  }
  return constants_;
}

void Checks::failed(const Text& where, const fhirpath::Diagnostic& diagnostic,
                    const fhirpath::CompileOptions& options) {
  if (options.strict) {  // names that nobody knows are said in the same words, strict or not
    fhirpath::CompileOptions lax = options;
    lax.strict = false;
    if (auto program = fhirpath::compile(where.value, lax);
        program && !(defined(where, **program) && typed(where, **program)))
      return;
  }
  problems_.addDiagnostic(Severity::kError, where, diagnostic, remedyFor(where, diagnostic, options));
}

bool Checks::names(const Text& where, const fhirpath::Program& program) {
  return functions(where, program) && defined(where, program) && typed(where, program);
}

// What needs more than the resource is switched on: resolve() is FHIR's, so the compiler takes it; the
// functions of national mappings it refuses by itself. All else of FHIRPath may be called, but a view that is
// to be shared is told what not every runner has (SQL-on-FHIR, ViewDefinition: required functions).
bool Checks::functions(const Text& where, const fhirpath::Program& program) {
  constexpr std::array<std::string_view, 12> kRequired = {
      "where", "exists", "empty",          "extension",       "join",        "ofType",
      "first", "not",    "getResourceKey", "getReferenceKey", "lowBoundary", "highBoundary"};
  for (const fhirpath::Mention& called : program.functionsCalled()) {
    fhirpath::Diagnostic diagnostic = program.diagnosticAt(called);
    if (called.name == "resolve" && !options_.national_functions) {
      diagnostic.message = "resolve() is no function of SQL-on-FHIR";
      problems_.addDiagnostic(
          Severity::kError, where, diagnostic,
          "Use getReferenceKey() and join the tables; `tributary view --national` switches it on.");
      return false;
    }
    if (claims_shareable_ && std::ranges::count(kRequired, called.name) == 0) {
      diagnostic.message = "not every runner of SQL-on-FHIR has " + called.name + "()";
      problems_.addDiagnostic(Severity::kWarning, where, diagnostic,
                              "Leave it out of a view that is to be shared.");
    }
  }
  return true;
}

// SQL-on-FHIR: a constant that is used must be there.
bool Checks::defined(const Text& where, const fhirpath::Program& program) {
  const std::string* before = nullptr;
  const auto unknown = program.variablesUnknown();
  for (const fhirpath::Mention& mention : unknown.first(std::min(unknown.size(), kMostTold))) {
    if (before != nullptr && *before == mention.name) continue;  // the same place, looked at again
    before = &mention.name;
    std::vector<std::string_view> names;
    for (const fhirpath::Constant& constant : constants_) names.push_back(constant.name);
    for (const auto& variable : options_.variables) names.push_back(variable.name);
    names.insert(names.end(), {"context", "resource", "rootResource", "rowIndex"});
    const std::string_view near = nearestName(mention.name, names);
    fhirpath::Diagnostic diagnostic = program.diagnosticAt(mention);
    diagnostic.message = "there is no constant '" + mention.name + "'";
    problems_.addDiagnostic(Severity::kError, where, diagnostic,
                            near.empty() ? "Add it to \"constant\", or write what is meant in its place."
                                         : "Did you mean '%" + std::string(near) + "'?");
  }
  return unknown.empty();
}

// ofType(Patint) would fail at each resource, and getReferenceKey(Patint) give nothing for any.
bool Checks::typed(const Text& where, const fhirpath::Program& program) {
  const auto unknown = program.typesUnknown();
  for (const fhirpath::Mention& mention : unknown.first(std::min(unknown.size(), kMostTold))) {
    fhirpath::Diagnostic diagnostic = program.diagnosticAt(mention);
    diagnostic.message = "there is no type '" + mention.name + "'";
    const std::string_view near = nearestType(options_.definitions, mention.name, notOfSystem);
    problems_.addDiagnostic(Severity::kError, where, diagnostic,
                            near.empty() ? "Name a FHIR type, such as Quantity, or a System type."
                                         : "Did you mean '" + std::string(near) + "'?");
  }
  return unknown.empty();
}

void Checks::filter(const Text& where, const fhirpath::Program& program) {
  const auto& types = program.resultType().types;
  if (options_.definitions == nullptr || types.empty()) return;
  const Definitions& definitions = *options_.definitions;
  const TypeId system = definitions.findType("System.Boolean");
  const TypeId fhir = definitions.findType("FHIR.boolean");
  if (std::ranges::any_of(types, [&](TypeId t) { return t == system || t == fhir || t == kNoType; })) return;
  problems_.add(Severity::kError, "view-where", where.path, where.node,
                "the filter gives " + std::string(definitions.typeName(types.front())) + ", not a boolean",
                "Compare it with something, or put .exists() behind it.");
}

void Checks::columnType(const ColumnDefinition& definition) {
  if (claims_shareable_ && definition.type.empty()) {
    problems_.add(Severity::kError, "view-structure", definition.location + ".type", definition.path.node,
                  "a ShareableViewDefinition gives each column its type",
                  "Add \"type\", or do not claim the profile in meta.profile.");
  }
  if (options_.definitions == nullptr || definition.type.empty() ||
      options_.definitions->findType(definition.type) != kNoType)
    return;
  const std::string_view near = nearestType(options_.definitions, definition.type, notOfSystem);
  problems_.add(Severity::kWarning, "view-structure", definition.location + ".type", definition.type_node,
                "there is no type '" + definition.type + "'",
                near.empty() ? "Name a FHIR type, such as string, code, date or Quantity, or leave it out."
                             : "Did you mean '" + std::string(near) + "'?");
}

// Types that nobody declared may differ as code and string do: a database has one type for both.
bool Checks::sameType(const std::string& a, const std::string& b, bool declared) const {
  if (a.empty() || b.empty() || a == b) return true;
  if (declared || options_.definitions == nullptr) return !declared;
  const auto stored = [&](const std::string& name) {
    const TypeId type = options_.definitions->findType(name);
    const TypeId system = options_.definitions->systemType(type);
    return system == kNoType ? type : system;
  };
  return stored(a) == stored(b);
}

}  // namespace tributary::views::internal
