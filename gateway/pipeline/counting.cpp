#include "pipeline/counting.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "pipeline/issue_codec.h"

namespace tributary::pipeline {
namespace {

constexpr Duration kPause{60'000};       // between two counts while rows change
constexpr Duration kPatience{600'000};   // for subjects that wait for projection
constexpr Duration kLease{300'000};
constexpr std::size_t kPage = 2'000;

TimeZone zoneOf(std::string_view name) {
  auto zone = TimeZone::find(name);
  if (!zone) throw std::runtime_error(zone.error().text);
  return *zone;
}

std::string civilText(const CivilTime& civil) {
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02u:%02u:%02u", static_cast<int>(civil.year), static_cast<unsigned>(civil.month),
                static_cast<unsigned>(civil.day), static_cast<unsigned>(civil.hour), static_cast<unsigned>(civil.minute),
                static_cast<unsigned>(civil.second));
  return text;
}

}  // namespace

Counting::Counting(store::Store& store, std::shared_ptr<const collection::Collection> collection,
                   const std::atomic<std::uint64_t>& projected, const Clock& clock, Log& log)
    : store_(store),
      collection_(std::move(collection)),
      tables_(collection::aggregateTables(*collection_)),
      projected_(projected),
      clock_(clock),
      log_(log),
      zone_(zoneOf(collection_->timeZone())) {}

std::vector<Counting::Due> Counting::open() const {
  std::vector<Due> out;
  const std::string civil = civilText(zone_.toCivil(clock_.now()));
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (auto occasion = collection::openOccasion(*collection_, i, civil)) out.push_back({i, std::move(*occasion)});
  }
  return out;
}

namespace {

std::string namesOf(const auto& due) {
  std::string out;
  for (const auto& one : due) out += std::to_string(one.aggregate) + "@" + one.occasion.day + " ";
  return out;
}

}  // namespace

bool Counting::idle() const {
  if (tables_.empty()) return true;
  const auto due = open();
  const std::lock_guard lock(mutex_);
  return due.empty() || (counted_once_ && counted_ == namesOf(due) && counted_at_ == projected_.load());
}

void Counting::run(std::stop_token stop) {
  while (!tables_.empty() && !stop.stop_requested()) {
    if (auto counted = runOnce(); !counted) log_.error("counting-fault", counted.error().text);
    if (!sleeper_.wait(stop, hurry_ ? Duration{20} : Duration{1000})) return;
  }
}

Result<bool> Counting::runOnce() {
  if (idle()) return false;
  const Instant now = clock_.now();
  if (changed_since_ == Instant{}) changed_since_ = now;
  if (!hurry_ && counted_once_ && now - last_ < kPause) return false;
  // Read before the rows: what is projected while they are read makes it due again.
  const std::uint64_t projected = projected_.load();
  TRY_ASSIGN(const store::StoreStatus status, store_.status());
  const bool settled = status.dirty_subjects == 0 && status.leased_subjects == 0;
  if (!settled && (hurry_ || now - changed_since_ < kPatience)) return false;
  const auto due = open();
  for (const Due& one : due) TRY_VOID(count(one));
  const std::lock_guard lock(mutex_);
  counted_ = namesOf(due);
  counted_at_ = projected;
  counted_once_ = true;
  last_ = now;
  changed_since_ = {};
  return true;
}

Result<void> Counting::count(const Due& due) {
  collection::Aggregation aggregation(collection_, due.aggregate, due.occasion);
  for (const std::uint16_t table : tables_[due.aggregate].reads) TRY_VOID(feed(table, aggregation));
  return commit(due, aggregation.finish());
}

Result<void> Counting::feed(std::uint16_t table, collection::Aggregation& aggregation) {
  const std::string id(collection_->id()), name = collection_->tables()[table].name;
  Result<void> read;
  const auto add = [&](std::string_view bytes, bool good) {
    auto cells = collection::decodeCells(bytes);
    if (!cells) {
      read = std::unexpected(cells.error());
      return false;
    }
    aggregation.add(table, *cells, good);
    return true;
  };
  for (std::uint64_t after = 0;;) {
    const std::uint64_t before = after;
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t last,
               store_.readRows({id, name, {}, {}, {}, {}}, after, kPage, [&](const store::LedgerRow& row) {
                 after = row.id;
                 // A held row is read below, as its newest version is.
                 return row.deleted || row.held || add(row.cells, true);
               }));
    TRY_VOID(read);
    if (after == before) break;
  }
  for (std::uint64_t after = 0;;) {
    const std::uint64_t before = after;
    TRY_ASSIGN([[maybe_unused]] const std::uint64_t last,
               store_.readQuarantine({id, name, {}, {}, {}}, after, kPage, [&](const store::QuarantineRecord& row) {
                 after = row.id;
                 return add(row.cells, false);
               }));
    TRY_VOID(read);
    if (after == before) break;
  }
  return {};
}

Result<void> Counting::commit(const Due& due, const collection::AggregateResult& result) {
  const collection::Table& table = collection_->tables()[tables_[due.aggregate].table];
  const std::string subject = std::string(store::kCountedSubject) + table.name + "/" + due.occasion.day;
  const std::vector<std::string> collections = {std::string(collection_->id())};
  std::vector<std::string> issues;
  issues.reserve(result.rows.size());
  std::vector<store::ProjectedRow> rows;
  std::vector<store::QuarantinedRow> quarantined;
  for (const collection::AggregateRow& row : result.rows) {
    std::vector<collection::RowIssue> findings;
    for (const Issue& issue : row.issues) {
      collection::RowIssue& finding = findings.emplace_back();
      finding.grade = issue.severity == Severity::kWarning ? collection::Grade::kWarning : collection::Grade::kRejectRecord;
      finding.issue = issue;
    }
    issues.push_back(findings.empty() ? std::string() : encodeIssues(findings, *collection_));
    store::ProjectedRow out;
    out.collection = collection_->id();
    out.table = table.name;
    out.key = row.key;
    out.period = due.occasion.day;
    out.cells = row.encoded;
    out.issues = issues.back();
    if (row.good) {
      rows.push_back(out);
      continue;
    }
    const auto bad = std::find_if(row.issues.begin(), row.issues.end(), [](const Issue& i) { return i.severity != Severity::kWarning; });
    quarantined.push_back({out, bad->rule, bad->text, {}});
  }
  TRY_ASSIGN(const store::SubjectLease lease, store_.leaseCounted(subject, kLease));
  const store::Projection projection{lease, collections, rows, quarantined, {}};
  const auto committed = store_.commitProjections(std::span(&projection, 1));
  if (!committed) {
    (void)store_.releaseSubject(lease, clock_.now(), committed.error().text);
    return std::unexpected(committed.error());
  }
  const store::ProjectionResult& done = committed->front();
  if (done.inserted + done.changed + done.withdrawn + done.removed + done.quarantined == 0) return {};
  log_.info("counted", "an aggregate was counted",
            {{"table", table.name}, {"at", due.occasion.at}, {"rows", std::to_string(rows.size())}, {"new", std::to_string(done.inserted)},
             {"changed", std::to_string(done.changed)}, {"quarantined", std::to_string(quarantined.size())}});
  for (const Issue& note : result.notes) log_.warning(note.rule, note.text + ". " + note.remedy, {{"table", table.name}, {"at", due.occasion.at}});
  return {};
}

}  // namespace tributary::pipeline
