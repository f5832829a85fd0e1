#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "collection/collection.h"

namespace tributary::cli {

// Good rows by table, in order; cells as Table::fields.
using MappedRows = std::map<std::uint16_t, std::vector<std::vector<std::string>>>;

inline const char* const kMapFormats[] = {"csv", "csv-zip", "ndjson", "xml"};

// Writes the rows below `folder` and prints what was written; ends the command when it cannot. "csv": a file a table; the
// others: one file in the form in which a submission travels (gateway/deliver/README.md). `layout`: of "xml"; empty: the
// built-in one.
void writeMapped(const collection::Collection& collection, const MappedRows& rows, const std::filesystem::path& folder,
                 const std::string& format, const std::filesystem::path& layout);

}  // namespace tributary::cli
