#include "base/decimal.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

Decimal d(std::string_view text) {
  return Decimal::parse(text).value();
}
std::string plus(std::string_view a, std::string_view b) {
  return d(a).plus(d(b))->toString();
}
std::string over(std::string_view a, std::string_view b) {
  return d(a).dividedBy(d(b))->toString();
}

TEST(Decimal, ReadsAndWrites) {
  for (const char* text :
       {"0", "1", "-1", "1.10", "-0.05", "0.000000000000000000001", "99999999999999999999999999999999999999",
        "-1234567890123456789.0123456789012345678"}) {
    EXPECT_EQ(d(text).toString(), text);
  }
  EXPECT_EQ(d("1.5e3").toString(), "1500");
  EXPECT_EQ(d("1.50E-3").toString(), "0.00150");
  EXPECT_EQ(d("+7").toString(), "7");
  EXPECT_EQ(d("-0.0").toString(), "0.0");
  for (const char* text : {"", "-", ".5", "5.", "1e", "1e+", "1.2.3", "0x1", " 1", "1 ", "1e999", "1e50",
                           "NaN", "--1", "999999999999999999999999999999999999999"}) {
    EXPECT_FALSE(Decimal::parse(text)) << text;
  }
}

TEST(Decimal, Computes) {
  EXPECT_EQ(plus("0.1", "0.2"), "0.3");
  EXPECT_EQ(plus("1.10", "-0.1"), "1.00");
  EXPECT_EQ(d("1.1").times(d("1.10"))->toString(), "1.210");
  EXPECT_EQ(over("1", "3"), "0.33333333333333333333");
  EXPECT_EQ(over("2", "3"), "0.66666666666666666667");
  EXPECT_EQ(over("-2", "3"), "-0.66666666666666666667");
  EXPECT_EQ(over("1", "8"), "0.125");
  EXPECT_EQ(over("1.2", "0.0004"), "3000");
  EXPECT_EQ(over("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"), "1");
  EXPECT_FALSE(d("1").dividedBy(d("0.00")));
  EXPECT_FALSE(d("99999999999999999999999999999999999999").plus(d("1")));
  EXPECT_FALSE(d("99999999999999999999999999999999999999").times(d("10")));
  EXPECT_EQ(d("5.5").modulo(d("-2"))->toString(), "1.5");
  EXPECT_EQ(d("-5.5").modulo(d("2"))->toString(), "-1.5");
  EXPECT_EQ(d("7.9").integerDividedBy(d("2"))->toString(), "3");
}

TEST(Decimal, Rounds) {
  EXPECT_EQ(d("2.5").rounded(0).toString(), "3");
  EXPECT_EQ(d("-2.5").rounded(0).toString(), "-3");
  EXPECT_EQ(d("1.005").rounded(2).toString(), "1.01");
  EXPECT_EQ(d("-1.1").floored(0).toString(), "-2");
  EXPECT_EQ(d("-1.1").ceiled(0).toString(), "-1");
  EXPECT_EQ(d("-1.9").truncated(0).toString(), "-1");
  EXPECT_EQ(d("1.5").rounded(4).toString(), "1.5");
  EXPECT_EQ(d("1.5").rescaled(3)->toString(), "1.500");
  EXPECT_FALSE(d("1.55").rescaled(1));
  EXPECT_EQ(d("1.500").normalised().toString(), "1.5");
  EXPECT_EQ(d("100").normalised().toString(), "100");
}

TEST(Decimal, Orders) {
  EXPECT_EQ(d("1.10"), d("1.1"));
  EXPECT_LT(d("-1.2"), d("-1.19"));
  EXPECT_LT(d("99999999999999999999999999999999999998.0").truncated(0),
            d("99999999999999999999999999999999999999"));
  EXPECT_GT(d("99999999999999999999999999999999999999"), d("0.00000000000000000000000000000000000001"));
  EXPECT_LT(d("-99999999999999999999999999999999999999"), d("0.00000000000000000000000000000000000001"));
  EXPECT_TRUE(d("1.00").integral());
  EXPECT_FALSE(d("1.01").integral());
  EXPECT_EQ(d("12.00").toInteger(), 12);
  EXPECT_FALSE(d("9223372036854775808").toInteger());
  EXPECT_EQ(Decimal::fromDouble(0.1)->toString(), "0.1");
  EXPECT_DOUBLE_EQ(d("-12.5").toDouble(), -12.5);
}

}  // namespace
}  // namespace tributary
