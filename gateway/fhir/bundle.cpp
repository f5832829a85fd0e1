#include "fhir/bundle.h"

#include <charconv>

namespace tributary::fhir {

std::optional<std::uint64_t> Bundle::total() const {
  if (document_->empty() || (*document_)[bundle_].kind != Kind::kObject) return std::nullopt;
  const NodeIndex node = document_->member(bundle_, names::kTotal);
  if (node == kNoNode || (*document_)[node].kind != Kind::kNumber) return std::nullopt;
  const std::string_view text = document_->scalar(node);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view Bundle::link(std::string_view relation) const {
  for (const NodeIndex link : children(*document_, arrayMember(*document_, bundle_, names::kLink))) {
    if (stringMember(*document_, link, names::kRelation) == relation) {
      return stringMember(*document_, link, names::kUrl);
    }
  }
  return {};
}

std::size_t Bundle::size() const {
  std::size_t count = 0;
  for (Iterator i = begin(); !(i == end()); ++i) ++count;
  return count;
}

Bundle::Iterator Bundle::begin() const {
  const NodeIndex list = entries();
  return {document_, list == kNoNode ? 0 : list + 1};
}

Bundle::Iterator Bundle::end() const {
  const NodeIndex list = entries();
  return {document_, list == kNoNode ? 0 : (*document_)[list].next};
}

BundleEntry Bundle::Iterator::operator*() const {
  const Document& document = *document_;
  static const NameId kLastModified = findName("lastModified");
  BundleEntry entry;
  entry.node = at_;
  entry.resource = objectMember(document, at_, names::kResource);
  entry.full_url = stringMember(document, at_, names::kFullUrl);
  if (const NodeIndex request = objectMember(document, at_, names::kRequest); request != kNoNode) {
    entry.method = stringMember(document, request, names::kMethod);
    entry.request_url = stringMember(document, request, names::kUrl);
  }
  entry.search_mode = stringMember(document, objectMember(document, at_, names::kSearch), names::kMode);
  if (const NodeIndex response = objectMember(document, at_, names::kResponse); response != kNoNode) {
    entry.response_status = stringMember(document, response, names::kStatus);
    entry.last_modified = stringMember(document, response, kLastModified);
  }
  return entry;
}

}  // namespace tributary::fhir
