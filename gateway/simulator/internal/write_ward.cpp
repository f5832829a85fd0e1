#include <algorithm>

#include "simulator/internal/writer.h"

// Virtual wards: one Encounter a stay, with NEWS2 taken at home. The national minimum data set is not public;
// the shape follows NHS England's draft of April 2023 (class HH or VR, NEWS2 total -> sub-scores ->
// readings).
namespace tributary::simulator {
namespace {
constexpr Coded kPathways[kWards] = {{"frailty", "Frailty"},
                                     {"ari", "Acute respiratory infection"},
                                     {"heart-failure", "Heart failure"},
                                     {"other", "Other"}};
int wardOf(const Plan& plan) {
  return static_cast<int>(Random::mix(plan.index ^ 0x77) % kWards);
}
}  // namespace

void Writer::wards() {
  for (int w = 0; w < kWards; ++w) {
    // About one patient in 180 is on a ward at a time. The last ward has too few beds.
    const auto expected = std::max<std::uint64_t>(3, options_.patients / 180 / kWards);
    const std::uint64_t beds = w == kWards - 1 ? expected * 6 / 10 : expected * 13 / 10;
    begin("Location", Id("ward-", w + 1), 1, plan_.now - 400 * kDaySeconds, "UKCore-Location");
    // It began with half its beds.
    put(R"("extension":[)" OWN_EXTENSION(
            "virtual-ward-capacity") R"("extension":[{"url":"beds","valuePositiveInt":)",
        std::max<std::uint64_t>(1, beds / 2), R"(},{"url":"period","valuePeriod":{"start":")",
        Date{plan_.today - 400}, R"(","end":")", Date{plan_.today - 201}, R"("}}]},)" OWN_EXTENSION(
            "virtual-ward-capacity") R"("extension":[{"url":"beds","valuePositiveInt":)",
        std::max<std::uint64_t>(1, beds), R"(},{"url":"period","valuePeriod":{"start":")",
        Date{plan_.today - 200}, R"("}}]},)" OWN_EXTENSION("virtual-ward-pathway") R"("valueCoding":)");
    coding(TRIBUTARY_BASE "CodeSystem/virtual-ward-pathway", kPathways[w]);
    put("}," OWN_EXTENSION("virtual-ward-type") R"("valueCoding":)");
    coding(TRIBUTARY_BASE "CodeSystem/virtual-ward-type",
           w == 0 ? Coded{"hospital-at-home", "Hospital at home"} : Coded{"virtual-ward", "Virtual ward"});
    put(R"(}],"identifier":[{"system":")" TRIBUTARY_BASE R"(Id/virtual-ward","value":"VW)", w + 1,
        R"("},{"system":"https://fhir.nhs.uk/Id/ods-site-code","value":")", kProvider, "9", w + 1,
        R"("}],"status":"active","name":")", kPathways[w].display,
        R"( virtual ward","mode":"instance","type":[{"coding":[)");
    coding(TRIBUTARY_BASE "CodeSystem/location-type", {"virtual-ward", "Virtual ward"});
    put(R"(]}],"managingOrganization":{"reference":"Organization/provider"})");
    end();
  }
}

void Writer::wardStay(const Referral& r) {
  Random random(plan_.seed ^ (0x3A00U + static_cast<unsigned>(r.number)));
  const Id id(referralId(plan_, r), "-w");
  const Second start = r.received + random.between(3600, 5 * 3600);
  if (start + 1200 > plan_.now) return;
  // A stay rarely lasts longer than two weeks.
  Second finish = (r.closed ? r.closed_on : dayOf(start) + random.between(3, 14)) * kDaySeconds + 15 * 3600;
  finish = std::max(finish, start + 4 * 3600);
  const bool finished = finish + 900 < plan_.now;
  const bool step_up = random.chance(0.55);
  const bool technology = random.chance(0.6) || plan_.showcase;
  const int ward = wardOf(plan_);
  // One stay in eight moves to the next ward after two days.
  const Second moved = plan_.index % 8 == 7 && r.number % 2 == 1 ? start + 2 * kDaySeconds : 0;
  for (std::uint32_t version = 1; version <= (finished ? 2U : 1U); ++version) {
    const bool over = version == 2;
    if (!wants(over || !finished)) continue;
    const bool has_moved = moved != 0 && (over ? moved < finish : !finished && moved + 600 < plan_.now);
    begin("Encounter", id, version, cap(over ? finish + 600 : has_moved ? moved + 600 : start + 900), "UKCore-Encounter");
    put(R"("extension":[)" OWN_EXTENSION("virtual-ward-admission-type") R"("valueCoding":)");
    coding(TRIBUTARY_BASE "CodeSystem/virtual-ward-admission-type", {step_up ? "step-up" : "step-down", ""});
    put("}," OWN_EXTENSION("virtual-ward-pathway") R"("valueCoding":)");
    coding(TRIBUTARY_BASE "CodeSystem/virtual-ward-pathway", kPathways[ward]);
    put("}," OWN_EXTENSION("technology-enabled") R"("valueBoolean":)", technology ? "true" : "false",
        R"(}],"identifier":[{"system":")" TRIBUTARY_BASE R"(Id/virtual-ward-stay-identifier","value":"V)",
        Padded{plan_.index, 7}, '-', r.number, R"("}],"status":")", over ? "finished" : "in-progress",
        R"(","class":)");
    coding("http://terminology.hl7.org/CodeSystem/v3-ActCode",
           technology ? Coded{"VR", "virtual"} : Coded{"HH", "home health"});
    put(R"(,"type":[{"coding":[)");
    coding(ITEM_SYSTEM, {"virtual-ward-stay", "Virtual ward stay"});
    put(',');
    coding(SNOMED, {"270420001", "Seen in own home"});
    put("]}],");
    subject();
    put(R"(,"episodeOfCare":[{"reference":"EpisodeOfCare/)", episodeId(plan_, r, 0),
        R"("}],"basedOn":[{"reference":"ServiceRequest/)", referralId(plan_, r), R"("}],"period":{"start":")",
        DateTime{start}, '"');
    if (over) put(R"(,"end":")", DateTime{finish}, '"');
    put(R"(},"hospitalization":{"admitSource":{"coding":[)");
    coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-SourceOfAdmissionEngland", {step_up ? "19" : "51", ""});
    put("]}");
    if (over) {
      put(R"(,"dischargeDisposition":{"coding":[)");
      coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeDestinationEngland",
             {random.chance(0.9) ? "19" : "51", ""});
      put("]}");
    }
    put(R"(},"location":[{"location":{"reference":"Location/ward-)", ward + 1, R"("})");
    if (has_moved) {
      put(R"(,"status":"completed","period":{"start":")", DateTime{start}, R"(","end":")", DateTime{moved},
          R"("}},{"location":{"reference":"Location/ward-)", (ward + 1) % kWards + 1,
          R"("},"period":{"start":")", DateTime{moved}, '"');
      if (over) put(R"(,"end":")", DateTime{finish}, '"');
      put('}');
    }
    put(R"(}],"serviceProvider":{"reference":"Organization/provider"})");
    end();
  }
  const int sets = technology ? 2 : 1;
  for (int n = 0; n < sets; ++n) {
    const Second at = start + (2 + 20 * n) * 3600;
    if (at + 600 < plan_.now && at < finish) news2(id, n + 1, at, random);
  }
}

namespace {
struct Reading {
  std::string_view suffix;
  Coded raw;
  std::string_view unit;
  Coded score;
};
constexpr Reading kReadings[] = {
    {"rr", {"86290005", "Respiratory rate"}, "/min", {"1104301000000104", "NEWS2 respiration score"}},
    {"spo2",
     {"103228002", "Hemoglobin saturation with oxygen"},
     "%",
     {"1104311000000102", "NEWS2 oxygen saturation scale 1 score"}},
    {"air", {"722742002", "Breathing room air"}, "", {"1104331000000105", "NEWS2 air or oxygen score"}},
    {"sbp",
     {"72313002", "Systolic arterial pressure"},
     "mm[Hg]",
     {"1104341000000101", "NEWS2 systolic blood pressure score"}},
    {"hr", {"364075005", "Heart rate"}, "/min", {"1104351000000103", "NEWS2 pulse score"}},
    {"acvpu", {"1104441000000107", "ACVPU scale"}, "", {"1104361000000100", "NEWS2 consciousness score"}},
    {"temp", {"276885007", "Core body temperature"}, "Cel", {"1104371000000107", "NEWS2 temperature score"}},
};
constexpr Coded kScale2 = {"1104321000000108", "NEWS2 oxygen saturation scale 2 score"};

// Royal College of Physicians, NEWS2 (2017).
int scoreOf(std::string_view suffix, int v, bool scale2) {
  // Scale 2 (hypercapnic respiratory failure), breathing air.
  if (suffix == "spo2" && scale2) return v <= 83 ? 3 : v <= 85 ? 2 : v <= 87 ? 1 : 0;
  if (suffix == "rr") return v <= 8 ? 3 : v <= 11 ? 1 : v <= 20 ? 0 : v <= 24 ? 2 : 3;
  if (suffix == "spo2") return v <= 91 ? 3 : v <= 93 ? 2 : v <= 95 ? 1 : 0;
  if (suffix == "sbp") return v <= 90 ? 3 : v <= 100 ? 2 : v <= 110 ? 1 : v <= 219 ? 0 : 3;
  if (suffix == "hr") return v <= 40 ? 3 : v <= 50 ? 1 : v <= 90 ? 0 : v <= 110 ? 1 : v <= 130 ? 2 : 3;
  if (suffix == "temp") return v <= 350 ? 3 : v <= 360 ? 1 : v <= 380 ? 0 : v <= 390 ? 1 : 2;  // tenths
  return 0;
}
}  // namespace

void Writer::news2(const Id& stay, int n, Second at, Random& random) {
  int total = 0;
  const bool scale2 = Random::mix(plan_.index ^ 0x52) % 6 == 0;
  const auto head = [&](const Id& id, const Coded& code) {
    begin("Observation", id, 1, cap(at + 120));
    put(R"("status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[)");
    coding(SNOMED, code);
    put("]},");
    subject();
    put(R"(,"encounter":{"reference":"Encounter/)", stay, R"("},"effectiveDateTime":")", DateTime{at},
        R"(",)");
  };
  for (const Reading& reading : kReadings) {
    int value = 0;
    const Id raw(stay, "-n", n, '-', reading.suffix);
    head(raw, reading.raw);
    if (reading.suffix == "air") {
      put(R"("valueBoolean":true)");
    } else if (reading.suffix == "acvpu") {
      put(R"("valueCodeableConcept":{"coding":[)");
      coding(SNOMED, {"248234008", "Mentally alert"});
      put("]}");
    } else {
      value = reading.suffix == "rr"     ? random.between(12, 25)
              : reading.suffix == "spo2" ? random.between(90, 99)
              : reading.suffix == "sbp"  ? random.between(98, 160)
              : reading.suffix == "hr"   ? random.between(58, 118)
                                         : random.between(360, 388);
      put(R"("valueQuantity":{"value":)");
      if (reading.suffix == "temp") {
        put(value / 10, '.', value % 10);
      } else {
        put(value);
      }
      put(R"(,"unit":")", reading.unit, R"(","system":")" UCUM R"(","code":")", reading.unit, R"("})");
    }
    end();
    const int score = scoreOf(reading.suffix, value, scale2);
    total += score;
    head(Id(raw, 's'), scale2 && reading.suffix == "spo2" ? kScale2 : reading.score);
    put(R"("valueInteger":)", score, R"(,"derivedFrom":[{"reference":"Observation/)", raw, R"("}])");
    end();
  }
  // Read with the systolic pressure; it does not score.
  head(Id(stay, "-n", n, "-dbp"), {"1091811000000102", "Diastolic arterial pressure"});
  put(R"("valueQuantity":{"value":)", 60 + static_cast<int>(Random::mix(plan_.index + static_cast<unsigned>(n)) % 30),
      R"(,"unit":"mm[Hg]","system":")" UCUM R"(","code":"mm[Hg]"})");
  end();
  head(Id(stay, "-n", n), {"1104051000000101", "Royal College of Physicians NEWS2 total score"});
  put(R"("valueInteger":)", total, R"(,"hasMember":[)");
  for (const Reading& reading : kReadings) {
    put(&reading == kReadings ? "" : ",", R"({"reference":"Observation/)", stay, "-n", n, '-', reading.suffix,
        R"(s"})");
  }
  put(']');
  end();
}

}  // namespace tributary::simulator
