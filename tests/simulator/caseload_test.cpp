#include "simulator/caseload.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "base/civil_time.h"
#include "base/hash.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"

namespace tributary::simulator {
namespace {

CaseloadOptions options(std::uint64_t patients, std::uint64_t seed = 7) {
  CaseloadOptions o;
  o.patients = patients;
  o.seed = seed;
  o.now = endOfDay(2026, 1, 31);
  return o;
}

ContentHash hashOf(const CaseloadOptions& o) {
  const Caseload caseload(o);
  std::string all;
  caseload.writeAll([&](const Change& c) { all.append(c.json).push_back('\n'); });
  return contentHash(all);
}

TEST(Caseload, SameSeedSameBytes) {
  EXPECT_EQ(hashOf(options(60)), hashOf(options(60)));
  EXPECT_NE(hashOf(options(60)), hashOf(options(60, 8)));
}

TEST(Caseload, TheLastDayIsTheSameAllDayLong) {
  const auto at = [](const char* instant) { return endOfLastDay(*parseInstant(instant)); };
  EXPECT_EQ(at("2026-02-01T00:00:00Z"), endOfDay(2026, 1, 31));
  EXPECT_EQ(at("2026-02-01T12:34:56Z"), endOfDay(2026, 1, 31));
  EXPECT_EQ(at("2026-02-01T23:59:59Z"), endOfDay(2026, 1, 31));
  // By London's midnight, in summer and on the days of change.
  EXPECT_EQ(at("2026-06-30T22:59:59Z"), endOfDay(2026, 6, 29));
  EXPECT_EQ(at("2026-06-30T23:00:00Z"), endOfDay(2026, 6, 30));
  EXPECT_EQ(at("2026-03-29T12:00:00Z"), endOfDay(2026, 3, 28));
  EXPECT_EQ(at("2026-10-25T00:30:00Z"), endOfDay(2026, 10, 24));
  EXPECT_EQ(at("2026-10-26T00:00:00Z"), endOfDay(2026, 10, 25));
}

TEST(Caseload, AnyPatientAloneIsTheSameAsInTheStream) {
  const Caseload caseload(options(80));
  std::map<std::string, std::string> all;
  caseload.writePatients(
      0, 80, [&](const Change& c) { all[std::string(c.type) + "/" + std::string(c.id)] = c.json; });
  std::size_t seen = 0;
  caseload.writePatient(57, [&](const Change& c) {
    EXPECT_EQ(all[std::string(c.type) + "/" + std::string(c.id)], c.json);
    ++seen;
  });
  EXPECT_GT(seen, 5U);
}

TEST(Caseload, EveryLineIsAResourceWithItsTypeIdAndTime) {
  CaseloadOptions o = options(150);
  o.history = true;
  const Caseload caseload(o);
  fhir::JsonReader reader;
  fhir::Document document;
  std::size_t n = 0;
  caseload.writeAll([&](const Change& c) {
    ++n;
    EXPECT_LE(c.at, o.now);
    EXPECT_LE(c.id.size(), 64U);
    if (c.deleted) return;
    const auto read = reader.read(c.json, document);
    ASSERT_TRUE(read) << read.error().text << " in " << c.type;
    EXPECT_EQ(document.resourceType(), c.type);
    EXPECT_EQ(document.scalar(document.member(document.root(), "id")), c.id);
    const auto meta = document.member(document.root(), "meta");
    EXPECT_EQ(document.scalar(document.member(meta, "versionId")), std::to_string(c.version));
  });
  EXPECT_GT(n, 2000U);
}

TEST(Caseload, HistoryEndsInThePresent) {
  CaseloadOptions o = options(400);
  std::map<std::string, std::string> now, last;
  Caseload(o).writeAll([&](const Change& c) { now[std::string(c.type) + "/" + std::string(c.id)] = c.json; });
  o.history = true;
  std::size_t versions = 0, deletes = 0;
  std::map<std::string, Instant> times;
  Caseload(o).writeAll([&](const Change& c) {
    const std::string key = std::string(c.type) + "/" + std::string(c.id);
    EXPECT_GE(c.at, times[key]) << key;
    times[key] = c.at;
    ++versions;
    if (c.deleted) {
      ++deletes;
      last.erase(key);
    } else {
      last[key] = c.json;
    }
  });
  EXPECT_EQ(now, last);
  EXPECT_GT(versions, now.size());
  EXPECT_GT(deletes, 0U);
}

TEST(Caseload, NhsNumbersAreValidAndDifferent) {
  const Caseload caseload(options(10));
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::string number = caseload.nhsNumber(i);
    EXPECT_TRUE(validNhsNumber(number)) << i;
    EXPECT_TRUE(number.starts_with("999"));
    EXPECT_TRUE(seen.insert(number).second);
  }
}

TEST(Caseload, NhsNumberCheck) {
  EXPECT_TRUE(validNhsNumber("9434765919"));
  EXPECT_FALSE(validNhsNumber("9434765918"));
  EXPECT_FALSE(validNhsNumber("943476591"));
  EXPECT_FALSE(validNhsNumber("94347659 9"));
  for (const char* barred : {"0000000000", "1111111111", "6000000006", "4000000004"})
    EXPECT_FALSE(validNhsNumber(barred));
}

TEST(Caseload, FaultsAreWhereTheTruthSaysTheyAre) {
  CaseloadOptions o = options(3000);
  o.fault_share = 0.05;
  const Caseload caseload(o);
  const auto faults = caseload.faults();
  EXPECT_NEAR(static_cast<double>(faults.size()), 150, 50);
  std::set<FaultKind> kinds;
  for (const PlantedFault& fault : faults) {
    kinds.insert(fault.kind);
    EXPECT_FALSE(fault.table.empty());
    bool found = false;
    caseload.writePatient(fault.patient, [&](const Change& c) {
      if (c.type != fault.type || c.id != fault.id) return;
      found = true;
      if (fault.kind == FaultKind::kBadActivityType) {
        EXPECT_NE(c.json.find("ASSESSMENT"), std::string_view::npos);
      }
      if (fault.kind == FaultKind::kBadPracticeCode) {
        EXPECT_NE(c.json.find("Organization/gp-bad"), std::string_view::npos);
      }
      if (fault.kind == FaultKind::kNhsNumberChecksum) {
        const auto at = c.json.find("nhs-number\",\"value\":\"") + 21;
        EXPECT_FALSE(validNhsNumber(c.json.substr(at, 10)));
      }
      if (!fault.key.empty() && fault.kind != FaultKind::kTeamWithoutType &&
          fault.kind != FaultKind::kDischargeBeforeReferral) {
        EXPECT_NE(c.json.find(fault.key), std::string_view::npos) << faultName(fault.kind);
      }
    });
    EXPECT_TRUE(found) << faultName(fault.kind) << ' ' << fault.type << '/' << fault.id;
  }
  EXPECT_EQ(kinds.size(), static_cast<std::size_t>(kFaultKinds - 1));
  o.fault_share = 0;
  EXPECT_TRUE(Caseload(o).faults().empty());
}

TEST(Caseload, ReferencesResolveWithoutFaults) {
  CaseloadOptions o = options(500);
  o.fault_share = 0;
  std::set<std::string> there, wanted;
  Caseload(o).writeAll([&](const Change& c) {
    there.insert(std::string(c.type) + "/" + std::string(c.id));
    for (auto at = c.json.find("\"reference\":\""); at != std::string_view::npos;
         at = c.json.find("\"reference\":\"", at + 1)) {
      const auto from = at + 13;
      wanted.emplace(c.json.substr(from, c.json.find('"', from) - from));
    }
  });
  for (const std::string& reference : wanted) EXPECT_TRUE(there.contains(reference)) << reference;
}

TEST(Caseload, ProportionsAreBelievable) {
  const Caseload caseload(options(4000));
  std::map<std::string, int> appointments;
  int encounters = 0, female = 0;
  caseload.writeAll([&](const Change& c) {
    if (c.type == "Encounter") ++encounters;
    if (c.type == "Patient" && c.json.find("\"gender\":\"female\"") != std::string_view::npos) ++female;
    if (c.type != "Appointment") return;
    for (const char* status : {"noshow", "cancelled", "fulfilled", "booked"}) {
      if (c.json.find(std::string("\"status\":\"") + status) != std::string_view::npos)
        ++appointments[status];
    }
  });
  const double contacts = encounters + appointments["noshow"] + appointments["cancelled"];
  EXPECT_NEAR(appointments["noshow"] / contacts, 0.08, 0.02);  // did not attend
  EXPECT_NEAR(female / 4000.0, 0.54, 0.04);
  EXPECT_GT(appointments["booked"], 100);
}

}  // namespace
}  // namespace tributary::simulator
