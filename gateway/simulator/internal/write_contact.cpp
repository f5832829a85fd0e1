#include <algorithm>

#include "simulator/internal/writer.h"

namespace tributary::simulator {
namespace {
const Service& serviceOf(const Referral& r) {
  return kServiceTable[static_cast<std::size_t>(r.service)];
}
bool seen(const Contact& c) {
  return c.attendance == Attendance::kAttended || c.attendance == Attendance::kLateSeen;
}
constexpr Coded kClasses[] = {{"HH", "home health"}, {"AMB", "ambulatory"}, {"VR", "virtual"}};
const Coded& classOf(const Contact& c) {
  return c.mechanism != 0 ? kClasses[2] : c.place == 0 || c.place == 4 ? kClasses[0] : kClasses[1];
}
}  // namespace

// Faults of a contact sit on the first one that was attended.
static bool carriesFault(const Plan& plan, const Referral& r, const Contact& c, FaultKind kind) {
  if (plan.fault != kind || r.number != 1) return false;
  for (const Contact& x : r.contacts) {
    if (x.attendance == Attendance::kAttended && !x.error && !x.deleted) return x.number == c.number;
  }
  return false;
}

void Writer::contact(const Referral& r, const Contact& c) {
  if (c.appointment || !seen(c)) appointment(r, c);
  if (!seen(c)) return;
  encounter(r, c, false);
  if (carriesFault(plan_, r, c, FaultKind::kDuplicateContactId)) encounter(r, c, true);
  activities(r, c);
}

void Writer::appointment(const Referral& r, const Contact& c) {
  const Id id(referralId(plan_, r), "-a", c.number);
  const Second booked = std::max(r.received + 1800, c.start - 9 * kDaySeconds);
  const std::uint32_t last = c.attendance == Attendance::kBooked ? 1 : c.error ? 3 : 2;
  for (std::uint32_t version = 1; version <= last; ++version) {
    if (!wants(version == last)) continue;
    const Attendance state = version == 1 ? Attendance::kBooked : c.attendance;
    const bool cancelled =
        state == Attendance::kCancelledByPatient || state == Attendance::kCancelledByProvider;
    const Second cancelled_at = std::max(booked + 60, c.start - 20 * 3600);
    Second at = version == 1 ? booked : cancelled ? cancelled_at : c.start + 600;
    if (version > 1 && seen(c)) at = recorded(c) + (version == 3 ? 5400 : 0);
    begin("Appointment", id, version, cap(at), "UKCore-Appointment");
    static constexpr std::string_view kChannels[] = {"In-person", "Telephone", "Video"};
    put(R"("extension":[)" OWN_EXTENSION("reasonable-offer-date") R"("valueDate":")",
        Date{dayOf(r.received) + 2}, R"("},)" OWN_EXTENSION("clinically-appropriate-date") R"("valueDate":")",
        Date{dayOf(r.received) + 1}, R"("})");
    if (c.mechanism < 3) {
      put("," UKCORE_EXTENSION("DeliveryChannel") R"("valueCodeableConcept":{"coding":[)");
      coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-DeliveryChannel", {kChannels[c.mechanism], ""});
      put("]}}");
    }
    if (state == Attendance::kLateNotSeen) {
      put("," OWN_EXTENSION("attendance-status") R"("valueCoding":)");
      coding(CSDS("attendance-status"), {"7", "Patient arrived late and could not be seen"});
      put('}');
    }
    if (cancelled) {
      put("," OWN_EXTENSION("cancellation-date") R"("valueDateTime":")", DateTime{cancelled_at},
          R"("},)" OWN_EXTENSION("replacement-offered-date") R"("valueDate":")", Date{dayOf(c.start) + 3},
          R"("})");
      // One in four does not want another one.
      if (plan_.index % 4 != 0)
        put("," OWN_EXTENSION("replacement-booked-date") R"("valueDate":")", Date{dayOf(c.start) + 7}, R"("})");
    }
    put(R"(],"identifier":[{"system":")" TRIBUTARY_BASE R"(Id/care-contact-identifier","value":")",
        contactKey(plan_, r, c), R"("}],"status":")");
    put(version == 3                   ? "entered-in-error"
        : state == Attendance::kBooked ? "booked"
        : cancelled                    ? "cancelled"
        : seen(c)                      ? "fulfilled"
                                       : "noshow",
        '"');
    if (cancelled) {
      put(R"(,"cancelationReason":{"coding":[)");
      coding("http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason",
             {state == Attendance::kCancelledByPatient ? "pat" : "prov", ""});
      put(',');
      coding(CSDS("care-contact-cancellation-reason"), {c.staff % 2 == 0 ? "01" : "02", ""});
      put("]}");
    }
    put(R"(,"appointmentType":{"coding":[)");
    coding(CSDS("consultation-type"), {c.first ? "01" : "02", c.first ? "First" : "Follow up"});
    put(R"(]},"basedOn":[{"reference":"ServiceRequest/)", referralId(plan_, r), R"("}],"start":")",
        Utc{toUtc(c.start) * 1000}, R"(","end":")", Utc{toUtc(c.start + c.minutes * 60) * 1000},
        R"(","minutesDuration":)", c.minutes, R"(,"created":")", DateTime{cap(booked)},
        R"(","participant":[{"actor":{"reference":"Patient/)", plan_.id,
        R"("},"status":"accepted"},{"actor":{"reference":"Practitioner/)",
        practitionerId(r.service, r.locality, c.staff),
        R"("},"status":"accepted"},{"actor":{"reference":"Location/)");
    Id scratch;
    put(siteOf(c.place, r.locality, scratch), R"("},"status":"accepted"}])");
    end();
  }
}

void Writer::encounter(const Referral& r, const Contact& c, bool duplicate) {
  const Id id = duplicate ? Id(contactId(plan_, r, c), "x") : contactId(plan_, r, c);
  const bool dangling = carriesFault(plan_, r, c, FaultKind::kDanglingReferral);
  const bool lost = carriesFault(plan_, r, c, FaultKind::kDanglingPatient);
  const bool backwards = carriesFault(plan_, r, c, FaultKind::kContactEndBeforeStart);
  const std::uint32_t last = c.error ? 2 : 1;
  for (std::uint32_t version = 1; version <= last; ++version) {
    if (c.deleted && !options_.history) return;
    if (!wants(version == last)) continue;
    begin("Encounter", id, version, cap(version == 1 ? recorded(c) : recorded(c) + 5400), "UKCore-Encounter");
    put(R"("extension":[)" OWN_EXTENSION("care-team") R"("valueReference":{"reference":"CareTeam/)");
    if (plan_.fault == FaultKind::kTeamWithoutType && r.number == 1) {
      put("team-untyped");
    } else {
      put(teamId(r.service, r.locality));
    }
    put(R"("}},)" OWN_EXTENSION("administrative-category") R"("valueCoding":)");
    coding(CSDS("administrative-category-code"), {"01", "NHS patient"});
    put("}," OWN_EXTENSION("care-contact-subject") R"("valueCoding":)");
    coding(CSDS("care-contact-subject"), {c.proxy ? "02" : "01", c.proxy ? "Patient Proxy" : "Patient"});
    put("}," OWN_EXTENSION("group-therapy") R"("valueCoding":)");
    coding(CSDS("group-therapy-indicator"), {c.group ? "Y" : "N", ""});
    put('}');
    const bool told_elsewhere = c.mechanism == 0 || (c.appointment && c.mechanism < 3);
    if (!told_elsewhere || c.number % 2 == 0) {
      put("," OWN_EXTENSION("consultation-mechanism") R"("valueCoding":)");
      coding(CSDS("consultation-mechanism-community-care"), kMechanisms[c.mechanism]);
      put('}');
    }
    if (c.attendance == Attendance::kLateSeen) {
      put("," OWN_EXTENSION("attendance-status") R"("valueCoding":)");
      coding(CSDS("attendance-status"), {"6", "Arrived late, but was seen"});
      put('}');
    }
    put(R"(],"identifier":[{"system":")" TRIBUTARY_BASE R"(Id/care-contact-identifier","value":")",
        contactKey(plan_, r, c), R"("}],"status":")", version == 2 ? "entered-in-error" : "finished",
        R"(","class":)");
    coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", classOf(c));
    put(R"(,"type":[{"coding":[)");
    coding(CSDS("consultation-type"), {c.first ? "01" : "02", c.first ? "First" : "Follow up"});
    put(R"(]}],"subject":{"reference":"Patient/)", plan_.id, lost ? "-nobody" : "", R"("})");
    if (!dangling && !lost)
      put(R"(,"episodeOfCare":[{"reference":"EpisodeOfCare/)", episodeId(plan_, r, 0), R"("}])");
    put(R"(,"basedOn":[{"reference":"ServiceRequest/)", referralId(plan_, r),
        dangling || lost ? "-nothing" : "", R"("}],"participant":[{"individual":{"reference":"Practitioner/)",
        practitionerId(r.service, r.locality, c.staff), R"("}}])");
    if (c.appointment)
      put(R"(,"appointment":[{"reference":"Appointment/)", referralId(plan_, r), "-a", c.number, R"("}])");
    const Second end_at = backwards ? c.start - 1800 : c.start + c.minutes * 60;
    put(R"(,"period":{"start":")", DateTime{c.start}, R"(","end":")", DateTime{end_at}, R"("})");
    if (!backwards) {
      put(R"(,"length":{"value":)", c.minutes, R"(,"unit":"min","system":")" UCUM R"(","code":"min"})");
    }
    Id scratch;
    put(R"(,"location":[{"location":{"reference":"Location/)", siteOf(c.place, r.locality, scratch),
        R"("},"physicalType":{"coding":[)");
    coding("https://fhir.hl7.org.uk/CodeSystem/UKCore-EncounterLocationTypeEngland", kPlaces[c.place]);
    put(R"(]}}],"serviceProvider":{"reference":"Organization/provider"})");
    end();
  }
  if (c.deleted) remove("Encounter", id, last + 1, cap(recorded(c) + 7200));
}

int activityCount(const Plan& plan, const Referral& r, const Contact& c) {
  return c.minutes >= 30 &&
                 Random::mix(plan.seed ^ static_cast<unsigned>(r.number * 4096 + c.number)) % 4 == 0
             ? 2
             : 1;
}

void Writer::activities(const Referral& r, const Contact& c) {
  const Service& service = serviceOf(r);
  Random random(plan_.seed ^ (0xC000U + static_cast<unsigned>(r.number * 4096 + c.number)));
  const auto which =
      static_cast<std::size_t>(random.below(static_cast<std::uint32_t>(service.activities.size())));
  const int count = activityCount(plan_, r, c);
  const bool lost = carriesFault(plan_, r, c, FaultKind::kDanglingPatient);
  for (int n = 1; n <= count; ++n) {
    const ActivityKind& kind =
        service.activities[(which + static_cast<std::size_t>(n)) % service.activities.size()];
    const Id id(contactId(plan_, r, c), "-p", n);
    const std::uint32_t last = c.error ? 2 : 1;
    for (std::uint32_t version = 1; version <= last; ++version) {
      if (c.deleted && !options_.history) break;
      if (!wants(version == last)) continue;
      begin("Procedure", id, version, cap(version == 1 ? recorded(c) : recorded(c) + 5400),
            "UKCore-Procedure");
      put(R"("identifier":[{"system":")" TRIBUTARY_BASE R"(Id/care-activity-identifier","value":")",
          activityKey(plan_, r, c, n), R"("}],"status":")", version == 2 ? "entered-in-error" : "completed",
          R"(","category":{"coding":[)");
      std::string_view type = kind.type;
      if (r.service == kHealthVisiting) {
        const Day age = dayOf(c.start) - plan_.born;
        type = age <= 21 ? "08" : age <= 80 ? "09" : age <= 500 ? "10" : "11";
      }
      if (n == 1 && carriesFault(plan_, r, c, FaultKind::kBadActivityType)) type = "ASSESSMENT";
      coding(CSDS("community-care-activity-type"), {type, ""});
      put(R"(]},"code":{"coding":[)");
      coding(SNOMED, kind.procedure);
      put(R"(]},"subject":{"reference":"Patient/)", plan_.id, lost ? "-nobody" : "",
          R"("},"encounter":{"reference":"Encounter/)", contactId(plan_, r, c),
          R"("},"performedPeriod":{"start":")", DateTime{c.start + (n - 1) * c.minutes * 60 / count},
          R"(","end":")", DateTime{c.start + n * c.minutes * 60 / count},
          R"("},"performer":[{"actor":{"reference":"Practitioner/)",
          practitionerId(r.service, r.locality, c.staff), R"("}}])");
      if (n == 1 && c.finding)
        put(R"(,"reasonReference":[{"reference":"Condition/)", referralId(plan_, r), R"(-f"}])");
      end();
    }
    if (c.deleted) remove("Procedure", id, last + 1, cap(recorded(c) + 7200));
  }
  if (c.error || c.deleted || lost) return;
  if (c.observation || carriesFault(plan_, r, c, FaultKind::kValueWithoutUnit)) vitalSign(r, c, count + 1);
  if (c.measures) {
    measurement(r, c, "w");
    measurement(r, c, plan_.age < 2 ? "l" : "h");
  }
  if (c.breastfeeding) measurement(r, c, "b");
  if (c.assessment) measurement(r, c, "s");
}

// Measured within the contact's first activity (Observation.partOf).
void Writer::measurement(const Referral& r, const Contact& c, std::string_view suffix) {
  Random random(plan_.seed ^ (0xD000U + static_cast<unsigned>(c.number * 16 + suffix[0] % 16)));
  begin("Observation", Id(contactId(plan_, r, c), "-", suffix), 1, cap(recorded(c)));
  put(R"("partOf":[{"reference":"Procedure/)", contactId(plan_, r, c), R"(-p1"}],"status":"final",)");
  const bool survey = suffix == "s";
  put(R"("category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":")",
      survey          ? "survey"
      : suffix == "b" ? "social-history"
                      : "vital-signs",
      R"("}]}],"code":{"coding":[)");
  const int age_days = std::max(1, dayOf(c.start) - plan_.born);
  if (suffix == "w") coding(SNOMED, {"27113001", "Body weight"});
  if (suffix == "h") coding(SNOMED, {"50373000", "Body height measure"});
  if (suffix == "l") coding(ITEM_SYSTEM, {"infant-length", "Length of infant"});
  if (suffix == "b") coding(ITEM_SYSTEM, {"breastfeeding-status", "Breastfeeding status"});
  if (survey) {
    coding(SNOMED, plan_.age < 5
                       ? kAssessments[random.below(kAssessments.size())]
                       : Coded{"1036651000000102", "Musculoskeletal Health Questionnaire total score"});
  }
  put("]},");
  subject();
  put(R"(,"encounter":{"reference":"Encounter/)", contactId(plan_, r, c), R"("},"effectiveDateTime":")",
      DateTime{c.start + 600}, R"(","performer":[{"reference":"Practitioner/)",
      practitionerId(r.service, r.locality, c.staff), R"("}],)");
  if (suffix == "w") {
    const int grams = plan_.age < 2 ? 3300 + age_days * 18 + random.between(-300, 300)
                                    : (plan_.age < 18 ? 10 + plan_.age * 3 : random.between(52, 98)) * 1000 +
                                          random.between(0, 9) * 100;
    put(R"("valueQuantity":{"value":)", grams / 1000, '.', Padded{static_cast<unsigned>(grams % 1000), 3},
        R"(,"unit":"kg","system":")" UCUM R"(","code":"kg"})");
  } else if (suffix == "h") {
    const int cm = plan_.age < 18 ? 85 + plan_.age * 5 : random.between(150, 188);
    put(R"("valueQuantity":{"value":)", cm / 100, '.', Padded{static_cast<unsigned>(cm % 100), 2},
        R"(,"unit":"m","system":")" UCUM R"(","code":"m"})");
  } else if (suffix == "l") {
    const int mm = std::min(990, 500 + age_days + random.between(-15, 15));
    put(R"("valueQuantity":{"value":)", mm / 10, '.', mm % 10,
        R"(,"unit":"cm","system":")" UCUM R"(","code":"cm"})");
  } else if (suffix == "b") {
    static constexpr std::string_view kStatus[] = {"01", "02", "03"};
    put(R"("valueCodeableConcept":{"coding":[)");
    coding(CSDS("breastfeeding-status"), {random.pick(kStatus), ""});
    put("]}");
  } else {
    put(R"("valueInteger":)", random.between(5, 56));
  }
  end();
}

void Writer::vitalSign(const Referral& r, const Contact& c, int activity) {
  struct Sign {
    Coded code;
    std::string_view unit;
    int low, high;
  };
  static constexpr Sign kSigns[] = {{{"364075005", "Heart rate"}, "/min", 58, 104},
                                    {{"72313002", "Systolic arterial pressure"}, "mm[Hg]", 102, 168},
                                    {{"86290005", "Respiratory rate"}, "/min", 12, 24},
                                    {{"103228002", "Hemoglobin saturation with oxygen"}, "%", 89, 100}};
  Random random(plan_.seed ^ (0xE000U + static_cast<unsigned>(c.number)));
  const Sign& sign = random.pick(kSigns);
  begin("Observation", Id(contactId(plan_, r, c), "-v"), 1, cap(recorded(c)));
  put(R"("identifier":[{"system":")" TRIBUTARY_BASE R"(Id/care-activity-identifier","value":")",
      activityKey(plan_, r, c, activity),
      R"("}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[)");
  coding(SNOMED, sign.code);
  put("]},");
  subject();
  put(R"(,"encounter":{"reference":"Encounter/)", contactId(plan_, r, c), R"("},"effectiveDateTime":")",
      DateTime{c.start + 300}, R"(","performer":[{"reference":"Practitioner/)",
      practitionerId(r.service, r.locality, c.staff), R"("}],"valueQuantity":{"value":)",
      random.between(sign.low, sign.high));
  if (!carriesFault(plan_, r, c, FaultKind::kValueWithoutUnit)) {
    put(R"(,"unit":")", sign.unit, R"(","system":")" UCUM R"(","code":")", sign.unit, '"');
  }
  put('}');
  end();
}

}  // namespace tributary::simulator
