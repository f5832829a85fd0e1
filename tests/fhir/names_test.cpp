#include "fhir/names.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tributary::fhir {
namespace {

TEST(Names, EveryNameFindsItself) {
  std::set<std::string_view> all;
  for (NameId id = 1; id < nameCount(); ++id) {
    EXPECT_EQ(findName(nameText(id)), id) << nameText(id);
    EXPECT_TRUE(all.insert(nameText(id)).second) << nameText(id) << " stands twice";
  }
  EXPECT_GT(all.size(), 1700U);
}

TEST(Names, NothingElseIsFound) {
  EXPECT_EQ(findName(""), kNoName);
  EXPECT_EQ(findName("_id"), kNoName);
  EXPECT_EQ(findName("Id"), kNoName);
  EXPECT_EQ(findName(std::string(64, 'a')), kNoName);
  EXPECT_EQ(findName(std::string_view("id\0", 3)), kNoName);
  for (NameId id = 1; id < nameCount(); ++id) {
    const std::string name(nameText(id));
    EXPECT_EQ(findName(name + '!'), kNoName);
    std::string changed = name;
    changed.back() = '!';
    EXPECT_EQ(findName(changed), kNoName);
    changed = name;
    changed.front() = '!';
    EXPECT_EQ(findName(changed), kNoName);
  }
}

TEST(Names, ChoicesStandUnderEachConcreteNameAndTheirOwn) {
  for (const char* name : {"value", "valueQuantity", "valueString", "deceased", "deceasedBoolean", "onsetAge",
                           "multipleBirthInteger", "resourceType", "contained", "fhir_comments"}) {
    EXPECT_EQ(findName(name) != kNoName, std::string_view(name) != "fhir_comments") << name;
  }
}

TEST(Names, FixedIdsAgreeWithTheTable) {
  EXPECT_EQ(findName("resourceType"), names::kResourceType);
  EXPECT_EQ(findName("id"), names::kId);
  EXPECT_EQ(findName("meta"), names::kMeta);
  EXPECT_EQ(findName("versionId"), names::kVersionId);
  EXPECT_EQ(findName("lastUpdated"), names::kLastUpdated);
  EXPECT_EQ(findName("extension"), names::kExtension);
  EXPECT_EQ(findName("url"), names::kUrl);
  EXPECT_EQ(findName("contained"), names::kContained);
  EXPECT_EQ(findName("reference"), names::kReference);
  EXPECT_EQ(findName("identifier"), names::kIdentifier);
  EXPECT_EQ(findName("system"), names::kSystem);
  EXPECT_EQ(findName("value"), names::kValue);
  EXPECT_EQ(findName("code"), names::kCode);
  EXPECT_EQ(findName("coding"), names::kCoding);
  EXPECT_EQ(findName("display"), names::kDisplay);
  EXPECT_EQ(findName("text"), names::kText);
  EXPECT_EQ(findName("status"), names::kStatus);
  EXPECT_EQ(findName("entry"), names::kEntry);
  EXPECT_EQ(findName("resource"), names::kResource);
  EXPECT_EQ(findName("fullUrl"), names::kFullUrl);
  EXPECT_EQ(findName("link"), names::kLink);
  EXPECT_EQ(findName("relation"), names::kRelation);
  EXPECT_EQ(findName("request"), names::kRequest);
  EXPECT_EQ(findName("response"), names::kResponse);
  EXPECT_EQ(findName("method"), names::kMethod);
  EXPECT_EQ(findName("search"), names::kSearch);
  EXPECT_EQ(findName("mode"), names::kMode);
  EXPECT_EQ(findName("total"), names::kTotal);
  EXPECT_EQ(findName("type"), names::kType);
  EXPECT_EQ(findName("div"), names::kDiv);
  EXPECT_EQ(findName("profile"), names::kProfile);
  EXPECT_EQ(findName("modifierExtension"), names::kModifierExtension);
  EXPECT_EQ(findName("use"), names::kUse);
  EXPECT_EQ(findName("period"), names::kPeriod);
  EXPECT_EQ(findName("start"), names::kStart);
  EXPECT_EQ(findName("end"), names::kEnd);
  EXPECT_EQ(findName("subject"), names::kSubject);
  EXPECT_EQ(findName("patient"), names::kPatient);
  EXPECT_EQ(findName("encounter"), names::kEncounter);
  EXPECT_EQ(findName("implicitRules"), names::kImplicitRules);
  EXPECT_EQ(findName("language"), names::kLanguage);
}

}  // namespace
}  // namespace tributary::fhir
