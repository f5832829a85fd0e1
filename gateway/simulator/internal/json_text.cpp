#include "simulator/internal/json_text.h"

#include "fhir/document.h"
#include "fhir/json_reader.h"
#include "simulator/internal/text.h"

namespace tributary::simulator {
namespace {
bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::size_t skipBlanks(std::string_view s, std::size_t i) {
  while (i < s.size() && blank(s[i])) ++i;
  return i;
}

// Behind the string that starts at i (on its quote).
std::size_t skipString(std::string_view s, std::size_t i) {
  for (++i; i < s.size(); ++i) {
    if (s[i] == '\\') {
      ++i;
    } else if (s[i] == '"') {
      return i + 1;
    }
  }
  return s.size();
}

std::size_t skipValue(std::string_view s, std::size_t i) {
  int depth = 0;
  while (i < s.size()) {
    const char c = s[i];
    if (c == '"') {
      i = skipString(s, i);
      if (depth == 0) return i;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return i;
      --depth;
      ++i;
      if (depth == 0) return i;
      continue;
    }
    if (depth == 0 && (c == ',' || blank(c))) return i;
    ++i;
  }
  return i;
}
}  // namespace

std::vector<Member> members(std::string_view s) {
  std::vector<Member> out;
  std::size_t i = skipBlanks(s, 0);
  if (i >= s.size() || s[i] != '{') return out;
  i = skipBlanks(s, i + 1);
  while (i < s.size() && s[i] == '"') {
    const std::size_t name_end = skipString(s, i);
    const std::string_view name = s.substr(i + 1, name_end - i - 2);
    i = skipBlanks(s, name_end);
    if (i >= s.size() || s[i] != ':') break;
    i = skipBlanks(s, i + 1);
    const std::size_t value_end = skipValue(s, i);
    out.push_back({name, s.substr(i, value_end - i)});
    i = skipBlanks(s, value_end);
    if (i >= s.size() || s[i] != ',') break;
    i = skipBlanks(s, i + 1);
  }
  return out;
}

std::vector<std::string_view> elements(std::string_view s) {
  std::vector<std::string_view> out;
  std::size_t i = skipBlanks(s, 0);
  if (i >= s.size() || s[i] != '[') return out;
  i = skipBlanks(s, i + 1);
  while (i < s.size() && s[i] != ']') {
    const std::size_t end = skipValue(s, i);
    if (end == i) break;
    out.push_back(s.substr(i, end - i));
    i = skipBlanks(s, end);
    if (i >= s.size() || s[i] != ',') break;
    i = skipBlanks(s, i + 1);
  }
  return out;
}

std::string_view memberOf(std::string_view object, std::string_view name) {
  for (const Member& m : members(object)) {
    if (m.name == name) return m.value;
  }
  return {};
}

std::string unquote(std::string_view value) {
  std::string out;
  if (value.size() < 2 || value.front() != '"') return out;
  for (std::size_t i = 1; i + 1 < value.size(); ++i) {
    char c = value[i];
    if (c == '\\' && i + 2 < value.size()) {
      c = value[++i];
      if (c == 'n') c = '\n';
      if (c == 't') c = '\t';
      if (c == 'r') c = '\r';
    }
    out.push_back(c);
  }
  return out;
}

std::string textOf(std::string_view object, std::string_view name) {
  return unquote(memberOf(object, name));
}

std::string quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4U]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15U]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

bool wellFormed(std::string_view text) {
  thread_local fhir::JsonReader reader;
  thread_local fhir::Document document;
  return reader.read(text, document).has_value();
}

std::string stamp(std::string_view resource, std::string_view type, std::string_view id,
                  std::uint32_t version, std::int64_t milliseconds) {
  std::string out;
  out.reserve(resource.size() + 120);
  add(out, R"({"resourceType":")", type, R"(","id":)", quote(id), R"(,"meta":{"versionId":")", version,
      R"(","lastUpdated":")", Utc{milliseconds}, '"');
  const std::vector<Member> all = members(resource);
  for (const Member& m : all) {
    if (m.name != "meta") continue;
    for (const Member& inner : members(m.value)) {
      if (inner.name != "versionId" && inner.name != "lastUpdated")
        add(out, ",\"", inner.name, "\":", inner.value);
    }
  }
  out.push_back('}');
  for (const Member& m : all) {
    if (m.name == "resourceType" || m.name == "id" || m.name == "meta") continue;
    add(out, ",\"", m.name, "\":", m.value);
  }
  out.push_back('}');
  return out;
}

std::string operationOutcome(std::string_view code, std::string_view text) {
  std::string out;
  add(out, R"({"resourceType":"OperationOutcome","issue":[{"severity":"error","code":")", code,
      R"(","diagnostics":)", quote(text), "}]}");
  return out;
}

}  // namespace tributary::simulator
