#include "collection/internal/rules.h"

#include "collection/internal/civil.h"
#include "collection/lineage.h"
#include "tests/collection/support.h"

namespace tributary::collection::test {
namespace {

TEST(Rules, Modulus11) {
  for (const char* good : {"9434765919", "9990000018", "9990000026"}) EXPECT_TRUE(modulus11(good)) << good;
  for (const char* bad : {"9434765918", "9990000019", "999000001", "99900000I8", "", "1"}) EXPECT_FALSE(modulus11(bad)) << bad;
}

Check format(Form form, std::uint32_t least, std::uint32_t most) {
  Check check;
  check.kind = RuleKind::kFormat;
  check.form = form;
  check.least = least;
  check.most = most;
  return check;
}

TEST(Rules, Formats) {
  struct Case {
    Check check;
    const char* cell;
    bool fits;
  };
  const Case cases[] = {
      {format(Form::kDate, 0, 0), "2024-02-29", true},      {format(Form::kDate, 0, 0), "2023-02-29", false},
      {format(Form::kDate, 0, 0), "1900-02-29", false},     {format(Form::kDate, 0, 0), "2026-13-01", false},
      {format(Form::kDate, 0, 0), "2026-1-01", false},      {format(Form::kTime, 0, 0), "23:59:59", true},
      {format(Form::kTime, 0, 0), "24:00:00", false},       {format(Form::kTime, 0, 0), "10:00", false},
      {format(Form::kDateTime, 0, 0), "2026-01-01T10:00:00", true}, {format(Form::kDateTime, 0, 0), "2026-01-01 10:00:00", false},
      {format(Form::kNumeric, 10, 10), "9434765919", true}, {format(Form::kNumeric, 10, 10), "943476591X", false},
      {format(Form::kNumeric, 1, 4), "12345", false},       {format(Form::kAlphanumeric, 2, 2), "01", true},
      {format(Form::kAlphanumeric, 2, 2), "1", false},      {format(Form::kAlphanumeric, 1, 3), "äöü", true},
      {format(Form::kDecimal, 3, 3), "70.125", true},       {format(Form::kDecimal, 3, 3), "70.1255", false},
      {format(Form::kDecimal, 3, 3), "1070", false},        {format(Form::kDecimal, 1, 2), "1.75", true},
      {format(Form::kDecimal, 1, 2), "1.", false},          {format(Form::kDecimal, 1, 2), "-1", false},
  };
  for (const Case& c : cases) EXPECT_EQ(cellFits(c.check, c.cell), c.fits) << c.cell;
}

TEST(Rules, PatternsFitTheWholeCell) {
  const auto classes = Pattern::compile("[A-Z0-9]{3,5}");
  ASSERT_TRUE(classes);
  for (const char* good : {"RZZ", "99Z01"}) EXPECT_TRUE(classes->matches(good)) << good;
  for (const char* bad : {"RZ", "rzz", "99Z012", "R Z", ""}) EXPECT_FALSE(classes->matches(bad)) << bad;
  const auto postcode = Pattern::compile(R"([A-Za-z]{1,2}\d[A-Za-z\d]?\s+\d[A-Za-z]{2})");
  ASSERT_TRUE(postcode);
  for (const char* good : {"LS1 1AA", "EC1A 1BB", "m1  1ae"}) EXPECT_TRUE(postcode->matches(good)) << good;
  for (const char* bad : {"LS1 ABC", "LS11AA", "LS1 1AAX", " LS1 1AA"}) EXPECT_FALSE(postcode->matches(bad)) << bad;
  EXPECT_FALSE(Pattern::compile("(["));
}

TEST(Rules, DayNumbers) {
  EXPECT_EQ(dayNumber("1970-01-01"), 0);
  EXPECT_EQ(dayNumber("2000-03-01"), 11017);
  EXPECT_EQ(dayNumber("2026-11-23T10:00:00"), 20780);
  EXPECT_EQ(dayNumber("2026-02-30"), std::nullopt);
  EXPECT_EQ(dayNumber("2026"), std::nullopt);
}

TEST(CivilClock, MinutesBetween) {
  EXPECT_EQ(CivilClock::minutesBetween("2026-10-05T10:00:00+01:00", "2026-10-05T10:30:00+01:00"), 30);
  EXPECT_EQ(CivilClock::minutesBetween("2026-10-05T10:00:00+01:00", "2026-10-05T09:45:00Z"), 45);
  EXPECT_EQ(CivilClock::minutesBetween("2026-10-05T10:00:00", "2026-10-05T10:00:29"), 0);
  EXPECT_EQ(CivilClock::minutesBetween("2026-10-05T10:30:00Z", "2026-10-05T10:00:00Z"), std::nullopt);
  EXPECT_EQ(CivilClock::minutesBetween("2026-10-05", "2026-10-06"), std::nullopt);
  EXPECT_EQ(CivilClock::minutesBetween("2026-10-05T10:30:00Z", "2026-10-05T10:40:00"), std::nullopt);
}

TEST(Cells, ComeBackAsTheyWere) {
  const std::vector<std::string_view> cells = {"", "a", std::string_view("x\0|,\n", 5), "ä"};
  const std::string bytes = encodeCells(cells);
  const auto back = decodeCells(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(std::vector<std::string_view>(back->begin(), back->end()), cells);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(decodeCells(std::string_view(bytes).substr(0, cut))) << cut;
}

TEST(Lineage, ComesBackAsItWas) {
  const std::vector<CellLineage> cells = {{0, 1, {{7, 120, false}, {9, 4'000'000'000U, true}}}, {3, 200, {}}, {65000, 2, {{7, 0, false}}}};
  const std::string bytes = encodeLineage(cells);
  const auto back = decodeLineage(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, cells);
  EXPECT_TRUE(decodeLineage("")->empty());
  EXPECT_FALSE(decodeLineage("\xff\xff\xff"));
}

}  // namespace
}  // namespace tributary::collection::test
