#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tributary::net {

// An absolute http or https URL (RFC 3986). User information is refused: secrets do not belong into URLs.
struct Url {
  std::string scheme;      // "http" or "https"
  std::string host;        // lower case; an IPv6 address without its brackets
  std::uint16_t port = 0;  // always filled: 80 or 443 where the text has none
  std::string path = "/";  // still percent-encoded
  std::string query;       // without "?", still percent-encoded
  bool has_query = false;

  static Result<Url> parse(std::string_view text);
  // RFC 3986 5.2: resolves a reference such as the `next` link of a page against this URL. The fragment is
  // dropped.
  Result<Url> resolve(std::string_view reference) const;

  std::string text() const;
  std::string origin() const;  // scheme://host[:port], the port only where it is not the default
  std::string target() const;  // path and query, as in the request line
  bool sameOrigin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
};

// Everything but RFC 3986 "unreserved" becomes %XX: safe for one path segment and for a query value.
std::string percentEncode(std::string_view text);
// `plus_is_space` for query strings. A malformed %-sequence is kept as it stands.
std::string percentDecode(std::string_view text, bool plus_is_space = false);

using QueryParameters = std::vector<std::pair<std::string, std::string>>;
QueryParameters parseQuery(std::string_view query);
std::string buildQuery(const QueryParameters& parameters);

}  // namespace tributary::net
