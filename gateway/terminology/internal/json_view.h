#pragma once
// Walking a definition on the tape, with absent members as empty values.
#include <cstdint>
#include <string_view>

#include "fhir/document.h"

namespace tributary::terminology::internal {

class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(const fhir::Document& document)
      : document_(&document), node_(document.empty() ? fhir::kNoNode : document.root()) {}
  JsonView(const fhir::Document* document, fhir::NodeIndex node) : document_(document), node_(node) {}

  explicit operator bool() const { return node_ != fhir::kNoNode; }
  fhir::Kind kind() const { return node_ == fhir::kNoNode ? fhir::Kind::kNull : (*document_)[node_].kind; }
  bool isObject() const { return kind() == fhir::Kind::kObject; }
  bool isArray() const { return kind() == fhir::Kind::kArray; }

  JsonView operator[](std::string_view member) const {
    return isObject() ? JsonView(document_, document_->member(node_, member)) : JsonView();
  }
  // Content of a scalar; empty for containers and what is absent.
  std::string_view text() const {
    return node_ == fhir::kNoNode || isObject() || isArray() || kind() == fhir::Kind::kNull
               ? std::string_view()
               : document_->scalar(node_);
  }
  std::string_view text(std::string_view member) const { return (*this)[member].text(); }
  bool isTrue() const { return kind() == fhir::Kind::kTrue; }
  std::string_view name() const {
    return node_ == fhir::kNoNode ? std::string_view() : document_->name(node_);
  }
  const fhir::Document& document() const { return *document_; }
  fhir::NodeIndex node() const { return node_; }

  // Children of an array or object.
  class Iterator {
   public:
    Iterator(const fhir::Document* document, fhir::NodeIndex node) : document_(document), node_(node) {}
    JsonView operator*() const { return {document_, node_}; }
    Iterator& operator++() {
      node_ = (*document_)[node_].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return node_ != other.node_; }

   private:
    const fhir::Document* document_;
    fhir::NodeIndex node_;
  };
  Iterator begin() const { return {document_, isObject() || isArray() ? node_ + 1 : 0}; }
  Iterator end() const { return {document_, isObject() || isArray() ? (*document_)[node_].next : 0}; }

 private:
  const fhir::Document* document_ = nullptr;
  fhir::NodeIndex node_ = fhir::kNoNode;
};

}  // namespace tributary::terminology::internal
