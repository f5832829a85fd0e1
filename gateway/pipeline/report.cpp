// The status of the gateway as JSON and as Prometheus text.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "base/civil_time.h"
#include "pipeline/gateway.h"
#include "pipeline/issue_codec.h"

namespace tributary::pipeline {
namespace {

class Json {
 public:
  Json& begin(char bracket) { return separate(), text_ += bracket, fresh_ = true, *this; }
  Json& end(char bracket) { return text_ += bracket, fresh_ = false, *this; }
  Json& key(std::string_view name) { return separate(), appendJsonString(text_, name), text_ += ':', fresh_ = true, *this; }
  Json& value(std::string_view text) { return separate(), appendJsonString(text_, text), *this; }
  Json& value(std::uint64_t number) { return separate(), text_ += std::to_string(number), *this; }
  Json& flag(bool on) { return separate(), text_ += on ? "true" : "false", *this; }
  template <class T>
  Json& field(std::string_view name, const T& v) { return key(name), value(v), *this; }
  Json& field(std::string_view name, bool v) = delete;
  Json& fieldFlag(std::string_view name, bool v) { return key(name), flag(v), *this; }
  Json& fieldTime(std::string_view name, const std::optional<Instant>& at) { return at ? field(name, formatInstant(*at)) : *this; }
  std::string take() { return std::move(text_); }

 private:
  void separate() {
    if (!fresh_) text_ += ',';
    fresh_ = false;
  }
  std::string text_;
  bool fresh_ = true;
};

void sourceJson(Json& json, const ingest::SourceStatus& s) {
  json.begin('{').field("name", s.name).field("kind", s.kind).field("doing", s.doing);
  json.fieldFlag("healthy", s.healthy).field("lastError", s.last_error).fieldFlag("caughtUp", s.caught_up);
  json.fieldTime("lastProgress", s.last_progress).fieldTime("nextAttempt", s.next_attempt);
  json.field("received", s.counts.received()).field("stored", s.counts.stored).field("duplicates", s.counts.duplicates);
  json.field("stale", s.counts.stale).field("rejected", s.counts.rejected + s.counts.rejected_again).end('}');
}

void periodsJson(Json& json, const PeriodStatus& p) {
  const auto list = [&](const char* name, const std::vector<std::string>& texts) {
    json.key(name).begin('[');
    for (const std::string& text : texts) json.value(text);
    json.end(']');
  };
  json.field("mode", p.mode).field("period", p.period).field("next", p.next).field("pendingRows", p.pending).field("heldRows", p.held);
  list("windows", p.windows);
  list("alarms", p.alarms);
  json.key("held").begin('[');
  for (const HeldRows& one : p.held_rows) json.begin('{').field("month", one.month).field("rows", one.rows).field("reason", one.reason).end('}');
  json.end(']');
}

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily out;
  out.name = name;
  out.help = help;
  out.type = type;
  return out;
}

void add(prometheus::MetricFamily& to, double value, std::initializer_list<std::pair<const char*, std::string>> labels = {}) {
  prometheus::ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  if (to.type == prometheus::MetricType::Counter) metric.counter.value = value;
  else metric.gauge.value = value;
  to.metric.push_back(std::move(metric));
}

}  // namespace

std::string statusJson(const GatewayStatus& s) {
  Json json;
  json.begin('{').field("collection", s.collection).field("title", s.collection_title).field("generation", s.generation);
  json.field("started", formatInstant(s.started)).fieldFlag("drained", s.drained);
  json.key("sources").begin('[');
  for (const auto& source : s.sources) sourceJson(json, source);
  json.end(']').key("subscriptions").begin('[');
  for (const auto& one : s.subscriptions) {
    json.begin('{').field("type", one.type).field("id", one.id).field("state", one.state).field("notifications", one.notifications);
    json.fieldFlag("proven", one.last_notification.has_value()).fieldTime("lastNotification", one.last_notification);
    json.field("lastError", one.last_error).end('}');
  }
  json.end(']').key("destinations").begin('[');
  for (const auto& lane : s.lanes) {
    json.begin('{').field("name", lane.name).field("kind", lane.kind).field("doing", lane.doing).fieldFlag("healthy", lane.healthy);
    json.field("lastError", lane.last_error).fieldTime("nextAttempt", lane.next_attempt).field("submissions", lane.submissions);
    json.field("accepted", lane.rows_accepted).field("rejected", lane.rows_rejected).fieldFlag("idle", lane.idle);
    periodsJson(json, lane.periods);
    json.end('}');
  }
  json.end(']').key("store").begin('{').field("received", s.store.received).field("duplicates", s.store.duplicates);
  json.field("rejected", s.store.rejected).field("dirtySubjects", s.store.dirty_subjects).field("pendingRows", s.store.pending_rows);
  json.field("fileBytes", s.store.file_bytes).field("walBytes", s.store.wal_bytes).field("commits", s.store.commits).end('}');
  json.key("projection").begin('{').field("subjects", s.subjects).field("resources", s.resources).field("rows", s.rows);
  json.field("changedRows", s.changed_rows).field("quarantined", s.quarantined).field("failures", s.failures);
  json.field("loadNanoseconds", s.load_ns).field("parseNanoseconds", s.parse_ns).field("projectNanoseconds", s.project_ns);
  json.field("commitNanoseconds", s.commit_ns).end('}').end('}');
  return json.take();
}

std::string reconciliationJson(const store::Reconciliation& r) {
  Json json;
  json.begin('{').key("sources").begin('{');
  for (const auto& [name, c] : r.sources) {
    json.key(name).begin('{').field("received", c.received).field("duplicates", c.duplicates).field("rejected", c.rejected);
    json.field("rejectedAgain", c.rejected_again).field("journalled", c.journalled).field("stale", c.stale);
    json.field("superseded", c.superseded).field("current", c.current).field("waiting", c.waiting).field("delivered", c.delivered);
    json.field("filtered", c.filtered).field("quarantined", c.quarantined).field("deleted", c.deleted).end('}');
  }
  json.end('}').key("destinations").begin('{');
  for (const auto& [name, c] : r.destinations) {
    json.key(name).begin('{').field("rows", c.rows);
    for (const auto& [state, count] : c.by_state) json.field(store::rowStateName(state), count);
    json.end('}');
  }
  json.end('}');
  const auto map = [&](const char* name, const std::map<std::string, std::uint64_t>& counts) {
    json.key(name).begin('{');
    for (const auto& [key, count] : counts) json.field(key, count);
    json.end('}');
  };
  map("rowsByTable", r.rows_by_table);
  map("quarantinedByRule", r.quarantined_by_rule);
  map("filteredByRule", r.filtered_by_rule);
  map("resourcesQuarantinedByRule", r.resources_quarantined_by_rule);
  map("rejectedByRule", r.rejected_by_rule);
  json.key("ruleTexts").begin('{');
  for (const auto& [rule, text] : r.rule_texts) json.field(rule, text);
  json.end('}');
  json.field("rows", r.rows).field("quarantinedRows", r.quarantined_rows).field("withdrawnRows", r.withdrawn_rows);
  json.field("dirtySubjects", r.dirty_subjects).field("unaccounted", r.unaccounted).key("differences").begin('[');
  for (const std::string& difference : r.differences) json.value(difference);
  return json.end(']').end('}').take();
}

std::string refusedJson(std::span<const store::RejectRecord> rejects) {
  Json json;
  json.begin('{').key("refused").begin('[');
  for (const store::RejectRecord& r : rejects) {
    json.begin('{').field("id", r.id).field("source", r.source).field("where", r.where).field("line", r.line).field("rule", r.rule);
    json.field("text", r.text).field("first", formatInstant(r.first_at)).field("last", formatInstant(r.last_at)).field("times", r.times);
    json.field("bytes", r.raw_bytes).end('}');
  }
  return json.end(']').end('}').take();
}

std::string metricsText(const GatewayStatus& s) {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> out;
  auto received = family("tributary_received_total", "Resource versions received, by source and what became of them", MetricType::Counter);
  auto healthy = family("tributary_source_healthy", "1 when the last attempt at the source succeeded", MetricType::Gauge);
  auto progress = family("tributary_source_last_progress_seconds", "Unix time of the last progress of the source", MetricType::Gauge);
  for (const auto& source : s.sources) {
    add(received, double(source.counts.stored), {{"source", source.name}, {"outcome", "stored"}});
    add(received, double(source.counts.duplicates), {{"source", source.name}, {"outcome", "duplicate"}});
    add(received, double(source.counts.stale), {{"source", source.name}, {"outcome", "stale"}});
    add(received, double(source.counts.rejected + source.counts.rejected_again), {{"source", source.name}, {"outcome", "rejected"}});
    add(healthy, source.healthy ? 1 : 0, {{"source", source.name}});
    if (source.last_progress) add(progress, double(source.last_progress->time_since_epoch().count()) / 1000, {{"source", source.name}});
  }
  auto lane_healthy = family("tributary_destination_healthy", "1 when the last attempt at the destination succeeded", MetricType::Gauge);
  auto outcomes = family("tributary_rows_outcome_total", "Row outcomes received since the start", MetricType::Counter);
  auto submissions = family("tributary_submissions_total", "Submissions opened since the start", MetricType::Counter);
  auto held = family("tributary_rows_held", "Pending rows that will not be sent by themselves: their window has closed", MetricType::Gauge);
  auto alarms = family("tributary_period_alarms", "Months or windows that a person must see to", MetricType::Gauge);
  for (const auto& lane : s.lanes) {
    if (lane.periods.mode != "continuous") add(held, double(lane.periods.held), {{"destination", lane.name}});
    add(alarms, double(lane.periods.alarms.size()), {{"destination", lane.name}});
    add(lane_healthy, lane.healthy ? 1 : 0, {{"destination", lane.name}});
    add(outcomes, double(lane.rows_accepted), {{"destination", lane.name}, {"outcome", "accepted"}});
    add(outcomes, double(lane.rows_rejected), {{"destination", lane.name}, {"outcome", "rejected"}});
    add(submissions, double(lane.submissions), {{"destination", lane.name}});
  }
  auto projected = family("tributary_projected_total", "What the workers have projected since the start", MetricType::Counter);
  add(projected, double(s.subjects), {{"what", "subjects"}});
  add(projected, double(s.resources), {{"what", "resources"}});
  add(projected, double(s.rows), {{"what", "rows"}});
  add(projected, double(s.quarantined), {{"what", "quarantined rows"}});
  add(projected, double(s.failures), {{"what", "failures"}});
  auto stage = family("tributary_stage_seconds_total", "Time spent in a stage over all workers", MetricType::Counter);
  add(stage, double(s.load_ns) / 1e9, {{"stage", "load"}});
  add(stage, double(s.parse_ns) / 1e9, {{"stage", "parse"}});
  add(stage, double(s.project_ns) / 1e9, {{"stage", "project"}});
  add(stage, double(s.commit_ns) / 1e9, {{"stage", "commit"}});
  auto dirty = family("tributary_dirty_subjects", "Subjects that wait for projection", MetricType::Gauge);
  add(dirty, double(s.store.dirty_subjects));
  auto pending = family("tributary_pending_rows", "Rows that wait for a submission", MetricType::Gauge);
  add(pending, double(s.store.pending_rows));
  auto bytes = family("tributary_store_bytes", "Size of the store on disk", MetricType::Gauge);
  add(bytes, double(s.store.file_bytes), {{"part", "file"}});
  add(bytes, double(s.store.wal_bytes), {{"part", "log"}});
  for (auto* one : {&received, &healthy, &progress, &lane_healthy, &held, &alarms, &outcomes, &submissions, &projected, &stage, &dirty, &pending, &bytes}) {
    out.push_back(std::move(*one));
  }
  return prometheus::TextSerializer().Serialize(out);
}

}  // namespace tributary::pipeline
