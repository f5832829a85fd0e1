#include "fhir/json_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <string>

#include "fhir/internal/json_diagnosis.h"
#include "fhir/internal/json_tape.h"

namespace tributary::fhir {
namespace {

using internal::TapeFault;
using internal::TextOrigin;

// Offsets on the tape are 32 bits.
constexpr std::size_t kMostBytes = 0xFFFF'FF00;
// A reader that once saw a large document does not hold the memory for it (4 bytes for each of its bytes).
constexpr std::size_t kKeptBytes = std::size_t{16} << 20;

Issue tapeIssue(TapeFault fault, std::string_view text, std::size_t at, const ReadOptions& options) {
  const TextOrigin origin{options.base_offset, options.base_line};
  switch (fault) {
    case TapeFault::kDuplicate:
      return internal::issueAt(
          text, at, origin, "json-duplicate-member",
          "An object has two members with this name, so it is not clear which one counts.",
          "Correct the system that wrote this text: a repeating element is one member with an array.");
    case TapeFault::kDepth:
      return internal::issueAt(
          text, at, origin, "json-depth",
          "Objects and arrays are nested deeper than " + std::to_string(options.limits.depth) + " levels.",
          "No FHIR resource needs this: correct the system that wrote it.");
    case TapeFault::kNodes:
      return internal::issueAt(
          text, at, origin, "json-size",
          "The document has more than " + std::to_string(options.limits.nodes) + " values.",
          "Send it as several smaller resources or Bundles.");
    default:
      return internal::issueAt(text, at, origin, "json-size",
                               "The document has too many member names that FHIR does not know.",
                               "Correct the system that wrote this text: is it FHIR at all?");
  }
}

}  // namespace

struct JsonReader::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> front;
  internal::TapeWriter tape;

  // The positions of brackets, colons, commas and scalars; checks UTF-8, quotes and control characters on its
  // way.
  simdjson::error_code findStructurals(std::string_view text) {
    if (front == nullptr || front->capacity() < text.size()) {
      const std::size_t capacity =
          std::max<std::size_t>({text.size(), 16384, front ? front->capacity() * 2 : 0});
      front.reset();
      const auto error =
          simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1, front);
      if (error != simdjson::SUCCESS) {
        front.reset();
        return error;
      }
    }
    return front->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                         simdjson::stage1_mode::regular);
  }
};

JsonReader::JsonReader() : impl_(std::make_unique<Impl>()) {}
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&&) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&&) noexcept = default;

std::expected<void, Issue> JsonReader::read(std::string_view text, Document& out,
                                            const ReadOptions& options) {
  DocumentBuilder builder(out);
  const TextOrigin origin{options.base_offset, options.base_line};
  if (text.size() > std::min(options.limits.bytes, kMostBytes)) {
    builder.clear();
    return std::unexpected(
        internal::issueAt({}, 0, origin, "json-size",
                          "The document has " + std::to_string(text.size()) + " bytes; at most " +
                              std::to_string(options.limits.bytes) + " are accepted.",
                          "Send it as several smaller resources or Bundles, or raise the limit."));
  }
  builder.begin(text, options.own_text, options.base_offset, options.base_line);
  text = builder.text();

  const simdjson::error_code front_error = impl_->findStructurals(text);
  TapeFault fault = TapeFault::kSyntax;
  if (front_error == simdjson::SUCCESS && impl_->front->n_structural_indexes > 0) {
    fault = impl_->tape.write(builder, impl_->front->structural_indexes.get(),
                              impl_->front->n_structural_indexes, options.limits);
  }
  if (text.size() > kKeptBytes) impl_->front.reset();
  if (fault == TapeFault::kNone) {
    if (out[0].kind == Kind::kObject || options.any_value) {
      builder.finish();
      return {};
    }
    const std::size_t at = out[0].offset;
    builder.clear();
    return std::unexpected(internal::issueAt(text, at, origin, "json-not-an-object",
                                             "The text is a JSON value, but not an object.",
                                             "A FHIR resource is a JSON object with a resourceType."));
  }
  Issue issue;
  if (fault != TapeFault::kSyntax) {
    issue = tapeIssue(fault, text, impl_->tape.faultAt(), options);
    issue.path = impl_->tape.faultPath();
  } else if (front_error == simdjson::MEMALLOC) {
    issue = internal::issueAt({}, 0, origin, "json-size", "There is not enough memory to read the document.",
                              "Send it as several smaller resources or Bundles.");
  } else if (!internal::diagnoseJson(text, origin, issue)) {
    issue = internal::issueAt(text, front_error == simdjson::SUCCESS ? impl_->tape.faultAt() : 0, origin,
                              "json-syntax", "The text is not valid JSON.",
                              "Correct the system that wrote this text.");
  }
  builder.clear();
  return std::unexpected(std::move(issue));
}

}  // namespace tributary::fhir
