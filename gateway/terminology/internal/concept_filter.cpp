#include "terminology/internal/concept_filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>

namespace tributary::terminology::internal {

namespace {

enum class Op { kIsA, kDescendentOf, kIsNotA, kGeneralizes, kEquals, kIn, kNotIn, kExists, kRegex };

std::optional<Op> operatorOf(std::string_view op) {
  if (op == "is-a") return Op::kIsA;
  if (op == "descendent-of") return Op::kDescendentOf;
  if (op == "is-not-a") return Op::kIsNotA;
  if (op == "generalizes") return Op::kGeneralizes;
  if (op == "=") return Op::kEquals;
  if (op == "in") return Op::kIn;
  if (op == "not-in") return Op::kNotIn;
  if (op == "exists") return Op::kExists;
  if (op == "regex") return Op::kRegex;
  return std::nullopt;
}

bool isCode(std::string_view property) {
  return property == "concept" || property == "code";
}

std::vector<std::string> splitList(std::string_view list) {
  std::vector<std::string> items;
  while (true) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    items.emplace_back(item);
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

struct ConceptFilter::Test {
  Op op = Op::kEquals;
  std::string property;
  std::vector<std::string> values;
  std::uint32_t anchor = kNone;  // concept of a hierarchical test
  std::unique_ptr<re2::RE2> regex;
};

ConceptFilter::ConceptFilter(const View& view, std::uint32_t system,
                             const std::vector<Selection::Filter>& filters)
    : view_(view), system_(system) {
  for (const Selection::Filter& filter : filters) prepare(filter);
}

ConceptFilter::~ConceptFilter() = default;

bool ConceptFilter::hasProperty(std::string_view code) const {
  for (const ConceptRecord& item : View::slice(view_.concepts, view_.systems[system_].concepts)) {
    for (const PropertyRecord& property : View::slice(view_.properties, item.properties)) {
      if (view_.text(property.code) == code) return true;
    }
  }
  return false;
}

void ConceptFilter::prepare(const Selection::Filter& filter) {
  const std::optional<Op> op = operatorOf(filter.op);
  if (!op) {
    supported_ = false;
    return;
  }
  Test test{.op = *op, .property = filter.property, .values = {}, .anchor = kNone, .regex = nullptr};
  switch (*op) {
    case Op::kIsA:
    case Op::kDescendentOf:
    case Op::kIsNotA:
    case Op::kGeneralizes:
      test.anchor = view_.findConcept(system_, filter.value);
      if (!isCode(filter.property)) supported_ = false;
      break;
    case Op::kRegex: {
      re2::RE2::Options options;
      options.set_max_mem(1 << 20);
      options.set_log_errors(false);
      test.regex = std::make_unique<re2::RE2>(filter.value, options);
      if (!test.regex->ok()) supported_ = false;
      break;
    }
    case Op::kIn:
    case Op::kNotIn:
      test.values = splitList(filter.value);
      break;
    default:
      test.values = {filter.value};
  }
  const bool built_in =
      isCode(filter.property) || filter.property == "display" || filter.property == "parent";
  if (!built_in && *op != Op::kExists && !hasProperty(filter.property)) supported_ = false;
  tests_.push_back(std::move(test));
}

bool ConceptFilter::passes(const Test& test, std::uint32_t concept_index) const {
  const ConceptRecord& item = view_.concepts[concept_index];
  // Does any value of the property satisfy `wanted`?
  const auto anyValue = [&](const auto& wanted) {
    if (isCode(test.property)) return wanted(view_.text(item.code));
    if (test.property == "display") return wanted(view_.text(item.display));
    if (test.property == "parent") {
      for (const std::uint32_t parent : View::slice(view_.parents, item.parents)) {
        if (parent < view_.concepts.size() && wanted(view_.text(view_.concepts[parent].code))) return true;
      }
      return false;
    }
    for (const PropertyRecord& property : View::slice(view_.properties, item.properties)) {
      if (view_.text(property.code) == test.property && wanted(view_.text(property.value))) return true;
    }
    return false;
  };
  const auto listed = [&](std::string_view value) {
    return std::ranges::find(test.values, value) != test.values.end();
  };
  switch (test.op) {
    case Op::kIsA:
      return test.anchor != kNone && view_.subsumes(test.anchor, concept_index);
    case Op::kDescendentOf:
      return test.anchor != kNone && test.anchor != concept_index &&
             view_.subsumes(test.anchor, concept_index);
    case Op::kIsNotA:
      return test.anchor == kNone || !view_.subsumes(test.anchor, concept_index);
    case Op::kGeneralizes:
      return test.anchor != kNone && view_.subsumes(concept_index, test.anchor);
    case Op::kEquals:
    case Op::kIn:
      return anyValue(listed);
    case Op::kNotIn:
      return !anyValue(listed);
    case Op::kExists:
      return anyValue([](std::string_view) { return true; }) == (test.values.front() != "false");
    case Op::kRegex:
      return anyValue([&](std::string_view value) {
        return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *test.regex);
      });
  }
  return false;
}

bool ConceptFilter::matches(std::uint32_t concept_index) const {
  return std::ranges::all_of(tests_, [&](const Test& test) { return passes(test, concept_index); });
}

}  // namespace tributary::terminology::internal
