#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Reading what a submitter sent: an own zip, CSV and NDJSON reader, so that the collector shares no code with
// the sender.
namespace tributary::simulator {

struct ZipEntry {
  std::string name, content;
};
Result<std::vector<ZipEntry>> readZip(std::string_view bytes, std::uint64_t limit = std::uint64_t{1} << 31U);

// RFC 4180. kMalformed on a broken quote or a row with another number of cells than the first.
Result<std::vector<std::vector<std::string>>> readCsv(std::string_view text);

struct SubmittedRow {
  std::vector<std::string> cells;  // in the order of the columns
};

struct SubmittedTable {
  std::string name;
  std::vector<std::string> columns;
  std::vector<SubmittedRow> upserts, deletes;
};

struct SubmittedFile {
  std::vector<SubmittedTable> tables;
  std::string manifest;  // JSON object; empty when there was none
  std::vector<std::string> errors;
};
SubmittedFile readSubmission(std::string_view content);

}  // namespace tributary::simulator
