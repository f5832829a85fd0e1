#include "views/view.h"

#include <algorithm>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "views/internal/definition.h"
#include "views/internal/plan.h"

namespace tributary::views {

View::View(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
View::~View() = default;

std::string_view View::name() const {
  return impl_->plan.definition.name;
}
std::string_view View::url() const {
  return impl_->plan.definition.url;
}
std::string_view View::title() const {
  return impl_->plan.definition.title;
}
std::string_view View::status() const {
  return impl_->plan.definition.status;
}
std::string_view View::resource() const {
  return impl_->plan.definition.resource;
}
std::span<const Column> View::columns() const {
  return impl_->plan.columns;
}
std::span<const std::string> View::where() const {
  return impl_->plan.where_texts;
}
std::vector<Constant> View::constants() const {
  std::vector<Constant> out;
  for (const auto& constant : impl_->plan.definition.constants)
    out.push_back({constant.name.value, constant.type, constant.text});
  return out;
}
std::span<const Problem> View::warnings() const {
  return impl_->warnings;
}

namespace {

void describeNode(const internal::PlanNode& node, const std::vector<Column>& columns, std::string indent,
                  std::string& out) {
  if (node.for_each) {
    out += indent + (node.iteration == internal::Iteration::kForEach ? "forEach " : "forEachOrNull ") +
           node.for_each->describe() + '\n';
    indent += "  ";
  }
  for (const auto& program : node.repeat_first) out += indent + "repeat " + program->describe() + '\n';
  for (std::size_t i = 0; i < node.prefixes.size(); ++i) {
    out += indent + "shared " + std::to_string(i) + ": " + node.prefixes[i]->describe() + '\n';
  }
  for (const internal::PlanColumn& column : node.columns) {
    out += indent + columns[column.slot].name + ": ";
    if (column.prefix == internal::PlanColumn::kNoPrefix) {
      out += column.program->describe();
    } else {
      out += "of shared " + std::to_string(column.prefix) + (column.first ? ", the first" : "");
      if (column.rest) out += ": " + column.rest->describe();
    }
    out += '\n';
  }
  for (const internal::PlanNode& child : node.children) describeNode(child, columns, indent, out);
  for (const internal::PlanNode& branch : node.unions) {
    out += indent + "unionAll\n";
    describeNode(branch, columns, indent + "  ", out);
  }
}

}  // namespace

std::string View::describe() const {
  std::string out;
  for (const auto& where : impl_->plan.where) out += "where " + where->describe() + '\n';
  describeNode(impl_->plan.root, impl_->plan.columns, "", out);
  return out;
}

CompileResult compile(std::string_view json, const CompileOptions& options) {
  fhir::Document document;
  fhir::JsonReader reader;
  fhir::ReadOptions read;
  read.limits.bytes = std::size_t{16} << 20;
  if (auto result = reader.read(json, document, read); !result) {
    Problem problem{std::move(result).error(), options.source_name, {}};
    problem.issue.rule = "view-json";
    if (problem.issue.remedy.starts_with("Correct the system that wrote this text"))
      problem.issue.remedy = "Correct the text at that place, so that it is JSON.";  // a person wrote it
    return std::unexpected(std::vector<Problem>{std::move(problem)});
  }
  internal::Problems problems(document, options.source_name);
  internal::Definition definition = internal::readDefinition(document, problems);
  auto impl = std::make_unique<View::Impl>();
  impl->plan = internal::compilePlan(std::move(definition), options, problems);
  std::ranges::stable_sort(problems.all(), [](const Problem& a, const Problem& b) {
    return std::pair(a.issue.line, a.issue.column) < std::pair(b.issue.line, b.issue.column);
  });
  if (problems.failed()) return std::unexpected(std::move(problems.all()));
  impl->warnings = std::move(problems.all());
  return std::make_shared<const View>(std::move(impl));
}

CompileResult compileFile(const std::filesystem::path& path, CompileOptions options) {
  constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  if (options.source_name.empty()) options.source_name = path.string();
  auto text = readFile(path, kMostBytes);
  if (!text) {
    Problem problem;
    problem.issue.rule = "view-file";
    problem.issue.text = text.error().text;
    problem.issue.remedy = "Check the path and the permissions.";
    problem.file = options.source_name;
    return std::unexpected(std::vector<Problem>{std::move(problem)});
  }
  return compile(*text, options);
}

}  // namespace tributary::views
