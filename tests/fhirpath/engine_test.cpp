// The engine's interface: scopes, bindings, limits, listeners, references, diagnostics.
#include "tests/fhirpath/support.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

namespace tributary::fhirpath {
namespace {

class Engine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing::definitions() == nullptr) GTEST_SKIP();
    environment_.definitions = testing::definitions().get();
    environment_.terminology = testing::localTerminology().get();
  }

  std::shared_ptr<const Program> compiled(std::string_view expression, CompileOptions options = {}) {
    options.definitions = testing::definitions().get();
    if (options.context_type.empty()) options.context_type = "Patient";
    auto program = compile(expression, options);
    EXPECT_TRUE(program) << (program ? "" : program.error().render());
    return program ? *program : nullptr;
  }
  std::string run(Evaluator& evaluator, const Program& program, const fhir::Document& d,
                  const Bindings& bindings = {}) {
    const auto result = evaluator.evaluate(program, evaluator.root(d), bindings);
    return result ? testing::shown(*result) : "error: " + result.error().text;
  }

  Environment environment_;
  std::unique_ptr<fhir::Document> patient_ = testing::document(
      R"({"resourceType":"Patient","id":"p","name":[{"use":"official","given":["A","B"]},{"given":["C"]}],)"
      R"("managingOrganization":{"reference":"Organization/o"},"multipleBirthInteger":2})");
};

TEST_F(Engine, ResultsStayGoodInAScope) {
  Evaluator evaluator(environment_);
  const auto names = compiled("name");
  CompileOptions options;
  options.context_type = "HumanName";
  const auto given = compiled("given.first() & '!'", options);
  std::string all;
  const Evaluator::Scope scope(evaluator);
  const auto items = evaluator.evaluate(*names, evaluator.root(*patient_));
  ASSERT_TRUE(items);
  for (const Value& item : *items) {
    const Evaluator::Scope inner(evaluator);
    const auto text = evaluator.evaluate(*given, item);
    ASSERT_TRUE(text);
    all += (*text)[0].view();
  }
  EXPECT_EQ(all, "A!C!");
}

TEST_F(Engine, StaticTypes) {
  const auto& d = *testing::definitions();
  EXPECT_EQ(compiled("birthDate")->resultType().types, std::vector{d.findType("date")});
  EXPECT_FALSE(compiled("birthDate")->resultType().many);
  EXPECT_TRUE(compiled("name.given")->resultType().many);
  EXPECT_FALSE(compiled("name.given.first()")->resultType().many);
  EXPECT_EQ(compiled("name.exists()")->resultType().types, std::vector{d.findType("System.Boolean")});
  EXPECT_EQ(compiled("deceased")->resultType().types.size(), 2U);
  EXPECT_TRUE(compiled("nothing")->resultType().never);
  EXPECT_TRUE(compiled("resolve()")->resultType().types.empty());
}

TEST_F(Engine, TellsWhatItCallsAndUses) {
  const auto named = [](std::span<const Mention> mentions) {
    std::string out;
    for (const Mention& m : mentions) out += m.name + '@' + std::to_string(m.offset) + ' ';
    return out;
  };
  CompileOptions options;
  options.constants = {{"use", "code", "official"}};
  // Blanks, comments, arguments, folded parts; texts and delimited names are no calls.
  const auto program = compiled(
      "(link.other | $this)|resolve () | name.where(use = %use and 'first()' = 'x'.lower()).`exists` | "
      "iif(false, %`y`, %context).count /* skip() */ (  )",
      options);
  EXPECT_EQ(named(program->functionsCalled()), "resolve@21 lower@76 where@39 iif@96 count@123 ");
  EXPECT_EQ(named(program->variablesUsed()), "use@51 y@107 context@113 ");
  EXPECT_EQ(named(program->variablesUnknown()), "y@107 ");
  EXPECT_EQ(program->lastFunction(), "");
  EXPECT_EQ(compiled("name.given . join ( ',' )")->lastFunction(), "join");
  EXPECT_EQ(compiled("name.first().given")->lastFunction(), "");
  EXPECT_EQ(compiled("name.select(defineVariable('a', given).select(%a))")->variablesUnknown().size(), 0U);
}

TEST_F(Engine, VariablesAndConstants) {
  CompileOptions options;
  options.variables = {{"who", "System.String", false}, {"list", "", true}};
  options.constants = {{"use", "code", "official"}, {"n", "integer", "1"}};
  const auto program = compiled(
      "name.where(use = %use).given[%n] & %who & %list.count().toString() & %rowIndex.toString()", options);
  EXPECT_EQ(program->variables().size(), 2U);
  Evaluator evaluator(environment_);
  const Value who[] = {Value::string("W")};
  const Value list[] = {Value::integer(1), Value::integer(2)};
  const NamedValue bound[] = {{"who", who}, {"list", list}};
  Bindings bindings;
  bindings.variables = bound;
  bindings.row_index = 7;
  EXPECT_EQ(run(evaluator, *program, *patient_, bindings), "String:BW27");
  EXPECT_NE(run(evaluator, *program, *patient_).find("error"), std::string::npos);
}

TEST_F(Engine, TheFocusMayBeOfAnotherType) {
  const auto program = compiled("name.given");
  Evaluator evaluator(environment_);
  const auto other = testing::document(R"({"resourceType":"Organization","name":"Org"})");
  EXPECT_EQ(run(evaluator, *program, *other), "");
  const auto any = compiled("id | name.given | status");
  const auto observation = testing::document(R"({"resourceType":"Observation","id":"o","status":"final"})");
  EXPECT_EQ(run(evaluator, *any, *observation), "id:o code:final");
}

class Held : public Resolver {
 public:
  explicit Held(const fhir::Document& document) : document_(document) {}
  std::optional<Value> resolve(std::string_view reference, const Value&) const override {
    if (reference != "Organization/o") return std::nullopt;
    return Value::node(document_, document_.root(), terminology::kNoType);
  }

 private:
  const fhir::Document& document_;
};

TEST_F(Engine, ResolvesOutside) {
  const auto organization = testing::document(R"({"resourceType":"Organization","id":"o","name":"Org"})");
  const Held held(*organization);
  environment_.resolver = &held;
  Evaluator evaluator(environment_);
  EXPECT_EQ(run(evaluator, *compiled("managingOrganization.resolve().ofType(Organization).name"), *patient_),
            "string:Org");
}

TEST_F(Engine, ResolvesInABundle) {
  const auto bundle = testing::document(
      R"({"resourceType":"Bundle","entry":[)"
      R"({"fullUrl":"http://a/fhir/Patient/1","resource":{"resourceType":"Patient","id":"1","link":[{"other":{"reference":"Patient/2"}},{"other":{"reference":"urn:uuid:3"}}]}},)"
      R"({"fullUrl":"http://b/fhir/Patient/2","resource":{"resourceType":"Patient","id":"2","gender":"male"}},)"
      R"({"fullUrl":"http://a/fhir/Patient/2","resource":{"resourceType":"Patient","id":"2","gender":"female"}},)"
      R"({"fullUrl":"urn:uuid:3","resource":{"resourceType":"Patient","id":"3","gender":"other"}}]})");
  CompileOptions options;
  options.context_type = "Bundle";
  Evaluator evaluator(environment_);
  EXPECT_EQ(run(evaluator, *compiled("entry.resource.ofType(Patient).link.other.resolve().gender", options),
                *bundle),
            "code:female code:other");
  EXPECT_EQ(run(evaluator, *compiled("entry.resource.select(%resource.type)", options), *bundle), "");
}

TEST_F(Engine, Limits) {
  environment_.limits.steps = 20'000;
  environment_.limits.memory = 1 << 20;
  environment_.limits.results = 1000;
  Evaluator evaluator(environment_);
  const auto stopped = [&](std::string_view expression) {
    const auto result = evaluator.evaluate(*compiled(expression), evaluator.root(*patient_));
    return !result && result.error().code == ErrorCode::kLimit;
  };
  EXPECT_FALSE(stopped("name.repeat($this)"));  // ends: the items are equal
  EXPECT_TRUE(stopped("repeatAll($this)"));
  EXPECT_TRUE(stopped("name.given.repeat($this & 'x')"));
  EXPECT_TRUE(stopped("name.given.first().select($this & $this).repeat($this & $this)"));
  EXPECT_TRUE(
      stopped("'aaaaaaaaaa'.repeat(iif($this.length() < 100000000, $this.replace('a', 'aaaaaaaaaa'), {}))"));
  // The evaluator is as good as new.
  EXPECT_EQ(run(evaluator, *compiled("id"), *patient_), "id:p");
}

TEST_F(Engine, LimitsOfTheExpression) {
  CompileOptions options;
  options.definitions = testing::definitions().get();
  std::string deep(5000, '(');
  deep += "1" + std::string(5000, ')');
  auto failed = compile(deep, options);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().limit);
  failed = compile(std::string(5000, '-') + "1", options);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().limit);
  std::string sum = "1";
  for (int i = 0; i < 5000; ++i) sum += "+1";
  failed = compile(sum, options);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().limit);
  options.max_length = 10;
  failed = compile("name.given.first()", options);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().limit);
  // Long, but flat: all is well.
  options.max_length = 1 << 20;
  std::string flat = "true";
  for (int i = 0; i < 10000; ++i) flat += " and true";
  EXPECT_TRUE(compile(flat, options));
  std::string path = "name";
  for (int i = 0; i < 10000; ++i) path += ".first()";
  EXPECT_TRUE(compile(path, options));
}

TEST_F(Engine, TheDeepestExpressionRuns) {
  Evaluator evaluator(environment_);
  std::string sum = "1";
  for (int i = 0; i < 1000; ++i) sum += "+%rowIndex";
  EXPECT_EQ(run(evaluator, *compiled(sum), *patient_), "Integer:1");
  std::string nested = "1";
  for (int i = 0; i < 250; ++i) nested = "iif(name.exists(), " + nested + ", 2)";
  EXPECT_EQ(run(evaluator, *compiled(nested), *patient_), "Integer:1");
  nested = "id";
  for (int i = 0; i < 250; ++i) nested = "name.first().select(" + nested + ")";
  EXPECT_EQ(run(evaluator, *compiled(nested), *patient_), "");
}

TEST_F(Engine, RegularExpressionsAreBounded) {
  Evaluator evaluator(environment_);
  EXPECT_EQ(run(evaluator, *compiled("('" + std::string(30, 'a') + "').matches('^(a+)+$!')"), *patient_),
            "Boolean:false");
  const std::string result =
      run(evaluator, *compiled("id.matches('((a{1,1000}){1,1000}){1,1000}')"), *patient_);
  EXPECT_NE(result.find("regular expression"), std::string::npos) << result;
}

// Under the default limits, as the commands have them: each ends, with a result or the word of a limit.
TEST_F(Engine, HostileExpressionsEndInTime) {
  Evaluator evaluator(environment_);
  std::string wide = R"({"resourceType":"Patient","name":[)";
  for (int i = 0; i < 300; ++i) wide += std::string(i > 0 ? "," : "") + R"({"given":["a","b"],"family":"f"})";
  const auto patient = testing::document(wide + "]}");
  int limits = 0;
  for (const char* const expression :
       {"repeatAll($this)", "name.given.repeat($this & 'x')", "'a'.repeat($this & $this)",
        "descendants().descendants().descendants()",
        "name.select(%resource.name.select(%resource.name.select(%resource.name.given)))",
        "name.where(%resource.name.where(%resource.name.where(given = 'no').exists()).exists())",
        "name.given.aggregate($total & $total & $this, 'a').length()",
        "name.given.select(%resource.descendants()).distinct()",
        "name.given.join('x').replace('x', %resource.name.given.join('yyyyyyyy')).replace('y', "
        "%resource.name.given.join('z'))",
        "name.given.sort(%resource.name.given.sort().first())", "(2).power(1000000)",
        "(10).power(9999999).power(9999999)",
        "name.given.join('a').replaceMatches('(.*)*', '$1$1$1$1$1$1$1$1')",
        "name.given.combine(name.given).combine(name.given).sort(-$this)",
        "conformsTo('http://hl7.org/fhir/StructureDefinition/Patient').repeat(%resource.conformsTo('http://"
        "hl7.org/fhir/StructureDefinition/Patient'))"}) {
    const auto start = std::chrono::steady_clock::now();
    const auto program = compiled(expression);
    ASSERT_NE(program, nullptr) << expression;
    const auto result = evaluator.evaluate(*program, evaluator.root(*patient));
    if (!result && result.error().code == ErrorCode::kLimit) ++limits;
    // Seconds are generous: a slow machine must pass, and what does not end must not.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60)) << expression;
  }
  EXPECT_GE(limits, 3);
  std::string peak;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) peak = line.substr(6);
  }
  EXPECT_LT(std::atol(peak.c_str()), 2'000'000) << "kB resident at most";
}

class Heard : public VisitListener {
 public:
  void visited(const Value& node, Role role) override {
    log += (role == Role::kCondition ? "?" : "=") + std::string(node.view()) + " ";
  }
  std::string log;
};

TEST_F(Engine, LineageHearsWhatWasRead) {
  Evaluator evaluator(environment_);
  Heard heard;
  evaluator.setVisitListener(&heard);
  EXPECT_EQ(run(evaluator, *compiled("name.where(use = 'official').given.first() & '-' & id"), *patient_),
            "String:A-p");
  EXPECT_EQ(heard.log, "?official =A =p ");
  heard.log.clear();
  EXPECT_EQ(run(evaluator, *compiled("name.where(use = 'official').given"), *patient_), "string:A string:B");
  EXPECT_EQ(heard.log, "?official ");
}

class Traced : public TraceListener {
 public:
  bool steps() const override { return true; }
  void traced(std::string_view name, std::span<const Value> values) override {
    log += std::string(name) + "=" + testing::shown(values) + ";";
  }
  void step(const Step& step) override {
    const auto [offset, length, depth, kind, values] = step;
    steps_seen.push_back({offset, length, values.size()});
  }
  struct Seen {
    std::size_t offset, length, count;
  };
  std::string log;
  std::vector<Seen> steps_seen;
};

TEST_F(Engine, TraceHearsEachStep) {
  Evaluator evaluator(environment_);
  Traced traced;
  evaluator.setTraceListener(&traced);
  EXPECT_EQ(run(evaluator, *compiled("name.given.trace('g').count()"), *patient_), "Integer:3");
  EXPECT_EQ(traced.log, "g=string:A string:B string:C;");
  const bool given = std::any_of(traced.steps_seen.begin(), traced.steps_seen.end(), [](const auto& s) {
    return s.offset == 5 && s.length == 5 && s.count == 3;
  });
  EXPECT_TRUE(given);
}

TEST_F(Engine, TestIsSingletonEvaluation) {
  Evaluator evaluator(environment_);
  const auto test = [&](std::string_view e) {
    return evaluator.test(*compiled(e), evaluator.root(*patient_));
  };
  EXPECT_EQ(*test("name.exists()"), true);
  EXPECT_EQ(*test("active"), std::nullopt);
  EXPECT_EQ(*test("id"), true);
  EXPECT_FALSE(test("name"));
}

TEST_F(Engine, DiagnosticsPoint) {
  CompileOptions options;
  options.definitions = testing::definitions().get();
  options.context_type = "Patient";
  options.strict = true;
  options.source_name = "view.json";
  const auto failed = compile("name\n\t.where(usee = 'x')", options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().render(),
            "view.json:2:9: semantic error: HumanName has no element 'usee'; did you mean 'use'?\n"
            "  \t.where(usee = 'x')\n"
            "  \t       ^~~~");
}

// A carriage return ends no line of its own, in a line that is cut as little as in a short one; and nothing
// of an expression moves the cursor of a terminal.
TEST_F(Engine, DiagnosticsPointBehindControlCharacters) {
  for (const std::size_t before : {std::size_t{3}, std::size_t{300}}) {
    const std::string expression =
        "name" + std::string(before, ' ') + "\r\r" + std::string(400, ' ') + "]\x1b[2J";
    const auto program = compile(expression, {});
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().line, 1U);
    EXPECT_EQ(program.error().column, 4 + before + 2 + 400 + 1);
    EXPECT_EQ(program.error().source_line.find_first_of("\r\x1b"), std::string::npos);
    EXPECT_EQ(program.error().source_line.at(program.error().column_in_line - 1), ']');
  }
  const auto windows = compile("name\r\n  .]\r\n", {});
  ASSERT_FALSE(windows);
  EXPECT_EQ(windows.error().line, 2U);
  EXPECT_EQ(windows.error().source_line, "  .]");
}

TEST_F(Engine, ErrorsHoldNoPatientData) {
  Evaluator evaluator(environment_);
  const auto secret =
      testing::document(R"({"resourceType":"Patient","id":"9990001234","birthDate":"1980-02-03"})");
  for (const char* expression : {"id + 1", "birthDate.single() * 2", "id.encode(id)", "-id", "birthDate < 5",
                                 "id.matches('(' + id)"}) {
    const std::string result = run(evaluator, *compiled(expression), *secret);
    EXPECT_EQ(result.find("999000"), std::string::npos) << result;
    EXPECT_EQ(result.find("1980"), std::string::npos) << result;
  }
}

TEST_F(Engine, TerminologyFunctions) {
  Evaluator evaluator(environment_);
  EXPECT_EQ(
      run(evaluator, *compiled("('male').memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"),
          *patient_),
      "Boolean:true");
  EXPECT_EQ(run(evaluator, *compiled("('x').memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"),
                *patient_),
            "Boolean:false");
  EXPECT_EQ(run(evaluator,
                *compiled("%terminologies.validateVS('http://hl7.org/fhir/ValueSet/administrative-gender', "
                          "'male').parameter.value"),
                *patient_),
            "boolean:true");
  EXPECT_EQ(run(evaluator,
                *compiled("%terminologies.expand('http://hl7.org/fhir/ValueSet/"
                          "administrative-gender').expansion.contains.code.count()"),
                *patient_),
            "Integer:4");
}

TEST(WithoutDefinitions, NamesAreJsonNames) {
  CompileOptions options;
  auto program = compile("name.where(use = 'official').given.first()", options);
  ASSERT_TRUE(program);
  const auto d = testing::document(R"({"resourceType":"Patient","name":[{"use":"official","given":["A"]}]})");
  Evaluator evaluator{Environment{}};
  const auto result = evaluator.evaluate(**program, evaluator.root(*d));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->size(), 1U);
  EXPECT_EQ((*result)[0].view(), "A");
}

}  // namespace
}  // namespace tributary::fhirpath
