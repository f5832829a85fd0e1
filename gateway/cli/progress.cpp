#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "cli/terminal.h"

namespace tributary::cli {
// At most a twentieth of the time goes into counting.
void Progress::count(Instant now) {
  if (now < next_count_) return;
  const auto begin = std::chrono::steady_clock::now();
  if (auto counted = gateway_.reconcile()) account_ = std::move(*counted);
  const auto cost = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin);
  next_count_ = now + std::max<Duration>(Duration{1000}, 20 * cost);
}

// Rows by table, side by side, and the most frequent reasons of quarantine; as much as the terminal holds.
void Progress::addAccount(std::vector<std::string>& lines, std::size_t width, std::size_t height) const {
  if (!account_) return;
  constexpr std::size_t kColumn = 41, kReasons = 5;
  std::vector<std::pair<std::string, std::uint64_t>> reasons(account_->quarantined_by_rule.begin(), account_->quarantined_by_rule.end());
  std::stable_sort(reasons.begin(), reasons.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (reasons.size() > kReasons) reasons.resize(kReasons);
  const std::size_t for_reasons = reasons.empty() ? 0 : reasons.size() + 1;
  const std::size_t across = std::max<std::size_t>(1, (width - 2) / kColumn);
  std::string line;
  std::size_t in_line = 0;
  for (const auto& [name, rows] : account_->rows_by_table) {
    if (in_line == 0 && lines.size() + for_reasons + 1 >= height) break;
    line += fmt::format("  {:<29} {:>9}", name.substr(name.rfind('/') + 1), grouped(rows));
    if (++in_line < across) continue;
    lines.push_back(std::move(line));
    line.clear();
    in_line = 0;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  if (reasons.empty() || lines.size() + 2 > height) return;
  lines.push_back(fmt::format("  in quarantine {} rows", grouped(account_->quarantined_rows)));
  for (const auto& [rule, rows] : reasons) {
    if (lines.size() + 1 >= height) return;
    const auto text = account_->rule_texts.find(rule);
    lines.push_back(fmt::format("  {:>11}  {}{}", grouped(rows), rule, text == account_->rule_texts.end() ? "" : ": " + text->second));
  }
}

void Progress::draw(bool last) {
  const pipeline::GatewayStatus s = gateway_.status();
  const Instant now = SystemClock().now();
  if (last_at_ != Instant{}) {
    const double seconds = std::max(0.001, static_cast<double>((now - last_at_).count()) / 1000.0);
    const double current = static_cast<double>(s.store.received - last_received_) / seconds;
    rate_ = rate_ == 0 ? current : rate_ * 0.7 + current * 0.3;
  }
  last_at_ = now;
  last_received_ = s.store.received;

  std::uint64_t accepted = 0, rejected = 0, submissions = 0;
  for (const auto& lane : s.lanes) {
    accepted += lane.rows_accepted;
    rejected += lane.rows_rejected;
    submissions += lane.submissions;
  }
  if (!terminal_) {
    if (!last && now - last_line_ < Duration{5000}) return;
    last_line_ = now;
    std::fprintf(stderr, "%s resources, %s subjects waiting, %s rows changed, %s waiting to go, %s accepted, %s rejected, %s/s\n",
                 grouped(s.store.received).c_str(), grouped(s.store.dirty_subjects).c_str(), grouped(s.changed_rows).c_str(),
                 grouped(s.store.pending_rows).c_str(), grouped(accepted).c_str(), grouped(rejected).c_str(),
                 grouped(static_cast<std::uint64_t>(rate_)).c_str());
    return;
  }
  count(now);
  const TerminalSize size = terminalSize();
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{}  ·  {}", s.collection_title.empty() ? s.collection : s.collection_title, s.collection));
  for (const auto& source : s.sources) {
    lines.push_back(fmt::format("  source      {:<12} {:>12} received  {:>9} known already  {}", source.name, grouped(source.counts.received()),
                                grouped(source.counts.duplicates), source.healthy ? source.doing : "! " + source.last_error));
  }
  lines.push_back(fmt::format("  projection  {:<12} {:>12} rows      {:>9} quarantined    {} subjects waiting", "",
                              grouped(account_ ? account_->rows : s.changed_rows), grouped(account_ ? account_->quarantined_rows : s.quarantined),
                              grouped(s.store.dirty_subjects)));
  for (const auto& lane : s.lanes) {
    lines.push_back(fmt::format("  destination {:<12} {:>12} accepted  {:>9} rejected       {}", lane.name, grouped(lane.rows_accepted),
                                grouped(lane.rows_rejected), lane.healthy ? lane.doing : "! " + lane.last_error));
  }
  lines.push_back(fmt::format("  {} resources a second, {} submissions, store {} MB", grouped(static_cast<std::uint64_t>(rate_)),
                              grouped(submissions), s.store.file_bytes / 1'000'000));
  addAccount(lines, size.columns, size.rows);
  if (lines_ > 0) std::fprintf(stderr, "\x1b[%dA", lines_);
  for (const std::string& line : lines) std::fprintf(stderr, "\x1b[2K%s\n", cut(line, size.columns - 1).c_str());
  std::fputs("\x1b[J", stderr);  // what was longer the last time
  lines_ = static_cast<int>(lines.size());
}

std::uint64_t printAccount(const store::Reconciliation& counts, const std::string& closing_name, std::uint64_t kept) {
  std::uint64_t resources = 0, accepted = 0, rejected = 0, open = 0;
  std::printf("\nResources, by source\n  %-14s %11s %11s %11s %11s %11s %11s %9s\n", "", "received", "duplicate", "delivered", "filtered",
              "quarantined", "deleted", "rejected");
  for (const auto& [name, c] : counts.sources) {
    resources += c.journalled;
    std::printf("  %-14s %11s %11s %11s %11s %11s %11s %9s\n", name.c_str(), grouped(c.received).c_str(), grouped(c.duplicates).c_str(),
                grouped(c.delivered).c_str(), grouped(c.filtered).c_str(), grouped(c.quarantined).c_str(), grouped(c.deleted).c_str(),
                grouped(c.rejected).c_str());
  }
  std::printf("\nRows, by table\n");
  for (const auto& [name, rows] : counts.rows_by_table) std::printf("  %-44s %11s\n", name.c_str(), grouped(rows).c_str());
  const auto reasons = [&counts](const char* title, const std::map<std::string, std::uint64_t>& by_rule) {
    if (by_rule.empty()) return;
    std::printf("\n%s\n", title);
    std::vector<std::pair<std::string, std::uint64_t>> sorted(by_rule.begin(), by_rule.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (const auto& [rule, rows] : sorted) {
      const auto text = counts.rule_texts.find(rule);
      std::printf("  %11s  %s%s%s\n", grouped(rows).c_str(), rule.c_str(), text == counts.rule_texts.end() ? "" : ": ",
                  text == counts.rule_texts.end() ? "" : text->second.c_str());
    }
  };
  reasons("Rows in quarantine, by rule", counts.quarantined_by_rule);
  reasons("Resources in quarantine, by rule", counts.resources_quarantined_by_rule);
  reasons("Resources filtered, by rule", counts.filtered_by_rule);
  reasons("Refused at intake, by rule", counts.rejected_by_rule);
  std::printf("\nAt the destinations\n");
  for (const auto& [name, c] : counts.destinations) {
    std::printf("  %-14s", name.c_str());
    for (const auto& [state, rows] : c.by_state) {
      if (rows == 0) continue;
      std::printf("  %s %s", grouped(rows).c_str(), std::string(store::rowStateName(state)).c_str());
      if (state == store::RowState::kWithdrawn) continue;  // a delete that has arrived: not a row any more
      if (state == store::RowState::kAccepted) accepted += rows;
      else if (state == store::RowState::kRejected) rejected += rows;
      else open += rows;
    }
    std::printf("\n");
  }
  for (const std::string& difference : counts.differences) std::printf("  ! %s\n", difference.c_str());
  if (kept > 0) std::printf("  %s rows wait for their day or month, or are held back: see tributary status\n", grouped(kept).c_str());
  const std::uint64_t unaccounted = counts.unaccounted + open - std::min(open, kept);
  std::printf("\n%s: %llu resources, %llu rows, %llu accepted, %llu rejected, %llu quarantined, %llu unaccounted\n", closing_name.c_str(),
              static_cast<unsigned long long>(resources), static_cast<unsigned long long>(counts.rows),
              static_cast<unsigned long long>(accepted), static_cast<unsigned long long>(rejected),
              static_cast<unsigned long long>(counts.quarantined_rows), static_cast<unsigned long long>(unaccounted));
  return unaccounted;
}

void printTimings(const pipeline::GatewayStatus& status, double seconds) {
  const std::pair<const char*, std::uint64_t> stages[] = {
      {"intake (parse, place, journal)", status.intake_ns}, {"load subjects", status.load_ns}, {"parse", status.parse_ns},
      {"project and check", status.project_ns},             {"commit rows", status.commit_ns}, {"write files", status.assemble_ns}};
  double total = 0;
  for (const auto& [name, ns] : stages) total += static_cast<double>(ns);
  std::printf("\nStages, over all threads\n");
  for (const auto& [name, ns] : stages) {
    std::printf("  %-32s %8.2f s %5.1f %%\n", name, static_cast<double>(ns) / 1e9, total > 0 ? 100 * static_cast<double>(ns) / total : 0.0);
  }
  std::printf("  drained after %.3f s\n", seconds);
}

}  // namespace tributary::cli
