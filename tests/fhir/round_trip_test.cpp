// What was read and written back is the same JSON value, judged by RapidJSON.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhir/json_writer.h"
#include "tests/fhir/json_value.h"
#include "tests/fhir/support.h"

namespace tributary::fhir {
namespace {

void roundTripPackage(const std::string& package, std::size_t at_least) {
  const auto folder = packageFolder(package);
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "skipped: package " << package << " is not installed";
  JsonReader reader;
  Document document;
  std::size_t files = 0;
  std::string compact, indented;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const auto text = readFile(entry.path());
    ASSERT_TRUE(text) << entry.path();
    const auto read = reader.read(*text, document);
    ASSERT_TRUE(read) << entry.path() << ": " << read.error().text << " line " << read.error().line;
    ASSERT_EQ(tapeFault(document), "") << entry.path();
    const std::string expected = canonical(*text);
    ASSERT_NE(expected.front(), '!') << entry.path();
    compact.clear();
    writeJson(document, 0, compact);
    ASSERT_EQ(canonical(compact) == expected, true) << entry.path();
    ++files;
    if (text->size() > 100'000) continue;
    indented.clear();
    writeJson(document, 0, indented, 2);
    ASSERT_EQ(canonical(indented) == expected, true) << entry.path() << " indented";
  }
  EXPECT_GE(files, at_least);
  std::printf("%s: %zu files read and written back\n", package.c_str(), files);
}

TEST(RoundTrip, R4Examples) {
  roundTripPackage("hl7.fhir.r4.examples#4.0.1", 5307);
}
TEST(RoundTrip, UkCore) {
  roundTripPackage("fhir.r4.ukcore.staging#2.0.0-20250620", 500);
}

TEST(RoundTrip, HardValues) {
  const std::string cases[] = {
      R"({})",
      R"({"a":[]})",
      R"({"a":{},"b":[{}],"c":[[[]]]})",
      R"({"value":1.10,"b":-0,"c":1e300,"d":-0.0E-0,"e":123456789012345678901234567890.000})",
      R"({"_birthDate":{"id":"x"},"birthDate":"1974","_":1,"__id":2,"":3,"_local":{"a":null}})",
      R"({"given":["a",null],"_given":[null,{"id":"b"}]})",
      R"({"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00","b\u0063":"x","\u005fid":1})",
      "{\"a\":\"\x7f \u2028 \U0001F600 caf\u00e9\",\"\u00fcber\":true,\"f\":false}",
      " \r\n\t{ \"a\" : [ 1 , \"x\" , true , null ] , \"b\" : \"\" } \n",
      R"({"a":"\u0001\u001f"})",
  };
  JsonReader reader;
  Document document;
  for (const std::string& text : cases) {
    const auto read = reader.read(text, document);
    ASSERT_TRUE(read) << text << ": " << read.error().text;
    EXPECT_EQ(tapeFault(document), "") << text;
    ASSERT_NE(canonical(text).front(), '!') << text;
    EXPECT_EQ(canonical(toJson(document)), canonical(text)) << text;
    EXPECT_EQ(canonical(toJson(document, 0, 3)), canonical(text)) << text;
  }
}

// RapidJSON refuses exponents that no double holds; ours is text, and stays as it was.
TEST(RoundTrip, NumbersBeyondDouble) {
  const std::string text =
      R"({"valueDecimal":7E77777,"a":[-1e-99999,0.1e+400,1E0000000000000000000000000001]})";
  JsonReader reader;
  Document document;
  ASSERT_TRUE(reader.read(text, document));
  EXPECT_EQ(toJson(document), text);
}

TEST(RoundTrip, IndentedFormIsReadable) {
  JsonReader reader;
  Document document;
  ASSERT_TRUE(reader.read(R"({"resourceType":"Patient","name":[{"given":["A","B"]}],"x":{},"active":true})",
                          document));
  EXPECT_EQ(toJson(document, 0, 2),
            "{\n  \"resourceType\": \"Patient\",\n  \"name\": [\n    {\n      \"given\": [\n        \"A\",\n"
            "        \"B\"\n      ]\n    }\n  ],\n  \"x\": {},\n  \"active\": true\n}");
  EXPECT_EQ(toJson(document, document.member(0, "name")), R"([{"given":["A","B"]}])");
}

}  // namespace
}  // namespace tributary::fhir
