#include "deliver/mesh/internal/mesh_json.h"

#include "base/machine_code.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"
#include "net/http.h"

namespace tributary::deliver {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

bool read(std::string_view body, Document& document) {
  fhir::JsonReader reader;
  fhir::ReadOptions options;
  options.limits = {.bytes = 8 << 20, .depth = 32, .nodes = 1 << 20};
  return reader.read(body, document, options).has_value();
}

// A scalar member of an object under the first of its names; "" where there is none.
std::string text(const Document& document, NodeIndex object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const NodeIndex i = document.member(object, name);
    if (i == kNoNode) continue;
    const Kind kind = document[i].kind;
    if (kind == Kind::kString || kind == Kind::kNumber) return std::string(document.scalar(i));
  }
  return {};
}

}  // namespace

std::string readMeshErrorCode(std::string_view body) {
  Document document;
  if (!read(body, document)) return {};
  NodeIndex source = document.root();
  const NodeIndex detail = document.member(source, "detail");
  if (detail != kNoNode) {
    if (document[detail].kind == Kind::kObject) source = detail;
    if (document[detail].kind == Kind::kArray && document[detail].next > detail + 1 &&
        document[detail + 1].kind == Kind::kObject) {
      source = detail + 1;
    }
  }
  return text(document, source, {"code", "errorCode"});
}

std::string readMeshMessageId(std::string_view body) {
  Document document;
  if (!read(body, document)) return {};
  return text(document, document.root(), {"message_id", "messageID", "messageId"});
}

std::optional<MeshListing> readMeshInbox(std::string_view body) {
  Document document;
  if (!read(body, document)) return std::nullopt;
  const NodeIndex messages = document.member(document.root(), "messages");
  if (messages == kNoNode || document[messages].kind != Kind::kArray) return std::nullopt;
  MeshListing out;
  for (NodeIndex i = messages + 1; i < document[messages].next; i = document[i].next) {
    if (document[i].kind == Kind::kString) out.ids.emplace_back(document.scalar(i));
  }
  const NodeIndex links = document.member(document.root(), "links");
  if (links != kNoNode && document[links].kind == Kind::kObject) out.next = text(document, links, {"next"});
  return out;
}

std::optional<MeshTracking> readMeshTracking(std::string_view body) {
  Document document;
  if (!read(body, document)) return std::nullopt;
  MeshTracking out;
  out.id = text(document, document.root(), {"message_id", "messageId", "messageID"});
  out.code = machineCode(text(document, document.root(), {"status_code", "statusCode"}));
  const std::string status = text(document, document.root(), {"status"});
  const auto is = [&status](std::string_view name) { return net::equalsIgnoreCase(status, name); };
  using State = MeshTracking::State;
  if (is("uploading")) {
    out.state = State::kUploading;
  } else if (is("undeliverable") || is("error")) {
    out.state = State::kFailed;
  } else if (is("accepted") || is("acknowledged")) {
    out.state = State::kAccepted;
  } else {
    return std::nullopt;
  }
  return out;
}

}  // namespace tributary::deliver
