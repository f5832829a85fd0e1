#pragma once
#include <atomic>
#include <string_view>
#include <vector>

// Named places at which a crash test kills the process: TRIBUTARY_FAULT=name[:count] in the environment makes
// the count-th arrival (from 1) at FAULT_POINT("name") end the process with SIGKILL, as a power cut would.
// Not armed, a fault point costs one relaxed load. Names are "library.what.when". Not for use in inline
// functions or templates.
namespace tributary::fault {

extern std::atomic<bool> armed;

// Kills the process when `name` is the armed one and its count is reached.
void hit(const char* name);
// As the environment variable does; an empty text disarms. For tests that fork. False: malformed.
bool arm(std::string_view specification);
// All names linked into this program, sorted.
std::vector<std::string_view> names();

}  // namespace tributary::fault

// The name also goes into a section of its own, so that names() knows the points that were never reached.
#define FAULT_POINT(name)                                                                             \
  do {                                                                                                \
    [[gnu::section("tributary_faults"), gnu::used]] static const char* const fault_point_name = name; \
    if (::tributary::fault::armed.load(std::memory_order_relaxed)) [[unlikely]] {                     \
      ::tributary::fault::hit(fault_point_name);                                                      \
    }                                                                                                 \
  } while (false)
