#include "fhirpath/internal/pattern.h"

#include <cstdint>
#include <string>

namespace tributary::fhirpath {
namespace {

// RE2 writes (?P<name>…) for (?<name>…). Look-behind, (?<=…) and (?<!…), stays as it is and is refused by
// RE2.
std::string withNamedGroups(std::string_view pattern) {
  std::string out;
  out.reserve(pattern.size());
  bool in_class = false;  // between square brackets
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i);
    if (rest[0] == '\\' && rest.size() > 1) {
      out += rest.substr(0, 2);
      ++i;
    } else if (!in_class && rest.starts_with("(?<") && rest.size() > 3 && rest[3] != '=' && rest[3] != '!') {
      out += "(?P<";
      i += 2;
    } else {
      in_class = rest[0] == '[' || (in_class && rest[0] != ']');
      out += rest[0];
    }
  }
  return out;
}

}  // namespace

std::unique_ptr<re2::RE2> compilePattern(std::string_view pattern, bool ignore_case, std::size_t max_memory) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(static_cast<std::int64_t>(max_memory));
  return std::make_unique<re2::RE2>(withNamedGroups(pattern), options);
}

}  // namespace tributary::fhirpath
