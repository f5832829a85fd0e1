#include "collection/internal/follow.h"

#include <algorithm>

#include "collection/codes.h"

namespace tributary::collection {
namespace {

// Bounds of what is kept for people: more of one kind tells them no more.
constexpr std::size_t kMostParts = 20'000, kMostStops = 12, kMostElements = 12, kMostTranslations = 50;
constexpr unsigned kDeepest = 64;

}  // namespace

void Follower::begins(std::string_view expression) {
  expression_ = expression;
  parts_.clear();
  open_.clear();
}

void Follower::step(const Step& step) {
  if (parts_.size() >= kMostParts) return;
  Part part{step.offset, step.length, step.depth, step.kind, {step.values.begin(), step.values.end()}, {}};
  // What ended one level deeper since is a part of this one.
  std::size_t first = open_.size();
  while (first > 0 && parts_[open_[first - 1]].depth > step.depth) --first;
  part.children.assign(open_.begin() + static_cast<std::ptrdiff_t>(first), open_.end());
  open_.resize(first);
  open_.push_back(parts_.size());
  parts_.push_back(std::move(part));
}

bool Follower::calls(const Part& part, std::string_view function) const {
  const std::string_view text = expression_.substr(std::min(part.offset, expression_.size()), part.length);
  return part.kind == StepKind::kFunction && text.starts_with(function) &&
         text.substr(function.size()).starts_with('(');
}

void Follower::tell(const terminology::Terminology* terms, Attempt& out) {
  out.expression = expression_;
  if (terms != nullptr) {
    for (const Part& part : parts_) {
      if (part.kind != StepKind::kPath) continue;
      for (std::size_t i = 1; i < part.children.size(); ++i) {
        const Part& call = parts_[part.children[i]];
        if (calls(call, "translate")) translate(call, parts_[part.children[i - 1]].values, *terms, out);
      }
    }
  }
  if (out.value.empty() && !open_.empty()) why(parts_[open_.back()], {}, out, 0);
}

// `part` gave nothing.
void Follower::why(const Part& part, Values input, Attempt& out, unsigned nesting) const {
  if (nesting > kDeepest || out.stops.size() >= kMostStops) return;
  if (part.kind == StepKind::kUnion) {
    for (const std::size_t child : part.children) why(parts_[child], input, out, nesting + 1);
    return;
  }
  if (part.kind == StepKind::kFunction) return whyCall(part, input, out, nesting);
  if (part.kind != StepKind::kPath) return stop(part, input, out);
  for (std::size_t i = 0; i < part.children.size(); ++i) {
    const Part& child = parts_[part.children[i]];
    if (!child.values.empty()) continue;
    return why(child, i == 0 ? input : Values(parts_[part.children[i - 1]].values), out, nesting + 1);
  }
  stop(part, input, out);
}

void Follower::whyCall(const Part& part, Values input, Attempt& out, unsigned nesting) const {
  // Of select() and iif() the reason lies inside: in what was done with each item, in the branch taken.
  const bool branch = calls(part, "iif");
  if (!branch && !calls(part, "select")) return stop(part, input, out);
  bool told = false;
  for (std::size_t i = branch ? 1 : 0; i < part.children.size(); ++i) {
    const Part& child = parts_[part.children[i]];
    if (!child.values.empty()) continue;
    why(child, branch || i >= input.size() ? Values{} : input.subspan(i, 1), out, nesting + 1);
    told = true;
  }
  if (!told) stop(part, input, out);
}

void Follower::stop(const Part& part, Values input, Attempt& out) const {
  if (out.stops.size() >= kMostStops) return;
  Stop stop;
  stop.part = expression_.substr(std::min(part.offset, expression_.size()), part.length);
  stop.nothing_set = part.kind == StepKind::kLiteral || part.kind == StepKind::kVariable;
  for (const fhirpath::Value& value : input) {
    if (!value.isNode() || stop.had.size() >= kMostElements) continue;
    stop.had.push_back({&value.document(), value.anyIndex(), false});
  }
  out.stops.push_back(std::move(stop));
}

void Follower::translate(const Part& part, Values input, const terminology::Terminology& terms,
                         Attempt& out) const {
  if (part.children.empty()) return;
  const auto& argument = parts_[part.children.front()].values;
  if (argument.size() != 1) return;
  const std::string map(argument[0].view());
  for (const fhirpath::Value& value : input) {
    if (!value.isNode() || value.nodeIndex() == fhir::kNoNode) continue;
    for (const Code& code : codesAt(value.document(), value.nodeIndex())) {
      if (out.translated.size() >= kMostTranslations) return;
      bool found = false;
      const auto result = terms.translate(map, {code.system, code.code, {}, {}}, &found);
      Translated one{map, std::string(code.system), std::string(code.code), {}, {}, false};
      if (result) {
        for (const auto& target : *result) {
          if (target.equivalence == "unmatched" || target.equivalence == "disjoint") continue;
          one.target_system = target.system;
          one.target = target.code;
          one.by_default = !found;
          break;
        }
      }
      out.translated.push_back(std::move(one));
    }
  }
}

}  // namespace tributary::collection
