#include "simulator/internal/writer.h"

#include <algorithm>

namespace tributary::simulator {

Id referralId(const Plan& plan, const Referral& r) {
  return Id(plan.id, "-r", r.number);
}
Id referralKey(const Plan& plan, const Referral& r) {
  return Id('S', Padded{plan.index, 7}, '-', r.number);
}
Id episodeId(const Plan& plan, const Referral& r, int team) {
  return Id(plan.id, "-r", r.number, "-e", team + 1);
}
Id contactId(const Plan& plan, const Referral& r, const Contact& c) {
  return Id(plan.id, "-r", r.number, "-c", c.number);
}
Id contactKey(const Plan& plan, const Referral& r, const Contact& c) {
  return Id('C', Padded{plan.index, 7}, '-', r.number, '-', c.number);
}
Id activityKey(const Plan& plan, const Referral& r, const Contact& c, int activity) {
  return Id('A', Padded{plan.index, 7}, '-', r.number, '-', c.number, '-', activity);
}
Id teamId(int service, int locality) {
  return Id("team-", kServiceTable[static_cast<std::size_t>(service)].key, '-', locality + 1);
}
Id practitionerId(int service, int locality, int staff) {
  return Id("prac-", kServiceTable[static_cast<std::size_t>(service)].key, '-', locality + 1, '-', staff + 1);
}
Id patientKey(const Plan& plan) {
  return Id('L', Padded{plan.index, 7});
}
Id commissionerId(int locality) {
  return Id("icb-", locality % kCommissioners + 1);
}
std::string_view siteOf(int place, int locality, Id& scratch) {
  // At home, in a care home or in a school there is no site of the provider.
  scratch = place >= 1 && place <= 3 ? Id("site-", locality + 1) : Id("home");
  return scratch;
}

void Writer::begin(std::string_view type, const Id& id, std::uint32_t version, Second at,
                   std::string_view profile) {
  type_ = type;
  id_ = id;
  version_ = version;
  // Milliseconds: the same for what one patient's record got in one second, so that equal timestamps do
  // occur.
  if (live_ == 0) {
    const Instant when{Duration{toUtc(at) * 1000 + static_cast<std::int64_t>(plan_.index * 7919 % 1000)}};
    at_ = std::min(when, options_.now);
  }
  out_.clear();
  put(R"({"resourceType":")", type, R"(","id":")", id);
  if (live_ == 0) {
    put(R"(","meta":{"versionId":")", version, R"(","lastUpdated":")", Utc{at_.time_since_epoch().count()},
        '"');
    if (!profile.empty())
      put(R"(,"profile":["https://fhir.hl7.org.uk/StructureDefinition/)", profile, R"("])");
    put("},");
  } else {
    put(R"(",)");
    if (!profile.empty())
      put(R"("meta":{"profile":["https://fhir.hl7.org.uk/StructureDefinition/)", profile, R"("]},)");
  }
}

void Writer::end() {
  put('}');
  sink_(Change{type_, id_, live_ != 0 ? 0 : version_, at_, false, out_});
}

void Writer::remove(std::string_view type, const Id& id, std::uint32_t version, Second at) {
  if (!options_.history) return;
  const Instant when{Duration{toUtc(at) * 1000 + static_cast<std::int64_t>(plan_.index * 7919 % 1000)}};
  sink_(Change{type, id, version, std::min(when, options_.now), true, {}});
}

void Writer::coding(std::string_view system, const Coded& coded) {
  put(R"({"system":")", system, R"(","code":")", coded.code, '"');
  if (!coded.display.empty()) put(R"(,"display":")", coded.display, '"');
  put('}');
}

void Writer::subject(std::string_view member) {
  put('"', member, R"(":{"reference":"Patient/)", plan_.id, R"("})");
}

void Writer::patient(std::uint64_t index) {
  makePlan(options_, numbers_, index, plan_);
  patientRecord();
  coverage();
  if (plan_.merged) mergedDuplicate();
  facts();
  for (std::size_t i = 0; i < plan_.referral_count; ++i) referral(plan_.referrals[i]);
}

}  // namespace tributary::simulator
