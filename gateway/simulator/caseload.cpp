#include "simulator/caseload.h"

#include <string>

#include "simulator/internal/writer.h"

namespace tributary::simulator {

struct Caseload::Impl {
  explicit Impl(const CaseloadOptions& o) : options(o), numbers(o.seed) {}
  CaseloadOptions options;
  NhsNumbers numbers;
};

Instant endOfDay(int year, unsigned month, unsigned day) {
  return Instant{Duration{toUtc(daysFrom(year, month, day) * kDaySeconds + 86399) * 1000}};
}

Instant endOfLastDay(Instant now) {
  const Day today = dayOf(toLocal(now.time_since_epoch().count() / 1000));
  return Instant{Duration{toUtc(today * kDaySeconds - 1) * 1000}};
}

Caseload::Caseload(const CaseloadOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Caseload::~Caseload() = default;

const CaseloadOptions& Caseload::options() const {
  return impl_->options;
}

void Caseload::writeShared(const ChangeSink& sink) const {
  Writer(impl_->options, impl_->numbers, sink).shared();
}

void Caseload::writePatients(std::uint64_t first, std::uint64_t last, const ChangeSink& sink) const {
  Writer writer(impl_->options, impl_->numbers, sink);
  for (std::uint64_t i = first; i < last; ++i) writer.patient(i);
}

void Caseload::writePatient(std::uint64_t index, const ChangeSink& sink) const {
  writePatients(index, index + 1, sink);
}

void Caseload::writeAll(const ChangeSink& sink) const {
  writeShared(sink);
  writePatients(0, impl_->options.patients, sink);
}

void Caseload::writeLive(std::uint64_t n, Instant at, const ChangeSink& sink) const {
  Writer(impl_->options, impl_->numbers, sink).live(n, at);
}

std::string Caseload::nhsNumber(std::uint64_t index) const {
  return std::to_string(impl_->numbers.patient(index));
}

std::string_view faultName(FaultKind kind) {
  static constexpr std::string_view kNames[kFaultKinds] = {"none",
                                                           "nhs-number-checksum",
                                                           "bad-practice-code",
                                                           "bad-postcode",
                                                           "birth-in-future",
                                                           "unknown-ethnicity",
                                                           "no-received-date",
                                                           "team-without-type",
                                                           "discharge-before-referral",
                                                           "dangling-referral",
                                                           "dangling-patient",
                                                           "contact-end-before-start",
                                                           "duplicate-contact-id",
                                                           "bad-activity-type",
                                                           "value-without-unit"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view outcomeName(FaultOutcome outcome) {
  switch (outcome) {
    case FaultOutcome::kRowRejected:
      return "row-rejected";
    case FaultOutcome::kWarning:
      return "warning";
    case FaultOutcome::kCellEmpty:
      return "cell-empty";
  }
  return "";
}

namespace {
// Where each kind hits.
struct Target {
  FaultOutcome outcome;
  std::string_view type, table, field;
};
constexpr Target kTargets[kFaultKinds] = {
    {FaultOutcome::kRowRejected, "", "", ""},
    {FaultOutcome::kRowRejected, "Patient", "CYP001", "NHSNumber"},
    {FaultOutcome::kRowRejected, "Patient", "CYP002", "OrgID_GP"},
    {FaultOutcome::kRowRejected, "Patient", "CYP001", "Postcode"},
    {FaultOutcome::kRowRejected, "Patient", "CYP002", "GPRegistration_StartDate"},
    {FaultOutcome::kWarning, "Patient", "CYP001", "EthnicCategory"},
    {FaultOutcome::kRowRejected, "ServiceRequest", "CYP101", "ReferralRequest_ReceivedDate"},
    {FaultOutcome::kRowRejected, "ServiceRequest", "CYP102", "TeamType"},
    {FaultOutcome::kRowRejected, "EpisodeOfCare", "CYP101", "Discharge_Date"},
    {FaultOutcome::kRowRejected, "Encounter", "CYP201", "ServiceRequestID"},
    {FaultOutcome::kRowRejected, "Encounter", "CYP201", "ServiceRequestID"},
    {FaultOutcome::kCellEmpty, "Encounter", "CYP201", "CareContact_Duration"},
    {FaultOutcome::kRowRejected, "Encounter", "CYP201", "CareContactID"},
    {FaultOutcome::kRowRejected, "Procedure", "CYP202", "Activity_Type"},
    {FaultOutcome::kWarning, "Observation", "CYP202", "UC_UnitOfMeasurement"},
};

PlantedFault describe(const Plan& plan) {
  const Target& target = kTargets[static_cast<std::size_t>(plan.fault)];
  PlantedFault fault;
  fault.kind = plan.fault;
  fault.outcome = target.outcome;
  fault.patient = plan.index;
  fault.type = target.type;
  fault.table = target.table;
  fault.field = target.field;
  const Referral& r = plan.referrals[0];
  const Contact* seen = nullptr;
  for (const Contact& c : r.contacts) {
    if (seen == nullptr && c.attendance == Attendance::kAttended && !c.error && !c.deleted) seen = &c;
  }
  if (target.type == "Patient") {
    fault.id = plan.id.view();
    fault.key = patientKey(plan).view();
  } else if (target.table == "CYP101" || target.table == "CYP102") {
    fault.id = target.type == "ServiceRequest" ? referralId(plan, r).view() : episodeId(plan, r, 0).view();
    fault.key = referralKey(plan, r).view();
    if (target.table == "CYP102") fault.key += "|T-untyped";
  } else if (seen != nullptr) {
    const Id contact = contactId(plan, r, *seen);
    fault.id = contact.view();
    fault.key = contactKey(plan, r, *seen).view();
    if (plan.fault == FaultKind::kBadActivityType) {
      fault.id += "-p1";
      fault.key = activityKey(plan, r, *seen, 1).view();
    } else if (plan.fault == FaultKind::kValueWithoutUnit) {
      fault.id += "-v";
      fault.key = activityKey(plan, r, *seen, activityCount(plan, r, *seen) + 1).view();
    }
  }
  return fault;
}
}  // namespace

std::optional<PlantedFault> Caseload::fault(std::uint64_t index) const {
  Plan plan;
  makePlan(impl_->options, impl_->numbers, index, plan);
  if (plan.fault == FaultKind::kNone) return std::nullopt;
  return describe(plan);
}

std::vector<PlantedFault> Caseload::faults() const {
  std::vector<PlantedFault> all;
  Plan plan;
  for (std::uint64_t i = 0; i < impl_->options.patients; ++i) {
    makePlan(impl_->options, impl_->numbers, i, plan);
    if (plan.fault != FaultKind::kNone) all.push_back(describe(plan));
  }
  return all;
}

bool validNhsNumber(std::string_view number) {
  if (number.size() != 10) return false;
  int sum = 0;
  bool same = true;
  for (std::size_t i = 0; i < 10; ++i) {
    if (number[i] < '0' || number[i] > '9') return false;
    same = same && number[i] == number[0];
    if (i < 9) sum += (number[i] - '0') * (10 - static_cast<int>(i));
  }
  if (same) return false;  // 0000000000 to 9999999999
  // 1000000001 to 9000000009 are barred too.
  if (number[0] != '0' && number[9] == number[0] && number.substr(1, 8) == "00000000") return false;
  const int check = 11 - sum % 11;
  return check != 10 && (check == 11 ? 0 : check) == number[9] - '0';
}

}  // namespace tributary::simulator
