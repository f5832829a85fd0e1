#include "base/machine_code.h"

#include <algorithm>

#include "base/hash.h"

namespace tributary {
namespace {

constexpr std::size_t kCodeBytes = 32, kIdBytes = 128;
constexpr std::ptrdiff_t kCodeDigits = 6;
constexpr int kNhsNumberDigits = 10;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isToken(std::string_view text, std::string_view marks) {
  return !text.empty() && std::ranges::all_of(text, [marks](char c) {
    return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string machineCode(std::string_view text) {
  const bool code = text.size() <= kCodeBytes && isToken(text, "._-:/") && std::ranges::count_if(text, isDigit) <= kCodeDigits;
  return code ? std::string(text) : std::string();
}

std::string shownId(std::string_view id) {
  bool shown = id.size() <= kIdBytes && isToken(id, "._-");
  int run = 0;
  for (std::size_t i = 0; i <= id.size() && shown; ++i) {
    if (i < id.size() && isDigit(id[i])) {
      ++run;
    } else {
      shown = run != kNhsNumberDigits;
      run = 0;
    }
  }
  return shown ? std::string(id) : "#" + sha256Hex(id).substr(0, 8);
}

}  // namespace tributary
