#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "simulator/caseload.h"

namespace tributary::simulator {

enum class SynthForm : std::uint8_t {
  kNdjson,  // <Type>.ndjson, as a bulk export
  kBundle,  // a transaction Bundle a patient, and one of what is shared
};

struct SynthReport {
  std::uint64_t resources = 0, bytes = 0, files = 0;
  std::map<std::string, std::uint64_t> by_type;
};

// What is there now (no history), into `folder`. Each file appears under its name when it is complete.
Result<SynthReport> writeCaseload(const Caseload& caseload, const std::filesystem::path& folder,
                                  SynthForm form);

// The planted faults as a JSON array.
std::string faultsJson(const Caseload& caseload);

}  // namespace tributary::simulator
