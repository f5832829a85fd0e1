#include "fhir/document.h"

#include <gtest/gtest.h>

#include <string>

#include "fhir/bundle.h"
#include "fhir/json_reader.h"
#include "fhir/reference.h"
#include "fhir/resource.h"

namespace tributary::fhir {
namespace {

constexpr char kPatient[] = R"({
  "resourceType": "Patient",
  "id": "p1",
  "meta": {"versionId": "7", "lastUpdated": "2024-01-02T03:04:05Z"},
  "contained": [{"resourceType": "Organization", "id": "o1"}],
  "name": [{"family": "Nu\u00f1ez", "_family": {"id": "f"}}],
  "valueDecimal": 1.10,
  "local": {"loc\u0061l": false}
})";

class DocumentTest : public ::testing::Test {
 protected:
  Document read(std::string_view text, const ReadOptions& options = {}) {
    Document document;
    const auto outcome = reader_.read(text, document, options);
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().text);
    return document;
  }
  JsonReader reader_;
};

TEST_F(DocumentTest, MembersAndScalars) {
  const Document document = read(kPatient);
  EXPECT_EQ(document.resourceType(), "Patient");
  EXPECT_EQ(resourceId(document), "p1");
  EXPECT_EQ(versionId(document), "7");
  EXPECT_EQ(lastUpdated(document), "2024-01-02T03:04:05Z");
  EXPECT_EQ(document.scalar(document.member(0, "valueDecimal")), "1.10");
  EXPECT_EQ(document.member(0, "nothing"), kNoNode);
  EXPECT_EQ(document.member(0, "birthDate"), kNoNode);
  const NodeIndex name = document.member(0, "name") + 1;
  EXPECT_EQ(document[name].name, kNoName);
  EXPECT_EQ(stringMember(document, name, findName("family")),
            "Nu\xC3\xB1"
            "ez");
  EXPECT_EQ(document[name].flags & kHasCompanions, kHasCompanions);
  EXPECT_EQ(document.name(document.member(name, "_family")), "family");
  EXPECT_EQ(document[0].flags, kHasContained);
  const NodeIndex local = document.member(0, "local");
  EXPECT_EQ(document.name(local), "local");
  EXPECT_EQ(document[local + 1].name, document[local].name) << "one name, however it was written";
}

TEST_F(DocumentTest, PositionsAndRawText) {
  const std::string text = kPatient;
  const Document document = read(text, {.base_offset = 1000, .base_line = 50});
  const NodeIndex family = document.member(document.member(0, "name") + 1, "family");
  const std::size_t where = text.find("Nu\\");
  EXPECT_EQ(document.sourceOffset(family), 1000 + where);
  EXPECT_EQ(document.position(family).line, 55U);
  EXPECT_EQ(document.position(family).column, 24U);
  EXPECT_EQ(document.position(0).line, 50U);
  EXPECT_EQ(document.position(0).column, 1U);
  EXPECT_EQ(document.raw(document.member(0, "contained") + 1),
            R"({"resourceType": "Organization", "id": "o1"})");
  EXPECT_EQ(document.raw(0), text);
  EXPECT_EQ(document.raw(family), "");
}

TEST_F(DocumentTest, OwnsItsTextWhenAsked) {
  Document kept;
  {
    std::string text = R"({"resourceType":"Patient","id":"abc","zzz":1})";
    kept = read(text, {.own_text = true});
    text.assign(text.size(), '#');
  }
  const Document moved = std::move(kept);
  EXPECT_EQ(resourceId(moved), "abc");
  EXPECT_NE(moved.member(0, "zzz"), kNoNode);
}

TEST_F(DocumentTest, FillingAgainAllocatesNothing) {
  Document document;
  const std::string text = kPatient;
  ASSERT_TRUE(reader_.read(text, document));
  const Node* const before = document.data();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(reader_.read(text, document));
    EXPECT_EQ(document.data(), before);
  }
  document.release();
  EXPECT_TRUE(document.empty());
  EXPECT_EQ(document.memory(), 0U);
}

TEST_F(DocumentTest, Bundles) {
  const Document document = read(R"({"resourceType":"Bundle","type":"searchset","total":12,
    "link":[{"relation":"self","url":"http://s/Patient"},{"relation":"next","url":"http://s/?p=2"}],
    "entry":[{"fullUrl":"http://s/Patient/1","resource":{"resourceType":"Patient","id":"1"},"search":{"mode":"match"}},
             {"fullUrl":"urn:uuid:x","request":{"method":"DELETE","url":"Patient/2"},
              "response":{"status":"204","lastModified":"2024-01-01T00:00:00Z"}}]})");
  const Bundle bundle(document);
  ASSERT_TRUE(bundle.valid());
  EXPECT_EQ(bundle.type(), "searchset");
  EXPECT_EQ(bundle.total(), 12U);
  EXPECT_EQ(bundle.link("next"), "http://s/?p=2");
  EXPECT_EQ(bundle.link("previous"), "");
  ASSERT_EQ(bundle.size(), 2U);
  auto i = bundle.begin();
  const BundleEntry first = *i;
  EXPECT_EQ(first.full_url, "http://s/Patient/1");
  EXPECT_EQ(first.search_mode, "match");
  EXPECT_EQ(resourceId(document, first.resource), "1");
  EXPECT_EQ(document.raw(first.resource), R"({"resourceType":"Patient","id":"1"})");
  const BundleEntry second = *++i;
  EXPECT_EQ(second.resource, kNoNode);
  EXPECT_EQ(second.method, "DELETE");
  EXPECT_EQ(second.request_url, "Patient/2");
  EXPECT_EQ(second.response_status, "204");
  EXPECT_EQ(second.last_modified, "2024-01-01T00:00:00Z");
}

TEST_F(DocumentTest, OddBundles) {
  for (const char* text :
       {R"({"resourceType":"Bundle"})", R"({"resourceType":"Bundle","entry":[],"total":-1})",
        R"({"resourceType":"Bundle","entry":{"a":1},"total":"3"})",
        R"({"resourceType":"Bundle","entry":null,"total":1.5,"link":7})"}) {
    const Document document = read(text);
    const Bundle bundle(document);
    EXPECT_EQ(bundle.size(), 0U);
    EXPECT_EQ(bundle.total(), std::nullopt);
    EXPECT_EQ(bundle.link("next"), "");
  }
  const Document document =
      read(R"({"resourceType":"Bundle","entry":[1,null,"x",[],{"resource":"no","request":[]}]})");
  for (const BundleEntry& entry : Bundle(document)) {
    EXPECT_EQ(entry.resource, kNoNode);
    EXPECT_EQ(entry.method, "");
  }
  EXPECT_FALSE(Bundle(read("[1]", {.any_value = true})).valid());
}

TEST(References, Forms) {
  using Form = ReferenceParts::Form;
  struct Case {
    const char* text;
    Form form;
    const char *base, *type, *id, *version;
  };
  const Case cases[] = {
      {"", Form::kNone, "", "", "", ""},
      {"Patient/1", Form::kRelative, "", "Patient", "1", ""},
      {"Patient/1/_history/3", Form::kRelative, "", "Patient", "1", "3"},
      {"Patient/a-b.C", Form::kRelative, "", "Patient", "a-b.C", ""},
      {"https://x.org/fhir/Patient/1", Form::kAbsolute, "https://x.org/fhir", "Patient", "1", ""},
      {"http://x.org/Patient/1/_history/2", Form::kAbsolute, "http://x.org", "Patient", "1", "2"},
      {"http://x.org/about", Form::kAbsolute, "", "", "", ""},
      {"http://Patient/1", Form::kAbsolute, "", "", "", ""},
      {"http://x.org", Form::kAbsolute, "", "", "", ""},
      {"urn:uuid:c757873d-ec9a-4326-a141-556f43239520", Form::kUuid, "", "",
       "c757873d-ec9a-4326-a141-556f43239520", ""},
      {"urn:oid:1.2.3", Form::kOid, "", "", "1.2.3", ""},
      {"urn:other:1", Form::kOther, "", "", "", ""},
      {"#o1", Form::kFragment, "", "", "o1", ""},
      {"#", Form::kFragment, "", "", "", ""},
      {"Patient?identifier=a|b", Form::kOther, "", "", "", ""},
      {"/Patient/1", Form::kOther, "", "", "", ""},
      {"Patient/", Form::kOther, "", "", "", ""},
      {"Patient", Form::kOther, "", "", "", ""},
      {"patient/1", Form::kOther, "", "", "", ""},
      {"a/Patient/1", Form::kOther, "", "", "", ""},
      {"Patient/1/_history", Form::kOther, "", "", "", ""},
      {"Patient/1 2", Form::kOther, "", "", "", ""},
  };
  for (const Case& c : cases) {
    const ReferenceParts parts = parseReference(c.text);
    EXPECT_EQ(static_cast<int>(parts.form), static_cast<int>(c.form)) << c.text;
    EXPECT_EQ(parts.base, c.base) << c.text;
    EXPECT_EQ(parts.type, c.type) << c.text;
    EXPECT_EQ(parts.id, c.id) << c.text;
    EXPECT_EQ(parts.version, c.version) << c.text;
  }
}

TEST_F(DocumentTest, WalksAllReferences) {
  const Document document = read(
      R"({"subject":{"reference":"Patient/1"},"x":[{"reference":"#a"},{"reference":5},{"who":{"reference":"\u0041/1"}}]})");
  std::string all;
  forEachReference(document, [&](NodeIndex, std::string_view text) { all.append(text).append(" "); });
  EXPECT_EQ(all, "Patient/1 #a A/1 ");
}

}  // namespace
}  // namespace tributary::fhir
