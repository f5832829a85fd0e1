#include "pipeline/issue_codec.h"

#include <cstdio>

namespace tributary::pipeline {

void appendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
          out += escape;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

std::string encodeIssues(std::span<const collection::RowIssue> issues, const collection::Collection& collection) {
  std::string out = "[";
  for (const collection::RowIssue& issue : issues) {
    if (out.size() > 1) out += ',';
    out += "{\"rule\":";
    appendJsonString(out, issue.rule == collection::RowIssue::kNoRule ? std::string_view(issue.issue.rule)
                                                                      : std::string_view(collection.rules()[issue.rule].id));
    out += ",\"grade\":";
    appendJsonString(out, collection::gradeName(issue.grade));
    out += ",\"field\":";
    appendJsonString(out, issue.issue.path);
    out += ",\"text\":";
    appendJsonString(out, issue.issue.text);
    if (!issue.issue.remedy.empty()) {
      out += ",\"remedy\":";
      appendJsonString(out, issue.issue.remedy);
    }
    if (issue.issue.offset != Issue::kNoOffset) out += ",\"offset\":" + std::to_string(issue.issue.offset);
    out += '}';
  }
  out += ']';
  return out;
}

}  // namespace tributary::pipeline
