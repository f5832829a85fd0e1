#include <algorithm>

#include "simulator/internal/writer.h"

namespace tributary::simulator {
namespace {
constexpr std::string_view kGenders[] = {"female", "male", "other", "unknown"};
struct Carer {
  std::string_view code, role, display;  // national code, v3-RoleCode
};
constexpr Carer kParents[] = {{"BPM", "NMTH", "Biological mother"}, {"BPF", "NFTH", "Biological father"}};
constexpr Carer kAdultCarers[] = {{"CHD", "DAUC", "Daughter"},      {"CHS", "SONC", "Son"},
                                  {"ORS", "SIS", "Sister"},         {"ORB", "BRO", "Brother"},
                                  {"RCX", "", "Residential carer"}, {"NOX", "", "None - lives alone"}};
constexpr std::string_view kPostcodeLetters = "ABDEFGHJLNPQRSTUWXYZ";
}  // namespace

void Writer::nhsIdentifier(std::uint64_t number, int status) {
  static constexpr Coded kStatus[] = {
      {"01", "Number present and verified"},
      {"02", "Number present but not traced"},
      {"03", "Trace required"},
      {"04", "Trace attempted - No match or multiple match found"},
      {"05", "Trace needs to be resolved - (NHS number or patient detail conflict)"},
      {"06", "Trace in progress"},
      {"07", "Number not present and trace not required"},
      {"08", "Trace postponed (baby under six weeks old)"}};
  put(R"({"extension":[)" UKCORE_EXTENSION(
      "NHSNumberVerificationStatus") R"("valueCodeableConcept":{"coding":[)");
  coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", kStatus[status - 1]);
  put(R"(]}}],"system":"https://fhir.nhs.uk/Id/nhs-number")");
  if (number != 0) put(R"(,"value":")", Padded{number, 10}, '"');
  put('}');
}

void Writer::identifiers() {
  put(R"("identifier":[)");
  std::uint64_t number = plan_.nhs;
  if (plan_.fault == FaultKind::kNhsNumberChecksum) number = number / 10 * 10 + (number % 10 + 1) % 10;
  nhsIdentifier(number, plan_.nhs_status);
  put(R"(,{"system":")" TRIBUTARY_BASE R"(Id/local-patient-identifier","value":")", patientKey(plan_),
      R"(","assigner":{"identifier":{"system":")" ODS R"(","value":")", kProvider, R"("}}})");
  put("],");
}

void Writer::patientNames() {
  Random random(plan_.seed ^ 0xA1);
  const auto& given = plan_.gender == 1 ? kMaleNames : kFemaleNames;
  put(R"("active":true,"name":[{"use":"official","family":")",
      kFamilyNames[random.below(kFamilyNames.size())], R"(","given":[")",
      given[random.below(static_cast<std::uint32_t>(given.size()))],
      R"("]}],"telecom":[{"system":"phone","value":"01632 96)", Padded{random.below(10000), 4},
      R"("}],"gender":")", kGenders[plan_.gender], R"(","birthDate":")");
  put(Date{plan_.fault == FaultKind::kBirthInFuture ? plan_.today + 60 : plan_.born}, '"');
}

void Writer::patientVersion(std::uint32_t version, Second at, bool moved, bool dead) {
  begin("Patient", plan_.id, version, at, "UKCore-Patient");
  Random random(plan_.seed ^ 0xA2);
  put(R"("extension":[)" UKCORE_EXTENSION("EthnicCategory") R"("valueCodeableConcept":{"coding":[)");
  const Weighted& ethnicity = kEthnicities[static_cast<std::size_t>(plan_.ethnicity)];
  const bool unknown = plan_.fault == FaultKind::kUnknownEthnicity;
  coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland",
         unknown ? Coded{"Q", "Not in the list"} : Coded{ethnicity.code, ethnicity.display});
  put("]}}");
  if (plan_.showcase || random.chance(0.03)) {
    // A pilot item: the gateway must hold it back. Its code list is not published.
    put("," OWN_EXTENSION("ethnic-category-2021") R"("valueCodeableConcept":{"coding":[)");
    coding(CSDS("ethnic-category-2021"), {"W1", ""});
    put("]}}");
  }
  if (plan_.showcase || random.chance(0.02)) {
    static constexpr std::string_view kCategories[] = {"B", "C", "E", "F", "P"};
    put("," OWN_EXTENSION("overseas-visitor-charging") R"("extension":[{"url":"category","valueCoding":)");
    coding(CSDS("overseas-visitor-charging-category"), {random.pick(kCategories), ""});
    put(R"(},{"url":"applied","valueDate":")", Date{plan_.today - 200}, R"("},{"url":"end","valueDate":")",
        Date{plan_.today + 165}, R"("}]})");
  }
  put("],");
  identifiers();
  patientNames();
  if (dead) put(R"(,"deceasedDateTime":")", Date{plan_.died}, '"');
  const auto& town = kTowns[static_cast<std::size_t>(plan_.locality)];
  Random address(plan_.seed ^ (moved ? 0xA3U : 0xA4U));
  put(R"(,"address":[{"use":"home","type":"physical","line":[")", address.between(1, 180), ' ',
      kStreets[address.below(kStreets.size())], R"("],"city":")", town.display, R"(","postalCode":")",
      town.code, ' ');
  if (plan_.fault == FaultKind::kBadPostcode) {
    put("ABC");
  } else {
    put(address.between(1, 9), kPostcodeLetters[address.below(20)], kPostcodeLetters[address.below(20)]);
  }
  put(R"("}],"contact":[{"extension":[)" UKCORE_EXTENSION(
      "ContactRank") R"("valuePositiveInt":1}],"relationship":[{"coding":[)");
  const Carer& carer = plan_.age < 18 ? random.pick(kParents) : random.pick(kAdultCarers);
  coding(CSDS("person-relationship-main-carer"), {carer.code, carer.display});
  if (!carer.role.empty()) {
    put(',');
    coding("http://terminology.hl7.org/CodeSystem/v3-RoleCode", {carer.role, ""});
  }
  put("]}]}");
  if (plan_.age >= 4 && plan_.age < 18) {
    put(R"(,{"relationship":[{"coding":[)");
    coding(ITEM_SYSTEM, {"education-establishment", ""});
    put(R"(]}],"organization":{"identifier":{"system":")" ODS R"(","value":"EE999)",
        Padded{random.below(40), 3}, R"("}}})");
  }
  const Weighted& language = kLanguages[static_cast<std::size_t>(plan_.language)];
  put(R"(],"communication":[{"language":{"coding":[)");
  coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-HumanLanguage", {language.code, language.display});
  put(R"(]},"preferred":true}],"generalPractitioner":[{"extension":[)" OWN_EXTENSION(
      "gp-registration") R"("valuePeriod":{"start":")");
  const Day registered = std::max(plan_.born + 1, plan_.today - random.between(400, 6000));
  // The national side takes the end of a registration only in its month.
  const Day change = plan_.today - static_cast<Day>(civil(plan_.today).day) + 1;
  put(Date{moved ? change : registered}, R"("}}],"reference":"Organization/gp-)");
  if (plan_.fault == FaultKind::kBadPracticeCode) {
    put("bad");
  } else {
    put(plan_.practice);
  }
  put(R"("})");
  if (moved && plan_.born < change - 1) {
    put(R"(,{"extension":[)" OWN_EXTENSION("gp-registration") R"("valuePeriod":{"start":")",
        Date{std::min(registered, change - 1)}, R"(","end":")", Date{change},
        R"("}}],"reference":"Organization/gp-)", (plan_.practice + 7) % kPractices, R"("})");
  }
  put(R"(],"managingOrganization":{"reference":"Organization/provider"})");
  end();
}

void Writer::patientRecord() {
  const Referral& first = plan_.referrals[0];
  Second at = first.authored - 900;
  if (plan_.late && !first.contacts.empty() && first.contacts[0].attendance != Attendance::kBooked) {
    at = cap(recorded(first.contacts[0]) + 6 * 3600);
  }
  const bool died = plan_.died != 0;
  const std::uint32_t last = 1U + (plan_.moved ? 1U : 0U) + (died ? 1U : 0U);
  std::uint32_t version = 1;
  if (wants(version == last)) patientVersion(version, at, false, false);
  if (plan_.moved) {
    ++version;
    at = cap(at + 2 * kDaySeconds);
    if (wants(version == last)) patientVersion(version, at, true, false);
  }
  if (died) {
    ++version;
    at = std::max(at + 60, cap((plan_.died + 1) * kDaySeconds + 10 * 3600));
    patientVersion(version, at, plan_.moved, true);
  }
}

// Somebody registered this person a second time (as yet without NHS number); the records were merged later:
// the duplicate became inactive and points to this one, and its observation moved over.
void Writer::mergedDuplicate() {
  const Id duplicate(plan_.id, "-dup");
  const Second created = plan_.referrals[0].authored - 400;
  const Second merged = cap(created + kDaySeconds);
  for (std::uint32_t version = 1; version <= 2; ++version) {
    if (!wants(version == 2)) continue;
    begin("Patient", duplicate, version, version == 1 ? created : merged, "UKCore-Patient");
    put(R"("identifier":[)");
    nhsIdentifier(0, 3);
    put(R"(,{"system":")" TRIBUTARY_BASE R"(Id/local-patient-identifier","value":"D)", Padded{plan_.index, 7},
        R"(","assigner":{"identifier":{"system":")" ODS R"(","value":")", kProvider, R"("}}}],)");
    patientNames();
    std::string& text = out_;
    if (version == 2) {
      const auto active = text.find("\"active\":true");
      text.replace(active, 13, "\"active\":false");
      put(R"(,"link":[{"other":{"reference":"Patient/)", plan_.id, R"("},"type":"replaced-by"}])");
    }
    end();
  }
  for (std::uint32_t version = 1; version <= 2; ++version) {
    if (!wants(version == 2)) continue;
    begin("Observation", Id(duplicate, "-1"), version, version == 1 ? created + 30 : merged);
    put(R"("status":"final","code":{"coding":[)");
    coding(ITEM_SYSTEM, {"accommodation-status", ""});
    put(R"(]},"subject":{"reference":"Patient/)", version == 1 ? duplicate : plan_.id,
        R"("},"effectiveDateTime":")", Date{dayOf(created)}, R"(","valueCodeableConcept":{"coding":[)");
    coding(CSDS("accommodation-status-code"), {"MA01", "Owner occupier"});
    put("]}");
    end();
  }
}

void Writer::mother() {
  Random random(plan_.seed ^ 0xA5);
  begin("RelatedPerson", Id(plan_.id, "-mother"), 1, plan_.referrals[0].authored - 800,
        "UKCore-RelatedPerson");
  put(R"("identifier":[)");
  nhsIdentifier(plan_.mother_nhs, 1);
  put(R"(],"active":true,"patient":{"reference":"Patient/)", plan_.id, R"("},"relationship":[{"coding":[)");
  coding("http://terminology.hl7.org/CodeSystem/v3-RoleCode", {"MTH", "mother"});
  put(R"(]}],"name":[{"use":"official","family":")", kFamilyNames[random.below(kFamilyNames.size())],
      R"(","given":[")", kFemaleNames[random.below(kFemaleNames.size())], R"("]}],"gender":"female")");
  end();
}

void Writer::coverage() {
  begin("Coverage", Id(plan_.id, "-cov"), 1, plan_.referrals[0].authored - 700);
  put(R"("status":"active","type":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-FundingCategory","code":"nhs"}]},)"
      R"("beneficiary":{"reference":"Patient/)",
      plan_.id, R"("},"payor":[{"reference":"Organization/)", commissionerId(plan_.locality), R"("}])");
  end();
}

}  // namespace tributary::simulator
