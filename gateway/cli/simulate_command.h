#pragma once
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace CLI {
class App;
}

namespace tributary::cli {

// tributary simulate: a record system and a national endpoint to practise on.
void addSimulateCommand(CLI::App& root);

// "2026-01-31" as the last second of that day in London; nothing for anything else.
std::optional<Instant> caseloadDay(std::string_view text);

}  // namespace tributary::cli
