#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tributary::net {

// One gzip member (RFC 1952) without name and time, so that the same bytes give the same bytes.
std::string gzipCompress(std::string_view bytes, int level = 6);
// All members; kLimit when the result would be larger than `limit`, kMalformed when it is not gzip or cut
// short.
Result<std::string> gzipDecompress(std::string_view bytes, std::uint64_t limit);

}  // namespace tributary::net
