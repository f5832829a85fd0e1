#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/issue.h"

namespace tributary::fhir::internal {

// Where a text stands in its file.
struct TextOrigin {
  std::uint64_t offset = 0;
  std::uint32_t line = 1;
};

Issue issueAt(std::string_view text, std::size_t at, const TextOrigin& origin, std::string rule,
              std::string message, std::string remedy);

// Looks for the first place at which `text` is not one JSON value in valid UTF-8. Slow and simple on purpose:
// it runs only when the fast reader has refused the text, and then says why. False when it finds nothing
// wrong.
bool diagnoseJson(std::string_view text, const TextOrigin& origin, Issue& issue);

}  // namespace tributary::fhir::internal
