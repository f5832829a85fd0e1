#include "tests/store/conformance.h"

#include <stdlib.h>

namespace tributary::store {

void StoreTest::SetUp() {
  std::string pattern = (std::filesystem::temp_directory_path() / "store-test-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
  open();
}

void StoreTest::TearDown() {
  store_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void StoreTest::open() {
  auto opened = GetParam().open(directory_, clock_);
  ASSERT_TRUE(opened.has_value()) << opened.error().text;
  store_ = std::move(*opened);
  const std::vector<Destination> destinations{{kDestination, kCollection}};
  ASSERT_OK(store_->setDestinations(destinations));
}

std::vector<AppendEntry> StoreTest::entriesOf(const std::vector<Given>& given) {
  std::vector<AppendEntry> entries;
  for (const Given& one : given) {
    AppendEntry& entry = entries.emplace_back();
    entry.operation = one.operation;
    entry.type = one.type;
    entry.id = one.id;
    entry.subject = one.subject;
    entry.body = one.body;
    entry.version_id = one.version;
    entry.last_updated = one.last_updated;
    entry.references = one.references;
    entry.outcome = one.outcome;
    entry.outcome_rule = one.rule;
    entry.shared = one.shared;
    entry.past = one.past;
  }
  return entries;
}

std::uint64_t StoreTest::placeAgain(const std::vector<Given>& given) {
  const auto moved = store().place({kSource, entriesOf(given), {}, {}});
  EXPECT_TRUE(moved.has_value()) << moved.error().text;
  return moved ? *moved : 0;
}

AppendResult StoreTest::append(const std::vector<Given>& given, const std::string& source) {
  const std::vector<AppendEntry> entries = entriesOf(given);
  AppendBatch batch;
  batch.source = source;
  batch.entries = entries;
  auto result = store().append(batch);
  EXPECT_TRUE(result.has_value()) << result.error().text;
  return result ? *result : AppendResult{};
}

std::vector<std::string> StoreTest::bodiesOf(const SubjectLease& lease) {
  std::vector<std::string> bodies;
  const auto loaded = store().loadSubject(lease, 1 << 30, [&](const StoredResource& resource) {
    bodies.emplace_back(resource.body);
    return true;
  });
  EXPECT_TRUE(loaded.has_value());
  return bodies;
}

std::vector<ResourceOutcomeEntry> StoreTest::deliveredAll(const SubjectLease& lease) {
  std::vector<ResourceOutcomeEntry> outcomes;
  const auto loaded = store().loadSubject(lease, 1 << 30, [&](const StoredResource& resource) {
    const std::lock_guard lock(texts_mutex_);
    ResourceOutcomeEntry& outcome = outcomes.emplace_back();
    outcome.type = texts_.emplace_back(resource.type);
    outcome.id = texts_.emplace_back(resource.id);
    outcome.seq = resource.seq;
    return true;
  });
  EXPECT_TRUE(loaded.has_value());
  return outcomes;
}

SubjectLease StoreTest::takeOne() {
  auto taken = store().takeDirty(1, Duration{60'000});
  EXPECT_TRUE(taken.has_value() && taken->size() == 1);
  return taken && !taken->empty() ? taken->front() : SubjectLease{};
}

std::vector<SubjectLease> StoreTest::takeAll() {
  auto taken = store().takeDirty(1000, Duration{60'000});
  EXPECT_TRUE(taken.has_value());
  return taken ? std::move(*taken) : std::vector<SubjectLease>{};
}

ProjectionResult StoreTest::commit(const SubjectLease& lease, const std::vector<GivenRow>& rows,
                                   const std::vector<GivenQuarantine>& quarantined,
                                   const std::optional<std::vector<ResourceOutcomeEntry>>& outcomes,
                                   const CommitOptions& options) {
  const std::vector<std::string> collections{kCollection};
  const auto projected = [](const GivenRow& given) {
    ProjectedRow row;
    row.collection = kCollection;
    row.table = given.table;
    row.key = given.key;
    row.cells = given.cells;
    row.period = given.period;
    row.lineage = given.lineage;
    return row;
  };
  std::vector<ProjectedRow> good;
  for (const GivenRow& row : rows) good.push_back(projected(row));
  std::vector<QuarantinedRow> bad;
  for (const GivenQuarantine& row : quarantined) bad.push_back({projected(row.row), row.rule, "because", {}, row.key_held});
  const std::vector<ResourceOutcomeEntry> said = outcomes ? *outcomes : deliveredAll(lease);
  const Projection projection{lease, collections, good, bad, said, options.used, options.refuse_conflicts};
  auto results = store().commitProjections(std::span(&projection, 1));
  EXPECT_TRUE(results.has_value()) << results.error().text;
  return results ? results->front() : ProjectionResult{};
}

void StoreTest::drain(const Rows& rows) {
  for (;;) {
    const auto leases = store().takeDirty(16, Duration{60'000});
    ASSERT_TRUE(leases.has_value());
    if (leases->empty()) return;
    for (const SubjectLease& lease : *leases)
      commit(lease, rows(lease, bodiesOf(lease)), {}, deliveredAll(lease));
  }
}

void StoreTest::drain() {
  for (;;) {
    const auto leases = store().takeDirty(16, Duration{60'000});
    ASSERT_TRUE(leases.has_value());
    if (leases->empty()) return;
    for (const SubjectLease& lease : *leases) {
      std::vector<GivenRow> rows;
      ASSERT_OK(store().loadSubject(lease, 1 << 30, [&](const StoredResource& resource) {
        rows.push_back(
            {std::string(resource.type), std::string(resource.id), std::string(resource.body), "", ""});
        return true;
      }));
      commit(lease, rows, {}, deliveredAll(lease));
    }
  }
}

std::optional<Submission> StoreTest::openSubmission(const std::string& destination, SubmissionScope scope) {
  SubmissionRequest request;
  request.destination = destination;
  request.collection = kCollection;
  request.window = "2026-11-23";
  request.format = "ndjson";
  request.scope = scope;
  auto submission = store().openSubmission(request);
  EXPECT_TRUE(submission.has_value()) << submission.error().text;
  return submission ? *submission : std::nullopt;
}

std::vector<std::string> StoreTest::members(std::uint64_t submission) {
  std::vector<std::string> result;
  const auto read = store().readSubmission(submission, 0, [&](const SubmissionRow& row) {
    result.push_back(std::to_string(row.number) + " " + std::string(row.table) + "/" + std::string(row.key) +
                     " v" + std::to_string(row.version) + (row.deleted ? " deleted" : "") +
                     (row.context ? " context" : "") + " " + std::string(row.cells));
    return true;
  });
  EXPECT_TRUE(read.has_value()) << read.error().text;
  return result;
}

void StoreTest::mark(std::uint64_t submission, SubmissionState state) {
  SubmissionUpdate update;
  update.state = state;
  ASSERT_OK(store().markSubmission(submission, update));
}

RowState StoreTest::stateOf(const std::string& table, const std::string& key,
                            const std::string& destination) {
  const auto row = store().row(kCollection, table, key);
  EXPECT_TRUE(row.has_value() && row->has_value()) << table << "/" << key;
  if (!row || !*row) return RowState::kFailed;
  for (const RowDelivery& delivery : (*row)->deliveries) {
    if (delivery.destination == destination) return delivery.state;
  }
  ADD_FAILURE() << "no delivery of " << key << " to " << destination;
  return RowState::kFailed;
}

Reconciliation StoreTest::reconciled() {
  auto counts = store().reconcile();
  EXPECT_TRUE(counts.has_value()) << counts.error().text;
  if (!counts) return {};
  EXPECT_EQ(counts->unaccounted, 0U) << testing::PrintToString(counts->differences);
  return *counts;
}

ReceiptResult StoreTest::receive(const Receipt& receipt) {
  auto result = store().applyReceipts(std::span(&receipt, 1));
  EXPECT_TRUE(result.has_value()) << result.error().text;
  return result ? *result : ReceiptResult{};
}

}  // namespace tributary::store
