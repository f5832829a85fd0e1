#pragma once
#include <string_view>

namespace tributary::simulator {

// The text of national/csds-1.6.txt, built into the program.
extern const std::string_view kNationalData;

}  // namespace tributary::simulator
