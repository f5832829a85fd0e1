#include "collection/codes.h"

#include <algorithm>

namespace tributary::collection {
namespace {

using fhir::Document;
using fhir::kNoNode;
using fhir::NodeIndex;

std::string_view memberText(const Document& document, NodeIndex object, std::string_view name) {
  const NodeIndex node = document.member(object, name);
  return node == kNoNode || document[node].kind != fhir::Kind::kString ? std::string_view{}
                                                                        : document.scalar(node);
}

Code codingOf(const Document& document, NodeIndex object) {
  return {memberText(document, object, "system"), memberText(document, object, "code")};
}

// The innermost object around a node.
NodeIndex objectAround(const Document& document, NodeIndex node) {
  NodeIndex at = document.root(), object = at;
  while (at < node && document[at].kind >= fhir::Kind::kArray) {
    if (document[at].kind == fhir::Kind::kObject) object = at;
    NodeIndex child = at + 1;
    while (document[child].next <= node) child = document[child].next;
    at = child;
  }
  return object;
}

}  // namespace

bool tellableCode(std::string_view cell) {
  return !cell.empty() && cell.size() <= 6 && std::all_of(cell.begin(), cell.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
  });
}

std::vector<Code> codesAt(const Document& document, NodeIndex node) {
  std::vector<Code> out;
  if (node == kNoNode) return out;
  if (document[node].kind == fhir::Kind::kString) return {{{}, document.scalar(node)}};
  if (document[node].kind != fhir::Kind::kObject) return out;
  if (const Code code = codingOf(document, node); !code.code.empty()) return {code};
  const NodeIndex list = document.member(node, "coding");
  if (list == kNoNode || document[list].kind != fhir::Kind::kArray) return out;
  for (NodeIndex i = list + 1; i < document[list].next; i = document[i].next) {
    if (document[i].kind != fhir::Kind::kObject) continue;
    if (const Code code = codingOf(document, i); !code.code.empty()) out.push_back(code);
  }
  return out;
}

Code codingAround(const Document& document, NodeIndex node) {
  if (node == kNoNode) return {};
  if (document[node].kind == fhir::Kind::kObject) return codingOf(document, node);
  if (document[node].kind != fhir::Kind::kString) return {};
  const std::string_view name = document.name(node);
  if (name != "system" && name != "code") return {};
  const Code code = codingOf(document, objectAround(document, node));
  return code.system.empty() ? Code{} : code;
}

}  // namespace tributary::collection
