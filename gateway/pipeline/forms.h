#pragma once
#include <filesystem>

#include "base/result.h"
#include "deliver/assembly.h"
#include "pipeline/config.h"

namespace tributary::pipeline {

// Fills in what the configuration leaves to the collection (forms/xml.json in its folder) and to the installation (the
// Access side tool), and looks whether what the destination's form needs is there and right: an Error says what is not.
Result<void> completeForm(DestinationConfig& destination, const std::filesystem::path& collection_folder,
                          const std::filesystem::path& access_tool);

// Sets the form of a submission that was opened with this format. The layout is read anew for each submission, so a change of
// the file is in the next one.
Result<void> chooseForm(std::string_view format, const DestinationConfig& destination, deliver::AssemblyOptions& options);

}  // namespace tributary::pipeline
