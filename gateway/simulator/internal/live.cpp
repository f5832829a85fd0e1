#include <algorithm>

#include "simulator/internal/writer.h"

// The day goes on after the caseload's `now`.
namespace tributary::simulator {
namespace {
enum class Kind : std::uint8_t { kContact, kMissed, kMove, kCorrection, kDelete };

// 70 new contacts, 10 missed, 10 moves, 6 corrections, 4 deletes of 100.
Kind kindOf(std::uint64_t seed, std::uint64_t n) {
  const std::uint64_t x = Random::mix(seed ^ (n * 0x9E37U + 11)) % 100;
  if (x < 70) return Kind::kContact;
  if (x < 80) return Kind::kMissed;
  if (x < 90) return Kind::kMove;
  return x < 96 ? Kind::kCorrection : Kind::kDelete;
}
}  // namespace

void Writer::live(std::uint64_t n, Instant at) {
  Kind kind = kindOf(options_.seed, n);
  // Corrections and deletes concern an earlier live contact: the nearest one before.
  std::uint64_t about = n;
  if (kind == Kind::kCorrection || kind == Kind::kDelete) {
    while (about > 0 && kindOf(options_.seed, about) != Kind::kContact) --about;
    if (kindOf(options_.seed, about) != Kind::kContact) {
      kind = Kind::kContact;
      about = n;
    }
  }
  live_ = n + 1;
  at_ = at;
  makePlan(options_, numbers_,
           Random::mix(options_.seed + about * 31) % std::max<std::uint64_t>(1, options_.patients), plan_);
  plan_.fault = FaultKind::kNone;
  plan_.now = toLocal(at.time_since_epoch().count() / 1000);
  if (kind == Kind::kMove) {
    Random random(n);
    plan_.practice = random.between(0, kPractices - 1);
    plan_.seed ^= n + 1;
    patientVersion(0, plan_.now, false, plan_.died != 0);
    live_ = 0;
    return;
  }
  Referral* open = &plan_.referrals[0];
  Random random(Random::mix(about) ^ plan_.seed);
  Contact c;
  c.number = static_cast<int>(1000 + about);
  c.minutes = 5 * random.between(3, 12);
  c.start = plan_.now - c.minutes * 60 - 300;
  c.start -= c.start % 300;
  c.staff = random.between(0, kStaffPerTeam - 1);
  c.place = random.between(0, 3);
  c.observation = random.chance(0.3);
  if (kind == Kind::kMissed)
    c.attendance = random.chance(0.6) ? Attendance::kNoShow : Attendance::kCancelledByPatient;
  if (kind == Kind::kDelete) {
    sink_(Change{"Encounter", contactId(plan_, *open, c), 0, at, true, {}});
    for (int a = 1; a <= 2; ++a)
      sink_(Change{"Procedure", Id(contactId(plan_, *open, c), "-p", a), 0, at, true, {}});
    sink_(Change{"Observation", Id(contactId(plan_, *open, c), "-v"), 0, at, true, {}});
  } else {
    c.error = kind == Kind::kCorrection;
    contact(*open, c);
  }
  live_ = 0;
}

}  // namespace tributary::simulator
