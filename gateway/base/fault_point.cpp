#include "base/fault_point.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>

// The linker gives these bounds to a section whose name is an identifier; weak, for a program without any
// point.
extern "C" {
extern const char* const __start_tributary_faults[] __attribute__((weak));
extern const char* const __stop_tributary_faults[] __attribute__((weak));
}

namespace tributary::fault {
namespace {

struct Armed {
  std::mutex mutex;
  std::string name;
  std::uint64_t remaining = 0;
};

Armed& state() {
  static Armed instance;
  return instance;
}

}  // namespace

std::atomic<bool> armed = [] {
  const char* text = std::getenv("TRIBUTARY_FAULT");
  return text != nullptr && *text != '\0' && arm(text);
}();

bool arm(std::string_view specification) {
  Armed& target = state();
  const std::lock_guard lock(target.mutex);
  target.name.clear();
  target.remaining = 1;
  armed.store(false, std::memory_order_relaxed);
  const std::size_t colon = specification.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view count = specification.substr(colon + 1);
    const auto parsed = std::from_chars(count.data(), count.data() + count.size(), target.remaining);
    if (parsed.ec != std::errc{} || parsed.ptr != count.data() + count.size() || target.remaining == 0)
      return false;
  }
  target.name = specification.substr(0, colon);
  armed.store(!target.name.empty(), std::memory_order_relaxed);
  return !target.name.empty() || specification.empty();
}

void hit(const char* name) {
  Armed& target = state();
  const std::lock_guard lock(target.mutex);
  if (target.name != name || target.remaining == 0) return;
  if (--target.remaining == 0) std::raise(SIGKILL);
}

std::vector<std::string_view> names() {
  std::vector<std::string_view> result;
  for (const char* const* point = __start_tributary_faults; point != __stop_tributary_faults; ++point) {
    result.emplace_back(*point);
  }
  std::ranges::sort(result);
  const auto repeated = std::ranges::unique(result);
  result.erase(repeated.begin(), repeated.end());
  return result;
}

}  // namespace tributary::fault
