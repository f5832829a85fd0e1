#include <algorithm>

#include "simulator/internal/writer.h"

namespace tributary::simulator {
namespace {
const Service& serviceOf(const Referral& r) {
  return kServiceTable[static_cast<std::size_t>(r.service)];
}
// The second team of a referral: the next locality's of the same service.
int teamLocality(const Referral& r, int team) {
  return (r.locality + team) % kLocalities;
}
}  // namespace

void Writer::referral(const Referral& r) {
  const Second created = r.authored + 30;
  if (r.rejected || r.closed) {
    if (options_.history) serviceRequest(r, 1, created, false);
    const Second done = r.rejected ? r.received + 7200 : r.closed_on * kDaySeconds + 17 * 3600;
    serviceRequest(r, 2, cap(std::max(done, created + 1)), true);
  } else {
    serviceRequest(r, 1, created, true);
  }
  if (plan_.fault != FaultKind::kNoReceivedDate || r.number != 1) receipt(r);
  if (r.rejected) return;
  for (int n = 0; n < r.diagnoses; ++n) diagnosis(r, n, n == 2);
  episode(r, 0);
  if (r.second_team) episode(r, 1);
  if (r.onward) onward(r);
  if (r.letter) letter(r);
  if (r.assessment) scoreOfReferral(r);
  if (std::any_of(r.contacts.begin(), r.contacts.end(), [](const Contact& c) { return c.finding; }))
    finding(r);
  if (r.service == kVirtualWard) wardStay(r);
  for (const Contact& c : r.contacts) contact(r, c);
}

void Writer::waitingTime(const Referral& r) {
  const Service& service = serviceOf(r);
  put("," OWN_EXTENSION("waiting-time") R"("extension":[{"url":"type","valueCoding":)");
  coding(CSDS("waiting-time-measurement-type"), {service.waiting_type, ""});
  const Contact* treated = nullptr;
  for (const Contact& c : r.contacts) {
    if (treated == nullptr && c.attendance == Attendance::kAttended && !c.error && !c.deleted) treated = &c;
  }
  put(R"(},{"url":"status","valueCoding":)");
  coding(CSDS("referral-to-treatment-period-status"), {treated != nullptr ? "30" : "20", ""});
  put(R"(},{"url":"start","valueDateTime":")", DateTime{r.received}, R"("})");
  if (treated != nullptr) put(R"(,{"url":"end","valueDateTime":")", DateTime{treated->start}, R"("})");
  // Three in five come by the national booking service.
  if ((plan_.index + static_cast<unsigned>(r.number)) % 5 < 3)
    put(R"(,{"url":"booking-reference","valueString":")",
        Padded{100'000'000'000ULL + plan_.index * 10 + static_cast<unsigned>(r.number), 12}, R"("})");
  put(R"(,{"url":"pathway","valueIdentifier":{"system":")" TRIBUTARY_BASE
      R"(Id/patient-pathway-identifier","value":"PW)",
      Padded{plan_.index, 16}, Padded{static_cast<unsigned>(r.number), 2},
      R"(","assigner":{"identifier":{"system":")" ODS R"(","value":")", kProvider, R"("}}}}]})");
}

void Writer::serviceRequest(const Referral& r, std::uint32_t version, Second at, bool last) {
  const Service& service = serviceOf(r);
  const bool undated = plan_.fault == FaultKind::kNoReceivedDate && r.number == 1;
  begin("ServiceRequest", referralId(plan_, r), version, at, "UKCore-ServiceRequest");
  put(R"("extension":[)" UKCORE_EXTENSION("SourceOfServiceRequest") R"("valueCodeableConcept":{"coding":[)");
  if (r.source == 0) {
    coding(SNOMED, {"108161000000109", "Referred by general practitioner"});
    put(',');
  }
  coding(CSDS("source-of-referral-for-community"), kSources[r.source]);
  put("]}}");
  if (r.service_line) {
    put("," OWN_EXTENSION("service-line-agreement") R"("valueString":"SLA-)", service.key, '-', r.locality,
        R"("})");
  }
  if (r.waiting_time) waitingTime(r);
  put(R"(],"identifier":[{"system":")" TRIBUTARY_BASE R"(Id/service-request-identifier","value":")",
      referralKey(plan_, r), R"("},{"system":"https://fhir.nhs.uk/Id/UBRN","value":")",
      Padded{100'000'000'000ULL + plan_.index * 10 + static_cast<unsigned>(r.number), 12},
      R"("}],"status":")",
      !last || (!r.rejected && !r.closed) ? "active"
      : r.rejected                        ? "revoked"
                                          : "completed",
      R"(","intent":"order","priority":")",
      r.priority == 0   ? "routine"
      : r.priority == 1 ? "urgent"
                        : "asap",
      R"(","code":{"coding":[)");
  coding(SNOMED, {"3457005", "Patient referral"});
  put("]},");
  subject();
  if (!undated) put(R"(,"authoredOn":")", DateTime{r.authored}, '"');
  put(R"(,"requester":{"reference":"PractitionerRole/referrer-)", r.referrer,
      R"("},"performer":[{"reference":"CareTeam/)");
  if (plan_.fault == FaultKind::kTeamWithoutType && r.number == 1) {
    put("team-untyped");
  } else {
    put(teamId(r.service, r.locality));
  }
  if (r.second_team && !(plan_.fault == FaultKind::kTeamWithoutType && r.number == 1)) {
    put(R"("},{"reference":"CareTeam/)", teamId(r.service, teamLocality(r, 1)));
  }
  put(R"("}],"reasonCode":[{"coding":[)");
  coding(CSDS("primary-reason-for-referral-community-care"),
         {service.reasons[static_cast<std::size_t>(r.reason)], ""});
  put("]}");
  for (int n = 0; n < r.other_reasons; ++n) {
    static constexpr std::string_view kOther[] = {"031", "083", "048", "051"};
    put(R"(,{"coding":[)");
    coding(CSDS("other-reason-for-referral-community-care"), {kOther[(r.reason + n) % 4], ""});
    put("]}");
  }
  put(R"(],"insurance":[{"reference":"Coverage/)", plan_.id, R"(-cov"}])");
  end();
}

void Writer::receipt(const Referral& r) {
  const Id id(referralId(plan_, r), "-t");
  static constexpr std::string_view kRejections[] = {"01", "02", "03"};
  const Second decided = r.received + 7200;
  for (std::uint32_t version = 1; version <= (r.rejected ? 2U : 1U); ++version) {
    const bool last = version == 2 || !r.rejected;
    if (!wants(last)) continue;
    const Second at = version == 1 ? r.received + 60 : cap(decided);
    begin("Task", id, version, at, "UKCore-Task");
    put(R"("status":")", r.rejected && last ? "rejected" : "accepted", '"');
    if (r.rejected && last) {
      put(R"(,"statusReason":{"coding":[)");
      coding(CSDS("referral-rejection-reason"), {kRejections[static_cast<std::size_t>(r.reason) % 3], ""});
      put("]}");
    }
    put(R"(,"intent":"order","code":{"coding":[)");
    coding(ITEM_SYSTEM, {"referral-receipt", "Referral received"});
    put(R"(]},"focus":{"reference":"ServiceRequest/)", referralId(plan_, r), R"("},)");
    subject("for");
    put(R"(,"authoredOn":")", DateTime{r.received}, R"(","lastModified":")", DateTime{at},
        R"(","owner":{"reference":"CareTeam/)", teamId(r.service, r.locality), R"("})");
    end();
  }
}

void Writer::episode(const Referral& r, int team) {
  const Id id = episodeId(plan_, r, team);
  const Service& service = serviceOf(r);
  static constexpr std::string_view kReasons[] = {"01", "02", "03", "04", "05", "06", "07", "08", "09"};
  const Second opened = r.received + 900;
  for (std::uint32_t version = 1; version <= (r.closed ? 2U : 1U); ++version) {
    const bool finished = version == 2;
    if (!wants(finished || !r.closed)) continue;
    begin("EpisodeOfCare", id, version,
          finished ? cap(r.closed_on * kDaySeconds + 17 * 3600 + 60) : cap(opened), "UKCore-EpisodeOfCare");
    if (finished) {
      put(R"("extension":[)" OWN_EXTENSION("referral-closure-reason") R"("valueCoding":)");
      coding(CSDS("referral-closure-reason"), {kReasons[r.closure_reason], ""});
      put("}],");
    }
    put(R"("identifier":[{"system":")" TRIBUTARY_BASE R"(Id/episode-identifier","value":"E)",
        Padded{plan_.index, 7}, '-', r.number, '-', team, R"("}],"status":")",
        finished ? "finished" : "active", '"');
    const bool untyped = plan_.fault == FaultKind::kTeamWithoutType && r.number == 1;
    if (!untyped) {
      put(R"(,"type":[{"coding":[)");
      coding(CSDS("service-or-team-type-referred-to-community-care"), {service.team_type, service.name});
      put("]}]");
    }
    for (int n = 0; n < (team == 0 ? r.diagnoses : 0); ++n) {
      put(n == 0 ? R"(,"diagnosis":[)" : ",", R"({"condition":{"reference":"Condition/)",
          referralId(plan_, r), "-d", n, R"("},"rank":)", n + 1, '}');
    }
    if (team == 0 && r.diagnoses > 0) put(']');
    put(R"(,"patient":{"reference":"Patient/)", plan_.id,
        R"("},"managingOrganization":{"reference":"Organization/provider"})");
    if (!(plan_.fault == FaultKind::kNoReceivedDate && r.number == 1)) {
      Day end_day = r.closed_on;
      if (plan_.fault == FaultKind::kDischargeBeforeReferral && r.number == 1)
        end_day = dayOf(r.received) - 3;
      put(R"(,"period":{"start":")", DateTime{opened}, '"');
      if (finished) put(R"(,"end":")", Date{end_day}, '"');
      put('}');
    }
    put(R"(,"referralRequest":[{"reference":"ServiceRequest/)", referralId(plan_, r),
        R"("}],"team":[{"reference":"CareTeam/)");
    if (untyped) {
      put("team-untyped");
    } else {
      put(teamId(r.service, teamLocality(r, team)));
    }
    put(R"("}])");
    end();
  }
}

void Writer::diagnosis(const Referral& r, int n, bool provisional) {
  const Service& service = serviceOf(r);
  const auto& condition =
      service.conditions[static_cast<std::size_t>(r.condition + n) % service.conditions.size()];
  begin("Condition", Id(referralId(plan_, r), "-d", n), 1, cap(r.received + 1000 + n), "UKCore-Condition");
  put(R"("clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},)"
      R"("verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":")",
      provisional ? "provisional" : "confirmed",
      R"("}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}]}],)"
      R"("code":{"coding":[)");
  coding(SNOMED, condition);
  put("]},");
  subject();
  put(R"(,"recordedDate":")", Date{dayOf(r.received)}, '"');
  end();
}

void Writer::finding(const Referral& r) {
  const Service& service = serviceOf(r);
  begin("Condition", Id(referralId(plan_, r), "-f"), 1, cap(r.received + 1200), "UKCore-Condition");
  put(R"("clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},)"
      R"("category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}]}],)"
      R"("code":{"coding":[)");
  coding(SNOMED, service.conditions[static_cast<std::size_t>(r.condition)]);
  put("]},");
  subject();
  put(R"(,"recordedDate":")", Date{dayOf(r.received)}, '"');
  end();
}

void Writer::onward(const Referral& r) {
  static constexpr std::string_view kReasons[] = {"01", "02", "03", "04"};
  const Second at = cap(r.received + 2 * kDaySeconds);
  begin("ServiceRequest", Id(referralId(plan_, r), "-on"), 1, at, "UKCore-ServiceRequest");
  put(R"("basedOn":[{"reference":"ServiceRequest/)", referralId(plan_, r),
      R"("}],"status":"active","intent":"order","category":[{"coding":[)");
  coding(ITEM_SYSTEM, {"onward-referral", "Onward referral"});
  put("]}],");
  subject();
  put(R"(,"authoredOn":")", DateTime{at - 300},
      R"(","requester":{"reference":"Organization/provider"},)"
      R"("performer":[{"reference":"Organization/referrer-)",
      r.referrer % 3, R"("}],"reasonCode":[{"coding":[)");
  coding(CSDS("onward-referral-reason"), {kReasons[static_cast<std::size_t>(r.reason) % 4], ""});
  put("]}]");
  end();
}

void Writer::letter(const Referral& r) {
  const Second at = cap(r.closed_on * kDaySeconds + 18 * 3600);
  begin("DocumentReference", Id(referralId(plan_, r), "-l"), 1, at);
  put(R"("status":"current","type":{"coding":[)");
  coding(ITEM_SYSTEM, {"discharge-letter", "Discharge letter"});
  put(',');
  coding(SNOMED, {"823701000000103", "Discharge letter"});
  put("]},");
  subject();
  put(R"(,"date":")", Utc{toUtc(at) * 1000},
      R"(","custodian":{"reference":"Organization/provider"},"content":[{"attachment":)"
      R"({"contentType":"application/pdf","title":"Discharge letter"}}],"context":{"related":[{"reference":"ServiceRequest/)",
      referralId(plan_, r), R"("}]})");
  end();
}

void Writer::scoreOfReferral(const Referral& r) {
  Random random(plan_.seed ^ (0xB0U + static_cast<unsigned>(r.number)));
  const Second at = cap(r.received + kDaySeconds);
  begin("Observation", Id(referralId(plan_, r), "-s"), 1, at);
  put(R"("basedOn":[{"reference":"ServiceRequest/)", referralId(plan_, r),
      R"("}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"survey"}]}],"code":{"coding":[)");
  coding(SNOMED, plan_.age < 5
                     ? kAssessments[random.below(kAssessments.size())]
                     : Coded{"1036651000000102", "Musculoskeletal Health Questionnaire total score"});
  put("]},");
  subject();
  put(R"(,"effectiveDateTime":")", DateTime{at - 600}, R"(","valueInteger":)", random.between(5, 56));
  end();
}

}  // namespace tributary::simulator
