#include "views/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fhir/bundle.h"
#include "fhir/json_reader.h"
#include "tests/views/case_file.h"
#include "views/internal/chain.h"
#include "views/row_writer.h"
#include "views/runner.h"

namespace tributary::views {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kView = R"json({
  "resourceType": "ViewDefinition", "name": "people", "url": "http://example.org/people", "status": "active",
  "resource": "Patient",
  "where": [{"path": "active.exists()"}, {"path": "active = true"}],
  "select": [
    {"column": [
      {"name": "id", "path": "id", "type": "id", "tag": [{"name": "ansi/type", "value": "CHARACTER VARYING"}]},
      {"name": "phone", "path": "telecom.where(system = 'phone').value", "description": "the phone"},
      {"name": "born", "path": "birthDate"}]},
    {"forEachOrNull": "name", "column": [
      {"name": "family", "path": "family"},
      {"name": "given", "path": "given", "collection": true}]}]
})json";

constexpr std::string_view kPatient = R"({"resourceType":"Patient","id":"p1","active":true,
  "telecom":[{"system":"email","value":"e"},{"system":"phone","value":"1,\"2"}],
  "name":[{"family":"Łódź","given":["a","b"]},{"family":"B"}]})";

struct Recorder final : RowSink {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::vector<std::string>>
      sources;  // text of the source nodes of each cell, conditions in brackets
  bool row(std::span<const Cell> cells) override {
    auto& texts = rows.emplace_back();
    auto& from = sources.emplace_back();
    for (const Cell& cell : cells) {
      texts.emplace_back(cell.isNull() ? "-" : cell.text);
      std::string names;
      for (const Source& source : cell.sources) {
        std::string name((*source.document).name(source.node));
        if (source.role != Source::Role::kResult) name = '(' + name + ')';
        names += (names.empty() ? "" : " ") + name;
      }
      from.push_back(names);
    }
    return true;
  }
};

class Views : public ::testing::Test {
 protected:
  void SetUp() override {
    definitions_ = testing::installedDefinitions();
    if (!definitions_)
      GTEST_SKIP() << "Skipped: the compiled definitions are not here (deploy/install makes them)";
    options_.definitions = definitions_.get();
    environment_.definitions = definitions_.get();
  }

  std::shared_ptr<const View> view(std::string_view json) {
    auto result = compile(json, options_);
    EXPECT_TRUE(result) << (result ? "" : result.error().front().render());
    return result ? *result : nullptr;
  }

  fhir::Document document(std::string_view json) {
    fhir::Document out;
    EXPECT_TRUE(fhir::JsonReader().read(json, out, {.own_text = true}));
    return out;
  }

  std::shared_ptr<const terminology::Definitions> definitions_;
  CompileOptions options_;
  fhirpath::Environment environment_;
};

TEST_F(Views, TellsItsColumns) {
  const auto v = view(kView);
  ASSERT_NE(v, nullptr);
  EXPECT_EQ(v->name(), "people");
  EXPECT_EQ(v->resource(), "Patient");
  ASSERT_EQ(v->columns().size(), 5U);
  EXPECT_EQ(v->columns()[0].type, "id");
  EXPECT_EQ(v->columns()[0].tags.front().second, "CHARACTER VARYING");
  EXPECT_EQ(v->columns()[1].description, "the phone");
  EXPECT_EQ(v->columns()[2].type, "date") << "inferred from the definitions";
  EXPECT_EQ(v->columns()[4].location, "select[1].column[1]");
  EXPECT_TRUE(v->columns()[4].collection);
  EXPECT_EQ(v->where().size(), 2U);
  EXPECT_TRUE(v->warnings().empty());
}

TEST_F(Views, OutcomeSaysWhatBecameOfAResource) {
  const auto v = view(kView);
  Runner runner(environment_);
  Recorder rows;
  const auto outcome = [&](std::string_view json) { return *runner.run(*v, document(json), rows); };
  EXPECT_EQ(outcome(kPatient).rows, 2U);
  EXPECT_TRUE(outcome(R"({"resourceType":"Group"})").other_type);
  EXPECT_EQ(outcome(R"({"resourceType":"Patient"})").filtered_by, 0);
  EXPECT_EQ(outcome(R"({"resourceType":"Patient","active":false})").filtered_by, 1);
  EXPECT_EQ(rows.rows.size(), 2U);
}

TEST_F(Views, ResourceOfABundleHasItsChoiceElements) {
  const auto v = view(R"json({"resource":"Observation","select":[{"column":[
    {"name":"value","path":"value.ofType(Quantity).value"}, {"name":"when","path":"effective.ofType(dateTime)"}]}]})json");
  const fhir::Document bundle =
      document(R"({"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Observation",
    "effectiveDateTime":"2020-01-01","valueQuantity":{"value":70.50}}}]})");
  const fhir::Bundle entries(bundle);
  Runner runner(environment_);
  Recorder rows;
  for (const fhir::BundleEntry& entry : entries) {
    ASSERT_TRUE(runner.run(*v, fhirpath::Value::node(bundle, entry.resource, terminology::kNoType), rows));
  }
  ASSERT_EQ(rows.rows.size(), 1U);
  EXPECT_EQ(rows.rows[0], (std::vector<std::string>{"70.50", "2020-01-01"}));
}

TEST_F(Views, LineageNamesTheElements) {
  const auto v = view(kView);
  Runner runner(environment_, {.lineage = true});
  Recorder rows;
  ASSERT_TRUE(runner.run(*v, document(kPatient), rows));
  ASSERT_EQ(rows.sources.size(), 2U);
  EXPECT_EQ(rows.sources[0][0], "id");
  EXPECT_THAT(rows.sources[0][1], HasSubstr("value"));
  EXPECT_THAT(rows.sources[0][1], HasSubstr("(system)"));
  EXPECT_FALSE(rows.sources[0][2].empty() && rows.rows[0][2] != "-")
      << "an empty cell names what was looked into";
  EXPECT_EQ(rows.sources[0][3], "family");
  Runner plain(environment_);
  Recorder without;
  ASSERT_TRUE(plain.run(*v, document(kPatient), without));
  EXPECT_EQ(without.sources[0][0], "");
}

TEST_F(Views, LineageOfASharedPartIsThatOfTheWhole) {
  const auto v = view(R"json({"resource":"Patient","select":[{"column":[
      {"name":"a","path":"telecom.where(system = 'phone').value"},
      {"name":"b","path":"telecom.where(system = 'phone').use"}]}]})json");
  options_.share_prefixes = false;
  const auto plain = view(R"json({"resource":"Patient","select":[{"column":[
      {"name":"a","path":"telecom.where(system = 'phone').value"},
      {"name":"b","path":"telecom.where(system = 'phone').use"}]}]})json");
  EXPECT_THAT(v->describe(), HasSubstr("shared 0"));
  EXPECT_THAT(plain->describe(), ::testing::Not(HasSubstr("shared")));
  Runner runner(environment_, {.lineage = true});
  Recorder a, b;
  const auto d = document(kPatient);
  ASSERT_TRUE(runner.run(*v, d, a));
  ASSERT_TRUE(runner.run(*plain, d, b));
  EXPECT_EQ(a.sources, b.sources);
  EXPECT_EQ(a.sources[0][0], "(system) (system) value");
}

TEST_F(Views, ProblemsOfDataAreIssues) {
  const auto v =
      view(R"({"name":"t","resource":"Patient","select":[{"column":[{"name":"f","path":"name.family"}]}]})");
  Runner runner(environment_);
  Recorder rows;
  const auto result = runner.run(*v, document(kPatient), rows);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().rule, "view-column-many");
  EXPECT_EQ(result.error().path, "t.f");
  EXPECT_THAT(result.error().remedy, HasSubstr("collection"));
  EXPECT_EQ(result.error().text.find("Łódź"), std::string::npos);
}

TEST_F(Views, RowsOfOneResourceAreLimited) {
  const auto v =
      view(R"({"resource":"Patient","select":[{"forEach":"name","column":[{"name":"f","path":"family"}]}]})");
  Runner runner(environment_, {.rows = 1});
  Recorder rows;
  const auto result = runner.run(*v, document(kPatient), rows);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().rule, "view-limit");
}

TEST_F(Views, RepeatThatNeverEndsIsStopped) {
  const auto v =
      view(R"({"resource":"Patient","select":[{"repeat":["$this"],"column":[{"name":"i","path":"id"}]}]})");
  Runner runner(environment_);
  Recorder rows;
  const auto result = runner.run(*v, document(kPatient), rows);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().rule, "view-limit");
}

TEST_F(Views, VariablesComeFromOutside) {
  options_.variables.push_back({"since", "System.Date", false});
  const auto v =
      view(R"({"resource":"Patient","select":[{"column":[{"name":"new","path":"birthDate > %since"}]}]})");
  ASSERT_NE(v, nullptr);
  Runner runner(environment_);
  const fhirpath::Value since = fhirpath::Value::date(*fhirpath::Temporal::parseDate("2000-01-01"));
  const fhirpath::NamedValue variables[] = {{"since", {&since, 1}}};
  runner.setVariables(variables);
  Recorder rows;
  ASSERT_TRUE(runner.run(*v, document(R"({"resourceType":"Patient","birthDate":"2001-01-01"})"), rows));
  EXPECT_EQ(rows.rows[0][0], "true");
}

TEST_F(Views, OneRunnerRunsManyViewsAndDocuments) {
  const auto a = view(kView);
  const auto b = view(R"({"resource":"Patient","select":[{"column":[{"name":"i","path":"id"}]}]})");
  Runner runner(environment_);
  Recorder rows;
  const auto d = document(kPatient);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(runner.run(*a, d, rows));
    ASSERT_TRUE(runner.run(*b, d, rows));
  }
  EXPECT_EQ(rows.rows.size(), 9U);
  EXPECT_EQ(rows.rows[2], std::vector<std::string>{"p1"});
}

TEST_F(Views, WritesRows) {
  const auto v = view(kView);
  Runner runner(environment_);
  const auto written = [&](RowFormat format) {
    std::string out;
    auto writer = RowWriter::make(format, *v, out);
    writer->begin();
    writer->mark();
    EXPECT_TRUE(runner.run(*v, document(kPatient), *writer));
    writer->mark();
    EXPECT_TRUE(runner.run(*v, document(kPatient), *writer));
    writer->rollback();
    writer->end();
    EXPECT_EQ(writer->rows(), 2U);
    return out;
  };
  EXPECT_EQ(written(RowFormat::kCsv),
            "id,phone,born,family,given\n"
            "p1,\"1,\"\"2\",,Łódź,\"[\"\"a\"\",\"\"b\"\"]\"\n"
            "p1,\"1,\"\"2\",,B,[]\n");
  EXPECT_EQ(
      written(RowFormat::kNdjson),
      "{\"id\":\"p1\",\"phone\":\"1,\\\"2\",\"born\":null,\"family\":\"Łódź\",\"given\":[\"a\",\"b\"]}\n"
      "{\"id\":\"p1\",\"phone\":\"1,\\\"2\",\"born\":null,\"family\":\"B\",\"given\":[]}\n");
  EXPECT_EQ(written(RowFormat::kTable),
            "id  phone  born  family  given\n"
            "--  -----  ----  ------  ---------\n"
            "p1  1,\"2         Łódź    [\"a\",\"b\"]\n"
            "p1  1,\"2         B       []\n");
}

TEST(CsvField, IsQuotedWhereverTheMarkStands) {
  for (const std::size_t length : {1U, 2U, 15U, 16U, 17U, 31U, 32U, 40U}) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const char mark : {',', '"', '\r', '\n'}) {
        std::string text(length, 'x');
        Cell cell;
        cell.kind = CellKind::kString;
        cell.text = text;
        std::string out;
        writeCellCsv(cell, out);
        EXPECT_EQ(out, text);
        text[at] = mark;
        out.clear();
        writeCellCsv(cell, out);
        EXPECT_EQ(out.front(), '"') << length << ' ' << at;
        EXPECT_EQ(out.size(), length + 2 + (mark == '"' ? 1 : 0));
      }
    }
  }
}

TEST(TableWriter, RollsBackAcrossTheRowsThatDecideTheWidths) {
  const auto v = compile(R"({"resource":"Patient","select":[{"column":[{"name":"i","path":"id"}]}]})", {});
  ASSERT_TRUE(v);
  std::string out;
  auto writer = RowWriter::make(RowFormat::kTable, **v, out);
  Cell cell, unwanted;
  cell.kind = unwanted.kind = CellKind::kString;
  cell.text = "x";
  unwanted.text = "y";
  writer->begin();
  for (int i = 0; i < 199; ++i) writer->row({&cell, 1});
  writer->mark();
  for (int i = 0; i < 5; ++i) writer->row({&unwanted, 1});
  writer->rollback();
  writer->end();
  EXPECT_EQ(writer->rows(), 199U);
  EXPECT_EQ(out.find('y'), std::string::npos);
  EXPECT_EQ(std::ranges::count(out, 'x'), 199);
}

TEST(TableWriter, CutsNothingThatIsOnlyLongerThanTheFirstRows) {
  const auto v = compile(R"({"resource":"Patient","select":[{"column":[{"name":"i","path":"id"}]}]})", {});
  ASSERT_TRUE(v);
  std::string out;
  auto writer = RowWriter::make(RowFormat::kTable, **v, out);
  Cell cell;
  cell.kind = CellKind::kString;
  writer->begin();
  for (int i = 0; i < 250; ++i) {
    const std::string text = i < 240 ? "x" : std::string(static_cast<std::size_t>(i - 200), 'y');
    cell.text = text;
    writer->row({&cell, 1});
  }
  writer->end();
  EXPECT_THAT(out, HasSubstr('\n' + std::string(40, 'y') + '\n'));
  EXPECT_THAT(out, HasSubstr('\n' + std::string(39, 'y') + "…\n"));
}

TEST_F(Views, ProblemsNameFileLineAndColumn) {
  options_.source_name = "view.json";
  const auto result = compile(
      "{\n  \"resource\": \"Patient\",\n  \"select\": [{\"column\": [{\"name\": \"a\", \"path\": "
      "\"name..x\"}]}]\n}",
      options_);
  ASSERT_FALSE(result);
  const Problem& problem = result.error().front();
  EXPECT_EQ(problem.issue.line, 3U);
  EXPECT_EQ(problem.issue.column, 54U);
  EXPECT_THAT(problem.render(), HasSubstr("view.json:3:54: error: "));
  EXPECT_THAT(problem.render(), HasSubstr("    name..x\n         ^"));
}

TEST_F(Views, AllProblemsAreToldAtOnce) {
  const auto result = compile(R"({"resource":"Patient","select":[{"column":[
      {"name":"a b","path":"id"},{"name":"c","path":"@@"},{"name":"d"}]}]})",
                              options_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().size(), 3U);
}

TEST_F(Views, WarnsOfWhatADatabaseWouldMixUp) {
  const auto v = view(R"({"resource":"Patient","select":[{"unionAll":[
      {"column":[{"name":"a","path":"birthDate"},{"name":"b","path":"gender"},{"name":"B","path":"id"}]},
      {"column":[{"name":"a","path":"active"},{"name":"b","path":"'x'"},{"name":"B","path":"id"}]}]}]})");
  ASSERT_EQ(v->warnings().size(), 2U);
  EXPECT_EQ(v->warnings()[0].issue.path, "select[0].unionAll[0].column[2].name");
  EXPECT_THAT(v->warnings()[0].issue.text, HasSubstr("differs from 'b'"));
  EXPECT_EQ(v->warnings()[1].issue.path, "select[0].unionAll[1].column[0].name");
  EXPECT_THAT(v->warnings()[1].issue.text, HasSubstr("has type boolean, in the first branch date"));
}

TEST_F(Views, WarnsAShareableViewOfFunctionsThatNotAllHave) {
  const auto v =
      view(R"json({"resource":"Patient","url":"https://example.org/v","name":"v","fhirVersion":["4.0.1"],
      "meta":{"profile":["http://hl7.org/fhir/uv/sql-on-fhir/StructureDefinition/ShareableViewDefinition"]},
      "select":[{"column":[{"name":"a","path":"name.first().given.join(' ')","type":"string"},
                           {"name":"b","path":"name.exists(family.matches('a'))","type":"boolean"}]}]})json");
  ASSERT_EQ(v->warnings().size(), 1U);
  EXPECT_EQ(v->warnings()[0].issue.path, "select[0].column[1].path");
  EXPECT_THAT(v->warnings()[0].issue.text, HasSubstr("not every runner of SQL-on-FHIR has matches()"));
}

TEST_F(Views, ACellWithoutAValueHasNoTextOfTheRowBefore) {
  const auto v = view(
      R"({"resource":"Patient","select":[{"forEach":"telecom","column":[{"name":"v","path":"value"},{"name":"i","path":"%rowIndex"}]}]})");
  Runner runner(environment_);
  std::string out;
  auto writer = RowWriter::make(RowFormat::kTable, *v, out);
  writer->begin();
  writer->mark();
  ASSERT_TRUE(runner.run(*v, document(R"({"resourceType":"Patient","telecom":[{"value":"1"},
      {"_value":{"extension":[{"url":"u","valueCode":"unknown"}]}}]})"),
                         *writer));
  writer->end();
  EXPECT_EQ(out, "v  i\n-  -\n1  0\n   1\n");
}

TEST_F(Views, WarnsOfARepeatThatFindsNothingAnywhere) {
  const auto v = view(R"({"resource":"QuestionnaireResponse","select":[
      {"repeat":["item","answer.item"],"column":[{"name":"a","path":"linkId"}]},
      {"repeat":["item","anser.item"],"column":[{"name":"b","path":"linkId"}]}]})");
  ASSERT_EQ(v->warnings().size(), 1U) << "answer is an element of an item, though not of the focus";
  EXPECT_EQ(v->warnings()[0].issue.path, "select[1].repeat[1]");
  EXPECT_THAT(v->warnings()[0].issue.text, HasSubstr("no element 'anser'"));
  options_.strict = true;
  EXPECT_FALSE(compile(
      R"({"resource":"Patient","select":[{"repeat":["contct"],"column":[{"name":"a","path":"id"}]}]})",
      options_));
}

TEST_F(Views, AVariableFromOutsideIsNoConstantToo) {
  options_.variables.push_back({"since", "System.Date", false});
  const auto result = compile(
      R"({"resource":"Patient","constant":[{"name":"since","valueDate":"2020"}],"select":[{"column":[{"name":"a","path":"%since"}]}]})",
      options_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().front().issue.path, "constant[0].name");
  EXPECT_THAT(result.error().front().issue.text, HasSubstr("given from outside"));
}

TEST(ViewJson, BrokenJsonIsAProblemWithItsPlace) {
  const auto result = compile("{\"resource\": \"Patient\",\n oops}", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().front().issue.rule, "view-json");
  EXPECT_EQ(result.error().front().issue.line, 2U);
}

TEST_F(Views, ManyUnknownNamesAreNotAllLookedFor) {
  std::string path = "id is A";
  for (int i = 0; i < 5000; ++i) path += " or id is A" + std::to_string(i);
  const auto result = compile(
      R"({"resource":"Patient","select":[{"column":[{"name":"a","path":")" + path + R"("}]}]})", options_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().size(), 20U);
}

TEST(ViewJson, MissingFileIsAProblem) {
  const auto result = compileFile("/nonexistent/view.json", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().front().issue.rule, "view-file");
}

TEST(SplitPath, TakesPathsOnly) {
  using internal::splitPath;
  EXPECT_EQ(splitPath("name.where(use = 'a.b').given").size(), 3U);
  EXPECT_EQ(splitPath("name[0].family").size(), 2U);
  EXPECT_EQ(splitPath("name.where(use = %contexts or use = %resource_2).given").size(), 3U);
  EXPECT_EQ(splitPath("name.given.first()").back().kind, internal::StepKind::kFirst);
  for (const char* other :
       {"a + b", "'a'", "$this", "a.where($this = 1)", "a.where(b = %context)", "a.where(b = %resource.c)",
        "a.where(b = %'resource'.c)", "a.where(b = %`rootResource`.c)", "a.", ".a", "", "a.where(b",
        "name[%i].x", "Patient.name", "a . b", "a.where($index = 0)", "a.where('b", "a // b"}) {
    EXPECT_TRUE(splitPath(other).empty()) << other;
  }
}

}  // namespace
}  // namespace tributary::views
