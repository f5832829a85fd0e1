// What the JSON reader refuses, why and where.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fhir/json_reader.h"
#include "tests/fhir/json_value.h"

namespace tributary::fhir {
namespace {

struct BadCase {
  std::string text;
  std::string rule;
  std::uint64_t offset;
  std::uint32_t line, column;
};

std::string at(const Issue& issue) {
  return issue.rule + " " + std::to_string(issue.offset) + " " + std::to_string(issue.line) + ":" +
         std::to_string(issue.column);
}

void expectRefused(const BadCase& bad) {
  JsonReader reader;
  Document document;
  const auto read = reader.read(bad.text, document, {.any_value = true});
  ASSERT_FALSE(read) << bad.text;
  EXPECT_TRUE(document.empty());
  EXPECT_EQ(at(read.error()), bad.rule + " " + std::to_string(bad.offset) + " " + std::to_string(bad.line) +
                                  ":" + std::to_string(bad.column))
      << bad.text << ": " << read.error().text;
  EXPECT_FALSE(read.error().text.empty());
  EXPECT_FALSE(read.error().remedy.empty());
  EXPECT_EQ(read.error().severity, Severity::kError);
}

TEST(BadJson, Syntax) {
  const std::vector<BadCase> cases = {
      {"", "json-syntax", 0, 1, 1},
      {" \n ", "json-syntax", 3, 2, 2},
      {"{", "json-syntax", 1, 1, 2},
      {"}", "json-syntax", 0, 1, 1},
      {"[1,2", "json-syntax", 4, 1, 5},
      {"{\"a\":1,}", "json-syntax", 7, 1, 8},
      {"[1,]", "json-syntax", 3, 1, 4},
      {"[,1]", "json-syntax", 1, 1, 2},
      {"{\"a\" 1}", "json-syntax", 5, 1, 6},
      {"{\"a\":}", "json-syntax", 5, 1, 6},
      {"{a:1}", "json-syntax", 1, 1, 2},
      {"{'a':1}", "json-syntax", 1, 1, 2},
      {"{\"a\":1 \"b\":2}", "json-syntax", 7, 1, 8},
      {"{\"a\":\"x\"\"b\":2}", "json-syntax", 8, 1, 9},
      {"{\n  \"a\": 1\n  \"b\": 2\n}", "json-syntax", 13, 3, 3},
      {"[1}", "json-syntax", 2, 1, 3},
      {"{\"a\":1]", "json-syntax", 6, 1, 7},
      {"[\"a\":1]", "json-syntax", 4, 1, 5},
      {"{\"a\":1}}", "json-syntax", 7, 1, 8},
      {"{\"a\":1}\n{\"a\":1}", "json-syntax", 8, 2, 1},
      {"{\"a\":1} x", "json-syntax", 8, 1, 9},
      {"\"a\"x", "json-syntax", 3, 1, 4},
      {"[tru]", "json-syntax", 1, 1, 2},
      {"[True]", "json-syntax", 1, 1, 2},
      {"[nulls]", "json-syntax", 5, 1, 6},
      {"[true\"x\"]", "json-syntax", 5, 1, 6},
      {"[1\"x,y\"]", "json-syntax", 2, 1, 3},
      {"[NaN]", "json-syntax", 1, 1, 2},
      {"[//\n1]", "json-syntax", 1, 1, 2},
      {"[\f1]", "json-syntax", 1, 1, 2},
      {"[1\x1a 2]", "json-syntax", 2, 1, 3},
      {"{\"a\"\x1a"
       "1}",
       "json-syntax", 4, 1, 5},
      {"[\xC2\xA0]", "json-syntax", 1, 1, 2},
      {"[\\]", "json-syntax", 1, 1, 2},
      {"\\", "json-syntax", 0, 1, 1},
  };
  for (const BadCase& bad : cases) expectRefused(bad);
}

TEST(BadJson, Numbers) {
  for (const char* number : {"01", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "-01", "0x10", "1_000", "--1",
                             "1-", "1.2.3", "1e5.5", "00", "Infinity", "-Infinity", "1,5,"}) {
    const std::string text = "[" + std::string(number) + "]";
    JsonReader reader;
    Document document;
    EXPECT_FALSE(reader.read(text, document, {.any_value = true})) << text;
  }
  // A number of a million digits is a number.
  const std::string huge = "[" + std::string(1'000'000, '9') + "." + std::string(1'000'000, '1') + "]";
  JsonReader reader;
  Document document;
  ASSERT_TRUE(reader.read(huge, document, {.any_value = true}));
  EXPECT_EQ(document.scalar(1).size(), 2'000'001U);
}

TEST(BadJson, Strings) {
  using namespace std::string_literals;
  const std::vector<BadCase> cases = {
      {"[\"abc", "json-syntax", 1, 1, 2},
      {"[\"abc\\\"]", "json-syntax", 1, 1, 2},
      {"[\"abc\\", "json-syntax", 6, 1, 7},
      {"[\"a\nb\"]", "json-syntax", 3, 1, 4},
      {"[\"a\tb\"]", "json-syntax", 3, 1, 4},
      {"[\"a\0b\"]"s, "json-syntax", 3, 1, 4},
      {"[1]\0"s, "json-syntax", 3, 1, 4},
      {"[\"a\\xb\"]", "json-syntax", 3, 1, 4},
      {"[\"\\u12\"]", "json-syntax", 2, 1, 3},
      {"[\"\\u12g4\"]", "json-syntax", 2, 1, 3},
      {"[\"\\u0000\"]", "json-encoding", 2, 1, 3},
      {"[\"\\ud800\"]", "json-encoding", 2, 1, 3},
      {"[\"\\udc00\"]", "json-encoding", 2, 1, 3},
      {"[\"\\ud800x\"]", "json-encoding", 2, 1, 3},
      {"[\"\\ud800\\n\"]", "json-encoding", 2, 1, 3},
      {"[\"\\ud800\\ud800\"]", "json-encoding", 2, 1, 3},
      {"[\"\\ud83d\\u00\"]", "json-encoding", 2, 1, 3},
      {"{\"\\ud800\":1}", "json-encoding", 2, 1, 3},
      {"{\"a\\q\":1}", "json-syntax", 3, 1, 4},
      {"\xEF\xBB\xBF{}", "json-encoding", 0, 1, 1},
      {"[\"\xC0\xAF\"]", "json-encoding", 2, 1, 3},
      {"[\"\xE0\x80\xAF\"]", "json-encoding", 2, 1, 3},
      {"[\"\xED\xA0\x80\"]", "json-encoding", 2, 1, 3},
      {"[\"\xF4\x90\x80\x80\"]", "json-encoding", 2, 1, 3},
      {"[\"\xF0\x8F\xBF\xBF\"]", "json-encoding", 2, 1, 3},
      {"[\"caf\xE9\"]", "json-encoding", 5, 1, 6},
      {"[\"\x80\"]", "json-encoding", 2, 1, 3},
      {"[\"\xC3\"]", "json-encoding", 2, 1, 3},
      {"[\"\xFF\"]", "json-encoding", 2, 1, 3},
      {"[\"good\",\n\"b\xFE\"]", "json-encoding", 11, 2, 3},
  };
  for (const BadCase& bad : cases) expectRefused(bad);
}

TEST(BadJson, DuplicateMembers) {
  const std::vector<BadCase> cases = {
      {R"({"a":1,"a":2})", "json-duplicate-member", 7, 1, 8},
      {R"({"id":"1","id":"2"})", "json-duplicate-member", 10, 1, 11},
      {R"({"a":{"b":[{"id":{"id":1,"x":2},"id":3}]}})", "json-duplicate-member", 32, 1, 33},
      {"{\"_id\":1,\"id\":2,\n\"_id\":3}", "json-duplicate-member", 17, 2, 1},
      {R"({"id":1,"\u0069d":2})", "json-duplicate-member", 8, 1, 9},
      {R"({"other":1,"\u006fther":2})", "json-duplicate-member", 11, 1, 12},
      {R"({"":1,"":2})", "json-duplicate-member", 6, 1, 7},
      {R"({"_":1,"_":2})", "json-duplicate-member", 7, 1, 8},
  };
  for (const BadCase& bad : cases) expectRefused(bad);
  // The same names in different objects, and names that differ in their underscore only, are fine.
  JsonReader reader;
  Document document;
  EXPECT_TRUE(reader.read(
      R"({"id":1,"_id":{"id":2},"__id":3,"a":{"id":{"id":1},"a":[{"id":1},{"id":1}]},"b":1})", document));
}

TEST(BadJson, DuplicateAmongThousands) {
  for (const std::size_t members : {10U, 60U, 200U, 16'000U}) {
    for (const std::size_t repeated : {std::size_t{0}, members / 2, members - 1}) {
      std::string text = "{\"outer\":{";
      for (std::size_t i = 0; i < members; ++i)
        text += "\"member" + std::to_string(i) + "\":{\"id\":[" + std::to_string(i) + "]},";
      const std::string good = text + "\"last\":0}}";
      const std::size_t where = text.size();
      text += "\"member" + std::to_string(repeated) + "\" : \"x\"}}";
      JsonReader reader;
      Document document;
      EXPECT_TRUE(reader.read(good, document));
      const auto read = reader.read(text, document);
      ASSERT_FALSE(read) << members;
      EXPECT_EQ(read.error().rule, "json-duplicate-member");
      EXPECT_EQ(read.error().offset, where);
    }
  }
}

TEST(BadJson, PathOfADuplicate) {
  JsonReader reader;
  Document document;
  const auto read = reader.read(
      R"({"resourceType":"Patient","name":[{"use":"official"},{"given":["A","B"],"family":"x","family":"y"}]})",
      document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().path, "Patient.name[1].family");
  EXPECT_EQ(read.error().text.find("official"), std::string::npos);
}

TEST(BadJson, EveryTruncationIsRefused) {
  const std::string sample =
      "{\"resourceType\":\"Patient\",\"id\":\"\\u00e9\\ud83d\\ude00x\",\"active\":true,"
      "\"multipleBirthInteger\":-12.50e+3,\n"
      "  \"name\":[{\"given\":[\"Zo\xC3\xAB\",null],\"_given\":[null,{\"id\":\"a\"}]}],\"unknown\":{ "
      "},\"deceasedBoolean\" : false }";
  JsonReader reader;
  Document document;
  ASSERT_TRUE(reader.read(sample, document));
  for (std::size_t length = 0; length < sample.size(); ++length) {
    const auto read = reader.read(std::string_view(sample).substr(0, length), document);
    ASSERT_FALSE(read) << length;
    EXPECT_LE(read.error().offset, length);
    EXPECT_TRUE(read.error().rule == "json-syntax" || read.error().rule == "json-encoding") << length;
  }
}

// Every one-byte change of a sample is judged as RapidJSON judges it (U+0000 and duplicates aside, which it
// lets pass).
TEST(BadJson, AgreesWithRapidJsonOnEveryChangedByte) {
  const std::string sample =
      R"({"a":[1.5,-2e3,"x\"y\\","\u00e9",true,null],"bb":{"c":false,"d":{}},"e":"é"})";
  JsonReader reader;
  Document document;
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = sample;
      changed[i] = static_cast<char>(byte);
      const auto read = reader.read(changed, document, {.any_value = true});
      const bool rapid = canonical(changed).front() != '!';
      if (!read && (read.error().rule == "json-duplicate-member")) continue;
      ASSERT_EQ(read.has_value(), rapid) << "byte " << byte << " at " << i;
      accepted += rapid;
    }
  }
  EXPECT_GT(accepted, sample.size());
}

TEST(BadJson, DepthIsLimited) {
  JsonReader reader;
  Document document;
  const std::string million(1'000'000, '[');
  auto read = reader.read(million, document, {.any_value = true});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "json-depth");
  EXPECT_EQ(read.error().offset, 128U);
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  read = reader.read(objects, document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "json-depth");
  const std::string fits = std::string(128, '[') + std::string(128, ']');
  EXPECT_TRUE(reader.read(fits, document, {.any_value = true}));
  EXPECT_FALSE(reader.read("[" + fits + "]", document, {.any_value = true}));
}

// The memory behind the text cannot be read at all: it is refused by its size alone.
TEST(BadJson, AGigabyteIsRefusedUnread) {
  constexpr std::size_t kGigabyte = std::size_t{1} << 30;
  void* const memory =
      mmap(nullptr, kGigabyte, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  JsonReader reader;
  Document document;
  const auto read = reader.read({static_cast<const char*>(memory), kGigabyte}, document,
                                {.own_text = true, .base_offset = 7, .base_line = 3});
  munmap(memory, kGigabyte);
  ASSERT_FALSE(read);
  EXPECT_EQ(at(read.error()), "json-size 7 3:1");
  EXPECT_LT(document.memory(), 100'000U);
}

TEST(BadJson, NodesAreLimited) {
  JsonReader reader;
  Document document;
  ReadOptions options;
  options.any_value = true;
  options.limits.nodes = 4;
  EXPECT_TRUE(reader.read("[1,2,3]", document, options));
  const auto read = reader.read("[1,2,3,4]", document, options);
  ASSERT_FALSE(read);
  EXPECT_EQ(at(read.error()), "json-size 7 1:8");
}

TEST(BadJson, UnknownNamesAreLimited) {
  std::string text = "{";
  for (int i = 0; i < 17'000; ++i) text += "\"x" + std::to_string(i) + "\":0,";
  text += "\"id\":0}";
  JsonReader reader;
  Document document;
  const auto read = reader.read(text, document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "json-size");
  EXPECT_TRUE(reader.read(R"({"x1":1,"id":2})", document)) << "the reader is usable again";
  EXPECT_EQ(document.name(1), "x1");
}

TEST(BadJson, OnlyObjectsAreResources) {
  JsonReader reader;
  Document document;
  for (const char* text : {"[]", " 1", "\"x\"", "null", "true", " -0.5e1 "}) {
    const auto read = reader.read(text, document);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().rule, "json-not-an-object");
    EXPECT_TRUE(reader.read(text, document, {.any_value = true})) << text;
  }
}

}  // namespace
}  // namespace tributary::fhir
