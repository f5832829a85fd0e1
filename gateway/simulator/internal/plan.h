#pragma once
#include <cstdint>
#include <vector>

#include "simulator/caseload.h"
#include "simulator/internal/random.h"
#include "simulator/internal/services.h"
#include "simulator/internal/text.h"

// What happens to one patient, decided before a byte is written.
namespace tributary::simulator {

enum class Attendance : std::uint8_t {
  kAttended,
  kLateSeen,
  kLateNotSeen,
  kNoShow,
  kCancelledByPatient,
  kCancelledByProvider,
  kBooked,  // still to come
};

struct Contact {
  int number = 0;
  Second start = 0;
  int minutes = 30;
  Attendance attendance = Attendance::kAttended;
  int staff = 0;      // number in the team
  int mechanism = 0;  // index into kMechanisms
  int place = 0;      // index into kPlaces
  bool first = false;
  bool proxy = false;
  bool group = false;
  bool appointment = false;  // seen contacts only: it was booked
  bool error = false;        // later marked entered-in-error
  bool deleted = false;      // later deleted
  bool observation = false;  // a vital sign as an activity of its own
  bool finding = false;
  bool assessment = false;  // scored assessment in the contact
  bool measures = false;    // weight, and height or length
  bool breastfeeding = false;
};

struct Referral {
  int number = 0;
  int service = 0;
  int locality = 0;
  Second authored = 0, received = 0;
  int referrer = 0;
  int source = 0;  // index into kSources
  int reason = 0;
  int other_reasons = 0;
  int priority = 0;  // 0 routine, 1 urgent, 2 two-week wait
  bool rejected = false;
  bool closed = false;
  Day closed_on = 0;
  int closure_reason = 0;  // 0..8 for 01..09
  bool letter = false;
  bool second_team = false;
  bool onward = false;
  bool waiting_time = false;
  bool service_line = false;
  int diagnoses = 0;  // 0..3: primary, secondary, provisional
  bool assessment = false;
  int condition = 0;
  std::vector<Contact> contacts;
};

struct Plan {
  std::uint64_t index = 0;
  std::uint64_t seed = 0;  // of the small choices made while writing
  Id id;                   // FHIR id of the patient
  Day today = 0;
  Second now = 0;
  Day born = 0;
  int age = 0;
  int gender = 0;  // 0 female, 1 male, 2 other, 3 unknown
  int ethnicity = 0, language = 0, practice = 0, locality = 0;
  int main_service = 0;
  std::uint64_t nhs = 0;  // 0: none
  std::uint64_t mother_nhs = 0;
  int nhs_status = 1;
  Day died = 0;
  bool showcase = false;  // carries every optional fact, so that a small caseload fills every field too
  bool moved = false;     // has a second version with another address
  bool merged = false;    // a duplicate record of this person existed and was merged into this one
  bool late = false;      // registered after the first contacts were recorded
  FaultKind fault = FaultKind::kNone;
  std::vector<Referral> referrals;
  std::size_t referral_count = 0;  // referrals[0..count) are in use; the rest keep their memory
};

inline constexpr Coded kMechanisms[] = {{"01", "Face to face"},
                                        {"02", "Telephone"},
                                        {"11", "Video consultation"},
                                        {"05", "Email"},
                                        {"09", "Text message"}};
inline constexpr Coded kPlaces[] = {{"A01", "Patient's Home"},
                                    {"B01", "Primary Care Health Centre"},
                                    {"C01", "General Medical Practitioner Practice"},
                                    {"E01", "Out-Patient Clinic"},
                                    {"G02", "Care Home With Nursing"},
                                    {"L01", "School"},
                                    {"K02", "Child Development Centre"}};
inline constexpr Coded kSources[] = {{"01", "General Medical Practitioner Practice"},
                                     {"06", "Acute Hospital Inpatient/Outpatient Department"},
                                     {"02", "Self referral"},
                                     {"22", "Ambulance Service"},
                                     {"11", "Local Authority Social Services"},
                                     {"12", "Hospice"},
                                     {"03", "Carer/Relative"},
                                     {"10", "Educational Establishment"}};

// NHS numbers of the test range 999xxxxxxx with a right check digit: about 909,000 of them.
class NhsNumbers {
 public:
  explicit NhsNumbers(std::uint64_t seed);
  std::uint64_t size() const { return bodies_.size(); }
  // 0 when the range is used up.
  std::uint64_t patient(std::uint64_t index) const;
  std::uint64_t mother(std::uint64_t index, std::uint64_t patients) const;

 private:
  std::uint64_t at(std::uint64_t slot) const;
  std::vector<std::uint32_t> bodies_;
  std::uint64_t step_ = 1, start_ = 0;
};

void makePlan(const CaseloadOptions& options, const NhsNumbers& numbers, std::uint64_t index, Plan& plan);

}  // namespace tributary::simulator
