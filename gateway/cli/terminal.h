#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tributary::cli {

// 1234567 → "1,234,567"
std::string grouped(std::uint64_t n);

// The first `width` characters. A line that wraps would make the next drawing begin too low.
std::string cut(const std::string& line, std::size_t width);

struct TerminalSize {
  std::size_t columns = 80, rows = 24;
};
// Of the terminal on stderr; 80 by 24 when it does not say.
TerminalSize terminalSize();

}  // namespace tributary::cli
