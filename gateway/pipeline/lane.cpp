#include "pipeline/lane.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/fault_point.h"
#include "deliver/assembly.h"
#include "pipeline/forms.h"

namespace tributary::pipeline {
namespace {

using store::Submission;
using store::SubmissionState;
using store::SubmissionUpdate;

constexpr Duration kMinute{60'000};

const char* kindName(DestinationKind kind) { return kind == DestinationKind::kMesh ? "mesh" : "folder"; }

// The id under which a submission travels: its number, so that an answer finds it, and its idempotency key.
std::string travelId(const Submission& submission) { return std::to_string(submission.id) + "-" + submission.idempotency_key; }

std::optional<std::uint64_t> submissionNumber(std::string_view travel_id) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(travel_id.data(), travel_id.data() + travel_id.size(), number);
  if (error != std::errc{} || end == travel_id.data() || end == travel_id.data() + travel_id.size() || *end != '-') return std::nullopt;
  return number;
}

const std::vector<SubmissionState> kUnderWay = {SubmissionState::kAssembling, SubmissionState::kReady, SubmissionState::kSending};
const std::vector<SubmissionState> kAwaiting = {SubmissionState::kSent, SubmissionState::kTransportAccepted, SubmissionState::kFileAccepted};

int daysInMonth(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[(month - 1) % 12];
}

TimeZone zoneOf(std::string_view name) {
  auto zone = TimeZone::find(name);
  if (!zone) throw std::runtime_error(zone.error().text);
  return *zone;
}

}  // namespace

Lane::Lane(store::Store& store, std::shared_ptr<const collection::Collection> collection, DestinationConfig config,
           std::unique_ptr<deliver::Destination> destination, std::filesystem::path outbox, const Clock& clock, Log& log)
    : store_(store),
      collection_(std::move(collection)),
      config_(std::move(config)),
      destination_(std::move(destination)),
      outbox_(std::move(outbox)),
      clock_(clock),
      log_(log),
      zone_(zoneOf(collection_->timeZone())) {
  policy_.max_attempts = 0;
  policy_.max_age = std::chrono::hours(72);
  policy_.initial = std::chrono::milliseconds(500);
  policy_.max_delay = std::chrono::minutes(5);
  status_.name = config_.name;
  status_.kind = kindName(config_.kind);
}

LaneStatus Lane::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Lane::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto moved = step();
    Duration pause = std::min<Duration>(config_.linger, Duration{1000});
    {
      const std::lock_guard lock(mutex_);
      status_.healthy = moved.has_value() && status_.healthy;
      if (!moved) {
        status_.healthy = false;
        status_.last_error = moved.error().text;
        pause = std::chrono::seconds(2);
      }
    }
    if (!moved) log_.error("delivery-fault", moved.error().text, {{"destination", config_.name}});
    if (moved && *moved) continue;
    if (!sleeper_.wait(stop, std::max<Duration>(pause, Duration{10}))) return;
  }
}

// Asks once whether the destination knows us (MESH: the handshake), and again every minute until it does. What is wrong is
// shown; sending goes on all the same, since each submission finds out for itself.
void Lane::greet() {
  const Instant now = clock_.now();
  if (greeted_ || now < next_greeting_) return;
  next_greeting_ = now + kMinute;
  const auto answer = destination_->probe();
  greeted_ = answer && answer->ready;
  const std::string text = answer ? answer->text : answer.error().text;
  if (!greeted_) log_.warning("destination-probe", text, {{"destination", config_.name}});
  const std::lock_guard lock(mutex_);
  if (!greeted_ || refused_greeting_) {
    status_.healthy = greeted_;
    status_.last_error = greeted_ ? "" : text;
  }
  refused_greeting_ = !greeted_;
}

Result<bool> Lane::step() {
  greet();
  TRY_ASSIGN(const bool advanced, advance());
  TRY_ASSIGN(const bool opened, open());
  TRY_ASSIGN(const bool polled, poll());
  if (!advanced && !opened && !polled) {
    TRY_ASSIGN(const auto under_way, store_.submissions({config_.name, kUnderWay, {}, {}, 0, 1}));
    TRY_ASSIGN(const auto awaiting, store_.submissions({config_.name, kAwaiting, {}, {}, 0, 1}));
    TRY_ASSIGN(const store::StoreStatus state, store_.status());
    const std::lock_guard lock(mutex_);
    status_.idle = under_way.empty() && awaiting.empty() && state.pending_rows == 0;
    status_.doing = !under_way.empty() ? "waiting to send again" : !awaiting.empty() ? "waiting for answers" : "waiting for rows";
  }
  return advanced || opened || polled;
}

std::string Lane::civilDate(Instant instant) const {
  const CivilTime civil = zone_.toCivil(instant);
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", int(civil.year), int(civil.month), int(civil.day));
  return text;
}

// Whether a new submission should be opened now.
bool Lane::due() {
  const Instant now = clock_.now();
  if (config_.mode == DeliveryMode::kContinuous || hurry_) {
    const auto state = store_.status();
    if (!state || state->pending_rows == 0) {
      pending_since_.reset();
      return false;
    }
    if (!pending_since_) pending_since_ = now;
    return hurry_ || state->pending_rows >= config_.max_rows || now - *pending_since_ >= config_.linger;
  }
  const CivilTime civil = zone_.toCivil(now);
  const int at_hour = std::atoi(config_.at.c_str());
  const int at_minute = config_.at.size() >= 5 ? std::atoi(config_.at.c_str() + 3) : 0;
  if (civil.hour * 60 + civil.minute < at_hour * 60 + at_minute) return false;
  const auto done = store_.cursor("destination/" + config_.name, "daily");
  return done && (!*done || **done < civilDate(now));
}

Result<bool> Lane::open() {
  if (!due()) return false;
  store::SubmissionRequest request;
  request.destination = config_.name;
  request.collection = std::string(collection_->id());
  request.window = config_.mode == DeliveryMode::kDaily ? civilDate(clock_.now() - std::chrono::hours(24)) : civilDate(clock_.now());
  request.format = deliver::formName(config_.format);
  for (const collection::Table& table : collection_->tables()) request.tables.push_back(table.name);
  request.scope = store::SubmissionScope::kChanges;
  request.max_rows = config_.max_rows;
  FAULT_POINT("pipeline.lane.before_open");
  TRY_ASSIGN(auto opened, config_.mode == DeliveryMode::kDaily ? openByMonth(request) : store_.openSubmission(request));
  FAULT_POINT("pipeline.lane.after_open");
  pending_since_.reset();
  if (!opened) {
    if (config_.mode == DeliveryMode::kDaily) TRY_VOID(store_.setCursor("destination/" + config_.name, "daily", civilDate(clock_.now())));
    return false;
  }
  const std::lock_guard lock(mutex_);
  ++status_.submissions;
  status_.idle = false;
  return true;
}

// A file speaks of one reporting month. The day's own month first (with all that lasts), then, one file each, the months
// before it that late activity and corrections belong to; what is older than that goes in a last file, for the receiver to judge.
Result<std::optional<Submission>> Lane::openByMonth(store::SubmissionRequest request) {
  constexpr int kMonthsBack = 36;
  int year = std::atoi(request.window.c_str()), month = std::atoi(request.window.c_str() + 5);
  char text[40];
  for (int back = 0; back <= kMonthsBack; ++back) {
    std::snprintf(text, sizeof text, "%04d-%02d-01", year, month);
    request.period_from = text;
    if (back > 0) request.window = text;
    std::snprintf(text, sizeof text, "%04d-%02d-01", month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1);
    request.period_to = text;
    TRY_ASSIGN(auto opened, store_.openSubmission(request));
    if (opened) return opened;
    month = month == 1 ? 12 : month - 1;
    if (month == 12) --year;
  }
  request.period_from.clear();
  request.period_to.clear();
  return store_.openSubmission(request);
}

Result<bool> Lane::advance() {
  TRY_ASSIGN(const auto list, store_.submissions({config_.name, kUnderWay, {}, {}, 0, 16}));
  bool moved = false;
  for (Submission submission : list) {
    if (submission.state == SubmissionState::kAssembling) {
      if (auto written = assemble(submission); !written) {
        // The form cannot carry these rows, or the other side's template is not as it must be: the same would happen again.
        if (written.error().code != ErrorCode::kRejected) return std::unexpected(std::move(written).error());
        TRY_ASSIGN([[maybe_unused]] const bool settled,
                   settle(submission, {.verdict = deliver::SubmitVerdict::kRefused, .transport_id = {}, .reason = written.error().text}));
      }
      moved = true;
      continue;  // it is sent in the next round, in order
    }
    if (submission.next_attempt && *submission.next_attempt > clock_.now()) {
      const std::lock_guard lock(mutex_);
      status_.next_attempt = submission.next_attempt;
      return moved;  // those behind it wait as well: order
    }
    TRY_ASSIGN(const bool sent, send(submission));
    moved = moved || sent;
    if (!sent) return moved;
  }
  return moved;
}

collection::Window Lane::windowOf(const Submission& submission) const {
  const CivilTime civil = zone_.toCivil(submission.created_at);
  char created[32];
  std::snprintf(created, sizeof created, "%04d-%02d-%02dT%02d:%02d:%02d", int(civil.year), int(civil.month), int(civil.day),
                int(civil.hour), int(civil.minute), int(civil.second));
  // The header names the reporting period, a calendar month, that the submission's day lies in.
  const std::string month = submission.window.substr(0, 7);
  return {month + "-01", month + "-" + std::to_string(daysInMonth(std::atoi(month.c_str()), std::atoi(month.c_str() + 5))), created};
}

deliver::Submission Lane::describe(const Submission& submission) const {
  deliver::Submission out;
  out.id = travelId(submission);
  out.collection = submission.collection;
  out.window_from = out.window_to = submission.created_at;
  out.file = submission.file_path;
  out.content_type = deliver::contentType(deliver::findForm(submission.format).value_or(deliver::FileForm::kCsvZip));
  out.bytes = submission.file_bytes;
  out.sha256 = submission.file_hash;
  return out;
}

Result<void> Lane::assemble(const Submission& submission) {
  {
    const std::lock_guard lock(mutex_);
    status_.doing = "writing submission " + std::to_string(submission.id);
  }
  const auto begin = std::chrono::steady_clock::now();
  deliver::AssemblyOptions options;
  TRY_VOID(chooseForm(submission.format, config_, options));
  options.submission_id = travelId(submission);
  options.collection = submission.collection;
  options.window_from = options.window_to = submission.created_at;
  options.continuous = config_.mode == DeliveryMode::kContinuous;
  options.generated = submission.created_at;
  options.folder = outbox_;
  options.compression_level = 1;  // the national files are small and the wire is not the bottleneck
  std::vector<deliver::TableLayout> layouts;
  std::vector<std::vector<std::uint16_t>> sent;  // per table, the fields that are columns
  for (const collection::Table& table : collection_->tables()) {
    deliver::TableLayout layout{table.name, {}};
    std::vector<std::uint16_t> fields;
    for (std::uint16_t f = 0; f < table.fields.size(); ++f) {
      if (!table.fields[f].sent) continue;
      layout.columns.push_back(table.fields[f].name);
      fields.push_back(f);
    }
    layouts.push_back(std::move(layout));
    sent.push_back(std::move(fields));
  }
  TRY_ASSIGN(deliver::Assembler assembler, deliver::Assembler::create(options, layouts));
  std::vector<std::string_view> cells;
  for (const std::size_t t : deliver::tableOrder(options, layouts)) {
    const collection::Table& table = collection_->tables()[t];
    if (table.scope == collection::Scope::kHeader) {
      const collection::HeaderRow header = collection_->header(windowOf(submission));
      for (const Issue& issue : header.issues) {
        // Told once: a flow within the month it speaks of breaks the same rule in each file.
        if (!told_header_rules_.insert(issue.rule).second) continue;
        const bool expected = config_.mode == DeliveryMode::kContinuous;
        log_.write(expected ? std::string_view("info") : severityName(issue.severity), issue.rule, issue.text, {{"destination", config_.name}});
      }
      cells.clear();
      for (const std::uint16_t field : sent[t]) cells.emplace_back(header.cells[field]);
      TRY_ASSIGN([[maybe_unused]] const std::uint64_t number, assembler.add(t, cells));
      continue;
    }
    const auto part = std::find_if(submission.tables.begin(), submission.tables.end(),
                                   [&](const store::SubmissionTable& one) { return one.table == table.name; });
    if (part == submission.tables.end()) continue;
    // Deletes stand behind the other rows of their table.
    for (const bool deletes : {false, true}) {
      if ((deletes ? part->deletes : part->rows) == 0) continue;
      Result<void> added;
      const std::uint64_t last = part->first_number + part->rows + part->deletes;
      TRY_ASSIGN([[maybe_unused]] const std::uint64_t read,
                 store_.readSubmission(submission.id, part->first_number - 1, [&](const store::SubmissionRow& row) {
                   if (row.number >= last || row.table != table.name) return false;
                   if (row.deleted != deletes) return true;
                   auto decoded = collection::decodeCells(row.cells);
                   if (!decoded) {
                     added = std::unexpected(decoded.error());
                     return false;
                   }
                   cells.clear();
                   for (const std::uint16_t field : sent[t]) {
                     cells.push_back(field < decoded->size() ? std::string_view((*decoded)[field]) : std::string_view{});
                   }
                   if (auto number = assembler.add(t, cells, deletes); !number) {
                     added = std::unexpected(number.error());
                     return false;
                   }
                   return true;
                 }));
      TRY_VOID(added);
    }
  }
  FAULT_POINT("pipeline.lane.before_file");
  TRY_ASSIGN(const deliver::AssembledFile file, assembler.finish());
  for (const Issue& issue : file.issues) {
    log_.write(severityName(issue.severity), issue.rule, issue.path + ": " + issue.text, {{"destination", config_.name}, {"submission", std::to_string(submission.id)}});
  }
  FAULT_POINT("pipeline.lane.after_file");
  assemble_ns_ += static_cast<std::uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  SubmissionUpdate update;
  update.state = SubmissionState::kReady;
  update.file_path = file.submission.file.string();
  update.file_hash = file.submission.sha256;
  update.file_bytes = file.submission.bytes;
  TRY_ASSIGN([[maybe_unused]] const Submission ready, store_.markSubmission(submission.id, update));
  FAULT_POINT("pipeline.lane.after_ready");
  return {};
}

Result<bool> Lane::send(const Submission& submission) {
  {
    const std::lock_guard lock(mutex_);
    status_.doing = "sending submission " + std::to_string(submission.id);
    status_.next_attempt.reset();
  }
  if (submission.state == SubmissionState::kSending) {
    // It was on its way when the gateway stopped, or its outcome was unknown: ask first.
    const deliver::SubmitOutcome outcome = destination_->resolve(describe(submission), submission.transport_id);
    return settle(submission, outcome);
  }
  SubmissionUpdate update;
  update.state = SubmissionState::kSending;
  update.count_attempt = true;
  FAULT_POINT("pipeline.lane.before_sending");
  TRY_ASSIGN(const Submission sending, store_.markSubmission(submission.id, update));
  FAULT_POINT("pipeline.lane.before_submit");
  const deliver::SubmitOutcome outcome = destination_->submit(describe(sending), sending.transport_id);
  FAULT_POINT("pipeline.lane.after_submit");
  return settle(sending, outcome);
}

Result<bool> Lane::settle(const Submission& submission, const deliver::SubmitOutcome& outcome) {
  SubmissionUpdate update;
  if (!outcome.transport_id.empty()) update.transport_id = outcome.transport_id;
  switch (outcome.verdict) {
    case deliver::SubmitVerdict::kTransportAccepted: {
      update.state = SubmissionState::kTransportAccepted;
      update.reason = "";
      update.next_attempt = Instant{};
      TRY_ASSIGN(const Submission accepted, store_.markSubmission(submission.id, update));
      FAULT_POINT("pipeline.lane.after_accepted");
      {
        const std::lock_guard lock(mutex_);
        status_.healthy = true;
        status_.last_error.clear();
      }
      next_poll_ = Instant{};  // an answer may be there soon
      if (config_.kind == DestinationKind::kFolder && !config_.expect_receipts) TRY_VOID(acceptAtOnce(accepted));
      return true;
    }
    case deliver::SubmitVerdict::kRefused: {
      update.state = SubmissionState::kFailed;
      update.reason = outcome.code + (outcome.code.empty() ? "" : ": ") + outcome.reason;
      TRY_ASSIGN([[maybe_unused]] const Submission failed, store_.markSubmission(submission.id, update));
      log_.error("submission-refused", *update.reason, {{"destination", config_.name}, {"submission", std::to_string(submission.id)}});
      const std::lock_guard lock(mutex_);
      status_.healthy = false;
      status_.last_error = *update.reason;
      return true;
    }
    case deliver::SubmitVerdict::kRetryLater:
    case deliver::SubmitVerdict::kUnknown: break;
  }
  // Retry or unknown: when, and in which state (an unknown one stays "sending", so that it is asked after first).
  const bool unknown = outcome.verdict == deliver::SubmitVerdict::kUnknown;
  const auto delay = net::nextDelay(policy_, std::max<std::uint32_t>(submission.attempts, 1), submission.created_at, clock_.now(),
                                    outcome.retry_after, net::systemRandom());
  update.reason = outcome.code + (outcome.code.empty() ? "" : ": ") + outcome.reason;
  if (!delay) {
    update.state = SubmissionState::kFailed;
    *update.reason += " (given up after " + std::to_string(submission.attempts) + " attempts)";
  } else {
    update.state = unknown ? SubmissionState::kSending : SubmissionState::kReady;
    update.next_attempt = clock_.now() + *delay;
  }
  TRY_ASSIGN([[maybe_unused]] const Submission waiting, store_.markSubmission(submission.id, update));
  log_.warning(unknown ? "submission-outcome-unknown" : "submission-retry", *update.reason,
               {{"destination", config_.name}, {"submission", std::to_string(submission.id)}});
  const std::lock_guard lock(mutex_);
  status_.healthy = false;
  status_.last_error = *update.reason;
  status_.next_attempt = update.next_attempt;
  return !delay;
}

// A folder that gives no answers: a durable file is all that can be had, so its rows count as accepted.
Result<void> Lane::acceptAtOnce(const Submission& submission) {
  const std::string file_id = travelId(submission) + "/file", rows_id = travelId(submission) + "/rows";
  store::Receipt receipts[2];
  receipts[0] = {config_.name, file_id, submission.id, store::ReceiptKind::kFileAccepted, "the file is in the folder", {}, false, {}};
  receipts[1] = {config_.name, rows_id, submission.id, store::ReceiptKind::kRows, {}, {}, true, {}};
  TRY_ASSIGN([[maybe_unused]] const store::ReceiptResult result, store_.applyReceipts(receipts));
  return countOutcomes(submission.id);
}

// Rows that a final receipt does not name are accepted by it: the store's own count of the submission is what is true.
Result<void> Lane::countOutcomes(std::uint64_t id) {
  TRY_ASSIGN(const auto submission, store_.submission(id));
  if (!submission || submission->state != SubmissionState::kDone) return {};
  const std::lock_guard lock(mutex_);
  status_.rows_accepted += submission->accepted;
  status_.rows_rejected += submission->rejected;
  return {};
}

Result<bool> Lane::poll() {
  const Instant now = clock_.now();
  if (now < next_poll_) return false;
  TRY_ASSIGN(const auto awaiting, store_.submissions({config_.name, kAwaiting, {}, {}, 0, 1}));
  if (awaiting.empty()) return false;
  if (config_.kind == DestinationKind::kFolder && !config_.expect_receipts) {
    TRY_VOID(acceptAtOnce(awaiting.front()));  // left by a crash between the file and its receipts
    return true;
  }
  next_poll_ = now + destination_->pollInterval();
  auto report = destination_->poll([this](const deliver::Receipt& receipt) { return apply(receipt); });
  if (!report) {
    const std::lock_guard lock(mutex_);
    status_.healthy = false;
    status_.last_error = report.error().text;
    poll_failed_ = true;
    return false;
  }
  if (std::exchange(poll_failed_, false)) {
    const std::lock_guard lock(mutex_);
    status_.healthy = true;
    status_.last_error.clear();
  }
  if (report->more) next_poll_ = now;
  if (now - awaiting.front().since > config_.receipt_patience) {
    const std::lock_guard lock(mutex_);
    status_.healthy = false;
    status_.last_error = "submission " + std::to_string(awaiting.front().id) + " has had no answer since " + formatInstant(awaiting.front().since);
  }
  return report->receipts > 0;
}

// Numbers, within the table, of the rows that stand in the file as upserts (or as deletes), in the order of the file.
Result<std::vector<std::uint64_t>> Lane::deletesOf(std::uint64_t submission, const store::SubmissionTable& table, bool deletes) {
  std::vector<std::uint64_t> numbers;
  TRY_ASSIGN([[maybe_unused]] const std::uint64_t read,
             store_.readSubmission(submission, table.first_number - 1, [&](const store::SubmissionRow& row) {
               if (row.table != table.table) return false;
               if (row.deleted == deletes) numbers.push_back(row.number_in_table);
               return true;
             }));
  return numbers;
}

Result<void> Lane::apply(const deliver::Receipt& receipt) {
  std::optional<Submission> submission;
  if (const auto number = submissionNumber(receipt.submission_id)) {
    TRY_ASSIGN(submission, store_.submission(*number));
    if (submission && travelId(*submission) != receipt.submission_id) submission.reset();
  }
  if (!submission && !receipt.transport_id.empty()) {
    TRY_ASSIGN(const auto found, store_.submissions({config_.name, {}, receipt.transport_id, {}, 0, 1}));
    if (!found.empty()) submission = found.front();
  }
  store::Receipt out;
  out.destination = config_.name;
  out.receipt_id = receipt.receipt_id;
  out.submission = submission ? submission->id : 0;
  std::string reason = receipt.code + (receipt.code.empty() || receipt.text.empty() ? "" : ": ") + receipt.text;
  for (const Issue& issue : receipt.diagnostics) reason += (reason.empty() ? "" : "; ") + issue.text;
  out.reason = reason;
  std::vector<store::RowReceipt> rows;
  std::uint64_t unknown = 0;  // rows of the receipt that cannot be found in the submission
  using Layer = deliver::Receipt::Layer;
  switch (receipt.layer) {
    case Layer::kTransportRejected: out.kind = store::ReceiptKind::kTransportFailed; break;
    case Layer::kFileAccepted: out.kind = store::ReceiptKind::kFileAccepted; break;
    case Layer::kFileRejected: out.kind = store::ReceiptKind::kFileRejected; break;
    case Layer::kUnreadable:
      log_.error("receipt-unreadable", reason, {{"destination", config_.name}, {"receipt", receipt.receipt_id}});
      return {};
    case Layer::kRows: {
      out.kind = store::ReceiptKind::kRows;
      out.final = true;
      std::map<std::pair<std::string, bool>, std::vector<std::uint64_t>> order;  // of tables with deletes
      for (const deliver::RowOutcome& row : receipt.rows) {
        if (!row.rejected) continue;
        // A receiver may call a table by its code or by its name.
        const auto known = collection_->findTable(row.table);
        if (!known || !submission) {
          out.final = false;
          ++unknown;
          continue;
        }
        if (collection_->tables()[*known].scope == collection::Scope::kHeader) {
          log_.error("header-row-rejected", row.code + ": " + row.field, {{"destination", config_.name}, {"receipt", receipt.receipt_id}});
          continue;
        }
        store::RowReceipt one;
        one.table = collection_->tables()[*known].name;
        one.key = row.row_key;
        one.number_in_table = row.row_number;
        one.rule = row.code;
        one.reason = row.text;
        const store::SubmissionTable* table = nullptr;
        for (const store::SubmissionTable& t : submission->tables) table = t.table == one.table ? &t : table;
        // A row that is not in the file: then nothing may be taken for accepted on this receipt's word.
        if (table == nullptr || (row.row_number > 0 ? row.row_number > (row.is_delete ? table->deletes : table->rows) : row.row_key.empty())) {
          out.final = false;
          ++unknown;
          continue;
        }
        if (table->deletes > 0 && row.row_number > 0) {
          auto [at, fresh] = order.try_emplace({std::string(one.table), row.is_delete});
          if (fresh) {
            TRY_ASSIGN(at->second, deletesOf(submission->id, *table, row.is_delete));
          }
          one.number_in_table = row.row_number <= at->second.size() ? at->second[row.row_number - 1] : 0;
        }
        rows.push_back(one);
      }
      out.rows = rows;
    }
  }
  const bool has_text = receipt.layer != Layer::kTransportRejected;
  const std::string raw = has_text ? deliver::writeReceipt(receipt) : std::string();
  out.raw = raw;
  FAULT_POINT("pipeline.lane.before_receipt");
  TRY_ASSIGN(const store::ReceiptResult result, store_.applyReceipts({&out, 1}));
  FAULT_POINT("pipeline.lane.after_receipt");
  unknown += result.rows_unknown;
  if (unknown > 0 || !result.unknown_submissions.empty()) {
    log_.error("receipt-unknown-rows", "a receipt names rows or a submission that were not sent; what it does not name is not taken for accepted",
               {{"destination", config_.name}, {"receipt", receipt.receipt_id}, {"rows", std::to_string(unknown)}});
  }
  if (out.final && result.repeated == 0 && submission) TRY_VOID(countOutcomes(submission->id));
  const std::lock_guard lock(mutex_);
  if (receipt.layer == Layer::kFileRejected || receipt.layer == Layer::kTransportRejected) {
    status_.healthy = false;
    status_.last_error = reason;
  }
  return {};
}

}  // namespace tributary::pipeline
