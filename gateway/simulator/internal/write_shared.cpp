#include "simulator/internal/writer.h"

// What belongs to the provider and not to a patient.
namespace tributary::simulator {
namespace {
constexpr Second kLongAgo = 500 * kDaySeconds;  // shared records stand since then
}

void Writer::organisations() {
  const auto one = [&](const Id& id, std::string_view code, std::string_view name) {
    begin("Organization", id, 1, plan_.now - kLongAgo, "UKCore-Organization");
    put(R"("identifier":[{"system":")" ODS R"(","value":")", code, R"("}],"active":true,"name":")", name,
        '"');
    end();
  };
  one(Id("provider"), kProvider, "Northmoor Community Health (simulated)");
  for (int i = 0; i < kCommissioners; ++i) {
    one(commissionerId(i), Id("99Z", Padded{static_cast<unsigned>(i + 1), 2}),
        Id("Northmoor Integrated Care Board ", i + 1));
  }
  for (int i = 0; i < kPractices; ++i) {
    one(Id("gp-", i), Id("A999", Padded{static_cast<unsigned>(i + 10), 2}),
        Id("Practice ", i + 1, " (simulated)"));
  }
  one(Id("gp-bad"), "A9", "A practice with a wrong code (simulated)");  // for the fault kBadPracticeCode
  for (int i = 0; i < kReferrers; ++i) {
    const Coded& referrer = kReferrerTable[static_cast<std::size_t>(i)];
    one(Id("referrer-", i), referrer.code, referrer.display);
  }
}

void Writer::places() {
  const auto one = [&](const Id& id, std::string_view site, std::string_view name) {
    begin("Location", id, 1, plan_.now - kLongAgo, "UKCore-Location");
    put(R"("identifier":[{"system":"https://fhir.nhs.uk/Id/ods-site-code","value":")", site,
        R"("}],"status":"active","name":")", name,
        R"(","managingOrganization":{"reference":"Organization/provider"})");
    end();
  };
  for (int i = 0; i < kLocalities; ++i) {
    one(Id("site-", i + 1), Id(kProvider, Padded{static_cast<unsigned>(i + 1), 2}),
        Id("Health Centre ", i + 1));
  }
  one(Id("home"), "R9998", "Not a hospital site");
  wards();
}

void Writer::teams() {
  for (int s = 0; s < kServices; ++s) {
    const Service& service = kServiceTable[static_cast<std::size_t>(s)];
    begin("HealthcareService", Id("service-", service.key), 1, plan_.now - kLongAgo,
          "UKCore-HealthcareService");
    put(R"("identifier":[{"system":")" TRIBUTARY_BASE R"(Id/healthcare-service","value":"HS-)", service.key,
        R"("}],"active":true,"providedBy":{"reference":"Organization/provider"},"type":[{"coding":[)");
    coding(CSDS("service-or-team-type-referred-to-community-care"), {service.team_type, service.name});
    put(R"(]}],"name":")", service.name, '"');
    end();
    for (int l = 0; l < kLocalities; ++l) {
      begin("CareTeam", teamId(s, l), 1, plan_.now - kLongAgo, "UKCore-CareTeam");
      put(R"("identifier":[{"system":")" TRIBUTARY_BASE R"(Id/team-identifier","value":"T-)", service.key,
          '-', l + 1, R"("}],"status":"active","category":[{"coding":[)");
      coding(CSDS("service-or-team-type-referred-to-community-care"), {service.team_type, service.name});
      put(R"(]}],"name":")", service.name, ' ', kTowns[static_cast<std::size_t>(l)].display,
          R"(","managingOrganization":[{"reference":"Organization/provider"}])");
      end();
    }
  }
  // For the fault kTeamWithoutType.
  begin("CareTeam", Id("team-untyped"), 1, plan_.now - kLongAgo, "UKCore-CareTeam");
  put(R"("identifier":[{"system":")" TRIBUTARY_BASE
      R"(Id/team-identifier","value":"T-untyped"}],"status":"active","name":"A team without a type")");
  end();
}

void Writer::staff() {
  unsigned number = 0;
  for (int s = 0; s < kServices; ++s) {
    const Service& service = kServiceTable[static_cast<std::size_t>(s)];
    for (int l = 0; l < kLocalities; ++l) {
      for (int n = 0; n < kStaffPerTeam; ++n) {
        ++number;
        Random random(options_.seed ^ (0x57AFFULL * number));
        const Id id = practitionerId(s, l, n);
        begin("Practitioner", id, 1, plan_.now - kLongAgo, "UKCore-Practitioner");
        put(R"("identifier":[{"system":")" TRIBUTARY_BASE R"(Id/care-professional-identifier","value":"W)",
            Padded{number, 5}, R"("}],"active":true,"name":[{"family":")",
            kFamilyNames[random.below(kFamilyNames.size())], R"(","given":[")",
            kFemaleNames[random.below(kFemaleNames.size())],
            R"("]}],"qualification":[{"identifier":[{"value":")", service.body == "09" ? "99X" : "PH",
            Padded{number + 1000, 5}, service.body == "09" ? "E" : "", R"("}],"code":{"coding":[)");
        coding(CSDS("professional-registration-body-code"), {service.body, ""});
        put("]}}]");
        end();
        begin("PractitionerRole", Id(id, "-role"), 1, plan_.now - kLongAgo, "UKCore-PractitionerRole");
        put(R"("active":true,"practitioner":{"reference":"Practitioner/)", id,
            R"("},"organization":{"reference":"Organization/provider"},"code":[{"coding":[)");
        coding(CSDS("care-professional-staff-group-community-care"), {service.staff_group, ""});
        put("]},{\"coding\":[");
        coding(CSDS("occupation-code"), {service.occupation, ""});
        put("]},{\"coding\":[");
        coding(CSDS("care-professional-job-role-code"), {service.job_role, ""});
        put("]}]");
        end();
      }
    }
  }
  static constexpr std::string_view kGroups[kReferrers] = {"M02", "N33", "A02", "C07",
                                                           "M03", "M03", "M03", "N04"};
  for (int i = 0; i < kReferrers; ++i) {
    begin("PractitionerRole", Id("referrer-", i), 1, plan_.now - kLongAgo, "UKCore-PractitionerRole");
    put(R"("active":true,"organization":{"reference":"Organization/referrer-)", i,
        R"("},"code":[{"coding":[)");
    coding(CSDS("referring-care-professional-staff-group-mental-health-and-community-care"),
           {kGroups[i], ""});
    put("]}]");
    end();
  }
}

void Writer::groupSessions() {
  static constexpr std::string_view kTypes[] = {"01", "02", "03", "05", "07", "98"};
  const auto count = static_cast<int>(3 + options_.patients / 400);
  for (int n = 1; n <= count; ++n) {
    Random random(options_.seed ^ (0x6B0ULL * static_cast<unsigned>(n)));
    // The first days of the caseload's month, so that its file has some.
    const Day day =
        plan_.today - random.between(0, n <= 3 ? std::max(0, static_cast<int>(civil(plan_.today).day) - 1)
                                               : options_.history_days);
    const Second start = day * kDaySeconds + 10 * 3600;
    if (start + 7200 > plan_.now) continue;
    const int locality = random.between(0, kLocalities - 1);
    const int minutes = 15 * random.between(3, 8);
    begin("Encounter", Id("group-", n), 1, start + 7200, "UKCore-Encounter");
    put(R"("extension":[)" OWN_EXTENSION("group-session") R"("extension":[{"url":"type","valueCoding":)");
    coding(CSDS("group-session-type-community-care"), {random.pick(kTypes), ""});
    put(R"(},{"url":"participants","valueInteger":)", random.between(3, 18),
        R"(}]},)" OWN_EXTENSION("service-line-agreement") R"("valueString":"SLA-GRP-)", locality,
        R"("}],"identifier":[{"system":")" TRIBUTARY_BASE R"(Id/group-session-identifier","value":"G)",
        Padded{static_cast<unsigned>(n), 7}, R"("}],"status":"finished","class":)");
    coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", {"AMB", "ambulatory"});
    put(R"(,"participant":[{"individual":{"reference":"Practitioner/)",
        practitionerId(kHealthVisiting, locality, n % kStaffPerTeam), R"("}}],"period":{"start":")",
        DateTime{start}, R"(","end":")", DateTime{start + minutes * 60}, R"("},"length":{"value":)", minutes,
        R"(,"unit":"min","system":")" UCUM
        R"(","code":"min"},"location":[{"location":{"reference":"Location/site-)",
        locality + 1, R"("},"physicalType":{"coding":[)");
    coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-EncounterLocationTypeEngland",
           {"K01", "Sure Start Children's Centre"});
    put(R"(]}}],"serviceProvider":{"reference":"Organization/provider"})");
    end();
  }
}

void Writer::selfAssessments() {
  const auto count = static_cast<int>(3 + options_.patients / 500);
  for (int n = 1; n <= count; ++n) {
    Random random(options_.seed ^ (0xA550ULL * static_cast<unsigned>(n)));
    const Day day =
        plan_.today - random.between(0, n <= 3 ? std::max(0, static_cast<int>(civil(plan_.today).day) - 1)
                                               : options_.history_days);
    begin("Observation", Id("anonymous-", n), 1, cap(day * kDaySeconds + 16 * 3600));
    put(R"("extension":[)" OWN_EXTENSION("location-type") R"("valueCoding":)");
    coding(CSDS("activity-location-type-code"), {random.chance(0.5) ? "B01" : "N03", ""});
    put(R"(}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category",)"
        R"("code":"survey"}]}],"code":{"coding":[)");
    coding(SNOMED, {"1036651000000102", "Musculoskeletal Health Questionnaire total score"});
    put(R"(]},"effectiveDateTime":")", Date{day}, R"(","valueInteger":)", random.between(10, 56));
    end();
  }
}

void Writer::shared() {
  plan_.now = toLocal(options_.now.time_since_epoch().count() / 1000);
  plan_.today = dayOf(plan_.now);
  organisations();
  places();
  teams();
  staff();
  groupSessions();
  selfAssessments();
}

}  // namespace tributary::simulator
