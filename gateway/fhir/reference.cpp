#include "fhir/reference.h"

#include <algorithm>

namespace tributary::fhir {
namespace {

bool isLetter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// A resource type begins with a capital and is letters only (digits do not occur in R4).
bool isTypeName(std::string_view text) {
  return !text.empty() && text.size() < 64 && text.front() >= 'A' && text.front() <= 'Z' &&
         std::all_of(text.begin(), text.end(), isLetter);
}

// FHIR R4 2.24.0.1, id: [A-Za-z0-9\-\.]{1,64}. Longer ones are let through: servers send them.
bool isId(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    return isLetter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

// Cuts the last path segment off `text`; the whole when there is no slash.
std::string_view cutLast(std::string_view& text) {
  const std::size_t slash = text.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? text : text.substr(slash + 1);
  text = slash == std::string_view::npos ? std::string_view{} : text.substr(0, slash);
  return last;
}

// Type/id or Type/id/_history/version at the end of `path`; what stands before goes to parts.base.
bool splitPath(std::string_view path, ReferenceParts& parts) {
  std::string_view id = cutLast(path);
  std::string_view version;
  std::string_view type = cutLast(path);
  if (type == "_history") {
    version = id;
    id = cutLast(path);
    type = cutLast(path);
    if (!isId(version)) return false;
  }
  if (!isId(id) || !isTypeName(type)) return false;
  parts.base = path;
  parts.type = type;
  parts.id = id;
  parts.version = version;
  return true;
}

}  // namespace

ReferenceParts parseReference(std::string_view reference) {
  using Form = ReferenceParts::Form;
  ReferenceParts parts;
  if (reference.empty()) return parts;
  parts.form = Form::kOther;
  if (reference.front() == '#') {
    parts.form = Form::kFragment;
    parts.id = reference.substr(1);
    return parts;
  }
  if (reference.starts_with("urn:")) {
    const bool uuid = reference.starts_with("urn:uuid:");
    if (uuid || reference.starts_with("urn:oid:")) {
      parts.form = uuid ? Form::kUuid : Form::kOid;
      parts.id = reference.substr(uuid ? 9 : 8);
    }
    return parts;
  }
  if (reference.starts_with("http://") || reference.starts_with("https://")) {
    parts.form = Form::kAbsolute;
    const std::size_t host = reference.find("//") + 2;
    // The host itself must not be taken for a type.
    if (reference.find('/', host) != std::string_view::npos) {
      ReferenceParts found;
      if (splitPath(reference, found) && found.base.size() > host) {
        found.form = Form::kAbsolute;
        return found;
      }
    }
    return parts;
  }
  if (ReferenceParts found; splitPath(reference, found) && found.base.empty() && reference.front() != '/') {
    found.form = Form::kRelative;
    return found;
  }
  return parts;
}

}  // namespace tributary::fhir
