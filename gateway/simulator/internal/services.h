#pragma once
#include <array>
#include <span>
#include <string_view>

// What the provider does, who its patients are and which codes its records carry. Code lists: CSDS v1.6.
namespace tributary::simulator {

inline constexpr std::string_view kProvider = "RZZ";
inline constexpr int kLocalities = 6;
inline constexpr int kStaffPerTeam = 4;
inline constexpr int kPractices = 40;
inline constexpr int kCommissioners = 3;
inline constexpr int kReferrers = 8;
inline constexpr int kWards = 4;

struct Coded {
  std::string_view code, display;
};

struct ActivityKind {
  Coded procedure;        // SNOMED CT
  std::string_view type;  // COMMUNITY_CARE_ACTIVITY_TYPE
};

struct Service {
  std::string_view key, name;
  std::string_view team_type;    // SERVICE_OR_TEAM_TYPE_REFERRED_TO_COMMUNITY_CARE
  std::string_view staff_group;  // CARE_PROFESSIONAL_STAFF_GROUP_COMMUNITY_CARE
  std::string_view body;         // PROFESSIONAL_REGISTRATION_BODY_CODE
  std::string_view occupation;   // shape of an NHS occupation code
  std::string_view job_role;     // CARE_PROFESSIONAL_JOB_ROLE_CODE
  int weight;                    // share of patients, of 100
  int min_age, max_age;
  int wait_low, wait_high;  // days from receipt to first contact
  int gap_low, gap_high;    // days between contacts
  int contacts_low, contacts_high;
  std::string_view waiting_type;  // WAITING_TIME_MEASUREMENT_TYPE, empty: none
  std::span<const std::string_view> reasons;
  std::span<const ActivityKind> activities;
  std::span<const Coded> conditions;  // SNOMED CT
};

enum ServiceIndex : int {
  kDistrictNursing,
  kLongTerm,
  kHealthVisiting,
  kPhysiotherapy,
  kOccupational,
  kSpeech,
  kUrgent,
  kVirtualWard,
  kSchoolNursing,
  kEndOfLife,
  kServices
};

extern const std::array<Service, kServices> kServiceTable;
extern const std::array<std::string_view, 48> kFamilyNames;
extern const std::array<std::string_view, 24> kMaleNames;
extern const std::array<std::string_view, 24> kFemaleNames;
extern const std::array<std::string_view, 24> kStreets;
extern const std::array<Coded, 6> kTowns;                   // outward area of the postcode, town
extern const std::array<Coded, kReferrers> kReferrerTable;  // ODS code, name
struct Weighted {
  std::string_view code, display;
  int weight;
};
extern const std::array<Weighted, 18> kEthnicities;  // weights of 1000
extern const std::array<Weighted, 10> kLanguages;    // weights of 1000
extern const std::array<Coded, 10> kAssessments;     // SNOMED CT tools of the national list, score 0..60

}  // namespace tributary::simulator
