#include "base/machine_code.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(MachineCode, OnlyShortCodesGetThrough) {
  for (const char* code : {"02", "EPL-151", "InvalidHeaderChunks", "417/12", "not-found", "CSDS20190", "application/json"}) {
    EXPECT_EQ(machineCode(code), code);
  }
  for (const char* text : {"", "9990000042", "999-000-0042", "Ann Example", "<html>", "born 1950-01-01", "a\nb", "Zo\xc3\xab",
                           "AVeryLongWordThatNobodyWouldTakeForACode"}) {
    EXPECT_EQ(machineCode(text), "") << text;
  }
}

TEST(MachineCode, IdsAreShownOrHashed) {
  for (const char* id : {"20260302060001_A1B2C3", "0192f3c4-7a5b-7def-8123-456789abcdef", "0192ab.receipt.json"}) EXPECT_EQ(shownId(id), id);
  for (const char* id : {"", "9990000042", "9990000042.receipt.json", "ack-9990000042", "Ann Example.receipt.json"}) {
    EXPECT_EQ(shownId(id).size(), 9U) << id;
    EXPECT_EQ(shownId(id)[0], '#') << id;
  }
}

}  // namespace
}  // namespace tributary
