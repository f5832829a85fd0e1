#include "simulator/internal/plan.h"

#include <algorithm>
#include <numeric>

namespace tributary::simulator {
namespace {

// National check digit for nine digits; 10 means that the number is never issued.
int checkDigit(std::uint64_t nine) {
  int sum = 0;
  for (int weight = 2; weight <= 10; ++weight, nine /= 10) sum += static_cast<int>(nine % 10) * weight;
  const int check = 11 - sum % 11;
  return check == 11 ? 0 : check;
}

template <std::size_t N>
int pickWeighted(Random& random, const std::array<Weighted, N>& table) {
  int x = random.between(0, 999);
  for (std::size_t i = 0; i < N; ++i) {
    if ((x -= table[i].weight) < 0) return static_cast<int>(i);
  }
  return 0;
}

int pickService(Random& random) {
  int x = random.between(0, 99);
  for (int i = 0; i < kServices; ++i) {
    if ((x -= kServiceTable[static_cast<std::size_t>(i)].weight) < 0) return i;
  }
  return 0;
}

const Service& serviceOf(const Referral& referral) {
  return kServiceTable[static_cast<std::size_t>(referral.service)];
}

bool isHomeService(int service) {
  return service == kDistrictNursing || service == kUrgent || service == kVirtualWard ||
         service == kEndOfLife || service == kHealthVisiting;
}

Attendance pickAttendance(Random& random, bool urgent) {
  const int x = random.between(0, 999);
  if (urgent) return x < 15 ? Attendance::kNoShow : Attendance::kAttended;
  if (x < 80) return Attendance::kNoShow;  // did not attend: about 8 in 100
  if (x < 130) return Attendance::kCancelledByPatient;
  if (x < 160) return Attendance::kCancelledByProvider;
  if (x < 190) return Attendance::kLateSeen;
  if (x < 200) return Attendance::kLateNotSeen;
  return Attendance::kAttended;
}

void fillContact(Random& random, const Plan& plan, const Referral& referral, Contact& c) {
  c.staff = random.between(0, kStaffPerTeam - 1);
  c.minutes = 5 * random.between(3, 15);
  const int x = random.between(0, 99);
  c.mechanism = x < 80 ? 0 : x < 92 ? 1 : x < 97 ? 2 : x < 99 ? 3 : 4;
  c.place = isHomeService(referral.service)               ? (random.chance(0.12) ? 4 : 0)
            : referral.service == kSchoolNursing          ? 5
            : referral.service == kSpeech && plan.age < 6 ? 6
                                                          : random.between(1, 3);
  c.proxy = plan.age < 5 || random.chance(0.02);
  c.group = random.chance(0.02);
  c.appointment = !isHomeService(referral.service) || random.chance(0.2);
  c.observation = random.chance(0.3);
  c.finding = random.chance(0.15);
  const bool show = plan.showcase && c.number <= 2;
  c.assessment = show || random.chance(plan.age < 2 ? 0.3 : 0.05);
  c.measures = show || random.chance(plan.age < 5 ? 0.5 : 0.06);
  c.breastfeeding = plan.age < 1 && (show || random.chance(0.6));
}

void planContacts(Random& random, const Plan& plan, Referral& referral, int history_days) {
  const Service& service = serviceOf(referral);
  const int wanted = random.between(service.contacts_low, service.contacts_high);
  Day day =
      dayOf(referral.received) + (plan.showcase ? 1 : random.between(service.wait_low, service.wait_high));
  Second earliest = referral.received + 1800;
  for (int n = 1; n <= wanted; ++n) {
    if (day > plan.today + 14 || (plan.died != 0 && day >= plan.died)) break;
    if (day < plan.today - history_days - 30) break;
    // Slots from 08:30 to 16:55 in steps of five minutes, the n-th never before the one before.
    Second start = day * kDaySeconds + 8 * 3600 + 1800 + random.between(0, 101) * 300;
    if (start < earliest) start = earliest + 600 - earliest % 300;
    if (dayOf(start) != day && dayOf(start) > plan.today) break;
    earliest = start + 3 * 3600;
    Contact& c = referral.contacts.emplace_back();
    c.number = n;
    c.start = start;
    c.first = n == 1;
    fillContact(random, plan, referral, c);
    if (start + c.minutes * 60 + 600 > plan.now) {
      c.attendance = Attendance::kBooked;
      c.start = std::max(c.start, plan.now + 3600);
      break;
    }
    c.attendance = pickAttendance(random, service.waiting_type == "05" || referral.service == kVirtualWard);
    if (plan.showcase) c.attendance = n <= 2 ? Attendance::kAttended : static_cast<Attendance>((n - 1) % 6);
    c.appointment = c.appointment || c.attendance == Attendance::kLateSeen || plan.showcase;
    const bool seen = c.attendance == Attendance::kAttended || c.attendance == Attendance::kLateSeen;
    c.error = seen && n > 1 && random.chance(0.008);
    c.deleted = seen && n > 1 && !c.error && random.chance(0.004);
    day = dayOf(start) + random.between(std::max(1, service.gap_low), service.gap_high);
  }
}

void planReferral(Random& random, const CaseloadOptions& options, Plan& plan, Referral& r) {
  r.contacts.clear();
  const Service& service = serviceOf(r);
  const int back = random.between(plan.showcase ? 25 : 0, options.history_days);
  Day day = plan.today - back;
  if (plan.died != 0 && day >= plan.died - 2) day = plan.died - 10;
  if (day <= plan.born) day = plan.born + 1;
  r.authored = day * kDaySeconds + random.between(8 * 3600, 17 * 3600);
  r.received = r.authored + random.between(60, r.service == kUrgent ? 1800 : 20 * 3600);
  if (r.received + 600 > plan.now) {
    r.received = plan.now - 7200 + random.between(0, 3600);
    r.authored = r.received - 600;
  }
  r.referrer = random.between(0, kReferrers - 1);
  static constexpr int kSourceOf[] = {0, 0, 0, 1, 1, 2, 3, 4, 6, 0};
  r.source = r.service == kEndOfLife       ? random.between(0, 5)
             : r.service == kSchoolNursing ? 7
                                           : random.pick(kSourceOf);
  r.reason = static_cast<int>(random.below(static_cast<std::uint32_t>(service.reasons.size())));
  r.other_reasons = plan.showcase || random.chance(0.15) ? 1 : 0;
  r.priority = r.service == kUrgent || r.service == kVirtualWard ? 1
               : random.chance(0.1)                              ? 1
               : random.chance(0.01)                             ? 2
                                                                 : 0;
  r.rejected = r.number > 1 && random.chance(plan.showcase ? 0.5 : 0.12);
  r.condition = static_cast<int>(random.below(static_cast<std::uint32_t>(service.conditions.size())));
  r.second_team = random.chance(1.0 / 7);
  r.onward = plan.showcase || random.chance(0.05);
  r.waiting_time = !service.waiting_type.empty();
  r.service_line = plan.showcase || random.chance(0.3);
  r.diagnoses = plan.showcase ? 3 : random.chance(0.5) ? random.between(1, 3) : 0;
  r.assessment = plan.showcase || random.chance(0.05);
  r.closed = false;
  if (r.rejected) return;
  planContacts(random, plan, r, options.history_days);
  Day last = dayOf(r.received);
  bool pending = false;
  for (const Contact& c : r.contacts) {
    pending = pending || c.attendance == Attendance::kBooked;
    if (c.attendance != Attendance::kBooked) last = std::max(last, dayOf(c.start));
  }
  const Day end = plan.died != 0 ? std::max(plan.died, last) : last + random.between(0, 3);
  r.closed = !r.contacts.empty() && !pending &&
             (plan.died != 0 || random.chance(plan.showcase ? 0.7 : 0.45)) && end < plan.today;
  r.closed_on = end;
  static constexpr int kReasons[] = {1, 1, 1, 1, 3, 7, 6, 2, 0, 4, 8};
  r.closure_reason = plan.died != 0 ? 5 : random.pick(kReasons);
  r.letter = r.closed && random.chance(0.6);
}

bool hasSeen(const Referral& r) {
  return std::any_of(r.contacts.begin(), r.contacts.end(), [](const Contact& c) {
    return c.attendance == Attendance::kAttended && !c.error && !c.deleted;
  });
}

void planFault(Random& random, const CaseloadOptions& options, Plan& plan) {
  plan.fault = FaultKind::kNone;
  if (plan.showcase || !random.chance(options.fault_share)) return;
  const Referral& r = plan.referrals[0];
  const bool seen = hasSeen(r);
  for (int attempt = 0; attempt < 32 && plan.fault == FaultKind::kNone; ++attempt) {
    const auto kind = static_cast<FaultKind>(random.between(1, kFaultKinds - 1));
    if (kind >= FaultKind::kDanglingReferral && !seen) continue;
    if (kind == FaultKind::kDischargeBeforeReferral && !r.closed) continue;
    if (kind == FaultKind::kNhsNumberChecksum && plan.nhs == 0) continue;
    plan.fault = kind;
  }
  plan.merged = false;
}

}  // namespace

NhsNumbers::NhsNumbers(std::uint64_t seed) {
  bodies_.reserve(910'000);
  for (std::uint32_t body = 0; body < 999'999; ++body) {  // 9999999999 is barred
    if (checkDigit(999'000'000ULL + body) != 10) bodies_.push_back(body);
  }
  step_ = 2 * (Random::mix(seed) % 400'000) + 100'003;
  while (std::gcd(step_, bodies_.size()) != 1) ++step_;
  start_ = Random::mix(seed + 1) % bodies_.size();
}

std::uint64_t NhsNumbers::at(std::uint64_t slot) const {
  const std::uint64_t nine = 999'000'000ULL + bodies_[(start_ + slot * step_) % bodies_.size()];
  return nine * 10 + static_cast<std::uint64_t>(checkDigit(nine));
}

std::uint64_t NhsNumbers::patient(std::uint64_t index) const {
  return index < size() ? at(index) : 0;
}

std::uint64_t NhsNumbers::mother(std::uint64_t index, std::uint64_t patients) const {
  return patients + index < size() ? at(size() - 1 - index) : 0;
}

void makePlan(const CaseloadOptions& options, const NhsNumbers& numbers, std::uint64_t index, Plan& plan) {
  Random random(Random::mix(options.seed * 0x100000001B3ULL) ^ Random::mix(index));
  plan.index = index;
  plan.id = Id('p', Padded{index, 7});
  plan.now = toLocal(options.now.time_since_epoch().count() / 1000);
  plan.today = dayOf(plan.now);
  plan.showcase = index < 40;
  plan.main_service = plan.showcase ? static_cast<int>(index % kServices) : pickService(random);
  const Service& service = kServiceTable[static_cast<std::size_t>(plan.main_service)];
  plan.age = random.between(service.min_age, service.max_age);
  if (plan.main_service == kHealthVisiting && random.chance(0.5)) plan.age = 0;
  const int born_days = plan.age == 0 ? random.between(options.history_days / 2, 330)
                                      : plan.age * 365 + plan.age / 4 + random.between(1, 360);
  plan.born = plan.today - born_days;
  const int g = random.between(0, 999);
  plan.gender = g < 540 ? 0 : g < 993 ? 1 : g < 996 ? 2 : 3;
  plan.ethnicity = pickWeighted(random, kEthnicities);
  plan.language = pickWeighted(random, kLanguages);
  plan.practice = random.between(0, kPractices - 1);
  plan.locality = random.between(0, kLocalities - 1);
  plan.nhs = random.chance(0.985) ? numbers.patient(index) : 0;
  plan.nhs_status = plan.nhs == 0 ? random.pick({3, 4, 7}) : random.chance(0.97) ? 1 : random.pick({2, 5, 6});
  plan.mother_nhs =
      plan.age < 5 && (plan.showcase || random.chance(0.9)) ? numbers.mother(index, options.patients) : 0;
  const bool dies = plan.main_service == kEndOfLife ? plan.showcase || random.chance(0.3)
                    : index == 30 + kVirtualWard      ? true  // so that the first 40 have a death on a ward
                                                      : plan.age > 70 && random.chance(0.015);
  // Died in the month of `now`: the national model takes a death only in the month in which it happened.
  const int day_of_month = static_cast<int>(civil(plan.today).day);
  plan.died = dies && day_of_month > 2 ? plan.today - random.between(1, day_of_month - 1) : 0;
  plan.moved = random.chance(0.03);
  plan.merged = !plan.showcase && random.chance(0.005);
  plan.late = !plan.showcase && random.chance(0.02);
  const int x = random.between(0, 99);
  plan.referral_count = plan.showcase ? 3 : x < 80 ? 1 : x < 98 ? 2 : 3;
  if (plan.referrals.size() < plan.referral_count) plan.referrals.resize(plan.referral_count);
  for (std::size_t i = 0; i < plan.referral_count; ++i) {
    Referral& r = plan.referrals[i];
    r.number = static_cast<int>(i) + 1;
    r.service = plan.main_service;
    if (i > 0 && plan.age >= 50) r.service = random.pick({0, 1, 3, 4, 6});
    r.locality = plan.locality;
    planReferral(random, options, plan, r);
  }
  planFault(random, options, plan);
  plan.seed = random.next();
}

}  // namespace tributary::simulator
