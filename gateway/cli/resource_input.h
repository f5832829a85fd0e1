#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/issue.h"
#include "base/result.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"
#include "fhir/xml_reader.h"
#include "terminology/definitions.h"

namespace tributary::cli {

// One resource of the files named on a command line.
struct InputResource {
  const fhir::Document* document = nullptr;
  std::string_view file;   // as named; "-" is standard input
  std::uint64_t line = 0;  // of its first byte
};

// Reads resources from JSON, NDJSON (also gzip) and XML files, or from standard input ("-" or no file), one
// after the other. NDJSON is streamed: memory holds a line, not the file. Which form it is, the first bytes
// tell.
class ResourceInput {
 public:
  // Definitions are needed for XML only; without them XML is refused. Limits: of a line of NDJSON, and of a
  // file that is one document.
  ResourceInput(std::vector<std::string> files, std::shared_ptr<const terminology::Definitions> definitions,
                const fhir::ReadLimits& line = {.bytes = std::size_t{16} << 20},
                const fhir::ReadLimits& file = {.bytes = std::size_t{256} << 20});
  ~ResourceInput();
  ResourceInput(const ResourceInput&) = delete;
  ResourceInput& operator=(const ResourceInput&) = delete;

  // Calls `each` for every resource until it gives false, `bad` for what cannot be read. An Error: a file
  // that cannot be opened.
  Result<void> run(const std::function<bool(const InputResource&)>& each,
                   const std::function<void(std::string_view file, const Issue&)>& bad);

  std::uint64_t bytes() const;       // read so far
  std::uint64_t totalBytes() const;  // of all files; 0 when it is not known

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "file:line:column: error: text" on stderr.
void printIssue(std::string_view file, const Issue& issue);

// How many problems of data a command shows; behind them it only counts.
inline constexpr std::uint64_t kProblemsShown = 20;

// Minutes that this machine's time zone is east of UTC just now.
std::int16_t localZoneMinutes();

}  // namespace tributary::cli
