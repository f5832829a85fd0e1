#include "deliver/internal/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace tributary::deliver {
namespace {

using Steady = std::chrono::steady_clock;

std::vector<std::string> smallEnvironment() {
  std::vector<std::string> out;
  for (const char* name : {"PATH", "HOME", "TMPDIR", "LANG", "JAVA_HOME"}) {
    if (const char* value = std::getenv(name); value != nullptr) out.push_back(std::string(name) + "=" + value);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Result<pid_t> spawn(std::vector<std::string> command, int output) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  // Its own group, so that what it starts can be ended with it; signals as a program expects them, not as we hold them.
  sigset_t none, ours;
  sigemptyset(&none);
  sigemptyset(&ours);
  sigaddset(&ours, SIGPIPE);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &ours);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> environment = smallEnvironment();
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, command.front().c_str(), &files, &attributes, pointers(command).data(),
                                   pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return child;
  const bool missing = error == ENOENT || error == EACCES || error == ENOTDIR;
  return fail(missing ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              "cannot run " + command.front() + ": " + std::strerror(error), missing ? RetryClass::kPermanent : RetryClass::kRetryable);
}

// Until the pipe is closed at the other end; false when the time is over.
bool readUntil(int pipe, Steady::time_point deadline, std::size_t most, std::string& out) {
  std::array<char, 4096> buffer;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now()).count();
    if (left <= 0) return false;
    pollfd wanted{pipe, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready <= 0) continue;
    const ssize_t got = ::read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > 2 * most) out.erase(0, out.size() - most);
  }
}

}  // namespace

Result<ChildOutcome> runChild(const std::vector<std::string>& command, Duration limit, std::size_t output_bytes) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail(ErrorCode::kUnavailable, std::string("cannot make a pipe: ") + std::strerror(errno), RetryClass::kRetryable);
  }
  const auto child = spawn(command, ends[1]);
  ::close(ends[1]);
  if (!child) {
    ::close(ends[0]);
    return std::unexpected(child.error());
  }
  ChildOutcome out;
  const auto deadline = Steady::now() + limit;
  bool in_time = readUntil(ends[0], deadline, output_bytes, out.output);
  ::close(ends[0]);
  // A child that closed its output is about to end, but need not be.
  int status = 0;
  while (in_time && ::waitpid(*child, &status, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    in_time = Steady::now() < deadline;
  }
  ::kill(-*child, SIGKILL);  // what it left behind, or all of it
  while (!in_time && ::waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return fail(ErrorCode::kTimeout, command.front() + " did not end within " + std::to_string(limit.count() / 1000) + " seconds",
                RetryClass::kRetryable);
  }
  out.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (out.output.size() > output_bytes) out.output.erase(0, out.output.size() - output_bytes);
  return out;
}

}  // namespace tributary::deliver
