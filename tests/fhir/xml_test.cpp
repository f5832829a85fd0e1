#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhir/json_writer.h"
#include "fhir/resource.h"
#include "fhir/xml_reader.h"
#include "tests/fhir/json_value.h"
#include "tests/fhir/support.h"
#include "tests/fhir/xml_support.h"

namespace tributary::fhir {
namespace {

constexpr char kPackage[] = "hl7.fhir.r4.examples#4.0.1";

const PackageShapes& packageShapes() {
  static const PackageShapes kShapes(kPackage);
  return kShapes;
}

// A Patient's few shapes, so that these tests run without any package.
class FewShapes final : public ElementShapes {
 public:
  ShapeType resource(std::string_view type) const override {
    return type == "Patient" ? 1U : type == "Bundle" ? 5U : type == "Organization" ? 8U : kNoShape;
  }
  ElementShape element(ShapeType type, std::string_view name) const override {
    using Form = ElementShape::Form;
    if (name == "extension") return {Form::kComplex, true, 4};
    if (type == 1 || type == 8) {
      if (name == "name") return {Form::kComplex, true, 2};
      if (name == "active") return {Form::kBoolean, false, 7};
      if (name == "text") return {Form::kComplex, false, 3};
      if (name == "contained") return {Form::kResource, true, 0};
      if (name == "multipleBirthInteger") return {Form::kNumber, false, 7};
      if (name == "id" || name == "birthDate") return {Form::kString, false, 7};
    }
    if (type == 2 && name == "given") return {Form::kString, true, 7};
    if (type == 2 && name == "family") return {Form::kString, false, 7};
    if (type == 3 && name == "div") return {Form::kXhtml, false, 0};
    if (type == 4 && name == "valueDecimal") return {Form::kNumber, false, 7};
    if (type == 5 && name == "entry") return {Form::kComplex, true, 6};
    if (type == 6 && name == "resource") return {Form::kResource, false, 0};
    return {};
  }
};

std::string patient(const std::string& inside) {
  return "<Patient xmlns=\"http://hl7.org/fhir\">" + inside + "</Patient>";
}

std::string asJson(const std::string& xml) {
  const FewShapes shapes;
  XmlReader reader(shapes);
  Document document;
  const auto read = reader.read(xml, document);
  if (!read) {
    EXPECT_TRUE(document.empty());
    EXPECT_FALSE(read.error().text.empty() || read.error().remedy.empty());
    return read.error().rule + "@" + std::to_string(read.error().offset) + "/" +
           std::to_string(read.error().line) + ":" + std::to_string(read.error().column);
  }
  EXPECT_EQ(tapeFault(document), "") << xml;
  const std::string json = toJson(document);
  EXPECT_NE(canonical(json).front(), '!') << json;
  return json;
}

std::string inPatient(const std::string& inside) {
  const std::string json = asJson(patient(inside));
  const std::string begin = R"({"resourceType":"Patient")";
  if (!json.starts_with(begin)) return json;
  return json.size() == begin.size() + 1 ? "" : json.substr(begin.size() + 1, json.size() - begin.size() - 2);
}

TEST(Xml, TheJsonForm) {
  EXPECT_EQ(inPatient(""), "");
  EXPECT_EQ(inPatient(R"(<id value="p1"/>)"), R"("id":"p1")");
  EXPECT_EQ(inPatient(R"(<active value="true"/><multipleBirthInteger value="02"/>)"),
            R"("active":true,"multipleBirthInteger":"02")");
  EXPECT_EQ(inPatient(R"(<multipleBirthInteger value="3"/>)"), R"("multipleBirthInteger":3)");
  EXPECT_EQ(inPatient(R"(<name><family value="a"/><given value="b"/><given value="c"/></name>)"),
            R"("name":[{"family":"a","given":["b","c"]}])");
  EXPECT_EQ(
      inPatient(R"(<name id="n"><family id="f" value='O&apos;Neill &amp; &#x1F600; &lt;"&gt;'/></name>)"),
      "\"name\":[{\"id\":\"n\",\"family\":\"O'Neill & \U0001F600 <\\\">\",\"_family\":{\"id\":\"f\"}}]");
  EXPECT_EQ(inPatient(R"(<name><given value="a"/><given id="x"/><given value="b"/></name>)"),
            R"("name":[{"given":["a",null,"b"],"_given":[null,{"id":"x"},null]}])");
  EXPECT_EQ(
      inPatient(R"(<birthDate><extension url="u"><valueDecimal value="1.10"/></extension></birthDate>)"),
      R"("_birthDate":{"extension":[{"url":"u","valueDecimal":1.10}]})");
  EXPECT_EQ(inPatient(R"(<name><given><extension url="u"/></given></name>)"),
            R"("name":[{"_given":[{"extension":[{"url":"u"}]}]}])");
  EXPECT_EQ(inPatient("<contained><Organization><id value=\"o\"/></Organization></contained>"),
            R"("contained":[{"resourceType":"Organization","id":"o"}])");
  EXPECT_EQ(
      inPatient("<text><div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt; <b>b</b></p>\r\nc</div></text>"),
      R"("text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt; <b>b</b></p>\nc</div>"})");
  EXPECT_EQ(inPatient("<!-- a --><?b c?>\n  <active\n value = \"false\" >\n</active>"), R"("active":false)");
  EXPECT_EQ(inPatient(R"(<name/><active value="true"/><name><family value="x"/></name>)"),
            R"("name":[{},{"family":"x"}],"active":true)");
  EXPECT_EQ(inPatient(R"(<other value="1"/><odd value="1"/><odd value="2"/><deep><x value="y"/></deep>)"),
            R"("other":"1","odd":["1","2"],"deep":{"x":"y"})");
  EXPECT_EQ(inPatient(R"(<id value=""/>)"), R"("id":"")");
  EXPECT_EQ(inPatient("<id value=\"a\nb\tc\"/>"), R"("id":"a b c")");
  EXPECT_EQ(asJson("\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<f:Patient xmlns:f=\"http://hl7.org/fhir\" "
                   "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                   "xsi:schemaLocation=\"a b\"><f:id value=\"p\"/></f:Patient>"),
            R"({"resourceType":"Patient","id":"p"})");
  EXPECT_EQ(asJson("<Bundle xmlns=\"http://hl7.org/fhir\"><entry><resource><Patient><id "
                   "value=\"1\"/></Patient></resource>"
                   "</entry></Bundle>"),
            R"({"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}}]})");
}

TEST(Xml, Refused) {
  EXPECT_EQ(asJson(""), "xml-syntax@0/1:1");
  EXPECT_EQ(asJson("{}"), "xml-syntax@0/1:1");
  EXPECT_EQ(asJson("<Patient xmlns=\"http://hl7.org/fhir\">\n <id value=\"a\"></name></Patient>"),
            "xml-syntax@55/2:18");
  EXPECT_EQ(asJson("<Patient xmlns=\"http://hl7.org/fhir\">"), "xml-syntax@37/1:38");
  EXPECT_EQ(inPatient("<id value=\"&nbsp;\"/>"), "xml-syntax@37/1:38");
  EXPECT_EQ(inPatient("<id value=\"\xFF\"/>").substr(0, 12), "xml-encoding");
  EXPECT_EQ(inPatient("<id value=\"a\" value=\"b\"/>").substr(0, 10), "xml-syntax");
  EXPECT_EQ(asJson("<!DOCTYPE Patient [<!ENTITY x \"y\">]>" + patient("<id value=\"&x;\"/>")).substr(0, 11),
            "xml-doctype");
  EXPECT_EQ(asJson("<!DOCTYPE Patient SYSTEM \"file:///etc/passwd\">" + patient("")).substr(0, 11),
            "xml-doctype");
  EXPECT_EQ(asJson("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" + patient("")), "xml-encoding@0/1:1");
  EXPECT_EQ(asJson("<Patient/>"), "xml-namespace@0/1:1");
  EXPECT_EQ(inPatient("<x:id xmlns:x=\"urn:x\" value=\"1\"/>"), "xml-namespace@37/1:38");
  EXPECT_EQ(inPatient("<text><div>x</div></text>"), "xml-namespace@43/1:44");
  EXPECT_EQ(inPatient("<p xmlns=\"http://www.w3.org/1999/xhtml\">x</p>"), "xml-namespace@37/1:38");
  EXPECT_EQ(inPatient("\n <id value=\"1\"/>text"), "xml-text@54/2:17");
  EXPECT_EQ(asJson("<Nothing xmlns=\"http://hl7.org/fhir\"/>"), "xml-resource@0/1:1");
  EXPECT_EQ(inPatient("<contained/>"), "xml-resource@37/1:38");
  EXPECT_EQ(inPatient("<contained><Patient/><Patient/></contained>"), "xml-resource@58/1:59");
  EXPECT_EQ(inPatient("<contained><name/></contained>"), "xml-resource@48/1:49");
  EXPECT_EQ(inPatient("<id odd=\"1\" value=\"2\"/>"), "xml-attribute@41/1:42");
  EXPECT_EQ(asJson("<Patient xmlns=\"http://hl7.org/fhir\" id=\"x\"/>").substr(0, 13), "xml-attribute");
  EXPECT_EQ(inPatient("<name value=\"x\"/>"), "xml-attribute@37/1:38");
  EXPECT_EQ(inPatient("<resourceType value=\"x\"/>"), "xml-resource@37/1:38");
  EXPECT_EQ(inPatient("<name id=\"x\"><id value=\"y\"/></name>"), "xml-attribute@50/1:51");
}

TEST(Xml, Limits) {
  const FewShapes shapes;
  XmlReader reader(shapes);
  Document document;
  std::string deep = "<Patient xmlns=\"http://hl7.org/fhir\">";
  for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
  auto read = reader.read(deep, document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "xml-depth");
  deep = "<Patient xmlns=\"http://hl7.org/fhir\"><text><div xmlns=\"http://www.w3.org/1999/xhtml\">";
  for (int i = 0; i < 1'000'000; ++i) deep += "<p>";
  read = reader.read(deep, document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "xml-depth");
  ReadOptions options;
  options.limits.bytes = 50;
  read = reader.read(patient("<id value=\"1\"/>"), document, options);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "xml-size");
  options = {};
  options.limits.nodes = 3;
  EXPECT_TRUE(reader.read(patient("<id value=\"1\"/>"), document, options));
  read = reader.read(patient("<id value=\"1\"/><active value=\"true\"/>"), document, options);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "xml-size");
  std::string many;
  for (int i = 0; i < 17'000; ++i) many += "<x" + std::to_string(i) + "/>";
  read = reader.read(patient(many), document);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, "xml-size");
}

TEST(Xml, EveryTruncationIsRefused) {
  const std::string sample =
      "<?xml version=\"1.0\"?>" +
      patient(
          "<id value=\"&amp;\"/><!-- c --><text><div xmlns=\"http://www.w3.org/1999/xhtml\">"
          "<![CDATA[x]]>&#x41;</div></text>");
  const FewShapes shapes;
  XmlReader reader(shapes);
  Document document;
  ASSERT_TRUE(reader.read(sample, document));
  for (std::size_t length = 0; length < sample.size(); ++length) {
    EXPECT_FALSE(reader.read(std::string_view(sample).substr(0, length), document)) << length;
  }
}

TEST(Xml, PositionsAreThoseOfTheXml) {
  const std::string text = patient("\n  <name>\n    <family value=\"a&amp;b\"/><given value=\"x\"/></name>");
  const FewShapes shapes;
  XmlReader reader(shapes);
  Document document;
  ReadOptions options;
  options.own_text = true;
  options.base_offset = 100;
  options.base_line = 10;
  ASSERT_TRUE(reader.read(text, document, options));
  const NodeIndex name = document.member(0, "name") + 1;
  EXPECT_EQ(document.sourceOffset(name), 100 + text.find("<name"));
  EXPECT_EQ(document.position(name).line, 11U);
  EXPECT_EQ(document.position(name).column, 3U);
  const NodeIndex family = document.member(name, "family");
  EXPECT_EQ(document.scalar(family), "a&b");
  EXPECT_EQ(document.sourceOffset(family), 100 + text.find("a&amp;"));
  EXPECT_EQ(document.position(family).line, 12U);
  EXPECT_EQ(document.raw(name), "") << "the raw text is XML, not JSON";
}

// Pairs that their publisher wrote in both forms.
TEST(Xml, PublishedPairs) {
  if (packageShapes().empty() || !std::filesystem::exists(sharedFolder() / "conformance")) {
    GTEST_SKIP() << "skipped: package " << kPackage << " or ../shared/conformance is not there";
  }
  const auto conformance = sharedFolder() / "conformance";
  const std::vector<std::pair<std::filesystem::path, std::filesystem::path>> pairs = {
      {conformance / "fhirpath/input/patient-example.xml", packageFolder(kPackage) / "Patient-example.json"},
      {conformance / "fhirpath/input/questionnaire-example.xml",
       packageFolder(kPackage) / "Questionnaire-3141.json"},
  };
  JsonReader json_reader;
  XmlReader xml_reader(packageShapes());
  for (const auto& [xml_path, json_path] : pairs) {
    const auto xml = readFile(xml_path);
    const auto json = readFile(json_path);
    ASSERT_TRUE(xml && json) << xml_path;
    Document from_xml, from_json;
    ASSERT_TRUE(json_reader.read(*json, from_json));
    const auto read = xml_reader.read(*xml, from_xml);
    ASSERT_TRUE(read) << xml_path << ": " << read.error().text << " line " << read.error().line;
    EXPECT_EQ(tapeFault(from_xml), "");
    EXPECT_EQ(difference(from_json, from_xml), "") << xml_path;
  }
}

// JSON → XML (by the test's own writer) → the same JSON, for every example.
TEST(Xml, EveryExampleThroughXml) {
  if (packageShapes().empty()) GTEST_SKIP() << "skipped: package " << kPackage << " is not installed";
  JsonReader json_reader;
  XmlReader xml_reader(packageShapes());
  Document from_json, from_xml;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(packageFolder(kPackage))) {
    if (entry.path().extension() != ".json" || entry.file_size() > 200'000) continue;
    const auto text = readFile(entry.path());
    ASSERT_TRUE(text && json_reader.read(*text, from_json));
    if (packageShapes().resource(resourceType(from_json)) == kNoShape) continue;
    const std::string xml = toXml(from_json, packageShapes());
    const auto read = xml_reader.read(xml, from_xml);
    ASSERT_TRUE(read) << entry.path() << ": " << read.error().text << " column " << read.error().column;
    ASSERT_EQ(tapeFault(from_xml), "") << entry.path();
    ASSERT_EQ(difference(from_json, from_xml), "") << entry.path();
    ++files;
  }
  EXPECT_GT(files, 4000U);
  std::printf("%zu examples through XML and back\n", files);
}

}  // namespace
}  // namespace tributary::fhir
