#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/document.h"

namespace tributary::collection {

// A value of a JSON file that is held in a Document; empty where there is none, so that chains need no
// checks.
class Json {
 public:
  Json() = default;
  explicit Json(const fhir::Document& document) : document_(&document), node_(document.root()) {}
  Json(const fhir::Document& document, fhir::NodeIndex node) : document_(&document), node_(node) {}

  explicit operator bool() const { return document_ != nullptr; }
  Json operator[](std::string_view name) const;
  bool isString() const { return kind(fhir::Kind::kString); }
  bool isNumber() const { return kind(fhir::Kind::kNumber); }
  bool isBoolean() const { return kind(fhir::Kind::kTrue) || kind(fhir::Kind::kFalse); }
  bool isObject() const { return kind(fhir::Kind::kObject); }
  bool isArray() const { return kind(fhir::Kind::kArray); }
  bool isTrue() const { return kind(fhir::Kind::kTrue); }
  // A scalar's text; empty for anything else.
  std::string_view text() const;
  std::string string() const { return std::string(text()); }
  std::int64_t integer(std::int64_t otherwise = 0) const;
  std::vector<Json> items() const;  // of an array; empty otherwise
  // Members of an object in order.
  std::vector<std::pair<std::string_view, Json>> members() const;
  fhir::Position position() const;

 private:
  bool kind(fhir::Kind k) const { return document_ != nullptr && (*document_)[node_].kind == k; }
  const fhir::Document* document_ = nullptr;
  fhir::NodeIndex node_ = 0;
};

}  // namespace tributary::collection
