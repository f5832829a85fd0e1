#pragma once
#include <string>

#include "collection/mapping_test.h"

namespace tributary::cli {

// What mapping tests found, for programs: {"collection", "passed", "failed", "cases", "tables" with their
// fields, "rules", "expressions", "mapEntries"}; members as their names say, "reached" and "brokenBy" tell
// how far the tests came.
std::string mappingReportJson(const collection::MappingReport& report);

}  // namespace tributary::cli
