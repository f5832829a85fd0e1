#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fhirpath_session.h"

namespace tributary::cli {

// Reads expressions until :quit or the end of input; history and completion by libedit.
void runFhirpathPrompt(FhirpathSession& session,
                       const std::shared_ptr<const terminology::Definitions>& definitions);

// What may follow `line` at its end, for the focus type: element and function names that begin with the last
// word. `word` becomes the part of it that is there already.
std::vector<std::string> completions(std::string_view line, const terminology::Definitions& definitions,
                                     std::string_view type, std::string_view& word);

}  // namespace tributary::cli
