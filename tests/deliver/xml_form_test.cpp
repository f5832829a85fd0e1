#include <gtest/gtest.h>

#include "base/civil_time.h"
#include "base/file.h"
#include "base/hash.h"
#include "deliver/assembly.h"
#include "deliver/internal/xml_text.h"
#include "tests/net/test_certs.h"

namespace tributary::deliver {
namespace {

using testing::TestFolder;

const std::vector<TableLayout> kTables = {{"T001", {"A", "B", "C"}}, {"T002", {"X", "Y"}}, {"T003", {"Z", "W"}}};
const std::vector<Row> kRows = {
    {0, false, {"1", "a < b & \"c\" > d]]>", ""}},
    {0, true, {"9", "gone", ""}},
    {0, false, {"2", " tab\tline\r\nend ", "Zoë"}},
    {2, true, {"only", "deleted"}},
};

AssemblyOptions options(const TestFolder& folder, XmlLayout layout = {}) {
  AssemblyOptions out;
  out.form = FileForm::kXml;
  out.submission_id = "sub-1";
  out.collection = "test/1";
  out.window_from = *parseInstant("2026-03-01T00:00:00Z");
  out.window_to = *parseInstant("2026-03-02T00:00:00Z");
  out.generated = *parseInstant("2026-03-02T01:00:00Z");
  out.folder = folder.path();
  out.xml = std::make_shared<const XmlLayout>(std::move(layout));
  return out;
}

RowSource rows(std::vector<Row> list) {
  return [list = std::move(list), at = std::size_t{0}](Row& row) mutable -> Result<bool> {
    if (at == list.size()) return false;
    row = list[at++];
    return true;
  };
}

std::string written(XmlLayout layout, const std::vector<Row>& list = kRows) {
  const TestFolder folder;
  const auto file = assemble(options(folder, std::move(layout)), kTables, rows(list));
  return file ? readFile(file->submission.file).value() : "error: " + file.error().text;
}

TEST(XmlForm, RowsInTheirTablesWithdrawnOnesLastAndAManifest) {
  const TestFolder folder;
  const auto file = assemble(options(folder), kTables, rows(kRows));
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->submission.content_type, "application/xml");
  EXPECT_EQ(file->submission.file, folder.path() / "sub-1.xml");
  EXPECT_TRUE(file->issues.empty());
  const std::string body =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Submission>\n"
      "<T001><A>1</A><B>a &lt; b &amp; \"c\" &gt; d]]&gt;</B></T001>\n"
      "<T001><A>2</A><B> tab\tline&#13;\nend </B><C>Zoë</C></T001>\n"
      "<T001 action=\"delete\"><A>9</A><B>gone</B></T001>\n"
      "<T003 action=\"delete\"><Z>only</Z><W>deleted</W></T003>\n";
  EXPECT_EQ(readFile(file->submission.file).value(),
            body +
                "<Manifest submissionId=\"sub-1\" collection=\"test/1\" from=\"2026-03-01T00:00:00.000Z\" "
                "to=\"2026-03-02T00:00:00.000Z\" mode=\"window\" generated=\"2026-03-02T01:00:00.000Z\" rows=\"4\" sha256=\"" +
                sha256Hex(body) +
                "\">\n<Table name=\"T001\" upserts=\"2\" deletes=\"1\"/>\n<Table name=\"T003\" upserts=\"0\" deletes=\"1\"/>\n"
                "</Manifest>\n</Submission>\n");
  EXPECT_EQ(file->submission.sha256, sha256Hex(readFile(file->submission.file).value()));
}

TEST(XmlForm, TheLayoutSaysNamesGroupsOrderAndEmptyCells) {
  const auto layout = parseXmlLayout(R"({
    "root": "Return", "namespace": "urn:x", "rootAttributes": {"of": "{collection} <{submissionId}>"}, "group": "{table}Rows",
    "row": "Row", "empty": "nil", "deletedAttribute": "status", "deletedValue": "gone", "manifest": "",
    "order": ["T003"], "names": {"T001": "Person", "T001.A": "Number"}})",
                                     "layout.json");
  ASSERT_TRUE(layout) << layout.error().text;
  EXPECT_EQ(written(*layout, {{2, true, {"only", ""}}, {0, false, {"1", "b", ""}}}),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<Return xmlns=\"urn:x\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" of=\"test/1 &lt;sub-1&gt;\">\n"
            "<T003Rows>\n<Row status=\"gone\"><Z>only</Z><W xsi:nil=\"true\"/></Row>\n</T003Rows>\n"
            "<PersonRows>\n<Row><Number>1</Number><B>b</B><C xsi:nil=\"true\"/></Row>\n</PersonRows>\n"
            "</Return>\n");
  XmlLayout attributes;
  attributes.fields = XmlLayout::Fields::kAttributes;
  attributes.manifest.clear();
  EXPECT_EQ(written(attributes, {{0, false, {"1", "\"a\"\n\t", ""}}}),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Submission>\n<T001 A=\"1\" B=\"&quot;a&quot;&#10;&#9;\"/>\n</Submission>\n");
}

TEST(XmlForm, WhatXmlCannotCarryIsReplacedAndToldOrRefused) {
  const std::vector<Row> hostile = {{0, false, {"1", std::string_view("a\0b\x01", 4), "\xFF"}},
                                    {0, false, {"2", "\xED\xA0\x80", "\xEF\xBF\xBF"}}};
  const TestFolder folder;
  const auto file = assemble(options(folder), kTables, rows(hostile));
  ASSERT_TRUE(file) << file.error().text;
  const std::string text = readFile(file->submission.file).value();
  EXPECT_NE(text.find("<B>a\xEF\xBF\xBD" "b\xEF\xBF\xBD</B><C>\xEF\xBF\xBD</C>"), std::string::npos) << text;
  ASSERT_EQ(file->issues.size(), 2U);
  EXPECT_EQ(file->issues[0].path, "T001.B");
  EXPECT_EQ(file->issues[0].text, "2 cells hold characters that XML cannot carry; each was replaced by U+FFFD");

  XmlLayout strict;
  strict.replace_illegal = false;
  EXPECT_EQ(written(strict, hostile), "error: T001.B of row 1 holds a character that XML cannot carry");
  XmlLayout no_deletes;
  no_deletes.delete_attribute.clear();
  EXPECT_EQ(written(no_deletes, {{0, true, {"1", "", ""}}}),
            "error: T001 has withdrawn rows, and the XML layout has no 'deletedAttribute' to say so");
}

TEST(XmlForm, TheBytesOfUtf8AreCheckedOneByOne) {
  const auto legal = [](std::string_view text) {
    std::string out;
    return appendXmlText(out, text, false);
  };
  for (const std::string_view good : {"\t\n\r ~", "\xC2\x80", "\xEF\xBF\xBD", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBD", "\xEE\x80\x80"}) {
    EXPECT_TRUE(legal(good)) << good;
  }
  for (const std::string_view bad : {"\x0B", "\xC0\x80", "\xE0\x80\x80", "\xED\xBF\xBF", "\xEF\xBF\xBE", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80"}) {
    EXPECT_FALSE(legal(bad)) << bad;
  }
}

TEST(XmlForm, FaultsOfALayoutAreToldAtOnceWithTheirLines) {
  const auto broken = parseXmlLayout("{\n\"root\": \"1st\",\n\"fields\": \"cells\",\n\"colour\": \"red\",\n\"order\": \"T001\"\n}", "forms/xml.json");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().text,
            "forms/xml.json:2: '1st' cannot be the name of an element or attribute; forms/xml.json:3: 'cells' is none of elements, "
            "attributes; forms/xml.json:4: there is no member 'colour' in an XML layout; forms/xml.json:5: this must be a list of tables");
  EXPECT_FALSE(parseXmlLayout("{", "x"));

  XmlLayout unknown, twice;
  unknown.names["T009"] = "X";
  EXPECT_EQ(written(unknown), "error: the XML layout names 'T009', which is no table or column of the submission");
  twice.names["T001.A"] = "B";
  EXPECT_EQ(written(twice), "error: two columns of T001 would be called 'B' in XML");
}

TEST(XmlForm, TheShippedLayoutsAreRight) {
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TRIBUTARY_SOURCE_DIR "/fhir-mappings")) {
    if (entry.path().filename() != "xml.json" || entry.path().parent_path().filename() != "forms") continue;
    const auto layout = readXmlLayout(entry.path());
    EXPECT_TRUE(layout) << layout.error().text;
    ++seen;
  }
  EXPECT_GE(seen, 1U);
}

}  // namespace
}  // namespace tributary::deliver
