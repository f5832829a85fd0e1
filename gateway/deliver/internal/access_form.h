#pragma once
#include <filesystem>

#include "deliver/assembly.h"

namespace tributary::deliver {

// Fills a copy of the blank database with the rows of a zip of CSV files, through the side tool (deploy/idb). Blocks for as
// long as that takes. kRejected: the rows or the database are not as the other needs them, trying again cannot help;
// kNotFound: the tool or the database is not there; else it may be tried again.
Result<void> fillAccessDatabase(const AccessOptions& options, const std::filesystem::path& csv_zip,
                                const std::filesystem::path& target);

}  // namespace tributary::deliver
