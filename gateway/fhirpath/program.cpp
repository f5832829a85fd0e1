#include "fhirpath/program.h"

#include <algorithm>
#include <set>

#include "fhirpath/internal/checker.h"
#include "fhirpath/internal/fused.h"
#include "fhirpath/internal/parser.h"
#include "fhirpath/internal/planner.h"
#include "fhirpath/internal/program_impl.h"
#include "fhirpath/internal/utf8.h"

namespace tributary::fhirpath {

void locate(Diagnostic& d, std::string_view source, std::string_view source_name) {
  const std::size_t at = std::min(d.offset, source.size());
  const std::string_view before = source.substr(0, at);
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  d.line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1);
  d.column = static_cast<std::uint32_t>(utf8Length(before.substr(start)) + 1);
  std::string_view line = source.substr(start, source.find('\n', start) - start);
  if (line.ends_with('\r')) line.remove_suffix(1);
  // A long line is shown around the place.
  constexpr std::size_t kWidth = 160;
  if (line.size() > kWidth) {
    std::size_t from = at - start > kWidth / 2 ? at - start - kWidth / 2 : 0;
    while (from < line.size() && isUtf8Continuation(line[from])) ++from;
    std::size_t to = std::min(line.size(), from + kWidth);
    while (to < line.size() && isUtf8Continuation(line[to])) ++to;
    d.source_line = std::string(line.substr(from, to - from));
    d.column_in_line = static_cast<std::uint32_t>(utf8Length(line.substr(from, at - start - from)) + 1);
  } else {
    d.source_line = std::string(line);
    d.column_in_line = d.column;
  }
  // What would move the cursor of a terminal is a blank there, so that the caret stands right.
  for (char& c : d.source_line) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = ' ';
  }
  d.source_name = std::string(source_name);
}

namespace {

// Before the checker and the planner: they turn parts of the tree into literals.
void noteNames(Program::Impl& impl, const Expr& tree) {
  std::set<std::string_view> functions, variables;
  for (const Expr& e : impl.pool) {
    if (e.op == Op::kFunction && functions.insert(e.text).second)
      impl.functions_called.push_back({e.text, e.offset, e.length});
    if (e.op == Op::kVariable && variables.insert(e.text).second)
      impl.variables_used.push_back({e.text, e.offset, e.length});
  }
  const Expr& last = tree.op == Op::kPath ? *tree.children.back() : tree;
  if (last.op == Op::kFunction) impl.last_function = last.text;
}

}  // namespace

Program::Program(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Program::~Program() = default;
std::string_view Program::source() const {
  return impl_->source;
}
const StaticType& Program::resultType() const {
  return impl_->result;
}
std::span<const std::string> Program::variables() const {
  return impl_->variables;
}
std::span<const Mention> Program::functionsCalled() const {
  return impl_->functions_called;
}
std::span<const Mention> Program::variablesUsed() const {
  return impl_->variables_used;
}
std::span<const Mention> Program::variablesUnknown() const {
  return impl_->variables_unknown;
}
std::span<const Mention> Program::typesUnknown() const {
  return impl_->types_unknown;
}
std::string_view Program::lastFunction() const {
  return impl_->last_function;
}
Diagnostic Program::diagnosticAt(const Mention& mention) const {
  Diagnostic d;
  d.phase = Phase::kSemantic;
  d.offset = mention.offset;
  d.length = mention.length;
  locate(d, impl_->source, impl_->source_name);
  return d;
}
std::span<const Diagnostic> Program::warnings() const {
  return impl_->warnings;
}
std::string Program::describe() const {
  return describePlan(*impl_);
}

std::expected<std::shared_ptr<const Program>, Diagnostic> compile(std::string_view expression,
                                                                  const CompileOptions& options) {
  const auto failed = [&](Diagnostic d) {
    locate(d, expression, options.source_name);
    return std::unexpected(std::move(d));
  };
  if (expression.size() > options.max_length) {
    Diagnostic d;
    d.limit = true;
    d.message = "the expression is longer than " + std::to_string(options.max_length) + " bytes";
    d.source_name = options.source_name;
    return std::unexpected(std::move(d));
  }
  auto impl = std::make_unique<Program::Impl>(options.definitions);
  impl->source = std::string(expression);
  impl->source_name = options.source_name;
  if (options.definitions != nullptr && !options.context_type.empty()) {
    impl->context_type = options.definitions->findType(options.context_type);
    if (impl->context_type == terminology::kNoType) {
      Diagnostic d;
      d.phase = Phase::kSemantic;
      d.message = "the context type '" + options.context_type + "' is not known";
      return failed(std::move(d));
    }
  }
  auto root = parse(impl->source, options, impl->pool);
  if (!root) return failed(std::move(root).error());
  Expr* tree = *root;
  noteNames(*impl, *tree);
  if (options.optimise && tree->op == Op::kMember) {  // a path of one, so that it can be fused
    Expr& path = impl->pool.emplace_back();
    path.op = Op::kPath;
    path.offset = tree->offset;
    path.length = tree->length;
    path.children = {tree};
    path.height = tree->height + 1;
    tree = &path;
  }
  impl->root = tree;
  Checker checker(*impl, options);
  if (auto ok = checker.run(tree); !ok) return failed(std::move(ok).error());
  for (const Expr& e : impl->pool) {
    if (options.definitions != nullptr && !e.type.name.empty() && !e.type.known())
      impl->types_unknown.push_back({e.type.name, e.offset, e.length});
  }
  for (Diagnostic& warning : impl->warnings) locate(warning, impl->source, options.source_name);
  compilePatterns(*impl, options.max_regex_memory);
  if (options.optimise) {
    foldConstants(*impl);
    planPaths(*impl);
  }
  return std::make_shared<const Program>(std::move(impl));
}

}  // namespace tributary::fhirpath
