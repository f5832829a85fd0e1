#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "fhir/document.h"

namespace tributary::fhir {

// The readers' way into a Document: its parts, and what belongs together when they change.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(Document& document) : document_(document) {}

  // Empties the document (memory is kept) and lets it stand over `text`, or over a copy of it.
  void begin(std::string_view text, bool own, std::uint64_t base_offset, std::uint32_t base_line,
             bool xml = false) {
    clear();
    if (own) {
      if (document_.owned_ == nullptr) document_.owned_ = std::make_unique<std::string>();
      document_.owned_->assign(text);
      text = *document_.owned_;
    }
    document_.text_ = text;
    document_.base_offset_ = base_offset;
    document_.base_line_ = base_line;
    document_.xml_ = xml;
  }
  void clear() {
    document_.root_.count = 0;
    document_.root_.type_length = 0;
    document_.nodes_.clear();
    document_.arena_.clear();
    document_.text_ = {};
    document_.local_names_.clear();
    document_.arena_names_.clear();
  }

  // Called when the tape is complete.
  void finish() { document_.indexRoot(); }

  std::string_view text() const { return document_.text_; }
  internal::Buffer<Node>& nodes() { return document_.nodes_; }
  internal::Buffer<char>& arena() { return document_.arena_; }
  std::size_t localNameCount() const { return document_.local_names_.size(); }
  std::string_view localName(std::size_t i) const { return document_.local_names_[i]; }
  // `name` must live as long as the document's text; addNameCopy keeps its own.
  void addName(std::string_view name) { document_.local_names_.push_back(name); }
  void addNameCopy(std::string_view name) {
    document_.arena_names_.push_back(std::make_unique<std::string>(name));
    document_.local_names_.push_back(*document_.arena_names_.back());
  }

 private:
  Document& document_;
};

}  // namespace tributary::fhir
