#include <algorithm>

#include "terminology/element_shapes.h"
#include "tests/terminology/support.h"

namespace tributary::terminology::test {
namespace {

class SmallTypes : public ::testing::Test {
 protected:
  TypeId type(std::string_view name) const {
    const TypeId id = definitions_->findType(name);
    EXPECT_NE(id, kNoType) << name;
    return id;
  }
  const Element* member(std::string_view owner, std::string_view name) const {
    return definitions_->element(type(owner), fhir::findName(name));
  }
  std::shared_ptr<const Definitions> definitions_ = smallDefinitions();
};

TEST_F(SmallTypes, NamesAreFoundInTheirNamespaces) {
  EXPECT_EQ(type("Questionnaire"), type("FHIR.Questionnaire"));
  EXPECT_EQ(type("Questionnaire"), type("http://hl7.org/fhir/StructureDefinition/Questionnaire"));
  EXPECT_EQ(type("String"), type("System.String"));
  EXPECT_NE(type("string"), type("String"));
  EXPECT_NE(type("Quantity"), type("System.Quantity"));  // FHIR first
  EXPECT_EQ(definitions_->typeName(type("System.String")), "String");
  EXPECT_EQ(definitions_->findType("FHIR.String"), kNoType);
  EXPECT_EQ(definitions_->findType("FHIR.System.String"), kNoType);
  EXPECT_EQ(definitions_->findType("Nothing"), kNoType);
  EXPECT_EQ(definitions_->findType(""), kNoType);
  EXPECT_EQ(definitions_->findType(std::string(10'000, 'x')), kNoType);
}

TEST_F(SmallTypes, KindsAndBases) {
  EXPECT_EQ(definitions_->typeKind(type("Questionnaire")), TypeKind::kResource);
  EXPECT_EQ(definitions_->typeKind(type("Questionnaire.item")), TypeKind::kBackbone);
  EXPECT_EQ(definitions_->typeKind(type("code")), TypeKind::kPrimitive);
  EXPECT_EQ(definitions_->typeKind(type("Quantity")), TypeKind::kComplex);
  EXPECT_EQ(definitions_->typeKind(type("System.Integer")), TypeKind::kSystem);
  EXPECT_EQ(definitions_->baseType(type("Questionnaire.item")), type("BackboneElement"));
  EXPECT_EQ(definitions_->baseType(type("Resource")), kNoType);
  EXPECT_TRUE(definitions_->isA(type("code"), type("string")));
  EXPECT_TRUE(definitions_->isA(type("code"), type("Element")));
  EXPECT_TRUE(definitions_->isA(type("code"), type("code")));
  EXPECT_TRUE(definitions_->isA(type("System.String"), type("System.Any")));
  EXPECT_FALSE(definitions_->isA(type("string"), type("code")));
  EXPECT_FALSE(definitions_->isA(type("uri"), type("string")));
  EXPECT_FALSE(definitions_->isA(kNoType, kNoType));
  EXPECT_FALSE(definitions_->isA(60'000, type("string")));
}

TEST_F(SmallTypes, ChoicesAreExpandedAndFoundByTheirName) {
  const auto choices = definitions_->path(type("Questionnaire.item"), "initial");
  std::vector<std::string_view> names;
  for (const Element& element : choices) {
    names.push_back(definitions_->elementName(element));
    EXPECT_EQ(element.choice, fhir::findName("initial"));
    EXPECT_FALSE(element.repeats);
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string_view>{"initialBoolean", "initialInteger", "initialQuantity"}));
  const Element* const one = member("Extension", "valueQuantity");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->type, type("FHIR.Quantity"));
  EXPECT_EQ(member("Extension", "value"), nullptr);
}

TEST_F(SmallTypes, ContentReferencesAndMultiplicity) {
  const Element* const item = member("Questionnaire.item", "item");
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->type, type("Questionnaire.item"));
  EXPECT_TRUE(item->repeats);
  const Element* const link = member("Questionnaire.item", "linkId");
  ASSERT_NE(link, nullptr);
  EXPECT_FALSE(link->repeats);
  EXPECT_EQ(link->min, 1);
  EXPECT_EQ(link->choice, fhir::kNoName);
}

TEST_F(SmallTypes, SystemTypesBehindPrimitives) {
  EXPECT_EQ(definitions_->systemType(type("code")), type("System.String"));
  EXPECT_EQ(definitions_->systemType(type("boolean")), type("System.Boolean"));
  // The R4 definition of positiveInt says System.String; its base is integer.
  EXPECT_EQ(definitions_->systemType(type("positiveInt")), type("System.Integer"));
  EXPECT_EQ(definitions_->systemType(type("Quantity")), kNoType);
  EXPECT_EQ(member("Questionnaire", "id")->type, type("id"));
  EXPECT_EQ(member("Quantity", "id")->type, type("string"));
  EXPECT_EQ(member("Extension", "url")->type, type("uri"));
  EXPECT_EQ(member("boolean", "value")->type, type("System.Boolean"));
}

TEST_F(SmallTypes, ElementsAreSortedAndFindable) {
  for (TypeId id = 1; id < definitions_->typeCount(); ++id) {
    const auto all = definitions_->elements(id);
    EXPECT_TRUE(std::ranges::is_sorted(all, {}, &Element::name)) << definitions_->typeName(id);
    for (const Element& element : all) {
      const std::string_view name = definitions_->elementName(element);
      if (element.name == fhir::kNoName) continue;
      EXPECT_EQ(fhir::nameText(element.name), name);
      EXPECT_EQ(definitions_->element(id, element.name), &element);
    }
  }
  EXPECT_EQ(definitions_->element(type("Quantity"), fhir::kNoName), nullptr);
  EXPECT_TRUE(definitions_->path(type("Quantity"), "nothing").empty());
  EXPECT_TRUE(definitions_->elements(60'000).empty());
}

TEST_F(SmallTypes, LogicalModelsFromADifferential) {
  const TypeId row = type("Row");
  EXPECT_EQ(definitions_->typeKind(row), TypeKind::kLogical);
  EXPECT_EQ(definitions_->findType("http://example.org/StructureDefinition/row"), row);
  const auto birth = definitions_->path(row, "PERSON_BIRTH_DATE");
  ASSERT_EQ(birth.size(), 1U);
  EXPECT_EQ(birth.front().name, fhir::kNoName);  // not of the built-in table
  EXPECT_EQ(definitions_->elementName(birth.front()), "PERSON_BIRTH_DATE");
  EXPECT_EQ(birth.front().min, 1);
  EXPECT_EQ(birth.front().type, type("string"));
  const auto part = definitions_->path(row, "PART");
  ASSERT_EQ(part.size(), 1U);
  EXPECT_EQ(part.front().type, type("Row.PART"));
  EXPECT_EQ(definitions_->path(row, "extension").size(), 1U);  // of its base, Element
  EXPECT_EQ(definitions_->path(type("Row.PART"), "SIZE").size(), 1U);
}

TEST_F(SmallTypes, ProfilesAreNoTypesButAreKept) {
  EXPECT_EQ(definitions_->findType("http://example.org/StructureDefinition/quantity-profile"), kNoType);
  EXPECT_FALSE(definitions_->resource("http://example.org/StructureDefinition/quantity-profile").empty());
  const auto urls = definitions_->canonicals("SearchParameter");
  ASSERT_EQ(urls.size(), 1U);
  EXPECT_EQ(urls.front(), "http://example.org/SearchParameter/x");
}

TEST_F(SmallTypes, ResourcesByVersionWithoutNarrative) {
  const std::string_view row = definitions_->resource("http://example.org/StructureDefinition/row|2");
  EXPECT_TRUE(row.starts_with(R"({"resourceType":"StructureDefinition","url":)")) << row.substr(0, 80);
  EXPECT_EQ(row.find("<div"), std::string_view::npos);
  EXPECT_TRUE(definitions_->resource("http://example.org/StructureDefinition/row|3").empty());
  // Two versions: the one compiled last is meant without a version.
  EXPECT_NE(definitions_->resource("http://example.org/versioned").find("\"new\""), std::string_view::npos);
  EXPECT_NE(definitions_->resource("http://example.org/versioned|1").find("\"old\""), std::string_view::npos);
  ASSERT_EQ(definitions_->packages().size(), 1U);
  EXPECT_EQ(definitions_->packages()[0].name, "example.small");
}

TEST_F(SmallTypes, ShapesForTheXmlReader) {
  using Form = fhir::ElementShape::Form;
  const auto shapes = makeElementShapes(definitions_);
  const fhir::ShapeType questionnaire = shapes->resource("Questionnaire");
  ASSERT_NE(questionnaire, fhir::kNoShape);
  EXPECT_EQ(shapes->resource("Quantity"), fhir::kNoShape);
  EXPECT_EQ(shapes->resource("Nothing"), fhir::kNoShape);
  const fhir::ElementShape item = shapes->element(questionnaire, "item");
  EXPECT_EQ(item.form, Form::kComplex);
  EXPECT_TRUE(item.repeats);
  EXPECT_EQ(shapes->element(item.type, "item").type, item.type);
  EXPECT_EQ(shapes->element(item.type, "initialBoolean").form, Form::kBoolean);
  EXPECT_EQ(shapes->element(item.type, "maxLength").form, Form::kNumber);
  EXPECT_EQ(shapes->element(item.type, "linkId").form, Form::kString);
  EXPECT_EQ(shapes->element(questionnaire, "contained").form, Form::kResource);
  const fhir::ElementShape text = shapes->element(questionnaire, "text");
  EXPECT_EQ(shapes->element(text.type, "div").form, Form::kXhtml);
  EXPECT_EQ(shapes->element(questionnaire, "nothing").form, Form::kUnknown);
  EXPECT_EQ(shapes->element(fhir::kNoShape, "item").form, Form::kUnknown);
  EXPECT_EQ(shapes->element(1'000'000, "item").form, Form::kUnknown);
  EXPECT_EQ(shapes->element(shapes->resource("Row"), "PERSON_BIRTH_DATE").form, Form::kString);
}

// ── the file ──

std::string smallBytes() {
  const std::vector<std::filesystem::path> sources = {dataFolder() / "package"};
  return compileDefinitions(sources).value();
}

TEST(DefinitionsFile, SameInputSameBytes) {
  EXPECT_EQ(smallBytes(), smallBytes());
}

TEST(DefinitionsFile, AbsentOrEmptyOrForeign) {
  const TemporaryFolder folder;
  EXPECT_EQ(Definitions::open(folder.path() / "none.bin").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Definitions::open(folder.write("empty.bin", "")).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Definitions::open(folder.write("text.bin", std::string(10'000, 'x'))).error().code,
            ErrorCode::kCorrupt);
}

TEST(DefinitionsFile, TruncatedAnywhereIsRefused) {
  const std::string bytes = smallBytes();
  for (std::size_t size = 0; size < bytes.size(); size += 997) {
    EXPECT_FALSE(Definitions::fromBytes(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(Definitions::fromBytes(bytes + "x"));
}

// Every byte flipped: refused, or opened and asked everything without reading outside (the sanitizers watch).
TEST(DefinitionsFile, DamagedAnywhereIsHarmless) {
  const std::string bytes = smallBytes();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 13) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x5A);
    auto opened = Definitions::fromBytes(std::move(damaged));
    if (!opened) {
      ++refused;
      continue;
    }
    const Definitions& definitions = **opened;
    std::size_t seen = definitions.resource("http://example.org/animals").size();
    for (const std::string_view url : definitions.canonicals("ValueSet")) seen += url.size();
    auto terminology = Terminology::load(*opened).value();
    seen += terminology->expand("http://example.org/vs/all-but-mammals").size();
    (void)terminology->memberOf("http://example.org/vs/imports",
                                {"http://example.org/animals", "bat", {}, {}});
    (void)terminology->subsumes("http://example.org/animals", "animal", "bat");
    (void)terminology->translate("http://example.org/cm/plain",
                                 {"http://example.org/animals", "dog", {}, {}});
    EXPECT_LT(seen, bytes.size() * 4);
  }
  EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace tributary::terminology::test
