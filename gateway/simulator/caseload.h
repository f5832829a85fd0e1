#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace tributary::simulator {

struct CaseloadOptions {
  std::uint64_t patients = 1000;
  std::uint64_t seed = 1;
  Instant now{};              // nothing is recorded after it; see endOfDay()
  int history_days = 60;      // referrals were received in these days before `now`
  double fault_share = 0.02;  // share of patients with one planted fault
  bool history = false;       // every version and every delete; otherwise only what is there now
};

// 23:59:59 of a civil day in London.
Instant endOfDay(int year, unsigned month, unsigned day);
// 23:59:59 in London of the last day that is over at `now`: the same all day long.
Instant endOfLastDay(Instant now);

// One recorded version of a resource. The views live until the sink returns.
struct Change {
  std::string_view type;
  std::string_view id;
  std::uint32_t version = 1;
  Instant at{};
  bool deleted = false;
  std::string_view json;  // empty for a delete
};
using ChangeSink = std::function<void(const Change&)>;

enum class FaultKind : std::uint8_t {
  kNone,
  kNhsNumberChecksum,  // last digit of the NHS number is wrong
  kBadPracticeCode,    // the GP practice's ODS code is "A9"
  kBadPostcode,        // "LS1 ABC"
  kBirthInFuture,
  kUnknownEthnicity,  // code "Q", which no list has: a warning
  kNoReceivedDate,    // referral without any date
  kTeamWithoutType,   // the referral's CareTeam has no category, so the mandatory team type is missing
  kDischargeBeforeReferral,
  kDanglingReferral,       // Encounter.basedOn points to nothing
  kDanglingPatient,        // Encounter.subject and basedOn point to nothing
  kContactEndBeforeStart,  // Encounter.period; no length: the duration cannot be known
  kDuplicateContactId,     // two Encounters with one business identifier
  kBadActivityType,        // "ASSESSMENT" where a national two-character code is mandatory
  kValueWithoutUnit,       // an observation value without UCUM code: a warning
};
inline constexpr int kFaultKinds = 15;
std::string_view faultName(FaultKind kind);

enum class FaultOutcome : std::uint8_t {
  kRowRejected,  // the row and its cascade must not be accepted
  kWarning,      // the row goes, with a warning
  kCellEmpty,    // the row goes without this cell
};
std::string_view outcomeName(FaultOutcome outcome);

// What was planted, and which national row it must hit.
struct PlantedFault {
  FaultKind kind = FaultKind::kNone;
  FaultOutcome outcome = FaultOutcome::kRowRejected;
  std::uint64_t patient = 0;
  std::string type, id;      // the faulty resource
  std::string table, field;  // "CYP001", "NHSNumber"
  std::string key;           // primary key of the row, parts joined with "|"; of CYP002 the patient's
};

// A community provider and its patients. Immutable and safe from any number of threads: each patient follows
// from (seed, index) alone, so any slice can be written at any time, in any order, always with the same
// bytes.
class Caseload {
 public:
  explicit Caseload(const CaseloadOptions& options);
  ~Caseload();
  Caseload(const Caseload&) = delete;
  Caseload& operator=(const Caseload&) = delete;

  const CaseloadOptions& options() const;

  void writeShared(const ChangeSink& sink) const;
  void writePatient(std::uint64_t index, const ChangeSink& sink) const;
  // Patients first..last-1; keeps its scratch memory between patients.
  void writePatients(std::uint64_t first, std::uint64_t last, const ChangeSink& sink) const;
  void writeAll(const ChangeSink& sink) const;

  // The day goes on: the n-th thing that happens after `now` (a contact, a move, a missed appointment, a
  // correction, a delete of an earlier one). The versions are the receiver's business; Change::version is 0.
  void writeLive(std::uint64_t n, Instant at, const ChangeSink& sink) const;

  std::optional<PlantedFault> fault(std::uint64_t index) const;
  std::vector<PlantedFault> faults() const;

  // Ten digits with the right check digit, in the test range 999.
  std::string nhsNumber(std::uint64_t index) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Modulus 11 with the national side's barred values.
bool validNhsNumber(std::string_view number);

}  // namespace tributary::simulator
