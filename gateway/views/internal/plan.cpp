#include "views/internal/plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "views/internal/chain.h"
#include "views/internal/checks.h"

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

bool mentions(std::span<const fhirpath::Mention> all, std::string_view name) {
  return std::ranges::find(all, name, &fhirpath::Mention::name) != all.end();
}

bool usesRowIndex(const ProgramPtr& program) {
  return program && mentions(program->variablesUsed(), "rowIndex");
}

class Compiler {
 public:
  Compiler(Definition definition, const CompileOptions& options, Problems& problems)
      : options_(options), problems_(problems), checks_(options, problems) {
    out_.definition = std::move(definition);
  }

  Compiled compile() {
    const Definition& definition = out_.definition;
    out_.type = checks_.resource(out_.definition);
    constants_ = checks_.constants(definition);
    for (std::size_t i = 0; i < definition.where.size(); ++i) {
      const Text& where = definition.where[i];
      out_.where_texts.push_back(where.value);
      ProgramPtr program = expression(where, definition.resource);
      if (program) checks_.filter(where, *program);
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
    if (!program) {
      checks_.failed(where, program.error(), o);
      return nullptr;
    }
    if (!checks_.names(where, **program)) return nullptr;
    if (!lenient) {
      for (const fhirpath::Diagnostic& warning : (*program)->warnings()) {
        problems_.addDiagnostic(Severity::kWarning, where, warning);
      }
    }
    return std::move(*program);
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
    warnOfRepeat(select, out, types.empty());
    return item;
  }

  // A path may be there for the items only, or for the focus only; one that finds nothing in either is a
  // slip.
  void warnOfRepeat(const SelectDefinition& select, const PlanNode& out, bool no_items) {
    for (std::size_t i = 0; i < select.repeat.size(); ++i) {
      const ProgramPtr& first = out.repeat_first[i];
      const ProgramPtr& next = out.repeat_next[i];
      if (!first->resultType().never || !(no_items || (next && next->resultType().never))) continue;
      for (const fhirpath::Diagnostic& warning : first->warnings()) {
        problems_.addDiagnostic(options_.strict ? Severity::kError : Severity::kWarning, select.repeat[i],
                                warning);
      }
    }
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
    checks_.columnType(definition);
    column.slot = slot(definition, std::move(shown));
    out.columns.push_back(std::move(column));
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
    } else if (!checks_.sameType(there.type, shown.type, !definition.type.empty())) {
      problems_.add(
          Severity::kWarning, "view-union", definition.name.path, definition.name.node,
          "the column '" + shown.name + "' has type " + shown.type + ", in the first branch " + there.type,
          "Give both the same type.");
    }
    return static_cast<std::uint32_t>(i);
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
  Checks checks_;
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
