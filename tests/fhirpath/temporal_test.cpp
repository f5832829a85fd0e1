#include "fhirpath/temporal.h"

#include <gtest/gtest.h>

#include <array>

namespace tributary::fhirpath {
namespace {

std::optional<int> order(std::string_view a, std::string_view b) {
  const auto result = Temporal::compare(*Temporal::parseDateTime(a), *Temporal::parseDateTime(b));
  if (!result) return std::nullopt;
  return *result < 0 ? -1 : *result > 0 ? 1 : 0;
}

TEST(Temporal, ReadsAndWrites) {
  std::array<char, Temporal::kMaxTextLength> buffer;
  for (const char* text : {"2014", "2014-02", "2014-02-28", "2014-02-28T14:30", "2014-02-28T14:30:15Z",
                           "2014-02-28T14:30:15.050+10:00", "2014-02-28T14:30:15-03:30"}) {
    EXPECT_EQ(Temporal::parseDateTime(text)->formatDateTime(buffer), text);
  }
  EXPECT_EQ(Temporal::parseTime("14:30:15.5")->formatTime(buffer), "14:30:15.5");
  for (const char* text : {"", "14", "2014-", "2014-13", "2014-02-29", "2014-02-28T24:00", "2014-02-28T14:60",
                           "2014T14:30", "2014-02-28T14:30:15+99:00", "2014-02-28T14:30:15x", "0000"}) {
    EXPECT_FALSE(Temporal::parseDateTime(text)) << text;
  }
  EXPECT_FALSE(Temporal::parseDate("2014-01-01T10:00"));
}

TEST(Temporal, ComparesWhatIsCertain) {
  EXPECT_EQ(order("2014", "2015-01"), -1);
  EXPECT_EQ(order("2014", "2014-01"), std::nullopt);
  EXPECT_EQ(order("2014-01-01T10:00:00Z", "2014-01-01T12:00:00+02:00"), 0);
  EXPECT_EQ(order("2014-01-01T10:00:00Z", "2014-01-01T10:00:00.000Z"), 0);
  EXPECT_EQ(order("2014-01-01T10:00:00Z", "2014-01-01T10:00:00"), std::nullopt);
  EXPECT_EQ(order("2014-01-01T10:00:00Z", "2014-01-03T10:00:00"), -1);
  EXPECT_EQ(order("2014-01-03", "2014-01-01T10:00:00Z"), 1);
  EXPECT_EQ(order("2014-01-01", "2014-01-01T10:00:00Z"), std::nullopt);
}

}  // namespace
}  // namespace tributary::fhirpath
