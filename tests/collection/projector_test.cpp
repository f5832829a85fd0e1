#include <algorithm>

#include "collection/lineage.h"
#include "fhir/json_reader.h"
#include "tests/collection/support.h"

namespace tributary::collection::test {
namespace {

TEST(Projector, FillsTheTablesOfAReferral) {
  REQUIRE_CSDS();
  const Seen seen = project({patient(), referral(), contact(), activity()}, {team()});
  EXPECT_EQ(seen.cell("CYP001", "P1", "NHSNumber"), "9990000018");
  EXPECT_EQ(seen.cell("CYP001", "P1", "Gender"), "2");
  EXPECT_EQ(seen.cell("CYP001", "P1", "OrgID_LocalPatientID"), "RZZ");
  EXPECT_EQ(seen.cell("CYP002", "P1|V81999|", "OrgID_GP"), "V81999");
  EXPECT_EQ(seen.cell("CYP101", "R1", "ReferralRequest_ReceivedDate"), "2026-10-01");
  EXPECT_EQ(seen.cell("CYP101", "R1", "ReferralRequest_ReceivedTime"), "09:00:00");
  EXPECT_EQ(seen.cell("CYP101", "R1", "OrgID_Commissioner"), "99Z01");
  EXPECT_EQ(seen.cell("CYP102", "R1|T1", "TeamType"), "12");
  EXPECT_EQ(seen.cell("CYP201", "c1", "ServiceRequestID"), "R1");
  EXPECT_EQ(seen.cell("CYP201", "c1", "CareContact_Duration"), "30");
  EXPECT_EQ(seen.cell("CYP201", "c1", "AttendanceStatus"), "5");
  EXPECT_EQ(seen.cell("CYP202", "p1", "CareContactID"), "c1");
  for (const SeenRow& row : seen.rows) EXPECT_TRUE(row.good) << row.table << " " << row.key;
  for (const auto& outcome : seen.outcomes) EXPECT_EQ(outcome.outcome, Outcome::kUsed) << outcome.rule;
}

TEST(Projector, PeriodsComeFromTheReferralAndTheContact) {
  REQUIRE_CSDS();
  const Seen seen = project({patient(), referral(), contact(), activity()}, {team()});
  EXPECT_EQ(seen.row("CYP101", "R1")->start, "2026-10-01");
  EXPECT_EQ(seen.row("CYP101", "R1")->end, "");
  EXPECT_EQ(seen.row("CYP001", "P1")->start, "2026-10-01");
  EXPECT_EQ(seen.row("CYP202", "p1")->start, "2026-10-05");
  EXPECT_EQ(seen.row("CYP202", "p1")->end, "2026-10-05");
  const Window october{"2026-10-01", "2026-10-31", ""}, november{"2026-11-01", "2026-11-30", ""};
  const auto contacts = *csds()->findTable("CYP201"), referrals = *csds()->findTable("CYP101");
  EXPECT_TRUE(csds()->belongs(contacts, "2026-10-05", "2026-10-05", october));
  EXPECT_FALSE(csds()->belongs(contacts, "2026-10-05", "2026-10-05", november));
  EXPECT_TRUE(csds()->belongs(referrals, "2026-10-01", "", november));
}

struct ClockCase {
  const char* written;
  const char* date;
  const char* time;
};

// Both clock changes of 2026 in London: 29 March 01:00 UTC and 25 October 01:00 UTC.
TEST(Projector, DatesAndTimesAreCivilTimeOverBothClockChanges) {
  REQUIRE_CSDS();
  const ClockCase cases[] = {
      {"2026-03-29T00:59:59Z", "2026-03-29", "00:59:59"},
      {"2026-03-29T01:00:00Z", "2026-03-29", "02:00:00"},
      {"2026-03-28T23:30:00Z", "2026-03-28", "23:30:00"},
      {"2026-03-29T23:30:00Z", "2026-03-30", "00:30:00"},
      {"2026-10-25T00:30:00Z", "2026-10-25", "01:30:00"},
      {"2026-10-25T01:30:00Z", "2026-10-25", "01:30:00"},
      {"2026-10-24T23:30:00Z", "2026-10-25", "00:30:00"},
      {"2026-10-25T23:30:00Z", "2026-10-25", "23:30:00"},
      {"2026-07-01T00:15:00+01:00", "2026-07-01", "00:15:00"},
      {"2026-07-01T00:15:00+02:00", "2026-06-30", "23:15:00"},
      {"2026-01-01T00:15:00.123Z", "2026-01-01", "00:15:00"},
      {"2026-12-31T22:00:00-03:00", "2027-01-01", "01:00:00"},
      {"2026-07-01", "2026-07-01", ""},
      {"2024-02-29T12:00:00Z", "2024-02-29", "12:00:00"},
  };
  for (const ClockCase& c : cases) {
    const Seen seen =
        project({patient(), referral(R"(,"authoredOn":")" + std::string(c.written) + '"')}, {team()});
    EXPECT_EQ(seen.cell("CYP101", "R1", "ReferralRequest_ReceivedDate"), c.date) << c.written;
    EXPECT_EQ(seen.cell("CYP101", "R1", "ReferralRequest_ReceivedTime"), c.time) << c.written;
  }
}

TEST(Projector, ADurationOverTheClockChangeIsRealTime) {
  REQUIRE_CSDS();
  const Seen seen = project(
      {patient(), referral(),
       contact(
           R"(,"basedOn":[{"reference":"ServiceRequest/r"}],"period":{"start":"2026-10-25T01:30:00+01:00","end":"2026-10-25T01:30:00Z"})")},
      {team()});
  EXPECT_EQ(seen.cell("CYP201", "c1", "CareContact_Duration"), "60");
}

TEST(Projector, APartialDateIsRefusedByItsFormat) {
  REQUIRE_CSDS();
  const Seen seen = project({patient(), referral(R"(,"authoredOn":"2026-10")")}, {team()});
  EXPECT_TRUE(seen.broke("CYP101", "R1", "L0131") || !seen.row("CYP101", "R1")->good);
  EXPECT_FALSE(seen.row("CYP101", "R1")->good);
}

TEST(Projector, ABadNhsNumberPullsDownEverythingBelowThePatient) {
  REQUIRE_CSDS();
  const Seen seen = project(
      {patient(R"(,"birthDate":"1950-02-01")", "9990000019"), referral(), contact(), activity()}, {team()});
  EXPECT_TRUE(seen.broke("CYP001", "P1", "L0471"));
  for (const SeenRow& row : seen.rows) {
    EXPECT_FALSE(row.good) << row.table;
    if (row.table != "CYP001MPI") {
      EXPECT_NE(std::find(row.rules.begin(), row.rules.end(), "parent-quarantined"), row.rules.end())
          << row.table;
    }
  }
  EXPECT_EQ(seen.row("CYP202", "p1")->cause, "c1");
  for (const auto& outcome : seen.outcomes) EXPECT_EQ(outcome.outcome, Outcome::kQuarantined);
  EXPECT_EQ(seen.outcomes[0].rule, "L0471");
}

TEST(Projector, OnlyTheCascadeOfABadRowStays) {
  REQUIRE_CSDS();
  const std::string bad = contact(R"(,"basedOn":[{"reference":"ServiceRequest/r"}])", "c1");  // no date
  const std::string good = contact({}, "c2");
  const Seen seen = project({patient(), referral(), bad, good, activity()}, {team()});
  EXPECT_FALSE(seen.row("CYP201", "c1")->good);
  EXPECT_TRUE(seen.row("CYP201", "c2")->good);
  EXPECT_FALSE(seen.row("CYP202", "p1")->good);
  EXPECT_TRUE(seen.row("CYP101", "R1")->good);
  EXPECT_TRUE(seen.row("CYP001", "P1")->good);
}

TEST(Projector, RowsOfOneKeyAreAllHeldBack) {
  REQUIRE_CSDS();
  const std::string same =
      R"(,"identifier":[{"system":"https://tributary.health/fhir/Id/care-contact-identifier","value":"C"}],"basedOn":[{"reference":"ServiceRequest/r"}],"period":{"start":"2026-10-05T10:00:00Z"})";
  const Seen seen =
      project({patient(), referral(), contact(same, "c1"), contact(same, "c2"), activity()}, {team()});
  EXPECT_TRUE(seen.broke("CYP201", "C", "L0453"));
  EXPECT_TRUE(seen.broke("CYP201", "C#2", "L0453"));
  EXPECT_EQ(seen.count("CYP201", true), 0U);
  EXPECT_EQ(seen.count("CYP202", true), 0U);
}

TEST(Projector, ARowWhoseKeyIsHeldElsewherePullsDownWhatHangsOnIt) {
  REQUIRE_CSDS();
  const std::vector<std::string> subject{patient(), referral(), contact()}, shared{team()};
  ASSERT_TRUE(project(subject, shared).row("CYP101", "R1")->good);
  const HeldKey held[] = {{*csds()->findTable("CYP101"), "R1"}};
  ProjectOptions options;
  options.held_keys = held;
  const Seen seen = project(subject, shared, options);
  EXPECT_TRUE(seen.broke("CYP101", "R1", "ledger-duplicate-key"));
  EXPECT_TRUE(seen.broke("CYP201", "c1", "parent-quarantined"));
  EXPECT_EQ(seen.outcomes[1].rule, "ledger-duplicate-key");
}

TEST(Projector, AChildWithoutItsParentWaitsAndPassesWhenItComes) {
  REQUIRE_CSDS();
  const Seen early = project({patient(), contact(), activity()}, {team()});
  EXPECT_FALSE(early.row("CYP201", "c1")->good);
  EXPECT_TRUE(early.broke("CYP201", "c1", "reference-unresolved"));
  const Seen late = project({patient(), contact(), activity(), referral()}, {team()});
  EXPECT_TRUE(late.row("CYP201", "c1")->good);
  EXPECT_TRUE(late.row("CYP202", "p1")->good);
}

TEST(Projector, AnUnknownCodeIsAWarningThatNamesTheCode) {
  REQUIRE_CSDS();
  const Seen seen = project({patient(
      R"(,"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory","valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland","code":"Q"}]}}])")});
  EXPECT_TRUE(seen.row("CYP001", "P1")->good);
  EXPECT_TRUE(seen.broke("CYP001", "P1", "L0032"));
  const auto found = std::find_if(seen.issues.begin(), seen.issues.end(),
                                  [](const RowIssue& i) { return i.issue.rule == "L0032"; });
  ASSERT_NE(found, seen.issues.end());
  EXPECT_NE(found->issue.text.find("'Q'"), std::string::npos);
  EXPECT_EQ(found->issue.path, "CYP001MPI.EthnicCategory");
  EXPECT_NE(found->issue.offset, Issue::kNoOffset);
}

TEST(Projector, ASecondCharacterOfTheEthnicCategoryIsForLocalUse) {
  REQUIRE_CSDS();
  const Seen seen = project({patient(
      R"(,"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory","valueCodeableConcept":{"coding":[{"code":"A7"}]}}])")});
  EXPECT_FALSE(seen.broke("CYP001", "P1", "L0032"));
  EXPECT_EQ(seen.cell("CYP001", "P1", "EthnicCategory"), "A7");
}

TEST(Projector, ReferencesThatRunInACircleEnd) {
  REQUIRE_CSDS();
  const Seen seen = project(
      {patient(),
       R"({"resourceType":"ServiceRequest","id":"r","status":"active","intent":"order","subject":{"reference":"Patient/a"},"authoredOn":"2026-10-01","basedOn":[{"reference":"ServiceRequest/s"}]})",
       R"({"resourceType":"ServiceRequest","id":"s","status":"active","intent":"order","subject":{"reference":"Patient/a"},"authoredOn":"2026-10-01","basedOn":[{"reference":"ServiceRequest/r"}]})",
       R"({"resourceType":"Encounter","id":"e","status":"finished","subject":{"reference":"Encounter/e"},"partOf":{"reference":"Encounter/e"},"basedOn":[{"reference":"ServiceRequest/r"}]})"},
      {});
  EXPECT_EQ(seen.outcomes.size(), 4U);
  for (const auto& outcome : seen.outcomes)
    EXPECT_TRUE(outcome.outcome == Outcome::kUsed || !outcome.rule.empty());
}

TEST(Projector, WrongTypesOfValuesAreNoCrashAndAccountedFor) {
  REQUIRE_CSDS();
  const Seen seen = project(
      {R"({"resourceType":"Patient","id":"a","identifier":"x","gender":{"a":1},"birthDate":[1,2],"address":7,"generalPractitioner":{}})",
       R"({"resourceType":"Encounter","id":7,"status":["finished"],"class":"HH","period":"2026","basedOn":[[]]})",
       R"({"resourceType":"Observation","id":"o","code":null,"value":{},"status":true})",
       R"({"resourceType":"Nonsense"})",
       R"({"resourceType":"EpisodeOfCare","id":"e","referralRequest":["x"],"diagnosis":[{"condition":3,"rank":"1"}],"team":{}})"});
  ASSERT_EQ(seen.outcomes.size(), 5U);
  for (const auto& outcome : seen.outcomes)
    EXPECT_TRUE(outcome.outcome == Outcome::kUsed || !outcome.rule.empty());
  EXPECT_EQ(seen.outcomes[3].rule, "no-view");
}

TEST(Projector, EnteredInErrorGivesNoRowsAndSaysSo) {
  REQUIRE_CSDS();
  const Seen seen = project(
      {patient(), referral(),
       R"({"resourceType":"Encounter","id":"c1","status":"entered-in-error","class":{"code":"HH"},"subject":{"reference":"Patient/a"}})"},
      {team()});
  EXPECT_EQ(seen.row("CYP201", "c1"), nullptr);
  EXPECT_EQ(seen.outcomes[2].outcome, Outcome::kFiltered);
  EXPECT_EQ(seen.outcomes[2].reason, "entered in error");
}

TEST(Projector, SeveralSourcesMakeOneRowInTheirOrder) {
  REQUIRE_CSDS();
  const std::string task =
      R"({"resourceType":"Task","id":"k","status":"accepted","intent":"order","code":{"coding":[{"system":"https://tributary.health/fhir/CodeSystem/community-item","code":"referral-receipt"}]},"focus":{"reference":"ServiceRequest/r"},"authoredOn":"2026-10-02T08:00:00Z"})";
  const auto episode = [](const char* id, const char* more) {
    return R"({"resourceType":"EpisodeOfCare","id":")" + std::string(id) +
           R"(","patient":{"reference":"Patient/a"},"referralRequest":[{"reference":"ServiceRequest/r"}])" +
           more + "}";
  };
  const Seen open =
      project({patient(), referral(), task,
               episode("e1", R"(,"status":"finished","period":{"start":"2026-10-02","end":"2026-10-20"})"),
               episode("e2", R"(,"status":"active","period":{"start":"2026-10-03"})")},
              {team()});
  EXPECT_EQ(open.cell("CYP101", "R1", "ReferralRequest_ReceivedDate"),
            "2026-10-02");                                     // the receipt, not the writing
  EXPECT_EQ(open.cell("CYP101", "R1", "Discharge_Date"), "");  // one team is still at work
  const Seen closed =
      project({patient(), referral(), task,
               episode("e1", R"(,"status":"finished","period":{"start":"2026-10-02","end":"2026-10-20"})"),
               episode("e2", R"(,"status":"finished","period":{"start":"2026-10-03","end":"2026-10-25"})")},
              {team()});
  EXPECT_EQ(closed.cell("CYP101", "R1", "Discharge_Date"), "2026-10-25");
  EXPECT_EQ(closed.count("CYP101", true), 1U);
  // A task of a referral that is not there adds to nothing.
  const Seen alone = project({patient(), task});
  EXPECT_EQ(alone.count("CYP101", true) + alone.count("CYP101", false), 0U);
  EXPECT_EQ(alone.outcomes[1].rule, "fill-without-row");
}

TEST(Projector, AnAppointmentThatAnEncounterNamesIsOneContact) {
  REQUIRE_CSDS();
  const std::string appointment =
      R"({"resourceType":"Appointment","id":"ap","status":"fulfilled","basedOn":[{"reference":"ServiceRequest/r"}],"start":"2026-10-05T10:00:00Z","participant":[{"actor":{"reference":"Patient/a"},"status":"accepted"}],"extension":[{"url":"https://tributary.health/fhir/StructureDefinition/reasonable-offer-date","valueDate":"2026-10-03"}]})";
  const std::string with = contact(
      R"(,"basedOn":[{"reference":"ServiceRequest/r"}],"appointment":[{"reference":"Appointment/ap"}],"period":{"start":"2026-10-05T10:05:00Z"})");
  const Seen both = project({patient(), referral(), appointment, with}, {team()});
  EXPECT_EQ(both.count("CYP201", true), 1U);
  EXPECT_EQ(both.cell("CYP201", "c1", "ReasonableOffer_Date"), "2026-10-03");
  EXPECT_EQ(both.outcomes[2].outcome, Outcome::kUsed);
  const Seen apart = project({patient(), referral(), appointment, contact()}, {team()});
  EXPECT_EQ(apart.count("CYP201", true), 2U);
  EXPECT_EQ(apart.cell("CYP201", "ap", "AttendanceStatus"), "5");
}

TEST(Projector, LongIdentifiersGetAStableShortForm) {
  REQUIRE_CSDS();
  const std::string id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  const Seen once = project({patient(), referral(), contact({}, id)}, {team()});
  const Seen again =
      project({patient(), referral(), contact({}, id), contact({}, "1f8fad5b-d9cb-469f-a165-70867728950e")},
              {team()});
  ASSERT_EQ(once.count("CYP201", true), 1U);
  ASSERT_EQ(again.count("CYP201", true), 2U);
  std::string first, second;
  for (const SeenRow& row : once.rows)
    if (row.table == "CYP201CareContact") first = row.key;
  for (const SeenRow& row : again.rows)
    if (row.table == "CYP201CareContact" && row.key != first) second = row.key;
  EXPECT_EQ(first.size(), 20U);
  EXPECT_NE(again.row("CYP201", first), nullptr);
  EXPECT_EQ(second.size(), 20U);
  EXPECT_NE(first, second);
}

TEST(Projector, WindowRulesNeedAWindow) {
  REQUIRE_CSDS();
  const std::vector<std::string> subject = {patient(), referral(), contact(), activity()};
  const Window november{"2026-11-01", "2026-11-30", "2026-12-05T02:00:00"};
  ProjectOptions options;
  EXPECT_TRUE(project(subject, {team()}, options).row("CYP201", "c1")->good);
  options.window = &november;
  const Seen seen = project(subject, {team()}, options);
  EXPECT_TRUE(seen.broke("CYP201", "c1", "L0482a"));
  EXPECT_FALSE(seen.row("CYP202", "p1")->good);
}

TEST(Projector, LineagePointsToTheElements) {
  REQUIRE_CSDS();
  const std::vector<std::string> subject = {patient(), referral(), contact(), activity()};
  const Seen seen = project(subject, {team()});
  const auto lineage = decodeLineage(seen.row("CYP201", "c1")->lineage);
  ASSERT_TRUE(lineage);
  const auto& fields = csds()->tables()[*csds()->findTable("CYP201")].fields;
  bool date = false, referral_id = false;
  for (const CellLineage& cell : *lineage) {
    for (const LineageElement& element : cell.elements) {
      ASSERT_GE(element.journal, 1U);
      ASSERT_LE(element.journal, 5U);
      const std::string& text = element.journal <= 4 ? subject[element.journal - 1] : subject[0];
      if (fields[cell.field].name == "Contact_Date") {
        date = true;
        EXPECT_EQ(element.journal, 3U);
        EXPECT_EQ(text.substr(element.offset, 16), "2026-10-05T10:00");
        fhir::Document document;
        fhir::JsonReader reader;
        ASSERT_TRUE(reader.read(text, document));
        EXPECT_EQ(elementPathAt(document, element.offset), "Encounter.period.start");
      }
      if (fields[cell.field].name == "ServiceRequestID" && element.journal == 2) referral_id = true;
    }
  }
  EXPECT_TRUE(date);
  EXPECT_TRUE(referral_id);
  EXPECT_EQ(encodeLineage(*lineage), seen.row("CYP201", "c1")->lineage);
  ProjectOptions off;
  off.lineage = false;
  EXPECT_EQ(project(subject, {team()}, off).row("CYP201", "c1")->lineage, "");
}

TEST(Projector, TheSameInputGivesTheSameBytes) {
  REQUIRE_CSDS();
  const std::vector<std::string> subject = {patient(), referral(), contact(), activity()};
  const Seen a = project(subject, {team()}), b = project(subject, {team()});
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    EXPECT_EQ(a.rows[i].key, b.rows[i].key);
    EXPECT_EQ(a.rows[i].cells, b.rows[i].cells);
    EXPECT_EQ(a.rows[i].lineage, b.rows[i].lineage);
  }
}

TEST(Projector, IssuesHoldNoPatientData) {
  REQUIRE_CSDS();
  const Seen seen = project(
      {patient(R"(,"address":[{"postalCode":"SECRETCODE"}],"birthDate":"1850-01-01")", "9990000019")});
  for (const RowIssue& issue : seen.issues) {
    for (const std::string_view secret : {"9990000019", "SECRETCODE", "1850"}) {
      EXPECT_EQ(issue.issue.text.find(secret), std::string::npos) << issue.issue.text;
      EXPECT_EQ(issue.issue.remedy.find(secret), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace tributary::collection::test
