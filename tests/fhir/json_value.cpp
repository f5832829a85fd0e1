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

}  // namespace tributary::fhir
