#include "cli/fhirpath_session.h"

#include <cstdio>

#include "cli/resource_input.h"
#include "fhir/json_writer.h"

namespace tributary::cli {

using fhirpath::Value;
using fhirpath::ValueKind;

std::string valueText(const Value& value) {
  if (value.isObject()) return fhir::toJson(value.document(), value.nodeIndex());
  if (value.isNode() && value.nodeIndex() == fhir::kNoNode) {
    return fhir::toJson(value.document(), value.companionIndex());  // a primitive that has only extensions
  }
  if (value.kind() == ValueKind::kTypeInfo) {
    return (value.typeInfoIsSystem() ? "System." : "FHIR.") + std::string(value.typeInfoName());
  }
  fhirpath::TextBuffer buffer;
  return std::string(fhirpath::text(value, buffer));
}

std::string valueType(const Value& value, const terminology::Definitions& definitions) {
  if (value.isNode()) {
    return value.type() == terminology::kNoType ? "unknown"
                                                : "FHIR." + std::string(definitions.typeName(value.type()));
  }
  const std::string_view system = fhirpath::systemTypeName(value.kind());
  return system.empty() ? "unknown" : "System." + std::string(system);
}

// Prints each step of the tree walk: what part of the expression, and what it gave.
class FhirpathSession::Tracer final : public fhirpath::TraceListener {
 public:
  Tracer(const terminology::Definitions& definitions, std::string_view source)
      : definitions_(definitions), source_(source) {}

  bool steps() const override { return true; }
  void traced(std::string_view name, std::span<const Value> values) override {
    print("trace '" + std::string(name) + "'", 0, values);
  }
  void step(const Step& step) override {
    print(std::string(source_.substr(std::min(step.offset, source_.size()), step.length)), step.depth,
          step.values);
  }

 private:
  void print(const std::string& what, unsigned depth, std::span<const Value> values) {
    constexpr std::size_t kShown = 5, kWidest = 100, kMostLines = 10'000;
    if (++lines_ > kMostLines) {  // a repeat() that does not end would fill the screen for minutes
      if (lines_ == kMostLines + 1) std::fprintf(stderr, "(further steps are not shown)\n");
      return;
    }
    std::string out(2U * std::min(depth, 20U), ' ');
    out += what + "  →  ";
    if (values.empty()) out += "empty";
    for (std::size_t i = 0; i < values.size() && i < kShown; ++i) {
      std::string text = valueText(values[i]);
      if (text.size() > kWidest) {
        std::size_t cut = kWidest;
        while (cut > 0 && (text[cut] & 0xC0) == 0x80) --cut;
        text = text.substr(0, cut) + "…";
      }
      if (i > 0) out += ", ";
      out += valueType(values[i], definitions_) + ' ' + text;
    }
    if (values.size() > kShown) out += ", … (" + std::to_string(values.size()) + " in all)";
    std::fprintf(stderr, "%s\n", out.c_str());
  }

  const terminology::Definitions& definitions_;
  std::string_view source_;
  std::size_t lines_ = 0;  // of this evaluation
};

namespace {

fhirpath::Environment environmentFor(const terminology::Definitions& definitions,
                                     const terminology::Terminology* terminology,
                                     const fhirpath::Limits& limits) {
  fhirpath::Environment environment;
  environment.definitions = &definitions;
  environment.terminology = terminology;
  environment.now = SystemClock().now();
  environment.zone_minutes = localZoneMinutes();
  environment.limits = limits;
  return environment;
}

}  // namespace

FhirpathSession::FhirpathSession(FhirpathOptions options,
                                 std::shared_ptr<const terminology::Definitions> definitions,
                                 std::shared_ptr<const terminology::Terminology> terminology)
    : options_(std::move(options)),
      definitions_(std::move(definitions)),
      terminology_(std::move(terminology)),
      evaluator_(environmentFor(*definitions_, terminology_.get(), options_.limits.evaluation)) {}

FhirpathSession::~FhirpathSession() = default;

const fhirpath::Program* FhirpathSession::compile(const std::string& expression, std::string_view type) {
  auto key = std::pair(expression + (options_.strict ? "\n" : ""), std::string(type));
  const auto known = programs_.find(key);
  if (known != programs_.end()) return known->second.program.get();
  fhirpath::CompileOptions options;
  options.definitions = definitions_.get();
  options.context_type = type;
  options.strict = options_.strict;
  options.national_functions = options_.national;
  options.source_name = "expression";
  options.max_regex_memory = options_.limits.evaluation.regex_memory;
  auto program = fhirpath::compile(expression, options);
  if (!program) {  // said again each time that it is asked for
    print(program.error().render() + '\n');
    return nullptr;
  }
  Compiled& compiled = programs_[std::move(key)];
  compiled.program = std::move(*program);
  for (const fhirpath::Diagnostic& warning : compiled.program->warnings()) {
    std::string text = warning.render();
    if (const auto at = text.find("semantic error"); at != std::string::npos) text.replace(at, 14, "warning");
    print(text + '\n');
  }
  return compiled.program.get();
}

void FhirpathSession::print(const std::string& text, bool to_stdout) const {
  if (text.empty()) return;
  if (before_text_) before_text_(to_stdout);
  std::fwrite(text.data(), 1, text.size(), to_stdout ? stdout : stderr);
}

bool FhirpathSession::evaluate(const fhirpath::Program& program, const Value& focus, std::string_view where,
                               std::string_view prefix, bool tell) {
  if (options_.trace) {
    tracer_ = std::make_unique<Tracer>(*definitions_, program.source());
    evaluator_.setTraceListener(tracer_.get());
  }
  auto result = evaluator_.evaluate(program, focus);
  evaluator_.setTraceListener(nullptr);
  if (!result && !tell) return false;
  if (!result) {
    const fhirpath::Diagnostic& diagnostic = evaluator_.lastDiagnostic();
    std::string text = diagnostic.render();
    if (const std::string advice = options_.limits.adviceFor(diagnostic.message);
        diagnostic.limit && !advice.empty())
      text += "\n  " + advice;
    print(std::string(where) + ": " + text + '\n');
    return false;
  }
  std::string out;
  for (const Value& value : *result) {
    out += prefix;
    if (options_.types) out += valueType(value, *definitions_) + '\t';
    out += valueText(value);
    out += '\n';
  }
  print(out, true);
  return true;
}

}  // namespace tributary::cli
