#include <algorithm>

#include "simulator/internal/writer.h"

namespace tributary::simulator {

// An Observation about one item of the national model that has no official code (CodeSystem/community-item).
void Writer::itemBegin(std::string_view slug, Day day, std::string_view category) {
  day = std::min(day, plan_.today);
  begin("Observation", Id(plan_.id, '-', slug), 1, cap(day * kDaySeconds + 12 * 3600));
  put(R"("status":"final",)");
  if (!category.empty()) {
    put(R"("category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":")",
        category, R"("}]}],)");
  }
  put(R"("code":{"coding":[)");
  coding(ITEM_SYSTEM, {slug, ""});
  put("]},");
  subject();
  put(R"(,"effectiveDateTime":")", Date{day}, '"');
}

void Writer::item(std::string_view slug, std::string_view list, std::string_view code, Day day) {
  itemBegin(slug, day);
  put(R"(,"valueCodeableConcept":{"coding":[)");
  coding(list, {code, ""});
  put("]}");
  end();
}

void Writer::component(bool first, std::string_view slug, std::string_view list, std::string_view code) {
  put(first ? R"(,"component":[)" : ",", R"({"code":{"coding":[)");
  coding(ITEM_SYSTEM, {slug, ""});
  put(R"(]},"valueCodeableConcept":{"coding":[)");
  coding(list, {code, ""});
  put("]}}");
}

void Writer::flag(int n, std::string_view list, std::string_view code, Day start, Day end_day) {
  begin("Flag", Id(plan_.id, "-flag", n), 1, cap(std::min(start, plan_.today) * kDaySeconds + 13 * 3600));
  put(R"("status":")", end_day != 0 && end_day <= plan_.today ? "inactive" : "active",
      R"(","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/flag-category","code":"safety"}]}],"code":{"coding":[)");
  coding(list, {code, ""});
  put("]},");
  subject();
  put(R"(,"period":{"start":")", Date{start}, '"');
  if (end_day != 0) put(R"(,"end":")", Date{end_day}, '"');
  put('}');
  end();
}

void Writer::facts() {
  Random random(plan_.seed ^ 0xF0);
  const Day day = dayOf(plan_.referrals[0].received);
  if (plan_.mother_nhs != 0) mother();
  if (plan_.age < 18) childFacts(random, day);
  if (plan_.age == 0 && plan_.main_service == kHealthVisiting) newbornFacts(random);
  if (plan_.age >= 18) adultFacts(random, day);
  if (plan_.main_service == kEndOfLife || plan_.died != 0) endOfLifeFacts(random, day);
  if (plan_.age < 5 || plan_.main_service == kSchoolNursing) immunisations(random);
  if (maybe(random, plan_.main_service == kEndOfLife ? 0.8 : 0.2)) carePlan(random, day);
  if (maybe(random, 0.15)) {
    static constexpr std::string_view kDisabilities[] = {"02", "03", "04", "05", "08", "09", "10", "NN"};
    static constexpr std::string_view kImpacts[] = {"01", "02", "03", "04"};
    itemBegin("disability", day);
    put(R"(,"valueCodeableConcept":{"coding":[)");
    coding(CSDS("disability-code"), {random.pick(kDisabilities), ""});
    put("]}");
    component(true, "disability-impact", CSDS("disability-impact-perception"), random.pick(kImpacts));
    put(']');
    end();
    if (maybe(random, 0.3)) {
      item("constant-supervision", CSDS("constant-supervision-and-care-required-due-to-disability-indicator"),
           random.chance(0.2) ? "Y" : "N", day);
    }
  }
}

void Writer::childFacts(Random& random, Day day) {
  static constexpr std::string_view kFactors[] = {"02", "03", "04", "08", "10", "13", "98"};
  static constexpr std::string_view kReasons[] = {"01", "02", "03", "04"};
  if (maybe(random, 0.5)) {
    item("looked-after-child", CSDS("looked-after-child-indicator"),
         random.chance(0.03)   ? "Y"
         : random.chance(0.03) ? "X"
                               : "N",
         day);
  }
  const bool vulnerable = random.chance(0.06) || plan_.showcase;
  if (vulnerable || random.chance(0.4)) {
    item("safeguarding-vulnerability", CSDS("safeguarding-vulnerability-factors-indicator"),
         vulnerable ? "Y" : "N", day);
  }
  if (vulnerable) {
    flag(1, CSDS("safeguarding-vulnerability-factors-type"), random.pick(kFactors), day, 0);
    if (maybe(random, 0.3)) {
      const bool over = plan_.showcase || random.chance(0.3);
      flag(2, CSDS("child-protection-plan-reason-code"), random.pick(kReasons),
           std::max(plan_.born, day - 90), over ? plan_.today - 1 : 0);
    }
  }
  if (plan_.age >= 5 && maybe(random, 0.4)) {
    const bool need = plan_.showcase || random.chance(0.2);
    item("educational-assessment", CSDS("educational-assessment-outcome"),
         need && random.chance(0.6) ? "05" : "01", day);
    if (need) {
      static constexpr std::string_view kNeeds[] = {"01", "02", "03", "04", "05", "06", "07", "08"};
      item("special-educational-need", CSDS("special-educational-need-type"), random.pick(kNeeds), day);
    }
  }
}

void Writer::newbornFacts(Random& random) {
  const Day born = plan_.born;
  if (maybe(random, 0.7)) {
    begin("Encounter", Id(plan_.id, "-antenatal"), 1, cap((born + 1) * kDaySeconds + 14 * 3600),
          "UKCore-Encounter");
    put(R"("status":"finished","class":)");
    coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", {"PRENC", "pre-admission"});
    put(R"(,"type":[{"coding":[)");
    coding(ITEM_SYSTEM, {"first-antenatal-visit", "Health visitor first antenatal visit"});
    put("]}],");
    subject();
    const Second at = (born - random.between(20, 80)) * kDaySeconds + 10 * 3600;
    put(R"(,"period":{"start":")", DateTime{at}, R"(","end":")", DateTime{at + 2700}, R"("})");
    end();
  }
  if (maybe(random, 0.9) && born + 4 <= plan_.today) {
    const bool referred = plan_.showcase || random.chance(0.03);
    itemBegin("newborn-hearing-screening", born + 3);
    put(R"(,"valueCodeableConcept":{"coding":[)");
    coding(CSDS("newborn-hearing-screening-outcome"),
           {referred ? random.chance(0.5) ? "03" : "04" : "01", ""});
    put("]}");
    if (referred) {
      static constexpr std::string_view kOutcomes[] = {"01", "02", "03", "04", "05"};
      component(true, "audiology-outcome", CSDS("newborn-hearing-audiology-outcome"), random.pick(kOutcomes));
      put(R"(,{"code":{"coding":[)");
      coding(ITEM_SYSTEM, {"audiology-referral-date", ""});
      put(R"(]},"valueDateTime":")", Date{born + 4}, R"("},{"code":{"coding":[)");
      coding(ITEM_SYSTEM, {"audiology-procedure-date", ""});
      put(R"(]},"valueDateTime":")", Date{std::min(born + 25, plan_.today)}, R"("}])");
    }
    end();
  }
  if (maybe(random, 0.9) && born + 14 <= plan_.today) bloodSpot(random);
  if (maybe(random, 0.7) && born + 46 <= plan_.today) {
    static constexpr std::string_view kParts[] = {"hips", "heart", "eyes", "testes"};
    static constexpr std::string_view kLists[] = {
        CSDS("infant-physical-examination-result-hips"), CSDS("infant-physical-examination-result-heart"),
        CSDS("infant-physical-examination-result-eyes"), CSDS("infant-physical-examination-result-testes")};
    itemBegin("infant-physical-examination", born + 45);
    for (int i = 0; i < 4; ++i) {
      const bool absent = i == 3 && plan_.gender != 1;
      component(i == 0, kParts[i], kLists[i],
                absent                ? "NN"
                : random.chance(0.96) ? "01"
                : random.chance(0.5)  ? "02"
                                      : "03");
    }
    put(']');
    end();
  }
}

void Writer::bloodSpot(Random& random) {
  const Day born = plan_.born;
  struct Test {
    std::string_view slug, list;
  };
#define SPOT(name) CSDS("newborn-blood-spot-test-outcome-status-code-" name)
  static constexpr Test kTests[] = {{"phenylketonuria", SPOT("phenylketonuria")},
                                    {"sickle-cell-disease", SPOT("sickle-cell-disease")},
                                    {"cystic-fibrosis", SPOT("cystic-fibrosis")},
                                    {"congenital-hypothyroidism", SPOT("congenital-hypothyroidism")},
                                    {"mcadd", SPOT("medium-chain-acyl-coa-dehydrogenase-deficiency")},
                                    {"homocystinuria", SPOT("homocystinuria")},
                                    {"maple-syrup-urine-disease", SPOT("maple-syrup-urine-disease")},
                                    {"glutaric-aciduria-type-1", SPOT("glutaric-aciduria-type-1")},
                                    {"isovaleric-acidaemia", SPOT("isovaleric-aciduria")}};
#undef SPOT
  const Second issued = cap((born + 12) * kDaySeconds + 9 * 3600);
  for (const Test& test : kTests) {
    begin("Observation", Id(plan_.id, "-spot-", test.slug), 1, issued);
    put(R"("status":"final","code":{"coding":[)");
    coding(ITEM_SYSTEM, {test.slug, ""});
    put("]},");
    subject();
    put(R"(,"effectiveDateTime":")", Date{born + 5}, R"(","valueCodeableConcept":{"coding":[)");
    coding(test.list, {random.chance(0.985) ? "04" : "08", ""});
    put("]}");
    end();
  }
  begin("DiagnosticReport", Id(plan_.id, "-spot"), 1, issued);
  put(R"("status":"final","code":{"coding":[)");
  coding(ITEM_SYSTEM, {"newborn-blood-spot", "Newborn blood spot screening"});
  put("]},");
  subject();
  put(R"(,"effectiveDateTime":")", Date{born + 5}, R"(","issued":")", Utc{toUtc(issued) * 1000},
      R"(","result":[)");
  bool first = true;
  for (const Test& test : kTests) {
    put(first ? "" : ",", R"({"reference":"Observation/)", plan_.id, "-spot-", test.slug, R"("})");
    first = false;
  }
  put(']');
  end();
}

void Writer::adultFacts(Random& random, Day day) {
  if (maybe(random, 0.3)) {
    static constexpr std::string_view kHomes[] = {"MA01", "MA01", "MA01", "MA04", "MA05",
                                                  "MA06", "SH01", "CH03", "SH03", "HM05"};
    item("accommodation-status", CSDS("accommodation-status-code"), random.pick(kHomes), day);
  }
  if (plan_.age < 67 && maybe(random, 0.4)) {
    const bool works = random.chance(0.6);
    static constexpr std::string_view kHours[] = {"01", "02", "03", "04"};
    static constexpr std::string_view kIdle[] = {"02", "04", "05", "05"};
    itemBegin("employment-status", day);
    put(R"(,"valueCodeableConcept":{"coding":[)");
    coding(CSDS("employment-status"), {works ? "01" : random.pick(kIdle), ""});
    put("]}");
    component(true, "weekly-hours-worked", CSDS("weekly-hours-worked"), works ? random.pick(kHours) : "98");
    put(']');
    end();
  }
  if (maybe(random, 0.2)) {
    static constexpr Coded kFacts[] = {
        {"105529008", "Lives alone"}, {"224484003", "Patient has a carer"}, {"73438004", "Unemployed"}};
    begin("Observation", Id(plan_.id, "-circumstance"), 1, cap(day * kDaySeconds + 12 * 3600));
    put(R"("status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category",)"
        R"("code":"social-history"}]}],"code":{"coding":[)");
    coding(SNOMED, {"160476009", "Social / personal history observable"});
    put("]},");
    subject();
    put(R"(,"effectiveDateTime":")", Date{day}, R"(","valueCodeableConcept":{"coding":[)");
    coding(SNOMED, random.pick(kFacts));
    put("]}");
    end();
  }
  const int past = random.chance(0.5) || plan_.showcase ? random.between(1, 2) : 0;
  const auto& conditions = kServiceTable[kLongTerm].conditions;
  const int start = random.between(0, 3);
  for (int n = 0; n < past; ++n) {
    begin("Condition", Id(plan_.id, "-past", n), 1, cap(day * kDaySeconds + 11 * 3600), "UKCore-Condition");
    put(R"("clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},)"
        R"("verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},)"
        R"("category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],)"
        R"("code":{"coding":[)");
    coding(SNOMED, conditions[static_cast<std::size_t>(start + n) % conditions.size()]);
    put("]},");
    subject();
    put(R"(,"onsetDateTime":")", Date{std::max(plan_.born + 6000, day - random.between(300, 5000))},
        R"(","recordedDate":")", Date{day}, '"');
    end();
  }
  if (maybe(random, 0.06)) {
    static constexpr Coded kDevices[] = {
        {"6012004", "Hearing aid"}, {"58938008", "Wheelchair"}, {"266724001", "Walking frame"}};
    begin("DeviceRequest", Id(plan_.id, "-device"), 1, cap((day + 1) * kDaySeconds + 15 * 3600));
    put(R"("status":"completed","intent":"order","codeCodeableConcept":{"coding":[)");
    coding(SNOMED, random.pick(kDevices));
    put("]},");
    subject();
    put(R"(,"authoredOn":")", Date{std::min(day + 1, plan_.today)}, '"');
    end();
  }
}

void Writer::endOfLifeFacts(Random& random, Day day) {
  static constexpr std::string_view kDeathPlaces[] = {"21", "21", "22", "30", "41", "10"};
  item("risk-of-unexpected-death", CSDS("person-at-risk-of-unexpected-death-indicator"),
       random.chance(0.2) ? "Y" : "N", day);
  const bool discussed = plan_.showcase || random.chance(0.75);
  item("preferred-death-location-discussed", CSDS("preferred-death-location-discussed-indicator"),
       discussed ? "Y" : "N", day);
  const std::string_view wanted = random.pick(kDeathPlaces);
  if (discussed) item("preferred-death-location", CSDS("death-location-type-code-preferred"), wanted, day);
  if (plan_.died == 0) return;
  const bool elsewhere = plan_.showcase || random.chance(0.4);
  const std::string_view actual = elsewhere ? wanted == "10" ? "41" : "10" : wanted;
  item("actual-death-location", CSDS("death-location-type-code-actual"), actual, plan_.died);
  if (discussed && elsewhere) {
    static constexpr std::string_view kWhy[] = {"01", "02", "03", "04", "07"};
    item("death-not-at-preferred-location", CSDS("death-not-at-preferred-location-reason"), random.pick(kWhy),
         plan_.died);
  }
}

void Writer::carePlan(Random& random, Day day) {
  const Second created = std::min(day * kDaySeconds + 14 * 3600 + random.between(0, 3000), plan_.now - 3600);
  static constexpr std::string_view kAgreed[] = {"10", "11", "12", "13"};
  begin("CarePlan", Id(plan_.id, "-plan"), 1, cap(created + 1800), "UKCore-CarePlan");
  put(R"("extension":[)");
  const int agreements = plan_.showcase ? 2 : random.between(1, 2);
  for (int n = 0; n < agreements; ++n) {
    put(n == 0 ? "" : ",", OWN_EXTENSION("care-plan-agreement") R"("extension":[{"url":"by","valueCoding":)");
    coding(CSDS("care-plan-agreed-by"), {n == 0 ? "10" : random.pick(kAgreed), ""});
    put(R"(},{"url":"date","valueDateTime":")", DateTime{created + 900 + n * 60}, R"("}]})");
  }
  put(R"(],"identifier":[{"system":")" TRIBUTARY_BASE R"(Id/care-plan-identifier","value":"P)",
      Padded{plan_.index, 7}, R"("}],"status":"active","intent":"plan","category":[{"coding":[)");
  coding(CSDS("care-plan-type-community-care"), {plan_.age < 18 && plan_.age > 12 ? "01"
                                                 : random.chance(0.15)            ? "02"
                                                                                  : "03",
                                                 ""});
  put("]}],");
  subject();
  put(R"(,"period":{"start":")", Date{dayOf(created)}, R"("},"created":")", DateTime{created}, '"');
  end();
}

void Writer::immunisations(Random& random) {
  struct Vaccine {
    std::string_view type;  // national childhood immunisation type; empty: none
    Coded procedure;        // SNOMED CT
  };
  static constexpr Vaccine kInfant[] = {
      {"120", {"868631000000102", "Rotavirus vaccination"}}, {"150", {"", ""}}, {"090", {"", ""}}};
  static constexpr Vaccine kToddler[] = {
      {"060", {"170433008", "Administration of second dose of MMR vaccine"}}, {"140", {"", ""}}};
  static constexpr Vaccine kSchool[] = {{"170", {"", ""}},
                                        {"110", {"33879002", "Administration of vaccine"}}};
  const int count = plan_.showcase ? 2 : random.between(0, 2);
  for (int n = 0; n < count; ++n) {
    const Vaccine& v = plan_.age < 1 ? kInfant[n] : plan_.age < 5 ? kToddler[n % 2] : kSchool[n % 2];
    const Day day = std::max(plan_.today - random.between(0, 25), plan_.born + 1);
    begin("Immunization", Id(plan_.id, "-imm", n), 1, cap(day * kDaySeconds + 15 * 3600),
          "UKCore-Immunization");
    if (!v.procedure.code.empty()) {
      put(R"("extension":[)" UKCORE_EXTENSION(
          "VaccinationProcedure") R"("valueCodeableConcept":{"coding":[)");
      coding(SNOMED, v.procedure);
      put("]}}],");
    }
    put(R"("status":"completed","vaccineCode":{"coding":[)");
    coding(CSDS("childhood-immunisation-type-children-and-young-peoples-health-services"), {v.type, ""});
    put("]},");
    subject("patient");
    put(R"(,"occurrenceDateTime":")", Date{day},
        R"(","performer":[{"actor":{"reference":"Organization/provider"}}])");
    end();
  }
}

}  // namespace tributary::simulator
