#include "fhirpath/evaluator.h"

#include "fhir/json_reader.h"
#include "fhirpath/internal/fused.h"
#include "fhirpath/internal/machine.h"
#include "fhirpath/internal/program_impl.h"

#include <re2/re2.h>

namespace tributary::fhirpath {

Evaluator::Evaluator(const Environment& environment) : impl_(std::make_unique<Impl>(environment)) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

Evaluator::Scope::Scope(Evaluator& evaluator) : impl_(*evaluator.impl_) {
  // What an evaluation before has left is not needed any more.
  if (impl_.open_scopes++ == 0) {
    impl_.arena.reset();
    impl_.made.clear();
    impl_.steps = 0;
  }
  const Arena::Mark mark = impl_.arena.mark();
  mark_[0] = mark.block;
  mark_[1] = mark.used;
  mark_[2] = impl_.made.size();
}

Evaluator::Scope::~Scope() {
  --impl_.open_scopes;
  impl_.arena.rewind({static_cast<std::size_t>(mark_[0]), static_cast<std::size_t>(mark_[1])});
  impl_.made.resize(static_cast<std::size_t>(mark_[2]));
}

Value Evaluator::root(const fhir::Document& document) const {
  return impl_->rootNode(document);
}

Value Evaluator::resource(const fhir::Document& document, fhir::NodeIndex node) const {
  return impl_->resourceNode(document, node);
}

Result<std::span<const Value>> Evaluator::evaluate(const Program& program, const Value& focus) {
  static const Bindings kNone;
  return evaluate(program, focus, kNone);
}

Result<std::span<const Value>> Evaluator::evaluate(const Program& program, const Value& focus,
                                                   const Bindings& bindings) {
  Impl& machine = *impl_;
  if (machine.open_scopes == 0) {
    machine.arena.reset();
    machine.steps = 0;
    if (!machine.made.empty()) machine.made.clear();
  }
  Collection out = machine.collection();
  const Program::Impl& impl = program.impl();
  const Expr& root = *impl.root;
  bool ok = false;
  if (root.plan != nullptr && root.plan->steps_covered == root.children.size() && focus.isNode() &&
      focus.type() == root.plan->input && !machine.trace_steps) {
    machine.program = &impl;
    ok = runFused(machine, root, *root.plan, focus, out);
    if (ok && machine.arena.exhausted()) [[unlikely]]
      ok = machine.failLimit(root, "the result is too large");
  } else {
    ok = machine.run(impl, focus, bindings, out);
  }
  if (!ok) [[unlikely]] {
    const ErrorCode code = machine.diagnostic.limit ? ErrorCode::kLimit : ErrorCode::kInvalidArgument;
    return fail(code, machine.diagnostic.summary());
  }
  return out.span();
}

Result<std::optional<bool>> Evaluator::test(const Program& program, const Value& focus,
                                            const Bindings& bindings) {
  const auto values = evaluate(program, focus, bindings);
  if (!values) return std::unexpected(values.error());
  std::optional<bool> result;
  if (!impl_->truth(*program.impl().root, *values, result)) {
    return fail(ErrorCode::kInvalidArgument, impl_->diagnostic.summary());
  }
  return result;
}

const Diagnostic& Evaluator::lastDiagnostic() const {
  return impl_->diagnostic;
}

void Evaluator::setNow(Instant now, std::int16_t zone_minutes) {
  impl_->environment.now = now;
  impl_->environment.zone_minutes = zone_minutes;
}
void Evaluator::setResolver(const Resolver* resolver) {
  impl_->environment.resolver = resolver;
}
void Evaluator::setTraceListener(TraceListener* listener) {
  impl_->trace = listener;
  impl_->trace_steps = listener != nullptr && listener->steps();
}
void Evaluator::setVisitListener(VisitListener* listener) {
  impl_->visits = listener;
}

}  // namespace tributary::fhirpath
