#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tributary {

// 128-bit content hash (XXH3), for deduplication; not for security.
struct ContentHash {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const ContentHash&, const ContentHash&) = default;
};
ContentHash contentHash(std::string_view bytes);
std::uint64_t fastHash(std::string_view bytes);

using Sha256 = std::array<std::byte, 32>;
Sha256 sha256(std::string_view bytes);
Sha256 hmacSha256(std::string_view key, std::string_view bytes);
std::string toHex(std::span<const std::byte> bytes);  // lower case
inline std::string sha256Hex(std::string_view bytes) { return toHex(sha256(bytes)); }

// Standard alphabet with padding (RFC 4648 section 4).
std::string base64Encode(std::string_view bytes);
// Empty on a malformed input unless the input is empty; `ok` tells the two apart.
std::string base64Decode(std::string_view text, bool& ok);

// Random bytes of the operating system; a UUID of version 4 in lower case (RFC 9562).
void randomBytes(std::span<std::byte> out);
std::string randomUuid();

}  // namespace tributary
