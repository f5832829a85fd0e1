// Fuzzer of the document readers. The first byte of an input chooses the reader, the rest is its text. JSON
// is judged beside RapidJSON: the same texts must be accepted, and what is written back must be the same
// value.
#include <rapidjson/error/error.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "fhir/json_reader.h"
#include "fhir/json_writer.h"
#include "fhir/ndjson_reader.h"
#include "fhir/xml_reader.h"
#include "tests/fhir/json_value.h"

namespace {

using namespace tributary;
using namespace tributary::fhir;

[[noreturn]] void found(const char* what) {
  std::fprintf(stderr, "finding: %s\n", what);
  std::abort();
}

void require(bool holds, const char* what) {
  if (!holds) found(what);
}

void checkIssue(const Issue& issue, std::string_view text, std::uint64_t base) {
  require(!issue.rule.empty() && !issue.text.empty() && !issue.remedy.empty(), "an issue says too little");
  require(issue.text != "The text is not valid JSON.", "the fast reader refuses what the diagnosis accepts");
  require(issue.offset >= base && issue.offset <= base + text.size(), "an issue lies outside its text");
  require(issue.line >= 1 && issue.column >= 1, "an issue has no position");
}

// RapidJSON lets U+0000 and a lone low surrogate pass.
bool stricterThanRapid(const Issue& issue) {
  return issue.rule == "json-duplicate-member" || issue.rule == "json-size" ||
         (issue.rule == "json-encoding" && issue.text.find("valid UTF-8") == std::string::npos);
}

void fuzzJson(std::string_view text) {
  static JsonReader reader;
  static Document document;
  ReadOptions options;
  options.any_value = true;
  options.limits.depth = 1'000'000;
  const auto read = reader.read(text, document, options);
  const std::string expected = canonical(text);
  const bool rapid = expected.empty() || expected.front() != '!';
  if (!read) {
    checkIssue(read.error(), text, 0);
    // A raw NUL is the end of its input for RapidJSON.
    require(!rapid || stricterThanRapid(read.error()) || text.find('\0') != std::string_view::npos,
            "refused, but RapidJSON accepts it");
    require(document.empty(), "a refused document holds something");
    return;
  }
  require(text.find('\0') == std::string_view::npos, "accepted with a raw NUL");
  // An exponent that no double holds is no number for RapidJSON; the text is kept here, so it is one.
  if (expected == "!" + std::to_string(rapidjson::kParseErrorNumberTooBig)) return;
  require(rapid, "accepted, but RapidJSON refuses it");
  require(tapeFault(document).empty(), "the tape breaks its own rules");
  const std::string written = toJson(document);
  require(canonical(written) == expected, "what was written back is another value");
  require(canonical(toJson(document, 0, 2)) == expected, "what was written back indented is another value");
  for (NodeIndex i = 0; i < document.nodes().size(); ++i) {
    require(document.position(i).offset <= text.size(), "a node lies outside its text");
    if (i == 64) break;
  }
}

void fuzzNdjson(std::string_view text, std::size_t step) {
  NdjsonOptions options;
  options.limits.bytes = 200;
  NdjsonText in_memory(text, options);
  std::size_t at = 0;
  NdjsonStream stream(
      [&](std::span<char> buffer) -> Result<std::size_t> {
        const std::size_t count = std::min({step, buffer.size(), text.size() - at});
        std::memcpy(buffer.data(), text.data() + at, count);
        at += count;
        return count;
      },
      options);
  const bool gzip = text.starts_with("\x1f\x8b");
  Document first, second;
  Issue left, right;
  while (true) {
    const auto streamed = stream.next(second, right);
    if (gzip) {
      if (!streamed || *streamed == LineOutcome::kEnd) return;
      continue;
    }
    require(streamed.has_value(), "plain text gives an error");
    const LineOutcome outcome = in_memory.next(first, left);
    require(outcome == *streamed, "stream and text disagree");
    require(in_memory.offset() == stream.offset() || outcome == LineOutcome::kEnd, "offsets disagree");
    require(in_memory.lineNumber() == stream.lineNumber(), "lines disagree");
    if (outcome == LineOutcome::kEnd) return;
    if (outcome == LineOutcome::kBad) {
      checkIssue(left, text, 0);
      require(left.offset == right.offset && left.rule == right.rule && left.column == right.column,
              "issues disagree");
    } else {
      require(toJson(first) == toJson(second), "documents disagree");
    }
  }
}

// A few shapes of every kind; the rest is unknown, and read by its looks.
class FuzzShapes final : public ElementShapes {
 public:
  ShapeType resource(std::string_view type) const override {
    return type == "Patient" || type == "Bundle" ? 1U : kNoShape;
  }
  ElementShape element(ShapeType, std::string_view name) const override {
    using Form = ElementShape::Form;
    if (name == "name" || name == "extension" || name == "entry") return {Form::kComplex, true, 1};
    if (name == "text") return {Form::kComplex, false, 1};
    if (name == "given") return {Form::kString, true, 1};
    if (name == "active") return {Form::kBoolean, false, 1};
    if (name == "total") return {Form::kNumber, false, 1};
    if (name == "id") return {Form::kString, false, 1};
    if (name == "div") return {Form::kXhtml, false, 0};
    if (name == "contained") return {Form::kResource, true, 0};
    if (name == "resource") return {Form::kResource, false, 0};
    return {};
  }
};

void fuzzXml(std::string_view text) {
  static const FuzzShapes shapes;
  static XmlReader reader(shapes);
  static Document document;
  const auto read = reader.read(text, document);
  if (!read) {
    checkIssue(read.error(), text, 0);
    require(document.empty(), "a refused document holds something");
    return;
  }
  require(tapeFault(document).empty(), "the tape of an XML document breaks the rules");
  const std::string json = toJson(document);
  static JsonReader json_reader;
  static Document again;
  const auto reread = json_reader.read(json, again);
  if (!reread && reread.error().rule == "json-depth") return;
  require(reread.has_value(), "the JSON form of an XML document is no good JSON");
  require(toJson(again) == json, "the JSON form of an XML document does not hold");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy without slack, so that a read past the end is seen.
  const std::string copy(reinterpret_cast<const char*>(data + 1), size - 1);
  char* const exact = static_cast<char*>(std::malloc(std::max<std::size_t>(copy.size(), 1)));
  std::memcpy(exact, copy.data(), copy.size());
  const std::string_view text(exact, copy.size());
  switch (data[0] % 4) {
    case 0:
    case 1:
      fuzzJson(text);
      break;
    case 2:
      fuzzNdjson(text, std::size_t{1} + data[0] / 4U);
      break;
    default:
      fuzzXml(text);
  }
  std::free(exact);
  return 0;
}
