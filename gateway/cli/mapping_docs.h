#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "collection/collection.h"
#include "terminology/terminology.h"

namespace tributary::cli {

// The reference pages of a collection as Markdown, by file name: a page a table, and index.md. `folder` is that of
// the collection; paths to its files are written from the folder two above it (fhir-mappings/), so that the pages are
// the same wherever the tree lies.
Result<std::map<std::string, std::string>> mappingPages(const collection::Collection& collection,
                                                        const terminology::Terminology& terminology,
                                                        const std::filesystem::path& folder);

}  // namespace tributary::cli
