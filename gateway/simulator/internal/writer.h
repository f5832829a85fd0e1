#pragma once
#include <string>
#include <string_view>

#include "simulator/caseload.h"
#include "simulator/internal/plan.h"
#include "simulator/internal/text.h"

// Literals that concatenate at compile time: a resource is a handful of appends of long constants.
#define TRIBUTARY_BASE "https://tributary.health/fhir/"
#define CSDS(list) TRIBUTARY_BASE "CodeSystem/csds-" list
#define OWN_EXTENSION(name) "{\"url\":\"" TRIBUTARY_BASE "StructureDefinition/" name "\","
#define UKCORE_EXTENSION(name) \
  "{\"url\":\"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-" name "\","
#define ITEM_SYSTEM TRIBUTARY_BASE "CodeSystem/community-item"
#define SNOMED "http://snomed.info/sct"
#define UCUM "http://unitsofmeasure.org"
#define ODS "https://fhir.nhs.uk/Id/ods-organization-code"

namespace tributary::simulator {

// Writes resources one after the other into one buffer that keeps its memory.
class Writer {
 public:
  Writer(const CaseloadOptions& options, const NhsNumbers& numbers, const ChangeSink& sink)
      : options_(options), numbers_(numbers), sink_(sink) {}

  void shared();
  void patient(std::uint64_t index);
  void live(std::uint64_t n, Instant at);

 private:
  // One resource: begin, append, end. `at` is local time; `millisecond` keeps versions apart.
  void begin(std::string_view type, const Id& id, std::uint32_t version, Second at,
             std::string_view profile = {});
  void end();
  void remove(std::string_view type, const Id& id, std::uint32_t version, Second at);
  // Whether this version is to be written: the last one always, earlier ones only with history.
  bool wants(bool last) const { return last || options_.history; }
  Second cap(Second at) const { return at > plan_.now ? plan_.now : at; }

  template <class... Parts>
  void put(const Parts&... parts) {
    add(out_, parts...);
  }
  void coding(std::string_view system, const Coded& coded);
  void subject(std::string_view member = "subject");

  // write_patient.cpp
  void patientRecord();
  void patientVersion(std::uint32_t version, Second at, bool moved, bool dead);
  void patientNames();
  void identifiers();
  void nhsIdentifier(std::uint64_t number, int status);
  void mergedDuplicate();
  void mother();
  void coverage();
  // write_facts.cpp
  void facts();
  void childFacts(Random& random, Day day);
  void newbornFacts(Random& random);
  void bloodSpot(Random& random);
  void adultFacts(Random& random, Day day);
  void endOfLifeFacts(Random& random, Day day);
  void carePlan(Random& random, Day day);
  void immunisations(Random& random);
  void item(std::string_view slug, std::string_view list, std::string_view code, Day day);
  void itemBegin(std::string_view slug, Day day, std::string_view category = {});
  void component(bool first, std::string_view slug, std::string_view list, std::string_view code);
  void flag(int n, std::string_view list, std::string_view code, Day start, Day end);
  bool maybe(Random& random, double p) { return random.chance(p) || plan_.showcase; }
  // write_referral.cpp
  void referral(const Referral& r);
  void serviceRequest(const Referral& r, std::uint32_t version, Second at, bool last);
  void waitingTime(const Referral& r);
  void receipt(const Referral& r);
  void episode(const Referral& r, int team);
  void diagnosis(const Referral& r, int n, bool provisional);
  void onward(const Referral& r);
  void letter(const Referral& r);
  void scoreOfReferral(const Referral& r);
  // write_contact.cpp
  void contact(const Referral& r, const Contact& c);
  void appointment(const Referral& r, const Contact& c);
  void encounter(const Referral& r, const Contact& c, bool duplicate);
  void activities(const Referral& r, const Contact& c);
  void measurement(const Referral& r, const Contact& c, std::string_view suffix);
  void vitalSign(const Referral& r, const Contact& c, int activity);
  void finding(const Referral& r);
  // write_ward.cpp
  void wardStay(const Referral& r);
  void news2(const Id& stay, int n, Second at, Random& random);
  void wards();
  // write_shared.cpp
  void organisations();
  void places();
  void teams();
  void staff();
  void groupSessions();
  void selfAssessments();

  const CaseloadOptions& options_;
  const NhsNumbers& numbers_;
  const ChangeSink& sink_;
  Plan plan_;
  std::string out_;
  std::string_view type_;
  Id id_;
  std::uint32_t version_ = 1;
  Instant at_{};
  std::uint64_t live_ = 0;  // 0: not live; else number of the event + 1
};

// Names that several writers share.
Id referralId(const Plan& plan, const Referral& r);
Id referralKey(const Plan& plan, const Referral& r);  // S0000001-1
Id episodeId(const Plan& plan, const Referral& r, int team);
Id contactId(const Plan& plan, const Referral& r, const Contact& c);
Id contactKey(const Plan& plan, const Referral& r, const Contact& c);  // C0000001-1-2
Id activityKey(const Plan& plan, const Referral& r, const Contact& c, int activity);
int activityCount(const Plan& plan, const Referral& r, const Contact& c);  // Procedures of a seen contact
Id teamId(int service, int locality);
Id practitionerId(int service, int locality, int staff);
Id patientKey(const Plan& plan);  // L0000001
Id commissionerId(int locality);
std::string_view siteOf(int place, int locality, Id& scratch);
// When the system recorded a seen contact.
inline Second recorded(const Contact& c) {
  return c.start + c.minutes * 60 + 300;
}

}  // namespace tributary::simulator
