#pragma once
#include <filesystem>

#include "deliver/mesh/mesh_destination.h"
#include "pipeline/config.h"

namespace tributary::pipeline {

// What the MESH destination is made with; its temporary files go to the outbox in `state`.
deliver::MeshOptions meshOptions(const DestinationConfig& destination, const std::filesystem::path& state);

}  // namespace tributary::pipeline
