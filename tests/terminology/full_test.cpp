// Over all installed packages; skipped where they are not.
#include <chrono>

#include "tests/terminology/support.h"

namespace tributary::terminology::test {
namespace {

TEST(FullDefinitions, TypesOfR4) {
  REQUIRE_FULL_DEFINITIONS(definitions);
  const auto type = [&](std::string_view name) { return definitions->findType(name); };
  std::size_t resources = 0;
  for (TypeId id = 1; id < definitions->typeCount(); ++id) {
    if (definitions->typeKind(id) == TypeKind::kResource) ++resources;
    for (const Element& element : definitions->elements(id)) {
      EXPECT_NE(element.type, kNoType)
          << definitions->typeName(id) << "." << definitions->elementName(element);
    }
  }
  EXPECT_EQ(resources, 148U);  // with Resource and DomainResource
  EXPECT_TRUE(definitions->isA(type("Patient"), type("DomainResource")));
  EXPECT_TRUE(definitions->isA(type("Age"), type("FHIR.Quantity")));
  EXPECT_FALSE(definitions->isA(type("Bundle"), type("DomainResource")));
  EXPECT_EQ(definitions->path(type("Observation"), "value").size(), 11U);
  EXPECT_EQ(definitions->path(type("Extension"), "value").size(), 50U);
  const Element& component = definitions->path(type("Observation.component"), "referenceRange").front();
  EXPECT_EQ(definitions->typeName(component.type), "Observation.referenceRange");
  EXPECT_TRUE(component.repeats);
  EXPECT_EQ(definitions->path(type("Patient"), "birthDate").front().type, type("date"));
  EXPECT_EQ(definitions->systemType(type("instant")), type("System.DateTime"));
  EXPECT_EQ(definitions->systemType(type("unsignedInt")), type("System.Integer"));
}

TEST(FullDefinitions, ConformanceResources) {
  REQUIRE_FULL_DEFINITIONS(definitions);
  EXPECT_FALSE(definitions->resource("http://hl7.org/fhir/CompartmentDefinition/patient").empty());
  EXPECT_GT(definitions->canonicals("SearchParameter").size(), 1300U);
  EXPECT_TRUE(
      definitions->resource("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1").starts_with("{"));
}

TEST(FullDefinitions, TerminologyOfR4) {
  REQUIRE_FULL_DEFINITIONS(definitions);
  const auto terminology = Terminology::load(definitions).value();
  const auto member = [&](std::string_view set, std::string_view system, std::string_view code) {
    return terminology->memberOf(set, {system, code, {}, {}});
  };
  constexpr std::string_view kGender = "http://hl7.org/fhir/ValueSet/administrative-gender";
  EXPECT_EQ(member(kGender, "http://hl7.org/fhir/administrative-gender", "female"), Verdict::kYes);
  EXPECT_EQ(member(kGender, "", "female"), Verdict::kYes);
  EXPECT_EQ(member(kGender, "", "woman"), Verdict::kNo);
  EXPECT_EQ(member("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", "", "male"), Verdict::kYes);
  EXPECT_EQ(member("http://hl7.org/fhir/ValueSet/condition-code", "http://snomed.info/sct", "404684003"),
            Verdict::kUnknown);
  constexpr std::string_view kActCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
  EXPECT_EQ(terminology->subsumes(kActCode, "_ActEncounterCode", "AMB"), Verdict::kYes);
  EXPECT_EQ(terminology->subsumes(kActCode, "AMB", "_ActEncounterCode"), Verdict::kNo);
  EXPECT_EQ(member("http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", kActCode, "AMB"),
            Verdict::kYes);
  EXPECT_EQ(terminology->display(kActCode, "AMB"), "ambulatory");
  bool found = false;
  const auto gender =
      terminology->translate("http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3",
                             {"http://hl7.org/fhir/administrative-gender", "female", {}, {}}, &found);
  ASSERT_TRUE(gender) << gender.error().text;
  EXPECT_TRUE(found);
  ASSERT_EQ(gender->size(), 1U);
  EXPECT_EQ(gender->front().code, "F");
}

// A command starts at once: a mapped file is opened in milliseconds, not parsed. Wide of the mark on purpose
// (the figure itself is printed), so that a busy machine does not fail it.
TEST(FullDefinitions, OpensAtOnce) {
  REQUIRE_FULL_DEFINITIONS(warm);
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto opened = Definitions::open(cacheFolder() / "definitions.bin");
  const auto terminology = Terminology::load(opened.value());
  const std::chrono::duration<double, std::milli> took = Clock::now() - start;
  ASSERT_TRUE(terminology);
  std::printf("definitions and terminology open in %.3f ms\n", took.count());
  EXPECT_LT(took.count(), 50.0);
}

}  // namespace
}  // namespace tributary::terminology::test
