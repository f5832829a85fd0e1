#include "net/url.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tributary::net {
namespace {

constexpr std::size_t kMaxUrl = 16 << 10;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool isUnreserved(char c) {  // RFC 3986 2.3
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::uint16_t defaultPort(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

std::unexpected<Error> bad(const char* why) {
  return fail(ErrorCode::kInvalidArgument, std::string("not a usable URL: ") + why);
}

// Bytes that can end a request line or confuse a parser further on: refused everywhere.
bool hasForbidden(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || byte >= 0x80 || c == '\\' || c == '"' || c == '<' || c == '>';
  });
}

// The scheme of RFC 3986 3.1 in front of ':', if the text starts with one.
std::optional<std::string_view> schemeOf(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view scheme = text.substr(0, colon);
  for (const char c : scheme) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')) return std::nullopt;
  }
  return scheme;
}

bool parseAuthority(std::string_view authority, Url& out, const char*& why) {
  if (authority.find('@') != std::string_view::npos) {
    why = "user information is not allowed";
    return false;
  }
  std::string_view host = authority, port;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      why = "bracket without end";
      return false;
    }
    host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    if (!std::all_of(host.begin(), host.end(), [](char c) {
          return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f') || c == ':' || c == '.';
        })) {
      why = "bad address in brackets";
      return false;
    }
    if (!port.empty() && port.front() != ':') {
      why = "bad port";
      return false;
    }
    if (!port.empty()) port.remove_prefix(1);
  } else {
    const std::size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
    if (!std::all_of(host.begin(), host.end(), isUnreserved)) {
      why = "bad character in the host name";
      return false;
    }
  }
  if (host.empty() || host.size() > 255) {
    why = "no host name";
    return false;
  }
  out.host = lowered(host);
  out.port = defaultPort(out.scheme);
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc() || end != port.data() + port.size() || out.port == 0) {
      why = "bad port";
      return false;
    }
  }
  return true;
}

// RFC 3986 5.2.4
std::string removeDotSegments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./") || path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/.") {
      path = "/";
    } else if (path.starts_with("/../") || path == "/..") {
      path = path.size() > 3 ? path.substr(3) : std::string_view("/");
      const std::size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
    } else if (path == "." || path == "..") {
      path = {};
    } else {
      const std::size_t slash = path.find('/', 1);
      out.append(path.substr(0, slash));
      path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
    }
  }
  return out;
}

void setPathAndQuery(std::string_view rest, Url& out) {
  const std::size_t question = rest.find('?');
  out.has_query = question != std::string_view::npos;
  out.query = out.has_query ? std::string(rest.substr(question + 1)) : std::string();
  out.path = removeDotSegments(rest.substr(0, question));
  if (out.path.empty()) out.path = "/";
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > kMaxUrl) return bad("too long");
  if (hasForbidden(text)) return bad("it holds a space or a character that must be percent-encoded");
  const auto scheme = schemeOf(text);
  Url out;
  if (scheme) out.scheme = lowered(*scheme);
  if (out.scheme != "http" && out.scheme != "https") return bad("the scheme is neither http nor https");
  text.remove_prefix(scheme->size() + 1);
  if (!text.starts_with("//")) return bad("no host");
  text.remove_prefix(2);
  text = text.substr(0, text.find('#'));
  const std::size_t end = text.find_first_of("/?");
  const char* why = nullptr;
  if (!parseAuthority(text.substr(0, end), out, why)) return bad(why);
  setPathAndQuery(end == std::string_view::npos ? std::string_view("/") : text.substr(end), out);
  return out;
}

Result<Url> Url::resolve(std::string_view reference) const {
  if (reference.size() > kMaxUrl) return bad("too long");
  if (hasForbidden(reference)) return bad("it holds a space or a character that must be percent-encoded");
  reference = reference.substr(0, reference.find('#'));
  if (schemeOf(reference)) return parse(reference);
  if (reference.starts_with("//")) return parse(scheme + ":" + std::string(reference));
  Url out = *this;
  if (reference.empty()) return out;
  if (reference.front() == '/') {
    setPathAndQuery(reference, out);
  } else if (reference.front() == '?') {
    out.query = std::string(reference.substr(1));
    out.has_query = true;
  } else {
    const std::size_t slash = path.rfind('/');
    setPathAndQuery(path.substr(0, slash + 1) + std::string(reference), out);
  }
  return out;
}

std::string Url::origin() const {
  std::string out = scheme + "://";
  out += host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (port != defaultPort(scheme)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::target() const {
  return has_query ? path + "?" + query : path;
}

std::string Url::text() const {
  return origin() + target();
}

std::string percentEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (isUnreserved(c)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15U]);
    }
  }
  return out;
}

std::string percentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hexValue(text[i + 1]) >= 0 && hexValue(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hexValue(text[i + 1]) * 16 + hexValue(text[i + 2])));
      i += 2;
    } else {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

QueryParameters parseQuery(std::string_view query) {
  QueryParameters out;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view item = query.substr(0, end);
    if (!item.empty()) {
      const std::size_t equals = item.find('=');
      out.emplace_back(
          percentDecode(item.substr(0, equals), true),
          equals == std::string_view::npos ? std::string() : percentDecode(item.substr(equals + 1), true));
    }
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return out;
}

std::string buildQuery(const QueryParameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out.push_back('&');
    out += percentEncode(name) + "=" + percentEncode(value);
  }
  return out;
}

}  // namespace tributary::net
