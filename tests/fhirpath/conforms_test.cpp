// conformsTo() and slice() against profiles of our own and of R4; cases in conforms/cases.txt.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "terminology/compile.h"
#include "tests/fhirpath/support.h"

namespace tributary::fhirpath {
namespace {

// R4 with the profiles of conforms/; nullptr without the package.
struct World {
  std::shared_ptr<const terminology::Definitions> definitions;
  std::shared_ptr<const terminology::Terminology> terminology;
};
const World& world() {
  static const World made = [] {
    World w;
    const char* cache = std::getenv("TRIBUTARY_CACHE");
    const std::filesystem::path r4 =
        (cache != nullptr ? std::filesystem::path(cache) : testing::sourceFolder() / ".cache") /
        "packages/hl7.fhir.r4.examples#4.0.1";
    if (!std::filesystem::exists(r4)) {
      std::printf("skipped: the package hl7.fhir.r4.examples is not in the cache\n");
      return w;
    }
    const std::filesystem::path sources[] = {r4, testing::sourceFolder() / "tests/fhirpath/conforms"};
    auto bytes = terminology::compileDefinitions(sources);
    if (!bytes) {
      ADD_FAILURE() << bytes.error().text;
      return w;
    }
    w.definitions = *terminology::Definitions::fromBytes(std::move(*bytes));
    w.terminology = *terminology::Terminology::load(w.definitions);
    return w;
  }();
  return made;
}

class Conforms : public ::testing::Test {
 protected:
  void SetUp() override {
    if (world().definitions == nullptr) GTEST_SKIP();
    environment_.definitions = world().definitions.get();
    environment_.terminology = world().terminology.get();
  }
  std::string evaluated(const std::string& expression, std::string_view json) {
    CompileOptions options;
    options.definitions = environment_.definitions;
    const auto program = compile(expression, options);
    if (!program) return "error: " + program.error().summary();
    if (evaluator_ == nullptr) evaluator_ = std::make_unique<Evaluator>(environment_);
    const auto document = testing::document(json);
    const auto values = evaluator_->evaluate(**program, evaluator_->root(*document));
    if (!values) return "error: " + values.error().text;
    std::string out;
    for (const Value& v : *values) {
      TextBuffer buffer;
      out += (out.empty() ? "" : " ") + std::string(text(v, buffer));
    }
    return out.empty() ? "nothing" : out;
  }

  Environment environment_;
  std::unique_ptr<Evaluator> evaluator_;
};

TEST_F(Conforms, Cases) {
  std::ifstream file(testing::sourceFolder() / "tests/fhirpath/conforms/cases.txt");
  std::string line, profile;
  int cases = 0;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("profile ")) {
      profile = line.substr(8);
      continue;
    }
    const auto arrow = line.rfind("  =>  ");
    ASSERT_NE(arrow, std::string::npos) << number;
    EXPECT_EQ(evaluated("conformsTo('" + profile + "')", line.substr(0, arrow)), line.substr(arrow + 6))
        << "cases.txt:" << number;
    ++cases;
  }
  EXPECT_GT(cases, 50);
}

constexpr const char* kTwo =
    R"({"resourceType":"Observation","status":"final","code":{"text":"c"},"performer":[{"reference":"Practitioner/1"}],)"
    R"("component":[{"id":"a","code":{"coding":[{"code":"top"}]},"valueInteger":1},{"id":"b","code":{"text":"other"}}]})";

TEST_F(Conforms, SliceGivesTheItemsThatBelong) {
  EXPECT_EQ(evaluated("component.slice('http://example.org/observation', 'top').id", kTwo), "a");
  EXPECT_NE(evaluated("component.slice('http://example.org/observation', 'low').id", kTwo)
                .find("no such slice: low"),
            std::string::npos);
  EXPECT_NE(evaluated("component.slice('http://example.org/none', 'top').id", kTwo).find("not known"),
            std::string::npos);
  // Told apart only by what a reference points to.
  EXPECT_NE(
      evaluated("performer.slice('http://example.org/observation', 'who')", kTwo).find("cannot be told"),
      std::string::npos);
}

TEST_F(Conforms, WithoutTerminologyBoundCodesCannotBeTold) {
  environment_.terminology = nullptr;
  EXPECT_EQ(evaluated("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')",
                      R"({"resourceType":"Patient","gender":"male"})"),
            "nothing");
  EXPECT_EQ(evaluated("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')",
                      R"({"resourceType":"Patient","birthDate":"2020"})"),
            "true");
}

// UK Core's own examples, each against the UK Core profile of its type: none may be found wrong but the two
// that are.
TEST(ConformsUkCore, ExamplesConform) {
  const auto definitions = testing::definitions();
  const char* cache = std::getenv("TRIBUTARY_CACHE");
  const std::filesystem::path package =
      (cache != nullptr ? std::filesystem::path(cache) : testing::sourceFolder() / ".cache") /
      "packages/fhir.r4.ukcore.staging#2.0.0-20250620/package/examples";
  if (definitions == nullptr || !std::filesystem::exists(package))
    GTEST_SKIP() << "Skipped: UK Core is not here";
  Environment environment;
  environment.definitions = definitions.get();
  environment.terminology = testing::localTerminology().get();
  Evaluator evaluator(environment);
  CompileOptions options;
  options.definitions = definitions.get();
  std::map<std::string, int> count;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(package)) {
    if (entry.path().extension() != ".json" || entry.path().filename() == "package.json") continue;
    fhir::Document document;
    fhir::ReadOptions own;
    own.own_text = true;
    if (!fhir::JsonReader().read(testing::fileText(entry.path()), document, own)) continue;
    const std::string_view type = document.resourceType();
    if (type == "StructureDefinition" || type == "ValueSet" || type == "CodeSystem" || type == "ConceptMap")
      continue;
    const std::string profile = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-" + std::string(type);
    if (definitions->resource(profile).empty()) {
      ++count["without a profile of their type"];
      continue;
    }
    const auto program = compile("conformsTo('" + profile + "')", options);
    const auto values = evaluator.evaluate(**program, evaluator.root(document));
    ASSERT_TRUE(values) << entry.path().filename() << " " << values.error().text;
    const bool told = !values->empty();
    // The first has valueCode and valueCodeableConcept: two values where one may be, and one of another type.
    // The second names "Organization/https://…/StructureDefinition/UKCore-Organization" where an Organization
    // may be.
    const bool wrong = entry.path().filename() == "Extension-UKCore-ConditionEpisode-Example.json" ||
                       entry.path().filename() == "UKCore-Provenance-RARecordConsent-Example.json";
    EXPECT_TRUE(!told || (*values)[0].asBoolean() != wrong) << entry.path().filename();
    ++count[!told ? "cannot be told" : (*values)[0].asBoolean() ? "conform" : "do not conform"];
  }
  for (const auto& [what, n] : count) std::printf("UK Core examples: %d %s\n", n, what.c_str());
  EXPECT_GT(count["conform"], 190);
}

TEST_F(Conforms, StaysWithinTheLimits) {
  environment_.limits.steps = 2000;
  std::string names;
  for (int i = 0; i < 2000; ++i) names += std::string(i > 0 ? "," : "") + R"({"text":"N"})";
  EXPECT_NE(evaluated("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')",
                      R"({"resourceType":"Patient","name":[)" + names + "]}")
                .find("too many steps"),
            std::string::npos);
}

TEST_F(Conforms, AProfileThatAsksForItselfEnds) {
  const std::string result =
      evaluated("conformsTo('http://example.org/asks-itself')", R"({"resourceType":"Patient"})");
  EXPECT_NE(result.find("nested too deeply"), std::string::npos) << result;
}

}  // namespace
}  // namespace tributary::fhirpath
