#include "terminology/units.h"

#include <thread>

#include "terminology/internal/unit_table.h"
#include "tests/terminology/support.h"

namespace tributary::terminology::test {
namespace {

TEST(Units, EveryAtomOfTheTableIsWorkedOut) {
  for (const internal::UnitAtom& atom : internal::unitAtoms()) {
    EXPECT_TRUE(parseUnit(atom.code)) << atom.code;
    if (!atom.metric || atom.kind == internal::UnitKind::kCelsius) continue;
    EXPECT_TRUE(parseUnit("m" + std::string(atom.code))) << atom.code;
  }
}

TEST(Units, Conversions) {
  const auto rows = readTable("units.tsv");
  ASSERT_GT(rows.size(), 70U);
  for (const auto& row : rows) {
    ASSERT_EQ(row.size(), 4U);
    const std::string what = row[0] + " " + row[1] + " to " + row[2];
    const auto from = parseUnit(row[1]);
    const auto to = parseUnit(row[2]);
    ASSERT_TRUE(from) << what << ": " << from.error().text;
    ASSERT_TRUE(to) << what << ": " << to.error().text;
    const auto result = convert(*Decimal::parse(row[0]), *from, *to);
    if (row[3] == "-") {
      EXPECT_FALSE(result) << what;
      EXPECT_FALSE(comparable(*from, *to)) << what;
      continue;
    }
    ASSERT_TRUE(result) << what;
    EXPECT_EQ(result->toString().substr(0, row[3].size()), row[3]) << what;
    EXPECT_TRUE(comparable(*from, *to)) << what;
  }
}

TEST(Units, WhatIsNotAUnit) {
  for (const auto& row : readTable("units_invalid.tsv")) {
    ASSERT_EQ(row.size(), 2U);
    const auto unit = parseUnit(row[0]);
    ASSERT_FALSE(unit) << row[0];
    EXPECT_EQ(std::to_string(unit.error().offset), row[1]) << row[0] << ": " << unit.error().text;
    EXPECT_FALSE(unit.error().text.empty());
  }
}

TEST(Units, HostileExpressionsEnd) {
  EXPECT_FALSE(parseUnit(std::string(1'000'000, '(')));
  EXPECT_FALSE(parseUnit(std::string(199, '(')));
  EXPECT_FALSE(parseUnit("10*60.10*60.10*60.Ym60.Ym60.Ym60"));
  std::string million = "m60";
  for (int i = 0; i < 20; ++i) million += ".m60";
  EXPECT_FALSE(parseUnit(million));
  EXPECT_TRUE(parseUnit("((((((((((m))))))))))"));
}

TEST(Units, ComparedExactly) {
  const auto compared = [](const char* a, const char* a_unit, const char* b, const char* b_unit) {
    return compareQuantities(*Decimal::parse(a), *parseUnit(a_unit), *Decimal::parse(b), *parseUnit(b_unit));
  };
  EXPECT_EQ(compared("1", "[lb_av]", "453.59237", "g"), 0);
  EXPECT_EQ(compared("1", "[lb_av]", "453.59236", "g"), 1);
  EXPECT_EQ(compared("1", "[Ch]", "0.33333333333333333333333333333", "mm"), 1);  // a third is more
  EXPECT_EQ(compared("3", "[Ch]", "1", "mm"), 0);
  EXPECT_EQ(compared("100", "Cel", "212", "[degF]"), 0);
  EXPECT_EQ(compared("36.9", "Cel", "98.6", "[degF]"), -1);
  EXPECT_EQ(compared("1", "g", "1", "m"), std::nullopt);
  EXPECT_EQ(compared("-1", "kg", "-999", "g"), -1);
}

TEST(Units, ProductsAndQuotients) {
  const Unit newton = *multiply(*parseUnit("kg"), *parseUnit("m/s2"));
  EXPECT_EQ(newton, *parseUnit("N"));
  EXPECT_EQ(*divide(*parseUnit("mg"), *parseUnit("dL")), *parseUnit("mg/dL"));
  EXPECT_EQ(canonicalUnit(newton.dimension), "m.s-2.g");
  EXPECT_EQ(canonicalUnit({}), "1");
  EXPECT_FALSE(multiply(*parseUnit("Cel"), *parseUnit("m")));
  EXPECT_FALSE(divide(*parseUnit("m"), *parseUnit("[degF]")));
  EXPECT_EQ(*divide(*parseUnit("[iU]"), *parseUnit("[iU]")), *parseUnit("1"));
}

TEST(Units, ExactnessIsTold) {
  EXPECT_TRUE(parseUnit("mm[Hg]")->exact);
  EXPECT_FALSE(parseUnit("deg")->exact);
  EXPECT_FALSE(parseUnit("eV/u")->exact);
}

TEST(Units, CalendarWords) {
  EXPECT_EQ(calendarUnit("years"), "a");
  EXPECT_EQ(calendarUnit("month"), "mo");
  EXPECT_EQ(calendarUnit("milliseconds"), "ms");
  EXPECT_EQ(calendarUnit("fortnight"), "");
}

TEST(Units, FirstUseFromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        if (!parseUnit("mm[Hg].[psi]/[HP]")) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace tributary::terminology::test
