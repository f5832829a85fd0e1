#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/mesh/mesh_client.h"

namespace tributary::deliver {

// The JSON bodies of MESH, versions 1 and 2.

// "" where the body is not JSON or has no code. Its texts are not read: an error may echo what was sent.
std::string readMeshErrorCode(std::string_view body);

std::string readMeshMessageId(std::string_view body);  // "" where there is none

struct MeshListing {
  std::vector<std::string> ids;
  std::string next;
};
std::optional<MeshListing> readMeshInbox(std::string_view body);
std::optional<MeshTracking> readMeshTracking(std::string_view body);

}  // namespace tributary::deliver
