#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/issue.h"
#include "fhir/json_reader.h"
#include "fhirpath/evaluator.h"
#include "views/runner.h"

namespace CLI {
class App;
}

namespace tributary::cli {

// What a document and an evaluation on it may cost, as options of the commands that people try expressions
// with.
struct LimitOptions {
  fhirpath::Limits evaluation;
  fhir::ReadLimits line{.bytes = std::size_t{16} << 20};  // of NDJSON
  fhir::ReadLimits file{.bytes = std::size_t{256} << 20};
  std::uint32_t repeat_depth = views::RunOptions{}.repeat_depth;

  // --max-…; `view`: also those of ViewDefinitions. This object must outlive the parsing.
  void addTo(CLI::App& command, bool view);
  // The option that raises the limit which this text of the engine, the view or a reader is about, with its
  // present value: "Option --max-steps (now 50000000) raises the limit."; empty when it is about none.
  std::string adviceFor(std::string_view text) const;
  // The same put behind an Issue's own remedy.
  Issue advised(Issue issue) const;
};

// "64K", "16M", "1G", "4096" as bytes; false when it is no size.
bool parseSize(std::string_view text, std::size_t& bytes);
// Bytes as parseSize() reads them: the largest unit that leaves a whole number.
std::string sizeText(std::size_t bytes);

}  // namespace tributary::cli
