#include "collection/internal/json.h"

#include <charconv>

namespace tributary::collection {

Json Json::operator[](std::string_view name) const {
  if (!isObject()) return {};
  const fhir::NodeIndex child = document_->member(node_, name);
  return child == fhir::kNoNode ? Json() : Json(*document_, child);
}

std::string_view Json::text() const {
  if (document_ == nullptr) return {};
  const fhir::Kind k = (*document_)[node_].kind;
  return k < fhir::Kind::kArray && k != fhir::Kind::kNull ? document_->scalar(node_) : std::string_view{};
}

std::int64_t Json::integer(std::int64_t otherwise) const {
  const std::string_view digits = text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return isNumber() && error == std::errc{} && end == digits.data() + digits.size() ? value : otherwise;
}

std::vector<Json> Json::items() const {
  std::vector<Json> out;
  if (!isArray()) return out;
  const fhir::NodeIndex end = (*document_)[node_].next;
  for (fhir::NodeIndex i = node_ + 1; i < end; i = (*document_)[i].next) out.emplace_back(*document_, i);
  return out;
}

std::vector<std::pair<std::string_view, Json>> Json::members() const {
  std::vector<std::pair<std::string_view, Json>> out;
  if (!isObject()) return out;
  const fhir::NodeIndex end = (*document_)[node_].next;
  for (fhir::NodeIndex i = node_ + 1; i < end; i = (*document_)[i].next) {
    out.emplace_back(document_->name(i), Json(*document_, i));
  }
  return out;
}

fhir::Position Json::position() const {
  return document_ == nullptr ? fhir::Position{} : document_->position(node_);
}

}  // namespace tributary::collection
