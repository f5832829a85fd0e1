// What becomes of each kind of input, up to the journal.
#include "ingest/intake.h"

#include "fhir/json_reader.h"
#include "support.h"

namespace tributary::ingest::test {
namespace {

class IntakeTest : public IngestTest {};

TEST_F(IntakeTest, PlacesResourcesInThePatientsCompartment) {
  struct Case {
    const char* json;
    const char* subject;
    const char* reference;  // one that must be among the references; "" for none at all
  };
  const Case cases[] = {
      {R"({"resourceType":"Patient","id":"p1","generalPractitioner":[{"reference":"Organization/gp"}]})", "Patient/p1", "Organization/gp"},
      {R"({"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/p1"},"location":[{"location":{"reference":"Location/l"}}]})",
       "Patient/p1", "Location/l"},
      {R"({"resourceType":"Task","id":"t","for":{"reference":"Patient/p1"}})", "Patient/p1", ""},
      {R"({"resourceType":"Appointment","id":"a","participant":[{"actor":{"reference":"Practitioner/x"}},{"actor":{"reference":"Patient/p1"}}]})",
       "Patient/p1", "Practitioner/x"},
      {R"({"resourceType":"Observation","id":"o","subject":{"reference":"http://ehr.example/fhir/Patient/p1/_history/3"}})", "Patient/p1", ""},
      {R"({"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/p1"}})", "Patient/p1", ""},
      {R"({"resourceType":"Organization","id":"gp"})", "", ""},
      {R"({"resourceType":"CareTeam","id":"ct","participant":[{"member":{"reference":"Practitioner/x"}}]})", "", "Practitioner/x"},
      // Nobody's encounter is its own subject: it can be explained, not lost.
      {R"({"resourceType":"Encounter","id":"e9"})", "Encounter/e9", ""},
  };
  fhir::JsonReader reader;
  fhir::Document document;
  for (const Case& c : cases) {
    ASSERT_TRUE(reader.read(c.json, document)) << c.json;
    const fhir::NodeIndex id = document.member(0, "id");
    const Placement placement = compartments_->place(document, 0, document.resourceType(), document.scalar(id));
    EXPECT_EQ(placement.subject, c.subject) << c.json;
    if (*c.reference == '\0') {
      EXPECT_TRUE(placement.references.empty()) << c.json;
    } else {
      EXPECT_NE(std::find(placement.references.begin(), placement.references.end(), c.reference), placement.references.end()) << c.json;
    }
  }
}

TEST_F(IntakeTest, ProviderSubjectsAreTheirOwnOrThoseOfWhatTheyNameAndStayShared) {
  const ProviderSubject provider[] = {{"Practitioner", ""}, {"PractitionerRole", "practitioner"}, {"Location", ""}, {"Encounter", ""},
                                      {"CareTeam", ""}, {"Observation", "subject"}};
  const auto compartments = *CompartmentIndex::load(*definitions_, "Patient", provider);
  struct Case {
    const char* json;
    const char* subject;
    bool shared;
    std::vector<std::string> references;
  };
  const Case cases[] = {
      {R"({"resourceType":"Practitioner","id":"x"})", "Practitioner/x", true, {}},
      // Those who come to it from outside need what it refers to, its practitioner too.
      {R"({"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Practitioner/x"},"organization":{"reference":"Organization/o"}})",
       "Practitioner/x", true, {"Practitioner/x", "Organization/o"}},
      {R"({"resourceType":"PractitionerRole","id":"r","organization":{"reference":"Organization/o"}})", "PractitionerRole/r", true, {"Organization/o"}},
      // Only another provider's resource can take it in.
      {R"({"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"Organization/o"}})", "PractitionerRole/r", true, {"Organization/o"}},
      {R"({"resourceType":"Organization","id":"o"})", "", false, {}},
      {R"({"resourceType":"Location","id":"ward","managingOrganization":{"reference":"Organization/o"}})", "Location/ward", true, {"Organization/o"}},
      {R"({"resourceType":"CareTeam","id":"t"})", "CareTeam/t", true, {}},
      {R"({"resourceType":"CareTeam","id":"t","subject":{"reference":"Patient/p"}})", "Patient/p", false, {}},
      // Of a compartment's types only what has no owner; nobody refers to these from outside.
      {R"({"resourceType":"Encounter","id":"e","participant":[{"individual":{"reference":"Practitioner/x"}}]})", "Encounter/e", false, {"Practitioner/x"}},
      {R"({"resourceType":"Encounter","id":"e","subject":{"reference":"Patient/p"}})", "Patient/p", false, {}},
      {R"({"resourceType":"Observation","id":"b","subject":{"reference":"Location/ward"}})", "Location/ward", false, {}},
      {R"({"resourceType":"Observation","id":"b","subject":{"reference":"Patient/p"}})", "Patient/p", false, {}},
  };
  fhir::JsonReader reader;
  fhir::Document document;
  for (const Case& c : cases) {
    ASSERT_TRUE(reader.read(c.json, document)) << c.json;
    const Placement placement = compartments->place(document, 0, document.resourceType(), document.scalar(document.member(0, "id")));
    EXPECT_EQ(placement.subject, c.subject) << c.json;
    EXPECT_EQ(placement.shared, c.shared) << c.json;
    EXPECT_EQ(placement.references, c.references) << c.json;
  }
}

TEST_F(IntakeTest, PlacingAgainGivesWhatIsHeldItsSubject) {
  const std::string json = R"({"resourceType":"Practitioner","id":"x"})";
  Intake before(context_, "test");
  before.add(json, "here");
  ASSERT_TRUE(before.commit());
  EXPECT_EQ(counts("test").filtered, 1U);
  const ProviderSubject provider[] = {{"Practitioner", ""}};
  context_.compartments = *CompartmentIndex::load(*definitions_, "Patient", provider);
  Intake after(context_, "test");
  for (const std::uint64_t moved : {1U, 0U}) {
    after.add(json, "journal");
    EXPECT_EQ(*after.place(), moved);
  }
  EXPECT_EQ(counts("test").waiting, 1U);
  EXPECT_EQ(store_->takeDirty(10, Duration{1000})->at(0).subject, "Practitioner/x");
}

TEST_F(IntakeTest, ReferenceKeysAreTheLastTwoSegmentsOfLiteralReferencesOnly) {
  EXPECT_EQ(referenceKey("Patient/1"), "Patient/1");
  EXPECT_EQ(referenceKey("https://a.example/fhir/Patient/1/_history/2"), "Patient/1");
  for (const char* bad : {"#p", "urn:uuid:0f1b", "Patient", "Patient/", "Patient?identifier=a|b", "../Patient/1", "x/y/1", "Patient/a b", ""}) {
    EXPECT_EQ(referenceKey(bad), "") << bad;
  }
}

TEST_F(IntakeTest, WhatCannotBeTakenIsRefusedAndKeptWithAReason) {
  struct Case {
    const char* text;
    const char* rule;
  };
  const Case cases[] = {
      {"{\"resourceType\":\"Patient\",", "json-syntax"},
      {"<html><body>Login</body></html>", "json-syntax"},
      {"{\"id\":\"x\"}", "no-resource-type"},
      {"{\"resourceType\":\"Patiant\",\"id\":\"x\"}", "unknown-resource-type"},
      {"{\"resourceType\":\"HumanName\",\"id\":\"x\"}", "unknown-resource-type"},
      {"{\"resourceType\":\"Patient\",\"id\":\"no spaces\"}", "invalid-id"},
      {"{\"resourceType\":\"Patient\",\"id\":\"\"}", "invalid-id"},
      {"{\"resourceType\":\"Patient\",\"id\":5}", "invalid-id"},
      {"{\"resourceType\":\"Patient\",\"id\":\"a\",\"id\":\"b\"}", "json-duplicate-member"},
  };
  Intake intake(context_, "test");
  for (const Case& c : cases) intake.add(c.text, "here", 7);
  ASSERT_EQ(intake.issues().size(), std::size(cases));
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(intake.issues()[i].rule, cases[i].rule) << cases[i].text;
    EXPECT_EQ(intake.issues()[i].line, 7U) << cases[i].text;
    EXPECT_FALSE(intake.issues()[i].text.empty());
    EXPECT_FALSE(intake.issues()[i].remedy.empty()) << cases[i].rule;
  }
  auto stored = intake.commit();
  ASSERT_TRUE(stored) << stored.error().text;
  EXPECT_EQ(stored->rejected, std::size(cases));
  auto rejects = store_->rejects(0, 100, true);
  ASSERT_TRUE(rejects);
  ASSERT_EQ(rejects->size(), std::size(cases));
  EXPECT_EQ((*rejects)[1].raw, cases[1].text);
}

TEST_F(IntakeTest, ABadEntryOfABundleCostsThatEntryOnly) {
  const std::string bundle = R"({"resourceType":"Bundle","type":"collection","entry":[
    {"resource":{"resourceType":"Patient","id":"a"}},
    {"resource":{"resourceType":"Nonsense","id":"b"}},
    {"resource":{"resourceType":"Encounter","id":"c","subject":{"reference":"Patient/a"}}}]})";
  Intake intake(context_, "test");
  EXPECT_EQ(intake.add(bundle, "bundle"), 3U);
  auto stored = intake.commit();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->stored, 2U);
  EXPECT_EQ(stored->rejected, 1U);
}

TEST_F(IntakeTest, BundleEntriesThatCannotBeAppliedAreRefusedOneByOne) {
  const std::string bundle = R"({"resourceType":"Bundle","type":"batch","entry":[
    {"resource":{"resourceType":"Patient"},"request":{"method":"PUT","url":"Patient?identifier=a|b"}},
    {"resource":{"resourceType":"Patient","id":"x"},"request":{"method":"PUT","url":"Patient/y"}},
    {"resource":{"resourceType":"Parameters"},"request":{"method":"PATCH","url":"Patient/x"}},
    {"request":{"method":"PUT","url":"Patient/x"}},
    {},
    {"request":{"method":"DELETE","url":"Foo/1"}}]})";
  Intake intake(context_, "test");
  EXPECT_EQ(intake.add(bundle, "bundle"), 6U);
  ASSERT_EQ(intake.issues().size(), 6U);
  const char* rules[] = {"conditional-update", "url-mismatch", "interaction-not-taken", "empty-entry", "empty-entry", "unknown-resource-type"};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(intake.issues()[i].rule, rules[i]);
}

TEST_F(IntakeTest, ATransactionsUrnsBecomeReferencesAndPlaceTheResource) {
  const std::string bundle = R"({"resourceType":"Bundle","type":"transaction","entry":[
    {"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Patient","gender":"female"},"request":{"method":"POST","url":"Patient"}},
    {"fullUrl":"urn:uuid:22222222-2222-4222-8222-222222222222","resource":{"resourceType":"Encounter","id":"own","subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"}},"request":{"method":"POST","url":"Encounter"}},
    {"request":{"method":"DELETE","url":"Observation/gone"}}]})";
  Intake intake(context_, "test");
  EXPECT_EQ(intake.add(bundle, "bundle"), 3U);
  ASSERT_TRUE(intake.commit());
  std::string encounter, subject;
  ASSERT_TRUE(store_->readJournal(0, 10, true, [&](const store::JournalRecord& record) {
    if (record.type == "Encounter") {
      encounter = record.body;
      subject = record.subject;
    }
    return true;
  }));
  EXPECT_EQ(subject, "Patient/11111111-1111-4111-8111-111111111111");
  EXPECT_NE(encounter.find(R"("reference":"Patient/11111111-1111-4111-8111-111111111111")"), std::string::npos) << encounter;
  auto patient = store_->history("test", "Patient", "11111111-1111-4111-8111-111111111111");
  ASSERT_TRUE(patient);
  EXPECT_EQ(patient->size(), 1U);
}

// As HAPI writes a history: newest first, and deletes without lastModified, told apart by their version alone.
TEST_F(IntakeTest, ADeleteOfAHistoryDoesNotUndoTheVersionThatCameAfterIt) {
  const std::string bundle = R"({"resourceType":"Bundle","type":"history","entry":[
    {"resource":{"resourceType":"Patient","id":"a","meta":{"versionId":"4","lastUpdated":"2026-03-04T00:00:00Z"}},"request":{"method":"PUT","url":"Patient/a/_history/4"},"response":{"etag":"W/\"4\""}},
    {"request":{"method":"DELETE","url":"Patient/a/_history/3"},"response":{"status":"200 OK","etag":"W/\"3\""}},
    {"resource":{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2026-03-01T00:00:00Z"}},"request":{"method":"POST","url":"Patient"},"response":{"etag":"W/\"1\""}},
    {"request":{"method":"DELETE","url":"Patient/b"},"response":{"etag":"W/\"2\""}},
    {"resource":{"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"2026-03-02T00:00:00Z"},"active":true},"request":{"method":"PUT","url":"Patient/a/_history/2"},"response":{"etag":"W/\"2\""}}]})";
  Intake intake(context_, "test");
  for (const bool again : {false, true}) {  // windows overlap: everything comes twice
    EXPECT_EQ(intake.add(bundle, "history"), 5U);
    const auto counts = intake.commit();
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->stored, again ? 0U : 3U);
    EXPECT_EQ(counts->stale, again ? 0U : 2U);
    const auto a = store_->history("test", "Patient", "a"), b = store_->history("test", "Patient", "b");
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->size(), 3U);
    EXPECT_EQ(b->size(), 2U);
  }
  auto counts = store_->reconcile();
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->unaccounted, 0U);
}

TEST_F(IntakeTest, AVersionBetweenTheKnownOneAndADeleteDoesNotUndoTheDelete) {
  const auto version = [](int n) {
    const std::string text = std::to_string(n);
    return R"({"resource":{"resourceType":"Patient","id":"a","meta":{"versionId":")" + text + R"(","lastUpdated":"2026-03-0)" + text +
           R"(T00:00:00Z"}},"request":{"method":"PUT","url":"Patient/a/_history/)" + text + R"("},"response":{"status":"200"}})";
  };
  const auto gone = R"({"request":{"method":"DELETE","url":"Patient/a/_history/3"},"response":{"status":"200 OK"}})";
  const auto history = [](const std::string& entries) { return R"({"resourceType":"Bundle","type":"history","entry":[)" + entries + "]}"; };
  Intake intake(context_, "test");
  for (const std::string& entries : {version(1), gone + ("," + version(2)), gone + ("," + version(2))}) {
    const std::string bundle = history(entries);
    intake.add(bundle, "history");
    ASSERT_TRUE(intake.commit());
  }
  const auto versions = store_->history("test", "Patient", "a");
  ASSERT_TRUE(versions);
  EXPECT_EQ(versions->size(), 3U);
  std::string current;
  ASSERT_TRUE(store_->readJournal(0, 10, false, [&](const store::JournalRecord& record) {
    if (record.current) current = record.version_id;
    return true;
  }));
  EXPECT_EQ(current, "3");
  const std::string back = history(version(4));
  intake.add(back, "history");
  const auto counts = intake.commit();
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->stored, 1U);
}

TEST_F(IntakeTest, TheSameTwiceIsOneAndAnOlderVersionDoesNotWin) {
  Intake intake(context_, "test");
  const std::string newer = R"({"resourceType":"Patient","id":"a","meta":{"versionId":"2","lastUpdated":"2026-03-02T00:00:00Z"},"active":true})";
  const std::string older = R"({"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2026-03-01T00:00:00Z"},"active":false})";
  for (const std::string* text : {&newer, &newer, &older}) intake.add(*text, "x");
  auto stored = intake.commit();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->stored, 1U);
  EXPECT_EQ(stored->duplicates, 1U);
  EXPECT_EQ(stored->stale, 1U);
}

TEST_F(IntakeTest, TypesThatNoTableReadsAreJournalledAndFilteredWithTheRule) {
  context_.options.wants = [](std::string_view type) { return type == "Patient"; };
  Intake intake(context_, "test");
  intake.add(R"({"resourceType":"Claim","id":"c","patient":{"reference":"Patient/a"}})", "x");
  ASSERT_TRUE(intake.commit());
  EXPECT_EQ(counts("test").filtered, 1U);
}

}  // namespace
}  // namespace tributary::ingest::test
