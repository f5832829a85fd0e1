#include "cli/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/terminal.h"

namespace tributary::cli {
namespace {

std::int64_t nowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool canRedraw() {
  const char* const kind = std::getenv("TERM");
  return stderrIsTerminal() && (kind == nullptr || std::string_view(kind) != "dumb");
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 100) return fmt::format("{} s", whole);
  if (whole < 6000) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

ProgressLine::ProgressLine(bool wanted)
    : shown_(wanted && canRedraw()), start_ns_(nowNs()), drawn_ns_(start_ns_), asked_ns_(start_ns_) {}

void ProgressLine::tick(const ResourceInput& input, std::uint64_t resources, std::uint64_t problems) {
  constexpr std::int64_t kEvery = 250'000'000, kSoon = 1'000'000;
  if (!shown_ || ++calls_ < every_) return;
  calls_ = 0;
  const std::int64_t now = nowNs();
  every_ = now - asked_ns_ < kSoon ? std::min(256U, every_ * 2) : std::max(1U, every_ / 2);
  asked_ns_ = now;
  if (now - drawn_ns_ < kEvery) return;
  drawn_ns_ = now;
  draw(input, resources, problems);
}

void ProgressLine::draw(const ResourceInput& input, std::uint64_t resources, std::uint64_t problems) {
  const double seconds = std::max(0.001, static_cast<double>(drawn_ns_ - start_ns_) / 1e9);
  const double total = static_cast<double>(input.totalBytes()), read = static_cast<double>(input.bytes());
  const double part = total > 0 ? std::min(1.0, read / total) : 0;
  std::string line;
  if (total > 0) line += fmt::format("{:3.0f} %  ", part * 100);
  line += grouped(static_cast<std::uint64_t>(read / 1e6));
  if (total > 0) line += " of " + grouped(static_cast<std::uint64_t>(total / 1e6));
  line += " MB, " + grouped(resources) + " resources";
  if (problems > 0) line += ", " + grouped(problems) + " with problems";
  line += ", " + grouped(static_cast<std::uint64_t>(static_cast<double>(resources) / seconds)) + " a second";
  if (part > 0.02) line += ", " + duration(seconds / part * (1 - part)) + " left";
  std::fprintf(stderr, "\r\x1b[K%s", cut(line, terminalSize().columns - 1).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressLine::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace tributary::cli
