#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Just enough JSON to take a resource apart at its top level without changing a byte of its values. The text
// must be well-formed: check it with fhir::JsonReader first.
namespace tributary::simulator {

struct Member {
  std::string_view name;   // without quotes, escapes as written
  std::string_view value;  // as written, without surrounding white space
};
std::vector<Member> members(std::string_view object);
std::vector<std::string_view> elements(std::string_view array);
// The value of a top-level member as written; empty when there is none.
std::string_view memberOf(std::string_view object, std::string_view name);
// A string value without quotes, simple escapes undone; empty for anything else.
std::string unquote(std::string_view value);
// memberOf + unquote.
std::string textOf(std::string_view object, std::string_view name);
std::string quote(std::string_view text);

// Well-formed JSON object?
bool wellFormed(std::string_view text);

// The resource with id, meta.versionId and meta.lastUpdated replaced; the rest of meta and everything else
// stays.
std::string stamp(std::string_view resource, std::string_view type, std::string_view id,
                  std::uint32_t version, std::int64_t milliseconds);

std::string operationOutcome(std::string_view code, std::string_view text);

}  // namespace tributary::simulator
