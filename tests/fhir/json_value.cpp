#include "tests/fhir/json_value.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace tributary::fhir {
namespace {

struct Recorder : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Recorder> {
  std::string out;
  bool Null() { return add("n"); }
  bool Bool(bool value) { return add(value ? "t" : "f"); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) { return add("#", {text, length}); }
  bool String(const char* text, rapidjson::SizeType length, bool) { return add("s", {text, length}); }
  bool Key(const char* text, rapidjson::SizeType length, bool) { return add("k", {text, length}); }
  bool StartObject() { return add("{"); }
  bool EndObject(rapidjson::SizeType) { return add("}"); }
  bool StartArray() { return add("["); }
  bool EndArray(rapidjson::SizeType) { return add("]"); }

  bool add(const char* kind, std::string_view text = {}) {
    out += kind;
    if (text.data() != nullptr) out.append(std::to_string(text.size())).append(":").append(text);
    return true;
  }
};

}  // namespace

std::string canonical(std::string_view json) {
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>> reader;
  Recorder recorder;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
                              rapidjson::kParseValidateEncodingFlag;
  const auto result = reader.Parse<kFlags>(stream, recorder);
  return result ? recorder.out : "!" + std::to_string(result.Code());
}

namespace {

std::string nodeFault(const Document& document, NodeIndex container) {
  const Node& parent = document[container];
  std::uint8_t flags = 0;
  for (NodeIndex i = container + 1; i < parent.next; i = document[i].next) {
    const Node& node = document[i];
    if (node.next <= i || node.next > parent.next) return "a subtree leaves its parent";
    if (node.kind < Kind::kArray && node.next != i + 1) return "a scalar has children";
    if ((node.name != kNoName) != (parent.kind == Kind::kObject))
      return "an item has a name, or a member none";
    if ((node.name & kCompanion) != 0) flags |= kHasCompanions;
    if (node.name == names::kContained) flags |= kHasContained;
    const std::uint64_t offset = document.sourceOffset(i) - document.sourceOffset(0) + document[0].offset;
    if (offset < parent.offset || offset >= parent.offset + std::uint64_t{parent.length})
      return "outside its parent";
  }
  if (parent.flags != (parent.kind == Kind::kObject ? flags : 0)) return "the flags are wrong";
  return {};
}

}  // namespace

std::string tapeFault(const Document& document) {
  if (document.empty()) return "empty";
  if (document[0].next != document.nodes().size() || document[0].name != kNoName) return "the root is wrong";
  for (NodeIndex i = 0; i < document.nodes().size(); ++i) {
    if (document[i].kind < Kind::kArray) continue;
    if (std::string fault = nodeFault(document, i); !fault.empty())
      return fault + " at node " + std::to_string(i);
  }
  return {};
}

}  // namespace tributary::fhir
