#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "fhir/document.h"
#include "fhir/resource.h"

namespace tributary::fhir {

// One entry of a Bundle (FHIR R4 Bundle.entry); views and nodes of the Bundle's document.
struct BundleEntry {
  NodeIndex node = kNoNode;      // the entry
  NodeIndex resource = kNoNode;  // kNoNode for a DELETE, a plain response
  std::string_view full_url;
  std::string_view method;           // request.method
  std::string_view request_url;      // request.url
  std::string_view search_mode;      // match, include, outcome; empty when not a search
  std::string_view response_status;  // response.status
  std::string_view last_modified;    // response.lastModified, of a history
};

// A Bundle read in place: the root of a document, or a resource inside one.
class Bundle {
 public:
  explicit Bundle(const Document& document, NodeIndex bundle = 0) : document_(&document), bundle_(bundle) {}

  bool valid() const { return resourceType(*document_, bundle_) == "Bundle"; }
  std::string_view type() const { return stringMember(*document_, bundle_, names::kType); }
  // Bundle.total, where it is given and fits.
  std::optional<std::uint64_t> total() const;
  // The URL of the link with this relation ("next", "self"); empty when there is none.
  std::string_view link(std::string_view relation) const;
  std::size_t size() const;  // entries; counted on each call

  class Iterator {
   public:
    Iterator(const Document* document, NodeIndex at) : document_(document), at_(at) {}
    BundleEntry operator*() const;
    Iterator& operator++() {
      at_ = (*document_)[at_].next;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const Document* document_;
    NodeIndex at_;
  };
  Iterator begin() const;
  Iterator end() const;

 private:
  NodeIndex entries() const { return arrayMember(*document_, bundle_, names::kEntry); }

  const Document* document_;
  NodeIndex bundle_;
};

}  // namespace tributary::fhir
