#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

// The conformance suite of store engines: every promise of store/store.h, for any engine. An engine takes
// part by one line in engines.cpp.
namespace tributary::store {

struct EngineUnderTest {
  std::string name;
  // Opens, or makes, the store that lives in `directory`.
  std::function<Result<std::unique_ptr<Store>>(const std::filesystem::path& directory, const Clock& clock)>
      open;
};

std::vector<EngineUnderTest> enginesUnderTest();

inline void PrintTo(const EngineUnderTest& engine, std::ostream* out) {
  *out << engine.name;
}

#define ASSERT_OK(expression)                                                 \
  do {                                                                        \
    const auto& asserted_result = (expression);                               \
    ASSERT_TRUE(asserted_result.has_value()) << asserted_result.error().text; \
  } while (false)

// What a test says of a resource; owns what AppendEntry only views.
struct Given {
  std::string type, id, subject, body, version, last_updated;
  std::vector<ResourceKey> references;
  Operation operation = Operation::kUpsert;
  ResourceOutcome outcome = ResourceOutcome::kJournalled;
  std::string rule = {};
  bool shared = false;
  bool past = false;
};

// One row as a test says it: table, key, cells.
struct GivenRow {
  std::string table, key, cells, period, lineage;
};

struct GivenQuarantine {
  GivenRow row;
  std::string rule;
  bool key_held = false;
};

class StoreTest : public testing::TestWithParam<EngineUnderTest> {
 protected:
  static constexpr const char* kSource = "epr";
  static constexpr const char* kCollection = "community";
  static constexpr const char* kDestination = "folder";

  void SetUp() override;
  void TearDown() override;

  void open();
  void reopen() {
    store_.reset();
    open();
  }
  Store& store() { return *store_; }

  AppendResult append(const std::vector<Given>& given, const std::string& source = kSource);
  // Store::place; how many moved.
  std::uint64_t placeAgain(const std::vector<Given>& given);
  // As a worker does it: takes all dirty subjects, gives each to `rows` and commits. Outcome kDelivered for
  // all.
  using Rows =
      std::function<std::vector<GivenRow>(const SubjectLease& lease, const std::vector<std::string>& bodies)>;
  void drain(const Rows& rows);
  // One row a resource: table = type, key = id, cells = body.
  void drain();
  SubjectLease takeOne();
  std::vector<SubjectLease> takeAll();
  // Without `outcomes`, every resource is kDelivered.
  struct CommitOptions {
    std::vector<ResourceVersion> used = {};
    bool refuse_conflicts = false;
  };
  ProjectionResult commit(const SubjectLease& lease, const std::vector<GivenRow>& rows,
                          const std::vector<GivenQuarantine>& quarantined = {},
                          const std::optional<std::vector<ResourceOutcomeEntry>>& outcomes = std::nullopt,
                          const CommitOptions& options = {{}, false});
  std::vector<std::string> bodiesOf(const SubjectLease& lease);
  std::vector<ResourceOutcomeEntry> deliveredAll(const SubjectLease& lease);

  std::optional<Submission> openSubmission(const std::string& destination = kDestination,
                                           SubmissionScope scope = SubmissionScope::kChanges);
  // "number table/key vVERSION [deleted] [context] cells" of each member.
  std::vector<std::string> members(std::uint64_t submission);
  void mark(std::uint64_t submission, SubmissionState state);
  RowState stateOf(const std::string& table, const std::string& key,
                   const std::string& destination = kDestination);
  Reconciliation reconciled();  // and nothing unaccounted
  ReceiptResult receive(const Receipt& receipt);

  std::filesystem::path directory_;
  FakeClock clock_{Instant{Duration{1'800'000'000'000}}};
  std::unique_ptr<Store> store_;

 private:
  static std::vector<AppendEntry> entriesOf(const std::vector<Given>& given);
  // Keeps what outcomes view alive; workers of a test share it.
  std::mutex texts_mutex_;
  std::deque<std::string> texts_;
};

}  // namespace tributary::store
