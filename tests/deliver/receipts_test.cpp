#include "deliver/receipts.h"

#include <gtest/gtest.h>

namespace tributary::deliver {
namespace {

constexpr const char* kBusAck =
    R"({ "type": "BusAck", "system": "sim", "version": 1, "generatedDate": "2026-03-02T06:00:09.000Z",
  "provider": "RY1", "filename": "s1.zip", "submissionId": "s1", "messageHeaderId": "M1", "unknown": {"x": [1]},
  "summary": { "totalRecords": 10, "succeeded": 8, "failed": 2, "ingestionTime": {"start": "a", "end": "b"} },
  "failures": [
    {"table": "T2", "rowNumber": 7, "outcome": "rejected", "responseCode": "R1", "severity": "error", "diagnostics": "no", "field": "T2.A"},
    {"table": "T2", "rowNumber": 7, "responseCode": "R2"},
    {"table": "T1", "rowNumber": 7, "action": "delete", "responseDisplay": "why"},
    {"table": "T1", "rowKey": "k", "outcome": "warning", "responseCode": "W1"} ] })";

TEST(Receipts, ReadsRows) {
  const auto receipt = parseReceipt(kBusAck);
  ASSERT_TRUE(receipt) << receipt.error().text;
  EXPECT_EQ(receipt->layer, Receipt::Layer::kRows);
  EXPECT_EQ(receipt->submission_id, "s1");
  EXPECT_EQ(receipt->transport_id, "M1");
  EXPECT_EQ(receipt->total, 10U);
  EXPECT_EQ(receipt->failed, 2U);
  ASSERT_EQ(receipt->rows.size(), 4U);
  EXPECT_EQ(receipt->rows[0].row_number, 7U);
  EXPECT_EQ(receipt->rows[0].code, "R1");
  EXPECT_EQ(receipt->rows[0].field, "T2.A");
  EXPECT_TRUE(receipt->rows[1].rejected);
  EXPECT_TRUE(receipt->rows[2].is_delete);
  EXPECT_EQ(receipt->rows[2].text, "why");
  EXPECT_FALSE(receipt->rows[3].rejected);
  EXPECT_EQ(receipt->rows[3].row_key, "k");
}

TEST(Receipts, ReadsFileOutcomes) {
  const auto good =
      parseReceipt(R"({"type":"InfAck","submissionId":"s","outcome":"accepted","responseCode":"20013"})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->layer, Receipt::Layer::kFileAccepted);
  EXPECT_EQ(good->code, "20013");
  const auto bad = parseReceipt(
      R"({"type":"InfAck","messageHeaderId":"M","outcome":"rejected","responseCode":"10001",)"
      R"("diagnostics":[{"code":"no-header","severity":"fatal","text":"no manifest"},{"code":"w","severity":"warning"}]})");
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->layer, Receipt::Layer::kFileRejected);
  ASSERT_EQ(bad->diagnostics.size(), 2U);
  EXPECT_EQ(bad->diagnostics[0].rule, "no-header");
  EXPECT_EQ(bad->diagnostics[0].severity, Severity::kFatal);
  EXPECT_EQ(bad->diagnostics[1].severity, Severity::kWarning);
}

// Written and read again it says the same.
TEST(Receipts, RoundTrip) {
  for (
      const char* text :
      {kBusAck, R"({"type":"InfAck","submissionId":"a\"b","outcome":"accepted"})",
       R"({"type":"InfAck","submissionId":"s","outcome":"rejected","diagnostics":[{"code":"c","text":"t"}]})"}) {
    const auto first = parseReceipt(text);
    ASSERT_TRUE(first);
    const std::string written = writeReceipt(*first);
    const auto second = parseReceipt(written);
    ASSERT_TRUE(second) << written;
    EXPECT_EQ(writeReceipt(*second), written);
    EXPECT_EQ(second->rows.size(), first->rows.size());
    EXPECT_EQ(second->layer, first->layer);
    EXPECT_EQ(second->submission_id, first->submission_id);
  }
  EXPECT_EQ(writeReceipt(Receipt{}), "");
}

TEST(Receipts, RefusesWhatCannotSettleAnything) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "json-syntax"},
      {"<html>", "json-syntax"},
      {"[]", "json-not-an-object"},
      {R"({"type":"InfAck","outcome":"accepted"})", "receipt-reference"},
      {R"({"submissionId":"s","outcome":"accepted"})", "receipt-type"},
      {R"({"type":"InfAck","submissionId":"s"})", "receipt-outcome"},
      {R"({"type":"InfAck","submissionId":"s","outcome":"maybe"})", "receipt-outcome"},
      {R"({"type":"InfAck","version":2,"submissionId":"s","outcome":"accepted"})", "receipt-version"},
      {R"({"type":"BusAck","submissionId":"s"})", "receipt-summary"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":1,"succeeded":1}})",
       "receipt-summary"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":-1,"succeeded":0,"failed":0}})",
       "receipt-summary"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":3,"succeeded":1,"failed":1}})",
       "receipt-summary"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":1,"succeeded":2,"failed":0}})",
       "receipt-summary"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":3,"succeeded":2,"failed":1}})",
       "receipt-summary"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":3,"succeeded":2,"failed":1},"failures":[{"table":"T"}]})",
       "receipt-row"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":3,"succeeded":2,"failed":1},)"
       R"("failures":[{"table":"T","rowNumber":1},{"table":"T","rowNumber":2}]})",
       "receipt-summary"},
      {R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":3,"succeeded":2,"failed":1},)"
       R"("failures":[{"table":"T","rowNumber":1,"outcome":"perhaps"}]})",
       "receipt-outcome"},
  };
  for (const auto& [text, rule] : cases) {
    const auto receipt = parseReceipt(text);
    ASSERT_FALSE(receipt) << text;
    EXPECT_EQ(receipt.error().rule, rule) << text;
  }
  EXPECT_EQ(parseReceipt(kBusAck, {.rows = 3}).error().rule, "receipt-size");
  EXPECT_EQ(parseReceipt(kBusAck, {.bytes = 100}).error().rule, "json-size");
}

TEST(Receipts, FindsRowsInTheOrderOfTheLedger) {
  auto receipt = parseReceipt(
      R"({"type":"BusAck","submissionId":"s","summary":{"totalRecords":6,"succeeded":2,"failed":4},"failures":[
      {"table":"A","rowNumber":2},{"table":"A","rowNumber":1,"action":"delete"},{"table":"B","rowNumber":1},
      {"table":"A","rowNumber":9}]})");
  ASSERT_TRUE(receipt);
  const std::vector<SubmittedRow> rows = {{"A", true},  {"A", false}, {"A", true},
                                          {"A", false}, {"A", false}, {"B", false}};
  std::size_t at = 0;
  ASSERT_TRUE(locateRows(*receipt, [&](SubmittedRow& row) -> Result<bool> {
    if (at == rows.size()) return false;
    row = rows[at++];
    return true;
  }));
  EXPECT_EQ(receipt->rows[0].position, 4U);
  EXPECT_EQ(receipt->rows[1].position, 1U);
  EXPECT_EQ(receipt->rows[2].position, 1U);
  EXPECT_EQ(receipt->rows[3].position, 0U) << "no such row";
}

}  // namespace
}  // namespace tributary::deliver
