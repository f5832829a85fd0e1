#include "views/internal/plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <set>

#include "views/internal/chain.h"

namespace tributary::views::internal {
namespace {

using terminology::Definitions;
using terminology::kNoType;
using terminology::TypeId;
using terminology::TypeKind;

// The type that an expression's items have, as far as compile() can use it: empty when not known or not one.
std::string contextName(const Definitions& definitions, TypeId type) {
  std::string name(definitions.typeName(type));
  return definitions.typeKind(type) == TypeKind::kSystem ? "System." + name : name;
}

// False for what FHIR's integers do not hold (FHIR R4 2.24.0.1): fractions, and numbers out of range.
bool wholeNumber(std::string_view type, std::string_view text) {
  if (type != "integer" && type != "positiveInt" && type != "unsignedInt") return true;
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  return type == "integer" || number >= (type == "positiveInt" ? 1 : 0);
}

bool mentions(std::span<const fhirpath::Mention> all, std::string_view name) {
  return std::ranges::find(all, name, &fhirpath::Mention::name) != all.end();
}

bool usesRowIndex(const ProgramPtr& program) {
  return program && mentions(program->variablesUsed(), "rowIndex");
}

class Compiler {
 public:
  Compiler(Definition definition, const CompileOptions& options, Problems& problems)
      : options_(options), problems_(problems) {
    out_.definition = std::move(definition);
  }

  Compiled compile() {
    const Definition& definition = out_.definition;
    if (options_.definitions != nullptr && !definition.resource.empty()) checkResource();
    takeConstants();
    for (std::size_t i = 0; i < definition.where.size(); ++i) {
      const Text& where = definition.where[i];
      out_.where_texts.push_back(where.value);
      ProgramPtr program = expression(where, definition.resource);
      if (program) checkWhere(where, *program);
      out_.where.push_back(std::move(program));
    }
    for (const SelectDefinition& select : definition.selects) {
      out_.root.children.push_back(node(select, definition.resource));
    }
    finish(out_.root);
    checkNames();
    return std::move(out_);
  }

 private:
  void checkResource() {
    const Definitions& definitions = *options_.definitions;
    const std::string& name = out_.definition.resource;
    out_.type = definitions.findType(name);
    // Also names that are found, but stand in no resource: "FHIR.Patient", or a canonical.
    if (out_.type != kNoType && definitions.typeKind(out_.type) == TypeKind::kResource &&
        definitions.typeName(out_.type) == name)
      return;
    std::string_view near = definitions.typeName(out_.type);
    if (out_.type == kNoType || definitions.typeKind(out_.type) != TypeKind::kResource)
      near = nearestType(name, [](TypeKind kind) { return kind == TypeKind::kResource; });
    problems_.add(Severity::kError, "view-structure", "resource", out_.definition.resource_node,
                  "'" + name + "' is no resource type that is known here",
                  near.empty() ? "Name a FHIR resource type, such as Patient."
                               : "Did you mean '" + std::string(near) + "'?");
    out_.type = kNoType;
    out_.definition.resource.clear();  // its expressions are then not typed, and say nothing of it again
  }

  // The nearest name among the types of these kinds, or empty.
  template <class F>
  std::string_view nearestType(std::string_view wrong, F wanted) const {
    std::vector<std::string_view> names;
    for (TypeId type = 1; type < options_.definitions->typeCount(); ++type) {
      if (wanted(options_.definitions->typeKind(type))) names.push_back(options_.definitions->typeName(type));
    }
    return nearestName(wrong, names);
  }

  // The constants that the expressions may use: none that FHIRPath or the caller has a meaning for, and none
  // whose text is no value of its type.
  void takeConstants() {
    constexpr std::array<std::string_view, 5> kBuiltIn = {"context", "resource", "rootResource", "rowIndex",
                                                          "terminologies"};
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kFixed = {
        {{"sct", "http://snomed.info/sct"},
         {"loinc", "http://loinc.org"},
         {"ucum", "http://unitsofmeasure.org"}}};
    for (const ConstantDefinition& constant : out_.definition.constants) {
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
  }

  fhirpath::CompileOptions programOptions(std::string_view context) const {
    fhirpath::CompileOptions o;
    o.definitions = options_.definitions;
    o.context_type = context;
    o.resource_type = out_.definition.resource;
    o.strict = options_.strict;
    o.optimise = options_.optimise;
    o.max_regex_memory = options_.max_regex_memory;
    o.national_functions = options_.national_functions;
    o.variables = options_.variables;
    o.constants = constants_;
    return o;
  }

  // Compiles the expression of `where`; null after a problem.
  ProgramPtr expression(const Text& where, std::string_view context, bool lenient = false) {
    if (where.node == fhir::kNoNode) return nullptr;  // has been complained of
    fhirpath::CompileOptions o = programOptions(context);
    o.source_name = where.path;
    if (lenient) o.strict = false;
    auto program = fhirpath::compile(where.value, o);
    if (!program && o.strict) {  // a %name that nobody defines is said in the same words, strict or not
      fhirpath::CompileOptions lax = o;
      lax.strict = false;
      if (auto again = fhirpath::compile(where.value, lax); again && !(defined(where, **again) && typed(where, **again))) return nullptr;
    }
    if (!program) {
      problems_.addDiagnostic(Severity::kError, where, program.error(), remedyFor(where, program.error(), o));
      return nullptr;
    }
    if (!shareable(where, **program) || !defined(where, **program) || !typed(where, **program)) return nullptr;
    if (!lenient) {
      for (const fhirpath::Diagnostic& warning : (*program)->warnings()) {
        problems_.addDiagnostic(Severity::kWarning, where, warning);
      }
    }
    return std::move(*program);
  }

  // What to do where the diagnostic itself says nothing: a function that is only switched off is told apart.
  static std::string remedyFor(const Text& where, const fhirpath::Diagnostic& diagnostic,
                               fhirpath::CompileOptions options) {
    if (!diagnostic.suggestion.empty() || !diagnostic.expected.empty()) return {};
    if (!options.national_functions) {
      options.national_functions = true;
      if (fhirpath::compile(where.value, options))
        return "It is for national mappings; `tributary view --national` switches it on.";
    }
    return "Try the expression with `tributary fhirpath`.";
  }

  // resolve() is FHIR's, so the compiler takes it; the functions of national mappings it refuses by itself.
  bool shareable(const Text& where, const fhirpath::Program& program) {
    if (options_.national_functions) return true;
    const auto called = program.functionsCalled();
    const auto at = std::ranges::find(called, "resolve", &fhirpath::Mention::name);
    if (at == called.end()) return true;
    fhirpath::Diagnostic diagnostic = program.diagnosticAt(*at);
    diagnostic.message = "resolve() is not part of the shareable profile of SQL-on-FHIR";
    problems_.addDiagnostic(
        Severity::kError, where, diagnostic,
        "Use getReferenceKey() and join the tables; `tributary view --national` switches it on.");
    return false;
  }

  // SQL-on-FHIR: a constant that is used must be there.
  bool defined(const Text& where, const fhirpath::Program& program) {
    const std::string* before = nullptr;
    for (const fhirpath::Mention& mention : program.variablesUnknown()) {
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
    return program.variablesUnknown().empty();
  }

  // ofType(Patint) would fail at each resource, and getReferenceKey(Patint) give nothing for any.
  bool typed(const Text& where, const fhirpath::Program& program) {
    for (const fhirpath::Mention& mention : program.typesUnknown()) {
      fhirpath::Diagnostic diagnostic = program.diagnosticAt(mention);
      diagnostic.message = "there is no type '" + mention.name + "'";
      const std::string_view near =
          nearestType(mention.name, [](TypeKind kind) { return kind != TypeKind::kSystem; });
      problems_.addDiagnostic(Severity::kError, where, diagnostic,
                              near.empty() ? "Name a FHIR type, such as Quantity, or a System type."
                                           : "Did you mean '" + std::string(near) + "'?");
    }
    return program.typesUnknown().empty();
  }

  // A part of an expression that has been compiled as a whole before: a problem here just means not to share.
  ProgramPtr part(std::string_view text, std::string_view context) const {
    auto program = fhirpath::compile(text, programOptions(context));
    return program ? std::move(*program) : nullptr;
  }

  std::string resultContext(const fhirpath::Program& program) const {
    const auto& types = program.resultType().types;
    if (options_.definitions == nullptr || types.size() != 1) return {};
    return contextName(*options_.definitions, types.front());
  }

  void checkWhere(const Text& where, const fhirpath::Program& program) {
    const auto& types = program.resultType().types;
    if (options_.definitions == nullptr || types.empty()) return;
    const Definitions& definitions = *options_.definitions;
    const TypeId system = definitions.findType("System.Boolean");
    const TypeId fhir = definitions.findType("FHIR.boolean");
    if (std::ranges::any_of(types, [&](TypeId t) { return t == system || t == fhir || t == kNoType; }))
      return;
    problems_.add(Severity::kError, "view-where", where.path, where.node,
                  "the filter gives " + std::string(definitions.typeName(types.front())) + ", not a boolean",
                  "Compare it with something, or put .exists() behind it.");
  }

  PlanNode node(const SelectDefinition& select, std::string context) {
    PlanNode out;
    out.location = select.location;
    if (select.for_each || select.for_each_or_null) {
      out.iteration = select.for_each ? Iteration::kForEach : Iteration::kForEachOrNull;
      out.for_each = expression(select.for_each ? *select.for_each : *select.for_each_or_null, context);
      out.row_index = usesRowIndex(out.for_each);
      context = out.for_each ? resultContext(*out.for_each) : std::string{};
    } else if (!select.repeat.empty()) {
      out.iteration = Iteration::kRepeat;
      context = repeat(select, context, out);
      out.row_index = std::ranges::any_of(out.repeat_first, usesRowIndex);
    }
    for (const ColumnDefinition& definition : select.columns) {
      if (out_.columns.size() >= kMaxColumns) break;
      column(definition, context, out);
    }
    if (options_.share_prefixes) share(select, context, out);
    for (const SelectDefinition& child : select.selects) out.children.push_back(node(child, context));
    unions(select, context, out);
    finish(out);
    return out;
  }

  // `repeat` runs its paths from the focus and from each item it finds, which may be of another type.
  std::string repeat(const SelectDefinition& select, const std::string& context, PlanNode& out) {
    std::set<TypeId> types;
    bool known = options_.definitions != nullptr;
    for (const Text& path : select.repeat) {
      out.repeat_first.push_back(expression(path, context, true));
      if (!out.repeat_first.back()) return {};
      const auto& result = out.repeat_first.back()->resultType();
      if (result.never) continue;
      known = known && result.types.size() == 1;
      types.insert(result.types.begin(), result.types.end());
    }
    std::string item =
        known && types.size() == 1 ? contextName(*options_.definitions, *types.begin()) : std::string{};
    const auto compileNext = [&](const std::string& from) {
      out.repeat_next.clear();
      for (const Text& path : select.repeat) out.repeat_next.push_back(expression(path, from, true));
    };
    compileNext(item);
    const auto stays = [&](const ProgramPtr& program) {
      return program && (program->resultType().never || (program->resultType().types.size() == 1 &&
                                                         program->resultType().types[0] == *types.begin()));
    };
    if (!item.empty() && !std::ranges::all_of(out.repeat_next, stays)) {
      item.clear();
      compileNext(item);
    }
    return item;
  }

  void column(const ColumnDefinition& definition, const std::string& context, PlanNode& out) {
    PlanColumn column;
    column.program = expression(definition.path, context);
    column.collection = definition.collection;
    column.row_index = usesRowIndex(column.program);
    column.joins = column.program && column.program->lastFunction() == "join";
    Column shown;
    shown.name = definition.name.value;
    shown.type = definition.type;
    shown.collection = definition.collection;
    shown.description = definition.description;
    shown.path = definition.path.value;
    shown.location = definition.location;
    shown.tags = definition.tags;
    if (column.program && shown.type.empty()) shown.type = inferredType(*column.program);
    checkType(definition);
    column.slot = slot(definition, std::move(shown));
    out.columns.push_back(std::move(column));
  }

  void checkType(const ColumnDefinition& definition) {
    if (options_.definitions == nullptr || definition.type.empty() ||
        options_.definitions->findType(definition.type) != kNoType)
      return;
    const std::string_view near =
        nearestType(definition.type, [](TypeKind kind) { return kind != TypeKind::kSystem; });
    problems_.add(Severity::kWarning, "view-structure", definition.location + ".type", definition.type_node,
                  "there is no type '" + definition.type + "'",
                  near.empty() ? "Name a FHIR type, such as string, code, date or Quantity, or leave it out."
                               : "Did you mean '" + std::string(near) + "'?");
  }

  std::string inferredType(const fhirpath::Program& program) const {
    const auto& types = program.resultType().types;
    if (options_.definitions == nullptr || types.size() != 1 || types[0] == kNoType) return {};
    std::string name(options_.definitions->typeName(types[0]));
    if (options_.definitions->typeKind(types[0]) == TypeKind::kSystem) {
      // The FHIR primitive that goes by the System type's name: Integer → integer, DateTime → dateTime.
      if (!name.empty() && name != "Quantity") name[0] = static_cast<char>(name[0] | 0x20);
    }
    return name;
  }

  // The row's slot of a column: a new one, or in a further branch of a unionAll the one of the first branch.
  std::uint32_t slot(const ColumnDefinition& definition, Column shown) {
    const std::size_t i = next_slot_++;
    if (i >= out_.columns.size()) {
      name_places_.push_back(definition.name);
      out_.columns.push_back(std::move(shown));
      return static_cast<std::uint32_t>(out_.columns.size() - 1);
    }
    const Column& there = out_.columns[i];
    if (there.name != shown.name) {
      unionProblem(definition.name,
                   "the column '" + shown.name + "' stands where the first branch has '" + there.name + "'");
    } else if (there.collection != shown.collection) {
      unionProblem(definition.name,
                   "the column '" + shown.name + "' differs from the first branch in 'collection'");
    } else if (!sameType(there.type, shown.type, !definition.type.empty())) {
      problems_.add(
          Severity::kWarning, "view-union", definition.name.path, definition.name.node,
          "the column '" + shown.name + "' has type " + shown.type + ", in the first branch " + there.type,
          "Give both the same type.");
    }
    return static_cast<std::uint32_t>(i);
  }

  // Types that nobody declared may differ as code and string do: a database has one type for both.
  bool sameType(const std::string& a, const std::string& b, bool declared) const {
    if (a.empty() || b.empty() || a == b) return true;
    if (declared || options_.definitions == nullptr) return !declared;
    const auto stored = [&](const std::string& name) {
      const TypeId type = options_.definitions->findType(name);
      const TypeId system = options_.definitions->systemType(type);
      return system == kNoType ? type : system;
    };
    return stored(a) == stored(b);
  }

  void unionProblem(const Text& where, std::string text) {
    problems_.add(Severity::kError, "view-union", where.path, where.node, std::move(text),
                  "Give all branches of the unionAll the same columns in the same order.");
  }

  void unions(const SelectDefinition& select, const std::string& context, PlanNode& out) {
    const std::size_t begin = next_slot_;
    std::size_t end = begin;
    for (std::size_t i = 0; i < select.unions.size(); ++i) {
      const SelectDefinition& branch = select.unions[i];
      next_slot_ = begin;
      out.unions.push_back(node(branch, context));
      if (i == 0) {
        end = next_slot_;
      } else if (next_slot_ != end) {
        unionProblem({{}, branch.location, branch.node},
                     "the branch has " + std::to_string(next_slot_ - begin) + " columns, the first one " +
                         std::to_string(end - begin));
      }
    }
    next_slot_ = end;
  }

  // Columns of one select that begin with the same costly path get that part evaluated once.
  void share(const SelectDefinition& select, const std::string& context, PlanNode& out) {
    std::map<std::string_view, std::size_t> users;
    std::vector<std::vector<Step>> paths;
    for (const ColumnDefinition& definition : select.columns) {
      paths.push_back(splitPath(definition.path.value));
      forPrefixes(definition.path.value, paths.back(),
                  [&](std::string_view prefix, std::size_t) { ++users[prefix]; });
    }
    std::map<std::string_view, int> index;
    for (std::size_t i = 0; i < paths.size() && i < out.columns.size(); ++i) {
      const std::string_view text = select.columns[i].path.value;
      std::string_view best;
      forPrefixes(text, paths[i], [&](std::string_view prefix, std::size_t) {
        if (users[prefix] >= 2) best = prefix;
      });
      if (!best.empty() && out.columns[i].program && !out.columns[i].row_index) {
        useShared(best, text, paths[i], context, index, out, out.columns[i]);
      }
    }
  }

  // Each prefix behind which only steps follow that work item by item, or a last first().
  template <class F>
  static void forPrefixes(std::string_view text, const std::vector<Step>& steps, F f) {
    bool costly = false;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      costly = costly || steps[i].kind != StepKind::kName;
      bool good = costly;
      for (std::size_t j = i + 1; j < steps.size() && good; ++j) {
        good = steps[j].kind == StepKind::kName || steps[j].kind == StepKind::kMap ||
               (steps[j].kind == StepKind::kFirst && j + 1 == steps.size());
      }
      if (good) f(text.substr(0, steps[i].end), i);
    }
  }

  void useShared(std::string_view prefix, std::string_view text, const std::vector<Step>& steps,
                 const std::string& context, std::map<std::string_view, int>& index, PlanNode& out,
                 PlanColumn& column) const {
    std::string_view rest = prefix.size() < text.size() ? text.substr(prefix.size() + 1) : std::string_view{};
    const bool first = !rest.empty() && steps.back().kind == StepKind::kFirst;
    if (first) {
      const std::size_t before = steps.size() > 1 ? steps[steps.size() - 2].end : 0;
      rest = before > prefix.size() ? text.substr(prefix.size() + 1, before - prefix.size() - 1)
                                    : std::string_view{};
    }
    const auto known = index.find(prefix);
    const ProgramPtr shared =
        known != index.end() ? out.prefixes[static_cast<std::size_t>(known->second)] : part(prefix, context);
    if (!shared) return;
    ProgramPtr rest_program;
    if (!rest.empty()) {
      rest_program = part(rest, resultContext(*shared));
      if (!rest_program) return;
    }
    if (known == index.end()) {
      index[prefix] = static_cast<int>(out.prefixes.size());
      out.prefixes.push_back(shared);
    }
    column.prefix = index[prefix];
    column.rest = std::move(rest_program);
    column.first = first;
  }

  // Puts children that iterate behind the others and collects the slots of the subtree.
  static void finish(PlanNode& node) {
    for (const PlanColumn& column : node.columns) {
      node.slots.push_back(column.slot);
      if (column.row_index) node.row_index_columns.push_back(column);
    }
    const auto collect = [&](const PlanNode& child) {
      node.slots.insert(node.slots.end(), child.slots.begin(), child.slots.end());
      node.row_index_columns.insert(node.row_index_columns.end(), child.row_index_columns.begin(),
                                    child.row_index_columns.end());
    };
    for (const PlanNode& child : node.children) collect(child);
    if (!node.unions.empty()) collect(node.unions.front());  // the others have the same slots
    std::vector<PlanNode> still, iterating;
    for (PlanNode& child : node.children) (multiplies(child) ? iterating : still).push_back(std::move(child));
    std::ranges::move(iterating, std::back_inserter(still));
    node.children = std::move(still);
  }

  static bool multiplies(const PlanNode& node) {
    return node.iteration != Iteration::kNone || !node.unions.empty() ||
           std::ranges::any_of(node.children, [](const PlanNode& child) { return multiplies(child); });
  }

  void checkNames() {
    std::map<std::string, std::size_t> seen;  // in small letters
    for (std::size_t i = 0; i < out_.columns.size(); ++i) {
      const std::string& name = out_.columns[i].name;
      std::string small = name;
      for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      const auto [before, fresh] = seen.emplace(std::move(small), i);
      if (name.empty() || fresh) continue;
      const Column& other = out_.columns[before->second];
      const bool same = other.name == name;
      problems_.add(same ? Severity::kError : Severity::kWarning, "view-name", name_places_[i].path,
                    name_places_[i].node,
                    same ? "the column '" + name + "' is there twice (also " + other.location + ')'
                         : "the column '" + name + "' differs from '" + other.name + "' (" + other.location +
                               ") in capitals only, and most databases take them for one",
                    "Rename one of them.");
    }
    if (out_.columns.empty() && !problems_.failed()) {
      problems_.add(Severity::kError, "view-structure", "select", 0, "the view has no column",
                    "Add \"column\": [...] to a select.");
    }
  }

  const CompileOptions& options_;
  Problems& problems_;
  Compiled out_;
  std::vector<fhirpath::Constant> constants_;
  std::vector<Text> name_places_;
  std::size_t next_slot_ = 0;
};

}  // namespace

Compiled compilePlan(Definition definition, const CompileOptions& options, Problems& problems) {
  return Compiler(std::move(definition), options, problems).compile();
}

}  // namespace tributary::views::internal
